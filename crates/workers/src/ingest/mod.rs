//! Events from the bus into the store, each once.

mod batch;
mod notice;

use std::time::Duration;

use bus::Consumer;
use bus::registry::INGEST;
use model::Event;
use runtime::{Backoff, Cx, DeadLetter, Runner};
use store::{Derived, Ingested, Store};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::Error;
use batch::{Batch, Poison};

pub use batch::parse;

/// Nothing to do for this long: time for a sign of life.
const IDLE: Duration = Duration::from_secs(10);

/// The worker `ingester`. Several of them share the work.
#[derive(Debug)]
pub struct Ingester {
    store: Store,
    totals: Totals,
}

#[derive(Debug, Default)]
struct Totals {
    new: u64,
    duplicates: u64,
    poison: u64,
}

/// The worker was told to end in the middle of something; it was not done.
struct Interrupted;

// === impl Ingester ===

impl Ingester {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            totals: Totals::default(),
        }
    }
}

impl Runner for Ingester {
    const NAME: &'static str = "ingester";
    type Error = Error;

    /// What comes next is read and worked out while the store writes: one batch is gathered, one may be ready.
    async fn run(&mut self, cx: &Cx) -> Result<(), Error> {
        let consumer = cx.bus().consumer(&INGEST).await?;
        let (sender, mut ready) = mpsc::channel(1);
        let gathering = tokio::spawn(gather(consumer, self.store.clone(), sender, cx.token()));
        loop {
            self.tell(cx);
            match timeout(IDLE, ready.recv()).await {
                Ok(Some(batch)) => self.settle(batch, cx).await?,
                Ok(None) => break,
                Err(_) => {}
            }
        }
        gathering.await?
    }
}

/// Makes batches until cancelled or nobody wants them.
async fn gather(
    mut consumer: Consumer,
    store: Store,
    ready: mpsc::Sender<Batch>,
    token: CancellationToken,
) -> Result<(), Error> {
    loop {
        let mut batch = Batch::default();
        match token.run_until_cancelled(batch.gather(&mut consumer, IDLE)).await {
            Some(gathered) => gathered?,
            None => break batch.give_back().await,
        }
        if batch.is_empty() {
            continue;
        }
        batch.derive(&store).await;
        if let Err(mpsc::error::SendError(batch)) = ready.send(batch).await {
            break batch.give_back().await;
        }
    }
    consumer.close().await;
    Ok(())
}

impl Ingester {
    /// Done with, and so acknowledged; or for another instance, at the end.
    async fn settle(&mut self, mut batch: Batch, cx: &Cx) -> Result<(), Error> {
        match self.deal_with(&mut batch, cx).await {
            Ok(()) => batch.ack().await?,
            Err(Interrupted) => batch.give_back().await,
        }
        Ok(())
    }

    /// Stores all that can be stored and buries the rest.
    async fn deal_with(&mut self, batch: &mut Batch, cx: &Cx) -> Result<(), Interrupted> {
        for poison in std::mem::take(&mut batch.poison) {
            self.bury(&poison, cx).await?;
        }
        if batch.events.is_empty() {
            return Ok(());
        }
        let mut done = Ingested::default();
        let derived = batch.derived.take();
        match self.write(&batch.events, derived, batch, cx).await? {
            Ok(written) => done = written,
            // The store will not have something of it: find out what, one by one.
            Err(_) => {
                for event in &batch.events {
                    match self.write(std::slice::from_ref(event), None, batch, cx).await? {
                        Ok(written) => {
                            done.new_ids.extend(written.new_ids);
                            done.drill_ids.extend(written.drill_ids);
                            done.first.extend(written.first);
                            done.new += written.new;
                            done.duplicates += written.duplicates;
                        }
                        Err(refused) => self.bury(&Poison::refused(event, &refused), cx).await?,
                    }
                }
            }
        }
        self.totals.new += done.new as u64;
        self.totals.duplicates += done.duplicates as u64;
        notice::publish(cx.bus(), &batch.events, &done).await;
        Ok(())
    }

    /// Writes as soon as the store can. The inner error is one that waiting does not mend.
    async fn write(
        &self,
        events: &[Event],
        mut derived: Option<Derived>,
        batch: &Batch,
        cx: &Cx,
    ) -> Result<Result<Ingested, store::Error>, Interrupted> {
        let mut backoff = Backoff::new(Duration::from_millis(250), IDLE);
        loop {
            let written = match derived.take() {
                Some(derived) => self.store.ingest_derived(events, derived).await,
                None => self.store.ingest(events).await,
            };
            match written {
                Err(error) if error.is_transient() => {
                    cx.fault(&error);
                    batch.prolong().await;
                    tokio::select! {
                        () = cx.cancelled() => return Err(Interrupted),
                        () = sleep(backoff.failed_after(Duration::ZERO)) => {}
                    }
                }
                done => return Ok(done),
            }
        }
    }

    async fn bury(&mut self, poison: &Poison, cx: &Cx) -> Result<(), Interrupted> {
        self.totals.poison += 1;
        let letter = DeadLetter {
            id: poison.id,
            subject: &poison.subject,
            attempts: poison.attempts,
            error: &poison.error,
            body: &poison.body,
        };
        tokio::select! {
            () = cx.cancelled() => Err(Interrupted),
            buried = cx.bury(INGEST.name, letter) => {
                if let Err(error) = buried {
                    // It is in the log already, and must not hold up the rest.
                    cx.fault(&error);
                }
                Ok(())
            }
        }
    }

    fn tell(&self, cx: &Cx) {
        cx.alive();
        cx.count("events", self.totals.new);
        cx.count("duplicates", self.totals.duplicates);
        cx.count("poison", self.totals.poison);
    }
}
