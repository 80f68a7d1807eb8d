//! What a TCP stack tells of itself by the shape of its SYN or SYN-ACK.

mod active;
mod coarse;
mod mtu;
mod quirks;
mod signature;

pub use active::ActiveStack;
pub use coarse::coarse_os;
pub use mtu::link_of_mtu;
pub use quirks::Quirks;
pub use signature::{Context, Signature, Window, hop_distance, initial_ttl};
