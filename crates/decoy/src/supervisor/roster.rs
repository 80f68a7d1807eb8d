//! Which service processes there should be, which there are, and when the missing ones come back.

use std::time::{Duration, Instant};

use super::job::Job;

/// A service told to stop is killed when it has not by then. Longer than `host` leaves its conversations.
const PATIENCE: Duration = Duration::from_millis(2_500);
/// A service that ran so long starts again at once when it fails.
const STEADY: Duration = Duration::from_secs(60);
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// A process id.
pub type Pid = i32;

#[derive(Default)]
pub struct Roster {
    slots: Vec<Slot>,
}

struct Slot {
    job: Job,
    state: State,
    /// Failures in a row, and times it was killed.
    failures: u32,
    kills: u32,
    /// What is to run once the process is gone; `None` inside: nothing.
    then: Option<Option<Job>>,
}

enum State {
    Due(Instant),
    Running { pid: Pid, since: Instant },
    Stopping { pid: Pid, kill_at: Instant, killed: bool },
}

/// What is to be done now.
#[derive(Debug, PartialEq)]
pub enum Move {
    /// Fork it, then say [`Roster::started`].
    Start(Job),
    Stop(Pid),
    Kill(Pid),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Exit(i32),
    Signal(i32),
}

/// A service process that went away without being told to.
#[derive(Debug, PartialEq)]
pub struct Death {
    pub job: Job,
    pub ending: Ending,
    /// Somebody wanted it gone; it did not fall over by itself.
    pub killed: bool,
    pub restart_in: Duration,
}

// === impl Roster ===

impl Roster {
    /// Makes `jobs` the processes to run. Those that run already as they should go on, unless `anew` restarts all.
    pub fn want(&mut self, jobs: &[Job], anew: bool, now: Instant) {
        for slot in &mut self.slots {
            let wanted = jobs.iter().find(|job| job.title == slot.job.title);
            if anew || wanted != Some(&slot.job) || slot.then.is_some() {
                slot.replace(wanted.cloned(), now);
            }
        }
        self.slots
            .retain(|slot| slot.then != Some(None) || slot.pid().is_some());
        for job in jobs {
            if !self.slots.iter().any(|slot| slot.job.title == job.title) {
                self.slots.push(Slot::new(job.clone(), now));
            }
        }
    }

    /// The next thing to do, until there is none.
    pub fn next_move(&mut self, now: Instant) -> Option<Move> {
        self.slots.iter_mut().find_map(|slot| slot.next_move(now))
    }

    pub fn started(&mut self, title: &str, pid: Pid, now: Instant) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.job.title == title) {
            slot.state = State::Running { pid, since: now };
        }
    }

    /// It could not even be forked.
    pub fn not_started(&mut self, title: &str, now: Instant) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.job.title == title) {
            slot.failures += 1;
            slot.state = State::Due(now + backoff(slot.failures));
        }
    }

    /// The process is gone. A death when nobody here told it to go; `pause(title, n)` is the time that passes until
    /// somebody starts a service again that was killed for the n-th time.
    pub fn ended(
        &mut self,
        pid: Pid,
        ending: Ending,
        now: Instant,
        pause: impl Fn(&str, u32) -> Duration,
    ) -> Option<Death> {
        let index = self.slots.iter().position(|slot| slot.pid() == Some(pid))?;
        let slot = &mut self.slots[index];
        match slot.then.take() {
            Some(Some(job)) => {
                *slot = Slot::new(job, now);
                None
            }
            Some(None) => {
                self.slots.swap_remove(index);
                None
            }
            None => Some(slot.died(ending, now, pause)),
        }
    }

    /// When to look for moves again.
    pub fn wake_at(&self) -> Option<Instant> {
        self.slots.iter().filter_map(Slot::wake_at).min()
    }

    /// Nothing is on its way out, and nothing waits for its first start.
    pub fn is_settled(&self) -> bool {
        self.slots.iter().all(|slot| match slot.state {
            State::Running { .. } => slot.then.is_none(),
            State::Due(_) => slot.failures + slot.kills > 0,
            State::Stopping { .. } => false,
        })
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

// === impl Slot ===

impl Slot {
    fn new(job: Job, now: Instant) -> Self {
        Self {
            job,
            state: State::Due(now),
            failures: 0,
            kills: 0,
            then: None,
        }
    }

    fn pid(&self) -> Option<Pid> {
        match self.state {
            State::Due(_) => None,
            State::Running { pid, .. } | State::Stopping { pid, .. } => Some(pid),
        }
    }

    fn replace(&mut self, by: Option<Job>, now: Instant) {
        match (self.pid(), by) {
            (None, Some(job)) => *self = Self::new(job, now),
            (_, by) => self.then = Some(by),
        }
    }

    fn next_move(&mut self, now: Instant) -> Option<Move> {
        match self.state {
            State::Due(at) => (at <= now).then(|| Move::Start(self.job.clone())),
            State::Running { pid, .. } if self.then.is_some() => {
                self.state = State::Stopping {
                    pid,
                    kill_at: now + PATIENCE,
                    killed: false,
                };
                Some(Move::Stop(pid))
            }
            State::Stopping {
                pid,
                kill_at,
                killed: false,
            } if kill_at <= now => {
                self.state = State::Stopping {
                    pid,
                    kill_at,
                    killed: true,
                };
                Some(Move::Kill(pid))
            }
            _ => None,
        }
    }

    fn died(&mut self, ending: Ending, now: Instant, pause: impl Fn(&str, u32) -> Duration) -> Death {
        let killed = ending.is_wanted();
        let steady = matches!(self.state, State::Running { since, .. } if now.duration_since(since) >= STEADY);
        let restart_in = if killed {
            self.kills += 1;
            pause(&self.job.title, self.kills)
        } else {
            self.failures = if steady { 1 } else { self.failures + 1 };
            backoff(self.failures)
        };
        self.state = State::Due(now + restart_in);
        Death {
            job: self.job.clone(),
            ending,
            killed,
            restart_in,
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        match self.state {
            State::Due(at) => Some(at),
            State::Stopping {
                kill_at, killed: false, ..
            } => Some(kill_at),
            _ => None,
        }
    }
}

// === impl Ending ===

impl Ending {
    /// A service that ends well, or by a signal no fault of its own raises, was made to end.
    fn is_wanted(self) -> bool {
        use nix::libc::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
        match self {
            Self::Exit(code) => code == 0,
            Self::Signal(signal) => ![SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP].contains(&signal),
        }
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// 1, 2, 4 ... 30 s.
fn backoff(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(5)).min(BACKOFF_MAX)
}

#[cfg(test)]
#[path = "roster_tests.rs"]
mod tests;
