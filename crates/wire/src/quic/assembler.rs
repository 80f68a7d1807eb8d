//! A client's hello out of its Initial packets, however these come.

use std::time::Duration;

use super::frames;
use super::header::{Kind, Long, Read};
use super::keys::Keys;
use crate::stream::{self, Excess, Limits, Stream, Want};
use crate::time::Time;
use crate::tls::kind::CLIENT_HELLO;

/// A hello is waited for over so many datagrams.
pub const MAX_DATAGRAMS: u8 = 8;
/// What one connection may cost until its hello is there.
const LIMITS: Limits = Limits {
    bytes: 16 << 10,
    // Frames: some clients cut a hello into dozens of them.
    segments: 512,
    age: Duration::from_secs(10),
};
/// Packets looked at in one datagram.
const MAX_COALESCED: usize = 8;

/// Gathers the hello of one client's connection attempt: all datagrams that come from its address and port.
#[derive(Default)]
pub struct Assembler {
    keyed: Option<Keyed>,
    crypto: Crypto,
    datagrams: u8,
    since: Time,
    scratch: Vec<u8>,
}

struct Keyed {
    version: u32,
    dcid: Vec<u8>,
    keys: Keys,
}

#[derive(Default)]
struct Crypto {
    stream: Option<Stream>,
    hello: Option<Vec<u8>>,
    /// It is no hello, or too large for one.
    spoilt: Option<Unreadable>,
}

/// A client's hello, and what the packets it came in tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The message without its head of four bytes, for [`crate::tls::ClientHello::parse`].
    pub body: Vec<u8>,
    pub version: u32,
    /// Lengths, of the packet that made the hello whole.
    pub dcid_len: u8,
    pub scid_len: u8,
    pub token_len: usize,
    pub datagram_len: usize,
    /// How many datagrams it took.
    pub datagrams: u8,
}

/// What came of a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The hello is not whole yet.
    More,
    Hello(Hello),
    /// Nothing more will come of it, or of this datagram at least.
    Unreadable(Unreadable),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unreadable {
    #[error("no Initial packet of a known version")]
    NotInitial,
    #[error("a packet is longer than its datagram")]
    Cut,
    #[error("the keys of its connection do not open a packet")]
    Undecipherable,
    #[error("the first message is no hello")]
    NotHello,
    #[error("more datagrams than a hello needs")]
    Datagrams,
    #[error("the hello is too large, cut too small or too slow")]
    Limit,
}

// === impl Assembler ===

impl Assembler {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the payload of a UDP datagram of the client.
    pub fn push(&mut self, datagram: &[u8], at: Time) -> Outcome {
        if self.datagrams == 0 {
            self.since = at;
        }
        let (mut rest, mut opened, mut fault) = (datagram, None, Unreadable::NotInitial);
        for _ in 0..MAX_COALESCED {
            let packet = match Long::read(rest) {
                Read::Packet(packet, after) => {
                    rest = after;
                    packet
                }
                Read::Cut => {
                    fault = Unreadable::Cut;
                    break;
                }
                Read::Other => break,
            };
            if packet.kind != Kind::Initial {
                continue;
            }
            match self.open(&packet) {
                Some(frames) => {
                    self.crypto.take(&self.scratch[frames], at);
                    opened = Some(packet);
                }
                None => fault = Unreadable::Undecipherable,
            }
            if self.crypto.hello.is_some() {
                break;
            }
        }
        let Some(packet) = opened else {
            return Outcome::Unreadable(fault);
        };
        self.datagrams += 1;
        self.outcome(&packet, datagram.len(), at)
    }

    fn outcome(&mut self, packet: &Long<'_>, datagram_len: usize, at: Time) -> Outcome {
        if let Some(body) = self.crypto.hello.take() {
            return Outcome::Hello(Hello {
                body,
                version: packet.version_number,
                dcid_len: packet.dcid.len() as u8,
                scid_len: packet.scid.len() as u8,
                token_len: packet.token.len(),
                datagram_len,
                datagrams: self.datagrams,
            });
        }
        if let Some(fault) = self.crypto.spoilt {
            return Outcome::Unreadable(fault);
        }
        if at.since(self.since) > LIMITS.age {
            return Outcome::Unreadable(Unreadable::Limit);
        }
        if self.datagrams >= MAX_DATAGRAMS {
            return Outcome::Unreadable(Unreadable::Datagrams);
        }
        Outcome::More
    }

    /// Bytes of memory held.
    pub fn held(&self) -> usize {
        self.scratch.capacity() + self.crypto.stream.as_ref().map_or(0, Stream::held)
    }

    /// Takes the protection off with the keys there are, which stay when the client turns to the server's connection
    /// id; or with those of the id in the packet, which are new after a Retry or in another version.
    fn open(&mut self, packet: &Long<'_>) -> Option<std::ops::Range<usize>> {
        let same_version = |keyed: &&Keyed| keyed.version == packet.version_number;
        if let Some(keyed) = self.keyed.as_ref().filter(same_version) {
            if let Some(frames) = keyed.keys.open(packet, &mut self.scratch) {
                return Some(frames);
            }
            if keyed.dcid == packet.dcid {
                return None;
            }
        }
        let keys = Keys::of_client(packet.version, packet.dcid)?;
        let frames = keys.open(packet, &mut self.scratch)?;
        if self.keyed.as_ref().is_some_and(|keyed| !same_version(&keyed)) {
            self.crypto = Crypto::default();
        }
        self.keyed = Some(Keyed {
            version: packet.version_number,
            dcid: packet.dcid.to_vec(),
            keys,
        });
        Some(frames)
    }
}

impl std::fmt::Debug for Assembler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assembler")
            .field("datagrams", &self.datagrams)
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}

// === impl Crypto ===

impl Crypto {
    fn take(&mut self, frames: &[u8], at: Time) {
        let stream = self.stream.get_or_insert_with(|| Stream::starting_at(0));
        for (offset, bytes) in frames::crypto(frames) {
            // A stream of bytes with an offset is what TCP is, too.
            let Ok(offset) = u32::try_from(offset) else { continue };
            let (hello, spoilt) = (&mut self.hello, &mut self.spoilt);
            let state = stream.push(&LIMITS, offset, bytes, at, |message| match whole(message) {
                Whole::No => Want::More { read: 0 },
                Whole::Hello(body) => {
                    *hello = Some(body.to_vec());
                    Want::Enough
                }
                Whole::Other => {
                    *spoilt = Some(Unreadable::NotHello);
                    Want::Enough
                }
            });
            match state {
                stream::State::Open => {}
                stream::State::Done => return,
                stream::State::Abandoned(Excess::Bytes | Excess::Segments | Excess::Age) => {
                    *spoilt = Some(Unreadable::Limit);
                    return;
                }
            }
        }
    }
}

enum Whole<'a> {
    No,
    Hello(&'a [u8]),
    Other,
}

fn whole(message: &[u8]) -> Whole<'_> {
    match *message {
        [kind, ..] if kind != CLIENT_HELLO => Whole::Other,
        [_, a, b, c, ref body @ ..] => {
            let length = u32::from_be_bytes([0, a, b, c]) as usize;
            body.get(..length).map_or(Whole::No, Whole::Hello)
        }
        _ => Whole::No,
    }
}
