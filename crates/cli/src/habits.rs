//! An attacker's habits, for a person.

use std::net::IpAddr;

use profile::{Behaviour, Category, Deed, Habits};
use serde_json::Value;
use store::StoredEvent;

use crate::feed::clean;
use crate::output::words;

/// What looks on is not what the attacker visits.
pub const ONLOOKERS: [&str; 3] = ["sniffer", "prober", "system"];
/// Agents that are shown; `--json` has them all.
const SHOWN: usize = 5;

/// What these events of `ip` say of it.
pub fn of(ip: IpAddr, events: &[StoredEvent]) -> Habits {
    let reports = events.iter().map(|row| &row.event.report);
    let deeds: Vec<Deed<'_>> = reports
        .filter(|report| !ONLOOKERS.contains(&&*report.service))
        .map(|report| Deed {
            at: i64::try_from(report.at.unix_timestamp_nanos() / 1_000).unwrap_or_default(),
            service: &report.service,
            headers: headers(report.fields.get("headers")),
        })
        .collect();
    profile::habits(ip, &deeds)
}

/// `[[name, value], ...]`, as requests of HTTP are told.
fn headers(told: Option<&Value>) -> Vec<(&str, &str)> {
    told.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(header)
        .collect()
}

fn header(pair: &Value) -> Option<(&str, &str)> {
    match pair.as_array()?.as_slice() {
        [name, value] => Some((name.as_str()?, value.as_str()?)),
        _ => None,
    }
}

/// Lines for a person; none when there is nothing to tell.
pub fn lines(habits: &Habits) -> Vec<String> {
    let mut lines = Vec::new();
    if habits.behaviour != Behaviour::Unknown {
        lines.push(format!("  behaves   {}", words(habits.behaviour)));
    }
    for (service, at) in &habits.services {
        if let (Some(seconds), Some(jitter)) = (at.beacon_interval_s, at.beacon_jitter_pct) {
            lines.push(format!("  beat      every {seconds} s at {service}, {jitter} % astray"));
        }
    }
    if !habits.tools.is_empty() {
        let tools: Vec<_> = habits.tools.iter().copied().collect();
        lines.push(format!("  likely    {}", tools.join(", ")));
    }
    let told = habits
        .agents
        .iter()
        .filter(|(_, agent)| agent.category != Category::Empty);
    for (text, agent) in told.take(SHOWN) {
        let odd: Vec<_> = agent.signals.iter().map(words).collect();
        let odd = if odd.is_empty() {
            String::new()
        } else {
            format!(", {}", odd.join(", "))
        };
        lines.push(format!("  agent     {} ({}{odd})", clean(text), words(agent.category)));
    }
    for claim in &habits.claims {
        let what = format!("{} in {}", claim.claimed, claim.source_header);
        lines.push(format!("  claims    {what} ({})", claim.kind().replace('_', " ")));
    }
    lines
}
