//! A patient scan: many hosts on one port, or many ports of one host, that did not answer (MITRE T1046, T1595.001).
//!
//! Fires at `slow_scan.hosts` distinct hosts with failed attempts on one port, or `slow_scan.ports` distinct failed ports
//! of one host, within `slow_scan.window_seconds`.

use std::sync::Arc;

use crate::addr::Addr;
use crate::config::Config;
use crate::detector::{Cx, Detector};
use crate::event::{Attempt, Body, Event, Proto};
use crate::finding::{Part, Source, Target};
use crate::ledger::{Details, Match};
use crate::net::evidence::Evidence;
use crate::net::{PAIRS, evidence_map, targets};
use crate::rule::{Confidence, Rule};
use crate::table::{Held, Table};
use crate::time::Span;

pub(crate) struct SlowScan {
    rule: Arc<Rule>,
    hosts: u64,
    ports: u64,
    window: Span,
    by_port: Table<(Addr, Proto, u16), Failed>,
    by_host: Table<(Addr, Addr), Failed>,
}

#[derive(Default)]
struct Failed {
    evidence: Evidence<Target>,
    hot: bool,
}

const BASE: i64 = 60;
const MOST: i64 = 95;
/// A port more weighs twice a host more.
const PORT_WEIGHT: i64 = 2;

pub(crate) fn make(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    Box::new(SlowScan {
        rule,
        hosts: config.slow_hosts.0,
        ports: config.slow_ports.0,
        window: config.slow_window,
        by_port: Table::new(PAIRS),
        by_host: Table::new(PAIRS),
    })
}

// === impl SlowScan ===

impl Detector for SlowScan {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let Body::Resolved(resolved) = &event.body else { return };
        let attempt = resolved.attempt;
        if !resolved.outcome.failed() || attempt.dport == 0 || cx.world.is_trusted_scanner(attempt.src) {
            return;
        }
        let worth = cx.world.worth_failed(resolved, self.window);
        let (oldest, target) = (
            attempt.at.minus(self.window),
            Target {
                ip: attempt.dst,
                port: attempt.dport,
            },
        );
        let add = |failed: &mut Failed, threshold: u64| {
            let is_new = failed
                .evidence
                .add(attempt.at, attempt.dst.net(), target, worth, oldest);
            let distinct = failed.evidence.window.distinct() as u64;
            failed.hot = distinct * 2 >= threshold;
            if is_new && distinct >= threshold { distinct } else { 0 }
        };
        let port_key = (attempt.src, attempt.proto, attempt.dport);
        let hosts = self
            .by_port
            .update(&port_key, Failed::default, |failed| add(failed, self.hosts));
        if hosts > 0 {
            let key = format!("{},port {}", attempt.src, attempt.dport);
            let over = hosts as i64 - self.hosts as i64;
            self.raise(
                &attempt,
                key,
                over,
                (hosts, self.hosts),
                self.by_port.peek(&port_key),
                cx,
            );
        }
        let host_key = (attempt.src, attempt.dst);
        let ports = self
            .by_host
            .update(&host_key, Failed::default, |failed| add(failed, self.ports));
        if ports > 0 {
            let key = format!("{},{}", attempt.src, attempt.dst);
            let over = PORT_WEIGHT * (ports as i64 - self.ports as i64);
            self.raise(
                &attempt,
                key,
                over,
                (ports, self.ports),
                self.by_host.peek(&host_key),
                cx,
            );
        }
    }

    fn evicted(&self) -> u64 {
        self.by_port.evicted() + self.by_host.evicted()
    }
}

impl SlowScan {
    fn raise(
        &self,
        attempt: &Attempt,
        key: String,
        over: i64,
        (count, threshold): (u64, u64),
        failed: Option<&Failed>,
        cx: &mut Cx<'_>,
    ) {
        let confidence = (BASE + over).min(MOST);
        let hit = Match {
            key,
            source: Source::Ip(attempt.src),
            at: attempt.at,
            confidence: Confidence::new(confidence),
            count,
            target: Some(Target {
                ip: attempt.dst,
                port: attempt.dport,
            }),
        };
        cx.raise(&self.rule, hit, || {
            let aimed: Vec<Target> = failed
                .into_iter()
                .flat_map(|failed| failed.evidence.window.iter())
                .map(|(_, target)| target)
                .collect();
            Details {
                first: failed.and_then(|failed| failed.evidence.window.first()),
                breakdown: vec![Part::new("base", BASE), Part::new("over_threshold", confidence - BASE)],
                targets: targets(aimed.iter().copied()),
                window: self.window,
                threshold,
                evidence: evidence_map(aimed.into_iter(), []),
                ..Details::default()
            }
        });
    }
}

// === impl Failed ===

impl Held for Failed {
    fn entries(&self) -> usize {
        self.evidence.entries()
    }
    fn is_hot(&self) -> bool {
        self.hot
    }
}
