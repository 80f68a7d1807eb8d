//! What a finding rests on: connections that stood, or what anybody can send in somebody else's name.

mod common;

use common::{Scene, addr, host};
use detect::{Auth, Body, Decoy, Finding};

const EVE: &str = "203.0.113.7";

fn touch(service: &str, kind: &str) -> Body {
    Body::Decoy(Box::new(Decoy {
        src: addr(EVE),
        dst: None,
        decoy: "web".to_owned(),
        service: service.to_owned(),
        kind: kind.to_owned(),
        user: String::new(),
        secret: String::new(),
        text: String::new(),
    }))
}

fn established(findings: &[Finding]) -> Vec<u8> {
    findings.iter().map(|finding| finding.established.value()).collect()
}

#[test]
fn scans_count_attempts_and_establish_nothing_even_when_they_were_answered() {
    let mut net = Scene::new();
    for n in 0..30u16 {
        net.syn(i64::from(n) * 100, EVE, 40_000 + n, &host(false, 9, n.into()), 445);
        net.talk(
            60_000 + i64::from(n) * 100,
            EVE,
            50_000 + n,
            &host(false, 9, n.into()),
            445,
            400,
            400,
        );
    }
    let report = net.report();
    assert!(!report.findings.is_empty());
    assert!(
        established(&report.findings).iter().all(|&sure| sure == 0),
        "{:?}",
        report.findings
    );
}

#[test]
fn a_command_on_a_decoy_establishes_who_it_was() {
    let mut net = Scene::new();
    net.event(0, touch("ssh", "connect"));
    net.event(1000, touch("ssh", "command"));
    assert_eq!(established(&net.found("decoy.touch")), [95]);
}

#[test]
fn a_datagram_to_a_decoy_establishes_nothing() {
    let mut net = Scene::new();
    net.event(0, touch("snmp", "command"));
    assert_eq!(established(&net.found("decoy.touch")), [0]);
}

#[test]
fn requests_and_logins_establish_who_it_was() {
    let mut net = Scene::new();
    net.get(0, EVE, "/../../etc/passwd", 200);
    assert_eq!(established(&net.found("http.path_traversal")), [80]);
    let mut net = Scene::new();
    for n in 0..6 {
        net.login(n * 1000, EVE, "root", false);
    }
    assert_eq!(established(&net.found("http.brute_force")), [90]);
}

#[test]
fn datagrams_in_a_name_make_its_logins_doubtful_for_half_an_hour() {
    for (rest, sure) in [(10, 0), (1800, 0), (1801, 90)] {
        let mut net = Scene::new();
        let spoofed = Auth {
            src: addr(EVE),
            dst: None,
            service: "snmp".to_owned(),
            user: "public".to_owned(),
            success: false,
            secret: String::new(),
        };
        net.event(0, Body::Auth(Box::new(spoofed)));
        for n in 0..6 {
            net.login(rest * 1000 - 5000 + n * 1000, EVE, "root", false);
        }
        assert_eq!(established(&net.found("http.brute_force")), [sure], "{rest} s later");
    }
}

#[test]
fn rules_of_ones_own_establish_only_by_what_they_look_at() {
    let rules = |events: &str| {
        format!(
            "decnet_rules: 1\nrules:\n  - {{id: own.rule, title: Own, kind: match, events: [{events}], where: {{src.ip: {EVE}}}, emit: {{confidence: 90}}}}"
        )
    };
    for (events, sure) in [("http", 90), ("http, decoy", 90), ("http, flow_attempt", 0)] {
        let mut set = detect::Ruleset::default();
        set.add("own.yaml", &rules(events)).expect("valid");
        let mut net = Scene::ruled(set);
        net.get(0, EVE, "/", 200);
        assert_eq!(established(&net.found("own.rule")), [sure], "{events}");
    }
}
