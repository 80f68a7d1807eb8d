//! What is dealt with at once: messages, and the events in them.

use std::time::Duration;

use bus::{Consumer, Delivery, Envelope, Subject};
use model::Event;
use serde::Deserialize;
use serde_json::value::RawValue;
use store::{Derived, Store};
use tokio::time::Instant;
use uuid::Uuid;

/// Enough events for one writing.
const ENOUGH: usize = 2_000;
/// Events wait this long for company.
const LINGER: Duration = Duration::from_millis(250);
/// Messages taken at once, each of up to 200 events: with the three batches there are at most (one gathered, one ready,
/// one written), this bounds what lies in memory.
const AT_ONCE: usize = 10;

#[derive(Debug, Default)]
pub(super) struct Batch {
    deliveries: Vec<Delivery>,
    pub(super) events: Vec<Event>,
    pub(super) poison: Vec<Poison>,
    /// What follows from the events, when the store could be asked beforehand.
    pub(super) derived: Option<Derived>,
}

/// Something that can never be stored.
#[derive(Debug)]
pub(super) struct Poison {
    pub(super) id: Uuid,
    pub(super) subject: String,
    pub(super) attempts: u64,
    pub(super) error: String,
    pub(super) body: String,
}

/// One event, or several under `events`.
#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    events: Option<Vec<&'a RawValue>>,
}

// === impl Batch ===

impl Batch {
    /// Waits at most `idle` for a first message, then a little for more. Cancelled, it holds what it has.
    pub(super) async fn gather(&mut self, consumer: &mut Consumer, idle: Duration) -> Result<(), bus::Error> {
        self.add(consumer.fetch(AT_ONCE, idle).await?);
        let deadline = Instant::now() + LINGER;
        while !self.deliveries.is_empty() && self.events.len() < ENOUGH {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.add(consumer.fetch(AT_ONCE, left).await?);
        }
        Ok(())
    }

    /// Works out what follows from the events.
    pub(super) async fn derive(&mut self, store: &Store) {
        self.derived = store.derive(&self.events).await.ok();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    pub(super) async fn ack(&self) -> Result<(), bus::Error> {
        for delivery in &self.deliveries {
            delivery.ack().await?;
        }
        Ok(())
    }

    /// For another instance, at once.
    pub(super) async fn give_back(&self) {
        for delivery in &self.deliveries {
            // Otherwise it comes again after the ack wait.
            let _ = delivery.nak(Duration::ZERO).await;
        }
    }

    pub(super) async fn prolong(&self) {
        for delivery in &self.deliveries {
            // Otherwise it comes twice, which does no harm.
            let _ = delivery.prolong().await;
        }
    }

    fn add(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            self.read(&delivery);
            self.deliveries.push(delivery);
        }
    }

    fn read(&mut self, delivery: &Delivery) {
        let message = &delivery.message;
        let poison = |id, error: String, body: &str| Poison {
            id,
            subject: message.subject.to_string(),
            attempts: delivery.deliveries,
            error,
            body: body.to_owned(),
        };
        let envelope = match message.envelope() {
            Ok(envelope) => envelope,
            Err(error) => {
                let body = String::from_utf8_lossy(&message.body);
                return self.poison.push(poison(Uuid::new_v4(), error.to_string(), &body));
            }
        };
        for (n, read) in parse(&message.subject, &envelope).into_iter().enumerate() {
            match read {
                Ok(event) => self.events.push(event),
                Err((error, body)) => self.poison.push(poison(nth(envelope.id, n), error, &body)),
            }
        }
    }
}

/// The events of a message, or what is wrong with each and its text.
pub fn parse(subject: &Subject, envelope: &Envelope) -> Vec<Result<Event, (String, String)>> {
    let payload = envelope.payload_json();
    let one = |text: &str| {
        let event: Event = serde_json::from_str(text).map_err(|error| (error.to_string(), text.to_owned()))?;
        let told_by = (subject.token(1), subject.token(2));
        if told_by != (Some(event.host.clone()), Some(event.decky.to_string())) {
            return Err((
                format!("told on `{subject}`, where it does not belong"),
                text.to_owned(),
            ));
        }
        Ok(event)
    };
    match serde_json::from_str::<Payload<'_>>(payload) {
        Ok(Payload { events: Some(events) }) => events.iter().map(|event| one(event.get())).collect(),
        Ok(Payload { events: None }) => vec![one(payload)],
        Err(error) => vec![Err((error.to_string(), payload.to_owned()))],
    }
}

/// An id of its own for each part of a message, the same every time.
fn nth(id: Uuid, n: usize) -> Uuid {
    Uuid::from_u128(id.as_u128() ^ n as u128)
}

// === impl Poison ===

impl Poison {
    pub(super) fn refused(event: &Event, error: &store::Error) -> Self {
        Self {
            id: event.report.id.0,
            subject: format!("event of `{}`", event.decky),
            attempts: 1,
            error: error.to_string(),
            body: serde_json::to_string(event).unwrap_or_default(),
        }
    }
}
