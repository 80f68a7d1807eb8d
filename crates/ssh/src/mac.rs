//! Codes that tell a changed packet.

use hmac::{Hmac, KeyInit};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use crate::umac::Umac;

/// A code by what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub name: &'static str,
    pub key: usize,
    pub tag: usize,
    /// It is made of what is sent, not of what is meant.
    pub etm: bool,
}

const fn kind(name: &'static str, key: usize, tag: usize, etm: bool) -> Kind {
    Kind { name, key, tag, etm }
}

pub const KINDS: &[Kind] = &[
    kind("umac-64-etm@openssh.com", 16, 8, true),
    kind("umac-128-etm@openssh.com", 16, 16, true),
    kind("hmac-sha2-256-etm@openssh.com", 32, 32, true),
    kind("hmac-sha2-512-etm@openssh.com", 64, 64, true),
    kind("hmac-sha1-etm@openssh.com", 20, 20, true),
    kind("umac-64@openssh.com", 16, 8, false),
    kind("umac-128@openssh.com", 16, 16, false),
    kind("hmac-sha2-256", 32, 32, false),
    kind("hmac-sha2-512", 64, 64, false),
    kind("hmac-sha1", 20, 20, false),
];

/// A code with its key.
pub struct Mac {
    pub tag: usize,
    pub etm: bool,
    keyed: Keyed,
}

enum Keyed {
    Umac(Box<Umac>),
    Sha1(Box<Hmac<Sha1>>),
    Sha256(Box<Hmac<Sha256>>),
    Sha512(Box<Hmac<Sha512>>),
}

pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

// === impl Mac ===

impl Mac {
    /// `key` has the length of the kind.
    pub fn new(kind: &Kind, key: &[u8]) -> Option<Self> {
        let keyed = match (kind.key, kind.tag) {
            (16, tag) => Keyed::Umac(Box::new(Umac::new(key.try_into().ok()?, tag))),
            (20, _) => Keyed::Sha1(Box::new(Hmac::new_from_slice(key).ok()?)),
            (32, _) => Keyed::Sha256(Box::new(Hmac::new_from_slice(key).ok()?)),
            _ => Keyed::Sha512(Box::new(Hmac::new_from_slice(key).ok()?)),
        };
        Some(Self {
            tag: kind.tag,
            etm: kind.etm,
            keyed,
        })
    }

    pub fn append(&self, sequence: u32, packet: &[u8], out: &mut Vec<u8>) {
        fn hashed<M: hmac::Mac + Clone>(mac: &M, sequence: u32, packet: &[u8], out: &mut Vec<u8>) {
            let mut mac = mac.clone();
            mac.update(&sequence.to_be_bytes());
            mac.update(packet);
            out.extend_from_slice(&mac.finalize().into_bytes());
        }
        match &self.keyed {
            Keyed::Umac(umac) => out.extend_from_slice(&umac.tag(u64::from(sequence), packet)[..self.tag]),
            Keyed::Sha1(mac) => hashed(&**mac, sequence, packet, out),
            Keyed::Sha256(mac) => hashed(&**mac, sequence, packet, out),
            Keyed::Sha512(mac) => hashed(&**mac, sequence, packet, out),
        }
    }

    pub fn verifies(&self, sequence: u32, packet: &[u8], tag: &[u8]) -> bool {
        let mut right = Vec::with_capacity(64);
        self.append(sequence, packet, &mut right);
        crate::cipher::same(&right, tag)
    }
}
