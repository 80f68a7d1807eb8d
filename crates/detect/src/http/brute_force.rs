//! Guessing one after the other (MITRE T1110.001).
//!
//! Fires over `http.max_failed_logins_per_min` failed logins of one client within 60 s: 55, +25 if at least 90 % of its
//! logins in that time failed; 90 at most.

use std::sync::Arc;

use crate::addr::Addr;
use crate::config::Config;
use crate::detector::{Cx, Detector};
use crate::event::{Body, Event};
use crate::finding::Source;
use crate::http::score::{Score, Trust};
use crate::http::{CLIENTS, MINUTE};
use crate::ledger::{Details, Match};
use crate::rule::Rule;
use crate::table::{Held, Table};
use crate::window::Window;

pub(crate) struct BruteForce {
    rule: Arc<Rule>,
    threshold: u64,
    trust: Trust,
    clients: Table<Addr, Logins>,
}

#[derive(Default)]
struct Logins {
    failed: Window<()>,
    all: Window<()>,
    hot: bool,
}

/// Percent of failures from which nobody mistyped.
const FAILED_SHARE: usize = 90;

pub(crate) fn make(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    let threshold = config.http_failed_logins.0;
    Box::new(BruteForce {
        rule,
        threshold,
        trust: Trust::new(config),
        clients: Table::new(CLIENTS),
    })
}

// === impl BruteForce ===

impl Detector for BruteForce {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let Body::Auth(auth) = &event.body else { return };
        let (at, oldest, threshold) = (event.at, event.at.minus(MINUTE), self.threshold);
        let (failed, all, first) = self.clients.update(&auth.src, Logins::default, |logins| {
            logins.all.expire(oldest);
            logins.failed.expire(oldest);
            logins.all.push(at, ());
            if !auth.success {
                logins.failed.push(at, ());
            }
            logins.hot = logins.failed.len() as u64 * 2 >= threshold;
            (logins.failed.len(), logins.all.len(), logins.failed.first())
        });
        if auth.success || failed as u64 <= threshold {
            return;
        }
        let score = Score::new("rule_high_login_failure", 55, 90)
            .bonus(failed * 100 >= FAILED_SHARE * all, "rule_single_ip_brute", 25)
            .stranger(&self.trust, auth.src);
        let hit = Match {
            key: auth.src.to_string(),
            source: Source::Ip(auth.src),
            at,
            confidence: score.confidence(),
            count: failed as u64,
            target: None,
        };
        cx.raise(&self.rule, hit, || {
            let (breakdown, triggered_rules) = score.told();
            Details {
                first,
                breakdown,
                triggered_rules,
                window: MINUTE,
                threshold,
                evidence: [
                    ("failures".to_owned(), failed.into()),
                    ("attempts".to_owned(), all.into()),
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
        self.failed.len() + self.all.len()
    }
    fn is_hot(&self) -> bool {
        self.hot
    }
}
