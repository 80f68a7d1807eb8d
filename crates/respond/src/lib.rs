//! What is done about findings: people and systems are told, and sources led away (detect.md §11).
//!
//! Who is told is decided once for each finding and kept in the store until it is done, so a receiver that is away and
//! a process that dies lose nothing. A way of telling is one file here and one line in [`Channels::new`].
#![forbid(unsafe_code)]

mod alert;
mod channel;
mod channels;
mod error;
mod isolate;
mod mail;
mod policy;
mod secret;
mod syslog;
mod tarpit;
mod webhook;
mod worker;

pub use channel::Sent;
pub use channels::Channels;
pub use error::Error;
pub use policy::{Policy, Refusal};
pub use webhook::signature;
pub use worker::Responder;
