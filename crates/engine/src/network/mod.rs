//! The network of a scope: made, reused or replaced on the engine, with what the host needs beside it.

mod decide;
pub mod detect;
mod helper;
pub mod host;
mod hostwall;
mod probe;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest, NetworkDisconnectRequest, NetworkInspect};
use bollard::query_parameters::{InspectNetworkOptions, ListNetworksOptions};
use ipnet::Ipv4Net;
use model::fleet::{Driver, NetworkSpec};

pub use decide::Network;
use decide::{Decision, decide, driver_name};
use detect::{Found, Taken, overlap};
use host::{Host, View, errno};

use crate::docker::{Docker, limit};
use crate::error::Error;
use crate::labels::{MANAGED, SCOPE, Scope};

#[derive(Clone, Debug)]
pub struct Networks {
    docker: Docker,
    scope: Scope,
}

/// The network as it stands after [`Networks::ensure`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ensured {
    pub network: Network,
    pub is_new: bool,
}

// === impl Networks ===

impl Networks {
    pub fn new(docker: Docker, scope: Scope) -> Self {
        Self { docker, scope }
    }

    /// The network of the scope, if there is one.
    pub async fn find(&self) -> Result<Option<Network>, Error> {
        Ok(self
            .all()
            .await?
            .into_iter()
            .find(|(_, is_ours)| *is_ours)
            .map(|(network, _)| network))
    }

    /// Link, subnet and gateway for a fleet on the real network; what is given is kept.
    pub async fn detect(
        &self,
        interface: Option<&str>,
        subnet: Option<Ipv4Net>,
        gateway: Option<Ipv4Addr>,
    ) -> Result<Found, Error> {
        Host::open()?.view().await?.detect(interface, subnet, gateway)
    }

    /// A private subnet neither the host nor the engine uses, for a bridge.
    pub async fn free_subnet(&self) -> Result<Ipv4Net, Error> {
        let taken = self.taken(&Host::open()?.view().await?, &self.all().await?, None);
        detect::free_subnet(&taken).ok_or(Error::NoFreeSubnet)
    }

    /// Those of `candidates` something on `interface`'s segment answers for.
    pub async fn answering(&self, interface: &str, candidates: &[Ipv4Addr]) -> Result<Vec<Ipv4Addr>, Error> {
        probe::answering(&Host::open()?, interface, candidates).await
    }

    /// Makes the network stand as `wanted`. `may_cut` allows detaching running machines when it has to change.
    ///
    /// Nothing is changed when this host cannot carry it.
    pub async fn ensure(&self, wanted: &NetworkSpec, may_cut: bool) -> Result<Ensured, Error> {
        let host = Host::open()?;
        let all = self.all().await?;
        let existing = all.iter().find(|(_, is_ours)| *is_ours).map(|(network, _)| network);
        match decide(existing, wanted, may_cut) {
            Decision::Reuse => {}
            Decision::Refuse { was, wanted } => return Err(Error::NetworkDrift { was, wanted }),
            Decision::Create => self.create(&host, wanted, &all).await?,
            Decision::Replace => {
                self.preflight(&host, wanted, &all).await?;
                self.remove().await?;
                let rest: Vec<_> = all.iter().filter(|(_, is_ours)| !is_ours).cloned().collect();
                self.create(&host, wanted, &rest).await?;
            }
        }
        let is_new = existing.is_none_or(|network| decide(Some(network), wanted, may_cut) != Decision::Reuse);
        let network = self.find().await?.ok_or_else(|| Error::Answer {
            doing: format!("creating the network {}", wanted.name),
            reason: "it is not there afterwards".to_owned(),
        })?;
        self.wall(&network).await?;
        Ok(Ensured { network, is_new })
    }

    /// Whether the network stands as `wanted` already.
    pub async fn fits(&self, wanted: &NetworkSpec) -> Result<bool, Error> {
        let existing = self.find().await?;
        Ok(existing.is_some_and(|network| decide(Some(&network), wanted, false) == Decision::Reuse))
    }

    /// Lets the host reach exactly `deckies`, where the kind of network does not by itself.
    pub async fn reach(&self, network: &Network, deckies: &[Ipv4Addr]) -> Result<(), Error> {
        match (network.kind(), &network.parent) {
            (Some(driver @ (Driver::Macvlan | Driver::Ipvlan)), Some(parent)) => {
                helper::up(&Host::open()?, &self.scope, driver, parent, deckies).await
            }
            _ => Ok(()),
        }
    }

    /// Keeps machines on `network` from the host, where the host's own rules can.
    pub async fn wall(&self, network: &Network) -> Result<(), Error> {
        match network.kind() {
            Some(Driver::Bridge) => hostwall::raise(&self.scope, &network.bridge()).await,
            _ => Ok(()),
        }
    }

    /// What no machine may reach under any profile: the host's addresses and the gateway.
    pub async fn never(&self, gateway: Option<Ipv4Addr>) -> Result<Vec<IpAddr>, Error> {
        let mut never = Host::open()?.view().await?.own_addresses();
        never.extend(gateway.map(IpAddr::from));
        never.sort_unstable();
        never.dedup();
        Ok(never)
    }

    /// Removes the network with everything beside it; what is gone already is no error.
    pub async fn remove(&self) -> Result<(), Error> {
        for (network, _) in self.all().await?.into_iter().filter(|(_, is_ours)| *is_ours) {
            self.detach(&network).await?;
            let remove = || self.docker.api.remove_network(&network.id);
            match self
                .docker
                .call(format!("removing the network {}", network.name), limit::ACT, remove)
                .await
            {
                Err(error) if !error.is_missing() => return Err(error),
                _ => {}
            }
        }
        helper::down(&Host::open()?, &self.scope).await?;
        hostwall::fell(&self.scope).await
    }

    async fn detach(&self, network: &Network) -> Result<(), Error> {
        for container in &network.endpoints {
            let request = NetworkDisconnectRequest {
                container: container.clone(),
                force: Some(true),
            };
            let detach = || self.docker.api.disconnect_network(&network.id, request.clone());
            match self
                .docker
                .call(format!("detaching from {}", network.name), limit::ACT, detach)
                .await
            {
                Err(error) if !error.is_missing() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    async fn create(&self, host: &Host, wanted: &NetworkSpec, all: &[(Network, bool)]) -> Result<(), Error> {
        self.preflight(host, wanted, all).await?;
        let options = match (wanted.driver, &wanted.parent) {
            (Driver::Macvlan, Some(parent)) => vec![("parent", parent.as_str()), ("macvlan_mode", "bridge")],
            (Driver::Ipvlan, Some(parent)) => vec![("parent", parent.as_str()), ("ipvlan_mode", "l2")],
            _ => Vec::new(),
        };
        let pool = IpamConfig {
            subnet: Some(wanted.subnet.trunc().to_string()),
            gateway: wanted.gateway.map(|gateway| gateway.to_string()),
            ..IpamConfig::default()
        };
        let request = NetworkCreateRequest {
            name: wanted.name.clone(),
            driver: Some(driver_name(wanted.driver).to_owned()),
            ipam: Some(Ipam {
                config: Some(vec![pool]),
                ..Ipam::default()
            }),
            options: Some(
                options
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect(),
            ),
            labels: Some(self.scope.labels()),
            ..NetworkCreateRequest::default()
        };
        let create = self.docker.api.create_network(request);
        self.docker
            .once(format!("creating the network {}", wanted.name), limit::ACT, create)
            .await
            .map(drop)
    }

    /// Whether this host can carry the network; changes nothing that stays.
    async fn preflight(&self, host: &Host, wanted: &NetworkSpec, all: &[(Network, bool)]) -> Result<(), Error> {
        let view = host.view().await?;
        let parent = match (wanted.driver, &wanted.parent) {
            (Driver::Bridge, _) => None,
            (driver, None) => {
                return Err(Error::NoParent {
                    driver: driver_name(driver),
                });
            }
            (_, Some(parent)) => Some((parent, view.index(parent)?)),
        };
        if let Some(gateway) = wanted.gateway.filter(|gateway| !wanted.subnet.contains(gateway)) {
            return Err(Error::GatewayOutside {
                gateway,
                subnet: wanted.subnet,
            });
        }
        if let Some((foreign, _)) = all
            .iter()
            .find(|(network, is_ours)| !is_ours && network.name == wanted.name)
        {
            return Err(Error::NetworkName {
                name: foreign.name.clone(),
            });
        }
        if let Some(taken) = overlap(wanted.subnet, &self.taken(&view, all, wanted.parent.as_deref())) {
            return Err(Error::SubnetTaken {
                subnet: wanted.subnet,
                by: taken.by.clone(),
                theirs: taken.subnet,
            });
        }
        match parent {
            Some((parent, index)) => try_link(host, wanted.driver, parent, index).await,
            None => Ok(()),
        }
    }

    /// What subnets are in use. On the real network the parent's own is the one meant, and so not taken.
    fn taken(&self, view: &View, all: &[(Network, bool)], parent: Option<&str>) -> Vec<Taken> {
        let ours = all
            .iter()
            .filter(|(_, is_ours)| *is_ours)
            .map(|(network, _)| network.bridge());
        let helpers = helper::names(&self.scope);
        let except: Vec<String> = parent
            .map(str::to_owned)
            .into_iter()
            .chain(ours)
            .chain(helpers)
            .collect();
        let networks = all.iter().filter(|(_, is_ours)| !is_ours).filter_map(|(network, _)| {
            Some(Taken {
                subnet: network.subnet?,
                by: format!("Docker's network {}", network.name),
            })
        });
        networks.chain(view.taken(&except)).collect()
    }

    /// All networks of the engine, and whether they are this scope's.
    async fn all(&self) -> Result<Vec<(Network, bool)>, Error> {
        let list = || self.docker.api.list_networks(None::<ListNetworksOptions>);
        let listed = self.docker.call("listing networks", limit::LOOK, list).await?;
        let mut all = Vec::with_capacity(listed.len());
        for id in listed.into_iter().filter_map(|network| network.id) {
            // Only a look at the single network tells what is attached to it.
            let inspect = || self.docker.api.inspect_network(&id, None::<InspectNetworkOptions>);
            match self.docker.call("looking at a network", limit::LOOK, inspect).await {
                Ok(seen) => all.push((self.is_ours(&seen), seen)),
                Err(error) if error.is_missing() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(all
            .into_iter()
            .map(|(is_ours, seen)| (Network::from(seen), is_ours))
            .collect())
    }

    fn is_ours(&self, network: &NetworkInspect) -> bool {
        let has = |key: &str, value: &str| {
            network
                .labels
                .as_ref()
                .and_then(|labels| labels.get(key))
                .is_some_and(|found| found == value)
        };
        has(MANAGED, "true") && has(SCOPE, self.scope.as_str())
    }
}

/// Makes and removes a link of the kind: the only way to know that this kernel has it and the parent takes it.
async fn try_link(host: &Host, driver: Driver, parent: &str, index: u32) -> Result<(), Error> {
    use nix::errno::Errno;
    let name = format!("dn-try{}", std::process::id() % 100_000);
    let doing = || format!("trying a {} link on {parent}", driver_name(driver));
    match host.add_child(&name, index, driver).await {
        Ok(()) => host.remove(&name).await,
        Err(error) => Err(match errno(&error) {
            Some(Errno::EOPNOTSUPP) => Error::NoLinkKind {
                kind: driver_name(driver),
            },
            Some(Errno::EBUSY) => Error::ParentBusy {
                parent: parent.to_owned(),
                kind: driver_name(driver),
            },
            _ => host::failed(&doing(), error),
        }),
    }
}

// === impl Network ===

impl Network {
    /// The link a bridge network has on the host.
    pub fn bridge(&self) -> String {
        format!("br-{}", self.id.get(..12).unwrap_or(&self.id))
    }
}

impl From<NetworkInspect> for Network {
    fn from(seen: NetworkInspect) -> Self {
        let options: HashMap<String, String> = seen.options.unwrap_or_default();
        let pool = seen
            .ipam
            .and_then(|ipam| ipam.config)
            .unwrap_or_default()
            .into_iter()
            .next()
            .unwrap_or_default();
        Self {
            id: seen.id.unwrap_or_default(),
            name: seen.name.unwrap_or_default(),
            driver: seen.driver.unwrap_or_default(),
            parent: options.get("parent").cloned(),
            subnet: pool.subnet.and_then(|subnet| subnet.parse().ok()),
            gateway: pool.gateway.and_then(|gateway| gateway.parse().ok()),
            endpoints: seen.containers.unwrap_or_default().into_keys().collect(),
        }
    }
}
