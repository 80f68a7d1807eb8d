//! What an engine in this process found, into the store and onto the bus.

use std::time::Duration;

use detect::News;
use runtime::{Cx, Summary, Worker};
use store::{Decision, Store};
use time::OffsetDateTime;

use crate::Error;
use crate::detector::tell;

/// Where an engine in this process, judging what comes in by the API or from an interface, leaves what it found.
pub trait Desk: Send + Sync + 'static {
    /// New findings since this was last asked.
    fn news(&self) -> News;

    /// What was decided since this was last asked.
    fn decided(&self) -> Vec<Decision> {
        Vec::new()
    }

    /// What stands now.
    fn stand(&self, _standing: Vec<Decision>) {}
}

/// The worker `teller`: fetches from a desk what was found and decided, and tells it what stands.
pub struct Teller<D> {
    store: Store,
    desk: D,
    /// Not stored yet: the store was away.
    untold: News,
    unnoted: Vec<Decision>,
}

/// News kept while the store is away.
const MAX: usize = 10_000;

// === impl Teller ===

impl<D: Desk> Teller<D> {
    pub fn new(store: Store, desk: D) -> Self {
        Self {
            store,
            desk,
            untold: News::default(),
            unnoted: Vec::new(),
        }
    }

    async fn pass(&mut self, cx: &Cx) -> Result<u64, Error> {
        let done = tell(&self.store, &self.untold, cx).await?;
        self.untold = News::default();
        self.store.decisions().note(&self.unnoted).await?;
        self.unnoted.clear();
        self.desk
            .stand(self.store.decisions().standing(OffsetDateTime::now_utc()).await?);
        Ok(done)
    }
}

impl<D: Desk> Worker for Teller<D> {
    const NAME: &'static str = "teller";
    const TICK: Duration = Duration::from_secs(1);
    type Error = Error;

    async fn work(&mut self, cx: &Cx) -> Result<Summary, Error> {
        let news = self.desk.news();
        self.untold.findings.extend(news.findings);
        self.untold.incidents.extend(news.incidents);
        self.untold.findings.truncate(MAX);
        self.untold.incidents.truncate(MAX);
        self.unnoted.extend(self.desk.decided());
        self.unnoted.truncate(MAX);
        match self.pass(cx).await {
            Ok(done) => Ok(Summary { done, left: 0 }),
            Err(Error::Store(error)) if error.is_transient() => {
                cx.fault(&error);
                Ok(Summary::default())
            }
            Err(error) => Err(error),
        }
    }
}
