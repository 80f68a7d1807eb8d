//! A regular flow of logs, traps or flow records that stops (MITRE T1562.001).
//!
//! A flow is regular after `telemetry.min_observations` observations whose median gap p lies between 1 s and 1 h and whose
//! MAD is at most a quarter of it. It is silent when nothing came for longer than max(`telemetry.factor`·p,
//! `telemetry.floor_seconds`) while other traffic still did.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use ipnet::IpNet;

use crate::addr::Addr;
use crate::config::Config;
use crate::detector::{Cx, Detector};
use crate::event::{Body, Event, Proto};
use crate::finding::{Part, Source, Target};
use crate::ledger::{Details, Match, Raised};
use crate::rule::{Confidence, Rule};
use crate::table::{Caps, Held, Map, Table};
use crate::time::{SECOND, Span, Time};

/// Syslog, SNMP, NetFlow, IPFIX, sFlow, Beats, Wazuh.
pub(crate) const PORTS: [u16; 12] = [514, 6514, 162, 161, 2055, 9995, 9996, 4739, 6343, 5044, 1514, 1515];

pub(crate) struct Telemetry {
    rule: Arc<Rule>,
    observations: usize,
    factor: i64,
    floor: Span,
    expected: Vec<Expected>,
    maintenance: Vec<Maintenance>,
    flows: Table<FlowKey, Flow>,
    /// When each host that has a watched flow last sent anything else.
    hosts: Table<Addr, LastSent>,
    deadlines: BTreeSet<(Time, FlowKey)>,
    /// Silent flows whose host has sent nothing since.
    dark: Map<Addr, Vec<FlowKey>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct FlowKey {
    src: Addr,
    dst: Addr,
    port: u16,
    proto: Proto,
}

struct Flow {
    /// The last observations, oldest first.
    seen: VecDeque<Time>,
    count: usize,
    period: Option<Span>,
    deadline: Option<Time>,
    /// The finding of the present silence.
    silence: Option<usize>,
}

struct LastSent(Time);

/// A flow that has to be there: `SRC DST PORT [PERIOD]`.
struct Expected {
    src: Addr,
    dst: Addr,
    port: u16,
    period: Option<Span>,
}

/// `HOST-OR-NET FROM TO`.
struct Maintenance {
    net: IpNet,
    from: Time,
    to: Time,
}

const CAPS: Caps = Caps {
    keys: 20_000,
    entries: 1_000_000,
};
/// Observations that gaps are judged by.
const REMEMBERED: usize = 32;
const COALESCE: Span = Span(SECOND);
const PERIODS: (Span, Span) = (Span(SECOND), Span::seconds(3600));
const BASE: i64 = 50;
const HOST_ALIVE: i64 = 25;
const HOST_DARK: i64 = -20;
const DETECTION_BEFORE: i64 = 15;
const BEFORE: Span = Span::seconds(900);
const COLLECTOR_FLOWS: usize = 3;
const COLLECTOR: i64 = 45;

pub(crate) fn make(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    Box::new(Telemetry {
        rule,
        observations: config.telemetry_observations.0 as usize,
        factor: config.telemetry_factor.0 as i64,
        floor: config.telemetry_floor,
        expected: config
            .telemetry_expect
            .iter()
            .filter_map(|text| Expected::parse(text))
            .collect(),
        maintenance: config
            .telemetry_maintenance
            .iter()
            .filter_map(|text| Maintenance::parse(text))
            .collect(),
        flows: Table::new(CAPS),
        hosts: Table::new(CAPS),
        deadlines: BTreeSet::new(),
        dark: Map::default(),
    })
}

// === impl Telemetry ===

impl Detector for Telemetry {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        match &event.body {
            Body::Sighting(seen) => {
                let key = FlowKey {
                    src: seen.src,
                    dst: seen.dst,
                    port: seen.dport,
                    proto: seen.proto,
                };
                if self.is_watched(&key) {
                    self.seen(event.at, key, cx);
                } else {
                    self.sent_otherwise(event.at, seen.src, cx);
                }
            }
            Body::Heartbeat(beat) => {
                let key = FlowKey {
                    src: beat.src,
                    dst: beat.src,
                    port: 0,
                    proto: Proto::Other,
                };
                self.seen(event.at, key, cx);
            }
            _ => {}
        }
    }

    fn advance(&mut self, now: Time, cx: &mut Cx<'_>) {
        while let Some(&(deadline, key)) = self.deadlines.first() {
            if deadline >= now {
                break;
            }
            self.deadlines.pop_first();
            let current = self.flows.peek(&key).and_then(|flow| flow.deadline);
            if current == Some(deadline) {
                self.silent(deadline, key, now, cx);
            }
        }
    }

    fn finish(&mut self, end: Time, cx: &mut Cx<'_>) {
        self.advance(end, cx);
    }

    fn evicted(&self) -> u64 {
        self.flows.evicted() + self.hosts.evicted()
    }
}

impl Telemetry {
    fn is_watched(&self, key: &FlowKey) -> bool {
        let port = PORTS.contains(&key.port) && matches!(key.proto, Proto::Tcp | Proto::Udp);
        port || self.expected.iter().any(|expected| expected.is(key))
    }

    fn seen(&mut self, at: Time, key: FlowKey, cx: &mut Cx<'_>) {
        self.hosts.update(&key.src, || LastSent(Time(i64::MIN)), |_| ());
        let fixed = self
            .expected
            .iter()
            .find(|expected| expected.is(&key))
            .and_then(|expected| expected.period);
        let (enough, factor, floor) = (self.observations, self.factor, self.floor);
        let (recovered, old, new) = self.flows.update(&key, Flow::new, |flow| {
            let recovered = flow.silence.take();
            if flow.seen.back().is_some_and(|last| at.since(*last) < COALESCE) {
                return (recovered, None, None);
            }
            flow.observe(at);
            flow.period = fixed.or_else(|| flow.regular(enough));
            let old = flow.deadline.take();
            flow.deadline = flow
                .period
                .map(|period| at.plus(Span(period.0.saturating_mul(factor)).max(floor)));
            (recovered, old, flow.deadline)
        });
        if let Some(old) = old {
            self.deadlines.remove(&(old, key));
        }
        if let Some(new) = new {
            self.deadlines.insert((new, key));
        }
        if let Some(finding) = recovered.and_then(|finding| cx.ledger.get_mut(finding)) {
            finding.evidence.insert("recovered_ts".to_owned(), at.rfc3339().into());
        }
    }

    /// The host of a watched flow sent something else: it lives.
    fn sent_otherwise(&mut self, at: Time, src: Addr, cx: &mut Cx<'_>) {
        self.hosts.update_if_there(&src, |last| last.0 = at);
        for key in self.dark.remove(&src).unwrap_or_default() {
            let state = self.flows.peek(&key).filter(|flow| flow.silence.is_some());
            if let Some((Some(last_seen), Some(period))) = state.map(|flow| (flow.seen.back().copied(), flow.period)) {
                self.raise(key, last_seen, period, at, cx);
            }
        }
    }

    fn silent(&mut self, deadline: Time, key: FlowKey, now: Time, cx: &mut Cx<'_>) {
        let state = self.flows.update_if_there(&key, |flow| {
            flow.deadline = None;
            (flow.seen.back().copied(), flow.period)
        });
        let Some((Some(last_seen), Some(period))) = state else {
            return;
        };
        if self
            .maintenance
            .iter()
            .any(|maintenance| maintenance.covers(&key, deadline))
        {
            return;
        }
        match self.collector_flows(&key, last_seen, period) {
            Some(flows) => self.collector(&key, last_seen, period, &flows, now, cx),
            None => self.raise(key, last_seen, period, now, cx),
        }
    }

    /// All regular flows to the same collector, if they are many and fell silent with this one.
    fn collector_flows(&self, key: &FlowKey, last_seen: Time, period: Span) -> Option<Vec<FlowKey>> {
        let to_it = self
            .flows
            .iter()
            .filter(|(other, flow)| other.dst == key.dst && flow.period.is_some());
        let mut flows = Vec::new();
        for (other, flow) in to_it {
            let last = *flow.seen.back()?;
            if last.since(last_seen).0.abs() > period.0 {
                return None;
            }
            flows.push(*other);
        }
        (flows.len() >= COLLECTOR_FLOWS).then_some(flows)
    }

    fn collector(
        &mut self,
        key: &FlowKey,
        last_seen: Time,
        period: Span,
        flows: &[FlowKey],
        now: Time,
        cx: &mut Cx<'_>,
    ) {
        let hit = Match {
            key: format!("collector {}", key.dst),
            source: Source::Ip(key.dst),
            at: now,
            confidence: Confidence::new(COLLECTOR),
            count: flows.len() as u64,
            target: Some(Target {
                ip: key.dst,
                port: key.port,
            }),
        };
        let raised = cx.raise(&self.rule, hit, || Details {
            first: Some(last_seen),
            breakdown: vec![Part::new("collector_silent", COLLECTOR)],
            window: period,
            threshold: COLLECTOR_FLOWS as u64,
            category: Some("collector_silent".to_owned()),
            evidence: evidence(last_seen, period),
            ..Details::default()
        });
        for flow in flows {
            self.remember(flow, raised, false);
        }
    }

    fn raise(&mut self, key: FlowKey, last_seen: Time, period: Span, now: Time, cx: &mut Cx<'_>) {
        let alive = self.hosts.peek(&key.src).is_some_and(|sent| sent.0 > last_seen);
        let mut parts = vec![Part::new("base", BASE)];
        parts.push(if alive {
            Part::new("host_alive", HOST_ALIVE)
        } else {
            Part::new("host_dark", HOST_DARK)
        });
        if cx.ledger.involves(key.src, last_seen.minus(BEFORE), now, &self.rule.id) {
            parts.push(Part::new("detection_before", DETECTION_BEFORE));
        }
        let hit = Match {
            key: format!("{},{},port {}/{}", key.src, key.dst, key.port, key.proto.name()),
            source: Source::Ip(key.src),
            at: now,
            confidence: Confidence::new(parts.iter().map(|part| part.value).sum()),
            count: 1,
            target: Some(Target {
                ip: key.dst,
                port: key.port,
            }),
        };
        let raised = cx.raise(&self.rule, hit, || Details {
            first: Some(last_seen),
            breakdown: parts,
            window: period,
            threshold: self.observations as u64,
            evidence: evidence(last_seen, period),
            ..Details::default()
        });
        self.remember(&key, raised, !alive);
    }

    fn remember(&mut self, key: &FlowKey, raised: Raised, dark: bool) {
        if let Raised::New(finding) | Raised::Folded(finding) = raised {
            let old = self.flows.update_if_there(key, |flow| {
                flow.silence = Some(finding);
                flow.deadline.take()
            });
            if let Some(Some(old)) = old {
                self.deadlines.remove(&(old, *key));
            }
            if dark {
                self.dark.entry(key.src).or_default().push(*key);
            }
        }
    }
}

fn evidence(last_seen: Time, period: Span) -> serde_json::Map<String, serde_json::Value> {
    [
        ("last_seen".to_owned(), last_seen.rfc3339().into()),
        ("period_seconds".to_owned(), period.as_seconds().into()),
    ]
    .into_iter()
    .collect()
}

// === impl Flow ===

impl Flow {
    fn new() -> Self {
        Self {
            seen: VecDeque::new(),
            count: 0,
            period: None,
            deadline: None,
            silence: None,
        }
    }

    fn observe(&mut self, at: Time) {
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(at);
        self.count += 1;
    }

    /// The period, if there is one.
    fn regular(&self, enough: usize) -> Option<Span> {
        if self.count < enough {
            return None;
        }
        let mut gaps: Vec<i64> = self
            .seen
            .iter()
            .zip(self.seen.iter().skip(1))
            .map(|(a, b)| b.since(*a).0)
            .collect();
        let period = median(&mut gaps)?;
        let mut off: Vec<i64> = gaps.iter().map(|gap| (gap - period).abs()).collect();
        let spread = median(&mut off)?;
        let in_range = Span(period) >= PERIODS.0 && Span(period) <= PERIODS.1;
        (in_range && spread.saturating_mul(4) <= period).then_some(Span(period))
    }
}

impl Held for Flow {
    fn entries(&self) -> usize {
        self.seen.len()
    }
    fn is_hot(&self) -> bool {
        self.period.is_some()
    }
}

impl Held for LastSent {}

fn median(values: &mut [i64]) -> Option<i64> {
    values.sort_unstable();
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        len if len % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2),
    }
}

// === impl Expected ===

impl Expected {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        Some(Self {
            src: words.next()?.parse().ok()?,
            dst: words.next()?.parse().ok()?,
            port: words.next()?.parse().ok()?,
            period: words.next().and_then(Span::parse),
        })
    }

    fn is(&self, key: &FlowKey) -> bool {
        (self.src, self.dst, self.port) == (key.src, key.dst, key.port)
    }
}

// === impl Maintenance ===

impl Maintenance {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let host = words.next()?;
        let net = host
            .parse()
            .ok()
            .or_else(|| host.parse::<Addr>().ok().map(|addr| addr.ip().into()))?;
        Some(Self {
            net,
            from: Time::parse_rfc3339(words.next()?)?,
            to: Time::parse_rfc3339(words.next()?)?,
        })
    }

    fn covers(&self, key: &FlowKey, at: Time) -> bool {
        let host = self.net.contains(&key.src.ip()) || self.net.contains(&key.dst.ip());
        host && at >= self.from && at <= self.to
    }
}

/// Watched hosts, for the sensor to know whose packets matter.
pub(crate) fn is_watched_port(port: u16) -> bool {
    PORTS.contains(&port)
}
