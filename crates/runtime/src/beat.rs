//! A worker's sign of life, and what it means.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// What a worker says of itself every [`Beat::EVERY`] on `system.<worker>.health`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beat {
    pub worker: String,
    pub host: String,
    /// Tells two of a kind on one host apart.
    pub instance: String,
    pub pid: u32,
    pub version: String,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    pub state: Phase,
    /// End of the last pass, or the last time a runner said it goes on.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub last_tick_at: Option<OffsetDateTime>,
    /// Seconds that may lie between ticks.
    pub tick_s: u64,
    #[serde(default)]
    pub backlog: u64,
    #[serde(default)]
    pub errors_5m: u64,
    #[serde(default)]
    pub restarts: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    pub bus: bus::State,
    /// What only this kind of worker counts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Starting,
    Running,
    Paused,
    /// It failed and waits to be started again.
    Degraded,
    Stopping,
}

/// What others make of a worker's beats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Ok,
    Paused,
    /// It beats, but does not work.
    Degraded,
    /// Nothing heard for [`Beat::STALE`].
    Stale,
    Stopped,
}

/// What a worker notes while it works, read by the heart.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<Mutex<Notes>>);

#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) last_tick_at: Option<OffsetDateTime>,
    pub(crate) backlog: u64,
    pub(crate) extra: BTreeMap<String, u64>,
    pub(crate) last_error: Option<String>,
    errors: VecDeque<Instant>,
}

// === impl Beat ===

impl Beat {
    pub const EVERY: Duration = Duration::from_secs(30);
    pub const STALE: Duration = Duration::from_secs(90);

    pub fn status(&self, now: OffsetDateTime) -> Status {
        let late = |since: OffsetDateTime, limit: Duration| now - since >= limit;
        let tick = Duration::from_secs(self.tick_s).max(Self::EVERY);
        match self.state {
            Phase::Stopping => Status::Stopped,
            _ if late(self.at, Self::STALE) => Status::Stale,
            Phase::Paused => Status::Paused,
            Phase::Degraded => Status::Degraded,
            // A live heart in a dead loop is the classic lie.
            _ if late(self.last_tick_at.unwrap_or(self.started_at), 3 * tick) => Status::Degraded,
            Phase::Starting | Phase::Running => Status::Ok,
        }
    }

    /// Under which it is announced.
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.host, self.worker, self.instance)
    }
}

// === impl Gauge ===

impl Gauge {
    const ERRORS_KEPT: usize = 1000;
    const WINDOW: Duration = Duration::from_secs(5 * 60);

    pub fn tick(&self, now: OffsetDateTime) {
        self.notes().last_tick_at = Some(now);
    }

    pub fn backlog(&self, things: u64) {
        self.notes().backlog = things;
    }

    pub fn count(&self, name: &str, value: u64) {
        self.notes().extra.insert(name.to_owned(), value);
    }

    pub fn error(&self, error: String, now: Instant) {
        let mut notes = self.notes();
        if notes.errors.len() == Self::ERRORS_KEPT {
            notes.errors.pop_front();
        }
        notes.errors.push_back(now);
        notes.last_error = Some(error);
    }

    pub(crate) fn recent_errors(&self, now: Instant) -> u64 {
        let mut notes = self.notes();
        notes.errors.retain(|at| now.duration_since(*at) < Self::WINDOW);
        notes.errors.len() as u64
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: OffsetDateTime = time::macros::datetime!(2026-01-31 12:00 UTC);

    fn beat() -> Beat {
        Beat {
            worker: "w".into(),
            host: "local".into(),
            instance: "1".into(),
            pid: 1,
            version: "0".into(),
            at: START,
            started_at: START,
            state: Phase::Running,
            last_tick_at: Some(START),
            tick_s: 60,
            backlog: 0,
            errors_5m: 0,
            restarts: 0,
            last_error: None,
            bus: bus::State::Up,
            extra: BTreeMap::new(),
        }
    }

    #[test]
    fn ninety_seconds_of_silence_are_stale() {
        for (seconds, status) in [(89, Status::Ok), (90, Status::Stale), (91, Status::Stale)] {
            assert_eq!(beat().status(START + Duration::from_secs(seconds)), status, "{seconds}");
        }
    }

    #[test]
    fn a_heart_that_beats_in_a_loop_that_hangs_is_degraded() {
        let now = START + Duration::from_secs(180);
        assert_eq!(Beat { at: now, ..beat() }.status(now), Status::Degraded);
        assert_eq!(
            Beat {
                at: now,
                last_tick_at: None,
                ..beat()
            }
            .status(now),
            Status::Degraded
        );
        let just = now - Duration::from_secs(1);
        assert_eq!(Beat { at: just, ..beat() }.status(just), Status::Ok);
    }

    #[test]
    fn a_worker_that_said_goodbye_is_stopped_and_not_stale() {
        let later = START + Duration::from_secs(3600);
        assert_eq!(
            Beat {
                state: Phase::Stopping,
                ..beat()
            }
            .status(later),
            Status::Stopped
        );
        assert_eq!(
            Beat {
                state: Phase::Paused,
                ..beat()
            }
            .status(START),
            Status::Paused
        );
    }

    #[test]
    fn errors_are_counted_over_five_minutes() {
        let (gauge, start) = (Gauge::default(), Instant::now());
        gauge.error("a".into(), start);
        gauge.error("b".into(), start + Duration::from_secs(200));
        assert_eq!(gauge.recent_errors(start + Duration::from_secs(299)), 2);
        assert_eq!(gauge.recent_errors(start + Duration::from_secs(300)), 1);
        assert_eq!(gauge.notes().last_error.as_deref(), Some("b"));
    }
}
