//! One source tries many ports of one host (MITRE T1590, also T1046 and T1595.001).
//!
//! Fires over `boundary.port_threshold` distinct ports within `boundary.window_seconds`. Connections to ports from 1024
//! on that have carried data by then are not counted: that is what passive FTP and RPC look like.

use std::sync::Arc;

use crate::addr::Addr;
use crate::config::Config;
use crate::detector::{Cx, Detector};
use crate::event::{Attempt, Body, Event};
use crate::finding::{Part, Source, Target};
use crate::ledger::{Details, Match};
use crate::net::{PAIRS, evidence_map, targets};
use crate::rule::{Confidence, Rule};
use crate::table::{Held, Table};
use crate::time::Span;
use crate::window::Window;

pub(crate) struct Boundary {
    rule: Arc<Rule>,
    threshold: u64,
    window: Span,
    pairs: Table<(Addr, Addr), Ports>,
}

#[derive(Default)]
struct Ports {
    tried: Window<u16>,
    hot: bool,
}

const FIRST_DYNAMIC: u16 = 1024;

pub(crate) fn make(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    Box::new(Boundary {
        rule,
        threshold: config.boundary_ports.0,
        window: config.boundary_window,
        pairs: Table::new(PAIRS),
    })
}

// === impl Boundary ===

impl Detector for Boundary {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        match &event.body {
            Body::Attempt(attempt) if attempt.dport != 0 && !cx.world.is_trusted_scanner(attempt.src) => {
                self.tried(attempt, cx);
            }
            Body::Productive(attempt) if attempt.dport >= FIRST_DYNAMIC => {
                self.pairs.update_if_there(&(attempt.src, attempt.dst), |ports| {
                    ports.tried.remove_at(attempt.at, attempt.dport);
                });
            }
            _ => {}
        }
    }

    fn evicted(&self) -> u64 {
        self.pairs.evicted()
    }
}

impl Boundary {
    fn tried(&mut self, attempt: &Attempt, cx: &mut Cx<'_>) {
        let (threshold, oldest) = (self.threshold, attempt.at.minus(self.window));
        let familiar = attempt.familiar_since.is_some_and(|since| since < oldest);
        let found = self.pairs.update(&(attempt.src, attempt.dst), Ports::default, |ports| {
            ports.tried.expire(oldest);
            if familiar {
                return None;
            }
            ports.tried.push(attempt.at, attempt.dport);
            let distinct = ports.tried.distinct();
            ports.hot = distinct as u64 * 2 >= threshold;
            (distinct as u64 > threshold).then(|| (distinct, ports.tried.first()))
        });
        let Some((distinct, first)) = found else { return };
        let confidence = Confidence::ratio(distinct, self.threshold);
        let aimed = |port| Target { ip: attempt.dst, port };
        let hit = Match {
            key: format!("{},{}", attempt.src, attempt.dst),
            source: Source::Ip(attempt.src),
            at: attempt.at,
            confidence,
            count: distinct as u64,
            target: Some(aimed(attempt.dport)),
        };
        let pairs = &self.pairs;
        cx.raise(&self.rule, hit, || {
            let ports = pairs.peek(&(attempt.src, attempt.dst));
            let tried: Vec<Target> = ports
                .into_iter()
                .flat_map(|ports| ports.tried.iter())
                .map(|(_, port)| aimed(port))
                .collect();
            Details {
                first,
                breakdown: vec![Part::new("ratio", confidence.value())],
                targets: targets(tried.iter().copied()),
                window: self.window,
                threshold: self.threshold,
                evidence: evidence_map(tried.into_iter(), []),
                ..Details::default()
            }
        });
    }
}

// === impl Ports ===

impl Held for Ports {
    fn entries(&self) -> usize {
        self.tried.len()
    }
    fn is_hot(&self) -> bool {
        self.hot
    }
}
