//! Guessing that came to its end (MITRE T1078, T1110).
//!
//! Fires at a successful login that at least `http.account_takeover_min_failures` failures of the same client preceded
//! within `http.account_takeover_window_seconds`: 85, +10 at ten failures. Where three or more names succeeded from the
//! same address in that time (many people behind one), only failures of the same name count.

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

pub(crate) struct Takeover {
    rule: Arc<Rule>,
    failures: u64,
    window: Span,
    trust: Trust,
    clients: Table<Addr, Logins>,
}

/// Names that failed and that succeeded, by digest.
#[derive(Default)]
struct Logins {
    failed: Window<u64>,
    succeeded: Window<u64>,
}

const SHARED: usize = 3;
const MANY: u64 = 10;

pub(crate) fn make(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    Box::new(Takeover {
        rule,
        failures: config.http_takeover_failures.0,
        window: config.http_takeover_window,
        trust: Trust::new(config),
        clients: Table::new(CLIENTS),
    })
}

// === impl Takeover ===

impl Detector for Takeover {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let Body::Auth(auth) = &event.body else { return };
        let (at, oldest, user) = (event.at, event.at.minus(self.window), digest(&[&auth.user]));
        let (failures, first) = self.clients.update(&auth.src, Logins::default, |logins| {
            logins.failed.expire(oldest);
            logins.succeeded.expire(oldest);
            if !auth.success {
                logins.failed.push(at, user);
                return (0, None);
            }
            logins.succeeded.push(at, user);
            let shared = logins.succeeded.distinct() >= SHARED;
            let counted = logins.failed.iter().filter(|(_, name)| !shared || *name == user);
            (counted.count() as u64, logins.failed.first())
        });
        if failures < self.failures || !auth.success {
            return;
        }
        let score = Score::new("rule_account_takeover", 85, 100)
            .bonus(failures >= MANY, "rule_high_failure_pre_success", 10)
            .stranger(&self.trust, auth.src);
        let hit = Match {
            key: auth.src.to_string(),
            source: Source::Ip(auth.src),
            at,
            confidence: score.confidence(),
            count: failures,
            target: None,
        };
        cx.raise(&self.rule, hit, || {
            let (breakdown, triggered_rules) = score.told();
            Details {
                first,
                breakdown,
                triggered_rules,
                window: self.window,
                threshold: self.failures,
                evidence: [
                    ("failures".to_owned(), failures.into()),
                    ("user".to_owned(), clipped(&auth.user).into()),
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

// === impl Logins ===

impl Held for Logins {
    fn entries(&self) -> usize {
        self.failed.len() + self.succeeded.len()
    }
    fn is_hot(&self) -> bool {
        !self.failed.is_empty()
    }
}
