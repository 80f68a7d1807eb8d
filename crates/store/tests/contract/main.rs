//! What the store promises, asked of every engine it runs on: each test of the list runs on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used)]

mod attributions;
mod backend;
mod decisions;
mod deliveries;
mod findings;
mod fleet;
mod footprint;
mod groups;
mod incidents;
mod ingest;
mod listing;
mod loot;
mod narratives;
mod probes;
mod reuses;
mod sample;
mod traces;

/// Makes one test per engine of each function `async fn name(bed: &Bed)`.
macro_rules! contract {
    ($($name:ident)*) => {
        mod sqlite { $(
            #[tokio::test]
            async fn $name() { super::$name(&crate::backend::sqlite().await).await; }
        )* }
        mod postgres { $(
            #[tokio::test]
            async fn $name() { super::$name(&crate::backend::postgres().await).await; }
        )* }
    };
}
pub(crate) use contract;
