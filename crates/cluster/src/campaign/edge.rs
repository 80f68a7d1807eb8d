//! What speaks for two identities working together, pair by pair (clustering.md §8).

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Joint, Reason, THRESHOLD};
use crate::{Features, simhash};

/// Longest time between leaving a machine behind and somebody else taking it over, microseconds.
pub(super) const HANDOFF_WINDOW: i64 = 86_400 * 1_000_000;

/// Scores of one pair, each in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Edge {
    pub handoff: f64,
    pub infra: f64,
    pub keystroke: f64,
    pub temporal: f64,
    pub cohort: f64,
}

// === impl Edge ===

impl Edge {
    /// The sum as weighted; from 1 on the two work together.
    pub fn weight(&self) -> f64 {
        self.handoff + self.infra + 0.6 * self.keystroke + 0.4 * self.temporal + 0.1 * self.cohort
    }

    pub fn joins(&self) -> bool {
        self.weight() >= THRESHOLD
    }

    pub(super) fn joint(&self, a: u32, b: u32) -> Option<Joint> {
        let reason = if self.handoff >= THRESHOLD {
            Reason::Handoff
        } else if self.infra >= THRESHOLD {
            Reason::Infra
        } else {
            Reason::Sum
        };
        self.joins().then(|| Joint {
            a,
            b,
            weight: self.weight(),
            reason,
        })
    }
}

/// The rules of the Python DECNET for a pair, `a` standing before `b`.
pub(super) fn compat(a: &Features, b: &Features) -> Edge {
    let handed = hands_over(a, b) || hands_over(b, a);
    let total = length(&a.windows);
    let overlap = overlap(&a.windows, &b.windows);
    Edge {
        handoff: f64::from(u8::from(handed)),
        infra: jaccard(&a.infra(), &b.infra()),
        keystroke: simhash::likeness(a.keystroke, b.keystroke),
        temporal: share(overlap, total),
        cohort: cohort(a, b),
    }
}

/// Equal values of ASN, tool and decky over all.
pub(super) fn cohort(a: &Features, b: &Features) -> f64 {
    let common = shared(&a.asns, &b.asns) + shared(&a.tools, &b.tools) + shared_deckies(a, b);
    let of = |features: &Features| features.asns.len() + features.tools.len() + features.deckies.len();
    let union = of(a) + of(b) - common;
    if union == 0 { 0.0 } else { common as f64 / union as f64 }
}

/// Time both were at work, over the time of the one who worked less.
pub(super) fn symmetric_overlap(a: &Features, b: &Features) -> f64 {
    let (a, b) = (disjoint(&a.windows), disjoint(&b.windows));
    share(overlap(&a, &b), length(&a).min(length(&b)))
}

/// Whether `x` left behind what `y` took up in time.
fn hands_over(x: &Features, y: &Features) -> bool {
    x.deckies.iter().any(|(decky, left)| {
        let taken = y.deckies.binary_search_by(|(other, _)| other.cmp(decky));
        match (left, taken.ok().and_then(|place| y.deckies[place].1)) {
            (Some(left), Some(taken)) => {
                let gap = i128::from(taken.first_at) - i128::from(left.last_at);
                left.last_phase.hands_over()
                    && taken.first_phase.takes_over()
                    && (0..=i128::from(HANDOFF_WINDOW)).contains(&gap)
            }
            _ => false,
        }
    })
}

fn jaccard<T: Ord>(a: &BTreeSet<T>, b: &BTreeSet<T>) -> f64 {
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    let common = a.intersection(b).count();
    common as f64 / (a.len() + b.len() - common) as f64
}

fn share(part: i128, whole: i128) -> f64 {
    if whole <= 0 {
        0.0
    } else {
        (part as f64 / whole as f64).min(1.0)
    }
}

fn length(windows: &[(i64, i64)]) -> i128 {
    windows
        .iter()
        .map(|&(from, to)| (i128::from(to) - i128::from(from)).max(0))
        .sum()
}

/// Length two lists of windows share, window by window.
fn overlap(a: &[(i64, i64)], b: &[(i64, i64)]) -> i128 {
    let mut sorted = b.to_vec();
    sorted.sort_unstable();
    let mut total = 0;
    for &(from, to) in a {
        let begun = sorted.partition_point(|&(start, _)| start < to);
        let common = |&(start, end): &(i64, i64)| i128::from(to.min(end)) - i128::from(from.max(start));
        total += sorted[..begun].iter().map(|window| common(window).max(0)).sum::<i128>();
    }
    total
}

fn disjoint(windows: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut sorted: Vec<_> = windows.iter().copied().filter(|(from, to)| from < to).collect();
    sorted.sort_unstable();
    let mut merged: Vec<(i64, i64)> = Vec::with_capacity(sorted.len());
    for (from, to) in sorted {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// How many values two sorted sets share.
fn shared<T: Ord>(a: &[T], b: &[T]) -> usize {
    a.iter().filter(|value| b.binary_search(value).is_ok()).count()
}

fn shared_deckies(a: &Features, b: &Features) -> usize {
    let known = |name: &str| {
        b.deckies
            .binary_search_by(|(other, _)| other.as_str().cmp(name))
            .is_ok()
    };
    a.deckies.iter().filter(|(name, _)| known(name)).count()
}
