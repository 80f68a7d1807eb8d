//! A rule as it runs, whatever language it was written in.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::condition::Condition;
use crate::agent::Known;
use crate::agent::playbook::Playbook;
use crate::event::Kind;
use crate::rule::Rule;
use crate::time::Span;

/// One rule of a file.
#[derive(Clone, Debug)]
pub struct Definition {
    pub rule: Arc<Rule>,
    /// What other rules may call it beside its id.
    pub(super) name: String,
    /// The file it came from.
    pub origin: String,
    /// `match`, `threshold`, ...
    pub kind: &'static str,
    pub(super) feed: Feed,
    pub(super) logic: Logic,
    pub(super) group_by: Vec<String>,
    pub(super) emit: Emit,
    pub(super) suppress: Suppress,
    /// Only told to the rules that refer to it.
    pub(super) silent: bool,
    pub(super) tests: Vec<Case>,
}

/// What a rule looks at.
#[derive(Clone, Debug)]
pub(super) enum Feed {
    Events {
        kinds: Vec<Kind>,
        condition: Condition,
        except: Option<Condition>,
    },
    /// Other rules, by id or name, with this rule's group fields under the names they have there.
    Rules {
        names: Vec<String>,
        aliases: BTreeMap<String, BTreeMap<String, String>>,
        /// The rules referred to tell of themselves as well.
        generate: bool,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Logic {
    Match,
    Threshold {
        count: Count,
        within: Span,
    },
    /// More than `capacity` in a bucket that loses one every `leak`.
    Bucket {
        capacity: u64,
        leak: Span,
        distinct: Option<String>,
    },
    Sequence {
        steps: Vec<Stage>,
        within: Span,
        until: Option<Condition>,
    },
    /// All the rules within the span, in any order.
    Together {
        within: Span,
    },
    /// A chain of an agent's calls; the agents' checker runs it.
    Playbook(Playbook),
    /// Nothing for longer than the period and the grace; none means learnt.
    Absence {
        period: Option<Span>,
        grace: Span,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Count {
    pub(super) what: Counted,
    pub(super) bounds: Bounds,
    /// Judged when the window closes: a bound from above says nothing before.
    pub(super) at_close: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Counted {
    Events,
    Distinct(String),
    Sum(String),
    /// Share of the events for which a condition holds.
    Ratio(Condition),
}

/// All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Bounds {
    pub(super) over: Option<f64>,
    pub(super) at_least: Option<f64>,
    pub(super) under: Option<f64>,
    pub(super) at_most: Option<f64>,
    pub(super) other_than: Option<f64>,
}

#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) what: Wanted,
    pub(super) runs: u32,
    pub(super) optional: bool,
    /// Must not happen here.
    pub(super) not: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Wanted {
    Condition(Condition),
    Rule(String),
}

#[derive(Clone, Debug)]
pub(super) struct Emit {
    pub(super) confidence: i64,
    pub(super) adjust: Vec<Adjust>,
}

#[derive(Clone, Debug)]
pub(super) struct Adjust {
    pub(super) id: String,
    pub(super) when: Condition,
    pub(super) add: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Suppress {
    pub(super) key: Option<Vec<String>>,
    pub(super) period: Option<Span>,
    pub(super) mode: SuppressMode,
    pub(super) count: u64,
}

/// Which matches become findings (detect.md §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SuppressMode {
    /// One, then folded for the cooldown.
    First,
    Every,
    /// Each Nth.
    Threshold,
    /// N a period.
    Limit,
    /// One a period, after N.
    Both,
    /// Each beyond N.
    After,
    /// The first, the 10th, the 100th.
    Backoff,
}

/// An embedded test.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) events: Vec<Map<String, Json>>,
    pub(super) repeat: u32,
    pub(super) step: Span,
    pub(super) vary: BTreeMap<String, String>,
    pub(super) expect: u64,
}

// === impl Bounds ===

impl Bounds {
    pub(super) fn hold(&self, value: f64) -> bool {
        self.over.is_none_or(|bound| value > bound)
            && self.at_least.is_none_or(|bound| value >= bound)
            && self.under.is_none_or(|bound| value < bound)
            && self.at_most.is_none_or(|bound| value <= bound)
            && self.other_than.is_none_or(|bound| value != bound)
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// A bound from above: a window must be over before it can be judged.
    pub(super) fn has_upper(&self) -> bool {
        self.under.is_some() || self.at_most.is_some() || self.other_than.is_some()
    }

    /// What a finding shows as the threshold.
    pub(super) fn threshold(&self) -> u64 {
        self.over
            .or(self.at_least)
            .or(self.at_most)
            .or(self.under)
            .or(self.other_than)
            .map_or(0, |bound| bound as u64)
    }
}

// === impl Definition ===

impl Definition {
    /// The playbook it is, as the agents' checker wants it.
    pub(crate) fn known(&self) -> Option<Known> {
        match &self.logic {
            Logic::Playbook(playbook) => Some(Known {
                playbook: playbook.clone(),
                rule: self.rule.clone(),
                cooldown: self.suppress.period,
            }),
            _ => None,
        }
    }

    /// All it looks at; nothing when it looks at what other rules found.
    pub(crate) fn kinds(&self) -> &[Kind] {
        match &self.feed {
            Feed::Events { kinds, .. } if self.refers_to().is_empty() => kinds,
            _ => &[],
        }
    }

    /// Rules this one refers to, by id or name.
    pub(super) fn refers_to(&self) -> Vec<&str> {
        let steps = match &self.logic {
            Logic::Sequence { steps, .. } => steps.as_slice(),
            _ => &[],
        };
        let in_steps = steps.iter().filter_map(|step| match &step.what {
            Wanted::Rule(name) => Some(name.as_str()),
            Wanted::Condition(_) => None,
        });
        let fed = match &self.feed {
            Feed::Rules { names, .. } => names.as_slice(),
            Feed::Events { .. } => &[],
        };
        fed.iter().map(String::as_str).chain(in_steps).collect()
    }

    pub(super) fn is_called(&self, name: &str) -> bool {
        self.rule.id.eq_ignore_ascii_case(name) || (!self.name.is_empty() && self.name.eq_ignore_ascii_case(name))
    }
}
