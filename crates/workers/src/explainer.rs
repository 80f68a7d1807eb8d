//! Prose about findings, by a model.

use std::sync::Arc;
use std::time::Duration;

use bus::Pattern;
use llm::{Facts, Status, Writer};
use runtime::{Cx, Summary, Worker};
use store::{Finding, Narrative, Store};
use time::OffsetDateTime;

use crate::Error;

/// The worker `explainer`: writes about each detection once, from its facts, after it was stored. It writes narratives
/// and nothing else.
pub struct Explainer {
    store: Store,
    writer: Arc<Writer>,
}

/// Findings that wait at most; the newest come first.
const QUEUE: u64 = 256;
/// Where writing failed it is tried again after so long.
const AGAIN: time::Duration = time::Duration::minutes(10);

// === impl Explainer ===

impl Explainer {
    pub fn new(store: Store, writer: Arc<Writer>) -> Self {
        Self { store, writer }
    }

    async fn explain(&self, finding: &Finding) -> Result<Status, Error> {
        let narratives = self.store.narratives();
        let facts = Facts::of(&finding.detail);
        let now = OffsetDateTime::now_utc();
        if let Some(known) = narratives.of_digest(facts.digest()).await? {
            let copied = Narrative { cached: true, ..known };
            narratives.put(&finding.id, &copied, now).await?;
            return Ok(Status::Ok);
        }
        let written = self.writer.narrate(&facts).await;
        let narrative = Narrative {
            status: written.status.name().to_owned(),
            model: written.model,
            hypothesis: written.hypothesis,
            report: written.report,
            cached: false,
            digest: facts.digest().to_owned(),
        };
        narratives
            .put(&finding.id, &narrative, OffsetDateTime::now_utc())
            .await?;
        Ok(written.status)
    }
}

impl Worker for Explainer {
    const NAME: &'static str = "explainer";
    const WAKE: &'static [Pattern] = &[Pattern::fixed("detect.finding.*")];
    const TICK: Duration = Duration::from_secs(30);
    type Error = Error;

    async fn work(&mut self, cx: &Cx) -> Result<Summary, Error> {
        let before = OffsetDateTime::now_utc() - AGAIN;
        let missing = self.store.narratives().missing(before, QUEUE).await?;
        let mut done = 0;
        for finding in &missing {
            if cx.is_cancelled() {
                break;
            }
            let status = self.explain(finding).await?;
            cx.alive();
            done += 1;
            if status != Status::Ok {
                cx.fault(&format!("{} wrote nothing: {}", self.writer.model(), status.name()));
            }
            if matches!(status, Status::Offline | Status::Timeout) {
                break;
            }
        }
        Ok(Summary { done, left: 0 })
    }
}
