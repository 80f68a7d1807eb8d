//! What a mail server's conversation takes in and gives out: bytes in, acts out.

use std::net::IpAddr;
use std::time::Duration;

use model::event::Fields;

pub use crate::services::mail::talk::Attempt;

/// What the conversation asks of the machine while it answers.
pub trait World {
    /// The user whose mailbox a local name is.
    fn mailbox(&self, name: &str) -> Option<String>;

    /// Whether this recipient has to be tried again later.
    fn is_greylisted(&self, sender: &str, recipient: &str) -> bool;

    /// The name of a new message in the queue.
    fn queue_id(&self) -> String;
}

#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    Say(Vec<u8>),
    Wait(Duration),
    Tell(&'static str, Fields),
    /// Whether it succeeds is to be answered.
    LogIn(Attempt),
    /// TLS begins; that it has is to be told.
    Secure,
    Store(Message),
    Close,
}

/// A message that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    pub queue_id: String,
    pub sender: String,
    pub recipients: Vec<Recipient>,
    /// As it came, the dots before dots taken away.
    pub bytes: Vec<u8>,
    pub hello: String,
    /// `ESMTP`, `ESMTPSA` ...
    pub protocol: &'static str,
    pub user: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    pub address: String,
    /// The user of the machine it is for.
    pub mailbox: Option<String>,
}

/// What the conversation has to know before it begins.
#[derive(Clone, Debug)]
pub struct Config {
    /// What follows `220 `.
    pub banner: String,
    pub hostname: String,
    /// Domains whose mail is for users of the machine.
    pub destinations: Vec<String>,
    /// Everybody may send to everybody.
    pub relays: bool,
    /// Knows SMTPUTF8 and CHUNKING.
    pub modern: bool,
}

/// The connection.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub peer: IpAddr,
    pub local: IpAddr,
    /// Mail clients hand mail in here: only over TLS, and only after a login.
    pub submission: bool,
    pub tls: bool,
}
