//! The hello of SSL 2, in which old clients also offer TLS (RFC 5246 appendix E.2).

use std::borrow::Cow;

use super::kind::CLIENT_HELLO;
use super::message::Message;
use crate::Look;
use crate::read::Reader;

const SSL2: u16 = 0x0002;
/// The longest challenge that is one; TLS takes it as the random number.
const RANDOM: usize = 32;

/// Reads it into the form TLS gives a hello: ciphers that only SSL 2 has are left out, there are no extensions.
pub(super) fn client_hello(stream: &[u8]) -> Look<Message<'static>> {
    let mut reader = Reader(stream);
    let Some(head) = reader.u16() else {
        return match stream {
            [first, ..] if first & 0x80 == 0 => Look::Other,
            _ => Look::More,
        };
    };
    let length = usize::from(head & 0x7fff);
    if head & 0x8000 == 0 || length < 9 {
        return Look::Other;
    }
    match reader.0 {
        [first, ..] if *first != CLIENT_HELLO => return Look::Other,
        [_, major, minor, ..] if !matches!((major, minor), (0, 2) | (3, _)) => return Look::Other,
        _ => {}
    }
    let Some(message) = reader.take(length) else {
        return Look::More;
    };
    match translate(message) {
        Some(body) => Look::Found(Message {
            kind: CLIENT_HELLO,
            body: Cow::Owned(body),
            record_version: SSL2,
            records: 1,
        }),
        None => Look::Other,
    }
}

fn translate(message: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader(message);
    let (_kind, version) = (reader.u8()?, reader.array::<2>()?);
    let (ciphers, session, challenge) = (reader.u16()?, reader.u16()?, reader.u16()?);
    let ciphers = reader.take(ciphers.into())?;
    let session = reader.take(session.into())?;
    let challenge = reader.take(challenge.into())?;
    if !ciphers.len().is_multiple_of(3) || session.len() > RANDOM || challenge.len() > RANDOM {
        return None;
    }
    let of_tls = ciphers.chunks_exact(3).filter(|spec| spec[0] == 0);
    let mut body = version.to_vec();
    body.resize(2 + RANDOM - challenge.len(), 0);
    body.extend(challenge);
    body.push(session.len() as u8);
    body.extend(session);
    body.extend((2 * of_tls.clone().count() as u16).to_be_bytes());
    body.extend(of_tls.flat_map(|spec| &spec[1..]));
    body.extend([1, 0]);
    Some(body)
}
