//! The thin workers, one module each: wake, ask a core, write through the store. How they are run is `runtime`'s.
#![forbid(unsafe_code)]

pub mod guard;
pub mod ingest;
pub mod presence;

pub use guard::Guardian;
pub use ingest::Ingester;
pub use presence::Presence;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Bus(#[from] bus::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}
