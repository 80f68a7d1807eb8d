//! The client's stream as a transport is given it: identification lines already exchanged, broken packets answered
//! as OpenSSH answers them, the client's proposal noted in passing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::plain::{self, Blanker, Found};

/// Read from the socket at a time while packets are plain, as OpenSSH reads.
const CHUNK: usize = 8192;

/// Given the payload of the client's first packet.
pub type Proposal = Box<dyn FnOnce(&[u8]) + Send>;

/// A stream on which the transport's own identification line is swallowed: it was sent before.
pub struct Wire<S> {
    inner: S,
    /// Read by us, for the transport to read.
    ready: Vec<u8>,
    taken: usize,
    /// Read from the client, not a whole packet yet.
    partial: Vec<u8>,
    reading: Reading,
    proposal: Option<Proposal>,
    blanker: Blanker,
    identified: bool,
    /// For the client.
    outgoing: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Plain,
    Encrypted,
    /// The client broke the rules; it is told what is still to be told.
    Broken,
}

// === impl Wire ===

impl<S> Wire<S> {
    /// `line` is the client's identification with its end; the transport needs it for its hash.
    pub fn new(inner: S, line: &[u8], proposal: Proposal) -> Self {
        Self {
            inner,
            ready: line.to_vec(),
            taken: 0,
            partial: Vec::new(),
            reading: Reading::Plain,
            proposal: Some(proposal),
            blanker: Blanker::default(),
            identified: false,
            outgoing: Vec::new(),
        }
    }

    /// Moves whole packets from `partial` to `ready`.
    fn sort(&mut self) {
        let mut at = 0;
        while self.reading == Reading::Plain {
            match plain::parse(&self.partial[at..]) {
                Found::More => break,
                Found::Packet { payload, len } => {
                    if let Some(proposal) = self.proposal.take() {
                        proposal(payload);
                    }
                    if plain::is_newkeys(payload) {
                        self.reading = Reading::Encrypted;
                    }
                    at += len;
                }
                Found::Corrupt => self.reading = Reading::Broken,
                Found::Disconnect(text) => {
                    self.outgoing.extend(plain::disconnect(&text));
                    self.reading = Reading::Broken;
                }
            }
        }
        if self.reading == Reading::Encrypted {
            at = self.partial.len();
        }
        self.ready.extend(self.partial.drain(..at));
    }

    /// Takes what the transport wants to say; returns what of it the client is to see.
    fn say(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        if !self.identified {
            let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
                return;
            };
            self.identified = true;
            bytes = &bytes[end + 1..];
        }
        let start = self.outgoing.len();
        self.outgoing.extend_from_slice(bytes);
        self.blanker.blank(&mut self.outgoing[start..]);
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.outgoing))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outgoing.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.taken < this.ready.len() {
                let take = (this.ready.len() - this.taken).min(buf.remaining());
                buf.put_slice(&this.ready[this.taken..this.taken + take]);
                this.taken += take;
                return Poll::Ready(Ok(()));
            }
            this.ready.clear();
            this.taken = 0;
            match this.reading {
                Reading::Encrypted => return Pin::new(&mut this.inner).poll_read(cx, buf),
                Reading::Broken => {
                    // What cannot be said at once to a client like this is not said.
                    let _ = this.poll_drain(cx);
                    return Poll::Ready(Ok(()));
                }
                Reading::Plain => {}
            }
            let mut chunk = [0; CHUNK];
            let mut chunk = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut chunk))?;
            if chunk.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.partial.extend_from_slice(chunk.filled());
            this.sort();
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_drain(cx))?;
        if self.identified && self.blanker.is_done() {
            return Pin::new(&mut self.inner).poll_write(cx, bytes);
        }
        self.say(bytes);
        // The rest goes with the next write or flush.
        if let Poll::Ready(Err(error)) = self.poll_drain(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
