//! Events on their way to the bus: gathered by service, sent when there are enough. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bus::Envelope;
use model::Event;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::lines::MAX_LINE;

/// Events of one message.
const MAX_EVENTS: usize = 200;
/// What an event gains on its way from a line to a message, at most: the names of machine, host and fields.
const OVERHEAD: usize = 512;
/// With room for one more event of any size.
const FULL: usize = Envelope::SOFT_MAX - MAX_LINE - OVERHEAD;

#[derive(Debug, Default)]
pub(crate) struct Batch {
    services: BTreeMap<Cow<'static, str>, Vec<Event>>,
    events: usize,
    bytes: usize,
}

// === impl Batch ===

impl Batch {
    /// `bytes` is the length of the line that told it.
    pub(crate) fn push(&mut self, event: Event, bytes: usize) {
        self.bytes += bytes + OVERHEAD;
        self.events += 1;
        match self.services.get_mut(&event.report.service) {
            Some(events) => events.push(event),
            None => drop(self.services.insert(event.report.service.clone(), vec![event])),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.events
    }

    /// It must be sent before anything else is put in.
    pub(crate) fn is_full(&self) -> bool {
        self.events >= MAX_EVENTS || self.bytes >= FULL
    }

    /// The events by service, each a message.
    pub(crate) fn take(&mut self) -> BTreeMap<Cow<'static, str>, Vec<Event>> {
        std::mem::take(self).services
    }
}

/// The same for the same events, so that a message sent twice is kept once.
pub(crate) fn message_id(events: &[Event]) -> Uuid {
    let mut hash = Sha256::new();
    for event in events {
        hash.update(event.report.id.0.as_bytes());
    }
    id_of(hash)
}

/// For what we say ourselves about a place in a machine's lines: the same whenever we read it.
pub(crate) fn place_id(about: &str, decky: &str, boot: &str, seq: u64) -> Uuid {
    id_of(Sha256::new().chain_update(format!("{about}\n{decky}\n{boot}\n{seq}")))
}

fn id_of(hash: Sha256) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{EventId, Name, Origin, Report};

    fn event(n: u128, service: &'static str) -> Event {
        let report = Report {
            id: EventId(Uuid::from_u128(n)),
            at: time::OffsetDateTime::UNIX_EPOCH,
            service: service.into(),
            kind: "command".into(),
            src: None,
            dst: None,
            session: None,
            origin: Origin::Peer,
            fields: model::Fields::new(),
        };
        Event {
            decky: Name::new("web").unwrap(),
            host: "local".into(),
            boot: "0".into(),
            seq: 1,
            report,
        }
    }

    #[test]
    fn a_full_batch_makes_messages_within_the_limits() {
        let mut batch = Batch::default();
        (0..200).for_each(|n| {
            assert!(!batch.is_full());
            batch.push(event(n, if n % 2 == 0 { "ssh" } else { "ftp" }), 300);
        });
        assert!(batch.is_full());
        let messages = batch.take();
        assert_eq!(messages.values().map(Vec::len).collect::<Vec<_>>(), [100, 100]);
        assert_eq!((batch.len(), batch.is_full()), (0, false));
        while !batch.is_full() {
            batch.push(event(1, "ssh"), MAX_LINE);
        }
        assert!(batch.bytes <= Envelope::SOFT_MAX);
    }

    #[test]
    fn a_message_of_the_same_events_has_the_same_id() {
        let (a, b) = (event(1, "ssh"), event(2, "ssh"));
        assert_eq!(message_id(&[a.clone(), b.clone()]), message_id(&[a.clone(), b.clone()]));
        assert_ne!(message_id(&[a.clone(), b.clone()]), message_id(&[b, a]));
        assert_ne!(place_id("gap", "a", "b", 1), place_id("gap", "a", "b", 2));
    }
}
