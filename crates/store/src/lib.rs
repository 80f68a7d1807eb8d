//! Everything the grid remembers. With `migrations`, the only place that knows SQL.
//!
//! [`Store::open`] brings the schema up to date and hands out repositories, one per domain. On SQLite one connection
//! writes and a few read, so that a long question never holds up ingest; on PostgreSQL a pool does both. Values are
//! kept as they came: whoever shows them escapes them.
#![forbid(unsafe_code)]

mod artifacts;
mod attackers;
mod attributions;
mod commands;
mod connect;
mod credentials;
mod cursors;
mod decisions;
mod deckies;
mod deliveries;
mod drills;
mod entity;
mod error;
mod events;
mod findings;
mod footprint;
mod groups;
mod incidents;
mod ingest;
mod leases;
mod narratives;
mod operations;
mod outbox;
mod page;
mod pins;
mod probes;
mod reuses;
mod sessions;
mod settings;
mod traces;
mod value;

#[cfg(test)]
extern crate self as store; // As the shared test bed names it.
#[cfg(test)]
mod schema_tests;

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DatabaseConnection};

pub use artifacts::{Artifact, Artifacts, Sighting};
pub use attackers::{Attacker, AttackerSort, Attackers};
pub use attributions::{AttributionState, AttributionWriting, Attributions};
pub use commands::{Command, Commands};
pub use credentials::{Credential, Credentials, Reuse};
pub use cursors::Cursors;
pub use decisions::{Action, Decision, Decisions};
pub use deckies::{Deckies, DeckyRow, LOCAL};
pub use deliveries::{Deliveries, Delivery};
pub use drills::{Drill, Drills};
pub use error::Error;
pub use events::{Events, StoredEvent};
pub use findings::{Finding, Findings};
pub use footprint::{Footprint, OsEvidence, OsGuess, Shown, TcpFingerprint, Uptime, Vote};
pub use groups::{Group, Groups, Level, Rollup, Writing};
pub use incidents::{Incident, Incidents};
pub use ingest::{Derived, FirstContact, Ingested};
pub use leases::{Lease, Leases};
pub use narratives::{Narrative, Narratives};
pub use operations::{Operation, OperationStatus, Operations, Step};
pub use outbox::{Notice, Outbox, Waiting};
pub use page::{Cursor, Filter, Listing, Order, OriginFilter, Page};
pub use pins::{Pin, Pins};
pub use probes::{Candidate, Change, Probe, ProbeOutcome, ProbePeriod, ProbeState, Probes};
pub use reuses::{Extent, Reuses, Spread, SpreadWriting};
pub use sessions::{Chunk, Session, Sessions};
pub use settings::Settings;
pub use traces::{Attempt, Changed, Contact, Left, Mark, Probed, Ran, Trace, Traces};

pub type Result<T> = std::result::Result<T, Error>;

/// A handle on the store; clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    /// As people may see it: without a password.
    place: String,
}

// === impl Store ===

impl Store {
    /// Opens `sqlite:///path/to/file.db`, `sqlite::memory:` or `postgres://user@host/database`, creating the SQLite
    /// file (mode 0600) when there is none, and applies the migrations that are missing.
    pub async fn open(url: &str) -> Result<Self> {
        let connect::Opened { writer, reader, place } = connect::open(url).await?;
        let inner = Arc::new(Inner { writer, reader, place });
        Ok(Self { inner })
    }

    /// Waits for what is being written and closes the connections.
    pub async fn close(self) -> Result<()> {
        self.inner.reader.close_by_ref().await?;
        Ok(self.inner.writer.close_by_ref().await?)
    }

    /// Where the store lies, fit to be shown.
    pub fn place(&self) -> &str {
        &self.inner.place
    }

    /// Whether the store answers.
    pub async fn ping(&self) -> Result<()> {
        self.reader().execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    pub fn deckies(&self) -> Deckies<'_> {
        Deckies { store: self }
    }

    pub fn settings(&self) -> Settings<'_> {
        Settings { store: self }
    }

    pub fn operations(&self) -> Operations<'_> {
        Operations { store: self }
    }

    pub fn cursors(&self) -> Cursors<'_> {
        Cursors { store: self }
    }

    pub fn events(&self) -> Events<'_> {
        Events { store: self }
    }

    pub fn attackers(&self) -> Attackers<'_> {
        Attackers { store: self }
    }

    pub fn sessions(&self) -> Sessions<'_> {
        Sessions { store: self }
    }

    pub fn commands(&self) -> Commands<'_> {
        Commands { store: self }
    }

    pub fn credentials(&self) -> Credentials<'_> {
        Credentials { store: self }
    }

    pub fn artifacts(&self) -> Artifacts<'_> {
        Artifacts { store: self }
    }

    pub fn drills(&self) -> Drills<'_> {
        Drills { store: self }
    }

    pub fn findings(&self) -> Findings<'_> {
        Findings { store: self }
    }

    pub fn incidents(&self) -> Incidents<'_> {
        Incidents { store: self }
    }

    pub fn narratives(&self) -> Narratives<'_> {
        Narratives { store: self }
    }

    pub fn deliveries(&self) -> Deliveries<'_> {
        Deliveries { store: self }
    }

    pub fn decisions(&self) -> Decisions<'_> {
        Decisions { store: self }
    }

    pub fn probes(&self) -> Probes<'_> {
        Probes { store: self }
    }

    pub fn traces(&self) -> Traces<'_> {
        Traces { store: self }
    }

    pub fn identities(&self) -> Groups<'_> {
        self.groups(Level::Identity)
    }

    pub fn campaigns(&self) -> Groups<'_> {
        self.groups(Level::Campaign)
    }

    pub fn groups(&self, level: Level) -> Groups<'_> {
        Groups { store: self, level }
    }

    pub fn attributions(&self) -> Attributions<'_> {
        Attributions { store: self }
    }

    pub fn reuses(&self) -> Reuses<'_> {
        Reuses { store: self }
    }

    pub fn pins(&self) -> Pins<'_> {
        Pins { store: self }
    }

    pub fn leases(&self) -> Leases<'_> {
        Leases { store: self }
    }

    pub fn outbox(&self) -> Outbox<'_> {
        Outbox { store: self }
    }

    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.inner.writer
    }

    pub(crate) fn reader(&self) -> &DatabaseConnection {
        &self.inner.reader
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.inner.place)
    }
}
