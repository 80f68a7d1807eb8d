//! What a transport and the conversation above it say to each other.
//!
//! A transport owns packets, keys and windows; [`Conversation`](super::conversation::Conversation) owns everything a
//! peer can want once it is understood. Nothing here or above names the transport in use.

use futures_util::future::BoxFuture;

use crate::shell::Terminal;
use crate::shell::session::Sink;

/// One try of a peer to prove who it is.
#[derive(Clone, Debug)]
pub enum Attempt<'a> {
    None,
    Password(&'a [u8]),
    /// Would this key do?
    Offered(&'a Key),
    /// The peer has the key: its signature was verified.
    Signed(&'a Key),
    /// The beginning of a dialogue.
    Dialogue,
    /// The answers to what [`Verdict::Ask`] asked.
    Answers(&'a [Vec<u8>]),
}

/// A public key as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// `ssh-ed25519`.
    pub algorithm: String,
    pub blob: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accept,
    Refuse,
    /// Refused, and it was the last try.
    Disconnect(&'static str),
    /// Ask this, without echo.
    Ask(&'static str),
}

/// What a channel is opened for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    Session,
    DirectTcp {
        host: String,
        port: u32,
        from: String,
        from_port: u32,
    },
    DirectUnix {
        path: String,
    },
    X11 {
        from: String,
        from_port: u32,
    },
}

/// Why a channel is not opened (RFC 4254 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Prohibited,
    ConnectFailed,
}

/// A request on a session channel.
#[derive(Clone, Debug)]
pub enum Request {
    Terminal(Terminal),
    Variable {
        name: String,
        value: String,
    },
    Shell,
    Exec(Vec<u8>),
    Subsystem(String),
    Resize {
        cols: u16,
        rows: u16,
    },
    /// Name without `SIG`.
    Signal(String),
    Agent,
    X11,
}

/// How a program ended, as the peer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    Status(u32),
    Signal { name: &'static str, core_dumped: bool },
}

/// The transport's end of one channel. Writing waits for the peer's window.
pub trait Outlet: Send + Sync {
    fn out(&self) -> Sink;
    fn err(&self) -> Sink;
    /// Says how the program ended, if it did, and closes the channel, in order after all output.
    fn close(self: Box<Self>, exit: Option<Exit>) -> BoxFuture<'static, ()>;
}

/// A channel the peer's wish for which was granted, waiting to be put to use.
pub type Start = Box<dyn FnOnce(Box<dyn Outlet>) + Send>;
