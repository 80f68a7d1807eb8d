//! An attempt on a port of remote administration or file sharing (MITRE T1021): a notice.

use std::sync::Arc;

use crate::config::Config;
use crate::detector::{Cx, Detector};
use crate::event::{Body, Event};
use crate::finding::{Part, Source, Target};
use crate::ledger::{Details, Match};
use crate::rule::{Confidence, Rule};

pub(crate) struct Sensitive {
    rule: Arc<Rule>,
    ports: Vec<u16>,
}

const CONFIDENCE: i64 = 30;

pub(crate) fn make(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    Box::new(Sensitive {
        rule,
        ports: config.sensitive_ports.clone(),
    })
}

// === impl Sensitive ===

impl Detector for Sensitive {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let Body::Attempt(attempt) = &event.body else { return };
        // A decoy's ports are `decoy.touch`'s business.
        if !self.ports.contains(&attempt.dport) || cx.world.is_decoy(attempt.dst) {
            return;
        }
        let hit = Match {
            key: format!("{},port {}", attempt.src, attempt.dport),
            source: Source::Ip(attempt.src),
            at: attempt.at,
            confidence: Confidence::new(CONFIDENCE),
            count: 1,
            target: Some(Target {
                ip: attempt.dst,
                port: attempt.dport,
            }),
        };
        cx.raise(&self.rule, hit, || Details {
            breakdown: vec![Part::new("base", CONFIDENCE)],
            threshold: 1,
            ..Details::default()
        });
    }
}
