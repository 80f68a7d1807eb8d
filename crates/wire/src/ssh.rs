//! What SSH says in the clear: identification lines and the proposals of both sides (RFC 4253), and their HASSH
//! (Salesforce, BSD 3-Clause, <https://github.com/salesforce/hassh>).

use crate::Look;
use crate::digest::{md5_hex, sha256_hex};
use crate::read::Reader;

/// Lines before the identification, and bytes of them, that are passed over.
pub const MAX_LINES_BEFORE: usize = 50;
pub const MAX_BEFORE: usize = 8 << 10;
/// OpenSSH takes so much as the identification line; RFC 4253 says 255.
pub const MAX_LINE: usize = 8 << 10;
/// The longest first packet that is waited for (RFC 4253 §6.1).
pub const MAX_PACKET: usize = 35_000;
/// The number of a proposal among the messages.
pub const KEXINIT: u8 = 20;
const PREFIX: &[u8] = b"SSH-";

/// The identification at the start of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Banner<'a> {
    /// `SSH-2.0-...` without the end of the line.
    pub line: &'a [u8],
    /// Lines that came before.
    pub lines_before: usize,
    /// The line ended in CR LF, as it must.
    pub crlf: bool,
    /// Bytes up to the end of the line.
    pub end: usize,
}

/// The ten name-lists of an `SSH_MSG_KEXINIT`, verbatim (RFC 4253 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KexInit<'a> {
    pub cookie: &'a [u8; 16],
    /// In the order of [`LISTS`].
    pub lists: [&'a [u8]; LISTS.len()],
    pub first_kex_follows: bool,
    /// The payload, message number first.
    pub payload: &'a [u8],
}

/// A binary packet before keys are agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub payload: &'a [u8],
    /// Its `packet_length`.
    pub length: usize,
    pub padding: &'a [u8],
}

/// Names of the lists.
pub const LISTS: [&str; 10] = [
    "kex",
    "host_key",
    "cipher_c2s",
    "cipher_s2c",
    "mac_c2s",
    "mac_s2c",
    "compression_c2s",
    "compression_s2c",
    "language_c2s",
    "language_s2c",
];

/// Looks for the identification, which may have other lines before it.
pub fn banner(stream: &[u8]) -> Look<Banner<'_>> {
    let mut at = 0;
    for lines_before in 0..=MAX_LINES_BEFORE {
        let rest = &stream[at..];
        let begins = rest.len().min(PREFIX.len());
        if rest[..begins] == PREFIX[..begins] && begins < PREFIX.len() {
            return Look::More;
        }
        let end = rest.iter().take(MAX_LINE).position(|&byte| byte == b'\n');
        if rest.starts_with(PREFIX) {
            return identification(rest, end).map(|found| Banner {
                lines_before,
                end: at + found.end,
                ..found
            });
        }
        // A line before it is text, and there is none on the client's side.
        if rest
            .first()
            .is_some_and(|byte| !matches!(byte, b'\t' | b'\r' | b'\n' | 0x20..))
        {
            return Look::Other;
        }
        match end {
            Some(end) => at += end + 1,
            None if rest.len() >= MAX_LINE => return Look::Other,
            None => return Look::More,
        }
        if at > MAX_BEFORE {
            return Look::Other;
        }
    }
    Look::Other
}

fn identification(line: &[u8], end: Option<usize>) -> Look<Banner<'_>> {
    let Some(end) = end else {
        return if line.len() >= MAX_LINE {
            Look::Other
        } else {
            Look::More
        };
    };
    let text = line[..end].strip_suffix(b"\r");
    Look::Found(Banner {
        line: text.unwrap_or(&line[..end]),
        lines_before: 0,
        crlf: text.is_some(),
        end: end + 1,
    })
}

/// Looks for the first packet, which follows the identification: what is after [`Banner::end`].
pub fn packet(stream: &[u8]) -> Look<Packet<'_>> {
    let mut reader = Reader(stream);
    let Some(length) = reader.u32() else {
        return Look::More;
    };
    let length = length as usize;
    if !(2..=MAX_PACKET).contains(&length) {
        return Look::Other;
    }
    let Some(body) = reader.take(length) else {
        return Look::More;
    };
    let padding = usize::from(body[0]);
    match body[1..].split_at_checked((length - 1).wrapping_sub(padding)) {
        Some((payload, padding)) if !payload.is_empty() => Look::Found(Packet {
            payload,
            length,
            padding,
        }),
        _ => Look::Other,
    }
}

// === impl KexInit ===

impl<'a> KexInit<'a> {
    /// Reads the payload of a packet, message number first.
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(payload);
        if reader.u8()? != KEXINIT {
            return None;
        }
        let cookie = reader.array()?;
        let mut lists: [&[u8]; LISTS.len()] = Default::default();
        for list in &mut lists {
            let length = reader.u32()?;
            *list = reader.take(length as usize)?;
        }
        Some(Self {
            cookie,
            lists,
            first_kex_follows: reader.u8()? != 0,
            payload,
        })
    }

    /// What a client's HASSH is the MD5 of: `kex;ciphers;macs;compressions`, of the direction from the client.
    pub fn client_algorithms(&self) -> Vec<u8> {
        let [kex, _, cipher, _, mac, _, compression, ..] = self.lists;
        [kex, cipher, mac, compression].join(&b';')
    }

    /// The same of the direction from the server.
    pub fn server_algorithms(&self) -> Vec<u8> {
        let [kex, _, _, cipher, _, mac, _, compression, ..] = self.lists;
        [kex, cipher, mac, compression].join(&b';')
    }

    /// HASSH, of a client's proposal.
    pub fn hassh(&self) -> String {
        md5_hex(&self.client_algorithms())
    }

    /// HASSHServer, of a server's proposal.
    pub fn hassh_server(&self) -> String {
        md5_hex(&self.server_algorithms())
    }

    /// No one who makes random numbers sends such a cookie.
    pub fn cookie_is_zero(&self) -> bool {
        *self.cookie == [0; 16]
    }

    /// SHA-256 over the payload with the cookie taken out, so that it stays the same from one connection to the next.
    pub fn payload_sha256(&self) -> String {
        let after_cookie = &self.payload[1 + self.cookie.len()..];
        sha256_hex(&[&[KEXINIT], after_cookie].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(lists: [&str; 10]) -> Vec<u8> {
        let mut payload = vec![KEXINIT];
        payload.extend([7; 16]);
        for list in lists {
            payload.extend((list.len() as u32).to_be_bytes());
            payload.extend(list.as_bytes());
        }
        payload.extend([1, 0, 0, 0, 0]);
        payload
    }

    #[test]
    fn a_client_and_a_server_have_each_their_own_hash() {
        let kex = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,\
                   ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,\
                   diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,diffie-hellman-group14-sha1,ext-info-c";
        let ciphers = "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,\
                       aes256-gcm@openssh.com";
        let macs = "umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,\
                    hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,\
                    hmac-sha2-256,hmac-sha2-512,hmac-sha1";
        let none = "none,zlib@openssh.com,zlib";
        let client = payload([kex, "ssh-rsa", ciphers, "x", macs, "y", none, "z", "", ""]);
        let client = KexInit::parse(&client).unwrap();
        assert_eq!(client.hassh(), "ec7378c1a92f5a8dde7e8b7a1ddf33d1");
        assert!(client.first_kex_follows && !client.cookie_is_zero());

        let kex = "curve25519-sha256,ecdh-sha2-nistp256";
        let (ciphers, mac) = ("aes128-ctr,aes256-ctr", "hmac-sha2-256");
        let server = payload([kex, "ssh-rsa", "x", ciphers, "y", mac, "z", "none", "", ""]);
        let server = KexInit::parse(&server).unwrap();
        assert_eq!(server.hassh_server(), "a7798297f5f9542056a6ca5d50554df7");
    }

    #[test]
    fn no_cut_of_a_proposal_is_read_or_panics() {
        let whole = payload(["a"; 10]);
        for len in 0..whole.len() - 4 {
            assert_eq!(KexInit::parse(&whole[..len]), None, "{len}");
        }
    }

    #[test]
    fn an_identification_is_found_behind_other_lines() {
        let stream = b"Welcome\r\nto this\nSSH-2.0-OpenSSH_9.2p1 Debian\r\nrest";
        let found = banner(stream).found().unwrap();
        assert_eq!(found.line, b"SSH-2.0-OpenSSH_9.2p1 Debian");
        assert_eq!(
            (found.lines_before, found.crlf, &stream[found.end..]),
            (2, true, &b"rest"[..])
        );
        for cut in 0..found.end {
            assert_eq!(banner(&stream[..cut]), Look::More, "{cut}");
        }
        let bare = banner(b"SSH-1.5-x\n").found().unwrap();
        assert_eq!((bare.line, bare.crlf), (&b"SSH-1.5-x"[..], false));
    }

    #[test]
    fn what_never_becomes_an_identification_is_given_up() {
        assert_eq!(banner(&[0x16, 3, 1]), Look::Other);
        assert_eq!(banner(&b"hello\n".repeat(MAX_LINES_BEFORE + 1)), Look::Other);
        assert_eq!(banner(&[b'a'; MAX_LINE]), Look::Other);
        assert_eq!(banner(&[b"SSH-", &[b'a'; MAX_LINE][..]].concat()), Look::Other);
    }

    #[test]
    fn a_packet_is_taken_apart_into_payload_and_padding() {
        let whole = [0, 0, 0, 8, 4, 20, 1, 2, 9, 9, 9, 9, 0xff];
        let found = packet(&whole).found().unwrap();
        assert_eq!(
            (found.payload, found.length, found.padding),
            (&[20, 1, 2][..], 8, &[9; 4][..])
        );
        for cut in 0..12 {
            assert_eq!(packet(&whole[..cut]), Look::More);
        }
        for odd in [[0, 0, 0, 1, 0, 0], [0, 0, 0, 2, 2, 0], [0xff; 6], [0, 0, 0, 2, 1, 0]] {
            assert_eq!(packet(&odd), Look::Other, "{odd:?}");
        }
    }
}
