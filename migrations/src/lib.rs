//! The store's schema, as numbered steps. A step that was released is never changed: what follows it is a new one.
//!
//! Types are the ones every engine means the same by: `big_integer` for times (microseconds since 1970, UTC) and
//! counts, `text` for words and JSON, `blob` for exact bytes.
#![forbid(unsafe_code)]
#![allow(elided_lifetimes_in_paths)] // `MigrationTrait` hides the lifetime, and its implementations must do the same.

use sea_orm_migration::prelude::*;

pub use sea_orm_migration::MigratorTrait;

mod m0001_fleet;
mod m0002_events;
mod m0003_fingerprints;
mod m0004_identities;
mod m0005_marks_by_teller;
mod m0006_findings;
mod m0007_responses;
mod m0008_narratives;
mod m0009_incidents;
mod m0010_attributions;
mod m0011_reuses;

/// All steps, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_fleet::Migration),
            Box::new(m0002_events::Migration),
            Box::new(m0003_fingerprints::Migration),
            Box::new(m0004_identities::Migration),
            Box::new(m0005_marks_by_teller::Migration),
            Box::new(m0006_findings::Migration),
            Box::new(m0007_responses::Migration),
            Box::new(m0008_narratives::Migration),
            Box::new(m0009_incidents::Migration),
            Box::new(m0010_attributions::Migration),
            Box::new(m0011_reuses::Migration),
        ]
    }
}
