//! Windows, buckets, sequences, absences: what a rule remembers of one group.

use std::collections::VecDeque;

use super::definition::{Bounds, Count, Counted, Logic, Stage, Wanted};
use super::field::Fields;
use crate::table::Held;
use crate::text::digest;
use crate::time::{Span, Time};
use crate::window::{MAX_ENTRIES, Window};

/// What came of an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fired {
    pub(super) first: Time,
    pub(super) count: u64,
}

/// One thing a rule is fed: an event, perhaps because another rule matched it.
#[derive(Clone, Copy)]
pub(super) struct Fed<'a> {
    pub(super) at: Time,
    pub(super) fields: &'a dyn Fields,
    /// The rule that matched, by id and name.
    pub(super) rule: Option<(&'a str, &'a str)>,
    /// The rule's place among those referred to.
    pub(super) place: usize,
}

/// What is remembered of a group.
#[derive(Default)]
pub(super) struct State {
    window: Window<u64>,
    sums: VecDeque<(Time, f64)>,
    level: f64,
    leaked: Option<Time>,
    partial: Vec<Partial>,
    last: Vec<Option<Time>>,
    seen: VecDeque<Time>,
    /// When to look again though nothing happens.
    pub(super) due: Option<Time>,
    opened: Option<Time>,
}

/// A sequence under way.
struct Partial {
    began: Time,
    step: usize,
    runs: u32,
}

const MAX_PARTIAL: usize = 8;
const LEARNT: usize = 8;
const REMEMBERED: usize = 32;
/// A learnt period is given so many times its length.
const FACTOR: i64 = 5;

// === impl State ===

impl State {
    pub(super) fn feed(&mut self, logic: &Logic, fed: Fed<'_>) -> Option<Fired> {
        match logic {
            Logic::Match => Some(Fired {
                first: fed.at,
                count: 1,
            }),
            Logic::Threshold { count, within } => self.threshold(count, *within, fed),
            Logic::Bucket {
                capacity,
                leak,
                distinct,
            } => self.bucket(*capacity, *leak, distinct.as_deref(), fed),
            Logic::Sequence { steps, within, until } => {
                if until.as_ref().is_some_and(|until| until.holds(fed.fields)) {
                    self.partial.clear();
                    return None;
                }
                self.sequence(steps, *within, fed)
            }
            Logic::Together { within } => self.together(*within, fed),
            Logic::Absence { period, grace } => {
                self.absence(*period, *grace, fed.at);
                None
            }
            Logic::Playbook(_) => None,
        }
    }

    /// The moment `due` has passed.
    pub(super) fn overdue(&mut self, logic: &Logic, due: Time) -> Option<Fired> {
        self.due = None;
        match logic {
            Logic::Threshold { count, .. } => {
                let first = self.opened.take()?;
                let value = self.value(count);
                let total = self.window.len() as u64;
                self.window = Window::default();
                self.sums.clear();
                count.bounds.hold(value).then_some(Fired { first, count: total })
            }
            Logic::Sequence { steps, .. } => {
                let done = self
                    .partial
                    .iter()
                    .position(|partial| steps[partial.step..].iter().all(|step| step.not || step.optional));
                let found = done.map(|index| self.partial.remove(index));
                found.map(|partial| Fired {
                    first: partial.began,
                    count: steps.len() as u64,
                })
            }
            Logic::Absence { .. } => Some(Fired {
                first: self.seen.back().copied().unwrap_or(due),
                count: 1,
            }),
            Logic::Match | Logic::Bucket { .. } | Logic::Together { .. } | Logic::Playbook(_) => None,
        }
    }

    fn threshold(&mut self, count: &Count, within: Span, fed: Fed<'_>) -> Option<Fired> {
        let item = match &count.what {
            Counted::Distinct(field) => digest(&[&fed.fields.get(field)?.text().to_lowercase()]),
            Counted::Ratio(condition) => u64::from(condition.holds(fed.fields)),
            Counted::Events => 0,
            Counted::Sum(field) => {
                let number = fed.fields.get(field)?.number()?;
                if self.sums.len() >= MAX_ENTRIES {
                    self.sums.pop_front();
                }
                self.sums.push_back((fed.at, number));
                0
            }
        };
        if count.at_close {
            if self.opened.is_none() {
                self.opened = Some(fed.at);
                self.due = Some(fed.at.plus(within));
            }
            self.window.push(fed.at, item);
            return None;
        }
        let oldest = fed.at.minus(within);
        self.window.expire(oldest);
        while self.sums.front().is_some_and(|(at, _)| *at < oldest) {
            self.sums.pop_front();
        }
        self.window.push(fed.at, item);
        let value = self.value(count);
        let shown = if matches!(count.what, Counted::Ratio(_)) {
            self.window.len() as f64
        } else {
            value
        };
        holds(&count.bounds, value).then(|| Fired {
            first: self.window.first().unwrap_or(fed.at),
            count: shown as u64,
        })
    }

    fn value(&self, count: &Count) -> f64 {
        match &count.what {
            Counted::Events => self.window.len() as f64,
            Counted::Distinct(_) => self.window.distinct() as f64,
            Counted::Sum(_) => self.sums.iter().map(|(_, number)| number).sum(),
            Counted::Ratio(_) => {
                let held = self.window.iter().filter(|(_, item)| *item == 1).count();
                held as f64 / self.window.len().max(1) as f64
            }
        }
    }

    fn bucket(&mut self, capacity: u64, leak: Span, distinct: Option<&str>, fed: Fed<'_>) -> Option<Fired> {
        if let Some(field) = distinct {
            let item = digest(&[&fed.fields.get(field)?.text().to_lowercase()]);
            let emptied = Span(leak.0.saturating_mul(i64::try_from(capacity).unwrap_or(i64::MAX)));
            self.window.expire(fed.at.minus(emptied));
            if !self.window.push(fed.at, item) {
                return None;
            }
        }
        let since = self.leaked.replace(fed.at).map_or(0, |before| fed.at.since(before).0);
        self.level = (self.level - since as f64 / leak.0 as f64).max(0.0) + 1.0;
        let overflows = self.level > capacity as f64;
        overflows.then_some(Fired {
            first: fed.at,
            count: self.level.floor() as u64,
        })
    }

    fn sequence(&mut self, steps: &[Stage], within: Span, fed: Fed<'_>) -> Option<Fired> {
        let oldest = fed.at.minus(within);
        self.partial.retain(|partial| partial.began >= oldest);
        let mut done = None;
        self.partial.retain_mut(|partial| match partial.advance(steps, fed) {
            Step::Cancelled => false,
            Step::Complete => {
                done = done.or(Some(Fired {
                    first: partial.began,
                    count: steps.len() as u64,
                }));
                false
            }
            Step::Stays => true,
        });
        if done.is_none() && wants(&steps[0].what, fed) {
            let mut partial = Partial {
                began: fed.at,
                step: 0,
                runs: 0,
            };
            match partial.advance(steps, fed) {
                Step::Complete => {
                    done = Some(Fired {
                        first: fed.at,
                        count: 1,
                    })
                }
                _ => {
                    if self.partial.len() == MAX_PARTIAL {
                        self.partial.remove(0);
                    }
                    self.partial.push(partial);
                }
            }
        }
        let waits_for_end = |partial: &&Partial| steps[partial.step..].iter().all(|step| step.not || step.optional);
        self.due = self
            .partial
            .iter()
            .find(waits_for_end)
            .map(|partial| partial.began.plus(within));
        done
    }

    fn together(&mut self, within: Span, fed: Fed<'_>) -> Option<Fired> {
        if self.last.len() <= fed.place {
            self.last.resize(fed.place + 1, None);
        }
        self.last[fed.place] = Some(fed.at);
        let oldest = fed.at.minus(within);
        let first = self.last.iter().copied().min().flatten()?;
        (first >= oldest).then_some(Fired {
            first,
            count: self.last.len() as u64,
        })
    }

    /// Makes room for all the rules that must match together.
    pub(super) fn expect(&mut self, rules: usize) {
        if self.last.len() < rules {
            self.last.resize(rules, None);
        }
    }

    fn absence(&mut self, period: Option<Span>, grace: Span, at: Time) {
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(at);
        let learnt = || {
            let mut gaps: Vec<i64> = self
                .seen
                .iter()
                .zip(self.seen.iter().skip(1))
                .map(|(a, b)| b.since(*a).0)
                .collect();
            gaps.sort_unstable();
            (self.seen.len() >= LEARNT).then(|| Span(gaps[gaps.len() / 2].saturating_mul(FACTOR)))
        };
        self.due = period.or_else(learnt).map(|period| at.plus(period).plus(grace));
    }
}

fn holds(bounds: &Bounds, value: f64) -> bool {
    bounds.hold(value)
}

enum Step {
    Stays,
    Complete,
    Cancelled,
}

// === impl Partial ===

impl Partial {
    fn advance(&mut self, steps: &[Stage], fed: Fed<'_>) -> Step {
        let mut at = self.step;
        loop {
            let Some(step) = steps.get(at) else { return Step::Stays };
            let wanted = wants(&step.what, fed);
            if step.not {
                if wanted {
                    return Step::Cancelled;
                }
            } else if wanted {
                self.runs = if at == self.step { self.runs + 1 } else { 1 };
                self.step = at;
                if self.runs >= step.runs {
                    (self.step, self.runs) = (at + 1, 0);
                }
                return if self.step == steps.len() {
                    Step::Complete
                } else {
                    Step::Stays
                };
            } else if !step.optional {
                return Step::Stays;
            }
            at += 1;
        }
    }
}

fn wants(what: &Wanted, fed: Fed<'_>) -> bool {
    match (what, fed.rule) {
        (Wanted::Condition(condition), None) => condition.holds(fed.fields),
        (Wanted::Rule(wanted), Some((id, name))) => {
            wanted.eq_ignore_ascii_case(id) || (!name.is_empty() && wanted.eq_ignore_ascii_case(name))
        }
        _ => false,
    }
}

impl Held for State {
    fn entries(&self) -> usize {
        1 + self.window.len() + self.sums.len() + self.seen.len() + self.partial.len()
    }
}
