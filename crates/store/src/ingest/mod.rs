//! Events in: each stored once, and everything read out of it counted once (architecture.md §4).

mod bounds;
mod credential;
mod derive;
mod footprint;
mod rows;
mod write;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use model::{Event, EventId, Origin};
use sea_orm::DatabaseTransaction;
use time::OffsetDateTime;

use crate::drills::Drill;
use crate::value::micros;
use crate::{Result, Store, connect};
use derive::Batch;

/// Events of one transaction: the more, the fewer times a page of an index is written for them.
const BATCH: usize = 2_000;

/// What became of the events given to [`Store::ingest`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ingested {
    pub new: usize,
    /// Stored before, or given twice: nothing was counted for them.
    pub duplicates: usize,
    /// In the order given.
    pub new_ids: Vec<EventId>,
    /// Of the new ones, those that a drill caused: stored as such although they came as an attacker's.
    pub drill_ids: HashSet<EventId>,
    /// Attackers nothing was known of before.
    pub first: Vec<FirstContact>,
}

/// What somebody was seen doing first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstContact {
    pub ip: IpAddr,
    pub decky: String,
    pub service: String,
    pub kind: String,
    pub at: OffsetDateTime,
}

// === impl Store ===

impl Store {
    /// Stores events and all that follows from them; a transaction for each 2 000. Safe to repeat: an event whose id is
    /// known is skipped with all its consequences. After an error some whole transactions may have been stored.
    pub async fn ingest(&self, events: &[Event]) -> Result<Ingested> {
        let mut done = Ingested::default();
        for batch in events.chunks(BATCH) {
            self.ingest_batch(batch, &mut done).await?;
        }
        Ok(done)
    }

    async fn ingest_batch(&self, events: &[Event], done: &mut Ingested) -> Result<()> {
        let drills = self.drills().among(events).await?;
        let transaction = connect::begin(self.writer()).await?;
        connect::alone(&transaction).await?;
        let mut seen = write::known_events(&transaction, events).await?;
        let fresh: Vec<_> = events.iter().filter(|event| seen.insert(event.report.id.0)).collect();
        if fresh.is_empty() {
            transaction.rollback().await?;
        } else {
            let mut batch = Batch::default();
            for &event in &fresh {
                batch.add(event, origin(event, &drills));
            }
            batch.count_new_credentials(&write::known_credentials(&transaction, &batch).await?);
            let known = write::known_attackers(&transaction, &batch).await?;
            let mut first = std::mem::take(&mut batch.first);
            first.retain(|ip, _| !known.contains(&ip.to_string()));
            write::batch(&transaction, batch).await?;
            transaction.commit().await?;
            done.first.extend(first.into_values());
        }
        done.new += fresh.len();
        done.duplicates += events.len() - fresh.len();
        done.new_ids.extend(fresh.iter().map(|event| event.report.id));
        let of_drills = fresh
            .iter()
            .filter(|event| event.report.origin != origin(event, &drills));
        done.drill_ids.extend(of_drills.map(|event| event.report.id));
        Ok(())
    }
}

/// Stores what the grid itself has to tell, within a transaction of something else. Such that are there stay.
pub(crate) async fn own_events(transaction: &DatabaseTransaction, events: &[Event]) -> Result<()> {
    let known = write::known_events(transaction, events).await?;
    let mut batch = Batch::default();
    for event in events.iter().filter(|event| !known.contains(&event.report.id.0)) {
        batch.add(event, Origin::Internal);
    }
    Ok(write::batch(transaction, batch).await?)
}

/// The event's own origin, or `Drill` when a genuine drill was running from its source at that time.
fn origin(event: &Event, drills: &HashMap<IpAddr, Vec<Drill>>) -> Origin {
    let report = &event.report;
    let of_drill = |src: IpAddr| {
        let at = micros(report.at);
        drills
            .get(&src)
            .is_some_and(|drills| drills.iter().any(|drill| drill.covers(at)))
    };
    match (report.origin, report.src) {
        (Origin::Peer, Some(src)) if of_drill(src.ip.to_canonical()) => Origin::Drill,
        (origin, _) => origin,
    }
}
