//! The handle everything uses.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::consumer::{Consumer, Inner as ConsumerInner};
use crate::envelope::Envelope;
use crate::error::Error;
use crate::lossy::Subscription;
use crate::memory::Memory;
use crate::message::Message;
use crate::nats::{Nats, NatsConfig};
use crate::pattern::Pattern;
use crate::receipt::Receipt;
use crate::registry::{self, Class, Durable};
use crate::subject::Subject;

/// A handle to the bus; clones share it.
#[derive(Clone, Debug)]
pub struct Bus(Inner);

#[derive(Clone, Debug)]
enum Inner {
    Memory(Arc<Memory>),
    Nats(Arc<Nats>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Up,
    /// Away, or not there yet; tried again for ever.
    Reconnecting,
    Closed,
}

// === impl Bus: making one ===

impl Bus {
    /// A bus within this process.
    pub fn in_process() -> Self {
        Self::in_process_with(registry::DURABLES)
    }

    /// A bus within this process whose streams keep messages for these consumers.
    pub fn in_process_with(durables: &[&Durable]) -> Self {
        Self(Inner::Memory(Arc::new(Memory::new(durables))))
    }

    /// A bus over NATS. Returns at once and connects in the background, for ever; only unusable settings are an error.
    pub async fn connect(config: NatsConfig) -> Result<Self, Error> {
        Ok(Self(Inner::Nats(Nats::connect(config).await?)))
    }

    pub fn state(&self) -> State {
        *self.watch().borrow()
    }

    pub fn watch(&self) -> watch::Receiver<State> {
        match &self.0 {
            Inner::Memory(memory) => memory.watch(),
            Inner::Nats(nats) => nats.watch(),
        }
    }

    /// Waits at most `within` for the bus to be up, for those who cannot do without.
    pub async fn ready(&self, within: Duration) -> Result<(), Error> {
        let mut watch = self.watch();
        let _ = tokio::time::timeout(within, watch.wait_for(|state| *state != State::Reconnecting)).await;
        match (self.state(), &self.0) {
            (State::Up, _) => Ok(()),
            (State::Reconnecting, Inner::Nats(nats)) => Err(nats.away()),
            _ => Err(Error::Closed),
        }
    }

    /// Ends every subscription and consumer. Publishing afterwards is an error; closing again is not.
    pub async fn close(&self) {
        match &self.0 {
            Inner::Memory(memory) => memory.close(),
            Inner::Nats(nats) => nats.close().await,
        }
    }
}

// === impl Bus: core ===

impl Bus {
    /// Tells those who listen now. Never waits for them; an error when the bus is away.
    pub async fn publish(&self, subject: &Subject, envelope: &Envelope) -> Result<(), Error> {
        if registry::class_of(subject) == Class::Durable {
            return Err(Error::IsDurable(subject.clone()));
        }
        let body = envelope.encode(subject)?;
        match &self.0 {
            Inner::Memory(memory) => memory.publish(&message(subject, body)).map(drop),
            Inner::Nats(nats) => nats.publish(subject, body).await,
        }
    }

    /// As [`Bus::publish`], for those who can do nothing about a failure: it is logged and swallowed.
    pub async fn tell(&self, subject: &Subject, kind: &str, payload: &impl Serialize) {
        let told = match Envelope::fresh(kind, payload) {
            Ok(envelope) => self.publish(subject, &envelope).await,
            Err(error) => Err(error.into()),
        };
        match told {
            Ok(()) => {}
            // Said once by the connection itself, and usual while shutting down.
            Err(error @ (Error::Away(_) | Error::Closed)) => tracing::debug!(%subject, %error, "not published"),
            Err(error) => tracing::warn!(%subject, %error, "not published"),
        }
    }

    /// Messages from now on. When this returns, the server knows of the subscription, unless it is away.
    pub async fn subscribe(&self, pattern: &Pattern) -> Result<Subscription, Error> {
        match &self.0 {
            Inner::Memory(memory) => Ok(memory.subscribe(pattern)),
            Inner::Nats(nats) => nats.subscribe(pattern).await,
        }
    }

    /// Asks, and waits for the first answer.
    pub async fn request(&self, subject: &Subject, envelope: &Envelope, within: Duration) -> Result<Envelope, Error> {
        let body = envelope.encode(subject)?;
        let answer = match &self.0 {
            Inner::Memory(memory) => memory.request(subject, body, within).await?,
            Inner::Nats(nats) => nats.request(subject, body, within).await?,
        };
        Ok(answer.envelope()?)
    }
}

// === impl Bus: durable ===

impl Bus {
    /// Hands a durable message over, de-duplicated on the envelope's id. Waits while too many are under way; the
    /// receipt says when it is safe. Those who listen to the subject hear it too.
    pub async fn append(&self, subject: &Subject, envelope: &Envelope) -> Result<Receipt, Error> {
        let stream = registry::stream_of(subject).ok_or_else(|| Error::NotDurable(subject.clone()))?;
        let body = envelope.encode(subject)?;
        match &self.0 {
            Inner::Nats(nats) => nats.append(envelope.id, subject, body).await,
            Inner::Memory(memory) => {
                let receipt = memory.journal(stream.name)?.append(envelope.id, subject, &body).await?;
                memory.publish(&message(subject, body))?;
                Ok(receipt)
            }
        }
    }

    /// Opens a durable consumer, creating it where it is not there yet.
    pub async fn consumer(&self, durable: &Durable) -> Result<Consumer, Error> {
        match &self.0 {
            Inner::Memory(memory) => Ok(Consumer::in_memory(memory.journal(durable.stream)?.clone(), durable)),
            Inner::Nats(nats) => Ok(Consumer(ConsumerInner::Nats(Box::new(nats.consumer(durable)?)))),
        }
    }
}

// === impl Bus: presence ===

impl Bus {
    /// Puts a record up for 90 seconds. `key` tells it from the others; the record is a JSON value.
    pub async fn announce(&self, key: &str, record: &impl Serialize) -> Result<(), Error> {
        let record = Bytes::from(serde_json::to_vec(record).map_err(crate::EnvelopeError::Json)?);
        match &self.0 {
            Inner::Nats(nats) => nats.announce(key, record).await,
            Inner::Memory(memory) => {
                memory
                    .shelf
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .put(key, record, Instant::now());
                Ok(())
            }
        }
    }

    /// The records that are up; such as cannot be read as `T` are left out.
    pub async fn announced<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        let records = match &self.0 {
            Inner::Nats(nats) => nats.announced().await?,
            Inner::Memory(memory) => memory
                .shelf
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .list(Instant::now()),
        };
        Ok(records
            .iter()
            .filter_map(|record| serde_json::from_slice(record).ok())
            .collect())
    }
}

fn message(subject: &Subject, body: Bytes) -> Message {
    Message {
        subject: subject.clone(),
        body,
        reply: None,
    }
}
