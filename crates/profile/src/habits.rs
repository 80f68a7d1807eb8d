//! All of it together, over what one address did.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Serialize;

use crate::{
    Agent, Behaviour, Claim, Quirks, Rhythm, agent, beacon_tools, behaviour, claim, header_tool, quirks, rhythm,
};

/// Different texts, spellings and claims that are kept.
const KEPT: usize = 32;

/// One thing the address did at a service.
#[derive(Clone, Debug, Default)]
pub struct Deed<'e> {
    /// Microseconds since 1970.
    pub at: i64,
    pub service: &'e str,
    /// Header fields as they were sent; empty for what is no request of HTTP.
    pub headers: Vec<(&'e str, &'e str)>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Habits {
    pub behaviour: Behaviour,
    /// Over all services.
    pub rhythm: Rhythm,
    pub services: BTreeMap<String, AtService>,
    /// By beat and by header, each once.
    pub tools: BTreeSet<&'static str>,
    /// Each User-Agent once, by its text.
    pub agents: BTreeMap<String, Agent>,
    /// Each order and spelling of header names once, by its order's hash.
    pub quirks: BTreeMap<String, Quirks>,
    pub claims: Vec<Claim>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtService {
    pub behaviour: Behaviour,
    pub rhythm: Rhythm,
    /// Seconds between calls, of beacons alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beacon_interval_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beacon_jitter_pct: Option<f64>,
}

/// What the deeds of `source` say of it.
pub fn habits(source: IpAddr, deeds: &[Deed<'_>]) -> Habits {
    let mut times: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for deed in deeds {
        times.entry(deed.service).or_default().push(deed.at);
    }
    let services: BTreeMap<String, AtService> = times
        .iter()
        .map(|(service, times)| ((*service).to_owned(), AtService::of(rhythm(times))))
        .collect();
    let all = rhythm(&deeds.iter().map(|deed| deed.at).collect::<Vec<_>>());
    let mut habits = Habits {
        behaviour: behaviour(&all, services.len()),
        rhythm: all,
        tools: services.values().flat_map(|at| beacon_tools(&at.rhythm)).collect(),
        services,
        agents: BTreeMap::new(),
        quirks: BTreeMap::new(),
        claims: Vec::new(),
    };
    for deed in deeds.iter().filter(|deed| !deed.headers.is_empty()) {
        habits.read(source, &deed.headers);
    }
    habits
}

// === impl Habits ===

impl Habits {
    fn read(&mut self, source: IpAddr, headers: &[(&str, &str)]) {
        self.tools
            .extend(headers.iter().filter_map(|(name, value)| header_tool(name, value)));
        let text = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
        if let Some((_, text)) = text
            && self.agents.len() < KEPT
        {
            self.agents.entry((*text).to_owned()).or_insert_with(|| agent(text));
        }
        if let Some(seen) = quirks(headers.iter().map(|(name, _)| *name))
            && self.quirks.len() < KEPT
        {
            self.quirks.entry(seen.order_hash.clone()).or_insert(seen);
        }
        if let Some(claim) = claim(headers.iter().copied(), source, &[])
            && self.claims.len() < KEPT
            && !self.claims.contains(&claim)
        {
            self.claims.push(claim);
        }
    }
}

// === impl AtService ===

impl AtService {
    fn of(rhythm: Rhythm) -> Self {
        let behaviour = behaviour(&rhythm, 1);
        let beacons = behaviour == Behaviour::Beaconing;
        Self {
            behaviour,
            beacon_interval_s: rhythm.mean.filter(|_| beacons),
            beacon_jitter_pct: rhythm.jitter_pct().filter(|_| beacons),
            rhythm,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeds_at_several_services_are_told_each_and_together() {
        let request = |second: i64| Deed {
            at: second * 1_000_000,
            service: "http",
            headers: vec![
                ("Host", "a"),
                ("User-Agent", "curl/8.5.0"),
                ("Accept", "*/*"),
                ("X-Forwarded-For", "8.8.8.8"),
            ],
        };
        let login = |second: i64| Deed {
            at: second * 1_000_000,
            service: "ssh",
            ..Deed::default()
        };
        let mut deeds: Vec<_> = [0, 60, 120, 183, 240].map(request).into();
        deeds.extend([10, 11].map(login));
        let habits = habits("203.0.113.7".parse().unwrap(), &deeds);
        assert_eq!(habits.behaviour, Behaviour::SlowScan);
        let http = &habits.services["http"];
        assert_eq!(
            (http.behaviour, http.beacon_interval_s),
            (Behaviour::Beaconing, Some(60.0))
        );
        assert_eq!(http.beacon_jitter_pct, Some(3.54));
        assert_eq!(habits.services["ssh"].behaviour, Behaviour::Unknown);
        assert_eq!(habits.tools, BTreeSet::from(["curl"]));
        assert_eq!(habits.agents["curl/8.5.0"].tool, Some("curl"));
        assert_eq!(habits.quirks["b1c589ad3fbc85b1"].tool_guess, Some("curl"));
        assert_eq!(habits.claims.len(), 1);
        assert_eq!(habits.claims[0].kind(), "ip_leak");
    }
}
