//! Output of one channel's program on its way to the peer, and what the program has taken of the peer's input.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ssh::{Exit, Random, Server, Stream};
use tokio::io::AsyncWrite;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::seam::Outlet;
use crate::shell::session::Sink;

/// A program that is so far ahead of its peer waits.
const FULL: usize = 64 * 1024;

/// Between a program, which writes, and the connection, which is woken to send.
pub struct Pipe {
    state: Mutex<State>,
    wake: Arc<Notify>,
}

#[derive(Default)]
struct State {
    out: Buffer,
    err: Buffer,
    /// Bytes of input the program has done with since it was last asked.
    taken: usize,
    /// No more output will come; how the program ended.
    closing: Option<Option<Exit>>,
    /// Nobody sends what is written.
    broken: bool,
}

#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    writer: Option<Waker>,
}

/// Held by bytes a program has not done with.
pub struct Room {
    pipe: Arc<Pipe>,
    bytes: usize,
    /// Their room in the budget of all connections.
    _permit: Option<OwnedSemaphorePermit>,
}

struct Writer {
    pipe: Arc<Pipe>,
    stream: Stream,
}

// === impl Pipe ===

impl Pipe {
    pub fn new(wake: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            wake,
        })
    }

    pub fn room(self: &Arc<Self>, bytes: usize, permit: Option<OwnedSemaphorePermit>) -> Room {
        Room {
            pipe: self.clone(),
            bytes,
            _permit: permit,
        }
    }

    /// Moves what can be moved; whether the channel was left.
    pub fn pump<R: Random>(&self, channel: u32, server: &mut Server<R>) -> bool {
        let mut state = self.state();
        let taken = std::mem::take(&mut state.taken);
        if taken > 0 {
            server.consumed(channel, taken);
        }
        for stream in [Stream::Out, Stream::Err] {
            let buffer = state.buffer(stream);
            let sent = server.send(channel, stream, &buffer.bytes);
            if sent > 0 {
                buffer.bytes.drain(..sent);
                buffer.writer.take().into_iter().for_each(Waker::wake);
            }
        }
        if state.out.bytes.is_empty()
            && state.err.bytes.is_empty()
            && let Some(exit) = state.closing.take()
        {
            state.broken = true;
            server.finish(channel, exit);
        }
        state.broken
    }

    /// Writers are told that nobody reads.
    pub fn sever(&self) {
        let mut state = self.state();
        state.broken = true;
        for stream in [Stream::Out, Stream::Err] {
            let buffer = state.buffer(stream);
            buffer.bytes = Vec::new();
            buffer.writer.take().into_iter().for_each(Waker::wake);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn buffer(&mut self, stream: Stream) -> &mut Buffer {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.pipe.state().taken += self.bytes;
        self.pipe.wake.notify_one();
    }
}

impl Outlet for Arc<Pipe> {
    fn out(&self) -> Sink {
        let (pipe, stream) = (self.clone(), Stream::Out);
        Box::new(Writer { pipe, stream })
    }

    fn err(&self) -> Sink {
        let (pipe, stream) = (self.clone(), Stream::Err);
        Box::new(Writer { pipe, stream })
    }

    fn close(self: Box<Self>, exit: Option<Exit>) -> BoxFuture<'static, ()> {
        self.state().closing = Some(exit);
        self.wake.notify_one();
        futures_util::future::ready(()).boxed()
    }
}

impl AsyncWrite for Writer {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.pipe.state();
        if state.broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let buffer = state.buffer(self.stream);
        let room = FULL.saturating_sub(buffer.bytes.len());
        if room == 0 {
            buffer.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let written = room.min(bytes.len());
        buffer.bytes.extend_from_slice(&bytes[..written]);
        self.pipe.wake.notify_one();
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
