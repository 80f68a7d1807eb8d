//! Many attempts at once: on many targets a port scan (MITRE T1046), on few a notice (T1499).
//!
//! `net.burst` fires at `burst.threshold` attempts within `burst.window_seconds` over at least `burst.min_targets`
//! distinct targets; `net.conn_burst` at as many attempts over fewer.

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
use crate::table::{Held, Table};
use crate::time::Span;

pub(crate) struct Burst {
    rule: Arc<Rule>,
    /// Few targets are wanted, not many.
    few: bool,
    threshold: u64,
    window: Span,
    targets: u64,
    sources: Table<Addr, Attempts>,
}

#[derive(Default)]
struct Attempts {
    evidence: Evidence<Target>,
    hot: bool,
}

const BASE: i64 = 60;
const MOST: i64 = 95;
const FEW: i64 = 40;

pub(crate) fn make(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    Box::new(Burst::new(rule, config, false))
}

pub(crate) fn make_few(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    Box::new(Burst::new(rule, config, true))
}

// === impl Burst ===

impl Burst {
    fn new(rule: Arc<Rule>, config: &Config, few: bool) -> Self {
        Self {
            rule,
            few,
            threshold: config.burst_threshold.0,
            window: config.burst_window,
            targets: config.burst_targets.0,
            sources: Table::new(SOURCES),
        }
    }

    fn raise(&self, attempt: &Attempt, count: usize, cx: &mut Cx<'_>) {
        let over = count as i64 - self.threshold as i64;
        let confidence = if self.few { FEW } else { (BASE + over).min(MOST) };
        let hit = Match {
            key: attempt.src.to_string(),
            source: Source::Ip(attempt.src),
            at: attempt.at,
            confidence: Confidence::new(confidence),
            count: count as u64,
            target: Some(Target {
                ip: attempt.dst,
                port: attempt.dport,
            }),
        };
        let held = self.sources.peek(&attempt.src);
        cx.raise(&self.rule, hit, || {
            let window = held.map(|attempts| &attempts.evidence.window);
            let aimed: Vec<Target> = window
                .into_iter()
                .flat_map(|window| window.iter())
                .map(|(_, target)| target)
                .collect();
            Details {
                first: window.and_then(|window| window.first()),
                breakdown: if self.few {
                    vec![Part::new("base", FEW)]
                } else {
                    vec![Part::new("base", BASE), Part::new("over_threshold", confidence - BASE)]
                },
                targets: targets(aimed.iter().copied()),
                window: self.window,
                threshold: self.threshold,
                evidence: evidence_map(aimed.into_iter(), []),
                ..Details::default()
            }
        });
    }
}

impl Detector for Burst {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let Body::Attempt(attempt) = &event.body else { return };
        if cx.world.is_trusted_scanner(attempt.src) {
            return;
        }
        let worth = cx.world.worth(attempt, self.window);
        let (threshold, oldest) = (self.threshold, attempt.at.minus(self.window));
        let (count, distinct) = self.sources.update(&attempt.src, Attempts::default, |attempts| {
            let target = Target {
                ip: attempt.dst,
                port: attempt.dport,
            };
            let evidence = &mut attempts.evidence;
            let is_new =
                evidence.add(attempt.at, attempt.dst.net(), target, worth, oldest) | evidence.release_if_many();
            attempts.hot = evidence.window.len() as u64 * 2 >= threshold;
            if is_new {
                (evidence.window.len(), evidence.window.distinct())
            } else {
                (0, 0)
            }
        });
        if count as u64 >= threshold && (distinct as u64 >= self.targets) != self.few {
            self.raise(attempt, count, cx);
        }
    }

    fn evicted(&self) -> u64 {
        self.sources.evicted()
    }
}

// === impl Attempts ===

impl Held for Attempts {
    fn entries(&self) -> usize {
        self.evidence.entries()
    }
    fn is_hot(&self) -> bool {
        self.hot
    }
}
