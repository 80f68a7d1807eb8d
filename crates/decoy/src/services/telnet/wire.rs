//! The way to the client: what is shown, escaped.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncWrite, AsyncWriteExt, WriteHalf};
use tokio::net::TcpStream;

use super::iac;
use crate::conn::Counted;

pub struct Shown {
    to: WriteHalf<Counted<TcpStream>>,
    pending: Vec<u8>,
}

// === impl Shown ===

impl Shown {
    pub fn new(to: WriteHalf<Counted<TcpStream>>) -> Self {
        Self {
            to,
            pending: Vec::new(),
        }
    }

    /// Sends commands, which are not escaped.
    pub async fn command(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.flush().await?;
        self.to.write_all(bytes).await
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            let written = ready!(Pin::new(&mut self.to).poll_write(cx, &self.pending))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.pending.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Shown {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_drain(cx))?;
        iac::escape(bytes, &mut self.pending);
        // The rest goes with the next write or flush.
        match self.poll_drain(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.to).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.to).poll_shutdown(cx)
    }
}
