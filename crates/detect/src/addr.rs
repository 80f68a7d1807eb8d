//! Addresses as keys: sixteen bytes whatever the family, and what is inside and outside.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Serialize, Serializer};

/// An address; IPv4 is kept as its IPv4-mapped IPv6 form, so that both forms of one host are one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addr(u128);

/// The /24 (IPv4) or /64 (IPv6) of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Net(u128);

/// Where an address lies, seen from the watched network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Internal,
    Public,
    /// Multicast, broadcast, unspecified: neither.
    Group,
}

/// What counts as inside: the given nets, or the private ranges when none are given.
#[derive(Clone, Debug, Default)]
pub struct HomeNets(Vec<IpNet>);

const MAPPED: u128 = 0xffff_0000_0000;

// === impl Addr ===

impl Addr {
    pub fn ip(self) -> IpAddr {
        match self.v4() {
            Some(v4) => IpAddr::V4(Ipv4Addr::from(v4)),
            None => IpAddr::V6(Ipv6Addr::from(self.0)),
        }
    }

    pub fn net(self) -> Net {
        match self.v4() {
            Some(_) => Net(self.0 & !0xff),
            None => Net(self.0 >> 64 << 64),
        }
    }

    fn v4(self) -> Option<u32> {
        (self.0 >> 32 == MAPPED >> 32).then_some(self.0 as u32)
    }
}

impl From<IpAddr> for Addr {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self(MAPPED | u128::from(u32::from(v4))),
            IpAddr::V6(v6) => Self(u128::from(v6)),
        }
    }
}

impl From<Ipv4Addr> for Addr {
    fn from(ip: Ipv4Addr) -> Self {
        IpAddr::V4(ip).into()
    }
}

impl FromStr for Addr {
    type Err = std::net::AddrParseError;

    /// Brackets and a zone are dropped.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim().trim_start_matches('[').trim_end_matches(']');
        let text = text.split_once('%').map_or(text, |(ip, _)| ip);
        text.parse::<IpAddr>().map(Self::from)
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip().fmt(f)
    }
}

impl Serialize for Addr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

// === impl Net ===

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = Addr(self.0);
        let bits = if first.v4().is_some() { 24 } else { 64 };
        write!(f, "{first}/{bits}")
    }
}

// === impl HomeNets ===

impl HomeNets {
    pub fn new(nets: Vec<IpNet>) -> Self {
        Self(nets)
    }

    pub fn scope(&self, addr: Addr) -> Scope {
        let ip = addr.ip();
        let group = match ip {
            IpAddr::V4(v4) => v4.is_multicast() || v4.is_broadcast() || v4.is_unspecified(),
            IpAddr::V6(v6) => v6.is_multicast() || v6.is_unspecified(),
        };
        if group {
            return Scope::Group;
        }
        let inside = if self.0.is_empty() {
            is_private(ip)
        } else {
            self.0.iter().any(|net| net.contains(&ip))
        };
        if inside { Scope::Internal } else { Scope::Public }
    }

    pub fn is_internal(&self, addr: Addr) -> bool {
        self.scope(addr) == Scope::Internal
    }

    pub fn is_public(&self, addr: Addr) -> bool {
        self.scope(addr) == Scope::Public
    }
}

/// RFC 1918, shared (RFC 6598), loopback, link-local and unique local addresses.
pub(crate) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            v6.is_loopback() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> Addr {
        text.parse().expect("address")
    }

    #[test]
    fn both_forms_of_an_ipv4_host_are_one_key() {
        assert_eq!(addr("::ffff:10.0.0.1"), addr("10.0.0.1"));
        assert_eq!(addr("::ffff:10.0.0.1").to_string(), "10.0.0.1");
        assert_eq!(addr("[fe80::1%eth0]").to_string(), "fe80::1");
    }

    #[test]
    fn nets_are_24_bits_of_ipv4_and_64_of_ipv6() {
        assert_eq!(addr("10.1.2.3").net().to_string(), "10.1.2.0/24");
        assert_eq!(addr("2001:db8:1:2:3::4").net().to_string(), "2001:db8:1:2::/64");
    }

    #[test]
    fn private_ranges_are_inside_unless_home_is_named() {
        let default = HomeNets::default();
        for inside in [
            "10.0.0.1",
            "172.31.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "100.127.9.9",
            "127.0.0.1",
            "169.254.1.1",
            "fd00::1",
            "fe80::1",
            "::1",
        ] {
            assert_eq!(default.scope(addr(inside)), Scope::Internal, "{inside}");
        }
        for outside in ["172.32.0.1", "100.128.0.1", "198.51.100.7", "2001:db8::1", "8.8.8.8"] {
            assert_eq!(default.scope(addr(outside)), Scope::Public, "{outside}");
        }
        for group in ["224.0.0.251", "255.255.255.255", "ff02::fb"] {
            assert_eq!(default.scope(addr(group)), Scope::Group, "{group}");
        }
        let named = HomeNets::new(vec!["198.51.100.0/24".parse().expect("net")]);
        assert!(named.is_internal(addr("198.51.100.7")));
        assert!(named.is_public(addr("10.0.0.1")));
    }
}
