//! The thin workers, one module each: wake, ask a core, write through the store. How they are run is `runtime`'s.
#![forbid(unsafe_code)]

pub mod clustering;
pub mod detector;
pub mod explainer;
pub mod guard;
pub mod ingest;
pub mod presence;
pub mod teller;

pub use clustering::{Attributor, CampaignClusterer, Clusterer, ReuseCorrelator};
pub use detector::Detector;
pub use explainer::Explainer;
pub use guard::Guardian;
pub use ingest::Ingester;
pub use presence::Presence;
pub use teller::{Desk, Teller};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Bus(#[from] bus::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("a task of its own failed: {0}")]
    Task(#[from] tokio::task::JoinError),
    #[error("a finding cannot be written as JSON: {0}")]
    Finding(#[from] serde_json::Error),
}
