//! What an engine in this process found, into the store and onto the bus.

use std::time::Duration;

use detect::News;
use runtime::{Cx, Summary, Worker};
use store::Store;

use crate::Error;
use crate::detector::tell;

/// The worker `teller`: asks an engine that judges what comes in by the API, or from an interface, for its news.
pub struct Teller<N> {
    store: Store,
    news: N,
    /// Not stored yet: the store was away.
    untold: News,
}

/// News kept while the store is away.
const MAX: usize = 10_000;

// === impl Teller ===

impl<N: Fn() -> News> Teller<N> {
    pub fn new(store: Store, news: N) -> Self {
        Self {
            store,
            news,
            untold: News::default(),
        }
    }
}

impl<N: Fn() -> News + Send + Sync + 'static> Worker for Teller<N> {
    const NAME: &'static str = "teller";
    const TICK: Duration = Duration::from_secs(1);
    type Error = Error;

    async fn work(&mut self, cx: &Cx) -> Result<Summary, Error> {
        let news = (self.news)();
        self.untold.findings.extend(news.findings);
        self.untold.incidents.extend(news.incidents);
        self.untold.findings.truncate(MAX);
        self.untold.incidents.truncate(MAX);
        match tell(&self.store, &self.untold, cx).await {
            Ok(done) => {
                self.untold = News::default();
                Ok(Summary { done, left: 0 })
            }
            Err(Error::Store(error)) if error.is_transient() => {
                cx.fault(&error);
                Ok(Summary::default())
            }
            Err(error) => Err(error),
        }
    }
}
