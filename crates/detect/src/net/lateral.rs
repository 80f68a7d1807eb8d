//! A host that looked around, or knows nobody, makes contact inside (MITRE T1210, also T1021).
//!
//! After a scan or a touched decoy, contact with data within `lateral.window_seconds` to an internal host that is new to
//! the source and was scanned, or lies in a net the source had nothing to do with before. Without one: new contact with
//! data on ports of administration, files or databases with at least five internal hosts within 300 s.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::addr::{Addr, Net};
use crate::config::Config;
use crate::detector::{Cx, Detector};
use crate::event::{Attempt, Body, Event};
use crate::finding::{Part, Source, Target};
use crate::ledger::{Details, Match};
use crate::net::{PAIRS, SOURCES, targets};
use crate::rule::{Class, Confidence, Rule};
use crate::table::{Held, Table};
use crate::time::{Span, Time};
use crate::window::Window;
use crate::world::Nets;

pub(crate) struct Lateral {
    rule: Arc<Rule>,
    after: Span,
    jump_hosts: Nets,
    began: Option<Time>,
    hosts: Table<(Addr, Addr), First>,
    nets: Table<(Addr, Net), First>,
    fan_out: Table<Addr, Fan>,
}

/// When the first contact was.
struct First(Time);

#[derive(Default)]
struct Fan(Window<Target>);

const PORTS: [u16; 13] = [22, 23, 135, 139, 445, 3389, 5900, 5985, 5986, 1433, 3306, 5432, 6379];
/// Docker's API, which has no login of its own.
const DOCKER: u16 = 2375;
const BASE: i64 = 60;
const SCANNED: i64 = 15;
const ADMIN_PORT: i64 = 10;
const SOON: i64 = 10;
const SOON_IS: Span = Span::seconds(120);
const DECOY: i64 = 10;

const FAN_HOSTS: usize = 5;
const FAN_WINDOW: Span = Span::seconds(300);
const FAN_CONFIDENCE: i64 = 55;
/// Until so much has been seen, everybody is new to everybody.
const YOUNG: Span = Span::seconds(3600);

pub(crate) fn make(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    Box::new(Lateral {
        rule,
        after: config.lateral_window,
        jump_hosts: Nets::new(config.jump_hosts.clone()),
        began: None,
        hosts: Table::new(PAIRS),
        nets: Table::new(PAIRS),
        fan_out: Table::new(SOURCES),
    })
}

// === impl Lateral ===

impl Detector for Lateral {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        self.began.get_or_insert(event.at);
        let Body::Contact(attempt) = &event.body else { return };
        let (at, src, dst) = (event.at, attempt.src, attempt.dst);
        let net_since = self.nets.update(&(src, dst.net()), || First(at), |first| first.0);
        let is_new = self.hosts.peek(&(src, dst)).is_none();
        self.hosts.update(&(src, dst), || First(at), |_| ());
        if !is_new || src == dst || !cx.world.home.is_internal(dst) {
            return;
        }
        if !self.after_recon(at, attempt, net_since, cx) {
            self.fan_out(at, attempt, cx);
        }
    }

    fn evicted(&self) -> u64 {
        self.hosts.evicted() + self.nets.evicted() + self.fan_out.evicted()
    }
}

impl Lateral {
    fn after_recon(&self, at: Time, attempt: &Attempt, net_since: Time, cx: &mut Cx<'_>) -> bool {
        let Some(recon) = cx.ledger.recon(attempt.src, at.minus(self.after)) else {
            return false;
        };
        let scanned = recon.looked_at(attempt.dst);
        let net_is_new = net_since >= recon.began;
        if !scanned && !net_is_new {
            return false;
        }
        let mut parts = vec![Part::new("base", BASE)];
        let mut add = |given: bool, id: &str, value: i64| {
            if given {
                parts.push(Part::new(id, value));
            }
        };
        add(scanned, "scanned_target", SCANNED);
        add(is_admin(attempt.dport), "admin_port", ADMIN_PORT);
        add(at.since(recon.last) <= SOON_IS, "within_120s", SOON);
        add(cx.world.is_decoy(attempt.dst), "decoy", DECOY);
        let first = recon.began;
        let hit = self.hit(
            at,
            attempt,
            Confidence::new(parts.iter().map(|part| part.value).sum()),
            1,
        );
        cx.raise(&self.rule, hit, || Details {
            first: Some(first),
            breakdown: parts,
            window: self.after,
            threshold: 1,
            evidence: [("recon_led".to_owned(), true.into())].into_iter().collect(),
            ..Details::default()
        });
        true
    }

    fn fan_out(&mut self, at: Time, attempt: &Attempt, cx: &mut Cx<'_>) {
        if !is_admin(attempt.dport) || self.jump_hosts.contains(attempt.src) {
            return;
        }
        let aimed = Target {
            ip: attempt.dst,
            port: attempt.dport,
        };
        let (hosts, first) = self.fan_out.update(&attempt.src, Fan::default, |fan| {
            fan.0.expire(at.minus(FAN_WINDOW));
            fan.0.push(at, aimed);
            let hosts: BTreeSet<Addr> = fan.0.iter().map(|(_, target)| target.ip).collect();
            (hosts.len(), fan.0.first())
        });
        if hosts < FAN_HOSTS {
            return;
        }
        let young = at.since(self.began.unwrap_or(at)) < YOUNG;
        let hit = self.hit(at, attempt, Confidence::new(FAN_CONFIDENCE), hosts as u64);
        let fan = self.fan_out.peek(&attempt.src);
        cx.raise(&self.rule, hit, || Details {
            first,
            breakdown: vec![Part::new("fan_out", FAN_CONFIDENCE)],
            targets: targets(fan.into_iter().flat_map(|fan| fan.0.iter()).map(|(_, target)| target)),
            window: FAN_WINDOW,
            threshold: FAN_HOSTS as u64,
            class: Some(if young { Class::Notice } else { Class::Detection }),
            evidence: [("recon_led".to_owned(), false.into())].into_iter().collect(),
            ..Details::default()
        });
    }

    fn hit(&self, at: Time, attempt: &Attempt, confidence: Confidence, count: u64) -> Match {
        Match {
            key: format!("{},{}", attempt.src, attempt.dst.net()),
            source: Source::Ip(attempt.src),
            at,
            confidence,
            count,
            target: Some(Target {
                ip: attempt.dst,
                port: attempt.dport,
            }),
        }
    }
}

fn is_admin(port: u16) -> bool {
    port == DOCKER || PORTS.contains(&port)
}

impl Held for First {}

impl Held for Fan {
    fn entries(&self) -> usize {
        self.0.len()
    }
}
