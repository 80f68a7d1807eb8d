//! Who is behind what came: the workers that turn the store's rows into identities, and these into campaigns.
//!
//! Both go the same way: find out whose rows changed, project them, let `cluster` group them, compare with the rows that
//! are there, write the difference in one transaction together with what is to be published of it. One leads; others
//! stand by and know nothing, so that whoever takes over begins with the store. A leader that finds the generation of its
//! rows changed by somebody else does the same.

mod attribution;
mod campaigns;
mod identities;
mod ledger;
mod notices;
mod outbox;
mod project;
mod region;
mod reuse;
mod rows;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use cluster::{Pins, Settings};
use intel::Asns;
use store::{Lease, Level, Store};
use time::{Duration, OffsetDateTime};

pub use attribution::Attributor;
pub use campaigns::CampaignClusterer;
pub use identities::Clusterer;
pub use project::{Known, project};
pub use reuse::ReuseCorrelator;

use crate::Error;

/// How long a leader may be silent before another takes over.
const TERM: Duration = Duration::seconds(15);
/// Between passes when nothing wakes them.
const TICK: std::time::Duration = std::time::Duration::from_secs(10);
/// Addresses read at a time.
const PAGE: u64 = 1_000;
/// Events looked through in one pass for whom they tell of.
const EVENTS: u64 = 20_000;

/// How the clusterers are set up.
#[derive(Clone, Debug)]
pub struct Config {
    pub settings: Settings,
    /// Passes in a row that must speak for parting what is together.
    pub confirm: u32,
    /// The networks addresses belong to.
    pub asns: Arc<Asns>,
    /// Tells this process from others that could lead.
    pub holder: String,
}

// === impl Config ===

impl Config {
    /// As shipped; `host` is this host's uuid, or `local`.
    pub fn new(host: &str) -> Self {
        Self {
            settings: Settings::default(),
            confirm: 2,
            asns: Arc::default(),
            holder: format!("{host}/{}/{}", std::process::id(), uuid::Uuid::new_v4().simple()),
        }
    }
}

/// The lease of a worker, taken or held on to; none while another leads.
async fn lead(store: &Store, worker: &str, config: &Config) -> Result<Option<Lease>, Error> {
    let now = OffsetDateTime::now_utc();
    Ok(store.leases().take(worker, &config.holder, TERM, now).await?)
}

/// What operators said of pairs.
pub async fn pins(store: &Store, level: Level) -> store::Result<Pins> {
    let mut pins = Pins::default();
    for pin in store.pins().list(level).await? {
        let list = if pin.same { &mut pins.same } else { &mut pins.apart };
        list.push((pin.a, pin.b));
    }
    Ok(pins)
}
