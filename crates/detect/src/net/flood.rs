//! Attempts on one service faster than it can answer (MITRE T1498.001).
//!
//! Fires at 1,000 attempts on one port of one host within 10 s from one source, or 5,000 from any, when at least 90 % of
//! them failed.

use std::hash::Hash;
use std::sync::Arc;

use crate::addr::Addr;
use crate::config::Config;
use crate::detector::{Cx, Detector};
use crate::event::{Body, Event};
use crate::finding::{Part, Source, Target};
use crate::ledger::{Details, Match};
use crate::rule::{Confidence, Rule};
use crate::table::{Caps, Held, Table};
use crate::time::{Span, Time};
use crate::world::Worth;

pub(crate) struct Flood {
    rule: Arc<Rule>,
    by_source: Table<(Addr, Addr, u16), Tally>,
    by_target: Table<(Addr, u16), Tally>,
}

/// Attempts within the window, gathered by the moment they happened.
#[derive(Default)]
struct Tally {
    moments: std::collections::VecDeque<Moment>,
    attempts: u64,
    failed: u64,
}

struct Moment {
    at: Time,
    attempts: u32,
    failed: u32,
}

const FROM_ONE: u64 = 1_000;
const FROM_ANY: u64 = 5_000;
const WINDOW: Span = Span::seconds(10);
/// Percent.
const FAILED_SHARE: u64 = 90;
const CONFIDENCE: i64 = 70;
/// Moments kept of one target: twice the larger threshold, so that forgetting the oldest changes no verdict.
const MAX_MOMENTS: usize = 10_000;
const CAPS: Caps = Caps {
    keys: 100_000,
    entries: 500_000,
};

pub(crate) fn make(rule: Arc<Rule>, _: &Config) -> Box<dyn Detector> {
    Box::new(Flood {
        rule,
        by_source: Table::new(CAPS),
        by_target: Table::new(CAPS),
    })
}

// === impl Flood ===

impl Detector for Flood {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let Body::Resolved(resolved) = &event.body else { return };
        let attempt = resolved.attempt;
        // Nothing is known of visits to busy public ports when no answer could be seen anyway.
        let worth = cx.world.worth_failed(resolved, WINDOW);
        if attempt.dport == 0 || worth == Worth::IfNetIsScanned {
            return;
        }
        let failed = worth != Worth::Nothing;
        let one = count(
            &mut self.by_source,
            &(attempt.src, attempt.dst, attempt.dport),
            attempt.at,
            failed,
            FROM_ONE,
        );
        let any = count(
            &mut self.by_target,
            &(attempt.dst, attempt.dport),
            attempt.at,
            failed,
            FROM_ANY,
        );
        let (found, threshold, source) = match (one, any) {
            (Some(one), _) => (one, FROM_ONE, Source::Ip(attempt.src)),
            (None, Some(any)) => (any, FROM_ANY, Source::Many),
            (None, None) => return,
        };
        let hit = Match {
            key: format!("{},port {}", attempt.dst, attempt.dport),
            source,
            at: attempt.at,
            confidence: Confidence::new(CONFIDENCE),
            count: found.attempts,
            target: Some(Target {
                ip: attempt.dst,
                port: attempt.dport,
            }),
        };
        cx.raise(&self.rule, hit, || Details {
            first: Some(found.first),
            breakdown: vec![Part::new("base", CONFIDENCE)],
            window: WINDOW,
            threshold,
            evidence: [("failed".to_owned(), found.failed.into())].into_iter().collect(),
            ..Details::default()
        });
    }

    fn evicted(&self) -> u64 {
        self.by_source.evicted() + self.by_target.evicted()
    }
}

struct Found {
    attempts: u64,
    failed: u64,
    first: Time,
}

fn count<K: Hash + Eq + Clone>(
    table: &mut Table<K, Tally>,
    key: &K,
    at: Time,
    failed: bool,
    enough: u64,
) -> Option<Found> {
    table.update(key, Tally::default, |tally| {
        tally.add(at, failed);
        let mostly_failed = tally.failed * 100 >= FAILED_SHARE * tally.attempts;
        let first = tally.moments.front()?.at;
        (tally.attempts >= enough && mostly_failed).then_some(Found {
            attempts: tally.attempts,
            failed: tally.failed,
            first,
        })
    })
}

// === impl Tally ===

impl Tally {
    fn add(&mut self, at: Time, failed: bool) {
        match self.moments.back_mut() {
            Some(last) if last.at == at => {
                last.attempts += 1;
                last.failed += u32::from(failed);
            }
            _ => self.moments.push_back(Moment {
                at,
                attempts: 1,
                failed: u32::from(failed),
            }),
        }
        self.attempts += 1;
        self.failed += u64::from(failed);
        let oldest = at.minus(WINDOW);
        while self.moments.len() > MAX_MOMENTS || self.moments.front().is_some_and(|first| first.at < oldest) {
            if let Some(gone) = self.moments.pop_front() {
                self.attempts -= u64::from(gone.attempts);
                self.failed -= u64::from(gone.failed);
            }
        }
    }
}

impl Held for Tally {
    fn entries(&self) -> usize {
        self.moments.len()
    }
    fn is_hot(&self) -> bool {
        self.attempts * 2 >= FROM_ONE
    }
}
