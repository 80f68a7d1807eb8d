//! Reading a stream durably.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::memory::Journal;
use crate::message::Message;
use crate::nats::{Acker, Puller};
use crate::registry::Durable;

/// A durable consumer. Instances of one name, in any process, share its messages.
#[derive(Debug)]
pub struct Consumer(pub(crate) Inner);

#[derive(Debug)]
pub(crate) enum Inner {
    Memory { journal: Arc<Journal>, name: &'static str },
    Nats(Box<Puller>),
}

/// A message that must be dealt with: dropped without a word, it comes again after the ack wait.
#[derive(Debug)]
pub struct Delivery {
    pub message: Message,
    /// How often it was handed out, this time included.
    pub deliveries: u64,
    pub(crate) handle: Handle,
}

#[derive(Debug)]
pub(crate) enum Handle {
    Memory {
        journal: Arc<Journal>,
        name: &'static str,
        seq: u64,
    },
    Nats(Box<Acker>),
}

// === impl Consumer ===

impl Consumer {
    pub(crate) fn in_memory(journal: Arc<Journal>, durable: &Durable) -> Self {
        journal.declare(durable);
        Self(Inner::Memory {
            journal,
            name: durable.name,
        })
    }

    /// Waits at most `wait` for a first message, then takes those at hand, up to `max`. None when there was none in
    /// time, also while the bus is away. Cancel-safe.
    pub async fn fetch(&mut self, max: usize, wait: Duration) -> Result<Vec<Delivery>, Error> {
        match &mut self.0 {
            Inner::Nats(puller) => puller.fetch(max, wait).await,
            Inner::Memory { journal, name } => {
                let handed = journal.fetch(name, max, wait).await?;
                let delivery = |handed: crate::memory::Handed| Delivery {
                    handle: Handle::Memory {
                        journal: journal.clone(),
                        name,
                        seq: handed.seq,
                    },
                    message: Message {
                        subject: handed.subject,
                        body: handed.body,
                        reply: None,
                    },
                    deliveries: handed.deliveries,
                };
                Ok(handed.into_iter().map(delivery).collect())
            }
        }
    }

    /// Messages of the stream this consumer has not dealt with.
    pub async fn backlog(&mut self) -> Result<u64, Error> {
        match &mut self.0 {
            Inner::Nats(puller) => puller.backlog().await,
            Inner::Memory { journal, name } => Ok(journal.backlog(name)),
        }
    }

    /// Gives back what was fetched ahead, so that other instances need not wait for it.
    pub async fn close(self) {
        if let Inner::Nats(puller) = self.0 {
            puller.close().await;
        }
    }
}

// === impl Delivery ===

impl Delivery {
    /// Dealt with.
    pub async fn ack(&self) -> Result<(), Error> {
        match &self.handle {
            Handle::Nats(acker) => acker.ack().await,
            Handle::Memory { journal, name, seq } => {
                journal.ack(name, *seq);
                Ok(())
            }
        }
    }

    /// Not now: hand it out again after `delay`.
    pub async fn nak(&self, delay: Duration) -> Result<(), Error> {
        match &self.handle {
            Handle::Nats(acker) => acker.nak(delay).await,
            Handle::Memory { journal, name, seq } => {
                journal.nak(name, *seq, delay);
                Ok(())
            }
        }
    }

    /// Never again: it cannot be dealt with.
    pub async fn term(&self) -> Result<(), Error> {
        match &self.handle {
            Handle::Nats(acker) => acker.term().await,
            Handle::Memory { .. } => self.ack().await,
        }
    }

    /// Still at it: the ack wait begins anew.
    pub async fn prolong(&self) -> Result<(), Error> {
        match &self.handle {
            Handle::Nats(acker) => acker.prolong().await,
            Handle::Memory { journal, name, seq } => {
                journal.prolong(name, *seq);
                Ok(())
            }
        }
    }
}
