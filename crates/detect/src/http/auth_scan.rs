//! Refused again and again (MITRE T1595).
//!
//! Fires over `http.max_401_403_per_min` answers 401 or 403 to one client within 60 s: 50, +20 at 18; 80 at most.

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

pub(crate) struct AuthScan {
    rule: Arc<Rule>,
    threshold: u64,
    trust: Trust,
    clients: Table<Addr, Seen>,
}

#[derive(Default)]
struct Seen {
    requests: Window<()>,
    hot: bool,
}

/// From here on it is no mistake.
const MANY: u64 = 18;

pub(crate) fn make(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    let threshold = config.http_denied.0;
    Box::new(AuthScan {
        rule,
        threshold,
        trust: Trust::new(config),
        clients: Table::new(CLIENTS),
    })
}

// === impl AuthScan ===

impl Detector for AuthScan {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let Body::Http(http) = &event.body else { return };
        let Some(src) = http.src.filter(|_| matches!(http.status, 401 | 403)) else {
            return;
        };
        let (at, oldest, threshold) = (event.at, event.at.minus(MINUTE), self.threshold);
        let (count, first) = self.clients.update(&src, Seen::default, |seen| {
            seen.requests.expire(oldest);
            seen.requests.push(at, ());
            seen.hot = seen.requests.len() as u64 * 2 >= threshold;
            (seen.requests.len() as u64, seen.requests.first())
        });
        if count <= threshold {
            return;
        }
        let score = Score::new("rule_auth_scan", 50, 80)
            .bonus(count >= MANY, "rule_rapid_auth_failures", 20)
            .stranger(&self.trust, src);
        let hit = Match {
            key: src.to_string(),
            source: Source::Ip(src),
            at,
            confidence: score.confidence(),
            count,
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
                evidence: [("refused".to_owned(), count.into())].into_iter().collect(),
                ..Details::default()
            }
        });
    }

    fn evicted(&self) -> u64 {
        self.clients.evicted()
    }
}

// === impl Seen ===

impl Held for Seen {
    fn entries(&self) -> usize {
        self.requests.len()
    }
    fn is_hot(&self) -> bool {
        self.hot
    }
}
