//! Undoing what a crash left half done. The journal says that something was begun; labels and rows say what.

use std::collections::BTreeMap;

use model::fleet::DeckyState;
use store::{DeckyRow, OperationStatus};

use super::machine::Site;
use super::{Engine, Options};
use crate::containers::Container;
use crate::error::Error;
use crate::progress::Progress;

const INTERRUPTED: &str = "interrupted: what was there before is back";

/// What has to be done about one container of an interrupted operation.
#[derive(Debug, PartialEq, Eq)]
enum Repair {
    /// Never became a decky.
    Remove,
    /// Was to replace another and was not yet known to be well.
    PutBack(Container),
    /// Had replaced another already, but for its name.
    Promote { over: Option<String> },
}

// === impl Engine ===

impl Engine {
    /// Brings deckies of interrupted operations back to what they were. The caller holds the lock.
    pub(crate) async fn recover(&self) -> Result<(), Error> {
        let unfinished = self.store.operations().unfinished().await?;
        if unfinished.is_empty() {
            return Ok(());
        }
        let (rows, containers) = (self.rows().await?, self.containers.list().await?);
        for (container, repair) in repairs(&rows, &containers) {
            tracing::warn!(decky = %container.decky, ?repair, "an operation was interrupted");
            self.repair(container, repair, &rows).await?;
        }
        for row in rows.iter().filter(|row| row.state == DeckyState::Pending) {
            let deckies = self.store.deckies();
            deckies
                .set_state(&row.host, row.name(), DeckyState::Failed, Some(INTERRUPTED))
                .await?;
        }
        for operation in unfinished
            .iter()
            .filter(|operation| operation.status == OperationStatus::Running)
        {
            self.store.operations().finish(operation.id, Err(INTERRUPTED)).await?;
        }
        Ok(())
    }

    async fn repair(&self, container: &Container, repair: Repair, rows: &[DeckyRow]) -> Result<(), Error> {
        let name = &container.decky;
        match repair {
            Repair::Remove => self.containers.remove(&container.id, name).await,
            Repair::PutBack(old) => {
                self.containers.remove(&container.id, name).await?;
                // It was stopped for the other.
                self.put_back(
                    &Container {
                        is_running: true,
                        ..old
                    },
                    rows,
                )
                .await
            }
            Repair::Promote { over } => {
                if let Some(old) = over {
                    self.containers.remove(&old, name).await?;
                }
                self.containers.promote(&container.id, name).await
            }
        }
    }

    async fn put_back(&self, old: &Container, rows: &[DeckyRow]) -> Result<(), Error> {
        let Some(network) = self.networks.find().await? else {
            return Ok(());
        };
        let (options, progress) = (Options::default(), Progress::silent());
        let site = Site::open(self, &network, &[], rows, BTreeMap::new(), &options, &progress).await?;
        site.put_back(old).await;
        Ok(())
    }
}

fn repairs<'a>(rows: &[DeckyRow], containers: &'a [Container]) -> Vec<(&'a Container, Repair)> {
    let row = |of: &Container| rows.iter().find(|row| *row.name() == of.decky);
    let old = |of: &Container| containers.iter().find(|c| c.decky == of.decky && !c.is_next).cloned();
    let repair = |container: &Container| {
        let is_committed = row(container).is_some_and(|row| {
            row.spec_hash.is_some()
                && row.spec.container_hash() == container.container_hash
                && row.spec.machine.generation == container.generation
        });
        match (container.is_next, is_committed, old(container)) {
            (true, true, old) => Some(Repair::Promote {
                over: old.map(|old| old.id),
            }),
            (true, false, Some(old)) => Some(Repair::PutBack(old)),
            (true, false, None) => Some(Repair::Remove),
            (false, ..) => {
                let is_unborn = row(container).is_some_and(|row| row.state == DeckyState::Pending);
                is_unborn.then_some(Repair::Remove)
            }
        }
    };
    containers
        .iter()
        .filter_map(|container| Some((container, repair(container)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::spec;

    fn container(id: &str, generation: u64, is_next: bool) -> Container {
        let spec = spec("a", 5);
        Container {
            id: id.to_owned(),
            decky: spec.name.clone(),
            is_next,
            spec_hash: spec.spec_hash(),
            container_hash: spec.container_hash(),
            generation,
            image: String::new(),
            ip: Some(spec.ip),
            is_running: true,
            state: "running".to_owned(),
        }
    }

    fn row(generation: u64, is_applied: bool) -> DeckyRow {
        let mut spec = spec("a", 5);
        spec.machine.generation = generation;
        let spec_hash = is_applied.then(|| spec.spec_hash());
        let state = if is_applied {
            DeckyState::Running
        } else {
            DeckyState::Pending
        };
        DeckyRow {
            spec_hash,
            state,
            ..DeckyRow::pending(spec)
        }
    }

    fn only(rows: &[DeckyRow], containers: &[Container]) -> Option<(String, Repair)> {
        let mut all = repairs(rows, containers);
        assert!(all.len() <= 1, "{all:?}");
        all.pop().map(|(container, repair)| (container.id.clone(), repair))
    }

    #[test]
    fn before_the_row_is_written_the_old_one_comes_back_and_after_it_the_new_one_stays() {
        let (old, next) = (container("old", 1, false), container("new", 2, true));
        let both = [old, next.clone()];
        assert_eq!(
            only(&[row(1, true)], &both),
            Some(("new".to_owned(), Repair::PutBack(both[0].clone())))
        );
        let over = Some("old".to_owned());
        assert_eq!(
            only(&[row(2, true)], &both),
            Some(("new".to_owned(), Repair::Promote { over }))
        );
        assert_eq!(
            only(&[row(2, true)], &[next]),
            Some(("new".to_owned(), Repair::Promote { over: None }))
        );
    }

    #[test]
    fn one_that_never_became_a_decky_goes_and_a_healthy_one_is_left_alone() {
        assert_eq!(
            only(&[row(1, false)], &[container("new", 1, false)]),
            Some(("new".to_owned(), Repair::Remove))
        );
        assert_eq!(only(&[row(1, true)], &[container("it", 1, false)]), None);
        assert_eq!(
            only(&[], &[container("it", 1, false)]),
            None,
            "without a row it may be anybody's"
        );
    }
}
