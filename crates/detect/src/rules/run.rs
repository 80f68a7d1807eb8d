//! Rules at work: events in, matches from rule to rule, findings out.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::Ruleset;
use super::condition::Both;
use super::definition::{Definition, Feed, Logic};
use super::field::{Fields, Value};
use super::logic::{Fed, Fired, State};
use super::suppress::Told;
use crate::event::{Body, Event, Kind};
use crate::finding::{Part, Source, Target};
use crate::ledger::{Details, Ledger, Match};
use crate::rule::{Confidence, Rule};
use crate::table::{Caps, Held, Table};
use crate::time::{Span, Time};

/// All rules that run.
pub(crate) struct Running {
    rules: Vec<Live>,
    by_kind: [Vec<usize>; Kind::ALL.len()],
    /// Who listens to each rule.
    listeners: Vec<Vec<usize>>,
    /// Who listens to rules that run elsewhere, by the name they are called by.
    outside: Vec<(String, usize)>,
    timers: BTreeSet<(Time, usize, String)>,
    cooldown: Span,
}

struct Live {
    definition: Arc<Definition>,
    groups: Table<String, State>,
    told: Table<String, Told>,
}

const GROUPS: Caps = Caps {
    keys: 100_000,
    entries: 1_000_000,
};
/// Rules that match because of one event, one after the other.
const MAX_CHAIN: usize = 64;

/// A rule that others may refer to.
struct Caller {
    id: String,
    name: String,
}

/// A rule that matched.
struct Matched {
    rule: usize,
    key: String,
    fired: Fired,
}

// === impl Running ===

impl Running {
    pub(crate) fn new(set: &Ruleset, wanted: impl Fn(&Rule) -> bool, cooldown: Span) -> Self {
        let all: Vec<Arc<Definition>> = set
            .definitions
            .iter()
            .filter(|definition| !matches!(definition.logic, Logic::Playbook(_)))
            .filter(|definition| definition.silent || wanted(&definition.rule))
            .cloned()
            .collect();
        let mut by_kind: [Vec<usize>; Kind::ALL.len()] = Default::default();
        let mut listeners = vec![Vec::new(); all.len()];
        let mut outside = Vec::new();
        for (index, definition) in all.iter().enumerate() {
            if let Feed::Events { kinds, .. } = &definition.feed {
                kinds.iter().for_each(|kind| by_kind[*kind as usize].push(index));
            }
            for name in definition.refers_to() {
                match all.iter().position(|other| other.is_called(name)) {
                    Some(other) => listeners[other].push(index),
                    None => outside.push((name.to_owned(), index)),
                }
            }
        }
        let live = |definition| Live {
            definition,
            groups: Table::new(GROUPS),
            told: Table::new(GROUPS),
        };
        Self {
            rules: all.into_iter().map(live).collect(),
            by_kind,
            listeners,
            outside,
            timers: BTreeSet::new(),
            cooldown,
        }
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = Arc<Rule>> + '_ {
        let loud = self.rules.iter().filter(|live| !live.definition.silent);
        loud.map(|live| live.definition.rule.clone())
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.rules
            .iter()
            .map(|live| live.groups.evicted() + live.told.evicted())
            .sum()
    }

    pub(crate) fn observe(&mut self, event: &Event, ledger: &mut Ledger) {
        let wanting = std::mem::take(&mut self.by_kind[event.kind() as usize]);
        let mut matched = VecDeque::new();
        for &rule in &wanting {
            matched.extend(self.feed(rule, event, None));
        }
        self.by_kind[event.kind() as usize] = wanting;
        self.follow(matched, event, ledger);
    }

    /// A rule that runs elsewhere found something because of this event.
    pub(crate) fn found(&mut self, rule: &Rule, event: &Event, ledger: &mut Ledger) {
        let listening: Vec<usize> = self
            .outside
            .iter()
            .filter(|(name, _)| rule.is_called(name))
            .map(|(_, index)| *index)
            .collect();
        let caller = Caller {
            id: rule.id.clone(),
            name: rule.detection.clone(),
        };
        let matched = listening
            .into_iter()
            .filter_map(|index| self.feed(index, event, Some(&caller)))
            .collect();
        self.follow(matched, event, ledger);
    }

    /// Raises what matched, and shows it to those who listen.
    fn follow(&mut self, mut matched: VecDeque<Matched>, event: &Event, ledger: &mut Ledger) {
        for _ in 0..MAX_CHAIN {
            let Some(hit) = matched.pop_front() else { break };
            self.raise(&hit, Some(event), event.at, ledger);
            let definition = &self.rules[hit.rule].definition;
            let caller = Caller {
                id: definition.rule.id.clone(),
                name: definition.name.clone(),
            };
            for listener in self.listeners[hit.rule].clone() {
                matched.extend(self.feed(listener, event, Some(&caller)));
            }
        }
    }

    /// Judges what is overdue.
    pub(crate) fn advance(&mut self, now: Time, ledger: &mut Ledger) {
        while self.timers.first().is_some_and(|(due, ..)| *due < now) {
            let Some((due, rule, key)) = self.timers.pop_first() else {
                break;
            };
            let live = &mut self.rules[rule];
            let logic = &live.definition.logic;
            let fired = live.groups.update_if_there(&key, |state| {
                if state.due == Some(due) {
                    state.overdue(logic, due)
                } else {
                    None
                }
            });
            if let Some(fired) = fired.flatten() {
                self.raise(&Matched { rule, key, fired }, None, due, ledger);
            }
        }
    }

    /// Windows that closed with the input are judged; what is missing only because the input ended is not.
    pub(crate) fn finish(&mut self, end: Time, ledger: &mut Ledger) {
        self.advance(end, ledger);
        let open: Vec<_> = self.timers.iter().cloned().collect();
        for (due, rule, key) in open {
            let live = &mut self.rules[rule];
            let logic = &live.definition.logic;
            if !matches!(logic, Logic::Threshold { .. }) {
                continue;
            }
            let fired = live
                .groups
                .update_if_there(&key, |state| state.overdue(logic, due))
                .flatten();
            if let Some(fired) = fired {
                self.raise(&Matched { rule, key, fired }, None, end, ledger);
            }
        }
    }

    fn feed(&mut self, rule: usize, event: &Event, told: Option<&Caller>) -> Option<Matched> {
        let live = &mut self.rules[rule];
        let definition = live.definition.clone();
        let mut place = 0;
        match (&definition.feed, told) {
            (Feed::Events { condition, except, .. }, None) => {
                let excepted = except.as_ref().is_some_and(|except| except.holds(event));
                let is_sequence = matches!(definition.logic, Logic::Sequence { .. });
                if excepted || (!condition.holds(event) && !is_sequence) {
                    return None;
                }
            }
            (Feed::Rules { names, .. }, Some(other)) => {
                place = names.iter().position(|name| other.is_called(name))?;
            }
            (Feed::Events { .. }, Some(_)) => {}
            (Feed::Rules { .. }, None) => return None,
        }
        let key = group_key(&definition, event, told)?;
        let rule_names = told.map(|caller| (caller.id.as_str(), caller.name.as_str()));
        let fed = Fed {
            at: event.at,
            fields: event,
            rule: rule_names,
            place,
        };
        let wanted = if let Feed::Rules { names, .. } = &definition.feed {
            names.len()
        } else {
            0
        };
        let (fired, before, after) = live.groups.update(&key, State::default, |state| {
            let before = state.due;
            state.expect(wanted);
            (state.feed(&definition.logic, fed), before, state.due)
        });
        if before != after {
            before.map(|due| self.timers.remove(&(due, rule, key.clone())));
            after.map(|due| self.timers.insert((due, rule, key.clone())));
        }
        fired.map(|fired| Matched { rule, key, fired })
    }

    fn raise(&mut self, hit: &Matched, event: Option<&Event>, at: Time, ledger: &mut Ledger) {
        let live = &mut self.rules[hit.rule];
        let definition = live.definition.clone();
        if definition.silent {
            return;
        }
        let suppress = &definition.suppress;
        let key = match (&suppress.key, event) {
            (Some(fields), Some(event)) => join(fields.iter().map(|field| event.get(field))),
            _ => hit.key.clone(),
        };
        let cooldown = self.cooldown;
        let Some(cooldown) = live
            .told
            .update(&key, Told::default, |told| told.next(suppress, at, cooldown))
        else {
            return;
        };
        let (confidence, parts) = score(&definition, hit.fired.count, event);
        let source = source(&definition, &hit.key, event);
        let target = event.and_then(target);
        let found = Match {
            key,
            source,
            at,
            confidence,
            count: hit.fired.count,
            target,
        };
        ledger.raise_for(&definition.rule, found, Some(cooldown), || Details {
            first: Some(hit.fired.first),
            breakdown: parts,
            window: definition.window(),
            threshold: definition.threshold(),
            evidence: [("group".to_owned(), hit.key.as_str().into())].into_iter().collect(),
            ..Details::default()
        });
    }
}

// === impl Caller ===

impl Caller {
    fn is_called(&self, name: &str) -> bool {
        self.id.eq_ignore_ascii_case(name) || (!self.name.is_empty() && self.name.eq_ignore_ascii_case(name))
    }
}

// === impl Definition ===

impl Definition {
    fn window(&self) -> Span {
        match &self.logic {
            Logic::Threshold { within, .. } | Logic::Sequence { within, .. } | Logic::Together { within } => *within,
            Logic::Match | Logic::Bucket { .. } | Logic::Absence { .. } | Logic::Playbook(_) => Span(0),
        }
    }

    fn threshold(&self) -> u64 {
        match &self.logic {
            Logic::Threshold { count, .. } => count.bounds.threshold(),
            Logic::Bucket { capacity, .. } => *capacity,
            _ => 1,
        }
    }
}

/// The values a rule groups by, as text; none when the event lacks one.
fn group_key(definition: &Definition, event: &Event, told: Option<&Caller>) -> Option<String> {
    let values: Option<Vec<Value<'_>>> = definition
        .group_by
        .iter()
        .map(|field| {
            let aliased = match (&definition.feed, told) {
                (Feed::Rules { aliases, .. }, Some(other)) => aliases.get(field).and_then(|names| {
                    names
                        .iter()
                        .find(|(name, _)| other.is_called(name))
                        .map(|(_, field)| field.as_str())
                }),
                _ => None,
            };
            event.get(aliased.unwrap_or(field))
        })
        .collect();
    Some(join(values?.into_iter().map(Some)))
}

fn join<'a>(values: impl Iterator<Item = Option<Value<'a>>>) -> String {
    let texts: Vec<String> = values
        .map(|value| value.map(|value| value.text().into_owned()).unwrap_or_default())
        .collect();
    texts.join(",")
}

struct Count(u64);

impl Fields for Count {
    fn get(&self, name: &str) -> Option<Value<'_>> {
        (name == "count").then_some(Value::Number(self.0 as f64))
    }
    fn texts(&self) -> Vec<Cow<'_, str>> {
        Vec::new()
    }
}

fn score(definition: &Definition, count: u64, event: Option<&Event>) -> (Confidence, Vec<Part>) {
    let mut parts = vec![Part::new("base", definition.emit.confidence)];
    let count = Count(count);
    for adjust in &definition.emit.adjust {
        let holds = match event {
            Some(event) => adjust.when.holds(&Both(&count, event)),
            None => adjust.when.holds(&count),
        };
        if holds {
            parts.push(Part::new(adjust.id.clone(), adjust.add));
        }
    }
    (Confidence::new(parts.iter().map(|part| part.value).sum()), parts)
}

/// Whose doing it is: the agent or user grouped by, else the event's address.
fn source(definition: &Definition, key: &str, event: Option<&Event>) -> Source {
    let values = || definition.group_by.iter().map(String::as_str).zip(key.split(','));
    let grouped = |wanted: &[&str]| {
        values()
            .find(|(field, _)| wanted.contains(field))
            .map(|(_, value)| value.to_owned())
    };
    if let Some(Body::Tool(call)) = event.map(|event| &event.body) {
        return Source::Agent(call.agent.clone());
    }
    if let Some(agent) = grouped(&["tool.agent_id"]) {
        return Source::Agent(agent);
    }
    if let Some(ip) = grouped(&["src.ip"]).and_then(|text| text.parse().ok()) {
        return Source::Ip(ip);
    }
    if let Some(user) = grouped(&["auth.username", "auth.user", "http.user"]) {
        return Source::User(user);
    }
    match event.and_then(Event::src) {
        Some(src) if definition.group_by.is_empty() => Source::Ip(src),
        _ => Source::Many,
    }
}

fn target(event: &Event) -> Option<Target> {
    let Some(Value::Addr(ip)) = event.get("dst.ip") else {
        return None;
    };
    let port = event.get("dst.port").and_then(|port| port.number()).unwrap_or(0.0);
    Some(Target { ip, port: port as u16 })
}

impl Held for Told {}
