//! A stream some of which was already read.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Gives out what was read before, then what follows.
pub(in crate::services) struct Prefixed<S> {
    before: Vec<u8>,
    given: usize,
    inner: S,
}

// === impl Prefixed ===

impl<S> Prefixed<S> {
    pub(in crate::services) fn new(before: Vec<u8>, inner: S) -> Self {
        Self {
            before,
            given: 0,
            inner,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        if self.given == self.before.len() {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let some = buf.remaining().min(self.before.len() - self.given);
        buf.put_slice(&self.before[self.given..self.given + some]);
        self.given += some;
        if self.given == self.before.len() {
            (self.before, self.given) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
