//! One decky's change, with the way back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use model::Name;
use model::fleet::{DeckySpec, DeckyState};
use model::machine::Port;
use store::DeckyRow;
use time::OffsetDateTime;

use super::back::keep_first;
use super::{Change, DeckyOutcome, Engine, Item, Options};
use crate::containers::{As, Container};
use crate::error::Error;
use crate::network::Network;
use crate::progress::{Phase, Progress};
use crate::wall::Wall;

/// What all deckies of one operation have in common.
pub(super) struct Site<'a> {
    pub(super) engine: &'a Engine,
    pub(super) network: &'a Network,
    pub(super) never: Vec<IpAddr>,
    pub(super) scope: Vec<Ipv4Addr>,
    /// The scope is another than before.
    pub(super) has_new_neighbours: bool,
    /// Machine image by distro.
    pub(super) images: BTreeMap<String, String>,
    /// What this kernel has of each set of settings wanted.
    pub(super) sysctls: BTreeMap<BTreeMap<String, String>, BTreeMap<String, String>>,
    pub(super) options: &'a Options,
    pub(super) progress: &'a Progress,
}

/// A change that was made and can still be taken back.
pub(super) struct Done {
    /// Of the container that is now the decky.
    pub(super) id: String,
    closed: BTreeSet<Port>,
}

/// Rows of deckies that are to come to be, so that a crash leaves a trace of them.
pub(super) fn pending(items: &[Item]) -> Vec<DeckyRow> {
    let is_new = |item: &&Item| item.change == Change::Create;
    items
        .iter()
        .filter(is_new)
        .filter_map(|item| Some(DeckyRow::pending(item.spec.clone()?)))
        .collect()
}

// === impl Site ===

impl<'a> Site<'a> {
    /// Gathers what the changes of `items` need.
    pub(super) async fn open(
        engine: &'a Engine,
        network: &'a Network,
        items: &[Item],
        rows: &[DeckyRow],
        images: BTreeMap<String, String>,
        options: &'a Options,
        progress: &'a Progress,
    ) -> Result<Self, Error> {
        let before: BTreeSet<Ipv4Addr> = rows
            .iter()
            .filter(|row| row.spec_hash.is_some())
            .map(|row| row.spec.ip)
            .collect();
        let is_going = |name: &Name| {
            items
                .iter()
                .any(|item| item.name == *name && item.change == Change::Delete)
        };
        let planned = items.iter().filter_map(|item| Some(item.spec.as_ref()?.ip));
        let others = rows.iter().filter(|row| !is_going(row.name())).map(|row| row.spec.ip);
        let scope: BTreeSet<Ipv4Addr> = planned.chain(others).collect();
        let mut sysctls: BTreeMap<_, _> = BTreeMap::new();
        for spec in items.iter().filter_map(|item| item.spec.as_ref()) {
            if !sysctls.contains_key(&spec.sysctls) {
                sysctls.insert(spec.sysctls.clone(), engine.containers.sysctls(&spec.sysctls).await?);
            }
        }
        Ok(Self {
            engine,
            network,
            never: engine.networks.never(network.gateway).await?,
            has_new_neighbours: scope != before,
            scope: scope.into_iter().collect(),
            images,
            sysctls,
            options,
            progress,
        })
    }
}

impl Site<'_> {
    /// Makes the change; on failure what was there before is back. Final at once, unless it is all or nothing.
    pub(super) async fn change(&self, item: &Item) -> Result<Done, Error> {
        let Some(spec) = &item.spec else {
            return Err(Error::NotRunning {
                decky: item.name.to_string(),
            });
        };
        let done = match (item.change, &item.container) {
            (Change::Recreate, Some(old)) => self.recreate(spec, old).await?,
            (Change::Update, Some(container)) => self.update(spec, container, item.row.as_ref()).await?,
            (Change::Start, Some(container)) => self.start(spec, container).await?,
            _ => self.create(spec).await?,
        };
        if !self.options.atomic {
            self.commit(item, &done).await?;
        }
        Ok(done)
    }

    /// Makes final what is not yet.
    pub(super) async fn finish(&self, item: &Item, done: Done) -> Result<DeckyOutcome, Error> {
        if self.options.atomic {
            self.commit(item, &done).await?;
        }
        Ok(self.outcome(item, &done))
    }

    async fn create(&self, spec: &DeckySpec) -> Result<Done, Error> {
        let containers = &self.engine.containers;
        self.progress.decky(&spec.name, Phase::Creating);
        let id = self.new_container(spec, As::Itself).await?;
        match self.bring_up(&id, spec, false).await {
            Ok(closed) => Ok(Done { id, closed }),
            Err(error) => {
                keep_first(containers.remove(&id, &spec.name).await);
                Err(error)
            }
        }
    }

    /// The old container is stopped, and gone only when the new one is known to be well.
    async fn recreate(&self, spec: &DeckySpec, old: &Container) -> Result<Done, Error> {
        let containers = &self.engine.containers;
        self.progress.decky(&spec.name, Phase::Creating);
        let id = self.new_container(spec, As::Next).await?;
        let up = async {
            containers.stop(&old.id, &spec.name).await?;
            self.bring_up(&id, spec, false).await
        };
        match up.await {
            Ok(closed) => Ok(Done { id, closed }),
            Err(error) => {
                keep_first(containers.remove(&id, &spec.name).await);
                self.put_back(old).await;
                Err(error)
            }
        }
    }

    async fn update(&self, spec: &DeckySpec, container: &Container, row: Option<&DeckyRow>) -> Result<Done, Error> {
        let containers = &self.engine.containers;
        self.progress.decky(&spec.name, Phase::Updating);
        // Before the machine hears of them: neighbours may have come or gone.
        self.wall(&container.id, spec).await?;
        let synced = containers.sync(&container.id, &spec.name, &spec.machine).await;
        let closed = match synced {
            Ok(()) => self.opened(&container.id, spec).await,
            Err(error) => Err(error),
        };
        match closed {
            Ok(closed) => Ok(Done {
                id: container.id.clone(),
                closed,
            }),
            // It said no: the spec before is in force still.
            Err(error @ Error::Refused { .. }) => Err(error),
            Err(error) => {
                self.tell_again(container, row, spec.machine.generation).await;
                Err(error)
            }
        }
    }

    async fn start(&self, spec: &DeckySpec, container: &Container) -> Result<Done, Error> {
        let is_behind = container.generation != spec.machine.generation;
        match self.bring_up(&container.id, spec, is_behind).await {
            Ok(closed) => Ok(Done {
                id: container.id.clone(),
                closed,
            }),
            Err(error) => {
                keep_first(self.engine.containers.stop(&container.id, &spec.name).await);
                Err(error)
            }
        }
    }

    async fn new_container(&self, spec: &DeckySpec, name: As) -> Result<String, Error> {
        let image = self.images.get(&spec.distro).ok_or_else(|| Error::NoDistro {
            slug: spec.distro.clone(),
        })?;
        let sysctls = self.sysctls.get(&spec.sysctls).unwrap_or(&spec.sysctls);
        self.engine
            .containers
            .create(spec, image, &self.network.name, sysctls, name)
            .await
    }

    /// From a created container to a machine that serves: start, wall, spec, go, ports. What is still closed then.
    pub(super) async fn bring_up(&self, id: &str, spec: &DeckySpec, resync: bool) -> Result<BTreeSet<Port>, Error> {
        let containers = &self.engine.containers;
        self.progress.decky(&spec.name, Phase::Starting);
        let started = containers.start(id, &spec.name).await;
        started.map_err(|error| error.at(spec.ip))?;
        self.progress.decky(&spec.name, Phase::Walling);
        self.wall(id, spec).await?;
        if resync {
            containers.sync(id, &spec.name, &spec.machine).await?;
        }
        containers.go(id, &spec.name).await?;
        self.progress.decky(&spec.name, Phase::Waiting);
        self.opened(id, spec).await
    }

    async fn wall(&self, id: &str, spec: &DeckySpec) -> Result<(), Error> {
        let wall = Wall::around(spec, &self.scope, &self.never);
        match self.engine.containers.wall(id, &spec.name, &wall).await {
            Err(error @ Error::Wall { .. }) if self.options.allow_uncontained => {
                tracing::warn!(decky = %spec.name, %error, "let go WITHOUT a wall, as allowed");
                Ok(())
            }
            done => done,
        }
    }

    /// Waits for the ports. None open at all is an error.
    async fn opened(&self, id: &str, spec: &DeckySpec) -> Result<BTreeSet<Port>, Error> {
        let declared: BTreeSet<Port> = ports(spec).collect();
        let ready = self
            .engine
            .containers
            .ready(id, &spec.name, ports(spec), self.options.patience)
            .await?;
        if !declared.is_empty() && ready.len() == declared.len() {
            let words = self.engine.containers.last_words(id, &spec.name).await;
            return Err(Error::NothingOpen {
                decky: spec.name.to_string(),
                limit: self.options.patience,
                words,
            });
        }
        Ok(ready)
    }

    /// Makes the change final: the row first, which is the point of no return, then what it replaced goes.
    async fn commit(&self, item: &Item, done: &Done) -> Result<(), Error> {
        let Some(spec) = item.spec.clone() else { return Ok(()) };
        self.engine.store.deckies().put(&row(spec, &done.closed)).await?;
        if let (Change::Recreate, Some(old)) = (item.change, &item.container) {
            self.engine.containers.remove(&old.id, &item.name).await?;
            self.engine.containers.promote(&done.id, &item.name).await?;
        }
        let phase = match done.closed.is_empty() {
            true => Phase::Done,
            false => Phase::Degraded {
                closed: done.closed.clone(),
            },
        };
        self.progress.decky(&item.name, phase);
        Ok(())
    }

    /// A decky nothing is done about gets a row if it had none, and learns of new neighbours.
    pub(super) async fn keep(&self, item: &Item) -> Result<(), Error> {
        let (Some(spec), Some(container)) = (&item.spec, &item.container) else {
            return Ok(());
        };
        if item.row.as_ref().is_none_or(|row| row.spec_hash.is_none()) {
            self.engine
                .store
                .deckies()
                .put(&row(spec.clone(), &BTreeSet::new()))
                .await?;
        }
        if self.has_new_neighbours {
            self.wall(&container.id, spec).await
        } else {
            Ok(())
        }
    }

    pub(super) fn outcome(&self, item: &Item, done: &Done) -> DeckyOutcome {
        DeckyOutcome {
            name: item.name.clone(),
            change: item.change,
            state: state_with(&done.closed),
            error: None,
            closed: done.closed.clone(),
        }
    }

    /// Stops machines whose address another is to have; which were stopped.
    pub(super) async fn clear_addresses(&self, changing: &[Item], going: &[Item]) -> Result<Vec<Container>, Error> {
        let is_wanted_by_another = |item: &&Item| {
            let ip = item.container.as_ref().filter(|c| c.is_running).and_then(|c| c.ip);
            let mut others = changing.iter().filter(|other| other.name != item.name);
            ip.is_some() && others.any(|other| other.spec.as_ref().map(|spec| spec.ip) == ip)
        };
        let mut stopped = Vec::new();
        for item in changing.iter().chain(going).filter(is_wanted_by_another) {
            if let Some(container) = &item.container {
                self.engine.containers.stop(&container.id, &item.name).await?;
                stopped.push(container.clone());
            }
        }
        Ok(stopped)
    }
}

/// What the decky declares to listen on.
pub(super) fn ports(spec: &DeckySpec) -> impl Iterator<Item = Port> + '_ {
    spec.machine
        .services
        .iter()
        .flat_map(|service| service.ports.iter().map(|port| Port { tls: false, ..*port }))
}

fn row(spec: DeckySpec, closed: &BTreeSet<Port>) -> DeckyRow {
    let error = (!closed.is_empty()).then(|| {
        let ports: Vec<String> = closed.iter().map(|port| port.port.to_string()).collect();
        format!("not open: {}", ports.join(", "))
    });
    DeckyRow {
        state: state_with(closed),
        last_error: error,
        spec_hash: Some(spec.spec_hash()),
        last_seen: Some(OffsetDateTime::now_utc()),
        ..DeckyRow::pending(spec)
    }
}

fn state_with(closed: &BTreeSet<Port>) -> DeckyState {
    if closed.is_empty() {
        DeckyState::Running
    } else {
        DeckyState::Degraded
    }
}
