//! What hosts of one link tell each other: ARP (RFC 826), neighbour discovery (RFC 4861), and the hardware addresses
//! that IPv6 addresses give away (RFC 4291, appendix A).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{icmp::Icmp, link::Mac, packet::Malformed};

/// An ARP packet of IPv4 over Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    pub operation: u16,
    pub sender: (Mac, Ipv4Addr),
    pub target: (Mac, Ipv4Addr),
}

/// A neighbour discovery message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discovery {
    RouterSolicitation { source_mac: Option<Mac> },
    NeighbourSolicitation { target: Ipv6Addr, source_mac: Option<Mac> },
    NeighbourAdvertisement { target: Ipv6Addr, target_mac: Option<Mac> },
}

/// How the last 64 bits of an IPv6 address were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterfaceId {
    /// From a hardware address.
    Eui64(Mac),
    /// By chance or by a secret; the two cannot be told apart from outside.
    StablePrivacy,
}

/// More options than any honest message has.
const MAX_OPTIONS: usize = 16;
const OPTION_SOURCE: u8 = 1;
const OPTION_TARGET: u8 = 2;

// === impl Arp ===

impl Arp {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let packet = bytes.first_chunk::<28>().ok_or(Malformed::Arp)?;
        if packet[..6] != [0, 1, 8, 0, 6, 4] {
            return Err(Malformed::Arp);
        }
        let pair = |at: usize| {
            let p = &packet[at..at + 10];
            (
                Mac([p[0], p[1], p[2], p[3], p[4], p[5]]),
                Ipv4Addr::new(p[6], p[7], p[8], p[9]),
            )
        };
        Ok(Self {
            operation: u16::from_be_bytes([packet[6], packet[7]]),
            sender: pair(8),
            target: pair(18),
        })
    }
}

// === impl Discovery ===

impl Discovery {
    /// Reads a neighbour discovery message; `None` for other ICMPv6.
    pub fn read(message: &Icmp<'_>) -> Option<Self> {
        if !message.v6 {
            return None;
        }
        let target = || {
            let (octets, options) = message.payload.split_first_chunk::<16>()?;
            Some((Ipv6Addr::from_octets(*octets), options))
        };
        Some(match message.kind {
            133 => Self::RouterSolicitation {
                source_mac: link_address(message.payload, OPTION_SOURCE),
            },
            135 => {
                let (target, options) = target()?;
                Self::NeighbourSolicitation {
                    target,
                    source_mac: link_address(options, OPTION_SOURCE),
                }
            }
            136 => {
                let (target, options) = target()?;
                Self::NeighbourAdvertisement {
                    target,
                    target_mac: link_address(options, OPTION_TARGET),
                }
            }
            _ => return None,
        })
    }
}

fn link_address(mut options: &[u8], wanted: u8) -> Option<Mac> {
    for _ in 0..MAX_OPTIONS {
        let len = usize::from(*options.get(1)?) * 8;
        let option = options.get(..len)?;
        if let [kind, 1, a, b, c, d, e, f] = *option
            && kind == wanted
        {
            return Some(Mac([a, b, c, d, e, f]));
        }
        options = options.get(len.max(8)..)?;
    }
    None
}

// === impl InterfaceId ===

impl InterfaceId {
    pub fn of(address: Ipv6Addr) -> Self {
        match address.octets() {
            [_, _, _, _, _, _, _, _, a, b, c, 0xff, 0xfe, d, e, f] => Self::Eui64(Mac([a ^ 0x02, b, c, d, e, f])),
            _ => Self::StablePrivacy,
        }
    }

    /// As it stands in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eui64(_) => "eui64",
            Self::StablePrivacy => "stable_privacy",
        }
    }
}
