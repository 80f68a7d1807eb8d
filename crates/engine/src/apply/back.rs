//! The way back from a change that failed, or that all or nothing takes back.

use std::collections::BTreeSet;

use model::fleet::DeckyState;
use store::DeckyRow;

use super::machine::{Done, Site};
use super::{Change, DeckyOutcome, Item};
use crate::containers::Container;
use crate::error::Error;
use crate::progress::Phase;

// === impl Site ===

impl Site<'_> {
    /// Takes a change back that was not made final.
    pub(super) async fn revert(&self, item: &Item, done: Done) -> DeckyOutcome {
        let containers = &self.engine.containers;
        match (item.change, &item.container) {
            (Change::Recreate, Some(old)) => {
                keep_first(containers.remove(&done.id, &item.name).await);
                self.put_back(old).await;
            }
            (Change::Update, Some(container)) => {
                let generation = item.spec.as_ref().map_or(0, |spec| spec.machine.generation);
                self.tell_again(container, item.row.as_ref(), generation).await;
            }
            (Change::Start, _) => keep_first(containers.stop(&done.id, &item.name).await),
            _ => keep_first(containers.remove(&done.id, &item.name).await),
        }
        keep_first(self.forget_unborn(item).await);
        self.progress.decky(&item.name, Phase::RolledBack);
        DeckyOutcome {
            state: state_before(item),
            ..self.outcome(item, &done)
        }
    }

    /// Notes a failure; what was there before is back already.
    pub(super) async fn failed(&self, item: &Item, error: &Error) -> Result<DeckyOutcome, Error> {
        let reason = error.to_string();
        self.progress
            .decky(&item.name, Phase::Failed { reason: reason.clone() });
        let deckies = self.engine.store.deckies();
        let state = match (item.change, &item.row, &item.spec) {
            (Change::Create | Change::Start, _, Some(spec)) if !self.options.atomic => {
                let row = DeckyRow {
                    state: DeckyState::Failed,
                    last_error: Some(reason.clone()),
                    ..DeckyRow::pending(spec.clone())
                };
                deckies.put(&row).await?;
                DeckyState::Failed
            }
            (_, Some(before), _) => {
                deckies
                    .set_state(&before.host, before.name(), before.state, Some(&reason))
                    .await?;
                before.state
            }
            _ => {
                self.forget_unborn(item).await?;
                DeckyState::Failed
            }
        };
        Ok(DeckyOutcome {
            name: item.name.clone(),
            change: item.change,
            state,
            error: Some(reason),
            closed: BTreeSet::new(),
        })
    }

    /// Starts a machine again that was stopped for another, as well as that goes.
    pub(super) async fn put_back(&self, old: &Container) {
        if !old.is_running {
            return;
        }
        let put_back = async {
            let row = self.engine.store.deckies().get(store::LOCAL, &old.decky).await?;
            let Some(row) = row else {
                return self.engine.containers.start(&old.id, &old.decky).await;
            };
            let is_behind = row.spec.machine.generation != old.generation;
            self.bring_up(&old.id, &row.spec, is_behind).await.map(drop)
        };
        keep_first(put_back.await);
        self.progress.decky(&old.decky, Phase::RolledBack);
    }

    /// Puts the spec of the row into force again, as well as that goes.
    pub(super) async fn tell_again(&self, container: &Container, row: Option<&DeckyRow>, last_generation: u64) {
        let Some(row) = row else { return };
        let mut spec = row.spec.clone();
        spec.machine.generation = last_generation + 1;
        let told = async {
            self.engine
                .containers
                .sync(&container.id, &spec.name, &spec.machine)
                .await?;
            Ok(self
                .engine
                .store
                .deckies()
                .put(&DeckyRow {
                    spec: spec.clone(),
                    ..row.clone()
                })
                .await?)
        };
        keep_first(told.await);
    }

    /// A decky that never came to be leaves no row.
    async fn forget_unborn(&self, item: &Item) -> Result<(), Error> {
        if item.change == Change::Create && item.row.is_none() {
            self.engine.store.deckies().delete(store::LOCAL, &item.name).await?;
        }
        Ok(())
    }
}

fn state_before(item: &Item) -> DeckyState {
    item.row.as_ref().map_or(DeckyState::TornDown, |row| row.state)
}

/// The failure that led here is the one to tell; one on the way back is noted.
pub(super) fn keep_first(result: Result<(), Error>) {
    if let Err(error) = result {
        tracing::warn!(%error, "while putting back what was there before");
    }
}
