//! A message as a subscriber sees it.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::envelope::{Envelope, EnvelopeError};
use crate::error::Error;
use crate::subject::Subject;

#[derive(Clone, Debug)]
pub struct Message {
    pub subject: Subject,
    /// The encoded envelope, as it came.
    pub body: Bytes,
    pub(crate) reply: Option<Reply>,
}

/// Where the answer to a request goes.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// The first answer takes the sender.
    Memory(Arc<Mutex<Option<oneshot::Sender<Bytes>>>>),
    Nats {
        client: async_nats::Client,
        inbox: async_nats::Subject,
    },
}

// === impl Message ===

impl Message {
    pub fn envelope(&self) -> Result<Envelope, EnvelopeError> {
        Envelope::decode(&self.body)
    }

    pub fn wants_answer(&self) -> bool {
        self.reply.is_some()
    }

    /// Answers a request. Nothing happens when no answer is wanted, or one was given already.
    pub async fn respond(&self, answer: &Envelope) -> Result<(), Error> {
        let body = answer.encode(&self.subject)?;
        match &self.reply {
            None => Ok(()),
            Some(Reply::Memory(waiting)) => {
                if let Some(sender) = waiting.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    // The asker may have given up; that is not the answerer's concern.
                    let _ = sender.send(body);
                }
                Ok(())
            }
            Some(Reply::Nats { client, inbox }) => client.publish(inbox.clone(), body).await.map_err(Error::nats),
        }
    }
}
