//! Keeps every running machine of a scope behind its wall: after a restart of the machine, of the engine or of the host,
//! it is walled again before it may open a port, and told what changed while it was away.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures_util::stream::BoxStream;
use model::Name;
use model::fleet::{DeckySpec, NetworkSpec};
use tokio::sync::mpsc;

use crate::apply::Paths;
use crate::containers::{Container, Containers};
use crate::docker::Docker;
use crate::egress::{Blocked, Watch};
use crate::error::Error;
use crate::labels::Scope;
use crate::lock::Lock;
use crate::logs::Logs;
use crate::network::Networks;
use crate::wall::Wall;

pub struct Guard {
    scope: Scope,
    /// Where the scope's lock lies.
    run: PathBuf,
    containers: Containers,
    networks: Networks,
    logs: Logs,
    tell: mpsc::Sender<Blocked>,
    held: BTreeMap<Name, Held>,
    /// What stands on the host beside the machines was seen to: it does not outlive a boot of the host.
    has_settled: bool,
}

/// Held from reading what is wanted to having seen to it: nobody changes the grid meanwhile.
#[derive(Debug)]
pub struct Turn {
    _lock: Lock,
}

/// A machine that was seen to, as it runs now.
struct Held {
    container: String,
    namespace: (u64, u64),
    /// Of the wall it stands behind.
    wall: Wall,
    watch: Watch,
}

// === impl Guard ===

impl Guard {
    /// What walls stop is told to `tell`.
    pub fn new(docker: &Docker, scope: &Scope, paths: &Paths, tell: mpsc::Sender<Blocked>) -> Self {
        Self {
            scope: scope.clone(),
            run: paths.run(),
            containers: Containers::new(docker.clone(), scope.clone()),
            networks: Networks::new(docker.clone(), scope.clone()),
            logs: Logs::new(docker.clone(), scope.clone()),
            tell,
            held: BTreeMap::new(),
            has_settled: false,
        }
    }

    /// An item whenever a pass is due; see [`Logs::changes`].
    pub fn changes(&self) -> BoxStream<'static, Result<(), Error>> {
        self.logs.changes()
    }

    /// None while the grid is being changed: whoever changes it raises the walls, and what is wanted is not settled.
    pub fn turn(&self) -> Result<Option<Turn>, Error> {
        let lock = Lock::share(&self.run, &self.scope)?;
        Ok(lock.map(|lock| Turn { _lock: lock }))
    }

    /// Sees to every running machine that is `desired` and was not seen to as it runs now. What went wrong with one
    /// does not keep it from the others; how many there are behind their walls.
    pub async fn pass(&mut self, _turn: Turn, desired: &[DeckySpec], network: &NetworkSpec) -> Result<usize, Error> {
        let running = self.containers.list().await?;
        let running: Vec<_> = running.into_iter().filter(|container| container.is_running).collect();
        self.held.retain(|name, held| {
            !held.watch.is_over() && running.iter().any(|c| c.decky == *name && c.id == held.container)
        });
        let never = self.networks.never(network.gateway).await?;
        let scope: Vec<_> = desired.iter().map(|decky| decky.ip).collect();
        if !self.has_settled
            && let Some(network) = self.networks.find().await?
        {
            self.networks.wall(&network).await?;
            self.networks.reach(&network, &scope).await?;
            self.has_settled = true;
        }
        for decky in desired {
            let Some(container) = running.iter().find(|c| c.decky == decky.name && !c.is_next) else {
                continue;
            };
            let wall = Wall::around(decky, &scope, &never);
            if let Err(error) = self.see_to(container, decky, wall).await {
                tracing::warn!(decky = %decky.name, %error, "not guarded");
            }
        }
        Ok(self.held.len())
    }

    async fn see_to(&mut self, container: &Container, decky: &DeckySpec, wall: Wall) -> Result<(), Error> {
        let (id, name) = (&container.id, &decky.name);
        let namespace = self.containers.namespace(id, name).await?;
        let namespace = namespace
            .identity()
            .map_err(Error::io(format!("looking at the network namespace of `{name}`")))?;
        let held = self.held.get(name).filter(|held| held.namespace == namespace);
        if held.is_some_and(|held| held.wall == wall) {
            return Ok(());
        }
        self.containers.wall(id, name, &wall).await?;
        if held.is_some() {
            self.held.entry(name.clone()).and_modify(|held| held.wall = wall);
            return Ok(());
        }
        let watch = self.containers.watch(id, name, self.tell.clone()).await?;
        self.containers.go(id, name).await?;
        if container.generation != decky.machine.generation {
            self.containers.sync(id, name, &decky.machine).await?;
        }
        self.held.insert(
            name.clone(),
            Held {
                container: id.clone(),
                namespace,
                wall,
                watch,
            },
        );
        Ok(())
    }
}
