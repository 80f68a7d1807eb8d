//! The engine: input in, in any order a little off; findings and a verdict out.

use std::sync::Arc;

use crate::addr::Addr;
use crate::agent::{Checker, Verdict};
use crate::catalogue::BUILT_IN;
use crate::config::{Allow, Config};
use crate::detector::{Cx, Detector};
use crate::event::{Body, Call, Event, Kind, Sighting};
use crate::finding::Finding;
use crate::flow::{Carried, FlowRecord, Packet, Tracker};
use crate::http::login::Logins;
use crate::incident::{self, Incident};
use crate::intel::Intel;
use crate::ledger::Ledger;
use crate::net::telemetry::is_watched_port;
use crate::reorder::Reorder;
use crate::report::{Bar, Conclusion, Counters, settle};
use crate::rule::{Family, Rule};
use crate::rules::{Definition, Ruleset, Running};
use crate::table::{Caps, Held, Table};
use crate::time::{Span, Time};
use crate::world::{Nets, World};

/// What an engine is made with.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    pub config: Config,
    pub intel: Intel,
    pub rules: Ruleset,
    /// Only these rules, when not empty.
    pub only: Vec<String>,
}

/// What a running engine has to tell.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// New findings, and old ones that grew: the same id may come again.
    pub findings: Vec<Finding>,
    /// Incidents these findings belong to, as they stand.
    pub incidents: Vec<Incident>,
}

/// What kind of input comes; the report lists the rules that can fire on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    Packets,
    /// Flow records, written when a flow ends: far out of order.
    Flows,
    Http,
    Tools,
    Events,
}

/// Everything that decides.
pub struct Engine {
    config: Config,
    input: Input,
    waiting: Reorder<Waiting>,
    tracker: Tracker,
    world: World,
    ledger: Ledger,
    detectors: Vec<Runner>,
    by_kind: [Vec<usize>; Kind::ALL.len()],
    custom: Running,
    checker: Checker,
    logins: Logins,
    allow: Vec<Allow>,
    excluded: Nets,
    /// Hosts whose every packet the watch for silence wants to see.
    watched: Table<Addr, Watched>,
    told: Vec<(Time, Body)>,
    counters: Counters,
    first: Option<Time>,
    last: Time,
}

struct Runner {
    rule: Arc<Rule>,
    detector: Box<dyn Detector>,
}

enum Waiting {
    Packet(Packet),
    Record(FlowRecord),
    Event(Box<Event>),
}

struct Watched;

/// Captures wait so long for what is out of order; flow records longer.
const WAIT: Span = Span::seconds(10);
const WAIT_FLOWS: Span = Span::seconds(3600);
const WAIT_CAP: usize = 262_144;
/// What arrives as it happens is soon complete.
const WAIT_LIVE: Span = Span::seconds(2);
const WAIT_LIVE_CAP: usize = 65_536;
const WATCHED: Caps = Caps {
    keys: 20_000,
    entries: usize::MAX,
};
/// Findings of a running engine are remembered for so long; stages shown before do not count for predictions.
const REMEMBERED: Span = Span::seconds(24 * 3600);
/// What our own enforcement caused.
const ENFORCED: &str = "decnet_enforced";

// === impl Engine ===

impl Engine {
    pub fn new(setup: Setup, input: Input) -> Self {
        let Setup {
            config,
            intel,
            rules,
            only,
        } = setup;
        let wanted = |rule: &Rule| {
            let named = |list: &[String]| list.iter().any(|id| rule.is_called(id));
            (only.is_empty() || named(&only)) && !named(&config.disabled)
        };
        let mut by_kind: [Vec<usize>; Kind::ALL.len()] = Default::default();
        let mut detectors = Vec::new();
        for built_in in BUILT_IN {
            let (rule, detector) = built_in.detector(&config);
            if wanted(&rule) {
                built_in
                    .kinds
                    .iter()
                    .for_each(|kind| by_kind[*kind as usize].push(detectors.len()));
                detectors.push(Runner { rule, detector });
            }
        }
        let known = rules.iter().filter_map(Definition::known).collect::<Vec<_>>();
        let mut ledger = Ledger::new(config.cooldown, config.allow.clone());
        for built_in in BUILT_IN {
            built_in.ground(&mut ledger.grounds);
        }
        for definition in rules.iter() {
            ledger.grounds.know(&definition.rule, definition.kinds());
        }
        Self {
            input,
            waiting: Reorder::new(if input == Input::Flows { WAIT_FLOWS } else { WAIT }, WAIT_CAP),
            tracker: Tracker::new(),
            world: World::new(&config, intel),
            ledger,
            detectors,
            by_kind,
            custom: Running::new(&rules, wanted, config.cooldown),
            checker: Checker::new(&config, wanted, known.into_iter()),
            logins: Logins::new(&config),
            allow: config
                .allow
                .iter()
                .filter(|allow| allow.rule.is_none())
                .cloned()
                .collect(),
            excluded: Nets::new(config.exclude_sources.clone()),
            watched: Table::new(WATCHED),
            told: Vec::new(),
            counters: Counters::default(),
            first: None,
            last: Time(i64::MIN),
            config,
        }
    }

    /// An engine for what arrives as it happens: to be told the time ([`Engine::tick`]), and asked for its news.
    pub fn live(setup: Setup, input: Input) -> Self {
        Self {
            waiting: Reorder::new(WAIT_LIVE, WAIT_LIVE_CAP),
            ..Self::new(setup, input)
        }
    }

    /// Waits longer for what is out of order than what comes straight from a wire needs.
    pub fn patient(self, wait: Span) -> Self {
        Self {
            waiting: Reorder::new(wait, WAIT_LIVE_CAP),
            ..self
        }
    }

    /// This address is a decoy of that name: the grid has just said so.
    pub fn know_decoy(&mut self, addr: Addr, name: &str) {
        self.world.know_decoy(addr, name);
    }

    /// The clock says it is now: nothing older than a moment is waited for any longer.
    pub fn tick(&mut self, now: Time) {
        let settled = now.minus(WAIT_LIVE);
        while let Some((at, waiting)) = self.waiting.overdue(settled) {
            self.take(at, waiting);
        }
        let mut told = std::mem::take(&mut self.told);
        self.tracker.advance(settled, &mut told);
        self.tell(&mut told);
        self.told = told;
        self.custom.advance(settled, &mut self.ledger);
    }

    /// Judges what needs the whole picture, and lets go of what is past. To be called every few minutes.
    pub fn review(&mut self, now: Time) {
        let mut cx = Cx {
            world: &self.world,
            ledger: &mut self.ledger,
        };
        for running in &mut self.detectors {
            running.detector.review(now, &mut cx);
        }
        self.ledger.forget(now.minus(REMEMBERED));
    }

    /// What was found, and what grew, since this was last asked.
    pub fn news(&mut self) -> News {
        let bar = Bar {
            min_confidence: self.config.min_confidence.0,
            strict_notices: false,
        };
        let mut news = News::default();
        for (id, mut beside) in self.ledger.news() {
            settle(&mut beside, bar);
            let incidents = incident::gather(&beside);
            let whole = incidents.into_iter().find(|incident| incident.findings.contains(&id));
            news.incidents
                .retain(|known: &Incident| whole.as_ref().is_none_or(|whole| whole.id != known.id));
            news.incidents.extend(whole);
            news.findings
                .extend(beside.into_iter().find(|finding| finding.id == id));
        }
        news
    }

    /// Findings made so far.
    pub fn findings(&self) -> usize {
        self.ledger.made()
    }

    /// What was skipped, dropped or passed over so far.
    pub fn so_far(&self) -> Counters {
        let mut counters = self.counters.clone();
        self.count(&mut counters);
        counters
    }

    fn count(&self, counters: &mut Counters) {
        counters.late = self.waiting.late();
        let evicted: u64 = self.detectors.iter().map(|running| running.detector.evicted()).sum();
        counters.evicted = evicted + self.tracker.evicted() + self.custom.evicted() + self.checker.evicted();
        counters.allowed += self.ledger.allowed;
        counters.findings_dropped = self.ledger.overflow;
    }

    pub fn counters(&mut self) -> &mut Counters {
        &mut self.counters
    }

    /// The rules that run, built-in ones first.
    pub fn rules(&self) -> Vec<Arc<Rule>> {
        let built_in = self.detectors.iter().map(|running| running.rule.clone());
        built_in
            .chain(self.checker.rules())
            .chain(self.custom.rules())
            .collect()
    }

    pub fn packet(&mut self, packet: Packet) {
        self.waiting.push(packet.at, Waiting::Packet(packet));
        self.release();
    }

    pub fn flow(&mut self, record: FlowRecord) {
        self.waiting.push(record.at, Waiting::Record(record));
        self.release();
    }

    pub fn event(&mut self, event: Event) {
        self.waiting.push(event.at, Waiting::Event(Box::new(event)));
        self.release();
    }

    /// Judges a tool call at once; calls come in order of time.
    pub fn check(&mut self, at: Time, call: &Call) -> Verdict {
        self.pass(at);
        if self.is_call_allowed(at, call) {
            self.counters.allowed += 1;
            return Verdict::allow();
        }
        let event = Event::new(at, "tools", Body::Tool(Box::new(call.clone())));
        self.show_custom(&event);
        let verdict = self.checker.check(&event, call, &self.config, &mut self.ledger);
        self.chain(&event);
        verdict
    }

    /// The input is over.
    pub fn finish(mut self) -> Conclusion {
        while let Some((at, waiting)) = self.waiting.drain() {
            self.take(at, waiting);
        }
        let end = self.last.max(self.first.unwrap_or(Time(0)));
        let mut told = std::mem::take(&mut self.told);
        self.tracker.finish(&self.world.home, &mut told);
        self.tell(&mut told);
        let mut cx = Cx {
            world: &self.world,
            ledger: &mut self.ledger,
        };
        for running in &mut self.detectors {
            running.detector.finish(end, &mut cx);
        }
        self.custom.finish(end, &mut self.ledger);
        let counters = self.so_far();
        let families = self.input.families();
        let rules = self
            .rules()
            .into_iter()
            .filter(|rule| families.contains(&rule.family))
            .collect();
        Conclusion {
            rules,
            first: self.first,
            last: self.first.map(|_| self.last),
            counters,
            min_confidence: self.config.min_confidence.0,
            findings: self.ledger.into_findings(),
        }
    }

    fn release(&mut self) {
        while let Some((at, waiting)) = self.waiting.pop() {
            self.take(at, waiting);
        }
    }

    fn take(&mut self, at: Time, waiting: Waiting) {
        self.pass(at);
        let mut told = std::mem::take(&mut self.told);
        match waiting {
            Waiting::Packet(packet) => {
                self.tracker.packet(&packet, &self.world.home, &mut told);
                self.tell(&mut told);
                self.sight(&packet);
            }
            Waiting::Record(record) => {
                self.tracker.record(&record, &self.world.home, &mut told);
                self.tell(&mut told);
            }
            Waiting::Event(event) => self.take_event(*event),
        }
        self.told = told;
    }

    /// Time has come this far.
    fn pass(&mut self, now: Time) {
        self.first.get_or_insert(now);
        self.last = self.last.max(now);
        let mut told = std::mem::take(&mut self.told);
        self.tracker.advance(now, &mut told);
        self.tell(&mut told);
        self.told = told;
        let ticking = self.by_kind[Kind::Packet as usize].first().copied();
        if let Some(running) = ticking.map(|index| &mut self.detectors[index]) {
            let mut cx = Cx {
                world: &self.world,
                ledger: &mut self.ledger,
            };
            running.detector.advance(now, &mut cx);
        }
        self.custom.advance(now, &mut self.ledger);
        // What time alone brought about has no event that others could follow it by.
        self.ledger.fresh();
    }

    fn tell(&mut self, told: &mut Vec<(Time, Body)>) {
        for (at, body) in told.drain(..) {
            if let Body::Attempt(attempt) = &body {
                self.world.learn(attempt);
            }
            self.show(&Event::new(at, self.input.sensor(), body));
        }
    }

    fn take_event(&mut self, event: Event) {
        if event.tags.iter().any(|tag| tag == ENFORCED) {
            self.counters.excluded += 1;
            return;
        }
        if let Body::Tool(call) = &event.body {
            self.check(event.at, call);
            return;
        }
        if let Body::Attempt(attempt) = &event.body {
            self.world.learn(attempt);
        }
        let login = self.logins.of(&event);
        self.show(&event);
        if let Some(login) = login {
            self.show(&login);
        }
    }

    /// Shows an event to the detectors that want its kind, unless its source is allowed.
    fn show(&mut self, event: &Event) {
        if self.is_left_out(event) {
            return;
        }
        self.ledger.grounds.show(event);
        for &index in &self.by_kind[event.kind() as usize] {
            let mut cx = Cx {
                world: &self.world,
                ledger: &mut self.ledger,
            };
            self.detectors[index].detector.observe(event, &mut cx);
        }
        self.show_custom(event);
        self.ledger.grounds.show_none();
    }

    fn show_custom(&mut self, event: &Event) {
        self.custom.observe(event, &mut self.ledger);
        self.chain(event);
    }

    /// Shows rules that refer to others what those found because of this event.
    fn chain(&mut self, event: &Event) {
        for rule in self.ledger.fresh() {
            self.custom.found(&rule, event, &mut self.ledger);
        }
    }

    fn sight(&mut self, packet: &Packet) {
        let (dport, proto) = match packet.carried {
            Carried::Tcp { dport, .. } => (dport, crate::event::Proto::Tcp),
            Carried::Udp { dport, .. } => (dport, crate::event::Proto::Udp),
            _ => (0, crate::event::Proto::Other),
        };
        if is_watched_port(dport) || !self.config.telemetry_expect.is_empty() {
            self.watched.update(&packet.src, || Watched, |_| ());
        } else if self.watched.len() == 0 || self.watched.peek(&packet.src).is_none() {
            return;
        }
        let sighting = Sighting {
            src: packet.src,
            dst: packet.dst,
            dport,
            proto,
        };
        self.show(&Event::new(packet.at, self.input.sensor(), Body::Sighting(sighting)));
    }

    fn is_left_out(&mut self, event: &Event) -> bool {
        let Some(src) = event.src() else { return false };
        if self.excluded.contains(src) {
            self.counters.excluded += 1;
            return true;
        }
        let user = match &event.body {
            Body::Auth(auth) => auth.user.as_str(),
            Body::Http(http) => http.user.as_str(),
            _ => "",
        };
        let allowed = self.allow.iter().any(|allow| {
            let current = allow.until.is_none_or(|until| event.at <= until);
            let net = allow.net.is_none_or(|net| net.contains(&src.ip()));
            let user = allow.user.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(user));
            current && net && user && allow.agent.is_none()
        });
        self.counters.allowed += u64::from(allowed);
        allowed
    }

    fn is_call_allowed(&self, at: Time, call: &Call) -> bool {
        self.allow.iter().any(|allow| {
            let current = allow.until.is_none_or(|until| at <= until);
            let agent = allow.agent.as_ref().is_some_and(|id| *id == call.agent);
            current && agent && allow.net.is_none() && allow.user.is_none()
        })
    }
}

// === impl Input ===

impl Input {
    fn sensor(self) -> &'static str {
        match self {
            Self::Packets => "pcap",
            Self::Flows => "zeek",
            Self::Http => "http",
            Self::Tools => "tools",
            Self::Events => "events",
        }
    }

    fn families(self) -> &'static [Family] {
        match self {
            Self::Packets | Self::Flows => &[Family::Network, Family::Any],
            Self::Http => &[Family::Http, Family::Any],
            Self::Tools => &[Family::Agent],
            Self::Events => &[Family::Network, Family::Http, Family::Agent, Family::Any],
        }
    }
}

impl Held for Watched {}
