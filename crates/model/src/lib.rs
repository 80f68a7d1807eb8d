//! The vocabulary every other crate speaks: names, ids, events, machines. Types only: no I/O, no clock.
//!
//! `event`, `detail`, `line` and `machine` are also compiled into the binary that runs inside a decoy machine, so
//! nothing in them may carry the product's name or its jargon (`wiki/Containment.md`).
#![forbid(unsafe_code)]

pub mod detail;
pub mod event;
pub mod fleet;
mod hidden;
pub mod line;
pub mod machine;
pub mod name;
mod special;

pub use detail::{Detail, Outcome, Secret};
pub use event::{Endpoint, Event, EventId, Fields, Origin, Report, SessionId};
pub use hidden::is_hidden;
pub use name::{Name, NameError};
pub use special::special;
