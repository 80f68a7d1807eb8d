//! Keeps the workers' beats in the store, where a command in another process finds them when no server does.

use std::collections::BTreeMap;
use std::time::Duration;

use bus::Pattern;
use runtime::{Beat, Cx, Runner};
use store::Store;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep_until};

use crate::Error;

const SETTING: &str = "worker_presence";
const HEALTH: Pattern = Pattern::fixed("system.*.health");
/// Beats are written at most this often.
const WRITE_EVERY: Duration = Duration::from_secs(2);
/// A worker silent for this long is no longer listed.
const FORGET: Duration = Duration::from_secs(3600);
/// Workers listed at most.
const MAX: usize = 1000;

/// The worker `presence`.
#[derive(Debug)]
pub struct Presence {
    store: Store,
}

/// The last beat of each worker, as the store has it.
pub async fn last_beats(store: &Store) -> Result<Vec<Beat>, store::Error> {
    Ok(store.settings().get(SETTING).await?.unwrap_or_default())
}

// === impl Presence ===

impl Presence {
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Runner for Presence {
    const NAME: &'static str = "presence";
    type Error = Error;

    async fn run(&mut self, cx: &Cx) -> Result<(), Error> {
        let mut heard = cx.bus().subscribe(&HEALTH).await?;
        let mut beats: BTreeMap<String, Beat> = BTreeMap::new();
        for beat in last_beats(&self.store).await? {
            beats.insert(beat.key(), beat);
        }
        let mut write_at = None;
        loop {
            tokio::select! {
                () = cx.cancelled() => break,
                message = heard.next() => {
                    let Some(message) = message else { break };
                    let Ok(beat) = message.envelope().and_then(|envelope| envelope.payload::<Beat>()) else { continue };
                    note(&mut beats, beat, OffsetDateTime::now_utc());
                    write_at.get_or_insert_with(|| Instant::now() + WRITE_EVERY);
                }
                () = at(write_at) => {
                    write_at = None;
                    self.write(&beats, cx).await;
                    cx.alive();
                }
            }
        }
        self.write(&beats, cx).await;
        Ok(())
    }
}

impl Presence {
    async fn write(&self, beats: &BTreeMap<String, Beat>, cx: &Cx) {
        let list: Vec<_> = beats.values().collect();
        if let Err(error) = self.store.settings().set(SETTING, &list).await {
            cx.fault(&error);
        }
    }
}

/// A worker's new instance takes the place of those that have fallen silent.
fn note(beats: &mut BTreeMap<String, Beat>, beat: Beat, now: OffsetDateTime) {
    beats.retain(|_, known| {
        let is_same = known.worker == beat.worker && known.host == beat.host;
        now - known.at < FORGET && !(is_same && now - known.at >= Beat::STALE)
    });
    if beats.len() < MAX || beats.contains_key(&beat.key()) {
        beats.insert(beat.key(), beat);
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
