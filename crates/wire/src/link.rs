//! Link layers: from captured bytes to the network packet inside.

use crate::packet::Malformed;

/// How captured bytes begin, by the registry of LINKTYPE values (<https://www.tcpdump.org/linktypes.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    Ethernet,
    /// Linux cooked capture, version 1.
    LinuxSll,
    /// Linux cooked capture, version 2.
    LinuxSll2,
    /// IPv4 or IPv6 at once.
    Raw,
    /// BSD loopback: a protocol family of four bytes, in the order of the machine that captured.
    Null,
    /// PPP, with or without its HDLC-like framing (RFC 1662).
    Ppp,
}

/// A hardware address of six bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

/// What the link layer said of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The sender's hardware address, where the link has one.
    pub source: Option<Mac>,
    /// The receiver's hardware address. Cooked captures do not keep it.
    pub destination: Option<Mac>,
    /// VLAN ids, the outer one first.
    pub vlans: [Option<u16>; MAX_VLANS],
    /// The capturing host sent it itself (cooked captures only).
    pub outgoing: bool,
}

/// What is inside the link layer.
pub(crate) enum Inside<'a> {
    Ip(&'a [u8]),
    Arp(&'a [u8]),
}

/// Tags looked through; what is tagged deeper is not ours to read.
pub const MAX_VLANS: usize = 2;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_VLAN: u16 = 0x8100;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_PPPOE: u16 = 0x8864;
const ETHERTYPE_QINQ: u16 = 0x88a8;
const ETHERTYPE_QINQ_OLD: u16 = 0x9100;

const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;

/// Hardware type of Ethernet in cooked headers (ARPHRD_ETHER).
const HARDWARE_ETHERNET: u16 = 1;
/// Packet type of cooked headers: sent by the capturing host.
const COOKED_OUTGOING: u16 = 4;

// === impl LinkType ===

impl LinkType {
    /// The link type of a capture file's or interface's LINKTYPE value.
    pub const fn from_linktype(value: u32) -> Option<Self> {
        match value {
            1 => Some(Self::Ethernet),
            0 | 108 => Some(Self::Null),
            9 | 50 => Some(Self::Ppp),
            12 | 14 | 101 | 228 | 229 => Some(Self::Raw),
            113 => Some(Self::LinuxSll),
            276 => Some(Self::LinuxSll2),
            _ => None,
        }
    }

    pub(crate) fn open(self, bytes: &[u8]) -> Result<(Link, Inside<'_>), Malformed> {
        match self {
            Self::Ethernet => ethernet(bytes),
            Self::LinuxSll => cooked(bytes),
            Self::LinuxSll2 => cooked_v2(bytes),
            Self::Raw => Ok((Link::default(), Inside::Ip(bytes))),
            Self::Null => loopback(bytes),
            Self::Ppp => ppp(bytes),
        }
    }
}

fn ethernet(bytes: &[u8]) -> Result<(Link, Inside<'_>), Malformed> {
    let (header, rest) = bytes.split_first_chunk::<14>().ok_or(Malformed::LinkTruncated)?;
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = *header;
    let mut link = Link {
        source: Some(Mac([s0, s1, s2, s3, s4, s5])),
        destination: Some(Mac([d0, d1, d2, d3, d4, d5])),
        ..Link::default()
    };
    let inside = by_ethertype(u16::from_be_bytes([t0, t1]), rest, &mut link)?;
    Ok((link, inside))
}

fn by_ethertype<'a>(mut ethertype: u16, mut rest: &'a [u8], link: &mut Link) -> Result<Inside<'a>, Malformed> {
    let mut tags = 0;
    loop {
        match ethertype {
            ETHERTYPE_IPV4 | ETHERTYPE_IPV6 => return Ok(Inside::Ip(rest)),
            ETHERTYPE_ARP => return Ok(Inside::Arp(rest)),
            ETHERTYPE_VLAN | ETHERTYPE_QINQ | ETHERTYPE_QINQ_OLD => {
                let (tag, inner) = rest.split_first_chunk::<4>().ok_or(Malformed::LinkTruncated)?;
                let slot = link.vlans.get_mut(tags).ok_or(Malformed::VlanTooDeep)?;
                *slot = Some(u16::from_be_bytes([tag[0], tag[1]]) & 0x0fff);
                ethertype = u16::from_be_bytes([tag[2], tag[3]]);
                rest = inner;
                tags += 1;
            }
            ETHERTYPE_PPPOE => {
                let inner = rest.get(6..).ok_or(Malformed::LinkTruncated)?;
                return ppp(inner).map(|(_, inside)| inside);
            }
            _ => return Err(Malformed::NotIp),
        }
    }
}

fn cooked(bytes: &[u8]) -> Result<(Link, Inside<'_>), Malformed> {
    let (header, rest) = bytes.split_first_chunk::<16>().ok_or(Malformed::LinkTruncated)?;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let mut link = Link {
        source: cooked_source(word(2), word(4), &header[6..12]),
        outgoing: word(0) == COOKED_OUTGOING,
        ..Link::default()
    };
    let inside = by_ethertype(word(14), rest, &mut link)?;
    Ok((link, inside))
}

fn cooked_v2(bytes: &[u8]) -> Result<(Link, Inside<'_>), Malformed> {
    let (header, rest) = bytes.split_first_chunk::<20>().ok_or(Malformed::LinkTruncated)?;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let mut link = Link {
        source: cooked_source(word(8), header[11].into(), &header[12..18]),
        outgoing: u16::from(header[10]) == COOKED_OUTGOING,
        ..Link::default()
    };
    let inside = by_ethertype(word(0), rest, &mut link)?;
    Ok((link, inside))
}

fn cooked_source(hardware: u16, length: u16, address: &[u8]) -> Option<Mac> {
    let address = address.try_into().ok()?;
    (hardware == HARDWARE_ETHERNET && length == 6).then_some(Mac(address))
}

fn loopback(bytes: &[u8]) -> Result<(Link, Inside<'_>), Malformed> {
    let (family, rest) = bytes.split_first_chunk::<4>().ok_or(Malformed::LinkTruncated)?;
    let family = u32::from_le_bytes(*family).min(u32::from_be_bytes(*family));
    // AF_INET is 2 everywhere; AF_INET6 is 10, 24, 28 or 30 by system.
    match family {
        2 | 10 | 24 | 28 | 30 => Ok((Link::default(), Inside::Ip(rest))),
        _ => Err(Malformed::NotIp),
    }
}

fn ppp(bytes: &[u8]) -> Result<(Link, Inside<'_>), Malformed> {
    let rest = bytes.strip_prefix(&[0xff, 0x03]).unwrap_or(bytes);
    let (protocol, rest) = match rest {
        [short, rest @ ..] if short & 1 == 1 => (u16::from(*short), rest),
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => return Err(Malformed::LinkTruncated),
    };
    match protocol {
        PPP_IPV4 | PPP_IPV6 => Ok((Link::default(), Inside::Ip(rest))),
        _ => Err(Malformed::NotIp),
    }
}

// === impl Mac ===

impl Mac {
    /// The three bytes that name the maker.
    pub const fn oui(self) -> [u8; 3] {
        [self.0[0], self.0[1], self.0[2]]
    }

    /// Made up by the host, not burnt in by a maker (the locally administered bit).
    pub const fn is_randomised(self) -> bool {
        self.0[0] & 0x02 != 0
    }
}

impl std::fmt::Display for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}
