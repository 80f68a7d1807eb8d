//! A scan spread over an hour, nearly all of it failing (MITRE T1046).
//!
//! Fires at 60 distinct failed targets within 3,600 s when at least 80 % of the source's attempts in that time failed.

use std::sync::Arc;

use crate::addr::Addr;
use crate::config::Config;
use crate::detector::{Cx, Detector};
use crate::event::{Body, Event};
use crate::finding::{Part, Source, Target};
use crate::ledger::{Details, Match};
use crate::net::evidence::Evidence;
use crate::net::{SOURCES, evidence_map, targets};
use crate::rule::{Confidence, Rule};
use crate::table::{Held, Table};
use crate::time::Span;
use crate::window::Window;
use crate::world::Worth;

pub(crate) struct LowSlow {
    rule: Arc<Rule>,
    sources: Table<Addr, Hour>,
}

#[derive(Default)]
struct Hour {
    failed: Evidence<Target>,
    /// Attempts that were answered.
    fine: Window<()>,
}

const TARGETS: u64 = 60;
const WINDOW: Span = Span::seconds(3600);
/// Percent of the attempts.
const FAILED_SHARE: u64 = 80;
const BASE: i64 = 50;
const MOST: i64 = 90;

pub(crate) fn make(rule: Arc<Rule>, _: &Config) -> Box<dyn Detector> {
    Box::new(LowSlow {
        rule,
        sources: Table::new(SOURCES),
    })
}

// === impl LowSlow ===

impl Detector for LowSlow {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let Body::Resolved(resolved) = &event.body else { return };
        let attempt = resolved.attempt;
        if cx.world.is_trusted_scanner(attempt.src) {
            return;
        }
        let worth = cx.world.worth_failed(resolved, WINDOW);
        let (oldest, target) = (
            attempt.at.minus(WINDOW),
            Target {
                ip: attempt.dst,
                port: attempt.dport,
            },
        );
        let distinct = self.sources.update(&attempt.src, Hour::default, |hour| {
            hour.fine.expire(oldest);
            if worth == Worth::Nothing {
                hour.fine.push(attempt.at, ());
                return 0;
            }
            if !hour.failed.add(attempt.at, attempt.dst.net(), target, worth, oldest) {
                return 0;
            }
            let failed = hour.failed.window.len() as u64;
            let enough = failed * 100 >= FAILED_SHARE * (failed + hour.fine.len() as u64);
            if enough {
                hour.failed.window.distinct() as u64
            } else {
                0
            }
        });
        if distinct < TARGETS {
            return;
        }
        let confidence = (BASE + (distinct - TARGETS) as i64 / 2).min(MOST);
        let hit = Match {
            key: attempt.src.to_string(),
            source: Source::Ip(attempt.src),
            at: attempt.at,
            confidence: Confidence::new(confidence),
            count: distinct,
            target: Some(target),
        };
        let held = self.sources.peek(&attempt.src);
        cx.raise(&self.rule, hit, || {
            let window = held.map(|hour| &hour.failed.window);
            let aimed: Vec<Target> = window
                .into_iter()
                .flat_map(|window| window.iter())
                .map(|(_, target)| target)
                .collect();
            Details {
                first: window.and_then(|window| window.first()),
                breakdown: vec![Part::new("base", BASE), Part::new("over_threshold", confidence - BASE)],
                targets: targets(aimed.iter().copied()),
                window: WINDOW,
                threshold: TARGETS,
                evidence: evidence_map(aimed.into_iter(), []),
                ..Details::default()
            }
        });
    }

    fn evicted(&self) -> u64 {
        self.sources.evicted()
    }
}

// === impl Hour ===

impl Held for Hour {
    fn entries(&self) -> usize {
        self.failed.entries() + self.fine.len()
    }
    fn is_hot(&self) -> bool {
        self.failed.window.distinct() as u64 * 2 >= TARGETS
    }
}
