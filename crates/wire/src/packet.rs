//! A captured packet as a view of borrowed bytes: nothing is copied or allocated.

use crate::{
    icmp::Icmp,
    ip::Ip,
    link::{Inside, Link, LinkType},
    neighbour::Arp,
    tcp::Tcp,
    udp::Udp,
};

/// One captured packet.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    pub link: Link,
    pub net: Net<'a>,
    /// What is wrong with it, though it could be read.
    pub fault: Option<Malformed>,
}

/// What the link layer carries.
#[derive(Clone, Copy, Debug)]
pub enum Net<'a> {
    Ip(Ip<'a>, Transport<'a>),
    Arp(Arp),
}

/// What the IP packet carries.
#[derive(Clone, Copy, Debug)]
pub enum Transport<'a> {
    Tcp(Tcp<'a>),
    Udp(Udp<'a>),
    Icmp(Icmp<'a>),
    /// A piece of a datagram, for [`crate::fragment::Reassembler`].
    Fragment,
    /// Another protocol, or one whose header could not be read (see [`Packet::fault`]).
    Other,
}

/// Why a packet, or a part of it, could not be read as what it says it is. Counted by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[repr(u8)]
pub enum Malformed {
    #[error("the link header ends early")]
    LinkTruncated,
    #[error("more VLAN tags than are read")]
    VlanTooDeep,
    #[error("neither IP nor ARP")]
    NotIp,
    #[error("an IP version that is neither 4 nor 6")]
    IpVersion,
    #[error("the IP header ends early")]
    IpTruncated,
    #[error("an IP header length that cannot be")]
    IpHeaderLength,
    #[error("an IP total length shorter than the header")]
    IpTotalLength,
    #[error("the packet is shorter than its IP header says")]
    IpShort,
    #[error("IPv6 extension headers that end early or go on too long")]
    ExtensionHeaders,
    #[error("a fragment past the largest datagram, or of no multiple of eight bytes")]
    Fragment,
    #[error("the TCP header ends early")]
    TcpTruncated,
    #[error("a TCP data offset that cannot be")]
    TcpDataOffset,
    #[error("the UDP header ends early")]
    UdpTruncated,
    #[error("a UDP length that cannot be")]
    UdpLength,
    #[error("the ICMP header ends early")]
    IcmpTruncated,
    #[error("an ARP packet that is cut or of no known kind")]
    Arp,
}

// === impl Packet ===

impl<'a> Packet<'a> {
    /// Reads `captured`, the first bytes of a packet that was `original_len` bytes on the wire.
    ///
    /// # Errors
    /// When not even an IP or ARP header could be read. What is wrong further in is told by [`Packet::fault`].
    #[inline]
    pub fn read(link_type: LinkType, captured: &'a [u8], original_len: usize) -> Result<Self, Malformed> {
        let (link, inside) = link_type.open(captured)?;
        let cut = captured.len() < original_len;
        match inside {
            Inside::Arp(bytes) => Ok(Self {
                link,
                net: Net::Arp(Arp::read(bytes)?),
                fault: None,
            }),
            Inside::Ip(bytes) => {
                let (ip, fault) = Ip::read(bytes, cut)?;
                let (transport, deeper) = Transport::read(&ip);
                Ok(Self {
                    link,
                    net: Net::Ip(ip, transport),
                    fault: fault.or(deeper),
                })
            }
        }
    }
}

// === impl Transport ===

impl<'a> Transport<'a> {
    /// What `ip` carries, with what is wrong with it. A fragment is not looked into.
    #[inline]
    pub fn read(ip: &Ip<'a>) -> (Self, Option<Malformed>) {
        if ip.fragment.is_some() {
            return (Self::Fragment, None);
        }
        let (payload, said) = (ip.payload, ip.payload_len);
        let read = match ip.protocol {
            PROTOCOL_TCP => Tcp::read(payload, said).map(|(tcp, fault)| (Self::Tcp(tcp), fault)),
            PROTOCOL_UDP => Udp::read(payload, said).map(|(udp, fault)| (Self::Udp(udp), fault)),
            PROTOCOL_ICMP if !ip.is_v6() => Icmp::read(payload, false).map(|icmp| (Self::Icmp(icmp), None)),
            PROTOCOL_ICMPV6 if ip.is_v6() => Icmp::read(payload, true).map(|icmp| (Self::Icmp(icmp), None)),
            _ => Ok((Self::Other, None)),
        };
        read.unwrap_or_else(|fault| (Self::Other, Some(fault)))
    }
}

pub(crate) const PROTOCOL_ICMP: u8 = 1;
pub(crate) const PROTOCOL_TCP: u8 = 6;
pub(crate) const PROTOCOL_UDP: u8 = 17;
pub(crate) const PROTOCOL_ICMPV6: u8 = 58;

// === impl Malformed ===

impl Malformed {
    /// How many kinds there are: the length of a table of counters indexed by `malformed as usize`.
    pub const COUNT: usize = Self::Arp as usize + 1;

    /// Every kind, in the order of their indices.
    pub const ALL: [Self; Self::COUNT] = [
        Self::LinkTruncated,
        Self::VlanTooDeep,
        Self::NotIp,
        Self::IpVersion,
        Self::IpTruncated,
        Self::IpHeaderLength,
        Self::IpTotalLength,
        Self::IpShort,
        Self::ExtensionHeaders,
        Self::Fragment,
        Self::TcpTruncated,
        Self::TcpDataOffset,
        Self::UdpTruncated,
        Self::UdpLength,
        Self::IcmpTruncated,
        Self::Arp,
    ];

    /// A short name for metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LinkTruncated => "link_truncated",
            Self::VlanTooDeep => "vlan_too_deep",
            Self::NotIp => "not_ip",
            Self::IpVersion => "ip_version",
            Self::IpTruncated => "ip_truncated",
            Self::IpHeaderLength => "ip_header_length",
            Self::IpTotalLength => "ip_total_length",
            Self::IpShort => "ip_short",
            Self::ExtensionHeaders => "extension_headers",
            Self::Fragment => "fragment",
            Self::TcpTruncated => "tcp_truncated",
            Self::TcpDataOffset => "tcp_data_offset",
            Self::UdpTruncated => "udp_truncated",
            Self::UdpLength => "udp_length",
            Self::IcmpTruncated => "icmp_truncated",
            Self::Arp => "arp",
        }
    }
}
