//! Observations on their way to the bus: each a durable event, and of some kinds a notice.

use std::collections::BTreeMap;

use bus::{Bus, Envelope, Subject};
use model::{Event, Name};
use time::OffsetDateTime;
use uuid::Uuid;
use wire::watch::Observation;

use crate::Error;
use crate::event::{self, SERVICE};
use crate::loss::Lost;

/// Events of one message.
const MAX_EVENTS: usize = 100;

#[derive(Debug)]
pub(crate) struct Post {
    bus: Bus,
    host: String,
}

// === impl Post ===

impl Post {
    pub(crate) fn new(bus: Bus, host: String) -> Self {
        Self { bus, host }
    }

    /// Sends what was seen, by machine and in order. What a neighbour tells everyone is told as of `anyone`.
    pub(crate) async fn send(&self, seen: Vec<Observation>, anyone: Option<&Name>) -> Result<(), Error> {
        let mut by_decky: BTreeMap<Name, Vec<Event>> = BTreeMap::new();
        for one in &seen {
            let name = one.decky.as_ref().and_then(|decky| Name::new(&decky.name).ok());
            let Some(name) = name.or_else(|| anyone.cloned()) else {
                continue;
            };
            let event = event::of(one, name.clone(), &self.host, Uuid::now_v7());
            if one.details.is_noticed()
                && let Ok(subject) = Subject::decky_traffic(name.as_str())
            {
                self.bus.tell(&subject, one.kind(), &event::notice(&event)).await;
            }
            by_decky.entry(name).or_default().push(event);
        }
        for (decky, events) in by_decky {
            for events in events.chunks(MAX_EVENTS) {
                self.append(&decky, events).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn lost<'a>(&self, lost: &Lost, deckies: impl Iterator<Item = &'a Name>) -> Result<(), Error> {
        for decky in deckies {
            let event = event::of_loss(
                lost,
                decky.clone(),
                &self.host,
                Uuid::now_v7(),
                OffsetDateTime::now_utc(),
            );
            self.append(decky, &[event]).await?;
        }
        Ok(())
    }

    async fn append(&self, decky: &Name, events: &[Event]) -> Result<(), Error> {
        let subject = Subject::event(&self.host, decky.as_str(), SERVICE);
        let payload = serde_json::json!({ "events": events });
        let envelope = Envelope::new(Uuid::now_v7(), OffsetDateTime::now_utc(), "events", &payload);
        if let (Ok(subject), Ok(envelope)) = (subject, envelope) {
            // The bus holds it, or says that it cannot; the wire cannot be asked again.
            let _receipt = self.bus.append(&subject, &envelope).await?;
        }
        Ok(())
    }
}
