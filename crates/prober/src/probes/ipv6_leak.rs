//! The link-local IPv6 address of a neighbour (fingerprint.md §16.7).
//!
//! All neighbours are asked to answer; only the one whose hardware address is the target's is meant.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rand::Rng as _;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;
use wire::ip::Ip;

use super::ProbeKind;
use crate::air::Wanted;
use crate::air::craft::{Head, ICMPV6, TTL, icmp, packet};
use crate::finding::{Failed, Finding, fields};
use crate::neighbours;
use crate::target::Target;

pub(super) static PROBE: ProbeKind = ProbeKind {
    name: "ipv6_leak",
    order: 999,
    ports: &[],
    event: "ipv6_link_local_leak",
    ask,
};

const WAIT: Duration = Duration::from_secs(2);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ECHO_REQUEST: u8 = 128;

fn ask<'a>(target: &'a Target<'a>) -> BoxFuture<'a, Vec<Finding>> {
    async move {
        // Whoever is behind a router has no address here, and who has an IPv6 address shows nothing new by another.
        if !target.on_link || target.ip.is_ipv6() {
            return Vec::new();
        }
        vec![match look(target).await {
            Ok(Some(finding)) => finding,
            Ok(None) => Finding::silent(None),
            Err(error) => Finding::of_error(None, &error),
        }]
    }
    .boxed()
}

async fn look(target: &Target<'_>) -> Result<Option<Finding>, Failed> {
    let Some((mac, device)) = neighbours::hardware_of(target.ip)? else {
        return Ok(None);
    };
    let Some((own, interface)) = neighbours::link_local(&device)? else {
        return Ok(None);
    };
    let id: u16 = rand::rng().random();
    let mut hearing = target.air.hear(Wanted::Neighbours(id));
    let head = Head {
        source: own.into(),
        destination: ALL_NODES.into(),
        protocol: ICMPV6,
        ttl: TTL,
        dont_fragment: false,
        options: &[],
    };
    let [a, b] = id.to_be_bytes();
    let echo = packet(&head, &icmp(&head, ECHO_REQUEST, 0, [a, b, 0, 1], &[]));
    target.air.send(&echo, ALL_NODES.into(), interface)?;
    let until = Instant::now() + WAIT;
    let mut replies: BTreeMap<Ipv6Addr, [u8; 6]> = BTreeMap::new();
    while let Some(heard) = hearing.next(until).await {
        if let (Ok((ip, _)), Some(mac)) = (Ip::read(&heard.bytes, true), heard.mac)
            && let IpAddr::V6(from) = ip.source
            && heard.interface == interface
        {
            replies.insert(from, mac);
        }
    }
    let found = replies.iter().find(|(_, of)| **of == mac).map(|(ip, _)| *ip);
    Ok(found.map(|ip| finding(ip, mac, &device, replies.len())))
}

fn finding(ip: Ipv6Addr, mac: [u8; 6], device: &str, replies: usize) -> Finding {
    let (kind, oui) = interface_id(ip);
    let at = OffsetDateTime::now_utc().format(&Rfc3339).ok();
    let told = fields([
        ("ipv6_addr", ip.to_string().into()),
        ("iid_kind", kind.into()),
        ("mac_oui", oui.into()),
        ("mac", mac.map(|byte| format!("{byte:02x}")).join(":").into()),
        ("on_iface", device.into()),
        ("vector", "active_echo".into()),
        ("link_evidence", "mac".into()),
        ("replies", replies.into()),
        ("observed_at", at.map_or(Value::Null, Value::from)),
    ]);
    Finding::answered(None, Some(ip.to_string()), told)
}

/// How the address was made, and the maker's prefix where it tells.
fn interface_id(ip: Ipv6Addr) -> (&'static str, String) {
    match ip.octets() {
        [.., a, b, c, 0xff, 0xfe, _, _, _] => ("eui64", format!("{:02x}:{b:02x}:{c:02x}", a ^ 2)),
        _ => ("stable_privacy", String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_made_of_a_hardware_address_tells_its_maker() {
        let of = |text: &str| interface_id(text.parse().unwrap());
        assert_eq!(of("fe80::211:22ff:fe33:4455"), ("eui64", "00:11:22".to_owned()));
        assert_eq!(of("fe80::8a2e:370:7334:1"), ("stable_privacy", String::new()));
    }
}
