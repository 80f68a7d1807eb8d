//! What a client proposes, and its fingerprint (HASSH). Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use md5::{Digest, Md5};
use model::event::Fields;

/// The name-lists of an `SSH_MSG_KEXINIT`, as they were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KexInit {
    lists: [String; LISTS.len()],
    pub first_kex_follows: bool,
}

/// RFC 4253 §7.1, in its order.
const LISTS: [&str; 10] = [
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
const KEXINIT: u8 = 20;
const COOKIE: usize = 16;
/// Bytes of a proposal that are reported, as lists and once more as they were sent.
const KEPT: usize = 4096;

// === impl KexInit ===

impl KexInit {
    /// Reads the payload of a packet, message number first.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (&number, rest) = payload.split_first()?;
        let mut rest = rest.get(COOKIE..)?;
        if number != KEXINIT {
            return None;
        }
        let mut lists: [String; LISTS.len()] = Default::default();
        for list in &mut lists {
            let (len, after) = rest.split_first_chunk::<4>()?;
            let (names, after) = after.split_at_checked(u32::from_be_bytes(*len) as usize)?;
            *list = String::from_utf8_lossy(names).into_owned();
            rest = after;
        }
        Some(Self {
            lists,
            first_kex_follows: *rest.first()? != 0,
        })
    }

    /// `md5(kex;ciphers;macs;compressions)` of the direction from the client.
    pub fn hassh(&self) -> String {
        let [kex, _, cipher, _, mac, _, compression, ..] = &self.lists;
        hex::encode(Md5::digest(format!("{kex};{cipher};{mac};{compression}")))
    }

    /// The fields of a `hassh` event; `payload` is what [`KexInit::parse`] read.
    pub fn fields(&self, payload: &[u8]) -> Fields {
        let mut fields = Fields::from_iter([("hassh".to_owned(), self.hassh().into())]);
        let mut room = KEPT;
        for (name, list) in LISTS.iter().zip(&self.lists).filter(|(_, list)| !list.is_empty()) {
            let list: String = list.chars().take(room).collect();
            room = room.saturating_sub(list.len());
            fields.insert((*name).to_owned(), list.into());
        }
        fields.insert("first_kex_follows".into(), self.first_kex_follows.into());
        let raw = &payload[..payload.len().min(KEPT)];
        fields.insert("kexinit_b64".into(), B64.encode(raw).into());
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload() -> Vec<u8> {
        let mut payload = vec![KEXINIT];
        payload.extend([7; COOKIE]);
        let lists = [
            "curve25519-sha256",
            "ssh-ed25519",
            "aes128-ctr",
            "x",
            "hmac-sha2-256",
            "y",
            "none",
            "none",
            "",
            "",
        ];
        for list in lists {
            payload.extend((list.len() as u32).to_be_bytes());
            payload.extend(list.as_bytes());
        }
        payload.extend([1, 0, 0, 0, 0]);
        payload
    }

    #[test]
    fn the_fingerprint_is_the_md5_of_four_lists() {
        let parsed = KexInit::parse(&payload()).unwrap();
        assert!(parsed.first_kex_follows);
        // printf 'curve25519-sha256;aes128-ctr;hmac-sha2-256;none' | md5sum
        assert_eq!(parsed.hassh(), "e97d07603350d1111ec2b64bf25413c9");
        let fields = parsed.fields(&payload());
        assert_eq!(fields["cipher_s2c"], "x");
        assert!(!fields.contains_key("language_c2s"));
    }

    #[test]
    fn no_cut_of_it_is_read_or_panics() {
        let whole = payload();
        for len in 0..whole.len() - 4 {
            assert_eq!(KexInit::parse(&whole[..len]), None, "{len}");
        }
    }
}
