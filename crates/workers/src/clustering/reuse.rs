//! Secrets that turn up in several places, told once for each place they reach (clustering.md §20).

use std::collections::BTreeSet;

use bus::{Pattern, Subject};
use runtime::{Cx, Summary, Worker};
use serde_json::json;
use store::{Notice, Spread, SpreadWriting, Store};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Config, EVENTS, TICK, lead, notices, outbox};
use crate::Error;

/// Addresses named in one message; who wants all asks the store.
const NAMED: usize = 1_000;

/// The worker `reuse-correlator`: tells of every secret tried for one principal at several targets, and again when it
/// reaches another address, decky or service.
#[derive(Debug)]
pub struct ReuseCorrelator {
    store: Store,
    config: Config,
    /// Deckies, each with a service, from which on it is told.
    min_targets: usize,
}

// === impl ReuseCorrelator ===

impl ReuseCorrelator {
    pub fn new(store: Store, config: Config, min_targets: usize) -> Self {
        Self {
            store,
            config,
            min_targets,
        }
    }

    /// What is to be written of these events; and whether there are more.
    async fn look(&self, after: i64) -> Result<(SpreadWriting, bool), Error> {
        let changed = self.store.traces().changed(after, EVENTS).await?;
        let reuses = self.store.reuses();
        let mut spreads = reuses.touched(&changed).await?;
        spreads.retain(|_, spread| spread.targets.len() >= self.min_targets);
        let told = reuses.told(spreads.keys().copied()).await?;
        let mut writing = SpreadWriting {
            read_up_to: changed.last,
            ..SpreadWriting::default()
        };
        for (id, spread) in spreads {
            let extent = spread.extent();
            if told.get(&id) != Some(&extent) {
                writing.extents.insert(id, extent);
                writing.notices.push(detected(id, &spread));
            }
        }
        Ok((writing, changed.more))
    }
}

impl Worker for ReuseCorrelator {
    const NAME: &'static str = "reuse-correlator";
    const WAKE: &'static [Pattern] = &[Pattern::fixed("logs.ingested")];
    const TICK: std::time::Duration = TICK;
    type Error = Error;

    async fn work(&mut self, cx: &Cx) -> Result<Summary, Error> {
        if lead(&self.store, Self::NAME, &self.config).await?.is_none() {
            return Ok(Summary::default());
        }
        outbox::publish(&self.store, Self::NAME, cx).await?;
        let after = self.store.reuses().read_up_to(Self::NAME).await?;
        let (writing, more) = self.look(after).await?;
        if writing.read_up_to == after {
            return Ok(Summary::default());
        }
        // Reading them may have taken longer than the lease.
        let Some(lease) = lead(&self.store, Self::NAME, &self.config).await? else {
            return Ok(Summary::default());
        };
        let now = OffsetDateTime::now_utc();
        self.store.reuses().write(&lease, &writing, now).await?;
        outbox::publish(&self.store, Self::NAME, cx).await?;
        Ok(Summary {
            done: writing.extents.len() as u64,
            left: u64::from(more),
        })
    }
}

/// Of the secret itself nothing is told: who may see it finds it by the id.
fn detected(id: Uuid, spread: &Spread) -> Notice {
    let attackers: BTreeSet<_> = spread.attackers.iter().take(NAMED).collect();
    let payload = json!({
        "id": id,
        "secret_kind": spread.secret_kind,
        "target_count": spread.targets.len(),
        "attacker_count": spread.attackers.len(),
        "attacker_ips": attackers,
        "deckies": spread.deckies(),
        "services": spread.services(),
    });
    notices::notice(&Subject::CREDENTIAL_REUSE_DETECTED, payload)
}
