//! Everything a peer can want of an SSH server, once a transport has understood it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use model::event::{Endpoint, Fields};
use ssh::{Attempt, Opening, Refusal, Request, Verdict};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, Semaphore};

use super::auth::Guard;
use super::channel::SessionChannel;
use super::forward;
use super::kexinit::{self, KexInit};
use super::pipe::Room;
use super::seam::Start;
use crate::conn::Log;
use crate::machine::Machine;
use crate::shell::session::Input;
use crate::shell::watch::Lookout;

/// Channels one connection may hold open (sshd's `MaxSessions` is 10 for sessions; forwards count here too).
const MAX_CHANNELS: usize = 64;
const MAX_SESSIONS: usize = 10;
/// Queued input of all connections together; beyond it peers wait.
pub const INPUT_BUDGET: usize = 64 << 20;

/// Characters of a client's identification, and bytes of a line that is none, that are reported.
const MAX_VERSION: usize = 512;
const MAX_LINE: usize = 1024;

/// What all connections of the service share.
pub struct Shared {
    pub machine: Arc<Machine>,
    /// Keyboard-interactive is offered.
    pub dialogue: bool,
    pub session_max: Option<Duration>,
    pub budget: Arc<Semaphore>,
    pub lookout: Arc<Lookout>,
}

pub struct Conversation {
    shared: Arc<Shared>,
    log: Log,
    guard: Guard,
    authenticated: Arc<Notify>,
    channels: HashMap<u32, Channel>,
    /// Session channels so far: they number the sessions.
    sessions: u32,
}

enum Channel {
    Session(Box<SessionChannel>),
    Forward(UnboundedSender<Input>),
}

/// Both ends of a connection, as a login's environment names them.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    pub peer: Endpoint,
    pub local: Endpoint,
}

// === impl Conversation ===

impl Conversation {
    pub fn new(shared: Arc<Shared>, log: Log) -> Self {
        Self {
            guard: Guard::new(shared.machine.clone(), log.clone(), shared.dialogue),
            shared,
            log,
            authenticated: Arc::default(),
            channels: HashMap::new(),
            sessions: 0,
        }
    }

    /// Notified when somebody came in.
    pub fn authenticated(&self) -> Arc<Notify> {
        self.authenticated.clone()
    }

    /// What all connections' queued input is taken from.
    pub fn budget(&self) -> Arc<Semaphore> {
        self.shared.budget.clone()
    }

    pub fn identified(&self, line: &[u8]) {
        let version: String = crate::shell::recorder::text(line).chars().take(MAX_VERSION).collect();
        let fields = Fields::from_iter([("ssh_version".to_owned(), version.into())]);
        self.log.report_as("client_banner", fields);
    }

    /// The client's first line was none, and was answered so.
    pub fn rejected(&self, line: &[u8], answer: &'static str) {
        let line = &line[..line.len().min(MAX_LINE)];
        self.log.report(model::detail::ProtocolError {
            reason: answer.trim_end().into(),
            data_b64: base64::engine::general_purpose::STANDARD.encode(line),
        });
    }

    /// The client's proposal for the exchange of keys.
    pub fn proposed(&self, payload: &[u8]) {
        if let Some(proposal) = KexInit::parse(payload) {
            self.log.report_as("hassh", kexinit::fields(&proposal));
        }
    }

    pub async fn authenticate(&mut self, user: &str, attempt: &Attempt) -> Verdict {
        let offered = matches!(attempt, Attempt::Offered(_));
        let verdict = self.guard.judge(user, attempt).await;
        if verdict == Verdict::Accept && !offered {
            self.authenticated.notify_one();
        }
        verdict
    }

    /// Judges a wish for a channel. What is decided may take the time of a connection to somewhere.
    pub fn open(&mut self, id: u32, opening: Opening) -> BoxFuture<'static, Result<Start, Refusal>> {
        let sessions = self
            .channels
            .values()
            .filter(|channel| matches!(channel, Channel::Session(_)))
            .count();
        let session = opening == Opening::Session;
        if self.channels.len() >= MAX_CHANNELS || (session && sessions >= MAX_SESSIONS) {
            return futures_util::future::ready(Err(Refusal::Failed)).boxed();
        }
        self.tell_opening(&opening);
        match opening {
            Opening::Session => self.open_session(id),
            Opening::DirectTcp { host, port, .. } => match forward::own_address(&host, port, self.log.place().dst) {
                Some(target) => {
                    let (sender, receiver) = unbounded_channel();
                    self.channels.insert(id, Channel::Forward(sender));
                    forward::connect(target, receiver).boxed()
                }
                None => futures_util::future::ready(Err(Refusal::Prohibited)).boxed(),
            },
            Opening::DirectUnix { .. } | Opening::X11 { .. } => {
                futures_util::future::ready(Err(Refusal::Failed)).boxed()
            }
        }
    }

    /// Answers a request on a channel: whether it is granted.
    pub fn request(&mut self, id: u32, request: Request) -> bool {
        match self.channels.get_mut(&id) {
            Some(Channel::Session(channel)) => channel.request(request),
            _ => false,
        }
    }

    /// Takes bytes for a channel.
    pub fn data(&mut self, id: u32, bytes: Bytes, room: Room) {
        if let Some(sender) = self.input(id) {
            // A program that has ended takes no more.
            let _ = sender.send(Input::Bytes(bytes, Some(Box::new(room))));
        }
    }

    pub fn eof(&mut self, id: u32) {
        if let Some(sender) = self.input(id) {
            let _ = sender.send(Input::End);
        }
    }

    pub fn close(&mut self, id: u32) {
        self.channels.remove(&id);
    }

    /// Answers a wish to have a port of the machine forwarded to the peer.
    pub fn forward(&mut self, host: &str, port: u32) -> bool {
        self.log.report_as(
            "port_forward",
            Fields::from_iter([
                ("direction".to_owned(), "remote".into()),
                ("bind_host".to_owned(), host.into()),
                ("bind_port".to_owned(), port.into()),
                ("accepted".to_owned(), false.into()),
            ]),
        );
        false
    }

    fn open_session(&mut self, id: u32) -> BoxFuture<'static, Result<Start, Refusal>> {
        let (Some(account), Some(peer), Some(local)) =
            (self.guard.account(), self.log.place().src, self.log.place().dst)
        else {
            return futures_util::future::ready(Err(Refusal::Prohibited)).boxed();
        };
        self.sessions += 1;
        let sid = format!("{}:{}", self.log.session(), self.sessions);
        let ends = Ends { peer, local };
        let (channel, start) = SessionChannel::new(self.shared.clone(), self.log.clone(), account.clone(), ends, sid);
        self.channels.insert(id, Channel::Session(Box::new(channel)));
        futures_util::future::ready(Ok(start)).boxed()
    }

    fn input(&self, id: u32) -> Option<&UnboundedSender<Input>> {
        match self.channels.get(&id)? {
            Channel::Session(channel) => Some(channel.input()),
            Channel::Forward(sender) => Some(sender),
        }
    }

    fn tell_opening(&self, opening: &Opening) {
        let mut fields = Fields::new();
        let mut put = |name: &str, value: serde_json::Value| fields.insert(name.to_owned(), value);
        match opening {
            Opening::Session => {
                put("type", "session".into());
            }
            Opening::DirectTcp {
                host,
                port,
                from,
                from_port,
            } => {
                put("type", "direct-tcpip".into());
                put("dest_host", host.as_str().into());
                put("dest_port", (*port).into());
                put("orig", format!("{from}:{from_port}").into());
            }
            Opening::DirectUnix { path } => {
                put("type", "direct-streamlocal".into());
                put("dest_path", path.as_str().into());
            }
            Opening::X11 { from, from_port } => {
                put("type", "x11".into());
                put("orig", format!("{from}:{from_port}").into());
            }
        }
        self.log.report_as("channel", fields);
    }
}

// === impl Ends ===

impl Ends {
    /// `SSH_CLIENT` and `SSH_CONNECTION`.
    pub fn variables(&self) -> [(&'static str, String); 2] {
        let (peer, local) = (self.peer, self.local);
        [
            ("SSH_CLIENT", format!("{} {} {}", peer.ip, peer.port, local.port)),
            (
                "SSH_CONNECTION",
                format!("{} {} {} {}", peer.ip, peer.port, local.ip, local.port),
            ),
        ]
    }
}
