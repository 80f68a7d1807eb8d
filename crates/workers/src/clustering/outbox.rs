//! Publishes what was written, after it was: what a crash left over first.

use std::time::Duration;

use bus::{Bus, Envelope, Subject};
use runtime::Cx;
use store::{Store, Waiting};
use tokio::time::timeout;

use crate::Error;

/// Messages taken at a time.
const AT_ONCE: u64 = 200;
/// A bus that keeps a message no sooner is away.
const PATIENCE: Duration = Duration::from_secs(5);

/// Publishes all that waits. While the bus is away it goes on waiting.
pub(super) async fn publish(store: &Store, worker: &str, cx: &Cx) -> Result<(), Error> {
    loop {
        let waiting = store.outbox().waiting(worker, AT_ONCE).await?;
        let mut kept = None;
        let mut away = waiting.is_empty();
        for waiting in &waiting {
            if let Err(error) = append(cx.bus(), waiting).await {
                cx.fault(&error);
                away = true;
                break;
            }
            kept = Some(waiting.n);
        }
        if let Some(kept) = kept {
            store.outbox().published(worker, kept).await?;
        }
        if away {
            return Ok(());
        }
    }
}

async fn append(bus: &Bus, waiting: &Waiting) -> Result<(), bus::Error> {
    let subject = Subject::parse(&waiting.notice.subject)?;
    let kind = waiting.notice.subject.split_once('.').map_or("", |(_, kind)| kind);
    let envelope = Envelope::new(waiting.notice.id, waiting.at, kind, &waiting.notice.payload)?;
    let receipt = bus.append(&subject, &envelope).await?;
    match timeout(PATIENCE, receipt).await {
        Ok(kept) => kept.map(drop),
        Err(_) => Err(bus::Error::TimedOut(subject)),
    }
}
