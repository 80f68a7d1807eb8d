//! Sends on what the store takes in. The store is the queue: what the target misses while it is away is sent when it
//! is back, and a restart goes on where the one before stopped.

use std::time::Duration;

use bus::Pattern;
use model::Origin;
use runtime::{Backoff, Cx, Summary, Worker};
use store::{Filter, OriginFilter, Store, StoredEvent};
use tokio::time::Instant;

use crate::format;
use crate::link::{Connector, Link};

/// Events of one pass.
const BATCH: u64 = 500;

/// Sends each event an attacker caused once to a log target; again only where a connection broke and nobody can say
/// what arrived. A target never seen before gets what happens from now on.
pub struct Forwarder {
    store: Store,
    link: Link,
    /// Under which the place in the store is kept.
    name: String,
    place: Option<i64>,
    backoff: Backoff,
    not_before: Instant,
}

// === impl Forwarder ===

impl Forwarder {
    pub fn new(store: Store, connector: Connector) -> Self {
        Self {
            store,
            name: format!("forwarder {}", connector.target()),
            link: Link::new(connector),
            place: None,
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(30)),
            not_before: Instant::now(),
        }
    }

    async fn place(&mut self) -> store::Result<i64> {
        if let Some(place) = self.place {
            return Ok(place);
        }
        let place = match self.store.cursors().get(&self.name).await? {
            Some(place) => place,
            None => {
                let last = self.store.events().last().await?;
                self.store.cursors().set(&self.name, &last).await?;
                last
            }
        };
        self.place = Some(place);
        Ok(place)
    }

    async fn went_as_far_as(&mut self, place: i64) -> store::Result<()> {
        self.place = Some(place);
        self.store.cursors().set(&self.name, &place).await
    }
}

impl Worker for Forwarder {
    const NAME: &'static str = "forwarder";
    const WAKE: &'static [Pattern] = &[Pattern::fixed("logs.ingested")];
    const TICK: Duration = Duration::from_secs(5);
    type Error = store::Error;

    async fn work(&mut self, cx: &Cx) -> store::Result<Summary> {
        let place = self.place().await?;
        if Instant::now() < self.not_before {
            return Ok(Summary::default());
        }
        // The grid's own doings are passed over here, not by the store: so the place moves on past them.
        let all = Filter {
            origin: OriginFilter::All,
            ..Filter::default()
        };
        let events = self.store.events().follow(place, &all, BATCH).await?;
        let Some(last) = events.last().map(|event| event.n) else {
            return Ok(Summary::default());
        };
        let (places, messages): (Vec<_>, Vec<_>) = events.iter().filter_map(message).unzip();
        match self.link.send(&messages).await {
            Ok(()) => {
                self.backoff.reset();
                self.went_as_far_as(last).await?;
                Ok(Summary {
                    done: messages.len() as u64,
                    left: u64::from(events.len() as u64 == BATCH),
                })
            }
            Err(unsent) => {
                cx.fault(&unsent);
                self.not_before = Instant::now() + self.backoff.failed_after(Duration::ZERO);
                if let Some(&place) = unsent.sent.checked_sub(1).and_then(|last| places.get(last)) {
                    self.went_as_far_as(place).await?;
                }
                Ok(Summary {
                    done: unsent.sent as u64,
                    left: 0,
                })
            }
        }
    }
}

fn message(stored: &StoredEvent) -> Option<(i64, String)> {
    (stored.event.report.origin == Origin::Peer).then(|| (stored.n, format::message(&stored.event)))
}
