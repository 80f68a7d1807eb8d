//! One name tried from everywhere (MITRE T1110.003).
//!
//! Fires when one name fails from at least 8 addresses within 600 s: 60, +15 from 20; 75 at most.

use std::sync::Arc;

use crate::addr::Addr;
use crate::config::Config;
use crate::detector::{Cx, Detector};
use crate::event::{Body, Event};
use crate::finding::{LIST, Source};
use crate::http::CLIENTS;
use crate::http::score::Score;
use crate::ledger::{Details, Match};
use crate::rule::Rule;
use crate::table::{Held, Table};
use crate::time::Span;
use crate::window::Window;

pub(crate) struct Guessing {
    rule: Arc<Rule>,
    users: Table<String, Sources>,
}

#[derive(Default)]
struct Sources(Window<Addr>);

const SOURCES: usize = 8;
const MANY: usize = 20;
const WINDOW: Span = Span::seconds(600);

pub(crate) fn make(rule: Arc<Rule>, _: &Config) -> Box<dyn Detector> {
    Box::new(Guessing {
        rule,
        users: Table::new(CLIENTS),
    })
}

// === impl Guessing ===

impl Detector for Guessing {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let Body::Auth(auth) = &event.body else { return };
        if auth.success || auth.user.is_empty() {
            return;
        }
        let at = event.at;
        let (distinct, first) = self.users.update(&auth.user, Sources::default, |sources| {
            sources.0.expire(at.minus(WINDOW));
            sources.0.push(at, auth.src);
            (sources.0.distinct(), sources.0.first())
        });
        if distinct < SOURCES {
            return;
        }
        let score = Score::new("rule_distributed_guessing", 60, 75).bonus(distinct >= MANY, "rule_many_sources", 15);
        let hit = Match {
            key: auth.user.clone(),
            source: Source::User(auth.user.clone()),
            at,
            confidence: score.confidence(),
            count: distinct as u64,
            target: None,
        };
        let held = self.users.peek(&auth.user);
        cx.raise(&self.rule, hit, || {
            let (breakdown, triggered_rules) = score.told();
            let mut seen: Vec<Addr> = held
                .into_iter()
                .flat_map(|sources| sources.0.iter())
                .map(|(_, src)| src)
                .collect();
            seen.sort_unstable();
            seen.dedup();
            let shown: Vec<String> = seen.iter().take(LIST).map(Addr::to_string).collect();
            Details {
                first,
                breakdown,
                triggered_rules,
                window: WINDOW,
                threshold: SOURCES as u64,
                evidence: [
                    ("sources".to_owned(), shown.into()),
                    ("source_count".to_owned(), distinct.into()),
                ]
                .into_iter()
                .collect(),
                ..Details::default()
            }
        });
    }

    fn evicted(&self) -> u64 {
        self.users.evicted()
    }
}

// === impl Sources ===

impl Held for Sources {
    fn entries(&self) -> usize {
        self.0.len()
    }
    fn is_hot(&self) -> bool {
        self.0.distinct() * 2 >= SOURCES
    }
}
