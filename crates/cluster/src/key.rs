//! Exact-match tokens of observations: what family a value belongs to and what it is worth.

use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use serde::Serialize;
use siphasher::sip128::{Hasher128 as _, SipHasher13};

/// What kind of thing a value is. The order is the one observations list their values in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Family {
    Ja3,
    Ja4,
    Ja4Quic,
    /// How the attacker's own tool speaks SSH; never the daemon on the attacker's host.
    Hassh,
    Ja4h,
    TlsCert,
    SshHostKey,
    /// A public key the attacker planted.
    SshPubKey,
    /// Interface identifier made of a hardware address.
    Ipv6Iid,
    Payload,
    C2,
    /// Not a value of its own: a common client together with the infrastructure it was seen with.
    Composite,
    /// A user and a password, between campaigns alone.
    Credential,
}

/// What a value of a family says at birth, before anybody counted how common it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Secret or unique by nature: who has it is the one.
    Strong,
    /// How a tool looks on the wire.
    Fingerprint,
    /// What tools talk to or leave behind; may be shared by several hands.
    Infra,
}

/// 128 bits that stand for a value of a family, the same on every machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct KeyHash(u64, u64);

/// Maps by what is a hash already.
pub(crate) type PlainHash = BuildHasherDefault<Plain>;

#[derive(Default)]
pub(crate) struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = self.0.rotate_left(32) ^ value;
    }
}

// === impl Family ===

impl Family {
    /// Those that observations have values of.
    pub const OBSERVED: [Self; 11] = [
        Self::Ja3,
        Self::Ja4,
        Self::Ja4Quic,
        Self::Hassh,
        Self::Ja4h,
        Self::TlsCert,
        Self::SshHostKey,
        Self::SshPubKey,
        Self::Ipv6Iid,
        Self::Payload,
        Self::C2,
    ];

    pub fn class(self) -> Class {
        match self {
            Self::Ja3 | Self::Ja4 | Self::Ja4Quic | Self::Hassh | Self::Ja4h => Class::Fingerprint,
            Self::TlsCert | Self::SshHostKey | Self::SshPubKey | Self::Ipv6Iid => Class::Strong,
            Self::Payload | Self::C2 | Self::Composite | Self::Credential => Class::Infra,
        }
    }

    /// How much a shared value of it is worth, in (0, 1) (clustering.md §22.2).
    pub fn strength(self) -> f64 {
        match self.class() {
            Class::Strong => 0.9,
            Class::Fingerprint => 0.7,
            Class::Infra => 0.6,
        }
    }

    /// The bit of the slot in which two tools can be seen to differ. An HTTP or QUIC fingerprint changes with the
    /// request, so it can agree but not disagree.
    pub(crate) fn slot(self) -> u8 {
        match self {
            Self::Ja3 | Self::Ja4 | Self::Hassh => 1 << self as u8,
            _ => 0,
        }
    }

    /// Families that follow from the same part of a tool say the same thing twice.
    pub(crate) fn is_independent_of(self, other: Self) -> bool {
        self.source() != other.source()
    }

    fn source(self) -> u8 {
        match self {
            Self::Ja3 | Self::Ja4 | Self::Ja4Quic => Self::Ja3 as u8,
            Self::Payload | Self::C2 => Self::Payload as u8,
            other => other as u8,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ja3 => "ja3",
            Self::Ja4 => "ja4",
            Self::Ja4Quic => "ja4_quic",
            Self::Hassh => "hassh",
            Self::Ja4h => "ja4h",
            Self::TlsCert => "tls_cert_sha256",
            Self::SshHostKey => "ssh_hostkey",
            Self::SshPubKey => "ssh_pubkey",
            Self::Ipv6Iid => "ipv6_iid",
            Self::Payload => "payload",
            Self::C2 => "c2",
            Self::Composite => "composite",
            Self::Credential => "credential",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl KeyHash ===

impl KeyHash {
    pub fn of(family: Family, value: &str) -> Self {
        let mut hasher = SipHasher13::new();
        hasher.write_u8(family as u8);
        hasher.write(value.as_bytes());
        let hash = hasher.finish128();
        Self(hash.h1, hash.h2)
    }

    /// The key of a common client with one piece of infrastructure.
    pub(crate) fn composite(fingerprint: Self, infra: Self) -> Self {
        let mut hasher = SipHasher13::new();
        hasher.write_u8(Family::Composite as u8);
        for half in [fingerprint.0, fingerprint.1, infra.0, infra.1] {
            hasher.write_u64(half);
        }
        let hash = hasher.finish128();
        Self(hash.h1, hash.h2)
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.0, self.1)
    }
}
