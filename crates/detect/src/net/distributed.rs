//! One scan from many sources (MITRE T1595.001).
//!
//! Fires at 10 sources and 20 distinct failed hosts of one net on one port within 300 s, or at 5 sources and 30 distinct
//! failed ports of one host.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::sync::Arc;

use crate::addr::{Addr, Net};
use crate::config::Config;
use crate::detector::{Cx, Detector};
use crate::event::{Attempt, Body, Event};
use crate::finding::{LIST, Part, Source, Target};
use crate::ledger::{Details, Match};
use crate::net::{PAIRS, evidence_map, targets};
use crate::rule::{Confidence, Rule};
use crate::table::{Held, Table};
use crate::time::{Span, Time};
use crate::window::Window;
use crate::world::Worth;

pub(crate) struct Distributed {
    rule: Arc<Rule>,
    by_net: Table<(Net, u16), Tried>,
    by_host: Table<Addr, Tried>,
}

#[derive(Default)]
struct Tried {
    sources: Window<Addr>,
    targets: Window<Target>,
}

/// Sources and targets that make a scan.
#[derive(Clone, Copy)]
struct Enough {
    sources: usize,
    targets: usize,
}

const NET: Enough = Enough {
    sources: 10,
    targets: 20,
};
const HOST: Enough = Enough {
    sources: 5,
    targets: 30,
};
const WINDOW: Span = Span::seconds(300);
const BASE: i64 = 55;
const MOST: i64 = 90;

pub(crate) fn make(rule: Arc<Rule>, _: &Config) -> Box<dyn Detector> {
    Box::new(Distributed {
        rule,
        by_net: Table::new(PAIRS),
        by_host: Table::new(PAIRS),
    })
}

// === impl Distributed ===

impl Detector for Distributed {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let Body::Resolved(resolved) = &event.body else { return };
        let attempt = resolved.attempt;
        let worth = cx.world.worth_failed(resolved, WINDOW);
        let counts = matches!(worth, Worth::Evidence | Worth::NetIsScanned);
        if !counts || attempt.dport == 0 || cx.world.is_trusted_scanner(attempt.src) {
            return;
        }
        let net = (attempt.dst.net(), attempt.dport);
        if add(&mut self.by_net, &net, &attempt, NET) {
            let key = format!("{},port {}", net.0, net.1);
            self.raise(&attempt, key, NET, self.by_net.peek(&net), cx);
        }
        if add(&mut self.by_host, &attempt.dst, &attempt, HOST) {
            self.raise(
                &attempt,
                attempt.dst.to_string(),
                HOST,
                self.by_host.peek(&attempt.dst),
                cx,
            );
        }
    }

    fn evicted(&self) -> u64 {
        self.by_net.evicted() + self.by_host.evicted()
    }
}

impl Distributed {
    fn raise(&self, attempt: &Attempt, key: String, enough: Enough, tried: Option<&Tried>, cx: &mut Cx<'_>) {
        let Some(tried) = tried else { return };
        let aimed = || tried.targets.iter().map(|(_, target)| target);
        if self.is_told_already(&tried.sources, attempt.at, cx) {
            return;
        }
        let confidence = (BASE + tried.sources.distinct() as i64).min(MOST);
        let hit = Match {
            key,
            source: Source::Many,
            at: attempt.at,
            confidence: Confidence::new(confidence),
            count: tried.targets.distinct() as u64,
            target: Some(Target {
                ip: attempt.dst,
                port: attempt.dport,
            }),
        };
        cx.raise(&self.rule, hit, || {
            let sources = tried.distinct_sources();
            let shown = sources
                .iter()
                .take(LIST)
                .map(|source| source.to_string().into())
                .collect();
            Details {
                first: tried.targets.first(),
                breakdown: vec![Part::new("base", BASE), Part::new("sources", confidence - BASE)],
                targets: targets(aimed()),
                window: WINDOW,
                threshold: enough.targets as u64,
                evidence: evidence_map(
                    aimed(),
                    [
                        ("sources", serde_json::Value::Array(shown)),
                        ("source_count", sources.len().into()),
                    ],
                ),
                ..Details::default()
            }
        });
    }

    /// Each of the sources has an open finding of its own that goes before this one: it is noted there.
    fn is_told_already(&self, sources: &Window<Addr>, at: Time, cx: &mut Cx<'_>) -> bool {
        let rank = self.rule.rank.unwrap_or(u8::MAX);
        // The newest first: in a flood it has none, which ends the search.
        let open: Option<BTreeSet<usize>> = sources
            .newest()
            .map(|source| cx.ledger.ranked_before(source, rank, at))
            .collect();
        let Some(open) = open else { return false };
        for index in open {
            cx.ledger.note(index, &self.rule, at);
        }
        true
    }
}

fn add<K: Hash + Eq + Clone>(table: &mut Table<K, Tried>, key: &K, attempt: &Attempt, enough: Enough) -> bool {
    let oldest = attempt.at.minus(WINDOW);
    table.update(key, Tried::default, |tried| {
        tried.sources.expire(oldest);
        tried.targets.expire(oldest);
        tried.sources.push(attempt.at, attempt.src);
        tried.targets.push(
            attempt.at,
            Target {
                ip: attempt.dst,
                port: attempt.dport,
            },
        );
        tried.sources.distinct() >= enough.sources && tried.targets.distinct() >= enough.targets
    })
}

// === impl Tried ===

impl Tried {
    fn distinct_sources(&self) -> Vec<Addr> {
        let mut sources: Vec<Addr> = self.sources.iter().map(|(_, source)| source).collect();
        sources.sort_unstable();
        sources.dedup();
        sources
    }
}

impl Held for Tried {
    fn entries(&self) -> usize {
        self.sources.len() + self.targets.len()
    }
    fn is_hot(&self) -> bool {
        self.targets.distinct() * 2 >= NET.targets && self.sources.distinct() >= HOST.sources
    }
}
