//! What can go wrong with the bus.

use crate::envelope::EnvelopeError;
use crate::subject::{Subject, SubjectError};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the bus was closed")]
    Closed,
    #[error("the bus is away: the connection to {0} is being tried again")]
    Away(String),
    #[error("nobody answers on `{0}`")]
    NoResponders(Subject),
    #[error("no answer on `{0}` in time")]
    TimedOut(Subject),
    #[error("`{0}` is a durable subject: append to it instead of publishing")]
    IsDurable(Subject),
    #[error("`{0}` is not a durable subject: no stream keeps it")]
    NotDurable(Subject),
    #[error("stream `{0}` is not one of the bus")]
    UnknownStream(String),
    #[error("nats-server {found} is too old: {least} or newer is needed", least = crate::nats::OLDEST)]
    ServerTooOld { found: String },
    #[error("bus settings: {0}")]
    Config(String),
    #[error("nats: {0}")]
    Nats(String),
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error(transparent)]
    Subject(#[from] SubjectError),
}

impl Error {
    /// Anything the client library reports that the caller can only wait out.
    pub(crate) fn nats(error: impl std::fmt::Display) -> Self {
        Self::Nats(error.to_string())
    }
}
