//! Knocking at paths that are nobody's business (MITRE T1595.003).
//!
//! Fires over `http.max_restricted_hits_per_min` hits on restricted paths by one client within 60 s, of which at least two
//! on distinct paths or one not answered by 2xx or 3xx: 60, +20 at three distinct paths; 90 at most. What somebody who is
//! logged in is given does not count.

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

pub(crate) struct Recon {
    rule: Arc<Rule>,
    threshold: u64,
    trust: Trust,
    paths: Vec<&'static str>,
    clients: Table<Addr, Hits>,
}

#[derive(Default)]
struct Hits {
    /// Which of the paths.
    paths: Window<u8>,
    refused: Window<()>,
    hot: bool,
}

const RESTRICTED: [&str; 8] = [
    "/admin",
    "/config",
    "/internal",
    "/dashboard",
    "/api/keys",
    "/env",
    "/.env",
    "/settings",
];
const EXTENDED: [&str; 6] = [
    "/.git",
    "/wp-admin",
    "/phpmyadmin",
    "/server-status",
    "/actuator",
    "/manager/html",
];

pub(crate) fn make(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    let extended = if config.http_restricted_extended {
        &EXTENDED[..]
    } else {
        &[]
    };
    let paths = RESTRICTED.iter().chain(extended).copied().collect();
    let threshold = config.http_restricted_hits.0;
    Box::new(Recon {
        rule,
        threshold,
        trust: Trust::new(config),
        paths,
        clients: Table::new(CLIENTS),
    })
}

// === impl Recon ===

impl Detector for Recon {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let Body::Http(http) = &event.body else { return };
        let (Some(src), Some(path)) = (http.src, self.restricted(&http.path)) else {
            return;
        };
        let given = (200..=399).contains(&http.status);
        if given && !http.user.is_empty() && http.user != "-" {
            return;
        }
        let (at, oldest, threshold) = (event.at, event.at.minus(MINUTE), self.threshold);
        let (hits, distinct, refused, first) = self.clients.update(&src, Hits::default, |hits| {
            hits.paths.expire(oldest);
            hits.refused.expire(oldest);
            hits.paths.push(at, path);
            if !given {
                hits.refused.push(at, ());
            }
            hits.hot = hits.paths.len() as u64 * 2 >= threshold;
            (
                hits.paths.len(),
                hits.paths.distinct(),
                hits.refused.len(),
                hits.paths.first(),
            )
        });
        if hits as u64 <= threshold || (distinct < 2 && refused == 0) {
            return;
        }
        let score = Score::new("rule_restricted_recon", 60, 90)
            .bonus(distinct >= 3, "rule_multi_path_recon", 20)
            .stranger(&self.trust, src);
        let hit = Match {
            key: src.to_string(),
            source: Source::Ip(src),
            at,
            confidence: score.confidence(),
            count: hits as u64,
            target: None,
        };
        let held = self.clients.peek(&src);
        cx.raise(&self.rule, hit, || {
            let (breakdown, triggered_rules) = score.told();
            let mut seen: Vec<&str> = held
                .into_iter()
                .flat_map(|hits| hits.paths.iter())
                .map(|(_, path)| self.paths[path as usize])
                .collect();
            seen.sort_unstable();
            seen.dedup();
            Details {
                first,
                breakdown,
                triggered_rules,
                window: MINUTE,
                threshold,
                evidence: [
                    ("paths".to_owned(), seen.into()),
                    ("distinct_paths".to_owned(), distinct.into()),
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

impl Recon {
    /// The listed path this one is, or lies below.
    fn restricted(&self, path: &str) -> Option<u8> {
        let covers = |listed: &&str| {
            path.strip_prefix(*listed)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.paths.iter().position(covers).map(|index| index as u8)
    }
}

// === impl Hits ===

impl Held for Hits {
    fn entries(&self) -> usize {
        self.paths.len() + self.refused.len()
    }
    fn is_hot(&self) -> bool {
        self.hot
    }
}
