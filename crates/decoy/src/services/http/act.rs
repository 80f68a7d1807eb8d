//! What a web server's conversation takes in and gives out: bytes and time in, acts out.

use std::fs::File;
use std::net::IpAddr;
use std::time::Duration;

use time::OffsetDateTime;

use super::site::Site;

/// One client's conversation as one product holds it. No socket and no clock: the caller has them.
pub(super) trait Conversation {
    fn received(&mut self, bytes: &[u8], turn: &mut Turn<'_>);

    /// The peer sends no more.
    fn ended(&mut self, turn: &mut Turn<'_>);

    /// The deadline came.
    fn expired(&mut self, turn: &mut Turn<'_>);

    /// Until when to wait for more, counted from the beginning of the conversation.
    fn deadline(&self) -> Duration;
}

#[derive(Debug)]
pub(super) enum Act {
    Send(Vec<u8>),
    SendFile(Slice),
    /// The head of a request as it came, complete or as far as it was read before it was refused.
    Head(Vec<u8>),
    /// More of the body of that request, its chunks taken apart.
    Body(Vec<u8>),
    /// The request is answered and done with.
    Answered {
        status: u16,
        bytes: u64,
    },
    /// Something came and no answer went out.
    Unanswered {
        reason: &'static str,
        bytes: Vec<u8>,
    },
    /// Say no more, but read away what still comes for a while.
    Linger,
    Close,
}

/// A piece of a file.
#[derive(Debug)]
pub(super) struct Slice {
    pub file: File,
    pub start: u64,
    pub len: u64,
}

/// One turn of a conversation: the world as it is now, and what is to be done.
pub(super) struct Turn<'a> {
    pub site: &'a Site,
    pub now: OffsetDateTime,
    /// Since the conversation began.
    pub at: Duration,
    pub acts: Vec<Act>,
}

/// The server's end of the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub ip: IpAddr,
    pub port: u16,
    pub tls: bool,
    /// The port speaks TLS, and this peer does not.
    pub plain_on_tls: bool,
}

/// A body that is sent.
#[derive(Debug, Default)]
pub(super) enum Content {
    #[default]
    None,
    Bytes(Vec<u8>),
    /// The whole file, of that size.
    File(File, u64),
    /// Pieces of one file, with what goes before each and after the last.
    Pieces {
        file: File,
        parts: Vec<(Vec<u8>, u64, u64)>,
        end: Vec<u8>,
    },
}

// === impl Turn ===

impl Turn<'_> {
    pub(super) fn send(&mut self, bytes: impl Into<Vec<u8>>) {
        self.acts.push(Act::Send(bytes.into()));
    }

    /// Sends a body; comes to its length.
    pub(super) fn send_content(&mut self, content: Content) -> u64 {
        match content {
            Content::None => 0,
            Content::Bytes(bytes) => {
                let len = bytes.len() as u64;
                self.send(bytes);
                len
            }
            Content::File(_, 0) => 0,
            Content::File(file, len) => {
                self.acts.push(Act::SendFile(Slice { file, start: 0, len }));
                len
            }
            Content::Pieces { file, parts, end } => self.send_pieces(file, parts, end),
        }
    }

    fn send_pieces(&mut self, file: File, parts: Vec<(Vec<u8>, u64, u64)>, end: Vec<u8>) -> u64 {
        let mut sent = end.len() as u64;
        for (before, start, len) in parts {
            let Ok(file) = file.try_clone() else { break };
            sent += before.len() as u64 + len;
            self.send(before);
            self.acts.push(Act::SendFile(Slice { file, start, len }));
        }
        self.send(end);
        sent
    }
}
