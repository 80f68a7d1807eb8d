//! The scans of detect.md §6, at, below and above each threshold.

mod common;

use common::{ACK, SYN_ACK, Scene, host};
use detect::{Class, Severity};

/// A sweep of `hosts`, `gap` milliseconds apart.
fn sweep(hosts: u32, gap: i64, v6: bool) -> Scene {
    let mut scene = Scene::new();
    for n in 0..hosts {
        scene.syn(
            i64::from(n) * gap,
            &host(v6, 1, 1),
            40_000 + n as u16,
            &host(v6, 9, n),
            4450,
        );
    }
    scene
}

#[test]
fn a_sweep_is_over_fifteen_hosts_and_its_confidence_grows_with_them() {
    for v6 in [false, true] {
        assert_eq!(sweep(15, 100, v6).confidence("net.sweep"), None);
        assert_eq!(sweep(16, 100, v6).confidence("net.sweep"), Some(53));
        assert_eq!(sweep(25, 100, v6).confidence("net.sweep"), Some(83));
        assert_eq!(sweep(30, 100, v6).confidence("net.sweep"), Some(100));
        assert_eq!(sweep(40, 100, v6).confidence("net.sweep"), Some(100));
    }
}

#[test]
fn a_sweep_keeps_the_confidence_it_was_found_with() {
    let found = sweep(25, 100, false).found("net.sweep");
    assert_eq!(found[0].confidence_at_trigger.value(), 53);
    assert_eq!(found[0].target_count, 25);
    assert_eq!(found[0].also_matched, ["net.burst", "net.slow_scan"]);
}

#[test]
fn the_window_of_a_sweep_holds_its_old_edge() {
    // Sixteen hosts, the last exactly ten seconds after the first.
    let spread = |last: i64| {
        let mut scene = Scene::new();
        for n in 0..16i64 {
            scene.syn(
                n * last / 15,
                "10.1.0.1",
                40_000 + n as u16,
                &host(false, 9, n as u32),
                4450,
            );
        }
        scene.confidence("net.sweep")
    };
    assert_eq!(spread(10_000), Some(53));
    assert_eq!(spread(10_015), None);
}

#[test]
fn a_sweep_is_regular_below_fifty_milliseconds_of_deviation_and_not_at_them() {
    // Gaps of base ± spread have a deviation of exactly spread when there are as many of each.
    let jittered = |spread: i64| {
        let mut scene = Scene::new();
        let mut at = 0;
        for n in 0..17 {
            scene.syn(at, "10.1.0.1", 40_000 + n as u16, &host(false, 9, n), 4450);
            at += if n % 2 == 0 { 300 - spread } else { 300 + spread };
        }
        scene.found("net.sweep").first().map(|finding| finding.count)
    };
    assert_eq!(jittered(49), Some(17));
    // Sixteen hosts of it have fifteen gaps, eight of one kind and seven of the other: a deviation just under 50 ms.
    assert_eq!(jittered(50), Some(16));
    assert_eq!(jittered(52), None);
}

#[test]
fn other_traffic_in_between_hides_no_sweep_and_people_make_none() {
    let mut scene = Scene::new();
    for n in 0..20 {
        scene.syn(
            i64::from(n) * 100,
            "10.1.0.1",
            40_000 + n as u16,
            &host(false, 9, n),
            4450,
        );
        scene.syn(i64::from(n) * 100 + 37, "10.1.0.2", 40_000 + n as u16, "10.9.0.1", 4450);
        scene.syn(i64::from(n) * 100 + 50, "10.1.0.1", 50_000 + n as u16, "10.9.0.1", 4450);
    }
    assert_eq!(scene.confidence("net.sweep"), Some(67));
}

#[test]
fn answers_retransmissions_and_servers_are_no_attempts() {
    let mut scene = Scene::new();
    for n in 0..40 {
        let client = host(false, 2, n);
        scene.talk(i64::from(n) * 50, &client, 50_000, "10.1.0.1", 443, 100, 400);
        scene.syn(i64::from(n) * 50, "10.1.0.9", 40_000, "10.9.0.1", 22);
        scene.tcp(i64::from(n) * 50, ("10.1.0.7", 443), (&client, 51_000), SYN_ACK, 0);
        scene.tcp(i64::from(n) * 50, ("10.1.0.8", 443), (&client, 51_000), ACK, 100);
    }
    let report = scene.report();
    let rules: Vec<&str> = report.findings.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, ["net.sensitive_port"]);
}

#[test]
fn stealthy_probes_are_attempts() {
    for flags in [0u8, 0x01, 0x29, 0x03] {
        let mut scene = Scene::new();
        for n in 0..16 {
            scene.tcp(
                i64::from(n) * 100,
                ("10.1.0.1", 40_000),
                (&host(false, 9, n), 80),
                flags,
                0,
            );
        }
        assert_eq!(scene.confidence("net.sweep"), Some(53), "flags {flags:#x}");
    }
    let mut scene = Scene::new();
    for n in 0..16 {
        let target = host(false, 9, n);
        scene.tcp(i64::from(n) * 100, ("10.1.0.1", 40_000), (&target, 80), ACK, 0);
        scene.tcp(i64::from(n) * 100 + 5, (&target, 80), ("10.1.0.1", 40_000), 0x04, 0);
    }
    assert_eq!(
        scene.confidence("net.sweep"),
        Some(53),
        "an ACK out of nowhere that is reset"
    );
}

/// `ports` of one host, `gap` milliseconds apart, from `first` on.
fn ports(ports: u16, gap: i64, v6: bool, first: u16) -> Scene {
    let mut scene = Scene::new();
    for n in 0..ports {
        scene.syn(
            i64::from(n) * gap,
            &host(v6, 1, 1),
            40_000 + n,
            &host(v6, 9, 1),
            first + n,
        );
    }
    scene
}

#[test]
fn a_boundary_probe_is_over_ten_ports_within_thirty_seconds() {
    for v6 in [false, true] {
        assert_eq!(ports(10, 250, v6, 100).confidence("net.boundary"), None);
        assert_eq!(ports(11, 250, v6, 100).confidence("net.boundary"), Some(55));
        assert_eq!(ports(20, 250, v6, 100).confidence("net.boundary"), Some(100));
        assert_eq!(
            ports(11, 3_000, v6, 100).confidence("net.boundary"),
            Some(55),
            "the old edge is inside"
        );
        assert_eq!(ports(11, 3_001, v6, 100).confidence("net.boundary"), None);
    }
    assert_eq!(
        ports(11, 250, false, 100).found("net.boundary")[0].severity,
        Severity::High,
        "the floor"
    );
}

#[test]
fn high_ports_that_carried_data_are_passive_ftp_and_no_probe() {
    let mut scene = Scene::new();
    for n in 0..15 {
        scene.talk(
            i64::from(n) * 500,
            "10.1.0.1",
            40_000 + n,
            "10.9.0.1",
            30_000 + n,
            200,
            200,
        );
    }
    assert_eq!(scene.confidence("net.boundary"), None);
    let mut low = Scene::new();
    for n in 0..15 {
        low.talk(
            i64::from(n) * 500,
            "10.1.0.1",
            40_000 + n,
            "10.9.0.1",
            300 + n,
            200,
            200,
        );
    }
    assert!(low.confidence("net.boundary").is_some(), "low ports count all the same");
}

/// `count` attempts within ten seconds over `targets`, jittered.
fn burst(count: u16, targets: u16) -> Scene {
    let mut scene = Scene::new();
    for n in 0..count {
        let at = i64::from(n) * 300 + if n % 2 == 0 { 0 } else { 140 };
        scene.syn(
            at,
            "10.1.0.1",
            40_000 + n,
            &host(false, 9, u32::from(n % targets)),
            4450,
        );
    }
    scene
}

#[test]
fn a_burst_is_twenty_attempts_over_ten_targets() {
    assert_eq!(burst(19, 10).confidence("net.burst"), None);
    assert_eq!(burst(20, 10).confidence("net.burst"), Some(60));
    assert_eq!(burst(25, 10).confidence("net.burst"), Some(65));
    assert_eq!(burst(20, 9).confidence("net.burst"), None);
    let few = burst(20, 9).found("net.conn_burst");
    assert_eq!((few[0].confidence.value(), few[0].class), (40, Class::Notice));
    assert_eq!(burst(19, 9).confidence("net.conn_burst"), None);
    let mut fast = Scene::new();
    for n in 0..80 {
        fast.syn(
            i64::from(n) * 100 + i64::from(n % 2) * 99,
            "10.1.0.1",
            40_000 + n,
            &host(false, 9, u32::from(n)),
            4450,
        );
    }
    assert!(fast.confidence("net.burst").is_none_or(|confidence| confidence == 95));
}

/// `count` refused hosts on one port, `gap` milliseconds apart.
fn slow_hosts(count: u32, gap: i64, v6: bool) -> Scene {
    let mut scene = Scene::new();
    for n in 0..count {
        scene.refused(
            i64::from(n) * gap,
            &host(v6, 1, 1),
            40_000 + n as u16,
            &host(v6, 9, n),
            4450,
        );
    }
    scene
}

#[test]
fn a_slow_scan_is_twenty_five_hosts_or_fifteen_ports_in_five_minutes() {
    for v6 in [false, true] {
        assert_eq!(slow_hosts(24, 12_500, v6).confidence("net.slow_scan"), None);
        assert_eq!(
            slow_hosts(25, 12_500, v6).confidence("net.slow_scan"),
            Some(60),
            "300 s exactly"
        );
        assert_eq!(slow_hosts(25, 12_501, v6).confidence("net.slow_scan"), None);
        assert_eq!(slow_hosts(27, 8_000, v6).confidence("net.slow_scan"), Some(62));
    }
    let ports = |count: u16| {
        let mut scene = Scene::new();
        for n in 0..count {
            scene.refused(i64::from(n) * 20_000, "10.1.0.1", 40_000 + n, "10.9.0.1", 2_000 + n);
        }
        scene.confidence("net.slow_scan")
    };
    assert_eq!(ports(14), None);
    assert_eq!(ports(15), Some(60));
    assert_eq!(ports(16), Some(62));
}

#[test]
fn answered_attempts_are_no_slow_scan_and_silence_counts_as_failure() {
    let mut answered = Scene::new();
    let mut silent = Scene::new();
    for n in 0..30 {
        answered.talk(
            i64::from(n) * 8_000,
            "10.1.0.1",
            40_000,
            &host(false, 9, n),
            4450,
            200,
            200,
        );
        silent.syn(i64::from(n) * 8_000, "10.1.0.1", 40_000, &host(false, 9, n), 4450);
    }
    assert_eq!(answered.confidence("net.slow_scan"), None);
    assert_eq!(silent.confidence("net.slow_scan"), Some(65));
}

#[test]
fn low_and_slow_is_sixty_failures_in_an_hour_nearly_all_of_the_traffic() {
    let spread = |failed: u32, fine: u32| {
        let mut scene = Scene::new();
        for n in 0..fine {
            scene.talk(
                i64::from(n) * 30 + 7,
                "10.1.0.1",
                50_000 + n as u16,
                "10.8.0.1",
                8443,
                200,
                200,
            );
        }
        for n in 0..failed {
            scene.refused(
                i64::from(n) * 60_000,
                "10.1.0.1",
                40_000,
                &host(false, 9, n),
                1_000 + n as u16,
            );
        }
        scene.confidence("net.low_slow")
    };
    assert_eq!(spread(59, 0), None);
    assert_eq!(spread(60, 0), Some(50));
    assert_eq!(spread(61, 0), Some(50));
    assert_eq!(spread(60, 15), Some(50), "80 %");
    assert_eq!(spread(60, 16), None);
}

#[test]
fn many_sources_make_one_scan() {
    let hosts = |sources: u32, targets: u32| {
        let mut scene = Scene::new();
        for n in 0..targets {
            scene.refused(
                i64::from(n) * 5_000,
                &host(false, 1, n % sources),
                40_000 + n as u16,
                &host(false, 9, n),
                4450,
            );
        }
        scene.confidence("net.distributed_scan")
    };
    assert_eq!(hosts(10, 19), None);
    assert_eq!(hosts(9, 30), None);
    assert_eq!(hosts(10, 20), Some(65));
    let ports = |sources: u32, ports: u16| {
        let mut scene = Scene::new();
        for n in 0..ports {
            scene.refused(
                i64::from(n) * 5_000,
                &host(false, 1, u32::from(n) % sources),
                40_000,
                "10.9.0.1",
                2_000 + n,
            );
        }
        scene.confidence("net.distributed_scan")
    };
    assert_eq!(ports(5, 29), None);
    assert_eq!(ports(4, 40), None);
    assert_eq!(ports(5, 30), Some(60));
}

#[test]
fn a_sensitive_port_is_a_notice_and_folds_into_a_detection_of_its_source() {
    for port in [22, 23, 445, 3389, 5900] {
        let mut scene = Scene::new();
        scene.syn(0, "10.1.0.1", 40_000, "10.9.0.1", port);
        let report = scene.report();
        assert_eq!(
            (report.findings[0].confidence.value(), report.findings[0].class),
            (30, Class::Notice)
        );
        assert_eq!(report.verdict, detect::ScanOutcome::Clear);
    }
    let mut scene = Scene::new();
    for n in 0..25 {
        scene.syn(
            i64::from(n) * 100,
            "10.1.0.1",
            40_000 + n as u16,
            &host(false, 9, n),
            445,
        );
    }
    let report = scene.report();
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].evidence["sensitive_ports"], serde_json::json!([445]));
}

#[test]
fn browsing_busy_public_ports_is_no_scan_until_a_net_is_gone_through() {
    let visits = |hosts: u32, nets: u32| {
        let mut scene = Scene::new();
        for n in 0..hosts {
            let target = format!("93.184.{}.{}", n % nets, n + 1);
            scene.syn(i64::from(n) * 100, "10.1.0.1", 40_000 + n as u16, &target, 443);
        }
        scene.confidence("net.sweep")
    };
    assert_eq!(visits(30, 30), None, "thirty hosts of thirty nets");
    assert_eq!(visits(56, 8), None, "seven of each net");
    assert!(visits(16, 1).is_some(), "sixteen of one net");
    assert_eq!(visits(64, 64), None);
    assert!(visits(66, 66).is_some(), "more than sixty-four hosts");
}

#[test]
fn what_is_familiar_is_no_evidence() {
    let mut scene = Scene::new();
    for n in 0..20 {
        scene.talk(
            i64::from(n) * 20_000,
            "10.1.0.1",
            40_000,
            &host(false, 9, n),
            4450,
            200,
            200,
        );
    }
    for n in 0..20 {
        scene.syn(
            600_000 + i64::from(n) * 100,
            "10.1.0.1",
            41_000,
            &host(false, 9, n),
            4450,
        );
    }
    assert_eq!(scene.confidence("net.sweep"), None);
}
