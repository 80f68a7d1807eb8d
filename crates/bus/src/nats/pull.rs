//! A durable pull consumer that outlives connections, servers and its own deletion.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::message::Acker as JetStreamAcker;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, timeout_at};

use super::{Nats, logical, retry_delay};
use crate::consumer::{Delivery, Handle};
use crate::error::Error;
use crate::message::Message;
use crate::registry::{self, Durable};

/// Messages asked for ahead.
const AHEAD: usize = 64;
/// A pull request without an answer.
const EXPIRES: Duration = Duration::from_secs(30);
/// Signs of life while there is nothing to deliver; two missed, and the consumer is opened anew.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Failures in a row before they are worth a word: one or two are a server restarting.
const SILENT: usize = 3;

pub(crate) struct Puller {
    nats: Arc<Nats>,
    durable: Durable,
    open: Option<(PullConsumer, pull::Stream)>,
    /// Openings and deliveries that failed in a row.
    failures: usize,
}

pub(crate) struct Acker(JetStreamAcker);

// === impl Puller ===

impl Nats {
    pub(crate) fn consumer(self: &Arc<Self>, durable: &Durable) -> Result<Puller, Error> {
        registry::stream_named(durable.stream).ok_or_else(|| Error::UnknownStream(durable.stream.to_owned()))?;
        Ok(Puller {
            nats: self.clone(),
            durable: durable.clone(),
            open: None,
            failures: 0,
        })
    }
}

impl Puller {
    pub(crate) async fn fetch(&mut self, max: usize, wait: Duration) -> Result<Vec<Delivery>, Error> {
        let deadline = Instant::now() + wait;
        let mut deliveries = Vec::new();
        while deliveries.is_empty() {
            let next = match timeout_at(deadline, self.next()).await {
                Ok(next) => next?,
                Err(_) => break,
            };
            deliveries.extend(next.and_then(|message| delivery(message, &self.nats)));
        }
        while !deliveries.is_empty() && deliveries.len() < max {
            let Some(next) = self.next().now_or_never() else { break };
            deliveries.extend(next?.and_then(|message| delivery(message, &self.nats)));
        }
        Ok(deliveries)
    }

    pub(crate) async fn backlog(&mut self) -> Result<u64, Error> {
        self.nats.at_hand()?;
        let (consumer, _) = self.opened().await?;
        let info = consumer.info().await.map_err(Error::nats)?;
        Ok(info.num_pending + info.num_ack_pending as u64)
    }

    pub(crate) async fn close(mut self) {
        while let Some(Some(Ok(message))) = self.open.as_mut().and_then(|(_, stream)| stream.next().now_or_never()) {
            // Who does not get it back now gets it after the ack wait.
            let _ = message.ack_with(AckKind::Nak(None)).await;
        }
    }

    /// The next message; none when there was a failure to recover from. Cancel-safe.
    async fn next(&mut self) -> Result<Option<async_nats::jetstream::Message>, Error> {
        let failed = match self.opened().await {
            Err(error @ (Error::Closed | Error::ServerTooOld { .. })) => return Err(error),
            Err(error) => error.to_string(),
            Ok((_, stream)) => match stream.next().await {
                Some(Ok(message)) => {
                    self.failures = 0;
                    return Ok(Some(message));
                }
                Some(Err(error)) => error.to_string(),
                None => "ended".to_owned(),
            },
        };
        self.nats.at_hand().or_else(|error| {
            if matches!(error, Error::Closed) {
                Err(error)
            } else {
                Ok(())
            }
        })?;
        if self.failures == SILENT {
            tracing::warn!(
                consumer = self.durable.name,
                error = failed,
                "nothing can be fetched; trying on"
            );
        } else {
            tracing::debug!(consumer = self.durable.name, error = failed, "opening it again");
        }
        self.open = None;
        self.nats.unprepare().await;
        let pause = retry_delay(self.failures);
        self.failures += 1;
        tokio::time::sleep(pause).await;
        Ok(None)
    }

    async fn opened(&mut self) -> Result<&mut (PullConsumer, pull::Stream), Error> {
        if self.open.is_none() {
            self.nats.prepare().await?;
            let consumer = self.nats.declare(&self.durable).await?;
            let request = consumer
                .stream()
                .max_messages_per_batch(AHEAD)
                .expires(EXPIRES)
                .heartbeat(HEARTBEAT);
            let stream = request.messages().await.map_err(Error::nats)?;
            self.open = Some((consumer, stream));
        }
        self.open.as_mut().ok_or(Error::Closed)
    }
}

fn delivery(message: async_nats::jetstream::Message, nats: &Nats) -> Option<Delivery> {
    let deliveries = message.info().map_or(1, |info| info.delivered.max(1) as u64);
    let (message, acker) = message.split();
    let subject = logical(&message.subject, &nats.config.wire_prefix())?;
    let message = Message {
        subject,
        body: message.payload,
        reply: None,
    };
    Some(Delivery {
        message,
        deliveries,
        handle: Handle::Nats(Box::new(Acker(acker))),
    })
}

impl std::fmt::Debug for Puller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Puller")
            .field("durable", &self.durable)
            .finish_non_exhaustive()
    }
}

// === impl Acker ===

impl Acker {
    pub(crate) async fn ack(&self) -> Result<(), Error> {
        self.0.ack().await.map_err(Error::nats)
    }

    pub(crate) async fn nak(&self, delay: Duration) -> Result<(), Error> {
        self.0.ack_with(AckKind::Nak(Some(delay))).await.map_err(Error::nats)
    }

    pub(crate) async fn term(&self) -> Result<(), Error> {
        self.0.ack_with(AckKind::Term).await.map_err(Error::nats)
    }

    pub(crate) async fn prolong(&self) -> Result<(), Error> {
        self.0.ack_with(AckKind::Progress).await.map_err(Error::nats)
    }
}

impl std::fmt::Debug for Acker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acker")
    }
}
