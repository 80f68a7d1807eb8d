//! A small world to plan in.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::OnceLock;

use model::Name;
use model::fleet::{DeckySpec, Driver, FleetSpec, NetworkSpec};
use time::OffsetDateTime;
use time::macros::datetime;

use super::{Ground, Planned, plan};
use crate::request::{Distros, Options, Request, Services, Wanted};
use crate::{Catalogue, Diagnostics, InstallSecret};

pub(crate) const NOW: OffsetDateTime = datetime!(2026-05-01 12:00:00.5 UTC);

pub(crate) struct World {
    pub(crate) catalogue: Catalogue,
    pub(crate) network: NetworkSpec,
    pub(crate) host: Vec<Ipv4Addr>,
    pub(crate) taken: BTreeSet<Ipv4Addr>,
    pub(crate) existing: Vec<DeckySpec>,
    pub(crate) secret: InstallSecret,
}

// === impl World ===

impl World {
    /// 10.20.0.0/24, gateway .1, this host .2.
    pub(crate) fn new() -> Self {
        Self {
            catalogue: catalogue(),
            network: NetworkSpec {
                name: "lan".into(),
                driver: Driver::Macvlan,
                parent: Some("eth0".into()),
                subnet: "10.20.0.0/24".parse().unwrap(),
                gateway: Some(ip("10.20.0.1")),
            },
            host: vec![ip("10.20.0.2")],
            taken: BTreeSet::new(),
            existing: Vec::new(),
            secret: InstallSecret::new([7; 32]),
        }
    }

    pub(crate) fn subnet(mut self, subnet: &str) -> Self {
        self.network.subnet = subnet.parse().unwrap();
        self
    }

    pub(crate) fn plan(&self, deckies: Vec<Wanted>) -> Result<Planned, Diagnostics> {
        self.plan_with(deckies, Options::default())
    }

    pub(crate) fn plan_with(&self, deckies: Vec<Wanted>, options: Options) -> Result<Planned, Diagnostics> {
        self.plan_request(&Request { deckies, options })
    }

    pub(crate) fn plan_request(&self, request: &Request) -> Result<Planned, Diagnostics> {
        let ground = Ground {
            scope: "fleet",
            network: &self.network,
            host: &self.host,
            taken: &self.taken,
            existing: &self.existing,
            secret: &self.secret,
            now: NOW,
        };
        plan(&self.catalogue, request, &ground)
    }
}

/// Read once: there are many worlds.
pub(crate) fn catalogue() -> Catalogue {
    static ONCE: OnceLock<Catalogue> = OnceLock::new();
    ONCE.get_or_init(|| Catalogue::builtin().unwrap()).clone()
}

pub(crate) fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

pub(crate) fn wanted(name: &str) -> Wanted {
    Wanted::named(Name::new(name).unwrap())
}

pub(crate) fn running(name: &str, services: &[&str]) -> Wanted {
    Wanted {
        services: Services::Named(services.iter().map(|slug| (*slug).to_owned()).collect()),
        ..wanted(name)
    }
}

/// One decky with SSH on each of the distros.
pub(crate) fn planned(catalogue: &Catalogue, distros: &[&str]) -> FleetSpec {
    let world = World {
        catalogue: catalogue.clone(),
        ..World::new()
    };
    let decky = |(n, distro): (usize, &&str)| Wanted {
        distros: Distros::Named(vec![(*distro).to_owned()]),
        ..running(&format!("m{n}"), &["ssh", "https"])
    };
    world
        .plan(distros.iter().enumerate().map(decky).collect())
        .unwrap()
        .fleet
}
