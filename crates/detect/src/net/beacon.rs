//! Connections that come back as regularly as a clock (MITRE T1071).
//!
//! From 20 answered connections of one source to one port over at least 15 minutes, a score of
//! 40·timing + 30·size + 30·coverage: timing and size are mean(1 − |Bowley skewness|, max(0, 1 − MAD / median)) of the
//! gaps and of the bytes sent, coverage is the span against that of the input, a day at most. From 70 a notice, from 80 a
//! detection.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::addr::Addr;
use crate::config::Config;
use crate::detector::{Cx, Detector};
use crate::event::{Body, Event};
use crate::finding::{Part, Source, Target};
use crate::ledger::{Details, Match};
use crate::net::telemetry::PORTS as TELEMETRY_PORTS;
use crate::rule::{Class, Confidence, Rule};
use crate::table::{Caps, Held, Table};
use crate::time::{SECOND, Span, Time};
use crate::window::MAX_ENTRIES;
use crate::world::Nets;

pub(crate) struct Beacon {
    rule: Arc<Rule>,
    ignore: Nets,
    /// Begin of the input.
    began: Option<Time>,
    pairs: Table<(Addr, Addr, u16), Calls>,
}

/// Begin and bytes sent of each connection.
#[derive(Default)]
struct Calls(VecDeque<(Time, u64)>);

const CONNECTIONS: usize = 20;
const SHORTEST: Span = Span::seconds(15 * 60);
const LONGEST: Span = Span::seconds(24 * 3600);
const NOTICE: i64 = 70;
const DETECTION: i64 = 80;
/// DNS and NTP repeat by nature.
const IGNORED_PORTS: [u16; 2] = [53, 123];
const CAPS: Caps = Caps {
    keys: 50_000,
    entries: 1_000_000,
};

pub(crate) fn make(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    Box::new(Beacon {
        rule,
        ignore: Nets::new(config.beacon_ignore.clone()),
        began: None,
        pairs: Table::new(CAPS),
    })
}

// === impl Beacon ===

impl Detector for Beacon {
    fn observe(&mut self, event: &Event, _: &mut Cx<'_>) {
        self.began.get_or_insert(event.at);
        let Body::Ended(ended) = &event.body else { return };
        let attempt = ended.attempt;
        let port = attempt.dport;
        let ignored = port == 0 || IGNORED_PORTS.contains(&port) || TELEMETRY_PORTS.contains(&port);
        if ignored || self.ignore.contains(attempt.dst) {
            return;
        }
        self.pairs
            .update(&(attempt.src, attempt.dst, port), Calls::default, |calls| {
                if calls.0.len() == MAX_ENTRIES {
                    calls.0.pop_front();
                }
                calls.0.push_back((attempt.at, ended.out));
            });
    }

    fn review(&mut self, now: Time, cx: &mut Cx<'_>) {
        self.finish(now, cx);
    }

    fn finish(&mut self, end: Time, cx: &mut Cx<'_>) {
        let whole = end.since(self.began.unwrap_or(end));
        let mut scored: Vec<_> = self
            .pairs
            .iter()
            .filter_map(|(key, calls)| Some((*key, calls.score(whole)?)))
            .collect();
        scored.sort_by_key(|(key, score)| (score.last, *key));
        for (key, score) in scored {
            self.raise(key, &score, cx);
        }
    }

    fn evicted(&self) -> u64 {
        self.pairs.evicted()
    }
}

impl Beacon {
    fn raise(&self, (src, dst, port): (Addr, Addr, u16), score: &Score, cx: &mut Cx<'_>) {
        let total = 40.0 * score.timing + 30.0 * score.size + 30.0 * score.coverage;
        let rounded = (total + 0.5).floor() as i64;
        if rounded < NOTICE {
            return;
        }
        let class = if rounded >= DETECTION {
            Class::Detection
        } else {
            Class::Notice
        };
        let hit = Match {
            key: format!("{src},{dst},port {port}"),
            source: Source::Ip(src),
            at: score.last,
            confidence: Confidence::new(rounded),
            count: score.connections as u64,
            target: Some(Target { ip: dst, port }),
        };
        let part = |id: &str, weight: f64, value: f64| Part::new(id, (weight * value + 0.5).floor() as i64);
        cx.raise(&self.rule, hit, || Details {
            first: Some(score.first),
            breakdown: vec![
                part("timing", 40.0, score.timing),
                part("size", 30.0, score.size),
                part("coverage", 30.0, score.coverage),
            ],
            window: score.last.since(score.first),
            threshold: CONNECTIONS as u64,
            class: Some(class),
            evidence: [("median_gap_seconds".to_owned(), score.gap.into())]
                .into_iter()
                .collect(),
            ..Details::default()
        });
    }
}

struct Score {
    connections: usize,
    first: Time,
    last: Time,
    timing: f64,
    size: f64,
    coverage: f64,
    /// Median gap, seconds.
    gap: f64,
}

// === impl Calls ===

impl Calls {
    fn score(&self, whole: Span) -> Option<Score> {
        if self.0.len() < CONNECTIONS {
            return None;
        }
        let mut calls: Vec<_> = self.0.iter().copied().collect();
        calls.sort_unstable();
        let (first, last) = (calls.first()?.0, calls.last()?.0);
        let span = last.since(first);
        if span < SHORTEST {
            return None;
        }
        let mut gaps: Vec<f64> = calls
            .windows(2)
            .map(|pair| pair[1].0.since(pair[0].0).0 as f64)
            .collect();
        let mut sizes: Vec<f64> = calls.iter().map(|(_, bytes)| *bytes as f64).collect();
        let coverage = span.0 as f64 / whole.min(LONGEST).0.max(1) as f64;
        Some(Score {
            connections: calls.len(),
            first,
            last,
            timing: evenness(&mut gaps),
            size: evenness(&mut sizes),
            coverage: coverage.min(1.0),
            gap: quantile(&gaps, 0.5) / SECOND as f64,
        })
    }
}

impl Held for Calls {
    fn entries(&self) -> usize {
        self.0.len()
    }
    fn is_hot(&self) -> bool {
        self.0.len() * 2 >= CONNECTIONS
    }
}

/// Mean of symmetry and closeness, each from 0 to 1. Sorts the values.
fn evenness(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, median, high) = (quantile(values, 0.25), quantile(values, 0.5), quantile(values, 0.75));
    let skew = if high == low || median == low || median == high {
        0.0
    } else {
        (high + low - 2.0 * median) / (high - low)
    };
    let mut off: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
    off.sort_by(f64::total_cmp);
    let spread = quantile(&off, 0.5);
    let close = if spread == 0.0 {
        1.0
    } else {
        (1.0 - spread / median).max(0.0)
    };
    let close = if close.is_finite() { close } else { 0.0 };
    ((1.0 - skew.abs()) + close) / 2.0
}

/// The inclusive quantile of sorted values.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let place = share * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_the_inclusive_ones() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(
            [0.25, 0.5, 0.75].map(|share| quantile(&values, share)),
            [1.75, 2.5, 3.25]
        );
    }

    #[test]
    fn even_values_are_wholly_even_and_skewed_ones_less() {
        assert_eq!(evenness(&mut [5.0; 9]), 1.0);
        assert_eq!(evenness(&mut [0.0; 9]), 1.0);
        assert!(evenness(&mut [1.0, 1.5, 2.0, 8.0, 30.0, 90.0]) < 0.7);
    }
}
