//! Where TLS begins in a stream that began as something else.

use crate::Look;
use crate::read::Reader;

/// Protocols that turn to TLS in the middle of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Upgrade {
    /// RFC 3207; LMTP, NNTP and ManageSieve ask the same way.
    Smtp,
    /// RFC 9051.
    Imap,
    /// RFC 2595.
    Pop3,
    /// RFC 4217.
    Ftp,
    /// RFC 4511 §4.14.
    Ldap,
    /// RFC 6120 §5.
    Xmpp,
    PostgreSql,
    MySql,
    /// TPKT and X.224 ([MS-RDPBCGR] §5.4.2).
    Rdp,
}

/// A client's upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upgraded {
    pub protocol: Upgrade,
    /// Where its first TLS record is.
    pub at: usize,
}

/// A line that is longer is of no protocol here.
const MAX_LINE: usize = 1024;
/// Content type handshake, major version 3.
const TLS: &[u8] = &[0x16, 3];
/// The client's ask of LDAP.
const LDAP_OID: &[u8] = b"1.3.6.1.4.1.1466.20037";
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
const GSS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];
/// Of MySQL's capabilities, in their second byte.
const MYSQL_SSL: u8 = 0x08;
/// First words of clients that may come to ask for TLS; of IMAP the second.
const VERBS: [&[u8]; 12] = [
    b"EHLO",
    b"HELO",
    b"LHLO",
    b"STARTTLS",
    b"CAPA",
    b"STLS",
    b"USER",
    b"AUTH",
    b"FEAT",
    b"NOOP",
    b"HOST",
    b"CAPABILITIES",
];
const IMAP_VERBS: [&[u8]; 5] = [b"CAPABILITY", b"STARTTLS", b"NOOP", b"ID", b"LOGIN"];

/// Looks for the upgrade in what a client sent.
pub fn client(stream: &[u8]) -> Look<Upgraded> {
    let found = |protocol, at: Look<usize>| at.map(|at| Upgraded { protocol, at });
    match stream {
        [] => Look::More,
        [0, ..] => found(Upgrade::PostgreSql, postgresql(stream)),
        [3, ..] => found(Upgrade::Rdp, rdp(stream, 0xe0)),
        [0x30, ..] => found(Upgrade::Ldap, ldap(stream)),
        [0x05 | 0x20, ..] => found(Upgrade::MySql, mysql(stream)),
        [b'<', ..] => found(Upgrade::Xmpp, xmpp(stream, b"starttls")),
        _ => lines(stream),
    }
}

/// Where TLS begins in what the server sent, once the client has asked for it.
pub fn server(protocol: Upgrade, stream: &[u8]) -> Look<usize> {
    match protocol {
        Upgrade::Smtp | Upgrade::Imap | Upgrade::Pop3 | Upgrade::Ftp => replies(stream),
        Upgrade::Ldap => units(stream, ber_length),
        Upgrade::Xmpp => xmpp(stream, b"proceed"),
        Upgrade::PostgreSql => units(stream, |rest| match rest {
            [b'S' | b'N' | b'G', ..] => Look::Found(1),
            _ => Look::Other,
        }),
        Upgrade::MySql => units(stream, |rest| match Reader(rest).array() {
            Some(&[a, b, c, 0]) => Look::Found(4 + u32::from_le_bytes([a, b, c, 0]) as usize),
            Some(_) => Look::Other,
            None => Look::More,
        }),
        Upgrade::Rdp => rdp(stream, 0xd0),
    }
}

/// Passes over units of known length until TLS comes.
fn units(stream: &[u8], length: impl Fn(&[u8]) -> Look<usize>) -> Look<usize> {
    let mut at = 0;
    loop {
        let rest = &stream[at..];
        match begins(rest) {
            Look::Found(()) => return Look::Found(at),
            Look::More => return Look::More,
            Look::Other => {}
        }
        match length(rest) {
            Look::Found(length) if length > 0 && length <= rest.len() => at += length,
            Look::Found(0) | Look::Other => return Look::Other,
            Look::Found(_) | Look::More => return Look::More,
        }
    }
}

fn begins(rest: &[u8]) -> Look<()> {
    match rest {
        [0x16, 3, ..] => Look::Found(()),
        [] | [0x16] => Look::More,
        _ => Look::Other,
    }
}

/// TLS must follow here.
fn must_begin(stream: &[u8], at: usize) -> Look<usize> {
    begins(stream.get(at..).unwrap_or_default()).map(|()| at)
}

fn lines(stream: &[u8]) -> Look<Upgraded> {
    if !stream.first().is_some_and(u8::is_ascii_graphic) {
        return Look::Other;
    }
    let mut at = 0;
    let mut asked = None;
    loop {
        let rest = &stream[at..];
        if let Some(protocol) = asked.filter(|_| rest.starts_with(&TLS[..rest.len().min(2)])) {
            return begins(rest).map(|()| Upgraded { protocol, at });
        }
        let line = match line(rest) {
            Look::Found(line) => line,
            Look::More => return Look::More,
            Look::Other => return Look::Other,
        };
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let is = |word: &[u8], verbs: &[&[u8]]| verbs.iter().any(|verb| word.eq_ignore_ascii_case(verb));
        if at == 0 && !is(first, &VERBS) && !is(second, &IMAP_VERBS) {
            return Look::Other;
        }
        asked = if is(first, &[b"STARTTLS"]) {
            Some(Upgrade::Smtp)
        } else if is(first, &[b"STLS"]) {
            Some(Upgrade::Pop3)
        } else if is(first, &[b"AUTH"]) && is(second, &[b"TLS", b"SSL", b"TLS-C", b"TLS-P"]) {
            Some(Upgrade::Ftp)
        } else if is(second, &[b"STARTTLS"]) {
            Some(Upgrade::Imap)
        } else {
            None
        };
        at += line.len();
    }
}

/// The next line with its end.
fn line(rest: &[u8]) -> Look<&[u8]> {
    let start = &rest[..rest.len().min(MAX_LINE)];
    let end = start.iter().position(|&byte| byte == b'\n');
    let line = end.map_or(start, |end| &start[..=end]);
    if line
        .iter()
        .any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace())
    {
        return Look::Other;
    }
    match end {
        Some(_) => Look::Found(line),
        None if start.len() == MAX_LINE => Look::Other,
        None => Look::More,
    }
}

fn replies(stream: &[u8]) -> Look<usize> {
    units(stream, |rest| line(rest).map(<[u8]>::len))
}

fn xmpp(stream: &[u8], element: &[u8]) -> Look<usize> {
    let starts: [&[u8]; 2] = [b"<?xml", b"<stream"];
    if !starts
        .iter()
        .any(|start| start[..start.len().min(stream.len())] == stream[..start.len().min(stream.len())])
    {
        return Look::Other;
    }
    let open = [b"<", element].concat();
    let Some(tag) = find(stream, &open, 0) else {
        return Look::More;
    };
    let Some(end) = find(stream, b">", tag) else {
        return Look::More;
    };
    let mut at = end + 1;
    if stream[end - 1] != b'/' {
        let close = [b"</", element, b">"].concat();
        let Some(closed) = find(stream, &close, end) else {
            return Look::More;
        };
        at = closed + close.len();
    }
    at += stream[at..]
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    must_begin(stream, at)
}

fn find(stream: &[u8], what: &[u8], from: usize) -> Option<usize> {
    stream[from..]
        .windows(what.len())
        .position(|window| window == what)
        .map(|at| from + at)
}

fn ldap(stream: &[u8]) -> Look<usize> {
    match ber_length(stream) {
        Look::Found(length) => match stream.get(..length) {
            Some(message) if find(message, LDAP_OID, 0).is_some() => must_begin(stream, length),
            Some(_) => Look::Other,
            None if length > MAX_LINE => Look::Other,
            None => Look::More,
        },
        Look::More => Look::More,
        Look::Other => Look::Other,
    }
}

/// Length of a BER sequence with its head.
fn ber_length(rest: &[u8]) -> Look<usize> {
    match *rest {
        [0x30, length, ..] if length < 0x80 => Look::Found(2 + usize::from(length)),
        [0x30, long @ 0x81..=0x84, ..] => {
            let digits = usize::from(long & 0x7f);
            match rest.get(2..2 + digits) {
                Some(bytes) => {
                    Look::Found(bytes.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)) + 2 + digits)
                }
                None => Look::More,
            }
        }
        [] | [0x30] => Look::More,
        _ => Look::Other,
    }
}

fn postgresql(stream: &[u8]) -> Look<usize> {
    let mut at = 0;
    loop {
        let rest = &stream[at..];
        match rest.first_chunk() {
            Some(&SSL_REQUEST) => return must_begin(stream, at + SSL_REQUEST.len()),
            Some(&GSS_REQUEST) if at == 0 => at += GSS_REQUEST.len(),
            Some(_) => return Look::Other,
            None if SSL_REQUEST[..7].starts_with(&rest[..rest.len().min(7)]) => return Look::More,
            None => return Look::Other,
        }
    }
}

fn mysql(stream: &[u8]) -> Look<usize> {
    match stream {
        [length @ (5 | 32), 0, 0, 1, _, capabilities, ..] if capabilities & MYSQL_SSL != 0 => {
            must_begin(stream, 4 + usize::from(*length))
        }
        [_, 0, 0, 1] | [_, 0, 0, 1, _] | [_, 0, 0] | [_, 0] | [_] => Look::More,
        _ => Look::Other,
    }
}

/// One TPKT with an X.224 unit of the kind given, and TLS behind it.
fn rdp(stream: &[u8], kind: u8) -> Look<usize> {
    match *stream {
        [3, 0, a, b, _, unit, ..] if unit & 0xf0 == kind => {
            let length = usize::from(u16::from_be_bytes([a, b]));
            if length < 7 {
                return Look::Other;
            }
            must_begin(stream, length)
        }
        [] | [3] => Look::More,
        [3, 0, ..] if stream.len() < 6 => Look::More,
        _ => Look::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &[u8] = &[0x16, 3, 1, 2, 0, 1];

    /// What clients send before the hello, each as a whole.
    fn clients() -> Vec<(Upgrade, Vec<u8>)> {
        let mut mysql = vec![32, 0, 0, 1, 0x85, 0xae, 0xff, 0];
        mysql.resize(36, 0);
        let rdp = b"\x03\x00\x00\x2a\x25\xe0\0\0\0\0\0Cookie: mstshash=user\r\n\x01\0\x08\0\x03\0\0\0";
        let mut ldap = vec![0x30, 0x1d, 2, 1, 1, 0x77, 0x18, 0x80, 0x16];
        ldap.extend(LDAP_OID);
        vec![
            (Upgrade::Smtp, b"EHLO me\r\nstarttls\r\n".to_vec()),
            (Upgrade::Imap, b"a1 CAPABILITY\r\na2 STARTTLS\r\n".to_vec()),
            (Upgrade::Pop3, b"CAPA\r\nSTLS\r\n".to_vec()),
            (Upgrade::Ftp, b"AUTH TLS\r\n".to_vec()),
            (Upgrade::Ldap, ldap),
            (
                Upgrade::Xmpp,
                b"<?xml version='1.0'?><stream:stream to='x'><starttls xmlns='urn:x'/>".to_vec(),
            ),
            (Upgrade::PostgreSql, [GSS_REQUEST, SSL_REQUEST].concat()),
            (Upgrade::PostgreSql, SSL_REQUEST.to_vec()),
            (Upgrade::MySql, mysql),
            (Upgrade::Rdp, rdp.to_vec()),
        ]
    }

    #[test]
    fn every_way_to_ask_for_tls_is_known_however_it_is_cut() {
        for (protocol, asked) in clients() {
            let stream = [&asked, HELLO].concat();
            let at = asked.len();
            assert_eq!(client(&stream), Look::Found(Upgraded { protocol, at }), "{protocol:?}");
            for cut in 0..at + 2 {
                assert_eq!(client(&stream[..cut]), Look::More, "{protocol:?} at {cut}");
            }
        }
    }

    #[test]
    fn tls_is_found_behind_the_servers_answers() {
        let mysql = [&[3, 0, 0, 0, 10, b'5', 0][..], HELLO].concat();
        for (protocol, answers, at) in [
            (
                Upgrade::Smtp,
                [b"220 hi\r\n250-x\r\n250 STARTTLS\r\n220 go\r\n", HELLO].concat(),
                37,
            ),
            (Upgrade::PostgreSql, [b"S", HELLO].concat(), 1),
            (Upgrade::PostgreSql, [b"NS", HELLO].concat(), 2),
            (Upgrade::MySql, mysql, 7),
            (
                Upgrade::Rdp,
                [b"\x03\x00\x00\x0b\x06\xd0\0\0\x12\x34\0", HELLO].concat(),
                11,
            ),
            (Upgrade::Ldap, [&[0x30, 3, 2, 1, 1][..], HELLO].concat(), 5),
            (
                Upgrade::Xmpp,
                [
                    b"<?xml version='1.0'?><stream:stream><proceed xmlns='u'></proceed>\n",
                    HELLO,
                ]
                .concat(),
                66,
            ),
        ] {
            assert_eq!(server(protocol, &answers), Look::Found(at), "{protocol:?}");
            for cut in 0..at + 2 {
                assert_eq!(server(protocol, &answers[..cut]), Look::More, "{protocol:?} at {cut}");
            }
        }
    }

    #[test]
    fn other_clients_are_let_go_at_once() {
        for stream in [
            &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
            b"SSH-2.0-OpenSSH_9.2\r\n",
            &[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2e],
            &[0, 0, 0, 9],
            &[3, 1, 0, 0, 0, 0],
            &[32, 0, 0, 1, 0x85, 0xa2, 0],
            &[0x30, 3, 2, 1, 1],
            b"<html>",
            &[0xff; 40],
        ] {
            assert_eq!(client(stream), Look::Other, "{stream:?}");
        }
        assert_eq!(client(&[b"EHLO ", &[b'a'; MAX_LINE][..]].concat()), Look::Other);
        assert_eq!(server(Upgrade::MySql, &[0, 0, 0, 1]), Look::Other);
        assert_eq!(server(Upgrade::PostgreSql, b"E"), Look::Other);
    }

    #[test]
    fn a_refusal_is_followed_by_more_lines_and_perhaps_another_try() {
        let stream = [b"EHLO me\r\nSTARTTLS\r\nNOOP\r\nSTARTTLS\r\n", HELLO].concat();
        assert_eq!(client(&stream).found().map(|found| found.at), Some(35));
    }
}
