//! What there is to watch, and where it can be seen.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use engine::{Containers, Docker, Networks, Scope};
use model::Name;
use model::fleet::{DeckySpec, Driver, NetworkSpec};
use store::{LOCAL, Store};
use wire::link::Mac;
use wire::watch::{Deckies, Decky};

use crate::Error;

/// Key under which the store keeps the network of the fleet.
const NETWORK: &str = "network";

#[derive(Clone, Debug, Default)]
pub(crate) struct Scene {
    pub(crate) place: Place,
    pub(crate) specs: Vec<DeckySpec>,
    /// Of the host's own end of the network.
    host_mac: Option<Mac>,
}

/// Where to capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    #[default]
    Nowhere,
    /// On a link of this host that sees everything.
    Link(String),
    /// Inside the machines, by container.
    Machines(Vec<(String, Name)>),
}

// === impl Scene ===

impl Scene {
    pub(crate) async fn look(docker: &Docker, store: &Store) -> Result<Self, Error> {
        let rows = store.deckies().list().await?;
        let specs: Vec<_> = rows
            .into_iter()
            .filter(|row| row.host == LOCAL)
            .map(|row| row.spec)
            .collect();
        let network: Option<NetworkSpec> = store.settings().get(NETWORK).await?;
        let Some(network) = network.filter(|_| !specs.is_empty()) else {
            return Ok(Self::default());
        };
        if network.driver == Driver::Bridge {
            let stands = Networks::new(docker.clone(), Scope::fleet()).find().await?;
            let bridge = stands.map(|network| network.bridge());
            return Ok(Self {
                host_mac: bridge.as_deref().and_then(mac_of_link),
                place: bridge.map_or(Place::Nowhere, Place::Link),
                specs,
            });
        }
        let mut machines: Vec<_> = Containers::new(docker.clone(), Scope::fleet())
            .list()
            .await?
            .into_iter()
            .filter(|container| container.is_running && !container.is_next)
            .map(|container| (container.id, container.decky))
            .collect();
        machines.sort();
        Ok(Self {
            place: Place::Machines(machines),
            specs,
            host_mac: None,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        match &self.place {
            Place::Nowhere => true,
            Place::Link(_) => false,
            Place::Machines(machines) => machines.is_empty(),
        }
    }

    pub(crate) fn addresses(&self) -> BTreeSet<Ipv4Addr> {
        self.specs.iter().map(|spec| spec.ip).collect()
    }

    pub(crate) fn address_of(&self, decky: &Name) -> Option<Ipv4Addr> {
        let spec = self.specs.iter().find(|spec| spec.name == *decky);
        spec.map(|spec| spec.ip)
    }

    /// The machine to name for what concerns none in particular.
    pub(crate) fn anyone(&self) -> Option<Name> {
        self.specs.first().map(|spec| spec.name.clone())
    }

    pub(crate) fn deckies(&self) -> Deckies {
        let mut deckies = Deckies::default();
        if let Some(mac) = self.host_mac {
            deckies.add_mac(mac);
        }
        for spec in &self.specs {
            let decky = Arc::new(Decky {
                name: spec.name.to_string(),
                hostname: Some(spec.machine.hostname.clone()),
            });
            deckies.add(spec.ip.into(), &decky);
            if let Some(mac) = parse_mac(&spec.mac) {
                deckies.add_mac(mac);
                deckies.add(IpAddr::V6(link_local(mac)), &decky);
            }
        }
        deckies
    }
}

fn mac_of_link(link: &str) -> Option<Mac> {
    let text = std::fs::read_to_string(format!("/sys/class/net/{link}/address")).ok()?;
    parse_mac(text.trim())
}

fn parse_mac(text: &str) -> Option<Mac> {
    let mut bytes = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut bytes {
        *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(Mac(bytes))
}

/// The address a card takes by itself (RFC 4291, appendix A).
fn link_local(Mac([a, b, c, d, e, f]): Mac) -> Ipv6Addr {
    Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 0x02, b, c, 0xff, 0xfe, d, e, f])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cards_own_address_follows_from_its_number() {
        let mac = parse_mac("00:11:22:33:44:55").unwrap();
        assert_eq!(link_local(mac).to_string(), "fe80::211:22ff:fe33:4455");
        for wrong in ["", "00:11:22:33:44", "00:11:22:33:44:55:66", "00:11:22:33:44:zz"] {
            assert!(parse_mac(wrong).is_none(), "{wrong}");
        }
    }
}
