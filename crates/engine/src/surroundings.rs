//! What this host needs to stay reachable and to reach others: its own addresses, its gateways, its resolvers.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

const ROUTES: &str = "/proc/thread-self/net/route";
const ROUTES6: &str = "/proc/thread-self/net/ipv6_route";
const RESOLVERS: &str = "/etc/resolv.conf";

/// Addresses that must never be cut off.
///
/// # Errors
/// When the kernel does not tell the host's own.
pub fn vital() -> io::Result<BTreeSet<IpAddr>> {
    let mut vital = own()?;
    // A kernel without IPv6 has no table of it, and a host need not have resolvers.
    let read = |path: &str| std::fs::read_to_string(Path::new(path)).unwrap_or_default();
    vital.extend(gateways(&read(ROUTES)));
    vital.extend(gateways6(&read(ROUTES6)));
    vital.extend(resolvers(&read(RESOLVERS)));
    Ok(vital)
}

fn own() -> io::Result<BTreeSet<IpAddr>> {
    let interfaces = nix::ifaddrs::getifaddrs()?;
    let addresses = interfaces.filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip())))
    });
    Ok(addresses.map(|address| address.to_canonical()).collect())
}

/// The third column of the kernel's table, in the machine's own byte order.
fn gateways(table: &str) -> impl Iterator<Item = IpAddr> + '_ {
    table.lines().skip(1).filter_map(|row| {
        let gateway = row.split_ascii_whitespace().nth(2)?;
        let gateway = u32::from_str_radix(gateway, 16).ok().filter(|&gateway| gateway != 0)?;
        Some(Ipv4Addr::from(gateway.to_ne_bytes()).into())
    })
}

/// The fifth column, most significant byte first.
fn gateways6(table: &str) -> impl Iterator<Item = IpAddr> + '_ {
    table.lines().filter_map(|row| {
        let gateway = row.split_ascii_whitespace().nth(4)?;
        let gateway = u128::from_str_radix(gateway, 16).ok().filter(|&gateway| gateway != 0)?;
        Some(Ipv6Addr::from_bits(gateway).into())
    })
}

fn resolvers(text: &str) -> impl Iterator<Item = IpAddr> + '_ {
    text.lines().filter_map(|line| {
        let address = line.trim().strip_prefix("nameserver")?.trim();
        address.split('%').next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways_and_resolvers_are_read_and_nonsense_is_not() {
        let routes = "Iface\tDestination\tGateway\neth0\t00000000\t0100A8C0\neth0\t0000A8C0\t00000000\nx\n";
        let expected: IpAddr = "192.168.0.1".parse().unwrap();
        assert!(gateways(routes).eq([expected]));
        let routes6 = "0 00 0 00 fe800000000000000000000000000001 0\n0 00 0 00 00000000000000000000000000000000 0\nx\n";
        let expected: IpAddr = "fe80::1".parse().unwrap();
        assert!(gateways6(routes6).eq([expected]));
        let expected: [IpAddr; 2] = ["10.0.0.2".parse().unwrap(), "fe80::2".parse().unwrap()];
        assert!(resolvers("# x\nnameserver 10.0.0.2\nnameserver fe80::2%eth0\nsearch a\n").eq(expected));
    }

    #[test]
    fn the_hosts_own_addresses_are_vital() {
        assert!(vital().unwrap().contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
}
