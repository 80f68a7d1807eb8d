//! The engine behind the routes: one, shared, for calls and metadata.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use detect::{Call, Confidence, Counters, Decision, Engine, Finding, FlowRecord, Input, News, Setup, Time, Verdict};
use time::OffsetDateTime;
use uuid::Uuid;

/// How often what needs the whole picture is looked at, and what is past let go of.
const REVIEW_EVERY: Duration = Duration::from_secs(300);
/// Decisions that wait to be fetched; the oldest go first.
const MAX_DECIDED: usize = 10_000;
/// What was found and what came in last, for those who ask.
const MAX_ALERTS: usize = 10_000;
const MAX_RECORDS: usize = 1_000;

/// Judges what comes in, and has news of what it found.
pub struct Judge(Mutex<Judging>);

struct Judging {
    engine: Engine,
    /// Calls are judged in order of time, whatever clocks do.
    last: Time,
    reviewed: Instant,
    decided: VecDeque<Decided>,
    standing: BTreeMap<String, Standing>,
    alerts: VecDeque<Finding>,
    records: VecDeque<FlowRecord>,
}

/// A call that was not simply allowed.
#[derive(Clone, Debug)]
pub struct Decided {
    pub check: Uuid,
    pub at: OffsetDateTime,
    pub agent: String,
    pub tool: String,
    pub decision: Decision,
    pub confidence: Confidence,
    pub reason: String,
    /// The surest rule, when one spoke.
    pub rule: Option<String>,
}

/// What is decided about an agent, whatever it calls.
#[derive(Clone, Debug)]
pub struct Standing {
    pub decision: Decision,
    pub reason: String,
}

// === impl Judge ===

impl Judge {
    pub fn new(setup: Setup) -> Self {
        Self(Mutex::new(Judging {
            engine: Engine::live(setup, Input::Events),
            last: Time(i64::MIN),
            reviewed: Instant::now(),
            decided: VecDeque::new(),
            standing: BTreeMap::new(),
            alerts: VecDeque::new(),
            records: VecDeque::new(),
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
        let news = held.engine.news();
        for finding in &news.findings {
            held.alerts.retain(|known| known.id != finding.id);
            push(&mut held.alerts, finding.clone(), MAX_ALERTS);
        }
        news
    }

    /// Calls that were flagged or blocked since this was last asked.
    pub fn decided(&self) -> Vec<Decided> {
        self.lock().decided.drain(..).collect()
    }

    /// From now on this is decided about agents, and nothing else.
    pub fn stand(&self, standing: BTreeMap<String, Standing>) {
        self.lock().standing = standing;
    }

    /// Judges a call that was made then.
    pub(crate) fn check(&self, at: Time, call: &Call) -> Verdict {
        let mut held = self.lock();
        let at = at.max(held.last);
        held.last = at;
        // A call is remembered whatever stands about its agent.
        let verdict = held.engine.check(at, call);
        match held.standing.get(&call.agent) {
            Some(standing) => standing.over(verdict),
            None => verdict,
        }
    }

    pub(crate) fn note(&self, decided: Decided) {
        push(&mut self.lock().decided, decided, MAX_DECIDED);
    }

    /// Takes in records, and says how many findings came of them.
    pub(crate) fn records(&self, records: Vec<FlowRecord>) -> usize {
        let mut held = self.lock();
        let before = held.engine.findings();
        for record in records {
            push(&mut held.records, record, MAX_RECORDS);
            held.engine.flow(record);
        }
        held.engine.findings() - before
    }

    /// What was found last, newest first.
    pub(crate) fn alerts(&self) -> Vec<Finding> {
        self.lock().alerts.iter().rev().cloned().collect()
    }

    /// What came in last, newest first.
    pub(crate) fn traffic(&self) -> Vec<FlowRecord> {
        self.lock().records.iter().rev().copied().collect()
    }

    pub(crate) fn counters(&self) -> Counters {
        self.lock().engine.so_far()
    }

    /// A panic under the lock has ended one request; the engine goes on.
    fn lock(&self) -> MutexGuard<'_, Judging> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push<T>(held: &mut VecDeque<T>, item: T, most: usize) {
    if held.len() >= most {
        held.pop_front();
    }
    held.push_back(item);
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Judge(..)")
    }
}

// === impl Standing ===

impl Standing {
    /// A flag never makes less of a block that rules came to.
    fn over(&self, verdict: Verdict) -> Verdict {
        if self.decision == Decision::Flag && verdict.decision >= Decision::Flag {
            return verdict;
        }
        Verdict {
            decision: self.decision,
            would: None,
            reason: Some(format!("decided about the agent: {}", self.reason)),
            ..verdict
        }
    }
}

pub(crate) fn now() -> Time {
    Time(i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos()).unwrap_or(i64::MAX))
}
