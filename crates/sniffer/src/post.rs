//! Observations on their way to the bus: each a durable event, and of some kinds a notice.
//!
//! The wire cannot be asked again, so what is on its way is waited for: until the bus says that a message is safe it
//! counts as under way, the next ones wait behind a few of them, and behind those the queue fills.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bus::{Bus, Envelope, Receipt, Subject};
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use model::{Event, Name};
use serde_json::json;
use time::OffsetDateTime;
use tokio::sync::mpsc::Receiver;
use uuid::Uuid;
use wire::watch::Observation;

use crate::Error;
use crate::event::{self, SERVICE};
use crate::loss::Lost;
use crate::outlet::Batch;

/// Events of one message.
const MAX_EVENTS: usize = 100;
/// Messages sent and not yet safe, before the next batch is left to wait.
const WINDOW: usize = 32;
/// At the end, for what was sent to become safe.
const FAREWELL: Duration = Duration::from_secs(2);

pub(crate) struct Post {
    bus: Bus,
    host: String,
    under_way: FuturesUnordered<BoxFuture<'static, (u64, Result<bus::Safe, bus::Error>)>>,
    /// Events that are not safe yet.
    pending: Arc<AtomicU64>,
}

/// What there is to send.
#[derive(Debug)]
pub(crate) struct Posts {
    pub(crate) seen: Receiver<Batch>,
    pub(crate) lost: Receiver<(Lost, Vec<Name>)>,
}

// === impl Post ===

impl Post {
    /// `pending` has the number of events that are not safe yet.
    pub(crate) fn new(bus: Bus, host: String, pending: Arc<AtomicU64>) -> Self {
        Self {
            bus,
            host,
            under_way: FuturesUnordered::new(),
            pending,
        }
    }

    /// Until nobody sends any more, and what was sent is safe.
    pub(crate) async fn run(mut self, mut posts: Posts) -> Result<(), Error> {
        loop {
            let has_room = self.under_way.len() < WINDOW;
            tokio::select! {
                biased;
                Some((events, safe)) = self.under_way.next() => self.settle(events, safe)?,
                Some((lost, deckies)) = posts.lost.recv(), if has_room => self.lost(&lost, &deckies).await?,
                batch = posts.seen.recv(), if has_room => match batch {
                    Some(batch) => self.send(&batch).await?,
                    None => break,
                },
            }
        }
        let rest = async {
            while let Some((events, safe)) = self.under_way.next().await {
                self.settle(events, safe)?;
            }
            Ok(())
        };
        match tokio::time::timeout(FAREWELL, rest).await {
            Ok(settled) => settled,
            Err(_) => {
                let events = self.pending.load(Relaxed);
                tracing::warn!(events, "the end came before the bus said that these were safe");
                Ok(())
            }
        }
    }

    fn settle(&mut self, events: u64, safe: Result<bus::Safe, bus::Error>) -> Result<(), Error> {
        self.pending.fetch_sub(events, Relaxed);
        safe.map(drop).map_err(Error::from)
    }

    /// Sends what was seen, by machine and in order. What a neighbour tells everyone is told as of anyone.
    async fn send(&mut self, batch: &Batch) -> Result<(), Error> {
        let mut by_decky: BTreeMap<Name, Vec<Event>> = BTreeMap::new();
        for one in &batch.seen {
            let name = one.decky.as_ref().and_then(|decky| Name::new(&decky.name).ok());
            let Some(name) = name.or_else(|| batch.anyone.clone()) else {
                continue;
            };
            let event = event::of(one, name.clone(), &self.host, Uuid::now_v7());
            self.notify(one, &event).await?;
            by_decky.entry(name).or_default().push(event);
        }
        for (decky, events) in by_decky {
            for events in events.chunks(MAX_EVENTS) {
                self.append_events(&decky, events).await?;
            }
        }
        Ok(())
    }

    async fn notify(&mut self, one: &Observation, event: &Event) -> Result<(), Error> {
        if one.details.is_noticed()
            && let Ok(subject) = Subject::decky_traffic(event.decky.as_str())
        {
            self.bus.tell(&subject, one.kind(), &event::traffic(event)).await;
        }
        match event::finding(event) {
            Some((subject, kind, payload)) => self.append(&subject, kind, &payload, 0).await,
            None => Ok(()),
        }
    }

    async fn lost(&mut self, lost: &Lost, deckies: &[Name]) -> Result<(), Error> {
        let payload = json!({ "host": self.host, "seen": lost.seen, "dropped": lost.dropped });
        self.bus.tell(&Subject::SNIFFER_LOSS, "loss", &payload).await;
        let now = OffsetDateTime::now_utc();
        for decky in deckies {
            let event = event::of_loss(lost, decky.clone(), &self.host, Uuid::now_v7(), now);
            self.append_events(decky, &[event]).await?;
        }
        Ok(())
    }

    async fn append_events(&mut self, decky: &Name, events: &[Event]) -> Result<(), Error> {
        let subject = Subject::event(&self.host, decky.as_str(), SERVICE).map_err(bus::Error::from)?;
        self.append(&subject, "events", &json!({ "events": events }), events.len() as u64)
            .await
    }

    async fn append(
        &mut self,
        subject: &Subject,
        kind: &str,
        payload: &serde_json::Value,
        events: u64,
    ) -> Result<(), Error> {
        let envelope = Envelope::new(Uuid::now_v7(), OffsetDateTime::now_utc(), kind, payload);
        let envelope = envelope.map_err(bus::Error::from)?;
        self.pending.fetch_add(events, Relaxed);
        let receipt: Receipt = self.bus.append(subject, &envelope).await?;
        self.under_way.push(receipt.map(move |safe| (events, safe)).boxed());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bus::registry::INGEST;
    use tokio::sync::mpsc::channel;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::outlet::sample;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn while_nobody_stores_anything_no_event_is_given_up_and_the_queue_waits() {
        let bus = Bus::in_process();
        let pending = Arc::new(AtomicU64::new(0));
        let post = Post::new(bus.clone(), "local".to_owned(), Arc::clone(&pending));
        let batches = 2 * WINDOW as u64;
        let (tell, seen) = channel(2 * WINDOW);
        let (tell_lost, lost) = channel(1);
        let post = tokio::spawn(post.run(Posts { seen, lost }));
        let events = sample(1).len() as u64;
        for _ in 0..batches {
            let anyone = Some(Name::new("web").unwrap());
            tell.send(Batch {
                seen: sample(1),
                anyone,
            })
            .await
            .unwrap();
        }
        let full = async {
            while pending.load(Relaxed) < events * WINDOW as u64 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, full)
            .await
            .expect("as many are sent as may be under way");
        assert_eq!(tell.capacity(), WINDOW, "the others wait");
        drop((tell, tell_lost));

        let mut ingest = bus.consumer(&INGEST).await.unwrap();
        let mut stored = 0;
        while stored < batches {
            let deliveries = ingest.fetch(8, PATIENCE).await.unwrap();
            assert!(!deliveries.is_empty(), "{stored} of {batches}");
            for delivery in &deliveries {
                delivery.ack().await.unwrap();
            }
            stored += deliveries.len() as u64;
        }
        timeout(PATIENCE, post).await.expect("it ends").unwrap().unwrap();
        assert_eq!(pending.load(Relaxed), 0, "all are safe");
    }
}
