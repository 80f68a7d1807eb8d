//! Handing a durable message to JetStream until it has it.

use std::sync::Arc;

use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use uuid::Uuid;

use super::{Nats, retry_delay};
use crate::bus::State;
use crate::error::Error;
use crate::receipt::{Receipt, Safe};
use crate::subject::Subject;

/// Unacknowledged messages before producers wait.
pub(super) const WINDOW: usize = 256;

// === impl Nats: durable ===

impl Nats {
    pub(crate) async fn append(self: &Arc<Self>, id: Uuid, subject: &Subject, body: Bytes) -> Result<Receipt, Error> {
        let permit = self.window.clone().acquire_owned().await.map_err(|_| Error::Closed)?;
        let letter = Letter {
            id,
            wire: self.wire(subject.as_str()),
            body,
        };
        let sent = self.send(&letter).await?; // in the caller's order
        let (sender, receipt) = Receipt::pending();
        let nats = self.clone();
        tokio::spawn(async move {
            let outcome = nats.see_through(letter, sent).await;
            drop(permit);
            let _ = sender.send(outcome);
        });
        Ok(receipt)
    }

    /// Tries again, under the same id, until the stream has it or trying is senseless.
    async fn see_through(&self, letter: Letter, mut sent: Sent) -> Result<Safe, Error> {
        for attempt in 0.. {
            let refused = match sent {
                Ok(ack) => tokio::select! {
                    ack = ack => match ack {
                        Ok(ack) => return Ok(Safe { duplicate: ack.duplicate }),
                        Err(refused) => Some(refused),
                    },
                    // An answer on its way over the lost connection will not come.
                    () = self.lost() => None,
                },
                Err(refused) => Some(refused),
            };
            match refused.as_ref().map(PublishError::kind) {
                Some(PublishErrorKind::MaxPayloadExceeded) => return Err(Error::nats("larger than the server takes")),
                Some(PublishErrorKind::StreamNotFound) => self.unprepare().await,
                _ => {}
            }
            if let Some(refused) = refused {
                tracing::debug!(subject = letter.wire, error = %refused, "not stored yet");
                tokio::time::sleep(retry_delay(attempt)).await;
            }
            sent = self.send(&letter).await?;
        }
        Err(Error::Closed)
    }

    /// Waits for the connection, then publishes. Only errors nothing can be done about end here.
    async fn send(&self, letter: &Letter) -> Result<Sent, Error> {
        loop {
            match self.prepare().await {
                Ok(()) => break,
                Err(error @ (Error::Closed | Error::ServerTooOld { .. })) => return Err(error),
                Err(error) => tracing::warn!(%error, "the streams are not ready"),
            }
            tokio::time::sleep(retry_delay(2)).await;
        }
        self.up().await?;
        let message = PublishMessage::build()
            .payload(letter.body.clone())
            .message_id(letter.id.to_string());
        Ok(self
            .jetstream
            .send_publish(letter.wire.clone(), message)
            .await
            .map(IntoFuture::into_future))
    }

    async fn lost(&self) {
        let mut watch = self.state.subscribe();
        // The sender lives in self.
        let _ = watch.wait_for(|state| *state != State::Up).await;
    }
}

/// Handed to the client; the acknowledgement is to come.
type Sent = Result<<PublishAckFuture as IntoFuture>::IntoFuture, PublishError>;

struct Letter {
    id: Uuid,
    wire: String,
    body: Bytes,
}
