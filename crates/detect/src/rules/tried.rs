//! The tests that rules carry.

use std::net::IpAddr;

use serde_json::{Map, Value as Json};

use super::Ruleset;
use super::definition::{Case, Definition};
use crate::addr::Addr;
use crate::engine::{Engine, Input, Setup};
use crate::input::event_from_flat;
use crate::time::Time;

/// How one embedded test went.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Outcome {
    pub rule: String,
    pub name: String,
    pub passed: bool,
    pub expected: u64,
    pub found: u64,
    /// Why it could not be run.
    pub error: Option<String>,
}

/// A test begins then, unless its events say otherwise.
const EPOCH: Time = Time(1_700_000_000_000_000_000);
const MAX_EVENTS: u32 = 100_000;

pub(super) fn run(set: &Ruleset, definition: &Definition) -> Vec<Outcome> {
    definition.tests.iter().map(|case| one(set, definition, case)).collect()
}

fn one(set: &Ruleset, definition: &Definition, case: &Case) -> Outcome {
    let found = findings(set, definition, case);
    let count = found.as_ref().copied().unwrap_or(0);
    Outcome {
        rule: definition.rule.id.clone(),
        name: case.name.clone(),
        passed: found.is_ok() && count == case.expect,
        expected: case.expect,
        found: count,
        error: found.err(),
    }
}

fn findings(set: &Ruleset, definition: &Definition, case: &Case) -> Result<u64, String> {
    let setup = Setup {
        rules: set.clone(),
        only: vec![definition.rule.id.clone()],
        ..Setup::default()
    };
    let mut engine = Engine::new(setup, Input::Events);
    let mut at = EPOCH;
    for turn in 0..case.repeat.min(MAX_EVENTS) {
        for event in &case.events {
            let event = event_from_flat(varied(event, case, turn, at)).map_err(|error| error.to_string())?;
            at = event.at.plus(case.step);
            engine.event(event);
        }
    }
    let conclusion = engine.finish();
    Ok(conclusion
        .findings
        .iter()
        .filter(|(finding, _)| finding.rule == definition.rule.id)
        .count() as u64)
}

fn varied(event: &Map<String, Json>, case: &Case, turn: u32, at: Time) -> Map<String, Json> {
    let mut event = event.clone();
    event.entry("ts").or_insert_with(|| at.rfc3339().into());
    for (field, pattern) in &case.vary {
        event.insert(field.clone(), vary(pattern, turn).into());
    }
    event
}

/// `10.0.1.1+` counts addresses up, `1000+` numbers, `a,b,c` goes round.
fn vary(pattern: &str, turn: u32) -> String {
    let Some(first) = pattern.strip_suffix('+') else {
        let items: Vec<&str> = pattern.split(',').map(str::trim).collect();
        return items[turn as usize % items.len()].to_owned();
    };
    if let Ok(addr) = first.parse::<Addr>() {
        return match addr.ip() {
            IpAddr::V4(v4) => std::net::Ipv4Addr::from(u32::from(v4).wrapping_add(turn)).to_string(),
            IpAddr::V6(v6) => std::net::Ipv6Addr::from(u128::from(v6).wrapping_add(turn.into())).to_string(),
        };
    }
    match first.parse::<u64>() {
        Ok(number) => (number + u64::from(turn)).to_string(),
        Err(_) => format!("{first}{turn}"),
    }
}
