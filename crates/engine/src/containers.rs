//! The machines of one scope as containers of the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum};
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, ListContainersOptions, LogsOptions, RemoveContainerOptions,
    RenameContainerOptions, StartContainerOptions, StopContainerOptions,
};
use futures_util::TryStreamExt as _;
use model::Name;
use model::fleet::DeckySpec;
use model::line::Order;
use model::machine::{MachineSpec, Port};
use tokio::sync::mpsc;

use crate::body::{self, Place};
use crate::docker::{Docker, limit};
use crate::egress::{Blocked, Watch};
use crate::error::Error;
use crate::labels::{self, Scope};
use crate::netns::NetNs;
use crate::orders;
use crate::sysctls;
use crate::wall::Wall;

/// Until a starting machine is looked at again; half as long again each time, up to the longest.
const FIRST_LOOK: Duration = Duration::from_millis(30);
const LONGEST_LOOK: Duration = Duration::from_millis(250);
/// How often a machine is asked whether it still lives the same life.
const CHECK_LIFE_EVERY: Duration = Duration::from_secs(1);
/// Suffix of the name of a container that is to replace another; no decky's name can end like this.
const NEXT: &str = "--next";

/// A container as the engine sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    pub id: String,
    pub decky: Name,
    /// Made to replace another, and not yet in its place.
    pub is_next: bool,
    pub spec_hash: String,
    pub container_hash: String,
    /// Of the spec it was created with.
    pub generation: u64,
    /// Reference of the image it was created from.
    pub image: String,
    pub ip: Option<Ipv4Addr>,
    pub is_running: bool,
    /// `created`, `running`, `exited` ...
    pub state: String,
}

#[derive(Clone, Debug)]
pub struct Containers {
    docker: Docker,
    scope: Scope,
}

/// The name a new container takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    /// The decky's.
    Itself,
    /// A passing one, until the container it replaces is gone.
    Next,
}

// === impl Containers ===

impl Containers {
    pub fn new(docker: Docker, scope: Scope) -> Self {
        Self { docker, scope }
    }

    pub async fn list(&self) -> Result<Vec<Container>, Error> {
        Ok(self.summaries().await?.into_iter().filter_map(Container::of).collect())
    }

    /// The kernel settings of `wanted`, and those every machine gets, that this kernel has for one machine alone.
    pub async fn sysctls(&self, wanted: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error> {
        sysctls::supported(wanted).await
    }

    /// Creates the container of `spec` from `image` (one with our binary in it); it is not started.
    pub async fn create(
        &self,
        spec: &DeckySpec,
        image: &str,
        network: &str,
        sysctls: &BTreeMap<String, String>,
        name: As,
    ) -> Result<String, Error> {
        let doing = format!("creating `{}`", spec.name);
        let endpoint_mac = self.docker.takes_endpoint_mac();
        let body = body::create(
            spec,
            &Place {
                scope: &self.scope,
                network,
                image,
                sysctls,
                endpoint_mac,
            },
        )
        .map_err(|e| Error::Answer {
            doing: doing.clone(),
            reason: e.to_string(),
        })?;
        let name = match name {
            As::Itself => name_of(&spec.name),
            As::Next => format!("{}{NEXT}", spec.name),
        };
        let options = CreateContainerOptions {
            name: Some(name),
            ..CreateContainerOptions::default()
        };
        let create = self.docker.api.create_container(Some(options), body);
        let created = self.docker.once(&doing, limit::ACT, create).await;
        let created = created.map_err(|error| match error.is_conflict() {
            true => Error::ContainerName {
                name: spec.name.to_string(),
            },
            false => error,
        })?;
        created
            .warnings
            .iter()
            .for_each(|warning| tracing::debug!(decky = %spec.name, warning));
        Ok(created.id)
    }

    pub async fn start(&self, id: &str, decky: &Name) -> Result<(), Error> {
        let start = || self.docker.api.start_container(id, None::<StartContainerOptions>);
        let started = self.docker.call(format!("starting `{decky}`"), limit::ACT, start).await;
        unless_done(started.map_err(|error| match error {
            // What the engine says when the address is given away already.
            Error::Docker {
                status: 403, message, ..
            } => Error::AddressInUse {
                decky: decky.to_string(),
                address: None,
                message,
            },
            error => error,
        }))
    }

    pub async fn stop(&self, id: &str, decky: &Name) -> Result<(), Error> {
        let stop = || self.docker.api.stop_container(id, None::<StopContainerOptions>);
        unless_done(self.docker.call(format!("stopping `{decky}`"), limit::ACT, stop).await)
    }

    /// Removes the container and what it wrote; that it is gone already is no error.
    pub async fn remove(&self, id: &str, decky: &Name) -> Result<(), Error> {
        let options = RemoveContainerOptions {
            v: true,
            force: true,
            link: false,
        };
        let remove = || self.docker.api.remove_container(id, Some(options.clone()));
        match self
            .docker
            .call(format!("removing `{decky}`"), limit::ACT, remove)
            .await
        {
            Err(error) if error.is_missing() => Ok(()),
            // Someone else is removing it.
            Err(error) if error.is_conflict() => Ok(()),
            done => done,
        }
    }

    /// Gives a container made with [`As::Next`] the decky's own name.
    pub async fn promote(&self, id: &str, decky: &Name) -> Result<(), Error> {
        let options = RenameContainerOptions { name: name_of(decky) };
        let rename = || self.docker.api.rename_container(id, options.clone());
        self.docker
            .call(format!("renaming `{decky}`"), limit::ACT, rename)
            .await
    }

    /// The network namespace of a running machine.
    pub(crate) async fn namespace(&self, id: &str, decky: &Name) -> Result<NetNs, Error> {
        self.life(id, decky).await?.namespace(decky)
    }

    /// Does something inside the network namespace of a running machine, on a thread of its own there. Sockets it opens
    /// stay there, wherever they are used.
    pub async fn inside<T: Send + 'static>(
        &self,
        id: &str,
        decky: &Name,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let namespace = self.namespace(id, decky).await?;
        let done = namespace.visit(work).await;
        done.map_err(Error::io(format!("working inside the network of `{decky}`")))
    }

    /// Raises the wall of a running machine.
    pub async fn wall(&self, id: &str, decky: &Name, wall: &Wall) -> Result<(), Error> {
        wall.raise(decky.as_str(), &self.namespace(id, decky).await?).await
    }

    /// Reports what the wall of a running machine stops to `tell`, for as long as the watch is kept.
    pub async fn watch(&self, id: &str, decky: &Name, tell: mpsc::Sender<Blocked>) -> Result<Watch, Error> {
        Watch::start(decky.clone(), &self.namespace(id, decky).await?, tell).await
    }

    /// Lets the machine open its listeners. Only to be called with the wall standing.
    pub async fn go(&self, id: &str, decky: &Name) -> Result<(), Error> {
        orders::give(&self.docker, id, decky.as_str(), &Order::Go {}).await
    }

    /// Puts a new spec into force on a running machine and waits for its word.
    pub async fn sync(&self, id: &str, decky: &Name, spec: &MachineSpec) -> Result<(), Error> {
        orders::sync(&self.docker, id, decky.as_str(), spec).await
    }

    /// Waits until every port of `wanted` is open, at most `limit`; what is still closed then. A machine that ends
    /// meanwhile is an error.
    pub async fn ready(
        &self,
        id: &str,
        decky: &Name,
        wanted: impl Iterator<Item = Port>,
        limit: Duration,
    ) -> Result<BTreeSet<Port>, Error> {
        let mut missing: BTreeSet<Port> = wanted.map(|port| Port { tls: false, ..port }).collect();
        let life = self.life(id, decky).await?;
        let namespace = life.namespace(decky)?;
        let deadline = Instant::now() + limit;
        let (mut checked, mut pause, mut counted) = (Instant::now(), FIRST_LOOK, None);
        let doing = || format!("looking at the ports of `{decky}`");
        loop {
            let counts = Some(namespace.socket_counts().await.map_err(Error::io(doing()))?);
            if counts != counted || Instant::now() >= deadline {
                let open = namespace.listening().await.map_err(Error::io(doing()))?;
                missing.retain(|port| !open.contains(port));
                counted = counts;
            }
            if missing.is_empty() || Instant::now() >= deadline {
                return Ok(missing);
            }
            if checked.elapsed() >= CHECK_LIFE_EVERY {
                checked = Instant::now();
                if self.life(id, decky).await? != life {
                    return Err(Error::Ended {
                        decky: decky.to_string(),
                        words: self.last_words(id, decky).await,
                    });
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_LOOK);
        }
    }

    /// The last thing a machine complained of; empty when nothing is to be had.
    pub(crate) async fn last_words(&self, id: &str, decky: &Name) -> String {
        let options = LogsOptions {
            stderr: true,
            tail: "5".to_owned(),
            ..LogsOptions::default()
        };
        let said = self.docker.api.logs(id, Some(options)).try_collect::<Vec<_>>();
        let said = self
            .docker
            .once(format!("listening to `{decky}`"), limit::LOOK, said)
            .await
            .unwrap_or_default();
        let text: String = said.iter().map(ToString::to_string).collect();
        text.lines()
            .rfind(|line| !line.trim().is_empty())
            .unwrap_or_default()
            .trim()
            .to_owned()
    }

    /// Removes containers of ours that are no decky's: what making an image left when it was interrupted.
    pub(crate) async fn remove_scratch(&self) -> Result<(), Error> {
        for summary in self.summaries().await? {
            let (Some(id), None) = (summary.id.clone(), Container::of(summary)) else {
                continue;
            };
            let options = RemoveContainerOptions {
                v: true,
                force: true,
                link: false,
            };
            let remove = || self.docker.api.remove_container(&id, Some(options.clone()));
            match self
                .docker
                .call("removing a leftover container", limit::ACT, remove)
                .await
            {
                Err(error) if !error.is_missing() && !error.is_conflict() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    async fn summaries(&self) -> Result<Vec<ContainerSummary>, Error> {
        let options = ListContainersOptions {
            all: true,
            filters: Some(self.scope.filter()),
            ..ListContainersOptions::default()
        };
        let list = || self.docker.api.list_containers(Some(options.clone()));
        self.docker.call("listing the deckies", limit::LOOK, list).await
    }

    async fn life(&self, id: &str, decky: &Name) -> Result<Life, Error> {
        let inspect = || self.docker.api.inspect_container(id, None::<InspectContainerOptions>);
        let seen = self
            .docker
            .call(format!("looking at `{decky}`"), limit::LOOK, inspect)
            .await?;
        let state = seen.state.unwrap_or_default();
        Ok(Life {
            is_running: state.running.unwrap_or(false) && !state.restarting.unwrap_or(false),
            started_at: state.started_at.unwrap_or_default(),
            namespace: seen
                .network_settings
                .and_then(|net| net.sandbox_key)
                .unwrap_or_default(),
        })
    }
}

/// One run of a container, from start to end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Life {
    is_running: bool,
    started_at: String,
    namespace: String,
}

// === impl Life ===

impl Life {
    fn namespace(&self, decky: &Name) -> Result<NetNs, Error> {
        if !self.is_running || self.namespace.is_empty() {
            return Err(Error::NotRunning {
                decky: decky.to_string(),
            });
        }
        NetNs::open(Path::new(&self.namespace))
            .map_err(Error::io(format!("opening the network namespace of `{decky}`")))
    }
}

/// The decky's own name; the engine takes none of a single letter.
fn name_of(decky: &Name) -> String {
    match decky.as_str() {
        short if short.len() < 2 => format!("decky-{short}"),
        name => name.to_owned(),
    }
}

fn unless_done(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.is_unchanged() => Ok(()),
        other => other,
    }
}

// === impl Container ===

impl Container {
    fn of(summary: ContainerSummary) -> Option<Self> {
        let labels = summary.labels?;
        let label = |key: &str| labels.get(key).cloned().unwrap_or_default();
        let networks = summary
            .network_settings
            .and_then(|settings| settings.networks)
            .unwrap_or_default();
        let state = summary.state.unwrap_or(ContainerSummaryStateEnum::EMPTY);
        Some(Self {
            id: summary.id?,
            decky: Name::new(label(labels::DECKY)).ok()?,
            is_next: summary
                .names
                .unwrap_or_default()
                .iter()
                .any(|name| name.ends_with(NEXT)),
            spec_hash: label(labels::SPEC_HASH),
            container_hash: label(labels::CONTAINER_HASH),
            generation: label(labels::GENERATION).parse().unwrap_or(0),
            image: summary.image.unwrap_or_default(),
            ip: networks
                .into_values()
                .find_map(|endpoint| endpoint.ipam_config?.ipv4_address?.parse().ok()),
            is_running: state == ContainerSummaryStateEnum::RUNNING,
            state: state.to_string(),
        })
    }
}
