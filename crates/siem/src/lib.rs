//! Events as other people's log collectors take them: RFC 5424 messages (`format`), read back (`parse`), and sent over
//! UDP, TCP and TLS by the [`Forwarder`]. Events are attacker-controlled: in a message they can end neither a line nor
//! a value.
#![forbid(unsafe_code)]

mod error;
mod escape;
pub mod finding;
pub mod format;
mod forwarder;
mod link;
pub mod parse;
mod target;

pub use error::Error;
pub use forwarder::Forwarder;
pub use link::{Connector, Link, Unsent};
pub use target::{Scheme, Target};
