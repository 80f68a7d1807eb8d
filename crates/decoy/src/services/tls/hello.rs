//! The first message of TLS, as its sender wrote it (RFC 8446 §4.1.2).

use wire::ja3::ja3;
use wire::ja4::{Ja4, Transport};
use wire::tls::{self, ClientHello, extension};

/// A hello that is longer than this is not waited for.
pub(in crate::services) const MAX_HELLO: usize = 64 << 10;
const RECORD_HEAD: usize = 5;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// Plain text of one record.
const MAX_RECORD: usize = 1 << 14;

/// What lies there so far.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::services) enum Begun {
    /// Not enough to tell.
    More,
    /// A whole hello, in so many bytes of records.
    Hello(usize),
    /// TLS, but no hello; or one too long.
    Odd,
    /// Not TLS at all.
    Other,
}

/// What a hello asks for by name, and its fingerprints.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::services) struct Wishes {
    pub server_name: Option<String>,
    pub protocols: Vec<String>,
    pub ja3: Option<String>,
    pub ja4: Option<String>,
}

pub(in crate::services) fn look(bytes: &[u8]) -> Begun {
    match bytes.first() {
        None => return Begun::More,
        Some(&HANDSHAKE) => {}
        // A hello of SSL 2.
        Some(first) if first & 0x80 != 0 => return Begun::Odd,
        Some(_) => return Begun::Other,
    }
    let (mut message, mut at) = (Vec::new(), 0);
    while let Some(head) = bytes.get(at..at + RECORD_HEAD) {
        let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
        if head[0] != HANDSHAKE || length == 0 || length > MAX_RECORD {
            return Begun::Odd;
        }
        let Some(part) = bytes.get(at + RECORD_HEAD..at + RECORD_HEAD + length) else {
            break;
        };
        message.extend_from_slice(part);
        at += RECORD_HEAD + length;
        match wanted(&message) {
            Err(()) => return Begun::Odd,
            Ok(Some(wanted)) if message.len() >= wanted => return Begun::Hello(at),
            Ok(_) => {}
        }
    }
    if bytes.len() >= MAX_HELLO {
        Begun::Odd
    } else {
        Begun::More
    }
}

/// Length of the whole message, once its own head is there.
fn wanted(message: &[u8]) -> Result<Option<usize>, ()> {
    match *message {
        [first, ..] if first != CLIENT_HELLO => Err(()),
        [_, a, b, c, ..] => match 4 + u32::from_be_bytes([0, a, b, c]) as usize {
            length if length > MAX_HELLO => Err(()),
            length => Ok(Some(length)),
        },
        _ => Ok(None),
    }
}

/// Reads a whole hello, head and records and all.
pub(in crate::services) fn wishes(stream: &[u8]) -> Wishes {
    let Some(message) = tls::client_hello(stream).found() else {
        return Wishes::default();
    };
    let Some(hello) = ClientHello::parse(&message.body) else {
        return Wishes::default();
    };
    Wishes {
        server_name: hello.server_name().map(crate::services::http::text),
        protocols: hello.alpn().map(crate::services::http::text).collect(),
        ja3: Some(ja3(&hello).hash),
        ja4: Some(Ja4::new(&hello, Transport::Tcp).hash()),
    }
}

/// Version and ciphers of a hello that offers nothing newer than TLS 1.1, and nothing older than 1.0.
pub(in crate::services) fn old_offer(stream: &[u8]) -> Option<(u16, Vec<u16>)> {
    // In the clothes of SSL 2: length, kind, version.
    if let &[first, _, CLIENT_HELLO, 3, minor @ 1..=2, ..] = stream
        && first & 0x80 != 0
    {
        return Some((u16::from_be_bytes([3, minor]), Vec::new()));
    }
    let message = tls::client_hello(stream).found()?;
    let hello = ClientHello::parse(&message.body)?;
    let old = (0x0301..=0x0302).contains(&hello.legacy_version)
        && hello.extensions.get(extension::SUPPORTED_VERSIONS).is_none();
    old.then(|| (hello.legacy_version, hello.ciphers().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hello for `web` that offers `h2` and `http/1.1`, in one record.
    fn hello() -> Vec<u8> {
        let mut extensions = vec![0, 0, 0, 8, 0, 6, 0, 0, 3];
        extensions.extend_from_slice(b"web");
        extensions.extend_from_slice(&[0, 16, 0, 14, 0, 12, 2, b'h', b'2', 8]);
        extensions.extend_from_slice(b"http/1.1");
        let mut body = vec![3, 3];
        body.extend_from_slice(&[7; 32]);
        body.extend_from_slice(&[0, 0, 2, 0x13, 1, 1, 0, 0, extensions.len() as u8]);
        body.extend_from_slice(&extensions);
        let mut message = vec![1, 0, 0, body.len() as u8];
        message.extend_from_slice(&body);
        message
    }

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        let record = |part: &[u8]| [&[22, 3, 1, 0, part.len() as u8], part].concat();
        message.chunks(size).flat_map(record).collect()
    }

    #[test]
    fn a_hello_is_whole_however_many_records_it_comes_in() {
        for size in [200, 40, 3, 1] {
            let wire = records(&hello(), size);
            for cut in 0..wire.len() {
                assert_eq!(look(&wire[..cut]), Begun::More, "{cut} of {size}");
            }
            assert_eq!(look(&wire), Begun::Hello(wire.len()));
            let wishes = wishes(&wire);
            assert_eq!(wishes.server_name.as_deref(), Some("web"));
            assert_eq!(wishes.protocols, ["h2", "http/1.1"]);
            // printf '771,4865,0-16,,' | md5sum
            assert_eq!(wishes.ja3.as_deref(), Some("33b746a27502e1c870d11cfc1893be87"));
            assert_eq!(wishes.ja4.as_deref(), Some("t12d0102h2_0f2cb44170f4_000000000000"));
        }
    }

    #[test]
    fn what_is_no_hello_is_told_at_once() {
        assert_eq!(look(b"GET / HTTP/1.1"), Begun::Other);
        assert_eq!(look(&[0x80, 0x2e, 1]), Begun::Odd);
        assert_eq!(look(&[22, 3, 1, 0, 4, 2, 0, 0, 0]), Begun::Odd);
        assert_eq!(look(&[22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff]), Begun::Odd);
        assert_eq!(look(&[22, 3, 1, 0, 0]), Begun::Odd);
    }

    #[test]
    fn a_hello_cut_anywhere_does_no_harm() {
        let wire = records(&hello(), 200);
        for cut in 0..wire.len() {
            assert_eq!(wishes(&wire[..cut]), Wishes::default());
            assert_eq!(old_offer(&wire[..cut]), None);
        }
    }
}
