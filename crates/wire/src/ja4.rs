//! JA4 of TLS clients, over TCP, QUIC and DTLS (FoxIO, BSD 3-Clause, <https://github.com/FoxIO-LLC/ja4>).

use crate::digest::{push_hex16, sha256_12};
use crate::tls::{ClientHello, extension, is_grease};

/// What carried the hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    Tcp,
    Quic,
    Dtls,
}

/// The pieces of a JA4, from which its four forms are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ja4 {
    a: String,
    sorted: Parts,
    original: Parts,
}

/// What is hashed: ciphers, and extensions with signature algorithms.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    b: String,
    c: String,
}

const NOTHING: &str = "000000000000";

// === impl Ja4 ===

impl Ja4 {
    pub fn new(hello: &ClientHello<'_>, transport: Transport) -> Self {
        let mut ciphers: Vec<u16> = hello.ciphers().filter(|cipher| !is_grease(*cipher)).collect();
        let mut kinds: Vec<u16> = hello
            .extensions
            .iter()
            .map(|(kind, _)| kind)
            .filter(|kind| !is_grease(*kind))
            .collect();
        let a = a(hello, transport, ciphers.len(), kinds.len());
        let original = Parts::new(&ciphers, &kinds, hello);
        ciphers.sort_unstable();
        kinds.sort_unstable();
        kinds.retain(|kind| ![extension::SERVER_NAME, extension::ALPN].contains(kind));
        Self {
            a,
            sorted: Parts::new(&ciphers, &kinds, hello),
            original,
        }
    }

    /// `JA4`.
    pub fn hash(&self) -> String {
        self.sorted.hashed(&self.a)
    }

    /// `JA4_r`: the lists themselves.
    pub fn raw(&self) -> String {
        self.sorted.raw(&self.a)
    }

    /// `JA4_o`: lists in the order they were sent, server name and ALPN among them.
    pub fn original_hash(&self) -> String {
        self.original.hashed(&self.a)
    }

    /// `JA4_ro`.
    pub fn original_raw(&self) -> String {
        self.original.raw(&self.a)
    }
}

/// Transport, version, server name or none, how many ciphers and extensions, first protocol.
fn a(hello: &ClientHello<'_>, transport: Transport, ciphers: usize, extensions: usize) -> String {
    let mut a = String::with_capacity(10);
    a.push(transport.letter());
    a.push_str(version_mark(version(hello, transport)));
    let named = hello.extensions.get(extension::SERVER_NAME).is_some();
    a.push(if named { 'd' } else { 'i' });
    push_count(&mut a, ciphers);
    push_count(&mut a, extensions);
    a.extend(alpn_mark(hello.alpn().next().unwrap_or_default()));
    a
}

/// The newest offered. Numbers of DTLS fall as it gets newer.
fn version(hello: &ClientHello<'_>, transport: Transport) -> u16 {
    let offered = hello.supported_versions().filter(|version| !is_grease(*version));
    let newest = match transport {
        Transport::Dtls => offered.min(),
        Transport::Tcp | Transport::Quic => offered.max(),
    };
    newest.unwrap_or(hello.legacy_version)
}

pub(crate) fn version_mark(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// First and last letter of a protocol's name; of its hex digits where one of the two is no letter or digit. Longer
/// names that begin beyond ASCII are `99`, as the authors' own program has it, against the letter of their text.
pub(crate) fn alpn_mark(name: &[u8]) -> [char; 2] {
    let (Some(&first), Some(&last)) = (name.first(), name.last()) else {
        return ['0', '0'];
    };
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        [char::from(first), char::from(last)]
    } else if name.len() > 1 && !first.is_ascii() {
        ['9', '9']
    } else {
        [digit(first >> 4), digit(last & 15)]
    }
}

/// Two digits, at most 99.
pub(crate) fn push_count(text: &mut String, count: usize) {
    let count = count.min(99) as u8;
    text.push(char::from(b'0' + count / 10));
    text.push(char::from(b'0' + count % 10));
}

/// Four hex digits each, joined by commas.
pub(crate) fn push_list(text: &mut String, numbers: impl Iterator<Item = u16>) {
    for (at, number) in numbers.enumerate() {
        if at > 0 {
            text.push(',');
        }
        push_hex16(text, number);
    }
}

// === impl Parts ===

impl Parts {
    fn new(ciphers: &[u16], extensions: &[u16], hello: &ClientHello<'_>) -> Self {
        let mut b = String::with_capacity(ciphers.len() * 5);
        push_list(&mut b, ciphers.iter().copied());
        let mut algorithms = hello.signature_algorithms().filter(|one| !is_grease(*one)).peekable();
        let mut c = String::with_capacity(extensions.len() * 5 + 64);
        push_list(&mut c, extensions.iter().copied());
        if algorithms.peek().is_some() {
            c.push('_');
            push_list(&mut c, algorithms);
        }
        Self { b, c }
    }

    fn raw(&self, a: &str) -> String {
        format!("{a}_{}_{}", self.b, self.c)
    }

    fn hashed(&self, a: &str) -> String {
        let mut text = String::with_capacity(a.len() + 26);
        text.push_str(a);
        for part in [&self.b, &self.c] {
            text.push('_');
            text.push_str(&hash(part));
        }
        text
    }
}

/// Twelve digits; all `0` of an empty list.
pub(crate) fn hash(list: &str) -> String {
    if list.is_empty() {
        NOTHING.to_owned()
    } else {
        sha256_12(list.as_bytes())
    }
}

// === impl Transport ===

impl Transport {
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Tcp => 't',
            Self::Quic => 'q',
            Self::Dtls => 'd',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_lists_have_their_published_hashes() {
        for (list, expected) in [
            (
                "002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9",
                "8daaf6152771",
            ),
            (
                "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_0403,0804,0401,0503,0805,0501,0806,0601",
                "e5627efa2ab1",
            ),
            (
                "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01",
                "6d807ffa2a79",
            ),
            // In the order sent.
            (
                "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
                "acb858a92679",
            ),
            (
                "001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015_0403,0804,0401,0503,0805,0501,0806,0601",
                "18f69afefd3d",
            ),
            ("", NOTHING),
        ] {
            assert_eq!(hash(list), expected);
        }
    }

    #[test]
    fn a_protocol_is_told_by_two_letters() {
        for (name, mark) in [
            (&b"h2"[..], "h2"),
            (b"http/1.1", "h1"),
            (b"x", "xx"),
            (b"", "00"),
            (&[0x20, 0x61], "21"),
            (&[0x30, 0xab], "3b"),
            (&[0xab], "ab"),
            (&[0xba, 0xad], "99"),
        ] {
            assert_eq!(String::from_iter(alpn_mark(name)), mark);
        }
    }

    #[test]
    fn counts_stop_at_99() {
        let mut text = String::new();
        for count in [0, 7, 42, 99, 100, 70_000] {
            push_count(&mut text, count);
        }
        assert_eq!(text, "000742999999");
    }
}
