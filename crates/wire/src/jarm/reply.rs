//! What came back, and the hash over it.

use std::fmt::Write as _;

use super::HELLOS;
use crate::digest::{hex, push_hex, sha256_hex};

/// The reference reads so much of a reply and no more.
pub const REPLY_BYTES: usize = 1484;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
const SESSION_LENGTH_AT: usize = 43;
const ALPN: [u8; 2] = [0x00, 0x10];
/// A cipher's place in it, counted from 1, is its mark in the hash.
const TABLE: [u16; 69] = [
    0x0004, 0x0005, 0x0007, 0x000a, 0x0016, 0x002f, 0x0033, 0x0035, 0x0039, 0x003c, 0x003d, 0x0041, 0x0045, 0x0067,
    0x006b, 0x0084, 0x0088, 0x009a, 0x009c, 0x009d, 0x009e, 0x009f, 0x00ba, 0x00be, 0x00c0, 0x00c4, 0xc007, 0xc008,
    0xc009, 0xc00a, 0xc011, 0xc012, 0xc013, 0xc014, 0xc023, 0xc024, 0xc027, 0xc028, 0xc02b, 0xc02c, 0xc02f, 0xc030,
    0xc060, 0xc061, 0xc072, 0xc073, 0xc076, 0xc077, 0xc09c, 0xc09d, 0xc09e, 0xc09f, 0xc0a0, 0xc0a1, 0xc0a2, 0xc0a3,
    0xc0ac, 0xc0ad, 0xc0ae, 0xc0af, 0xcc13, 0xcc14, 0xcca8, 0xcca9, 0x1301, 0x1302, 0x1303, 0x1304, 0x1305,
];

/// What a server chose, as hex text; all empty where it refused or said nothing that is TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    cipher: String,
    version: String,
    alpn: String,
    /// Extension types, joined by `-`.
    extensions: String,
}

/// The ten replies as the reference prints them, joined by commas.
pub fn raw(replies: &[Reply; HELLOS]) -> String {
    let mut text = String::new();
    for (at, reply) in replies.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{reply}");
    }
    text
}

/// The JARM: 62 characters, all of them `0` where the server refused every hello.
pub fn hash(replies: &[Reply; HELLOS]) -> String {
    if replies.iter().all(|reply| *reply == Reply::EMPTY) {
        return "0".repeat(62);
    }
    let mut text = String::with_capacity(94);
    let mut rest = String::new();
    for reply in replies {
        push_hex(&mut text, reply.cipher_mark());
        text.push(reply.version_mark());
        rest.push_str(&reply.alpn);
        rest.push_str(&reply.extensions);
    }
    text.push_str(&sha256_hex(rest.as_bytes())[..32]);
    text
}

// === impl Reply ===

impl Reply {
    pub const EMPTY: Self = Self {
        cipher: String::new(),
        version: String::new(),
        alpn: String::new(),
        extensions: String::new(),
    };

    /// Reads what a server sent. Of more than [`REPLY_BYTES`] only so many count.
    pub fn read(bytes: &[u8]) -> Self {
        read(&bytes[..bytes.len().min(REPLY_BYTES)]).unwrap_or(Self::EMPTY)
    }

    /// Place of the cipher in the table; 0 without one, one past the end where it is not there.
    fn cipher_mark(&self) -> u8 {
        if self.cipher.is_empty() {
            return 0;
        }
        let cipher = u16::from_str_radix(&self.cipher, 16)
            .ok()
            .filter(|_| self.cipher.len() == 4);
        let place = TABLE.iter().position(|known| Some(*known) == cipher);
        place.unwrap_or(TABLE.len()) as u8 + 1
    }

    fn version_mark(&self) -> char {
        match self.version.as_bytes().get(3) {
            Some(&digit @ b'0'..=b'5') => char::from(digit - b'0' + b'a'),
            _ => '0',
        }
    }
}

impl std::fmt::Display for Reply {
    /// `cipher|version|alpn|extensions`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            cipher,
            version,
            alpn,
            extensions,
        } = self;
        write!(f, "{cipher}|{version}|{alpn}|{extensions}")
    }
}

/// As the reference reads: offsets from the record's start, and a slice past the end is a shorter one.
fn read(bytes: &[u8]) -> Option<Reply> {
    let kind = *bytes.first()?;
    if kind == ALERT || kind != HANDSHAKE || *bytes.get(5)? != SERVER_HELLO {
        return None;
    }
    let session = usize::from(*bytes.get(SESSION_LENGTH_AT)?);
    let (alpn, extensions) = match extensions(bytes, session) {
        Extensions::Listed(alpn, types) => (alpn, types),
        Extensions::Absent => Default::default(),
        Extensions::Unreadable => return None,
    };
    Some(Reply {
        cipher: hex(slice(bytes, session + 44, 2)),
        version: hex(slice(bytes, 9, 2)),
        alpn,
        extensions,
    })
}

enum Extensions {
    Listed(String, String),
    Absent,
    /// The reference trips over it and counts the whole reply as none.
    Unreadable,
}

fn extensions(bytes: &[u8], session: usize) -> Extensions {
    let record = usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
    // A certificate follows at once, or bytes of known servers that look like extensions and are none.
    let none = bytes.get(session + 47).is_none_or(|&byte| byte == 0x0b)
        || slice(bytes, session + 50, 3) == [0x0e, 0xac, 0x0b]
        || slice(bytes, 82, 3) == [0x0f, 0xf0, 0x0b]
        || session + 42 >= record;
    if none {
        return Extensions::Absent;
    }
    let mut at = session + 49;
    let end = at - 1 + number(slice(bytes, session + 47, 2));
    let (mut alpn, mut types) = (None, String::new());
    while at < end {
        if at > session + 49 {
            types.push('-');
        }
        let kind = slice(bytes, at, 2);
        types.push_str(&hex(kind));
        let length = number(slice(bytes, at + 2, 2));
        if kind == ALPN && alpn.is_none() {
            alpn = Some(match length {
                0 => None,
                _ => Some(slice(bytes, at + 4, length)),
            });
        }
        at += 4 + length;
    }
    let alpn = match alpn {
        None => Some(""),
        Some(value) => value.and_then(|value| std::str::from_utf8(value.get(3..).unwrap_or_default()).ok()),
    };
    match alpn {
        Some(alpn) => Extensions::Listed(alpn.to_owned(), types),
        None => Extensions::Unreadable,
    }
}

fn slice(bytes: &[u8], at: usize, len: usize) -> &[u8] {
    let from = at.min(bytes.len());
    &bytes[from..(at + len).min(bytes.len())]
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Reply {
        let mut parts = text.split('|').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        Reply {
            cipher: next(),
            version: next(),
            alpn: next(),
            extensions: next(),
        }
    }

    #[test]
    fn ten_replies_hash_to_the_published_form() {
        let first = "c02f|0303|h2|ff01-0000-0001-000b-0023-0010-0017";
        let replies = [
            first,
            first,
            "c030|0303||ff01-0000-0001-000b-0023-0017",
            "c02f|0303||ff01-0000-0001-000b-0023-0017",
            "",
            "",
            "1302|0303|h2|002b-0033",
            "1301|0303||002b-0033",
            "c02f|0303||ff01-0017",
            "1302|0303||002b-0033",
        ]
        .map(reply);
        assert_eq!(
            hash(&replies),
            "29d29d2ad29d00000042d41d29d42db331813ab67d4410a422ee7c01f2a96a"
        );
    }

    #[test]
    fn a_server_that_refuses_every_hello_hashes_to_zeros() {
        let refused = std::array::from_fn(|_| Reply::read(&[21, 3, 3, 0, 2, 2, 40]));
        assert_eq!(hash(&refused), "0".repeat(62));
        assert_eq!(raw(&refused), ["|||"; HELLOS].join(","));
    }

    #[test]
    fn a_cipher_outside_the_table_is_marked_46_and_a_version_by_its_letter() {
        let odd = |cipher: &str, version: &str| reply(&format!("{cipher}|{version}"));
        assert_eq!(odd("1399", "0303").cipher_mark(), 0x46);
        assert_eq!(odd("c02f", "").cipher_mark(), 0x29);
        assert_eq!(odd("0004", "0300").version_mark(), 'a');
        assert_eq!(odd("1305", "0304").version_mark(), 'e');
        assert_eq!(odd("", "").version_mark(), '0');
    }

    /// A ServerHello with an empty session id and the extensions given.
    fn server_hello(extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0xc0, 0x2f, 0, 0, extensions.len() as u8]);
        body.extend(extensions);
        let mut record = vec![22, 3, 3, 0, body.len() as u8 + 4, 2, 0, 0, body.len() as u8];
        record.extend(body);
        record
    }

    #[test]
    fn extensions_and_protocol_are_read_from_a_server_hello() {
        let hello = server_hello(&[0xff, 1, 0, 1, 0, 0, 16, 0, 5, 0, 3, 2, b'h', b'2', 0, 23, 0, 0]);
        assert_eq!(Reply::read(&hello).to_string(), "c02f|0303|h2|ff01-0010-0017");
    }

    #[test]
    fn a_certificate_in_the_place_of_extensions_is_none() {
        let mut hello = server_hello(&[]);
        hello[47] = 0x0b;
        assert_eq!(Reply::read(&hello).to_string(), "c02f|0303||");
    }

    #[test]
    fn no_cut_or_changed_byte_of_a_reply_panics() {
        let hello = server_hello(&[0xff, 1, 0, 1, 0, 0, 16, 0, 5, 0, 3, 2, b'h', b'2', 0, 23, 0, 0]);
        for cut in 0..hello.len() {
            Reply::read(&hello[..cut]);
            for byte in [0, 0x80, 0xff] {
                let mut changed = hello.clone();
                changed[cut] = byte;
                Reply::read(&changed);
            }
        }
    }
}
