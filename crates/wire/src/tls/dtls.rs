//! The client's hello of DTLS (RFC 6347, RFC 9147), which may come in fragments over several datagrams.

use std::time::Duration;

use super::kind::CLIENT_HELLO;
use crate::read::Reader;
use crate::stream::{Limits, State, Stream, Want};
use crate::time::Time;

const HANDSHAKE: u8 = 22;
/// Version numbers of DTLS begin so.
const MAJOR: u8 = 0xfe;
const LIMITS: Limits = Limits {
    bytes: 16 << 10,
    segments: 64,
    age: Duration::from_secs(10),
};
/// Records looked at in one datagram.
const MAX_RECORDS: usize = 16;

/// Gathers the hello of one client, which it repeats with a cookie if the server asks for one.
#[derive(Debug, Default)]
pub struct Assembler {
    sequence: Option<u16>,
    stream: Stream,
}

/// A client's hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The message without its head, for [`super::ClientHello::parse_dtls`].
    pub body: Vec<u8>,
    pub record_version: u16,
    /// Number of the message; 1 when it is said again with a cookie.
    pub sequence: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    More,
    Hello(Hello),
    /// No hello of DTLS, or no longer one.
    Other,
}

struct Fragment<'a> {
    kind: u8,
    length: usize,
    sequence: u16,
    offset: u32,
    bytes: &'a [u8],
}

// === impl Assembler ===

impl Assembler {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the payload of a UDP datagram of the client.
    pub fn push(&mut self, datagram: &[u8], at: Time) -> Outcome {
        let mut records = Reader(datagram);
        let mut outcome = Outcome::Other;
        for _ in 0..MAX_RECORDS {
            let Some((version, record)) = record(&mut records) else {
                break;
            };
            let mut fragments = Reader(record);
            while let Some(fragment) = Fragment::read(&mut fragments) {
                if fragment.kind != CLIENT_HELLO {
                    return Outcome::Other;
                }
                outcome = self.take(&fragment, version, at);
                if outcome != Outcome::More {
                    return outcome;
                }
            }
        }
        outcome
    }

    fn take(&mut self, fragment: &Fragment<'_>, record_version: u16, at: Time) -> Outcome {
        if fragment.length > LIMITS.bytes {
            return Outcome::Other;
        }
        if self.sequence != Some(fragment.sequence) {
            self.sequence = Some(fragment.sequence);
            self.stream = Stream::starting_at(0);
        }
        let mut body = None;
        let state = self
            .stream
            .push(&LIMITS, fragment.offset, fragment.bytes, at, |message| {
                match message.get(..fragment.length) {
                    Some(whole) => {
                        body = Some(whole.to_vec());
                        Want::Enough
                    }
                    None => Want::More { read: 0 },
                }
            });
        match (body, state) {
            (Some(body), _) => Outcome::Hello(Hello {
                body,
                record_version,
                sequence: fragment.sequence,
            }),
            (None, State::Open) => Outcome::More,
            (None, _) => Outcome::Other,
        }
    }
}

/// The next handshake record in the clear.
fn record<'a>(records: &mut Reader<'a>) -> Option<(u16, &'a [u8])> {
    let kind = records.u8()?;
    let version = records.u16()?;
    let [epoch @ .., _, _, _, _, _, _] = records.array::<8>()?;
    let body = records.block16()?;
    let plain = kind == HANDSHAKE && version >> 8 == u16::from(MAJOR) && *epoch == [0, 0];
    plain.then_some((version, body))
}

// === impl Fragment ===

impl<'a> Fragment<'a> {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let (kind, length, sequence) = (reader.u8()?, reader.u24()?, reader.u16()?);
        let (offset, size) = (reader.u24()?, reader.u24()?);
        Some(Self {
            kind,
            length,
            sequence,
            offset: offset as u32,
            bytes: reader.take(size)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::ClientHello;

    fn datagram(sequence: u8, length: u8, offset: u8, part: &[u8]) -> Vec<u8> {
        let mut bytes = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12 + part.len() as u8];
        bytes.extend([1, 0, 0, length, 0, sequence, 0, 0, offset, 0, 0, part.len() as u8]);
        bytes.extend(part);
        bytes
    }

    fn body() -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd];
        body.extend([7; 32]);
        body.extend([0, 3, 9, 9, 9, 0, 2, 0xc0, 0x2b, 1, 0, 0, 4, 0, 23, 0, 0]);
        body
    }

    #[test]
    fn a_hello_is_put_together_from_its_fragments() {
        let body = body();
        let length = body.len() as u8;
        let mut assembler = Assembler::new();
        let tail = datagram(0, length, 20, &body[20..]);
        assert_eq!(assembler.push(&tail, Time(0)), Outcome::More);
        let Outcome::Hello(hello) = assembler.push(&datagram(0, length, 0, &body[..25]), Time(0)) else {
            panic!("no hello");
        };
        assert_eq!((&hello.body, hello.record_version, hello.sequence), (&body, 0xfeff, 0));
        let read = ClientHello::parse_dtls(&hello.body).unwrap();
        assert_eq!(read.cookie, Some(&[9, 9, 9][..]));
        assert!(read.ciphers().eq([0xc02b]));
        let fingerprint = crate::ja4::Ja4::new(&read, crate::ja4::Transport::Dtls).hash();
        assert!(fingerprint.starts_with("dd2i010100_"), "{fingerprint}");
    }

    #[test]
    fn a_hello_said_again_with_a_cookie_does_not_mix_with_the_first() {
        let body = body();
        let length = body.len() as u8;
        let mut assembler = Assembler::new();
        assembler.push(&datagram(0, length, 0, &[0xff; 10]), Time(0));
        let Outcome::Hello(hello) = assembler.push(&datagram(1, length, 0, &body), Time(0)) else {
            panic!("no hello");
        };
        assert_eq!((hello.body, hello.sequence), (body, 1));
    }

    #[test]
    fn other_datagrams_are_none() {
        let whole = datagram(0, 3, 0, &[1, 2, 3]);
        for cut in 0..whole.len() {
            let outcome = Assembler::new().push(&whole[..cut], Time(0));
            assert_eq!(outcome, Outcome::Other, "{cut}");
        }
        for (at, value) in [(0, 23), (1, 3), (4, 1), (13, 2), (14, 0xff)] {
            let mut changed = whole.clone();
            changed[at] = value;
            assert_eq!(Assembler::new().push(&changed, Time(0)), Outcome::Other, "{at}");
        }
    }
}
