//! Addresses that are no attacker's on the internet: the special-purpose registries (RFC 6890 and its updates), and
//! whatever of IPv6 is not handed out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const V4: [([u8; 4], u8, &str); 17] = [
    ([0, 0, 0, 0], 8, "this network"),
    ([10, 0, 0, 0], 8, "private"),
    ([100, 64, 0, 0], 10, "shared by a provider's customers"),
    ([127, 0, 0, 0], 8, "loopback"),
    ([169, 254, 0, 0], 16, "link-local"),
    ([172, 16, 0, 0], 12, "private"),
    ([192, 0, 0, 0], 24, "for protocols"),
    ([192, 0, 2, 0], 24, "for documentation"),
    ([192, 31, 196, 0], 24, "a sink for reverse names"),
    ([192, 52, 193, 0], 24, "for automatic multicast tunnels"),
    ([192, 88, 99, 0], 24, "a relay of 6to4"),
    ([192, 168, 0, 0], 16, "private"),
    ([192, 175, 48, 0], 24, "a sink for reverse names"),
    ([198, 18, 0, 0], 15, "for benchmarks"),
    ([198, 51, 100, 0], 24, "for documentation"),
    ([203, 0, 113, 0], 24, "for documentation"),
    ([224, 0, 0, 0], 3, "multicast or reserved"),
];

const V6: [([u16; 8], u8, &str); 8] = [
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "for protocols"),
    ([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32, "for documentation"),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "a tunnel of 6to4"),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "for documentation"),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "private"),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link-local"),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast"),
    ([0, 0, 0, 0, 0, 0, 0, 0], 3, "reserved"),
];

/// The special-purpose network the address lies in, and what that is for.
pub fn special(ip: IpAddr) -> Option<(IpNet, &'static str)> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => V4.iter().find_map(|&(net, length, what)| {
            let net = Ipv4Net::new(Ipv4Addr::from(net), length).ok()?;
            net.contains(&ip).then_some((net.into(), what))
        }),
        IpAddr::V6(ip) => {
            let listed = V6.iter().find_map(|&(net, length, what)| {
                let net = Ipv6Net::new(Ipv6Addr::from(net), length).ok()?;
                net.contains(&ip).then_some((net.into(), what))
            });
            let given_out = ip.segments()[0] & 0xe000 == 0x2000;
            listed.or_else(|| (!given_out).then_some((IpNet::from(IpAddr::V6(ip)), "not handed out")))
        }
    }
}
