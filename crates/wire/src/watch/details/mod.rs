//! The values of each kind of observation. What is not known is left out.

mod flow;
mod http;
mod quic;
mod ssh;
mod syn;
mod tls;
mod tries;

use std::{borrow::Cow, fmt::Display, net::Ipv4Addr, net::Ipv6Addr};

use serde::{Serialize, Serializer};

pub use flow::Flow;
pub use http::{Http2Settings, HttpRequest};
pub use quic::{QuicHello, QuicProbe};
pub use ssh::{SshBanner, SshKex};
pub use syn::Syn;
pub(super) use tls::sni;
pub use tls::{Asked, TlsCertificate, TlsHello, TlsSession};
pub use tries::{PortTries, Tried};

use crate::time::Time;

/// A host of the same link told its link-local address.
#[derive(Clone, Debug, Serialize)]
pub struct LinkLocalLeak {
    pub src_ip: Ipv6Addr,
    pub dst_ip: Ipv6Addr,
    /// How the address was made: `eui64` or `stable_privacy`.
    pub iid_kind: &'static str,
    /// Of the address where it gives one away, else of the frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Its first three bytes; empty when there is none.
    pub mac_oui: String,
    pub mac_randomised: bool,
    /// The address the same card has in IPv4, by ARP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attacker_v4: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_evidence: Option<&'static str>,
    /// `ndp`, `mdns`, `llmnr`, `dhcpv6`, `icmp6` or `other`.
    pub vector: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct HostChange {
    /// What is another than before: `sig_diff`, `os_sig`, `ttl`, `mtu`, `tstamp`, `port`.
    pub reasons: Vec<&'static str>,
    pub stack_sig: String,
}

/// A scanner that shows by what it does with its connections.
#[derive(Clone, Debug, Serialize)]
pub struct ScannerSeen {
    pub scanner: &'static str,
    pub scanner_confidence: f64,
    pub scanner_evidence: &'static str,
    /// Before, the source had shown another program.
    pub tool_change: bool,
}

/// Observations that were not told because they were the same as one told before.
#[derive(Clone, Debug, Serialize)]
pub struct Repeat {
    /// Of what kind they were.
    pub repeated: &'static str,
    #[serde(serialize_with = "rfc3339")]
    pub first_ts: Time,
    #[serde(serialize_with = "rfc3339")]
    pub last_ts: Time,
    pub count: u64,
}

/// Text of a peer: what is no UTF-8 is replaced, and it is cut to `most` bytes.
pub(super) fn text(bytes: &[u8], most: usize) -> String {
    match String::from_utf8_lossy(&bytes[..bytes.len().min(most)]) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}

/// `2026-01-31T12:00:00.123456Z`.
pub(super) fn rfc3339<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// What can be shown, as text.
struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Milliseconds with two places.
pub(super) fn millis(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}
