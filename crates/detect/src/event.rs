//! The event record: what every sensor's input becomes, and the only thing detectors see.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::addr::Addr;
use crate::http::canon::Traversal;
use crate::time::{Span, Time};

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    pub at: Time,
    /// What made it: `pcap`, `http`, `zeek`, `tools`, `events`, `bus`.
    pub sensor: &'static str,
    pub tags: Vec<String>,
    pub body: Body,
}

#[derive(Clone, Debug)]
pub enum Body {
    /// A connection is tried.
    Attempt(Attempt),
    /// What became of an attempt; told in the order of attempts, five seconds after each.
    Resolved(Resolved),
    /// A connection carried at least 256 bytes.
    Productive(Attempt),
    /// The initiator's first payload byte on a connection that stands.
    Contact(Attempt),
    /// Payload between two hosts since the last event of this kind for their flow.
    Volume(Volume),
    /// An answered connection is over, or the input is.
    Ended(Ended),
    /// A packet that may matter to the watch for silence.
    Sighting(Sighting),
    Http(Box<Http>),
    Auth(Box<Auth>),
    Tls(Box<Tls>),
    Dns(Box<Dns>),
    Arp(Arp),
    Tool(Box<Call>),
    Decoy(Box<Decoy>),
    Canary(Box<Canary>),
    Heartbeat(Box<Heartbeat>),
}

/// What an event is; rules choose by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    FlowAttempt,
    FlowUpdate,
    Packet,
    Http,
    Auth,
    Tls,
    Dns,
    Arp,
    ToolCall,
    Decoy,
    Canary,
    Heartbeat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Proto {
    Tcp,
    Udp,
    Icmp,
    Icmp6,
    Sctp,
    Arp,
    Other,
}

/// Port 0 stands for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub at: Time,
    pub src: Addr,
    pub dst: Addr,
    pub sport: u16,
    pub dport: u16,
    pub proto: Proto,
    /// When the earliest productive connection of this source to this target and port began.
    pub familiar_since: Option<Time>,
    /// Probes that no client sends: no flags, FIN, FIN+PSH+URG, SYN+FIN, an ACK out of nowhere.
    pub stealth: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Answered,
    Rejected,
    Unanswered,
    /// The record does not tell.
    Unknown,
}

#[derive(Clone, Copy, Debug)]
pub struct Resolved {
    pub attempt: Attempt,
    pub outcome: Outcome,
    /// Something came back to this source from a peer it contacted, in this input.
    pub replies_visible: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Volume {
    pub src: Addr,
    pub dst: Addr,
    pub dport: u16,
    /// Bytes of payload from `src` to `dst`, and back.
    pub out: u64,
    pub back: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub attempt: Attempt,
    pub out: u64,
    pub back: u64,
    pub last: Time,
}

#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    pub src: Addr,
    pub dst: Addr,
    pub dport: u16,
    pub proto: Proto,
}

#[derive(Clone, Debug, Default)]
pub struct Http {
    pub src: Option<Addr>,
    pub method: String,
    /// The request target as written.
    pub target: String,
    /// Canonical path (see `http::canon`), lower case.
    pub path: String,
    pub query: String,
    pub status: u16,
    pub bytes: u64,
    pub host: String,
    pub user_agent: String,
    pub referer: String,
    /// As the log has it; empty when nobody was logged in.
    pub user: String,
    /// What the application calls it, `login_attempt`.
    pub event_type: String,
    /// What the application says of a login.
    pub outcome: Option<bool>,
    pub traversal: Option<Traversal>,
}

#[derive(Clone, Debug)]
pub struct Auth {
    pub src: Addr,
    pub dst: Option<Addr>,
    pub service: String,
    /// Trimmed, lower case; empty when unknown.
    pub user: String,
    pub success: bool,
    /// The secret's hash or the secret, for credentials planted as bait.
    pub secret: String,
}

#[derive(Clone, Debug, Default)]
pub struct Tls {
    pub src: Option<Addr>,
    pub dst: Option<Addr>,
    pub dport: u16,
    pub ja3: String,
    pub ja3s: String,
    pub ja4: String,
    pub sni: String,
}

#[derive(Clone, Debug)]
pub struct Dns {
    pub src: Addr,
    pub dst: Option<Addr>,
    pub query: String,
}

#[derive(Clone, Copy, Debug)]
pub struct Arp {
    pub mac: [u8; 6],
    pub sender: Addr,
    pub target: Addr,
}

/// An agent's tool call.
#[derive(Clone, Debug, Default)]
pub struct Call {
    pub agent: String,
    pub session: String,
    pub tenant: String,
    pub name: String,
    pub arguments: Value,
    /// What the caller itself thinks of it: `{id, level}`.
    pub signals: Vec<Signal>,
}

#[derive(Clone, Debug, Default)]
pub struct Signal {
    pub id: String,
    pub level: String,
}

#[derive(Clone, Debug)]
pub struct Decoy {
    pub src: Addr,
    pub dst: Option<Addr>,
    pub decoy: String,
    pub service: String,
    /// `connect`, `login`, `command`, or the decoy's own word.
    pub kind: String,
    pub user: String,
    pub secret: String,
    pub text: String,
}

#[derive(Clone, Debug)]
pub struct Canary {
    pub src: Addr,
    pub token: String,
}

#[derive(Clone, Debug)]
pub struct Heartbeat {
    pub src: Addr,
    pub name: String,
    pub period: Option<Span>,
}

// === impl Kind ===

impl Kind {
    /// Kinds that can tell of connections that stood; rules that look at others as well rest on what anybody can send.
    pub(crate) const GROUNDED: [Self; 3] = [Self::Http, Self::Auth, Self::Decoy];

    pub const ALL: [Self; 12] = [
        Self::FlowAttempt,
        Self::FlowUpdate,
        Self::Packet,
        Self::Http,
        Self::Auth,
        Self::Tls,
        Self::Dns,
        Self::Arp,
        Self::ToolCall,
        Self::Decoy,
        Self::Canary,
        Self::Heartbeat,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::FlowAttempt => "flow_attempt",
            Self::FlowUpdate => "flow_update",
            Self::Packet => "packet",
            Self::Http => "http",
            Self::Auth => "auth",
            Self::Tls => "tls",
            Self::Dns => "dns",
            Self::Arp => "arp",
            Self::ToolCall => "tool_call",
            Self::Decoy => "decoy",
            Self::Canary => "canary",
            Self::Heartbeat => "heartbeat",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// === impl Proto ===

impl Proto {
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Icmp6 => "icmp6",
            Self::Sctp => "sctp",
            Self::Arp => "arp",
            Self::Other => "other",
        }
    }

    pub fn parse(name: &str) -> Self {
        match name.trim().to_ascii_lowercase().as_str() {
            "tcp" => Self::Tcp,
            "udp" => Self::Udp,
            "icmp" => Self::Icmp,
            "icmp6" | "icmpv6" | "ipv6-icmp" => Self::Icmp6,
            "sctp" => Self::Sctp,
            "arp" => Self::Arp,
            _ => Self::Other,
        }
    }
}

// === impl Outcome ===

impl Outcome {
    pub fn failed(self) -> bool {
        matches!(self, Self::Rejected | Self::Unanswered)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Rejected => "rejected",
            Self::Unanswered => "unanswered",
            Self::Unknown => "unknown",
        }
    }
}

// === impl Event ===

impl Event {
    pub fn new(at: Time, sensor: &'static str, body: Body) -> Self {
        Self {
            at,
            sensor,
            tags: Vec::new(),
            body,
        }
    }

    pub fn kind(&self) -> Kind {
        match &self.body {
            Body::Attempt(_) => Kind::FlowAttempt,
            Body::Resolved(_) | Body::Productive(_) | Body::Contact(_) | Body::Volume(_) | Body::Ended(_) => {
                Kind::FlowUpdate
            }
            Body::Sighting(_) => Kind::Packet,
            Body::Http(_) => Kind::Http,
            Body::Auth(_) => Kind::Auth,
            Body::Tls(_) => Kind::Tls,
            Body::Dns(_) => Kind::Dns,
            Body::Arp(_) => Kind::Arp,
            Body::Tool(_) => Kind::ToolCall,
            Body::Decoy(_) => Kind::Decoy,
            Body::Canary(_) => Kind::Canary,
            Body::Heartbeat(_) => Kind::Heartbeat,
        }
    }

    /// Whether there was a connection that stood: nobody else can have made it in the source's name. Attempts, datagrams
    /// and pings can be sent with any source address.
    pub(crate) fn is_grounded(&self) -> bool {
        match &self.body {
            Body::Http(_) => true,
            Body::Auth(it) => !is_datagram_service(&it.service),
            Body::Decoy(it) => !is_datagram_service(&it.service),
            _ => false,
        }
    }

    /// Whose doing it is, when it has an address.
    pub fn src(&self) -> Option<Addr> {
        match &self.body {
            Body::Attempt(it) | Body::Productive(it) | Body::Contact(it) => Some(it.src),
            Body::Resolved(it) => Some(it.attempt.src),
            Body::Volume(it) => Some(it.src),
            Body::Ended(it) => Some(it.attempt.src),
            Body::Sighting(it) => Some(it.src),
            Body::Http(it) => it.src,
            Body::Auth(it) => Some(it.src),
            Body::Tls(it) => it.src,
            Body::Dns(it) => Some(it.src),
            Body::Arp(it) => Some(it.sender),
            Body::Decoy(it) => Some(it.src),
            Body::Canary(it) => Some(it.src),
            Body::Heartbeat(it) => Some(it.src),
            Body::Tool(_) => None,
        }
    }
}

/// Services over UDP whose events look like those of services over TCP.
const DATAGRAM_SERVICES: [&str; 15] = [
    "snmp",
    "tftp",
    "sip",
    "dns",
    "ntp",
    "ssdp",
    "coap",
    "mdns",
    "llmnr",
    "nbns",
    "radius",
    "dhcp",
    "syslog",
    "memcached",
    "ike",
];

fn is_datagram_service(name: &str) -> bool {
    DATAGRAM_SERVICES.iter().any(|known| known.eq_ignore_ascii_case(name))
}
