//! Taking deckies away, one or all, with everything that was made for them (deploy.md §8.5).

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _};
use model::Name;
use model::fleet::DeckyState;
use store::LOCAL;
use uuid::Uuid;

use super::{AT_ONCE, Change, DeckyOutcome, Engine, Outcome};
use crate::containers::Container;
use crate::error::Error;
use crate::mirror::Mirror;
use crate::progress::{Phase, Progress};

// === impl Engine ===

impl Engine {
    /// Removes one decky. With the last one go the network and what stands beside it.
    pub async fn teardown(&self, name: &Name, progress: &Progress) -> Result<Outcome, Error> {
        let _lock = self.lock("teardown").await?;
        self.recover().await?;
        let containers = self.containers.list().await?;
        let of_it: Vec<&Container> = containers.iter().filter(|container| container.decky == *name).collect();
        let has_row = self.store.deckies().get(LOCAL, name).await?.is_some();
        if of_it.is_empty() && !has_row {
            return Err(Error::NoDecky { name: name.to_string() });
        }
        let operation = Uuid::now_v7();
        self.store.operations().begin(operation, "teardown", &[name]).await?;
        let outcome = self.remove_decky(name, of_it.first().copied(), progress).await?;
        for leftover in of_it.iter().skip(1) {
            self.containers.remove(&leftover.id, name).await?;
        }
        self.finish(operation, vec![outcome]).await
    }

    /// Removes everything of the scope, known or not: containers, network, links, rules, rows, images we made.
    pub async fn teardown_all(&self, progress: &Progress) -> Result<Outcome, Error> {
        let lock = self.lock("teardown --all").await?;
        let containers = self.containers.list().await?;
        let rows = self.rows().await?;
        let names: BTreeSet<Name> = containers
            .iter()
            .map(|c| c.decky.clone())
            .chain(rows.iter().map(|row| row.name().clone()))
            .collect();
        let operation = Uuid::now_v7();
        self.store.operations().begin(operation, "teardown", &names).await?;
        let remove = async |name: &Name| {
            let of_it: Vec<&Container> = containers.iter().filter(|container| container.decky == *name).collect();
            for leftover in of_it.iter().skip(1) {
                self.containers.remove(&leftover.id, name).await?;
            }
            self.remove_decky(name, of_it.first().copied(), progress).await
        };
        let removed = futures_util::stream::iter(&names).map(remove).buffer_unordered(AT_ONCE);
        let outcomes = removed.try_collect().await?;
        for interrupted in self
            .store
            .operations()
            .unfinished()
            .await?
            .iter()
            .filter(|other| other.id != operation)
        {
            self.store.operations().finish(interrupted.id, Err("torn down")).await?;
        }
        let outcome = self.finish(operation, outcomes).await?;
        if outcome.is_complete() {
            self.sweep().await?;
            lock.remove()?;
        }
        Ok(outcome)
    }

    /// What carries our labels and belongs to no decky, the images, the state file.
    async fn sweep(&self) -> Result<(), Error> {
        self.containers.remove_scratch().await?;
        self.networks.remove().await?;
        self.remove_images().await?;
        Mirror::remove(&self.paths.state_file)
    }

    /// Removes a decky and its row. A failure is noted on the row, which stays, so that it can be tried again.
    pub(super) async fn remove_decky(
        &self,
        name: &Name,
        container: Option<&Container>,
        progress: &Progress,
    ) -> Result<DeckyOutcome, Error> {
        progress.decky(name, Phase::Removing);
        let removed = match container {
            Some(container) => self.containers.remove(&container.id, name).await,
            None => Ok(()),
        };
        let (state, error) = match removed {
            Ok(()) => {
                self.store.deckies().delete(LOCAL, name).await?;
                progress.decky(name, Phase::Removed);
                (DeckyState::TornDown, None)
            }
            Err(error) => {
                let reason = error.to_string();
                let deckies = self.store.deckies();
                // It may have had no row.
                let _ = deckies
                    .set_state(LOCAL, name, DeckyState::TeardownFailed, Some(&reason))
                    .await;
                progress.decky(name, Phase::Failed { reason: reason.clone() });
                (DeckyState::TeardownFailed, Some(reason))
            }
        };
        Ok(DeckyOutcome {
            name: name.clone(),
            change: Change::Delete,
            state,
            error,
            closed: BTreeSet::new(),
        })
    }

    async fn finish(&self, operation: Uuid, outcomes: Vec<DeckyOutcome>) -> Result<Outcome, Error> {
        let outcome = Outcome::of(outcomes);
        let is_last = self.containers.list().await?.is_empty();
        match self.networks.find().await? {
            Some(network) if !is_last => self.settle(&network).await?,
            _ => {
                self.networks.remove().await?;
                self.write_mirror(None, self.rows().await?)?;
            }
        }
        self.store
            .operations()
            .finish(operation, outcome.first_error().map_or(Ok(()), Err))
            .await?;
        Ok(outcome)
    }
}

// === impl Engine: images ===

impl Engine {
    async fn remove_images(&self) -> Result<(), Error> {
        for image in self.images.remove_all().await? {
            let name = image.tags.first().unwrap_or(&image.id);
            tracing::warn!(image = %name, "stays: an image or container that is not ours stands on it");
        }
        Ok(())
    }
}
