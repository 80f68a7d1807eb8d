//! Climbing out of the web root (MITRE T1190, T1083).
//!
//! Fires at `http.path_traversal_min_attempts` requests that climb (see `canon`) by one client within 300 s: 70, +15 when
//! any was written in escapes; 95 at most.

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
use crate::text::clipped;
use crate::time::Span;
use crate::window::Window;

pub(crate) struct PathTraversal {
    rule: Arc<Rule>,
    threshold: u64,
    trust: Trust,
    clients: Table<Addr, Climbs>,
}

/// Whether each was written in escapes.
#[derive(Default)]
struct Climbs(Window<bool>);

const WINDOW: Span = Span::seconds(300);

pub(crate) fn make(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    let threshold = config.http_traversals.0;
    Box::new(PathTraversal {
        rule,
        threshold,
        trust: Trust::new(config),
        clients: Table::new(CLIENTS),
    })
}

// === impl PathTraversal ===

impl Detector for PathTraversal {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let Body::Http(http) = &event.body else { return };
        let (Some(src), Some(climb)) = (http.src, http.traversal) else {
            return;
        };
        let at = event.at;
        let (count, encoded, first) = self.clients.update(&src, Climbs::default, |climbs| {
            climbs.0.expire(at.minus(WINDOW));
            climbs.0.push(at, climb.encoded);
            (
                climbs.0.len() as u64,
                climbs.0.iter().any(|(_, encoded)| encoded),
                climbs.0.first(),
            )
        });
        if count < self.threshold {
            return;
        }
        let score = Score::new("rule_path_traversal", 70, 95)
            .bonus(encoded, "rule_encoded_traversal", 15)
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
                window: WINDOW,
                threshold: self.threshold,
                evidence: [("target".to_owned(), clipped(&http.target).into())]
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

// === impl Climbs ===

impl Held for Climbs {
    fn entries(&self) -> usize {
        self.0.len()
    }
}
