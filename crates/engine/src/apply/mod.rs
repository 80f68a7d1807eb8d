//! Making the fleet what it should be: observe, take the difference, act on it, and put back what failed
//! (deploy.md §8.4).

mod back;
mod checks;
mod diff;
mod machine;
mod recover;
mod status;
mod teardown;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use fleet::catalogue::Distro;
use futures_util::{StreamExt as _, TryStreamExt as _};
use model::Name;
use model::fleet::{DeckySpec, DeckyState, FleetSpec};
use model::machine::Port;
use serde::Serialize;
use store::{DeckyRow, LOCAL, Store};
use time::OffsetDateTime;
use uuid::Uuid;

pub use diff::Item;
pub use fleet::diff::Change;
pub use status::{Health, Status};

use self::diff::{Known, diff};
use self::machine::Site;
use crate::containers::{Container, Containers};
use crate::docker::Docker;
use crate::error::Error;
use crate::images::Images;
use crate::labels::Scope;
use crate::lock::Lock;
use crate::mirror::Mirror;
use crate::network::{Network, Networks};
use crate::progress::{Progress, Step};

/// Machines worked on at the same time: more makes the engine slower, not faster.
const AT_ONCE: usize = 4;

/// Where things lie on this host.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Kept images, locks.
    pub state_dir: PathBuf,
    /// `decnet-state.json`.
    pub state_file: PathBuf,
    /// The binary that becomes PID 1 of a machine.
    pub decoy: PathBuf,
}

#[derive(Clone, Debug)]
pub struct Options {
    /// All or nothing: one failure puts everything back.
    pub atomic: bool,
    /// Deckies that are not in the fleet asked for are removed.
    pub prune: bool,
    /// A network that has to change may cut running machines off.
    pub may_cut: bool,
    /// A machine whose wall cannot be raised is let go nevertheless. For laboratories.
    pub allow_uncontained: bool,
    /// More memory may be promised than there is.
    pub overcommit: bool,
    /// How long a machine's ports may take to open.
    pub patience: Duration,
}

/// What became of a fleet.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    pub deckies: Vec<DeckyOutcome>,
    /// One failed, and as all or nothing was asked for, everything is as it was.
    pub rolled_back: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct DeckyOutcome {
    pub name: Name,
    pub change: Change,
    /// Afterwards.
    pub state: DeckyState,
    pub error: Option<String>,
    /// Declared, and not open.
    pub closed: BTreeSet<Port>,
}

/// The one hand that changes the deckies of a scope on this host.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) scope: Scope,
    pub(crate) containers: Containers,
    pub(crate) images: Images,
    pub(crate) networks: Networks,
    pub(crate) docker: Docker,
    pub(crate) store: Store,
    pub(crate) paths: Paths,
}

// === impl Engine ===

impl Engine {
    pub fn new(docker: Docker, store: Store, scope: Scope, paths: Paths) -> Self {
        Self {
            containers: Containers::new(docker.clone(), scope.clone()),
            images: Images::new(docker.clone(), scope.clone()),
            networks: Networks::new(docker.clone(), scope.clone()),
            scope,
            docker,
            store,
            paths,
        }
    }

    /// What [`Self::apply`] would do. Touches nothing.
    pub async fn plan(&self, desired: &FleetSpec, distros: &[Distro], prune: bool) -> Result<Vec<Item>, Error> {
        let mut images = BTreeMap::new();
        for distro in wanted(desired, distros)? {
            if let Some(image) = self.images.expected(distro, &self.paths.decoy).await? {
                images.insert(distro.slug.clone(), image);
            }
        }
        let is_new_network = !self.networks.fits(&desired.network).await?;
        let (rows, containers) = (self.rows().await?, self.containers.list().await?);
        let silent = self.silent(&desired.deckies, &containers).await;
        let known = Known {
            rows: &rows,
            containers: &containers,
            images: &images,
            is_new_network,
            silent: &silent,
        };
        Ok(diff(desired, &known, prune))
    }

    /// Makes what runs what is wanted. A decky that fails is put back alone and told of in the outcome; an error means
    /// that nothing was begun.
    pub async fn apply(
        &self,
        desired: &FleetSpec,
        distros: &[Distro],
        options: &Options,
        progress: &Progress,
    ) -> Result<Outcome, Error> {
        let _lock = self.lock("deploy").await?;
        self.recover().await?;
        let operation = Uuid::now_v7();
        let names: Vec<&Name> = desired.deckies.iter().map(|spec| &spec.name).collect();
        self.store.operations().begin(operation, "deploy", &names).await?;
        let done = self.apply_locked(operation, desired, distros, options, progress).await;
        let failure = match &done {
            Ok(outcome) => outcome.first_error().map(str::to_owned),
            Err(error) => Some(error.to_string()),
        };
        self.store
            .operations()
            .finish(operation, failure.as_deref().map_or(Ok(()), Err))
            .await?;
        done
    }

    async fn apply_locked(
        &self,
        operation: Uuid,
        desired: &FleetSpec,
        distros: &[Distro],
        options: &Options,
        progress: &Progress,
    ) -> Result<Outcome, Error> {
        checks::run(&self.docker, &self.paths, desired, options).await?;
        let mut images = BTreeMap::new();
        for distro in wanted(desired, distros)? {
            let base = self.images.ensure(distro, &self.paths.images(), progress).await?;
            images.insert(
                distro.slug.clone(),
                self.images.with_decoy(&base, &self.paths.decoy).await?,
            );
        }
        let ensured = self.networks.ensure(&desired.network, options.may_cut).await?;
        progress.tell(Step::NetworkReady {
            network: ensured.network.name.clone(),
            is_new: ensured.is_new,
        });

        let (rows, containers) = (self.rows().await?, self.containers.list().await?);
        let silent = self.silent(&desired.deckies, &containers).await;
        let known = Known {
            rows: &rows,
            containers: &containers,
            images: &images,
            is_new_network: ensured.is_new,
            silent: &silent,
        };
        let items = diff(desired, &known, options.prune);
        if items.iter().all(|item| !item.is_change() && item.row.is_some()) {
            return Ok(Outcome::of(items.iter().map(DeckyOutcome::kept)));
        }
        let site = Site::open(self, &ensured.network, &items, &rows, images, options, progress).await?;
        let outcome = self.carry_out(operation, &site, items).await?;
        self.settle(&ensured.network).await?;
        Ok(outcome)
    }

    /// Does what the plan says. Removals come last, so that until then everything can be put back.
    async fn carry_out(&self, operation: Uuid, site: &Site<'_>, items: Vec<Item>) -> Result<Outcome, Error> {
        let (going, staying): (Vec<Item>, Vec<Item>) = items.into_iter().partition(|i| i.change == Change::Delete);
        let (kept, changing): (Vec<Item>, Vec<Item>) = staying.into_iter().partition(|i| !i.is_change());
        self.store.deckies().put_all(&machine::pending(&changing)).await?;
        let step = serde_json::json!({ "changing": names(&changing), "going": names(&going) });
        self.store.operations().step(operation, &step).await?;

        let in_the_way = site.clear_addresses(&changing, &going).await?;
        let work = futures_util::stream::iter(&changing).map(async |item| (item, site.change(item).await));
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for (item, result) in work.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await {
            match result {
                Ok(new) => done.push((item, new)),
                Err(error) => failed.push((item, error)),
            }
        }
        let rolls_back = site.options.atomic && !failed.is_empty();
        let mut outcomes: Vec<DeckyOutcome> = kept.iter().map(DeckyOutcome::kept).collect();
        for (item, new) in done {
            outcomes.push(match rolls_back {
                true => site.revert(item, new).await,
                false => site.finish(item, new).await?,
            });
        }
        for (item, error) in failed {
            outcomes.push(site.failed(item, &error).await?);
        }
        if rolls_back {
            for container in in_the_way {
                site.put_back(&container).await;
            }
            return Ok(Outcome {
                rolled_back: true,
                ..Outcome::of(outcomes)
            });
        }
        let keep = futures_util::stream::iter(&kept)
            .map(|item| site.keep(item))
            .buffer_unordered(AT_ONCE);
        keep.try_collect::<()>().await?;
        let remove = |item: Item| async move {
            self.remove_decky(&item.name, item.container.as_ref(), site.progress)
                .await
        };
        let removed = futures_util::stream::iter(going).map(remove).buffer_unordered(AT_ONCE);
        outcomes.extend(removed.try_collect::<Vec<_>>().await?);
        Ok(Outcome::of(outcomes))
    }

    /// Deckies that run and listen on nothing: restarted while nobody was there to let them go.
    async fn silent(&self, desired: &[DeckySpec], containers: &[Container]) -> BTreeSet<Name> {
        let running = |spec: &&DeckySpec| {
            containers
                .iter()
                .any(|c| c.decky == spec.name && c.is_running && !c.is_next)
        };
        let look = async |spec: &DeckySpec| {
            let container = containers.iter().find(|c| c.decky == spec.name && !c.is_next)?;
            let closed = self
                .containers
                .ready(&container.id, &spec.name, machine::ports(spec), Duration::ZERO)
                .await;
            let declared = machine::ports(spec).collect::<BTreeSet<_>>();
            let is_silent = !declared.is_empty() && closed.is_ok_and(|closed| closed == declared);
            is_silent.then(|| spec.name.clone())
        };
        let looks = futures_util::stream::iter(desired.iter().filter(running))
            .map(look)
            .buffer_unordered(AT_ONCE);
        looks.filter_map(std::future::ready).collect().await
    }

    /// Brings what stands beside the deckies in line with the rows: the host's routes, the state file.
    pub(crate) async fn settle(&self, network: &Network) -> Result<(), Error> {
        let rows = self.rows().await?;
        let alive: Vec<Ipv4Addr> = rows
            .iter()
            .filter(|row| row.spec_hash.is_some())
            .map(|row| row.spec.ip)
            .collect();
        self.networks.reach(network, &alive).await?;
        self.write_mirror(Some(network.name.clone()), rows)
    }

    pub(crate) fn write_mirror(&self, network: Option<String>, rows: Vec<DeckyRow>) -> Result<(), Error> {
        let path = &self.paths.state_file;
        // A damaged file is replaced: the store is the truth, and the damage is kept as `.bak`.
        let before = Mirror::read(path).unwrap_or_else(|error| {
            tracing::warn!(%error, "replacing the state file");
            None
        });
        let deckies = rows.into_iter().map(|row| (row.spec, row.state));
        Mirror::next(before, LOCAL, network, deckies, OffsetDateTime::now_utc()).write(path)
    }

    pub(crate) async fn rows(&self) -> Result<Vec<DeckyRow>, Error> {
        let rows = self.store.deckies().list().await?;
        Ok(rows.into_iter().filter(|row| row.host == LOCAL).collect())
    }

    pub(crate) async fn lock(&self, what_for: &str) -> Result<Lock, Error> {
        Lock::take(&self.paths.run(), &self.scope, what_for).await
    }
}

fn names(items: &[Item]) -> Vec<&Name> {
    items.iter().map(|item| &item.name).collect()
}

/// The distros the fleet needs, each once.
fn wanted<'a>(desired: &FleetSpec, distros: &'a [Distro]) -> Result<Vec<&'a Distro>, Error> {
    let slugs: BTreeSet<&str> = desired.deckies.iter().map(|spec| spec.distro.as_str()).collect();
    let find = |slug: &str| distros.iter().find(|distro| distro.slug == slug);
    slugs
        .into_iter()
        .map(|slug| find(slug).ok_or_else(|| Error::NoDistro { slug: slug.to_owned() }))
        .collect()
}

// === impl Outcome ===

impl Outcome {
    fn of(deckies: impl IntoIterator<Item = DeckyOutcome>) -> Self {
        let mut deckies: Vec<_> = deckies.into_iter().collect();
        deckies.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            deckies,
            rolled_back: false,
        }
    }

    /// Everything asked for stands.
    pub fn is_complete(&self) -> bool {
        let stands = |d: &DeckyOutcome| matches!(d.state, DeckyState::Running | DeckyState::TornDown);
        !self.rolled_back && self.deckies.iter().all(|d| stands(d) && d.error.is_none())
    }

    pub fn first_error(&self) -> Option<&str> {
        self.deckies.iter().find_map(|decky| decky.error.as_deref())
    }

    /// How many deckies something was done about.
    pub fn changed(&self) -> usize {
        self.deckies.iter().filter(|decky| decky.change != Change::Noop).count()
    }
}

// === impl DeckyOutcome ===

impl DeckyOutcome {
    fn kept(item: &Item) -> Self {
        Self {
            name: item.name.clone(),
            change: Change::Noop,
            state: item.row.as_ref().map_or(DeckyState::Running, |row| row.state),
            error: None,
            closed: BTreeSet::new(),
        }
    }
}

// === impl Paths ===

impl Paths {
    pub(crate) fn images(&self) -> PathBuf {
        self.state_dir.join("images")
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.state_dir.join("run")
    }
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            atomic: false,
            prune: true,
            may_cut: false,
            allow_uncontained: false,
            overcommit: false,
            patience: Duration::from_secs(30),
        }
    }
}
