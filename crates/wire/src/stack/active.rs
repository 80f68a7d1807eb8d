//! The SYN-ACK of a host that was asked: the fingerprint that says `tcpfp`.

use std::fmt;

use super::{Signature, signature::short_hash};
use crate::{ip::Ip, tcp::Options};

/// What the answer to an active SYN shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveStack {
    pub signature: Signature,
    pub dont_fragment: bool,
    pub sack: bool,
    pub timestamps: bool,
    pub dscp: u8,
    pub ecn: u8,
}

// === impl ActiveStack ===

impl ActiveStack {
    pub fn of(ip: &Ip<'_>, options: &Options, signature: Signature) -> Self {
        Self {
            signature,
            dont_fragment: ip.dont_fragment,
            sack: options.sack_permitted,
            timestamps: options.timestamps.is_some(),
            dscp: ip.dscp(),
            ecn: ip.ecn(),
        }
    }

    /// `ttl:window:df:mss:wscale:sack:ts:options:dscp:ecn`, with the TTL observed: it changes with the path.
    pub fn raw(&self) -> String {
        let Self {
            signature,
            dont_fragment,
            sack,
            timestamps,
            dscp,
            ecn,
        } = self;
        let scale = fmt::from_fn(|f| match signature.scale {
            Some(scale) => write!(f, "{scale}"),
            None => f.write_str("-1"),
        });
        format!(
            "{}:{}:{}:{}:{scale}:{}:{}:{}:{dscp}:{ecn}",
            signature.ttl,
            signature.raw_window,
            u8::from(*dont_fragment),
            signature.mss.unwrap_or(0),
            u8::from(*sack),
            u8::from(*timestamps),
            signature.kinds.letters(),
        )
    }

    /// `v2:version:initial ttl:option length:mss:window,scale:layout:quirks`: the same from anywhere.
    pub fn raw_v2(&self) -> String {
        let sig = self.signature.stack_sig();
        let without_payload = sig.rsplit_once(':').map_or(sig.as_str(), |(head, _)| head);
        format!("v2:{without_payload}")
    }

    /// The first 32 hex digits of the SHA-256 of a raw string.
    pub fn hash(raw: &str) -> String {
        short_hash(raw)
    }
}
