//! The table of detect.md §7, at, below and above each threshold.

mod common;

use common::{EPOCH, Scene, host};
use detect::{Config, Finding, Input};

const CLIENT: &str = "203.0.113.9";

fn scene() -> Scene {
    Scene::of(Config::default(), Input::Http)
}

fn logins(failed: usize, fine: usize, gap: i64, v6: bool) -> Scene {
    let mut scene = scene();
    let client = if v6 { "2001:db8::9" } else { CLIENT };
    for n in 0..fine {
        scene.login(n as i64, client, "alice", true);
    }
    for n in 0..failed {
        scene.login(100 + n as i64 * gap, client, "alice", false);
    }
    scene
}

#[test]
fn brute_force_is_over_five_failures_a_minute() {
    for v6 in [false, true] {
        assert_eq!(logins(5, 0, 1_000, v6).confidence("http.brute_force"), None);
        assert_eq!(
            logins(6, 0, 1_000, v6).confidence("http.brute_force"),
            Some(90),
            "55 + 25 + 10"
        );
    }
    assert_eq!(
        logins(6, 0, 12_000, false).confidence("http.brute_force"),
        Some(90),
        "60 s exactly"
    );
    assert_eq!(logins(6, 0, 12_001, false).confidence("http.brute_force"), None);
    assert_eq!(
        logins(9, 1, 1_000, false).confidence("http.brute_force"),
        Some(90),
        "nine of ten"
    );
    assert_eq!(
        logins(8, 1, 1_000, false).confidence("http.brute_force"),
        Some(65),
        "eight of nine"
    );
}

#[test]
fn a_trusted_client_brings_no_ten() {
    let mut scene = scene();
    for n in 0..6 {
        scene.login(n * 1_000, "127.0.0.1", "alice", false);
    }
    let found = scene.found("http.brute_force");
    assert_eq!(found[0].confidence.value(), 80);
    assert_eq!(
        found[0].triggered_rules,
        ["rule_high_login_failure", "rule_single_ip_brute"]
    );
}

fn hits(targets: &[(&str, u16)]) -> Option<u8> {
    let mut scene = scene();
    for (n, (target, status)) in targets.iter().enumerate() {
        scene.get(n as i64 * 1_000, CLIENT, target, *status);
    }
    scene.confidence("http.recon")
}

#[test]
fn recon_is_over_three_restricted_paths_refused_or_distinct() {
    let same = ("/admin", 200);
    assert_eq!(hits(&[("/admin", 404); 3]), None);
    assert_eq!(hits(&[("/admin", 404); 4]), Some(70));
    assert_eq!(hits(&[same; 4]), None, "one page that is served");
    assert_eq!(hits(&[same, same, same, ("/config", 200)]), Some(70), "two paths");
    assert_eq!(
        hits(&[same, same, same, ("/admin", 500)]),
        Some(70),
        "one answer that is none of 2xx and 3xx"
    );
    assert_eq!(
        hits(&[same, same, ("/.env", 200), ("/config", 200)]),
        Some(90),
        "three paths"
    );
    assert_eq!(hits(&[("/administrator", 404); 9]), None, "a segment is a whole one");
    assert_eq!(
        hits(&[
            ("/admin/users", 404),
            ("/ADMIN;x=1", 404),
            ("/%61dmin", 404),
            ("//admin/", 404)
        ]),
        Some(70)
    );
    assert_eq!(
        hits(&[
            ("/wp-admin", 404),
            ("/.git/config", 404),
            ("/actuator", 404),
            ("/phpmyadmin", 404)
        ]),
        Some(90)
    );
}

#[test]
fn what_is_served_to_somebody_logged_in_is_no_recon() {
    let mut scene = scene();
    for (n, path) in ["/admin", "/config", "/settings", "/dashboard", "/env"]
        .iter()
        .enumerate()
    {
        let ts = EPOCH + n as i64;
        scene.line(&format!(
            r#"{{"ip":"{CLIENT}","ts":{ts},"method":"GET","path":"{path}","status":200,"user":"alice"}}"#
        ));
    }
    assert_eq!(scene.confidence("http.recon"), None);
}

fn many(count: i64, gap: i64, target: &str, status: u16) -> Scene {
    let mut scene = scene();
    for n in 0..count {
        scene.get(n * gap, CLIENT, target, status);
    }
    scene
}

#[test]
fn an_access_scan_is_over_six_refusals() {
    assert_eq!(many(6, 1_000, "/x", 401).confidence("http.auth_scan"), None);
    assert_eq!(many(7, 1_000, "/x", 403).confidence("http.auth_scan"), Some(60));
    assert_eq!(many(17, 1_000, "/x", 401).confidence("http.auth_scan"), Some(60));
    assert_eq!(many(18, 1_000, "/x", 401).confidence("http.auth_scan"), Some(80));
    assert_eq!(many(7, 1_000, "/x", 404).confidence("http.auth_scan"), None);
}

fn names(count: usize, gap: i64) -> Scene {
    let mut scene = scene();
    for n in 0..count {
        scene.login(n as i64 * gap, CLIENT, &format!("user{n}"), false);
        scene.login(n as i64 * gap, CLIENT, "", false);
    }
    scene
}

#[test]
fn stuffing_is_over_eight_names_and_supersedes_brute_force() {
    assert_eq!(names(8, 1_000).confidence("http.cred_stuffing"), None);
    assert_eq!(names(9, 1_000).confidence("http.cred_stuffing"), Some(75));
    assert_eq!(names(15, 1_000).confidence("http.cred_stuffing"), Some(75));
    assert_eq!(names(16, 1_000).confidence("http.cred_stuffing"), Some(90));
    let report = names(9, 1_000).report();
    let of = |rule: &str| -> &Finding { report.findings.iter().find(|finding| finding.rule == rule).expect(rule) };
    assert_eq!(
        of("http.brute_force").superseded_by,
        Some(of("http.cred_stuffing").id.clone())
    );
}

#[test]
fn a_slow_spray_is_fifteen_names_in_half_an_hour() {
    assert_eq!(names(14, 60_000).confidence("auth.slow_spray"), None);
    assert_eq!(names(15, 60_000).confidence("auth.slow_spray"), Some(70));
    assert_eq!(names(15, 128_571).confidence("auth.slow_spray"), Some(70));
    assert_eq!(names(15, 128_572).confidence("auth.slow_spray"), None, "over 1,800 s");
}

#[test]
fn guessing_from_eight_addresses_is_told_of_the_user() {
    let from = |sources: u32, v6: bool| {
        let mut scene = scene();
        for n in 0..sources {
            scene.login(i64::from(n) * 1_000, &host(v6, 7, n), "Root ", false);
        }
        scene
            .found("auth.distributed")
            .first()
            .map(|finding| (finding.confidence.value(), finding.key.clone()))
    };
    for v6 in [false, true] {
        assert_eq!(from(7, v6), None);
        assert_eq!(from(8, v6).map(|(confidence, _)| confidence), Some(60));
        assert_eq!(from(19, v6).map(|(confidence, _)| confidence), Some(60));
        assert_eq!(from(20, v6).map(|(confidence, _)| confidence), Some(75));
    }
}

#[test]
fn a_takeover_is_three_failures_and_then_a_success() {
    let story = |failures: usize, gap: i64| {
        let mut scene = scene();
        for n in 0..failures {
            scene.login(n as i64, CLIENT, "carol", false);
        }
        scene.login(gap, CLIENT, "carol", true);
        scene.confidence("http.account_takeover")
    };
    assert_eq!(story(2, 10_000), None);
    assert_eq!(story(3, 10_000), Some(95), "85 + 10");
    assert_eq!(story(10, 10_000), Some(100));
    assert_eq!(story(3, 300_000), Some(95), "the first failure is 300 s old");
    assert_eq!(story(3, 300_001), None);
    let mut after = scene();
    after.login(0, CLIENT, "carol", true);
    for n in 1..5 {
        after.login(n, CLIENT, "carol", false);
    }
    assert_eq!(
        after.confidence("http.account_takeover"),
        None,
        "failures must come before"
    );
}

#[test]
fn behind_a_shared_address_only_the_same_name_counts() {
    let story = |victim: &str| {
        let mut scene = scene();
        for (n, user) in ["ann", "ben"].iter().enumerate() {
            scene.login(n as i64, CLIENT, user, true);
        }
        for n in 0..3 {
            scene.login(10 + n, CLIENT, "carol", false);
        }
        scene.login(20, CLIENT, victim, true);
        scene.confidence("http.account_takeover")
    };
    assert_eq!(story("dave"), None);
    assert_eq!(story("carol"), Some(95));
}

#[test]
fn data_exfiltration_is_over_twenty_records() {
    assert_eq!(many(20, 500, "/data/x", 200).confidence("http.data_exfil"), None);
    assert_eq!(many(21, 500, "/data/x", 206).confidence("http.data_exfil"), Some(70));
    assert_eq!(many(39, 500, "/export", 200).confidence("http.data_exfil"), Some(70));
    assert_eq!(many(40, 500, "/export", 200).confidence("http.data_exfil"), Some(85));
    assert_eq!(many(40, 500, "/data/x", 404).confidence("http.data_exfil"), None);
    assert_eq!(
        many(90, 500, "/api/status", 200).confidence("http.data_exfil"),
        None,
        "one status page polled"
    );
    let targets = |distinct: i64| {
        let mut scene = scene();
        for n in 0..21 {
            scene.get(n * 500, CLIENT, &format!("/api/orders?page={}", n % distinct), 200);
        }
        scene.confidence("http.data_exfil")
    };
    assert_eq!(targets(4), None);
    assert_eq!(targets(5), Some(70));
}

#[test]
fn one_climb_is_enough_and_escapes_weigh() {
    assert_eq!(many(1, 0, "/a/../b", 404).confidence("http.path_traversal"), Some(80));
    assert_eq!(many(1, 0, "/%2e%2e/b", 404).confidence("http.path_traversal"), Some(95));
    assert_eq!(
        many(9, 10, "/v1..2/a..png?range=1..5", 200).confidence("http.path_traversal"),
        None
    );
}

#[test]
fn a_flood_is_over_a_hundred_requests() {
    assert_eq!(many(100, 100, "/", 200).confidence("http.dos_flood"), None);
    assert_eq!(many(101, 100, "/", 500).confidence("http.dos_flood"), Some(65));
    assert_eq!(many(299, 100, "/", 200).confidence("http.dos_flood"), Some(65));
    assert_eq!(many(300, 100, "/", 200).confidence("http.dos_flood"), Some(90));
    assert_eq!(
        many(101, 600, "/", 200).confidence("http.dos_flood"),
        Some(65),
        "60 s exactly"
    );
    assert_eq!(many(101, 601, "/", 200).confidence("http.dos_flood"), None);
}

#[test]
fn others_in_between_neither_hide_nor_add() {
    let mut scene = scene();
    for n in 0..6 {
        scene.login(n * 1_000, CLIENT, "alice", false);
        for other in 0..5u32 {
            scene.login(n * 1_000 + 1, &host(false, 7, other), "bob", other % 2 == 0);
        }
    }
    let found = scene.found("http.brute_force");
    let clients: Vec<&str> = found.iter().map(|finding| finding.key.as_str()).collect();
    assert!(clients.contains(&CLIENT));
}

#[test]
fn logins_are_read_out_of_requests() {
    let story = |line: &dyn Fn(i64) -> String| {
        let mut scene = scene();
        (0..6).for_each(|n| scene.line(&line(EPOCH + n * 1_000)));
        scene.confidence("http.brute_force")
    };
    let post = |path: &str, status: u16| {
        let path = path.to_owned();
        move |ts: i64| format!(r#"{{"ip":"{CLIENT}","ts":{ts},"method":"POST","path":"{path}","status":{status}}}"#)
    };
    assert!(story(&post("/login", 401)).is_some());
    assert!(story(&post("/Login/", 403)).is_some());
    assert!(story(&post("/login", 302)).is_none());
    assert!(story(&post("/login", 503)).is_none());
    assert!(story(&post("/comment", 401)).is_none());
    let told = |ts: i64| {
        format!(r#"{{"ip":"{CLIENT}","ts":{ts},"event_type":"login_attempt","status":"denied","username":"x"}}"#)
    };
    assert!(story(&told).is_some());
}
