//! One accepted connection: its bytes, counted, and its place in every report made about it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use model::detail::FileCaptured;
use model::event::Fields;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::report::{Place, Reporter};

pub struct Conn {
    pub stream: Counted<TcpStream>,
    /// The port it came in on is one where TLS starts at once.
    pub tls: bool,
    pub log: Log,
}

/// What reports about one connection are made with; they cannot lack its addresses (decoys.md R2).
#[derive(Clone)]
pub struct Log {
    reporter: Reporter,
    place: Place,
}

/// A stream that counts what passes.
pub struct Counted<S> {
    inner: S,
    counts: Arc<Counts>,
}

#[derive(Default)]
pub struct Counts {
    pub read: AtomicU64,
    pub written: AtomicU64,
}

// === impl Log ===

impl Log {
    pub fn new(reporter: Reporter, place: Place) -> Self {
        Self { reporter, place }
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    /// 16 hex digits of this connection.
    pub fn session(&self) -> &str {
        self.place.session.as_ref().map_or("", |id| &id.0)
    }

    pub fn report<D: model::Detail>(&self, detail: D) {
        self.reporter.report(&self.place, detail);
    }

    pub fn report_as(&self, kind: &'static str, fields: Fields) {
        self.reporter.report_as(&self.place, kind, fields);
    }

    /// Keeps a file the peer brought: its bytes as a blob, then the event that names it. Returns the SHA-256.
    pub fn capture(&self, bytes: &[u8], path: &str, way: &'static str, user: Option<&str>) -> String {
        let sha256 = self.reporter.blob(bytes);
        self.report(FileCaptured {
            sha256: sha256.clone(),
            size: bytes.len() as u64,
            path: path.to_owned(),
            way: way.into(),
            user: user.map(str::to_owned),
        });
        sha256
    }
}

// === impl Counted ===

impl<S> Counted<S> {
    pub fn new(inner: S, counts: Arc<Counts>) -> Self {
        Self { inner, counts }
    }

    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.counts
            .read
            .fetch_add((buf.filled().len() - before) as u64, Ordering::Relaxed);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if let Poll::Ready(Ok(n)) = polled {
            self.counts.written.fetch_add(n as u64, Ordering::Relaxed);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
