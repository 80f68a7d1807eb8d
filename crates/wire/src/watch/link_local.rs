//! What hosts of the same link give away of themselves over IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Role, Watch, details::LinkLocalLeak, observation::Observation, repeats::Matter};
use crate::{
    ip::Ip,
    link::{Link, Mac},
    lru::Lru,
    neighbour::{Arp, InterfaceId},
    packet::Transport,
    time::Time,
};

/// Which IPv4 address a hardware address said it has.
#[derive(Debug)]
pub(super) struct Neighbours {
    by_mac: Lru<Mac, Ipv4Addr>,
}

// === impl Neighbours ===

impl Neighbours {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            by_mac: Lru::new(capacity),
        }
    }

    pub(super) fn arp(&mut self, arp: &Arp) {
        let (mac, address) = arp.sender;
        // Who asks whether an address is free has none yet.
        if !address.is_unspecified() {
            *self.by_mac.entry(mac, || address).value = address;
        }
    }

    fn address(&self, mac: Mac) -> Option<Ipv4Addr> {
        self.by_mac.peek(&mac).copied()
    }

    /// Whether the address is that of the card itself, and not of somebody behind it.
    pub(super) fn is_of(&self, mac: Mac, address: IpAddr) -> bool {
        self.address(mac).is_some_and(|known| IpAddr::V4(known) == address)
    }
}

// === impl Watch ===

impl Watch {
    /// Looks whether the sender is a stranger on this very link.
    pub(super) fn link_local(
        &mut self,
        at: Time,
        link: &Link,
        ip: &Ip<'_>,
        transport: &Transport<'_>,
        out: &mut Vec<Observation>,
    ) {
        let (IpAddr::V6(source), IpAddr::V6(destination)) = (ip.source, ip.destination) else {
            return;
        };
        if !source.is_unicast_link_local() || self.is_ours(source, link.source) {
            return;
        }
        let attacker = link.source.and_then(|mac| self.neighbours.address(mac));
        if attacker.is_some_and(|address| self.deckies.get(address.into()).is_some()) {
            return;
        }
        let id = InterfaceId::of(source);
        let (told, shown) = match id {
            InterfaceId::Eui64(mac) => (Some(mac), Some(mac)),
            InterfaceId::StablePrivacy => (None, link.source),
        };
        let decky = self.deckies.get(ip.destination).cloned();
        let matter = Matter {
            kind: "ipv6_link_local_leak",
            source: attacker.map_or(ip.source, IpAddr::V4),
            destination: ip.destination,
            role: Role::Inbound,
            decky: decky.as_ref(),
        };
        if !self.repeats.is_first(at, matter, (source, attacker), out) {
            return;
        }
        out.push(Observation {
            at,
            source: (matter.source, 0),
            destination: (ip.destination, 0),
            role: Role::Inbound,
            decky,
            details: LinkLocalLeak {
                src_ip: source,
                dst_ip: destination,
                iid_kind: id.name(),
                mac: shown.map(|mac| mac.to_string()),
                mac_oui: told.map(|mac| mac.to_string()[..8].to_owned()).unwrap_or_default(),
                mac_randomised: shown.is_some_and(Mac::is_randomised),
                attacker_v4: attacker,
                link_evidence: attacker.map(|_| "mac"),
                vector: vector(transport),
            }
            .into(),
        });
    }

    fn is_ours(&self, source: Ipv6Addr, mac: Option<Mac>) -> bool {
        let by_id = match InterfaceId::of(source) {
            InterfaceId::Eui64(mac) => self.deckies.owns(mac),
            InterfaceId::StablePrivacy => false,
        };
        by_id || self.deckies.get(source.into()).is_some() || mac.is_some_and(|mac| self.deckies.owns(mac))
    }
}

fn vector(transport: &Transport<'_>) -> &'static str {
    match transport {
        Transport::Icmp(icmp) if (133..=137).contains(&icmp.kind) => "ndp",
        Transport::Icmp(_) => "icmp6",
        Transport::Udp(udp) => match udp.destination_port {
            5353 => "mdns",
            5355 => "llmnr",
            546 | 547 => "dhcpv6",
            _ => "other",
        },
        _ => "other",
    }
}
