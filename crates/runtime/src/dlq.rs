//! What a consumer had to give up on.

use bus::{Envelope, Subject};
use serde::Serialize;
use uuid::Uuid;

use crate::cx::Cx;

/// The payload on `system.dlq.<consumer>`.
#[derive(Clone, Debug, Serialize)]
pub struct DeadLetter<'a> {
    pub id: Uuid,
    pub subject: &'a str,
    pub attempts: u64,
    pub error: &'a str,
    /// What could not be dealt with, as text; cut at [`DeadLetter::MAX_BODY`].
    pub body: &'a str,
}

// === impl DeadLetter ===

impl DeadLetter<'_> {
    pub const MAX_BODY: usize = 128 << 10;
}

// === impl Cx ===

impl Cx {
    /// Puts it where somebody will look at it, and returns when it is safe there. Over NATS a stream keeps it; in one
    /// process it goes to those who listen and to the log.
    pub async fn bury(&self, consumer: &str, letter: DeadLetter<'_>) -> Result<(), bus::Error> {
        let (id, subject, error) = (letter.id, letter.subject, letter.error);
        tracing::error!(consumer, %id, subject, error, "given up on");
        let end = letter.body.floor_char_boundary(DeadLetter::MAX_BODY);
        let letter = DeadLetter {
            body: &letter.body[..end],
            ..letter
        };
        let envelope = Envelope::new(id, time::OffsetDateTime::now_utc(), "dead_letter", &letter)?;
        self.bus()
            .append(&Subject::dlq(consumer)?, &envelope)
            .await?
            .await
            .map(drop)
    }
}
