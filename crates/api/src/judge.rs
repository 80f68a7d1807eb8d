//! The engine behind the routes: one, shared, for calls and metadata.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use detect::{Call, Counters, Engine, FlowRecord, Input, News, Setup, Time, Verdict};
use time::OffsetDateTime;

/// How often what needs the whole picture is looked at, and what is past let go of.
const REVIEW_EVERY: Duration = Duration::from_secs(300);

/// Judges what comes in, and has news of what it found.
pub struct Judge(Mutex<Judging>);

struct Judging {
    engine: Engine,
    /// Calls are judged in order of time, whatever clocks do.
    last: Time,
    reviewed: Instant,
}

// === impl Judge ===

impl Judge {
    pub fn new(setup: Setup) -> Self {
        Self(Mutex::new(Judging {
            engine: Engine::live(setup, Input::Events),
            last: Time(i64::MIN),
            reviewed: Instant::now(),
        }))
    }

    /// New findings since this was last asked. To be asked every second or so.
    pub fn news(&self) -> News {
        let mut held = self.lock();
        let now = now();
        held.engine.tick(now);
        if held.reviewed.elapsed() > REVIEW_EVERY {
            held.engine.review(now);
            held.reviewed = Instant::now();
        }
        held.engine.news()
    }

    pub(crate) fn check(&self, call: &Call) -> Verdict {
        let mut held = self.lock();
        let at = now().max(held.last);
        held.last = at;
        held.engine.check(at, call)
    }

    /// Takes in records, and says how many findings came of them.
    pub(crate) fn records(&self, records: Vec<FlowRecord>) -> usize {
        let mut held = self.lock();
        let before = held.engine.findings();
        for record in records {
            held.engine.flow(record);
        }
        held.engine.findings() - before
    }

    pub(crate) fn counters(&self) -> Counters {
        self.lock().engine.so_far()
    }

    /// A panic under the lock has ended one request; the engine goes on.
    fn lock(&self) -> MutexGuard<'_, Judging> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Judge(..)")
    }
}

pub(crate) fn now() -> Time {
    Time(i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos()).unwrap_or(i64::MAX))
}
