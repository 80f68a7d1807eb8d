//! What a TCP stack tells of itself by the shape of its SYN or SYN-ACK.

mod active;
mod coarse;
mod database;
mod quirks;
mod signature;

pub use active::ActiveStack;
pub use coarse::coarse_os;
pub use database::{Database, FileError, Label, Match, Origin, Problem, Quality};
pub use quirks::Quirks;
pub use signature::{Context, Signature, Window, hop_distance, initial_ttl};
