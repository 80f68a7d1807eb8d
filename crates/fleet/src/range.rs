//! Addresses taken together (deploy.md §6.2).

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// The smallest subnet that holds all of them; none of nothing.
pub fn covering(addresses: impl IntoIterator<Item = Ipv4Addr>) -> Option<Ipv4Net> {
    let numbers = addresses.into_iter().map(u32::from);
    let (low, high) = numbers.fold(None, |ends: Option<(u32, u32)>, n| {
        let (low, high) = ends.unwrap_or((n, n));
        Some((low.min(n), high.max(n)))
    })?;
    let prefix = (low ^ high).leading_zeros();
    let net = Ipv4Net::new(low.into(), u8::try_from(prefix).ok()?).ok()?;
    Some(net.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_the_tightest_that_holds_all() {
        let rows = [
            (&["10.0.0.7"][..], "10.0.0.7/32"),
            (&["10.0.0.101", "10.0.0.97"], "10.0.0.96/29"),
            (&["10.0.0.110", "10.0.0.119", "10.0.0.112"], "10.0.0.96/27"),
            (&["10.0.0.1", "200.0.0.1"], "0.0.0.0/0"),
        ];
        for (addresses, range) in rows {
            let addresses = addresses.iter().map(|text| text.parse().unwrap());
            assert_eq!(covering(addresses).unwrap().to_string(), range);
        }
        assert_eq!(covering([]), None);
    }
}
