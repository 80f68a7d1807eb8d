//! Machine-paced contact with many hosts (MITRE T1046).
//!
//! Fires when one source first contacts more than `sweep.threshold` distinct hosts within `sweep.window_seconds` and the
//! gaps between those first contacts have a population standard deviation under `sweep.timing_std_threshold`.

use std::sync::Arc;

use crate::addr::Addr;
use crate::config::Config;
use crate::detector::{Cx, Detector};
use crate::event::{Attempt, Body, Event};
use crate::finding::{Part, Source, Target};
use crate::ledger::{Details, Match};
use crate::net::evidence::Evidence;
use crate::net::{SOURCES, evidence_map, targets};
use crate::rule::{Confidence, Rule};
use crate::table::{Held, Map, Table};
use crate::time::{Span, Time};

pub(crate) struct Sweep {
    rule: Arc<Rule>,
    threshold: u64,
    window: Span,
    regularity: Span,
    sources: Table<Addr, Contacts>,
}

#[derive(Default)]
struct Contacts {
    evidence: Evidence<Target>,
    /// First contacts taken in since the gaps were last looked at.
    unseen: usize,
    hot: bool,
}

/// From here on, gaps are looked at each time this share of the hosts is new: the verdict has long been clear.
const MANY: usize = 64;
const SHARE: usize = 16;

pub(crate) fn make(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    Box::new(Sweep {
        rule,
        threshold: config.sweep_threshold.0,
        window: config.sweep_window,
        regularity: config.sweep_timing_std,
        sources: Table::new(SOURCES),
    })
}

// === impl Sweep ===

impl Detector for Sweep {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let Body::Attempt(attempt) = &event.body else { return };
        if cx.world.is_trusted_scanner(attempt.src) {
            return;
        }
        let worth = cx.world.worth(attempt, self.window);
        let (threshold, regularity, oldest) = (self.threshold, self.regularity, attempt.at.minus(self.window));
        let found = self.sources.update(&attempt.src, Contacts::default, |contacts| {
            let target = Target {
                ip: attempt.dst,
                port: attempt.dport,
            };
            let mut is_new = contacts
                .evidence
                .add(attempt.at, attempt.dst.net(), target, worth, oldest);
            if contacts.evidence.release_if_many() {
                is_new = true;
                contacts.unseen = contacts.evidence.window.distinct();
            }
            contacts.hot = contacts.evidence.entries() as u64 * 2 >= threshold;
            if !is_new || contacts.evidence.window.len() as u64 <= threshold {
                return None;
            }
            contacts.look(threshold, regularity)
        });
        if let Some(sweep) = found {
            self.raise(attempt, &sweep, cx);
        }
    }

    fn evicted(&self) -> u64 {
        self.sources.evicted()
    }
}

/// First contacts that are too many and too regular.
struct Regular {
    hosts: Vec<(Time, Target)>,
    /// Seconds.
    deviation: f64,
}

impl Sweep {
    fn raise(&self, attempt: &Attempt, sweep: &Regular, cx: &mut Cx<'_>) {
        let confidence = Confidence::ratio(sweep.hosts.len(), self.threshold);
        let hit = Match {
            key: attempt.src.to_string(),
            source: Source::Ip(attempt.src),
            at: attempt.at,
            confidence,
            count: sweep.hosts.len() as u64,
            target: Some(Target {
                ip: attempt.dst,
                port: attempt.dport,
            }),
        };
        cx.raise(&self.rule, hit, || Details {
            first: sweep.hosts.first().map(|(at, _)| *at),
            breakdown: vec![Part::new("ratio", confidence.value())],
            targets: targets(sweep.hosts.iter().map(|(_, target)| *target)),
            window: self.window,
            threshold: self.threshold,
            evidence: evidence_map(
                sweep.hosts.iter().map(|(_, target)| *target),
                [("interval_std", sweep.deviation.into())],
            ),
            ..Details::default()
        });
    }
}

// === impl Contacts ===

impl Contacts {
    fn look(&mut self, threshold: u64, regularity: Span) -> Option<Regular> {
        self.unseen += 1;
        let distinct = self.evidence.window.distinct();
        if distinct > MANY && self.unseen * SHARE < distinct {
            return None;
        }
        let mut seen = Map::default();
        let mut hosts = Vec::new();
        for (at, target) in self.evidence.window.iter() {
            if seen.insert(target.ip, ()).is_none() {
                hosts.push((at, target));
            }
        }
        self.unseen = 0;
        if hosts.len() as u64 <= threshold {
            return None;
        }
        let gaps: Vec<i64> = hosts.windows(2).map(|pair| pair[1].0.since(pair[0].0).0).collect();
        let deviation = regular_deviation(&gaps, regularity)?;
        Some(Regular { hosts, deviation })
    }
}

impl Held for Contacts {
    fn entries(&self) -> usize {
        self.evidence.entries()
    }
    fn is_hot(&self) -> bool {
        self.hot
    }
}

/// The population standard deviation in seconds, if it is under the limit; compared in whole nanoseconds, so that a
/// deviation of exactly the limit is not under it.
pub(crate) fn regular_deviation(gaps: &[i64], limit: Span) -> Option<f64> {
    if gaps.len() < 2 {
        return None;
    }
    let n = gaps.len() as i128;
    let sum: i128 = gaps.iter().map(|&gap| i128::from(gap)).sum();
    let squares: i128 = gaps.iter().map(|&gap| i128::from(gap) * i128::from(gap)).sum();
    // n² times the variance.
    let spread = n * squares - sum * sum;
    let bound = n * i128::from(limit.0);
    (spread < bound * bound).then(|| (spread as f64).sqrt() / n as f64 / 1e9)
}
