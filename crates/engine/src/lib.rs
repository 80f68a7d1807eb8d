//! Docker: networks, images, machines, and the wall around each of them. Nothing else in the grid knows Docker.
#![forbid(unsafe_code)]

pub mod apply;
mod body;
pub mod containers;
pub mod docker;
pub mod egress;
pub mod error;
pub mod guard;
pub mod images;
pub mod labels;
mod lock;
pub mod logs;
mod mac;
pub mod mirror;
mod netns;
pub mod network;
pub mod nflog;
mod orders;
pub mod progress;
mod resolver;
pub mod shunt;
pub mod surroundings;
mod sysctls;
#[cfg(test)]
mod testing;
pub mod visitor;
pub mod wall;

pub use apply::{Engine, Options, Outcome, Paths};
pub use containers::Containers;
pub use docker::Docker;
pub use error::{Error, Kind};
pub use guard::Guard;
pub use images::Images;
pub use labels::Scope;
pub use lock::Lock;
pub use logs::{Frame, Logs, Speaker};
pub use network::Networks;
pub use progress::Progress;
pub use shunt::Shunt;
pub use visitor::Visitor;
