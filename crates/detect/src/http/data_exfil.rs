//! Fetching record after record (MITRE T1020).
//!
//! Fires over `http.max_data_requests_per_min` GETs answered 200 or 206 on data endpoints by one client within 60 s: 60,
//! +15 at 40; 85 at most. Paths under `/api/` that are no data endpoint by name count only once the client fetched five
//! distinct targets there: one status page polled is no exfiltration.

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
use crate::text::digest;
use crate::window::Window;

pub(crate) struct DataExfil {
    rule: Arc<Rule>,
    threshold: u64,
    trust: Trust,
    clients: Table<Addr, Fetched>,
}

#[derive(Default)]
struct Fetched {
    named: Window<()>,
    /// Under `/api/` without being named.
    generic: Window<()>,
    /// Targets under `/api/`, by digest.
    targets: Window<u64>,
    hot: bool,
}

const EXACT: [&str; 13] = [
    "/api/users",
    "/api/user",
    "/users",
    "/user",
    "/export",
    "/download",
    "/data",
    "/api/data",
    "/files",
    "/reports",
    "/backup",
    "/api/export",
    "/dump",
];
const PREFIXES: [&str; 4] = ["/data/", "/export/", "/download/", "/files/"];
const GENERIC: &str = "/api/";
const GENERIC_TARGETS: usize = 5;
const MANY: u64 = 40;

pub(crate) fn make(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    let threshold = config.http_data_requests.0;
    Box::new(DataExfil {
        rule,
        threshold,
        trust: Trust::new(config),
        clients: Table::new(CLIENTS),
    })
}

// === impl DataExfil ===

impl Detector for DataExfil {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let Body::Http(http) = &event.body else { return };
        let fetched = http.method == "GET" && matches!(http.status, 200 | 206);
        let path = http.path.as_str();
        let named = EXACT.contains(&path) || PREFIXES.iter().any(|prefix| path.starts_with(prefix));
        let under_api = path.starts_with(GENERIC);
        let Some(src) = http.src.filter(|_| fetched && (named || under_api)) else {
            return;
        };
        let (at, oldest, threshold) = (event.at, event.at.minus(MINUTE), self.threshold);
        let (count, first) = self.clients.update(&src, Fetched::default, |fetched| {
            fetched.named.expire(oldest);
            fetched.generic.expire(oldest);
            fetched.targets.expire(oldest);
            if under_api {
                fetched.targets.push(at, digest(&[path, &http.query]));
            }
            if named {
                fetched.named.push(at, ());
            } else {
                fetched.generic.push(at, ());
            }
            let generic = if fetched.targets.distinct() >= GENERIC_TARGETS {
                fetched.generic.len()
            } else {
                0
            };
            let count = (fetched.named.len() + generic) as u64;
            fetched.hot = count * 2 >= threshold;
            (count, fetched.named.first().or(fetched.generic.first()))
        });
        if count <= threshold {
            return;
        }
        let score = Score::new("rule_data_scraping", 60, 85)
            .bonus(count >= MANY, "rule_high_volume_scrape", 15)
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
                evidence: [
                    ("requests".to_owned(), count.into()),
                    ("last_path".to_owned(), path.into()),
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

// === impl Fetched ===

impl Held for Fetched {
    fn entries(&self) -> usize {
        self.named.len() + self.generic.len() + self.targets.len()
    }
    fn is_hot(&self) -> bool {
        self.hot
    }
}
