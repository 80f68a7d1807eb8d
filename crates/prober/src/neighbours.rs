//! This host's own addresses, its links, and who is on them.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

/// What is this host's, and what its links reach.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    /// Addresses of this host.
    pub(crate) own: BTreeSet<IpAddr>,
    /// Networks reached without a router.
    on_link: Vec<IpNet>,
}

// === impl Links ===

impl Links {
    pub(crate) fn read() -> io::Result<Self> {
        let mut links = Self::default();
        for interface in getifaddrs()? {
            let Some(ip) = interface.address.as_ref().and_then(ip_of) else {
                continue;
            };
            links.own.insert(ip);
            let length = interface
                .netmask
                .as_ref()
                .and_then(ip_of)
                .and_then(|mask| ipnet::ip_mask_to_prefix(mask).ok());
            links
                .on_link
                .extend(length.and_then(|length| IpNet::new(ip, length).ok()));
        }
        Ok(links)
    }

    pub(crate) fn reach(&self, ip: IpAddr) -> bool {
        self.on_link.iter().any(|net| net.contains(&ip))
    }
}

/// Hardware address of an IPv4 neighbour, and the link it is on, when the kernel has talked to it.
pub(crate) fn hardware_of(ip: IpAddr) -> io::Result<Option<([u8; 6], String)>> {
    let table = std::fs::read_to_string("/proc/net/arp")?;
    let ip = ip.to_string();
    Ok(table.lines().skip(1).find_map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let [address, _, _, mac, _, device] = columns[..] else {
            return None;
        };
        if address != ip {
            return None;
        }
        let bytes = mac
            .split(':')
            .map(|byte| u8::from_str_radix(byte, 16))
            .collect::<Result<Vec<_>, _>>();
        let mac: [u8; 6] = bytes.ok()?.try_into().ok()?;
        (mac != [0; 6]).then(|| (mac, device.to_owned()))
    }))
}

/// This host's link-local address on a link, and the link's number.
pub(crate) fn link_local(device: &str) -> io::Result<Option<(Ipv6Addr, u32)>> {
    let found = getifaddrs()?
        .filter(|interface| interface.interface_name == device)
        .find_map(|interface| match interface.address.as_ref().and_then(ip_of) {
            Some(IpAddr::V6(ip)) if ip.is_unicast_link_local() => Some(ip),
            _ => None,
        });
    let Some(ip) = found else { return Ok(None) };
    Ok(Some((ip, nix::net::if_::if_nametoindex(device)?)))
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::from(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::from(v6.ip())))
}
