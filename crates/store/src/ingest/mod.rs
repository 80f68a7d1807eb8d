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
use uuid::Uuid;

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

/// What follows from events, worked out before the writer is needed.
#[derive(Debug)]
pub struct Derived {
    drills: Running,
    /// One for each transaction, as if all its events were new.
    parts: Vec<Batch>,
}

/// Drills that may have caused some of the events, by the address they ran from.
type Running = HashMap<IpAddr, Vec<Drill>>;

// === impl Store ===

impl Store {
    /// Stores events and all that follows from them; a transaction for each 2 000. Safe to repeat: an event whose id is
    /// known is skipped with all its consequences. After an error some whole transactions may have been stored.
    pub async fn ingest(&self, events: &[Event]) -> Result<Ingested> {
        let derived = self.derive(events).await?;
        self.ingest_derived(events, derived).await
    }

    /// The first half of [`Store::ingest`], which needs no writer: to be done while something else is written.
    pub async fn derive(&self, events: &[Event]) -> Result<Derived> {
        let drills = self.drills().among(events).await?;
        let parts = events
            .chunks(BATCH)
            .map(|part| batch_of(&fresh(part, &mut HashSet::new()), &drills))
            .collect();
        Ok(Derived { drills, parts })
    }

    /// The second half, with what was derived from these very events.
    pub async fn ingest_derived(&self, events: &[Event], derived: Derived) -> Result<Ingested> {
        let mut done = Ingested::default();
        for (part, batch) in events.chunks(BATCH).zip(derived.parts) {
            self.ingest_part(part, batch, &derived.drills, &mut done).await?;
        }
        Ok(done)
    }

    async fn ingest_part(&self, events: &[Event], batch: Batch, drills: &Running, done: &mut Ingested) -> Result<()> {
        let transaction = connect::begin(self.writer()).await?;
        connect::alone(&transaction).await?;
        let mut known = write::known_events(&transaction, events).await?;
        let is_all_new = known.is_empty();
        let fresh = fresh(events, &mut known);
        if fresh.is_empty() {
            transaction.rollback().await?;
        } else {
            let mut batch = match is_all_new {
                true => batch,
                false => batch_of(&fresh, drills),
            };
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
            .filter(|event| event.report.origin != origin(event, drills));
        done.drill_ids.extend(of_drills.map(|event| event.report.id));
        Ok(())
    }
}

/// Events not known, each once; those become known.
fn fresh<'a>(events: &'a [Event], known: &mut HashSet<Uuid>) -> Vec<&'a Event> {
    events.iter().filter(|event| known.insert(event.report.id.0)).collect()
}

fn batch_of(events: &[&Event], drills: &Running) -> Batch {
    let mut batch = Batch::default();
    for &event in events {
        batch.add(event, origin(event, drills));
    }
    batch
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
fn origin(event: &Event, drills: &Running) -> Origin {
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
