//! The first message of TLS, as its sender wrote it (RFC 8446 §4.1.2).

/// A hello that is longer than this is not waited for.
pub(super) const MAX_HELLO: usize = 64 << 10;
const RECORD_HEAD: usize = 5;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;
/// Plain text of one record.
const MAX_RECORD: usize = 1 << 14;

/// What lies there so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// Not enough to tell.
    More,
    /// A whole hello, in so many bytes of records.
    Hello(usize),
    /// TLS, but no hello; or one too long.
    Odd,
    /// Not TLS at all.
    Other,
}

/// What a hello asks for by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    pub server_name: Option<String>,
    pub protocols: Vec<String>,
}

pub(super) fn look(bytes: &[u8]) -> Begun {
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

/// Reads the names out of the records of a whole hello.
pub(super) fn wishes(records: &[u8]) -> Wishes {
    read(&join(records)).unwrap_or_default()
}

fn join(records: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    let mut reader = Reader(records);
    while let Some(part) = reader.skip(3).and_then(|()| reader.block(2)) {
        message.extend_from_slice(part);
    }
    message
}

/// Version and ciphers of a hello that offers nothing newer than TLS 1.1, and nothing older than 1.0.
pub(super) fn old_offer(records: &[u8]) -> Option<(u16, Vec<u16>)> {
    // In the clothes of SSL 2: length, kind, version.
    if let &[first, _, CLIENT_HELLO, 3, minor @ 1..=2, ..] = records
        && first & 0x80 != 0
    {
        return Some((u16::from_be_bytes([3, minor]), Vec::new()));
    }
    let message = join(records);
    let mut hello = Reader(&message);
    hello.skip(1 + 3)?;
    let version = hello.number().filter(|version| (0x0301..=0x0302).contains(version))?;
    hello.skip(32)?;
    let (_session, ciphers, _compressions) = (hello.block(1)?, hello.block(2)?, hello.block(1)?);
    let mut extensions = Reader(hello.block(2).unwrap_or_default());
    while let (Some(kind), Some(_)) = (extensions.number(), extensions.block(2)) {
        if kind == SUPPORTED_VERSIONS {
            return None;
        }
    }
    let ciphers = ciphers
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    Some((version, ciphers.collect()))
}

fn read(message: &[u8]) -> Option<Wishes> {
    let mut hello = Reader(message);
    // Kind, length, version, random.
    hello.skip(1 + 3 + 2 + 32)?;
    let (_session, _ciphers, _compressions) = (hello.block(1)?, hello.block(2)?, hello.block(1)?);
    let mut extensions = Reader(hello.block(2)?);
    let mut wishes = Wishes::default();
    while let (Some(kind), Some(body)) = (extensions.number(), extensions.block(2)) {
        match kind {
            SERVER_NAME => wishes.server_name = server_name(body),
            ALPN => wishes.protocols = protocols(body).unwrap_or_default(),
            _ => {}
        }
    }
    Some(wishes)
}

fn server_name(body: &[u8]) -> Option<String> {
    let mut names = Reader(Reader(body).block(2)?);
    names.skip(1)?;
    Some(super::head::text(names.block(2)?))
}

fn protocols(body: &[u8]) -> Option<Vec<String>> {
    let mut list = Reader(Reader(body).block(2)?);
    let mut found = Vec::new();
    while let Some(name) = list.block(1) {
        found.push(super::head::text(name));
    }
    Some(found)
}

struct Reader<'a>(&'a [u8]);

// === impl Reader ===

impl<'a> Reader<'a> {
    fn skip(&mut self, n: usize) -> Option<()> {
        self.take(n).map(|_| ())
    }

    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// What a length of so many bytes says follows it.
    fn block(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let length = self
            .take(bytes)?
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        self.take(length)
    }
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
            wishes(&wire[..cut]);
            read(&hello()[..cut.min(hello().len())]);
        }
    }
}
