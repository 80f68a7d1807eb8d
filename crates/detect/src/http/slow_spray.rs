//! Trying many names, patiently (MITRE T1110.003).
//!
//! Fires at 15 distinct failing names of one client within 1,800 s: 60; 70 at most.

use std::sync::Arc;

use crate::addr::Addr;
use crate::config::Config;
use crate::detector::{Cx, Detector};
use crate::event::{Body, Event};
use crate::finding::Source;
use crate::http::CLIENTS;
use crate::http::score::{Score, Trust};
use crate::ledger::{Details, Match};
use crate::rule::Rule;
use crate::table::{Held, Table};
use crate::text::{clipped, digest};
use crate::time::Span;
use crate::window::Window;

pub(crate) struct SlowSpray {
    rule: Arc<Rule>,
    threshold: u64,
    trust: Trust,
    clients: Table<Addr, Users>,
}

/// Names that failed, by digest.
#[derive(Default)]
struct Users {
    failed: Window<u64>,
    hot: bool,
}

const WINDOW: Span = Span::seconds(1800);
const NAMES: u64 = 15;

pub(crate) fn make(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    let threshold = NAMES;
    Box::new(SlowSpray {
        rule,
        threshold,
        trust: Trust::new(config),
        clients: Table::new(CLIENTS),
    })
}

// === impl SlowSpray ===

impl Detector for SlowSpray {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let Body::Auth(auth) = &event.body else { return };
        if auth.success || auth.user.is_empty() {
            return;
        }
        let (at, threshold) = (event.at, self.threshold);
        let (users, first) = self.clients.update(&auth.src, Users::default, |users| {
            users.failed.expire(at.minus(WINDOW));
            users.failed.push(at, digest(&[&auth.user]));
            users.hot = users.failed.distinct() as u64 * 2 >= threshold;
            (users.failed.distinct() as u64, users.failed.first())
        });
        if users < threshold {
            return;
        }
        let score = Score::new("rule_slow_spray", 60, 70).stranger(&self.trust, auth.src);
        let hit = Match {
            key: auth.src.to_string(),
            source: Source::Ip(auth.src),
            at,
            confidence: score.confidence(),
            count: users,
            target: None,
        };
        cx.raise(&self.rule, hit, || {
            let (breakdown, triggered_rules) = score.told();
            Details {
                first,
                breakdown,
                triggered_rules,
                window: WINDOW,
                threshold,
                evidence: [
                    ("distinct_users".to_owned(), users.into()),
                    ("last_user".to_owned(), clipped(&auth.user).into()),
                    ("service".to_owned(), auth.service.as_str().into()),
                ]
                .into_iter()
                .collect(),
                ..Details::default()
            }
        });
    }

    fn evicted(&self) -> u64 {
        self.clients.evicted()
    }
}

// === impl Users ===

impl Held for Users {
    fn entries(&self) -> usize {
        self.failed.len()
    }
    fn is_hot(&self) -> bool {
        self.hot
    }
}
