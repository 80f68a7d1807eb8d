//! Between the socket and the conversation: moves bytes, puts the core's questions, keeps the output of programs.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use ssh::ident::{self, Heard};
use ssh::{Event, HostKey, Moduli, Profile, Random, Refusal, Server};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::conversation::Conversation;
use super::pipe::Pipe;
use super::seam::Start;
use crate::conn::Counted;

/// Read from the socket at a time, as OpenSSH reads.
const CHUNK: usize = 8192;
/// Bytes that were looked at keep the socket readable; more are looked for at this pace.
const PEEK_AGAIN: Duration = Duration::from_millis(20);

#[derive(Clone)]
pub struct Transport(Arc<Profile>);

/// `keys` are OpenSSH private-key files, in the order a server offers them; `moduli` is the machine's file of groups.
pub fn new(version: &str, methods: &[&str], keys: &[&str], moduli: &[u8]) -> Result<Transport, String> {
    let keys = keys.iter().filter(|key| !key.is_empty());
    let keys = keys.map(|key| HostKey::parse(key)).collect::<Result<Vec<_>, _>>();
    let keys = keys.map_err(|error| format!("host key: {error}"))?;
    if keys.is_empty() {
        return Err("no host key".into());
    }
    Ok(Transport(Arc::new(Profile {
        version: version.to_owned(),
        release: ssh::release::of(version),
        keys,
        methods: methods.iter().map(|&name| name.to_owned()).collect(),
        moduli: Moduli::parse(moduli),
        renew_after: None,
    })))
}

// === impl Transport ===

impl Transport {
    /// Speaks with one client to the end.
    pub async fn run(&self, stream: Counted<TcpStream>, conversation: Conversation) {
        let mut link = Link {
            stream,
            server: Server::new(self.0.clone(), System),
            conversation,
            openings: FuturesUnordered::new(),
            pipes: HashMap::new(),
            wake: Arc::default(),
            stuck: None,
        };
        // How a client broke off is of no interest; what it did was told as it happened.
        if let Ok(()) = link.identify().await {
            let _ = link.talk().await;
        }
    }
}

/// The system's randomness.
struct System;

impl Random for System {
    fn fill(&mut self, bytes: &mut [u8]) {
        openssl::rand::rand_bytes(bytes).expect("the system gives random bytes");
    }
}

/// A channel's wish, decided.
type Decided = (u32, Result<Start, Refusal>);

/// One connection.
struct Link {
    stream: Counted<TcpStream>,
    server: Server<System>,
    conversation: Conversation,
    openings: FuturesUnordered<BoxFuture<'static, Decided>>,
    pipes: HashMap<u32, Arc<Pipe>>,
    /// Notified when a pipe has something to say.
    wake: Arc<Notify>,
    stuck: Option<Stuck>,
}

/// Bytes of the peer for which there is no room yet.
struct Stuck {
    channel: u32,
    bytes: Vec<u8>,
    room: BoxFuture<'static, Option<OwnedSemaphorePermit>>,
}

/// Why a connection's loop goes on.
enum Step {
    Moved(io::Result<()>),
    Decided(Decided),
    Room(Option<OwnedSemaphorePermit>),
    Woken,
}

// === impl Link ===

impl Link {
    /// Exchanges identification lines. What follows a refused one stays unread, so that the kernel ends the connection
    /// as it does for the real one.
    async fn identify(&mut self) -> io::Result<()> {
        self.flush().await?;
        let mut bytes = vec![0; ident::MAX];
        let mut before = 0;
        let seen = loop {
            let seen = self.stream.get_ref().peek(&mut bytes).await?;
            match ident::parse(&bytes[..seen]) {
                Heard::More if seen == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                Heard::More if seen == before => tokio::time::sleep(PEEK_AGAIN).await,
                Heard::More => before = seen,
                _ => break seen,
            }
        };
        let taken = self.server.receive(&bytes[..seen]);
        self.stream.read_exact(&mut bytes[..taken]).await.map(|_| ())
    }

    async fn talk(&mut self) -> io::Result<()> {
        loop {
            self.settle().await?;
            if self.server.is_over() {
                return self.flush().await;
            }
            match self.step().await {
                Step::Moved(moved) => moved?,
                Step::Decided((channel, decided)) => self.opened(channel, decided),
                Step::Room(permit) => {
                    if let Some(Stuck { channel, bytes, .. }) = self.stuck.take() {
                        self.deliver(channel, bytes, permit);
                    }
                }
                Step::Woken => {}
            }
        }
    }

    async fn step(&mut self) -> Step {
        let Self {
            stream,
            server,
            openings,
            wake,
            stuck,
            ..
        } = self;
        let hears = stuck.is_none();
        tokio::select! {
            moved = poll_fn(|cx| poll_stream(stream, server, hears, cx)) => Step::Moved(moved),
            Some(decided) = openings.next() => Step::Decided(decided),
            permit = room(stuck) => Step::Room(permit),
            () = wake.notified() => Step::Woken,
        }
    }

    /// Handles what happened, and hands programs' output to the core.
    async fn settle(&mut self) -> io::Result<()> {
        while self.stuck.is_none() {
            let Some(event) = self.server.event() else { break };
            self.handle(event).await?;
        }
        let server = &mut self.server;
        self.pipes.retain(|channel, pipe| !pipe.pump(*channel, server));
        Ok(())
    }

    async fn handle(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Identified(line) => self.conversation.identified(&line),
            Event::Rejected { line, answer } => self.conversation.rejected(&line, answer),
            Event::Proposed(payload) => self.conversation.proposed(&payload),
            Event::Tried { user, attempt } => {
                // A verdict takes its time; what was said before is not to wait for it.
                self.flush().await?;
                let verdict = self.conversation.authenticate(&user, &attempt).await;
                self.server.judge(verdict);
            }
            Event::Opening { channel, opening } => {
                let decided = self.conversation.open(channel, opening);
                self.openings
                    .push(decided.map(move |decided| (channel, decided)).boxed());
            }
            Event::Requested { channel, request } => {
                let granted = self.conversation.request(channel, request);
                self.server.answer(granted);
            }
            Event::Forward { host, port } => {
                let granted = self.conversation.forward(&host, port);
                self.server.answer(granted);
            }
            Event::Data { channel, bytes } => self.take(channel, bytes),
            Event::Ended { channel } => self.conversation.eof(channel),
            Event::Closed { channel } => {
                self.conversation.close(channel);
                self.pipes.remove(&channel).iter().for_each(|pipe| pipe.sever());
            }
        }
        Ok(())
    }

    fn opened(&mut self, channel: u32, decided: Result<Start, Refusal>) {
        match decided {
            Ok(start) => {
                self.server.open(channel, Ok(()));
                let pipe = Pipe::new(self.wake.clone());
                self.pipes.insert(channel, pipe.clone());
                start(Box::new(pipe));
            }
            Err(refusal) => {
                self.conversation.close(channel);
                self.server.open(channel, Err(refusal));
            }
        }
    }

    /// Takes bytes of the peer, when there is room among those of all connections; else nothing is heard until then.
    fn take(&mut self, channel: u32, bytes: Vec<u8>) {
        let wanted = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let budget = self.conversation.budget();
        match budget.clone().try_acquire_many_owned(wanted) {
            Ok(permit) => self.deliver(channel, bytes, Some(permit)),
            Err(_) => {
                let room = async move { budget.acquire_many_owned(wanted).await.ok() }.boxed();
                self.stuck = Some(Stuck { channel, bytes, room });
            }
        }
    }

    fn deliver(&mut self, channel: u32, bytes: Vec<u8>, permit: Option<OwnedSemaphorePermit>) {
        if let Some(pipe) = self.pipes.get(&channel) {
            let room = pipe.room(bytes.len(), permit);
            self.conversation.data(channel, bytes.into(), room);
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let length = self.server.output().len();
        self.stream.write_all(self.server.output()).await?;
        self.server.sent(length);
        Ok(())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.pipes.values().for_each(|pipe| pipe.sever());
    }
}

/// Waits for room for what is stuck.
async fn room(stuck: &mut Option<Stuck>) -> Option<OwnedSemaphorePermit> {
    match stuck {
        Some(stuck) => (&mut stuck.room).await,
        None => std::future::pending().await,
    }
}

/// Writes what is to be written, then reads what is of use.
fn poll_stream(
    stream: &mut Counted<TcpStream>,
    server: &mut Server<System>,
    hears: bool,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    if !server.output().is_empty()
        && let Poll::Ready(written) = Pin::new(&mut *stream).poll_write(cx, server.output())
    {
        return Poll::Ready(match written {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Ok(bytes) => {
                server.sent(bytes);
                Ok(())
            }
            Err(error) => Err(error),
        });
    }
    if !hears || !server.wants_input() {
        return Poll::Pending;
    }
    let mut chunk = [0; CHUNK];
    let mut chunk = ReadBuf::new(&mut chunk);
    Pin::new(stream)
        .poll_read(cx, &mut chunk)
        .map_ok(|()| chunk.filled())
        .map(|read| match read? {
            [] => Err(io::ErrorKind::UnexpectedEof.into()),
            bytes => {
                server.receive(bytes);
                Ok(())
            }
        })
}
