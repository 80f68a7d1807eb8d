//! From a command line or a file to a complete fleet: gathers what planning needs to know and lets `fleet` do it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;

use engine::network::Networks;
use engine::{Docker, Scope};
use fleet::{Catalogue, Diagnostics, Flags, Ground, InstallSecret, Options, Request};
use ipnet::Ipv4Net;
use model::fleet::{DeckySpec, Driver, FleetSpec, NetworkSpec};
use store::Store;
use time::OffsetDateTime;

use crate::context::{Context, refused};
use crate::exit::{Code, Coded as _, Failure, Result};
use crate::grid::engine_failed;

/// Name of the fleet's network.
const NETWORK: &str = "decnet_lan";
/// Key under which the store keeps the network of the fleet that stands.
const NETWORK_KEY: &str = "network";
/// Rounds of asking who answers at the addresses a plan gave out.
const PROBES: usize = 4;

const UNCHANGED: &str = "nothing was changed";

/// What is asked for, read but not planned yet.
pub struct Asked {
    pub source: Source,
    pub network: NetworkWish,
    pub options: Options,
}

pub enum Source {
    Flags(Flags),
    File(Box<fleet::ini::IniFleet>, Option<u32>),
}

#[derive(Clone, Debug)]
pub struct NetworkWish {
    pub driver: Driver,
    pub interface: Option<String>,
    pub subnet: Option<Ipv4Net>,
    pub gateway: Option<Ipv4Addr>,
}

/// Reads a plan, says what there is to say about it, and refuses one with errors.
pub fn read(cx: &Context, catalogue: &Catalogue, file: &Path) -> Result<Box<fleet::ini::IniFleet>> {
    let bytes = std::fs::read(file).map_err(|error| {
        Failure::new(
            Code::Invalid,
            format!("cannot read the plan {}: {error}", file.display()),
        )
    })?;
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let (read, found) = fleet::ini::parse_bytes(&bytes, &name, catalogue);
    if found.has_errors() {
        return Err(refused(&found, UNCHANGED));
    }
    warn(cx, &found);
    Ok(Box::new(read))
}

// === impl Asked ===

impl Asked {
    /// The fleet, complete but for the keys of new deckies. Without an engine, as far as it goes without one.
    pub async fn plan(
        mut self,
        cx: &Context,
        catalogue: &Catalogue,
        store: &Store,
        docker: Option<&Docker>,
    ) -> Result<FleetSpec> {
        let rows = store.deckies().list().await.or_exit(Code::Unreachable)?;
        let existing: Vec<DeckySpec> = rows.into_iter().map(|row| row.spec).collect();
        self.settle();
        let network = self.network(store, docker, !existing.is_empty()).await?;
        let secret = store.settings().secret("install").await.or_exit(Code::Unreachable)?;
        let secret = InstallSecret::new(secret);
        let names = existing.iter().map(|decky| decky.name.clone()).collect();
        let request = match self.source {
            Source::Flags(flags) => {
                Request::from_flags(&flags, self.options, &names).map_err(|wrong| refused(&wrong.into(), UNCHANGED))?
            }
            Source::File(file, interval) => file.request(self.options, interval),
        };
        let scope = Scope::fleet();
        let mut taken = BTreeSet::new();
        for _ in 0..PROBES {
            let ground = Ground {
                scope: scope.as_str(),
                network: &network,
                host: &host_addresses(&network),
                taken: &taken,
                existing: &existing,
                secret: &secret,
                now: OffsetDateTime::now_utc(),
            };
            let planned = fleet::plan(catalogue, &request, &ground).map_err(|found| refused(&found, UNCHANGED))?;
            let answering = answering(docker, &network, &planned.fleet, &existing).await?;
            if answering.is_subset(&taken) {
                warn(cx, &planned.warnings);
                return Ok(planned.fleet);
            }
            taken.extend(answering);
        }
        Err(Failure::new(
            Code::Conflict,
            format!("too many addresses of {} are in use", network.subnet),
        )
        .help("give a range that is free with --ip-start, or keep others out with `exclude =` in [general]")
        .into())
    }

    /// What the file says of the network, where no flag does.
    fn settle(&mut self) {
        if let Source::File(file, _) = &self.source {
            let general = &file.general;
            self.network.subnet = self.network.subnet.or(general.net);
            self.network.gateway = self.network.gateway.or(general.gw);
            self.network.interface = self.network.interface.take().or_else(|| general.interface.clone());
        }
    }

    async fn network(&self, store: &Store, docker: Option<&Docker>, stands: bool) -> Result<NetworkSpec> {
        let wish = &self.network;
        let stored: Option<NetworkSpec> = store.settings().get(NETWORK_KEY).await.or_exit(Code::Unreachable)?;
        if let Some(stored) = stored.filter(|_| stands)
            && stored.driver == wish.driver
            && wish.subnet.is_none_or(|subnet| subnet == stored.subnet)
            && wish.interface.is_none()
        {
            return Ok(stored);
        }
        let name = NETWORK.to_owned();
        let networks = docker.map(|docker| Networks::new(docker.clone(), Scope::fleet()));
        if wish.driver == Driver::Bridge {
            let subnet = match (wish.subnet, &networks) {
                (Some(subnet), _) => subnet,
                (None, Some(networks)) => networks.free_subnet().await.map_err(engine_failed)?,
                (None, None) => return Err(no_network("--subnet")),
            };
            let gateway = wish.gateway.or_else(|| subnet.hosts().next());
            return Ok(NetworkSpec {
                name,
                driver: wish.driver,
                parent: None,
                subnet,
                gateway,
            });
        }
        let Some(networks) = networks else {
            return Err(no_network("--interface and --subnet"));
        };
        let found = networks
            .detect(wish.interface.as_deref(), wish.subnet, wish.gateway)
            .await
            .map_err(engine_failed)?;
        let parent = Some(found.interface);
        Ok(NetworkSpec {
            name,
            driver: wish.driver,
            parent,
            subnet: found.subnet,
            gateway: found.gateway,
        })
    }
}

/// Remembers the network of the fleet that now stands.
pub async fn remember(store: &Store, network: &NetworkSpec) -> Result {
    store
        .settings()
        .set(NETWORK_KEY, network)
        .await
        .or_exit(Code::Unreachable)
}

pub async fn network_that_stands(store: &Store) -> Result<Option<NetworkSpec>> {
    store.settings().get(NETWORK_KEY).await.or_exit(Code::Unreachable)
}

/// Makes the keys new deckies lack, on all cores.
pub async fn forge(catalogue: &Catalogue, mut fleet: FleetSpec) -> Result<FleetSpec> {
    let catalogue = catalogue.clone();
    let threads = std::thread::available_parallelism()?;
    let forged = tokio::task::spawn_blocking(move || {
        fleet::identity::forge_missing(&catalogue, &mut fleet, OffsetDateTime::now_utc(), threads).map(|_| fleet)
    });
    forged.await?.map_err(|wrong| refused(&wrong.into(), UNCHANGED))
}

fn no_network(flags: &str) -> anyhow::Error {
    Failure::new(Code::Invalid, "without Docker there is nothing to choose a network by")
        .help(format!("give {flags}, or start Docker"))
        .into()
}

/// On a bridge the host is the gateway; on a real network it keeps its own address.
fn host_addresses(network: &NetworkSpec) -> Vec<Ipv4Addr> {
    network.gateway.into_iter().collect()
}

/// Those addresses of new deckies at which somebody answers already.
async fn answering(
    docker: Option<&Docker>,
    network: &NetworkSpec,
    fleet: &FleetSpec,
    existing: &[DeckySpec],
) -> Result<BTreeSet<Ipv4Addr>> {
    let (Some(docker), Some(parent)) = (docker, &network.parent) else {
        return Ok(BTreeSet::new());
    };
    let known: BTreeSet<_> = existing.iter().map(|decky| decky.ip).collect();
    let new: Vec<_> = fleet
        .deckies
        .iter()
        .map(|decky| decky.ip)
        .filter(|ip| !known.contains(ip))
        .collect();
    let networks = Networks::new(docker.clone(), Scope::fleet());
    Ok(networks
        .answering(parent, &new)
        .await
        .map_err(engine_failed)?
        .into_iter()
        .collect())
}

fn warn(cx: &Context, found: &Diagnostics) {
    if !found.is_empty() {
        cx.out.note(found.to_string().trim_end());
    }
}

/// A subnet as people write it.
pub fn subnet(text: &str) -> Result<Ipv4Net> {
    let parsed: std::result::Result<Ipv4Net, _> = text.parse();
    parsed.map(|net| net.trunc()).map_err(|_| {
        Failure::new(Code::Invalid, format!("`{text}` is not a subnet"))
            .help("write it as 10.20.0.0/24")
            .into()
    })
}
