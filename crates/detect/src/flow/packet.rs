//! A packet as the flow table needs it: no more than that, and no borrowed bytes.

use wire::ip::Ip;
use wire::packet::{Net, Transport};

use crate::addr::Addr;
use crate::event::{Arp, Proto};
use crate::time::Time;

/// One IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    pub at: Time,
    pub src: Addr,
    pub dst: Addr,
    pub carried: Carried,
}

/// What it carries. Lengths are of payload, as the headers say, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    Tcp {
        sport: u16,
        dport: u16,
        flags: TcpFlags,
        payload: u32,
    },
    Udp {
        sport: u16,
        dport: u16,
        payload: u32,
    },
    Sctp {
        sport: u16,
        dport: u16,
        payload: u32,
    },
    EchoRequest {
        id: u16,
        v6: bool,
    },
    EchoReply {
        id: u16,
        v6: bool,
    },
    /// An ICMP error about a packet that went from here (`src`) to there.
    Unreachable {
        proto: Proto,
        src: Addr,
        sport: u16,
        dst: Addr,
        dport: u16,
    },
    /// Anything else, or a piece of a datagram.
    Other,
}

/// The flags byte of a TCP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpFlags(pub u8);

const PROTO_TCP: u8 = 6;
const PROTO_UDP: u8 = 17;
const PROTO_SCTP: u8 = 132;

// === impl TcpFlags ===

impl TcpFlags {
    const FIN: u8 = 0x01;
    const SYN: u8 = 0x02;
    const RST: u8 = 0x04;
    const PSH: u8 = 0x08;
    const ACK: u8 = 0x10;
    const URG: u8 = 0x20;
    const ALL: u8 = 0x3f;

    pub(crate) fn syn(self) -> bool {
        self.0 & Self::SYN != 0
    }

    pub(crate) fn ack(self) -> bool {
        self.0 & Self::ACK != 0
    }

    pub(crate) fn rst(self) -> bool {
        self.0 & Self::RST != 0
    }

    pub(crate) fn fin(self) -> bool {
        self.0 & Self::FIN != 0
    }

    /// No client sends these to a port it has nothing open with.
    pub(crate) fn is_stealth(self) -> bool {
        let flags = self.0 & Self::ALL;
        flags == 0
            || flags == Self::FIN
            || flags == Self::FIN | Self::PSH | Self::URG
            || flags & (Self::SYN | Self::FIN) == Self::SYN | Self::FIN
    }

    pub(crate) fn is_lone_ack(self) -> bool {
        self.0 & Self::ALL == Self::ACK
    }
}

// === impl Packet ===

impl Packet {
    /// What a dissected packet says; none for ARP.
    #[inline]
    pub fn of(at: Time, net: &Net<'_>) -> Option<Self> {
        let Net::Ip(ip, transport) = net else { return None };
        let (src, dst) = (Addr::from(ip.source), Addr::from(ip.destination));
        Some(Self {
            at,
            src,
            dst,
            carried: carried(ip, transport),
        })
    }
}

/// An ARP request, as an event's body.
pub fn arp(net: &Net<'_>) -> Option<Arp> {
    const REQUEST: u16 = 1;
    match net {
        Net::Arp(arp) if arp.operation == REQUEST => {
            let ((mac, sender), (_, target)) = (arp.sender, arp.target);
            Some(Arp {
                mac: mac.0,
                sender: sender.into(),
                target: target.into(),
            })
        }
        _ => None,
    }
}

fn carried(ip: &Ip<'_>, transport: &Transport<'_>) -> Carried {
    match transport {
        Transport::Tcp(tcp) => Carried::Tcp {
            sport: tcp.source_port,
            dport: tcp.destination_port,
            flags: TcpFlags(tcp.flags.0),
            payload: length(tcp.payload_len),
        },
        Transport::Udp(udp) => Carried::Udp {
            sport: udp.source_port,
            dport: udp.destination_port,
            payload: length(udp.payload_len),
        },
        Transport::Icmp(icmp) => {
            let id = u16::from_be_bytes([icmp.rest[0], icmp.rest[1]]);
            let (request, reply, unreachable) = if icmp.v6 { (128, 129, 1) } else { (8, 0, 3) };
            if icmp.kind == request {
                Carried::EchoRequest { id, v6: icmp.v6 }
            } else if icmp.kind == reply {
                Carried::EchoReply { id, v6: icmp.v6 }
            } else if icmp.kind == unreachable {
                icmp.quoted()
                    .and_then(|quoted| quote(&quoted))
                    .unwrap_or(Carried::Other)
            } else {
                Carried::Other
            }
        }
        Transport::Other => unread(ip),
        Transport::Fragment => Carried::Other,
    }
}

/// SCTP, and headers that the capture cut short, as far as they go.
fn unread(ip: &Ip<'_>) -> Carried {
    let [a, b, c, d, rest @ ..] = ip.payload else {
        return Carried::Other;
    };
    let (sport, dport) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
    match ip.protocol {
        PROTO_SCTP => Carried::Sctp {
            sport,
            dport,
            payload: length(ip.payload_len.saturating_sub(12)),
        },
        PROTO_UDP => Carried::Udp {
            sport,
            dport,
            payload: length(ip.payload_len.saturating_sub(8)),
        },
        PROTO_TCP => match rest.get(8..10) {
            Some([offset, flags]) => {
                let header = usize::from(offset >> 4).max(5) * 4;
                let payload = length(ip.payload_len.saturating_sub(header));
                Carried::Tcp {
                    sport,
                    dport,
                    flags: TcpFlags(*flags),
                    payload,
                }
            }
            _ => Carried::Other,
        },
        _ => Carried::Other,
    }
}

fn quote(quoted: &wire::icmp::Quoted<'_>) -> Option<Carried> {
    let proto = match quoted.ip.protocol {
        PROTO_TCP => Proto::Tcp,
        PROTO_UDP => Proto::Udp,
        _ => return None,
    };
    let (sport, dport) = quoted.ports?;
    Some(Carried::Unreachable {
        proto,
        src: quoted.ip.source.into(),
        sport,
        dst: quoted.ip.destination.into(),
        dport,
    })
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
