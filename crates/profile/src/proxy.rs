//! Whom a request claims to come from, by the headers that proxies add (profile.md §3.2).

use std::net::IpAddr;

use ipnet::IpNet;
use model::special;
use serde::Serialize;

/// In order: the first that names somebody counts.
const HEADERS: [&str; 5] = [
    "Forwarded",
    "X-Forwarded-For",
    "X-Real-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
];

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    pub source_header: &'static str,
    pub claimed: IpAddr,
    /// A public address may be the sender's own, let slip by a proxy in between; any other cannot be.
    pub category: Claimed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Claimed {
    Unspecified,
    Loopback,
    LinkLocal,
    Multicast,
    Reserved,
    /// Any other network with a purpose of its own: documentation and benchmarks too.
    Private,
    Public,
}

/// What the headers of a request claim, where that is not `source` itself and `source` is no proxy of ours.
pub fn claim<'h>(
    headers: impl Iterator<Item = (&'h str, &'h str)> + Clone,
    source: IpAddr,
    trusted: &[IpNet],
) -> Option<Claim> {
    let source = source.to_canonical();
    if trusted.iter().any(|net| net.contains(&source)) {
        return None;
    }
    for known in HEADERS {
        let value = headers
            .clone()
            .find(|(name, _)| name.eq_ignore_ascii_case(known))
            .map(|(_, value)| value);
        let named = value.and_then(|value| match known {
            "Forwarded" => forwarded(value),
            _ => value.split(',').find_map(address),
        });
        if let Some(claimed) = named {
            return (claimed != source).then(|| Claim {
                source_header: known,
                claimed,
                category: Claimed::of(claimed),
            });
        }
    }
    None
}

/// The first `for=` (RFC 7239 §4, §6).
fn forwarded(value: &str) -> Option<IpAddr> {
    let pairs = value.split([',', ';']).filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs
        .into_iter()
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(node)
}

/// `v4`, `v4:port`, `v6`, `[v6]`, `[v6]:port`, quoted or not.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let parsed = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0.parse(),
        None => text.parse().or_else(|error| match text.split_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => host.parse(),
            _ => Err(error),
        }),
    };
    parsed.ok().map(|ip: IpAddr| ip.to_canonical())
}

// === impl Claim ===

impl Claim {
    /// `ip_leak` where somebody's address may have slipped out, else `spoofed_source`.
    pub fn kind(&self) -> &'static str {
        match self.category {
            Claimed::Public => "ip_leak",
            _ => "spoofed_source",
        }
    }
}

// === impl Claimed ===

impl Claimed {
    pub fn of(ip: IpAddr) -> Self {
        let within = |net: &str| net.parse::<IpNet>().is_ok_and(|net| net.contains(&ip));
        if ip.is_unspecified() {
            Self::Unspecified
        } else if ip.is_loopback() {
            Self::Loopback
        } else if within("169.254.0.0/16") || within("fe80::/10") {
            Self::LinkLocal
        } else if ip.is_multicast() {
            Self::Multicast
        } else if within("240.0.0.0/4") {
            Self::Reserved
        } else if special(ip).is_some() {
            Self::Private
        } else {
            Self::Public
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "203.0.113.7";

    fn claims(headers: &[(&str, &str)], trusted: &[&str]) -> Option<(&'static str, &'static str, String)> {
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let claim = claim(headers.iter().copied(), SOURCE.parse().unwrap(), &trusted)?;
        Some((claim.kind(), claim.source_header, claim.claimed.to_string()))
    }

    /// profile.md §17.
    #[test]
    fn a_public_address_is_a_leak_and_any_other_a_lie() {
        for (name, value, expected) in [
            (
                "X-Forwarded-For",
                "8.8.8.8, 10.0.0.1",
                Some(("ip_leak", "X-Forwarded-For", "8.8.8.8")),
            ),
            (
                "x-forwarded-for",
                "127.0.0.1",
                Some(("spoofed_source", "X-Forwarded-For", "127.0.0.1")),
            ),
            (
                "X-Forwarded-For",
                "unknown, 9.9.9.9",
                Some(("ip_leak", "X-Forwarded-For", "9.9.9.9")),
            ),
            ("X-Forwarded-For", SOURCE, None),
            ("X-Forwarded-For", "::ffff:203.0.113.7", None),
            ("X-Forwarded-For", "nobody", None),
            (
                "Forwarded",
                "proto=https;for=\"[2606:4700::1111]:443\", for=9.9.9.9",
                Some(("ip_leak", "Forwarded", "2606:4700::1111")),
            ),
            ("Forwarded", "for=9.9.9.9:80", Some(("ip_leak", "Forwarded", "9.9.9.9"))),
            ("Via", "1.1 9.9.9.9", None),
        ] {
            let expected = expected.map(|(kind, header, ip): (_, _, &str)| (kind, header, ip.to_owned()));
            assert_eq!(claims(&[(name, value)], &[]), expected, "{name}: {value}");
        }
    }

    #[test]
    fn the_first_header_that_names_somebody_counts_and_proxies_of_ours_claim_nothing() {
        let both = [("X-Real-IP", "1.1.1.1"), ("X-Forwarded-For", "8.8.8.8")];
        assert_eq!(claims(&both, &[]).unwrap().2, "8.8.8.8");
        assert_eq!(
            claims(&[("X-Forwarded-For", "nobody"), ("X-Real-IP", "1.1.1.1")], &[])
                .unwrap()
                .2,
            "1.1.1.1"
        );
        assert_eq!(claims(&both, &["203.0.113.0/24"]), None);
        assert_eq!(claims(&both, &["2001:db8::1/128"]).unwrap().2, "8.8.8.8");
    }

    #[test]
    fn every_kind_of_address_has_its_category() {
        for (ip, category) in [
            ("0.0.0.0", Claimed::Unspecified),
            ("::", Claimed::Unspecified),
            ("127.8.8.8", Claimed::Loopback),
            ("fe80::1", Claimed::LinkLocal),
            ("169.254.1.1", Claimed::LinkLocal),
            ("224.0.0.1", Claimed::Multicast),
            ("250.0.0.1", Claimed::Reserved),
            ("198.51.100.1", Claimed::Private),
            ("fd00::1", Claimed::Private),
            ("8.8.8.8", Claimed::Public),
            ("2606:4700::1111", Claimed::Public),
        ] {
            assert_eq!(Claimed::of(ip.parse().unwrap()), category, "{ip}");
        }
    }
}
