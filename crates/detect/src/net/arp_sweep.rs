//! One machine asks for many addresses of its link (MITRE T1018).
//!
//! Fires over `sweep.threshold` distinct ARP targets within `sweep.window_seconds`, none asked for more than three times.

use std::sync::Arc;

use crate::addr::Addr;
use crate::config::Config;
use crate::detector::{Cx, Detector};
use crate::event::{Body, Event};
use crate::finding::{Part, Source, Target};
use crate::ledger::{Details, Match};
use crate::net::{SOURCES, targets};
use crate::rule::{Confidence, Rule};
use crate::table::{Held, Map, Table};
use crate::time::Span;
use crate::window::Window;

pub(crate) struct ArpSweep {
    rule: Arc<Rule>,
    threshold: u64,
    window: Span,
    machines: Table<[u8; 6], Asked>,
}

#[derive(Default)]
struct Asked(Window<Addr>);

/// A host that looks for one other asks again and again.
const REPEATS: usize = 3;

pub(crate) fn make(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    Box::new(ArpSweep {
        rule,
        threshold: config.sweep_threshold.0,
        window: config.sweep_window,
        machines: Table::new(SOURCES),
    })
}

// === impl ArpSweep ===

impl Detector for ArpSweep {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let Body::Arp(arp) = &event.body else { return };
        if arp.sender == arp.target {
            return;
        }
        let (threshold, oldest) = (self.threshold, event.at.minus(self.window));
        let found = self.machines.update(&arp.mac, Asked::default, |asked| {
            asked.0.expire(oldest);
            asked.0.push(event.at, arp.target);
            let enough = asked.0.distinct() as u64 > threshold && asked.most_asked() <= REPEATS;
            enough.then(|| (asked.0.distinct(), asked.0.first()))
        });
        let Some((distinct, first)) = found else { return };
        let confidence = Confidence::ratio(distinct, self.threshold);
        let aimed = |ip| Target { ip, port: 0 };
        let source = Source::Mac(arp.mac);
        let hit = Match {
            key: source.parts().map(|(_, mac)| mac).unwrap_or_default(),
            source,
            at: event.at,
            confidence,
            count: distinct as u64,
            target: Some(aimed(arp.target)),
        };
        let held = self.machines.peek(&arp.mac);
        cx.raise(&self.rule, hit, || Details {
            first,
            breakdown: vec![Part::new("ratio", confidence.value())],
            targets: targets(
                held.into_iter()
                    .flat_map(|asked| asked.0.iter())
                    .map(|(_, ip)| aimed(ip)),
            ),
            window: self.window,
            threshold: self.threshold,
            evidence: [("sender_ip".to_owned(), arp.sender.to_string().into())]
                .into_iter()
                .collect(),
            ..Details::default()
        });
    }

    fn evicted(&self) -> u64 {
        self.machines.evicted()
    }
}

// === impl Asked ===

impl Asked {
    fn most_asked(&self) -> usize {
        let mut counts: Map<Addr, usize> = Map::default();
        self.0.iter().for_each(|(_, ip)| *counts.entry(ip).or_default() += 1);
        counts.into_values().max().unwrap_or(0)
    }
}

impl Held for Asked {
    fn entries(&self) -> usize {
        self.0.len()
    }
}
