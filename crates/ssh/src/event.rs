//! What a server tells its caller, and what the caller answers.

/// What happened, in the order it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer's first line, without its end.
    Identified(Vec<u8>),
    /// The first line was none; `answer` is what was said to it.
    Rejected { line: Vec<u8>, answer: &'static str },
    /// The peer's first proposal for the exchange of keys: a whole `SSH_MSG_KEXINIT`.
    Proposed(Vec<u8>),
    /// To be answered with [`Server::judge`](crate::Server::judge).
    Tried { user: String, attempt: Attempt },
    /// To be answered with [`Server::open`](crate::Server::open), in any order and at any time.
    Opening { channel: u32, opening: Opening },
    /// To be answered with [`Server::answer`](crate::Server::answer).
    Requested { channel: u32, request: Request },
    /// The peer wants a port of ours; to be answered with [`Server::answer`](crate::Server::answer).
    Forward { host: String, port: u32 },
    /// The caller says with [`Server::consumed`](crate::Server::consumed) when it has done with the bytes.
    Data { channel: u32, bytes: Vec<u8> },
    /// No more bytes will come.
    Ended { channel: u32 },
    /// The channel is gone.
    Closed { channel: u32 },
}

/// One try of a peer to prove who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    None,
    Password(Vec<u8>),
    /// Would this key do?
    Offered(Key),
    /// The peer has the key: its signature was verified.
    Signed(Key),
    /// The peer did not show that it has the key, or wanted to in a way that is not taken.
    Forged(Key),
    /// The beginning of a dialogue.
    Dialogue,
    /// The answers to what [`Verdict::Ask`] asked.
    Answers(Vec<Vec<u8>>),
    /// By a method that is not offered.
    Unknown,
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

/// Why a channel is not opened (RFC 4254 §5.1), in the words of OpenSSH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Prohibited,
    ConnectFailed,
    /// There are too many, or there is no such kind.
    Failed,
}

/// A request on a session channel.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        cols: u32,
        rows: u32,
    },
    /// Name without `SIG`.
    Signal(String),
    Agent,
    X11,
}

/// The terminal a peer wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    pub term: String,
    pub cols: u32,
    pub rows: u32,
    /// Opcodes and values of RFC 4254 §8.
    pub modes: Vec<(u8, u32)>,
}

/// How a program ended, as the peer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    Status(u32),
    Signal { name: &'static str, core_dumped: bool },
}

/// Where output of a program goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}
