//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::packet::Malformed;

/// An IP header and what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip<'a> {
    pub source: IpAddr,
    pub destination: IpAddr,
    /// TTL, or hop limit.
    pub ttl: u8,
    /// The whole ToS or traffic class byte.
    pub tos: u8,
    /// Identification: of every IPv4 packet, and of IPv6 fragments only (its low half).
    pub id: Option<u16>,
    /// Don't Fragment. Never set on IPv6.
    pub dont_fragment: bool,
    /// IPv4's reserved flag, which must be zero.
    pub reserved_flag: bool,
    /// IPv6's flow label; zero on IPv4.
    pub flow_label: u32,
    /// IPv4 options or IPv6 extension headers, as sent.
    pub options: &'a [u8],
    /// Header with options or extension headers, bytes.
    pub header_len: usize,
    /// The whole packet as its header says, bytes.
    pub total_len: usize,
    /// Set on a piece of a larger datagram.
    pub fragment: Option<Fragment>,
    /// What is carried: TCP 6, UDP 17, ...
    pub protocol: u8,
    /// What of the payload was captured.
    pub payload: &'a [u8],
    /// The payload's length as the header says; longer than `payload` in a cut capture.
    pub payload_len: usize,
}

/// Where a fragment belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Identification of the datagram.
    pub id: u32,
    /// Of its first byte in the datagram's payload, bytes.
    pub offset: usize,
    /// More follow.
    pub more: bool,
}

/// Extension headers walked through; more than any honest packet has.
pub const MAX_EXTENSION_HEADERS: usize = 16;

const IPV6_HEADER: usize = 40;
const MAX_DATAGRAM: usize = 65_535;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

type Read<'a> = Result<(Ip<'a>, Option<Malformed>), Malformed>;

// === impl Ip ===

impl<'a> Ip<'a> {
    pub const fn is_v6(&self) -> bool {
        self.source.is_ipv6()
    }

    /// The upper six bits of the ToS byte.
    pub const fn dscp(&self) -> u8 {
        self.tos >> 2
    }

    /// The lower two bits of the ToS byte.
    pub const fn ecn(&self) -> u8 {
        self.tos & 3
    }

    /// Bytes of IPv4 options or IPv6 extension headers.
    pub const fn options_len(&self) -> usize {
        self.options.len()
    }

    /// Reads the header at the start of `bytes`. When `cut`, the capture may hold less than was sent and missing
    /// payload is no fault.
    ///
    /// # Errors
    /// When there is no whole, plausible header.
    #[inline]
    pub fn read(bytes: &'a [u8], cut: bool) -> Read<'a> {
        match bytes.first().map(|first| first >> 4) {
            Some(4) => read_v4(bytes, cut),
            Some(6) => read_v6(bytes, cut),
            Some(_) => Err(Malformed::IpVersion),
            None => Err(Malformed::IpTruncated),
        }
    }

    /// The datagram of this fragment, whose payload was put together.
    pub fn reassembled<'b>(&self, payload: &'b [u8]) -> Ip<'b>
    where
        'a: 'b,
    {
        let whole = Ip {
            fragment: None,
            total_len: self.header_len + payload.len(),
            payload,
            payload_len: payload.len(),
            ..*self
        };
        if !self.is_v6() {
            return whole;
        }
        let chain = Chain::walk(self.protocol, payload);
        Ip {
            // A fragment in a fragment is not looked into.
            fragment: chain.fragment,
            protocol: chain.protocol,
            payload: &payload[chain.len..],
            payload_len: payload.len() - chain.len,
            ..whole
        }
    }
}

#[inline]
fn read_v4(bytes: &[u8], cut: bool) -> Read<'_> {
    let header = bytes.first_chunk::<20>().ok_or(Malformed::IpTruncated)?;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let header_len = usize::from(header[0] & 0x0f) * 4;
    if header_len < 20 {
        return Err(Malformed::IpHeaderLength);
    }
    let options = bytes.get(20..header_len).ok_or(Malformed::IpTruncated)?;
    let total_len = match usize::from(word(2)) {
        0 if !cut => bytes.len(), // Segmentation offload leaves the length to the hardware.
        said => said,
    };
    if total_len < header_len {
        return Err(Malformed::IpTotalLength);
    }
    let flags = word(6);
    let (more, offset) = (flags & 0x2000 != 0, usize::from(flags & 0x1fff) * 8);
    let fragment = (more || offset != 0).then_some(Fragment {
        id: word(4).into(),
        offset,
        more,
    });
    let payload_len = total_len - header_len;
    let payload = &bytes[header_len..total_len.min(bytes.len())];
    let ip = Ip {
        source: Ipv4Addr::from_octets([header[12], header[13], header[14], header[15]]).into(),
        destination: Ipv4Addr::from_octets([header[16], header[17], header[18], header[19]]).into(),
        ttl: header[8],
        tos: header[1],
        id: Some(word(4)),
        dont_fragment: flags & 0x4000 != 0,
        reserved_flag: flags & 0x8000 != 0,
        flow_label: 0,
        options,
        header_len,
        total_len,
        fragment,
        protocol: header[9],
        payload,
        payload_len,
    };
    Ok((ip, fault(&ip, cut)))
}

#[inline]
fn read_v6(bytes: &[u8], cut: bool) -> Read<'_> {
    let (header, rest) = bytes.split_first_chunk::<IPV6_HEADER>().ok_or(Malformed::IpTruncated)?;
    let first = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
    let said = match usize::from(u16::from_be_bytes([header[4], header[5]])) {
        0 if !cut => rest.len(), // A jumbogram, or offload.
        said => said,
    };
    let address = |at: usize| {
        let mut octets = [0; 16];
        octets.copy_from_slice(&header[at..at + 16]);
        IpAddr::V6(Ipv6Addr::from_octets(octets))
    };
    let rest = &rest[..said.min(rest.len())];
    let chain = Chain::walk(header[6], rest);
    let ip = Ip {
        source: address(8),
        destination: address(24),
        ttl: header[7],
        tos: u8::try_from((first >> 20) & 0xff).unwrap_or_default(),
        id: chain.fragment.map(|fragment| (fragment.id & 0xffff) as u16),
        dont_fragment: false,
        reserved_flag: false,
        flow_label: first & 0x000f_ffff,
        options: &rest[..chain.len],
        header_len: IPV6_HEADER + chain.len,
        total_len: IPV6_HEADER + said,
        fragment: chain.fragment,
        protocol: chain.protocol,
        payload: &rest[chain.len..],
        payload_len: said - chain.len,
    };
    Ok((ip, chain.fault.or_else(|| fault(&ip, cut))))
}

fn fault(ip: &Ip<'_>, cut: bool) -> Option<Malformed> {
    if ip.payload.len() < ip.payload_len && !cut {
        return Some(Malformed::IpShort);
    }
    let fragment = ip.fragment?;
    let uneven = fragment.more && !ip.payload_len.is_multiple_of(8);
    (uneven || fragment.offset + ip.payload_len > MAX_DATAGRAM).then_some(Malformed::Fragment)
}

/// The extension headers of an IPv6 packet.
struct Chain {
    len: usize,
    protocol: u8,
    fragment: Option<Fragment>,
    fault: Option<Malformed>,
}

// === impl Chain ===

impl Chain {
    fn walk(first: u8, bytes: &[u8]) -> Self {
        let mut chain = Self {
            len: 0,
            protocol: first,
            fragment: None,
            fault: None,
        };
        for _ in 0..MAX_EXTENSION_HEADERS {
            let Some(more) = chain.step(bytes) else {
                chain.fault = Some(Malformed::ExtensionHeaders);
                return chain;
            };
            if !more {
                return chain;
            }
        }
        chain.fault = Some(Malformed::ExtensionHeaders);
        chain
    }

    /// Takes one extension header; false when what follows is none, `None` when it is cut.
    fn step(&mut self, bytes: &[u8]) -> Option<bool> {
        let here = &bytes[self.len..];
        let len = match self.protocol {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | MOBILITY | HIP | SHIM6 => (usize::from(*here.get(1)?) + 1) * 8,
            AUTHENTICATION => (usize::from(*here.get(1)?) + 2) * 4,
            FRAGMENT => 8,
            _ => return Some(false),
        };
        let header = here.get(..len)?;
        let is_fragment = self.protocol == FRAGMENT;
        self.protocol = header[0];
        self.len += len;
        if is_fragment {
            let place = u16::from_be_bytes([header[2], header[3]]);
            let id = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
            let (offset, more) = (usize::from(place & 0xfff8), place & 1 != 0);
            // An atomic fragment (RFC 6946) is the whole datagram and is read on.
            if offset != 0 || more {
                self.fragment = Some(Fragment { id, offset, more });
                return Some(false);
            }
        }
        Some(true)
    }
}
