//! Something on a loaded list of bad addresses, names or fingerprints (technique from the list, else MITRE T1071).

use std::sync::Arc;

use crate::addr::Addr;
use crate::config::Config;
use crate::detector::{Cx, Detector};
use crate::event::{Body, Event};
use crate::finding::{Part, Source, Target};
use crate::intel::Indicator;
use crate::ledger::{Details, Match};
use crate::rule::{Class, Confidence, Rule};

pub(crate) struct IntelMatch {
    rule: Arc<Rule>,
}

const DETECTION: u8 = 60;

pub(crate) fn make(rule: Arc<Rule>, _: &Config) -> Box<dyn Detector> {
    Box::new(IntelMatch { rule })
}

// === impl IntelMatch ===

impl Detector for IntelMatch {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        if cx.world.intel.is_empty() {
            return;
        }
        let intel = cx.world.intel.clone();
        let Some(src) = event.src() else { return };
        let at = event.at;
        let mut found: Vec<(&Indicator, Option<Target>)> = Vec::new();
        found.extend(intel.addr(src, at).map(|indicator| (indicator, None)));
        let mut aimed = |dst: Option<Addr>, port: u16| {
            let hit = dst.and_then(|dst| Some((intel.addr(dst, at)?, Some(Target { ip: dst, port }))));
            found.extend(hit);
        };
        match &event.body {
            Body::Attempt(attempt) => aimed(Some(attempt.dst), attempt.dport),
            Body::Http(http) => {
                found.extend(intel.domain(&http.host, at).map(|indicator| (indicator, None)));
                found.extend(
                    intel
                        .url(&http.host, &http.target, at)
                        .map(|indicator| (indicator, None)),
                );
            }
            Body::Dns(dns) => found.extend(intel.domain(&dns.query, at).map(|indicator| (indicator, None))),
            Body::Tls(tls) => {
                aimed(tls.dst, tls.dport);
                found.extend(intel.domain(&tls.sni, at).map(|indicator| (indicator, None)));
                for print in [&tls.ja3, &tls.ja3s, &tls.ja4] {
                    found.extend(intel.hash(print, at).map(|indicator| (indicator, None)));
                }
            }
            _ => {}
        }
        for (indicator, target) in found {
            self.raise(event, src, indicator, target, cx);
        }
    }
}

impl IntelMatch {
    fn raise(&self, event: &Event, src: Addr, indicator: &Indicator, target: Option<Target>, cx: &mut Cx<'_>) {
        let class = if indicator.score >= DETECTION {
            Class::Detection
        } else {
            Class::Notice
        };
        let hit = Match {
            key: format!("{src},{}", indicator.value),
            source: Source::Ip(src),
            at: event.at,
            confidence: Confidence::new(indicator.score.into()),
            count: 1,
            target,
        };
        cx.raise(&self.rule, hit, || Details {
            breakdown: vec![Part::new("list_score", indicator.score)],
            threshold: 1,
            class: Some(class),
            category: (!indicator.category.is_empty()).then(|| indicator.category.clone()),
            evidence: [
                ("indicator".to_owned(), indicator.value.as_str().into()),
                ("list".to_owned(), indicator.list.as_str().into()),
            ]
            .into_iter()
            .collect(),
            ..Details::default()
        });
    }
}
