//! The table of detect.md §6 beyond scans: silence, movement, beacons, floods, decoys; and what is let through.

mod common;

use common::{RST, SYN_ACK, Scene, addr, host, ms};
use detect::{Arp, Body, Canary, Class, Config, Decoy, Input, Severity, State};

/// A log record every ten seconds, `records` of them, beside other traffic of the host or of another until `until`.
fn telemetry(records: i64, until: i64, alive: bool) -> Scene {
    let mut scene = Scene::new();
    for n in 0..records {
        scene.udp(n * 10_000, ("10.2.0.5", 514), ("10.0.0.9", 514), 80);
    }
    let other = if alive { "10.2.0.5" } else { "10.2.0.6" };
    scene.talk(records * 10_000, other, 40_000, "10.0.0.20", 8443, 200, 200);
    scene.udp(until, ("10.2.0.7", 1_000), ("10.0.0.21", 9_000), 10);
    scene
}

#[test]
fn telemetry_is_silent_after_five_periods_and_not_at_them() {
    // The eighth record is at 70 s, so the deadline is at 120 s.
    assert_eq!(telemetry(8, 120_000, true).confidence("net.telemetry_silence"), None);
    assert_eq!(
        telemetry(8, 120_001, true).confidence("net.telemetry_silence"),
        Some(75)
    );
    assert_eq!(
        telemetry(8, 120_001, false).confidence("net.telemetry_silence"),
        Some(30),
        "the whole host went dark"
    );
    assert_eq!(
        telemetry(7, 300_000, true).confidence("net.telemetry_silence"),
        None,
        "seven are no habit"
    );
}

#[test]
fn a_silent_collector_is_one_finding() {
    let mut scene = Scene::new();
    for n in 0..10 {
        for source in 0..3 {
            let from = format!("10.2.0.{}", 5 + source);
            scene.udp(n * 10_000 + source * 1_100, (&from, 514), ("10.0.0.9", 514), 80);
        }
    }
    scene.talk(200_000, "10.2.0.5", 40_000, "10.0.0.20", 8443, 200, 200);
    let found = scene.found("net.telemetry_silence");
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].category.as_str(), found[0].confidence.value()),
        ("collector_silent", 45)
    );
}

/// A sweep, then contact after `wait` milliseconds.
fn after_sweep(wait: i64, target: &str, port: u16) -> Option<u8> {
    let mut scene = Scene::new();
    for n in 0..16 {
        scene.syn(
            i64::from(n) * 100,
            "10.1.0.1",
            40_000 + n as u16,
            &host(false, 9, n),
            4450,
        );
    }
    scene.talk(1_500 + wait, "10.1.0.1", 50_000, target, port, 10, 10);
    scene.confidence("net.lateral")
}

#[test]
fn contact_after_a_sweep_is_lateral_movement() {
    // Contact is the first payload byte, 3 ms into the conversation.
    assert_eq!(after_sweep(10_000, "10.9.0.3", 9_999), Some(85), "60, scanned, soon");
    assert_eq!(
        after_sweep(10_000, "10.9.0.3", 445),
        Some(95),
        "and a port of administration"
    );
    assert_eq!(after_sweep(10_000, "10.77.0.3", 9_999), Some(70), "a net that is new");
    assert_eq!(after_sweep(119_997, "10.9.0.3", 9_999), Some(85));
    assert_eq!(after_sweep(119_998, "10.9.0.3", 9_999), Some(75), "later than 120 s");
    assert_eq!(after_sweep(899_997, "10.9.0.3", 9_999), Some(75));
    assert_eq!(after_sweep(899_998, "10.9.0.3", 9_999), None, "later than 900 s");
    assert_eq!(after_sweep(10_000, "93.184.216.34", 443), None, "outside");
}

#[test]
fn a_fan_out_is_five_hosts_and_a_notice_while_the_baseline_is_young() {
    let fan = |hosts: u32, from: i64| {
        let mut scene = Scene::new();
        scene.udp(0, ("10.3.0.1", 1), ("10.3.0.2", 2), 1);
        for n in 0..hosts {
            scene.talk(
                from + i64::from(n) * 70_000,
                "10.1.0.1",
                50_000,
                &host(false, 9, n),
                22,
                10,
                10,
            );
        }
        scene
            .found("net.lateral")
            .first()
            .map(|finding| (finding.confidence.value(), finding.class))
    };
    assert_eq!(fan(4, 0), None);
    assert_eq!(fan(5, 0), Some((55, Class::Notice)));
    assert_eq!(fan(5, 3_600_000), Some((55, Class::Detection)));
}

#[test]
fn a_beacon_needs_twenty_calls_over_fifteen_minutes() {
    let calls = |count: i64, gap: i64| {
        let mut scene = Scene::new();
        for n in 0..count {
            scene.talk(n * gap, "10.1.0.1", 40_000 + n as u16, "203.0.113.9", 4444, 100, 100);
        }
        scene.confidence("net.beacon")
    };
    assert_eq!(calls(19, 60_000), None);
    assert_eq!(calls(20, 60_000), Some(100));
    assert_eq!(calls(20, 900_000 / 19), None, "a hair under fifteen minutes");
    assert_eq!(calls(20, 900_000 / 19 + 1), Some(100));
}

#[test]
fn exfiltration_is_a_hundred_mebibytes_outward_at_ten_to_one() {
    let sent = |out: u64, back: u64| {
        let mut scene = Scene::of(Config::default(), Input::Flows);
        scene.flow(0, "10.1.0.1", "203.0.113.9", 8443, out, back, State::Answered);
        scene.confidence("net.exfil_volume")
    };
    const MIB: u64 = 1024 * 1024;
    assert_eq!(sent(100 * MIB - 1, 0), None);
    assert_eq!(sent(100 * MIB, 0), Some(70), "50, and a destination never seen");
    assert_eq!(sent(100 * MIB, 10 * MIB), Some(70));
    assert_eq!(sent(100 * MIB, 10 * MIB + 1), None);
    let mut inward = Scene::of(Config::default(), Input::Flows);
    inward.flow(0, "10.1.0.1", "10.2.0.1", 8443, 500 * MIB, 0, State::Answered);
    assert_eq!(inward.confidence("net.exfil_volume"), None);
}

#[test]
fn a_flood_is_a_thousand_attempts_from_one_or_five_thousand_from_all() {
    let from_one = |count: u16, answered: u16| {
        let mut scene = Scene::new();
        for n in 0..count {
            let at = i64::from(n) * 5;
            scene.syn(at, "10.1.0.1", 10_000 + n, "10.9.0.1", 8443);
            let flags = if n < answered { SYN_ACK } else { RST };
            scene.tcp(at + 1, ("10.9.0.1", 8443), ("10.1.0.1", 10_000 + n), flags, 0);
        }
        scene.confidence("net.flood")
    };
    assert_eq!(from_one(999, 0), None);
    assert_eq!(from_one(1_000, 0), Some(70));
    assert_eq!(from_one(1_000, 100), Some(70), "90 % failed");
    assert_eq!(from_one(1_000, 101), None);
    let from_all = |count: u32| {
        let mut scene = Scene::new();
        for n in 0..count {
            scene.syn(
                i64::from(n),
                &format!("10.50.{}.{}", n / 250, n % 250),
                1_000,
                "10.9.0.1",
                8443,
            );
        }
        scene.confidence("net.flood")
    };
    assert_eq!(from_all(4_999), None);
    assert_eq!(from_all(5_000), Some(70));
}

#[test]
fn an_arp_sweep_asks_for_many_and_for_none_too_often() {
    let asked = |hosts: u32, repeats: u32| {
        let mut scene = Scene::new();
        for n in 0..hosts {
            for turn in 0..if n == 0 { repeats } else { 1 } {
                let body = Body::Arp(Arp {
                    mac: [2, 0, 0, 0, 0, 1],
                    sender: addr("10.1.0.1"),
                    target: addr(&host(false, 9, n)),
                });
                scene.event(i64::from(n * 100 + turn), body);
            }
        }
        scene.confidence("net.arp_sweep")
    };
    assert_eq!(asked(15, 1), None);
    assert_eq!(asked(16, 1), Some(53));
    assert_eq!(asked(16, 3), Some(53));
    assert_eq!(asked(16, 4), None);
}

#[test]
fn a_decoy_is_touched_logged_into_and_used() {
    let config = Config {
        decoys: vec!["10.66.0.0/24".parse().expect("net")],
        ..Config::default()
    };
    let mut scene = Scene::with(config);
    scene.syn(0, "10.1.0.1", 40_000, "10.66.0.5", 22);
    let report = scene.report();
    assert_eq!(
        (report.findings[0].rule.as_str(), report.findings[0].confidence.value()),
        ("decoy.touch", 60)
    );
    assert_eq!(report.findings.len(), 1, "and no notice of the port beside it");
    for (kind, confidence, technique) in [
        ("connect", 60, "T1046"),
        ("login", 80, "T1110"),
        ("command", 95, "T1059"),
    ] {
        let mut scene = Scene::of(Config::default(), Input::Events);
        let decoy = Decoy {
            src: addr("10.1.0.1"),
            dst: None,
            decoy: "web-01".to_owned(),
            service: "ssh".to_owned(),
            kind: kind.to_owned(),
            user: String::new(),
            secret: String::new(),
            text: String::new(),
        };
        scene.event(0, Body::Decoy(Box::new(decoy)));
        let found = scene.found("decoy.touch");
        assert_eq!(
            (found[0].confidence.value(), found[0].mitre[0].as_str()),
            (confidence, technique)
        );
    }
    let mut scene = Scene::of(Config::default(), Input::Events);
    scene.event(
        0,
        Body::Canary(Box::new(Canary {
            src: addr("10.1.0.1"),
            token: "t".to_owned(),
        })),
    );
    let found = scene.found("decoy.cred_reuse");
    assert_eq!(
        (found[0].confidence.value(), found[0].severity),
        (98, Severity::Critical)
    );
}

#[test]
fn the_cooldown_is_anchored_at_the_first_alert() {
    let bursts = |second: i64| {
        let mut scene = Scene::new();
        for begin in [0, second] {
            for n in 0..16 {
                scene.syn(
                    begin + i64::from(n) * 100,
                    "10.1.0.1",
                    40_000 + n as u16,
                    &host(false, 9, n + begin as u32 % 7),
                    4450,
                );
            }
        }
        scene.found("net.sweep").len()
    };
    assert_eq!(bursts(300_000), 1, "the second is found 300 s after the first");
    assert_eq!(bursts(300_001), 2);
}

#[test]
fn the_allowed_are_counted_and_the_trusted_may_scan() {
    let run = |config: Config| {
        let mut scene = Scene::with(config);
        for n in 0..30 {
            scene.syn(
                i64::from(n) * 100,
                "10.1.0.1",
                40_000 + n as u16,
                &host(false, 9, n),
                445,
            );
        }
        scene.report()
    };
    let net = || "10.1.0.0/24".parse().expect("net");
    let allowed = run(Config {
        allow: vec![detect::config::Allow {
            net: Some(net()),
            ..Default::default()
        }],
        ..Config::default()
    });
    assert!(allowed.findings.is_empty() && allowed.counters.allowed > 0);
    let trusted = run(Config {
        trusted_scanners: vec![net()],
        ..Config::default()
    });
    let rules: Vec<&str> = trusted.findings.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, ["net.sensitive_port"]);
    let rule = detect::config::Allow {
        rule: Some("net.sweep".to_owned()),
        ..Default::default()
    };
    let without = run(Config {
        allow: vec![rule],
        ..Config::default()
    });
    assert!(without.findings.iter().all(|finding| finding.rule != "net.sweep"));
    let past = detect::config::Allow {
        net: Some(net()),
        until: Some(ms(-1)),
        ..Default::default()
    };
    assert!(
        !run(Config {
            allow: vec![past],
            ..Config::default()
        })
        .findings
        .is_empty(),
        "expired"
    );
}

#[test]
fn a_million_spoofed_sources_push_out_no_scanner() {
    let mut scene = Scene::new();
    for n in 0..40u32 {
        scene.syn(
            i64::from(n) * 200,
            "10.1.0.1",
            40_000 + n as u16,
            &host(false, 9, n),
            4450,
        );
        for spoofed in 0..5_000u32 {
            let source = format!("11.{n}.{}.{}", spoofed / 250, spoofed % 250);
            scene.syn(i64::from(n) * 200 + 1, &source, 1_000 + n as u16, "10.9.9.9", 8443);
        }
    }
    let report = scene.report();
    assert!(report.findings.iter().any(|finding| finding.rule == "net.sweep"));
    assert!(report.counters.evicted > 0);
}
