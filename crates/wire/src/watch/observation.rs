//! What comes out: the one table of kinds.

use std::{net::IpAddr, sync::Arc};

use serde::{Serialize, Serializer};

use super::deckies::{Decky, Role};
use super::details::{
    Flow, HostChange, Http2Settings, HttpRequest, LinkLocalLeak, PortTries, QuicHello, QuicProbe, Repeat, ScannerSeen,
    SshBanner, SshKex, Syn, TlsCertificate, TlsHello, TlsSession,
};
use crate::time::Time;

/// One thing that was seen of one source.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Of the packet that showed it.
    pub at: Time,
    pub source: (IpAddr, u16),
    pub destination: (IpAddr, u16),
    pub role: Role,
    /// The machine it concerns; none where no machines are named.
    pub decky: Option<Arc<Decky>>,
    pub details: Details,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident($of:ty) = $kind:literal, $notice:literal;)*) => {
        /// What was seen, one variant a kind. Serializes as the kind's values.
        #[derive(Clone, Debug)]
        pub enum Details { $($(#[$doc])* $name(Box<$of>)),* }

        impl Details {
            /// Every kind there is.
            pub const KINDS: &[&str] = &[$($kind),*];

            /// The name of the kind.
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$name(_) => $kind),* }
            }

            /// Whether the bus is told of it beside the event.
            pub const fn is_noticed(&self) -> bool {
                match self { $(Self::$name(_) => $notice),* }
            }
        }

        impl Serialize for Details {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$name(details) => details.serialize(serializer)),* }
            }
        }

        $(impl From<$of> for Details {
            fn from(details: $of) -> Self { Self::$name(Box::new(details)) }
        })*
    };
}

kinds! {
    /// The stack behind a SYN.
    Syn(Syn) = "tcp_syn_fingerprint", true;
    /// All connections of a source to a port within five minutes.
    Flow(Flow) = "tcp_flow_timing", true;
    SshBanner(SshBanner) = "ssh_client_banner", true;
    SshKex(SshKex) = "ssh_client_kex", true;
    TlsHello(TlsHello) = "tls_client_hello", false;
    /// The server's answer to a hello.
    TlsSession(TlsSession) = "tls_session", true;
    /// What the server showed of itself, up to TLS 1.2. Never told of a machine of ours.
    TlsCertificate(TlsCertificate) = "tls_certificate", false;
    QuicHello(QuicHello) = "quic_client_hello", true;
    /// A QUIC packet of a version that nobody speaks.
    QuicProbe(QuicProbe) = "quic_probe", false;
    HttpRequest(HttpRequest) = "http_request_fingerprint", true;
    Http2Settings(Http2Settings) = "http2_settings", true;
    LinkLocalLeak(LinkLocalLeak) = "ipv6_link_local_leak", true;
    /// Another host behind the address than before, or another tool.
    HostChange(HostChange) = "host_change", false;
    ScannerSeen(ScannerSeen) = "scanner_detected", false;
    /// Ports of a machine that were closed, or open and let go of again; without a port of its own.
    PortTries(PortTries) = "port_tries", false;
    /// How often something was seen again.
    Repeat(Repeat) = "fingerprint_repeat", false;
}

// === impl Observation ===

impl Observation {
    /// The kind's name. What a machine of ours said in a hello is of a kind of its own, so that nobody takes it for an
    /// attacker's.
    pub fn kind(&self) -> &'static str {
        match (&self.details, self.role) {
            (Details::TlsHello(_), Role::Outbound) => "tls_outbound",
            (details, _) => details.kind(),
        }
    }
}
