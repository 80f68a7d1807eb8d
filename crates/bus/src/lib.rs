//! The bus: how the parts of the grid tell each other what happened.
//!
//! One [`Bus`], two carriers with the same subjects and the same promises: inside one process, or NATS with
//! JetStream (nats-server 2.9 and newer). Nothing that uses it can tell which.
//!
//! - *Core* messages ([`Bus::publish`], [`Bus::subscribe`], [`Bus::request`]) are notifications: a subscriber that is
//!   slow loses its oldest, one that is away loses all, and a publisher never waits for either.
//! - *Durable* messages ([`Bus::append`], [`Bus::consumer`]) are kept until they have been dealt with: at least once,
//!   so what is done with them must be idempotent.
//!
//! Which subject belongs to which class is settled in [`registry`], and each of the two ways refuses the other's
//! subjects.
#![forbid(unsafe_code)]

pub mod registry;

mod bus;
mod consumer;
mod envelope;
mod error;
mod lossy;
mod memory;
mod message;
mod nats;
mod pattern;
mod presence;
mod receipt;
mod subject;

pub use bus::{Bus, State};
pub use consumer::{Consumer, Delivery};
pub use envelope::{Envelope, EnvelopeError};
pub use error::Error;
pub use lossy::Subscription;
pub use message::Message;
pub use nats::NatsConfig;
pub use pattern::Pattern;
pub use receipt::{Receipt, Safe};
pub use registry::{Class, Durable, Stream};
pub use subject::{Subject, SubjectError};
