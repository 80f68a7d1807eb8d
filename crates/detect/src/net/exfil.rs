//! Much goes out and little comes back (MITRE T1048).
//!
//! Fires at 100 MiB of payload from an internal host to a public one within 600 s, at least ten times what came back.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::addr::Addr;
use crate::config::Config;
use crate::detector::{Cx, Detector};
use crate::event::{Body, Event};
use crate::finding::{Part, Source, Target};
use crate::incident;
use crate::ledger::{Details, Match};
use crate::net::PAIRS;
use crate::rule::{Class, Confidence, Rule};
use crate::table::{Held, Table};
use crate::time::{Span, Time};

pub(crate) struct Exfil {
    rule: Arc<Rule>,
    pairs: Table<(Addr, Addr), Sent>,
}

struct Sent {
    /// When these two were first seen exchanging anything.
    since: Time,
    parts: VecDeque<(Time, u64, u64)>,
    out: u64,
    back: u64,
}

const BYTES: u64 = 100 * 1024 * 1024;
const RATIO: u64 = 10;
const WINDOW: Span = Span::seconds(600);
const BASE: i64 = 50;
const NEW_TARGET: i64 = 20;
const KNOWN_SOURCE: i64 = 20;
/// Parts kept of a pair; two that are close become one.
const MAX_PARTS: usize = 1024;

pub(crate) fn make(rule: Arc<Rule>, _: &Config) -> Box<dyn Detector> {
    Box::new(Exfil {
        rule,
        pairs: Table::new(PAIRS),
    })
}

// === impl Exfil ===

impl Detector for Exfil {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let Body::Volume(volume) = &event.body else { return };
        let at = event.at;
        let (out, back, since) = self.pairs.update(
            &(volume.src, volume.dst),
            || Sent::new(at),
            |sent| {
                sent.add(at, volume.out, volume.back);
                (sent.out, sent.back, sent.since)
            },
        );
        if out < BYTES || out < RATIO * back {
            return;
        }
        let mut parts = vec![Part::new("base", BASE)];
        if since >= at.minus(WINDOW) {
            parts.push(Part::new("new_destination", NEW_TARGET));
        }
        let source = Source::Ip(volume.src);
        let known = cx.ledger.of(&source).any(|finding| {
            finding.class == Class::Detection
                && finding.rule != self.rule.id
                && at.since(finding.last_ts) < incident::GAP
        });
        if known {
            parts.push(Part::new("open_incident", KNOWN_SOURCE));
        }
        let hit = Match {
            key: format!("{},{}", volume.src, volume.dst),
            source,
            at,
            confidence: Confidence::new(parts.iter().map(|part| part.value).sum()),
            count: out,
            target: Some(Target {
                ip: volume.dst,
                port: volume.dport,
            }),
        };
        cx.raise(&self.rule, hit, || Details {
            first: Some(since.max(at.minus(WINDOW))),
            breakdown: parts,
            window: WINDOW,
            threshold: BYTES,
            evidence: [
                ("bytes_out".to_owned(), out.into()),
                ("bytes_in".to_owned(), back.into()),
            ]
            .into_iter()
            .collect(),
            ..Details::default()
        });
    }

    fn evicted(&self) -> u64 {
        self.pairs.evicted()
    }
}

// === impl Sent ===

impl Sent {
    fn new(since: Time) -> Self {
        Self {
            since,
            parts: VecDeque::new(),
            out: 0,
            back: 0,
        }
    }

    fn add(&mut self, at: Time, out: u64, back: u64) {
        (self.out, self.back) = (self.out.saturating_add(out), self.back.saturating_add(back));
        let full = self.parts.len() >= MAX_PARTS;
        match self.parts.back_mut() {
            // Too many to keep apart: the newest two become one, dated at the older.
            Some(last) if full => {
                last.1 = last.1.saturating_add(out);
                last.2 = last.2.saturating_add(back);
            }
            _ => self.parts.push_back((at, out, back)),
        }
        let oldest = at.minus(WINDOW);
        while self.parts.front().is_some_and(|(then, ..)| *then < oldest) {
            if let Some((_, out, back)) = self.parts.pop_front() {
                (self.out, self.back) = (self.out.saturating_sub(out), self.back.saturating_sub(back));
            }
        }
    }
}

impl Held for Sent {
    fn entries(&self) -> usize {
        self.parts.len()
    }
    fn is_hot(&self) -> bool {
        self.out >= BYTES / 2
    }
}
