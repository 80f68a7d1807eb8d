//! The numbers of detect.md §3.2, §8 and §10, each below, at and above.

mod common;

use common::{ACK, RST, SYN, SYN_ACK, Scene, host};
use detect::{Carried, Config, Ruleset, canon};

const A: &str = "10.0.0.1";
const B: &str = "10.0.9.1";
const A6: &str = "fd00::1";
const B6: &str = "fd00:9::1";

/// A rule that finds each event of a kind that fits.
fn counting(events: &str, condition: &str) -> Ruleset {
    let text = format!(
        "decnet_rules: 1\nrules:\n  - {{id: own.count, title: Count, kind: match, events: [{events}], where: {condition}, emit: {{confidence: 50}}, suppress: {{mode: every}}}}"
    );
    let mut set = Ruleset::default();
    set.add("own.yaml", &text).expect("a rule");
    set
}

fn counted(events: &str, condition: &str, play: impl FnOnce(&mut Scene)) -> usize {
    let mut scene = Scene::ruled(counting(events, condition));
    play(&mut scene);
    scene.found("own.count").len()
}

/// Attempts of the first host.
fn attempts(v6: bool, play: impl FnOnce(&mut Scene, &str, &str)) -> usize {
    let (a, b) = if v6 { (A6, B6) } else { (A, B) };
    counted("flow_attempt", &format!("{{src.ip: '{a}'}}"), |scene| play(scene, a, b))
}

fn outcomes(outcome: &str, play: impl FnOnce(&mut Scene)) -> usize {
    counted("flow_update", &format!("{{net.outcome: {outcome}}}"), play)
}

fn echo(scene: &mut Scene, at: i64, src: &str, dst: &str, id: u16) {
    let v6 = src.contains(':');
    scene.packet(at, src, dst, Carried::EchoRequest { id, v6 });
}

// === §3.2 ===

#[test]
fn a_syn_again_is_the_same_attempt_for_a_minute() {
    for v6 in [false, true] {
        for (gap, wanted) in [(59_999, 1), (60_000, 1), (60_001, 2)] {
            let found = attempts(v6, |scene, a, b| {
                scene.syn(0, a, 40_000, b, 80);
                scene.syn(gap, a, 40_000, b, 80);
            });
            assert_eq!(found, wanted, "{gap} ms, v6 {v6}");
        }
    }
}

#[test]
fn only_openings_and_stealthy_probes_are_attempts() {
    for v6 in [false, true] {
        for (flags, wanted) in [
            (SYN, 1),
            (0x00, 1),
            (0x01, 1),
            (0x29, 1),
            (0x03, 1),
            (SYN_ACK, 0),
            (ACK, 0),
            (0x18, 0),
            (RST, 0),
        ] {
            let found = attempts(v6, |scene, a, b| scene.tcp(0, (a, 40_000), (b, 80), flags, 0));
            assert_eq!(found, wanted, "flags {flags:#04x}, v6 {v6}");
        }
    }
}

#[test]
fn a_lone_ack_is_a_probe_when_a_reset_answers_within_five_seconds() {
    for v6 in [false, true] {
        for (gap, wanted) in [(4_999, 1), (5_000, 1), (5_001, 0)] {
            let found = attempts(v6, |scene, a, b| {
                scene.tcp(0, (a, 40_000), (b, 80), ACK, 0);
                scene.tcp(gap, (b, 80), (a, 40_000), RST, 0);
            });
            assert_eq!(found, wanted, "{gap} ms, v6 {v6}");
        }
    }
}

#[test]
fn datagrams_are_one_conversation_until_a_minute_of_silence() {
    for v6 in [false, true] {
        for (gap, wanted) in [(59_999, 1), (60_000, 1), (60_001, 2)] {
            let found = attempts(v6, |scene, a, b| {
                scene.udp(0, (a, 40_000), (b, 9_999), 10);
                scene.udp(gap, (a, 40_000), (b, 9_999), 10);
            });
            assert_eq!(found, wanted, "{gap} ms, v6 {v6}");
        }
    }
}

#[test]
fn a_datagram_from_a_servers_port_is_a_reply_only_in_the_first_minute_and_to_a_high_port() {
    for (at, from, to, wanted) in [
        (59_999, 53, 1_024, 0),
        (60_000, 53, 1_024, 0),
        (60_001, 53, 1_024, 1),
        (1_000, 53, 1_023, 1),
        (1_000, 54, 1_024, 1),
        (1_000, 5_353, 40_000, 0),
    ] {
        let found = attempts(false, |scene, a, b| {
            scene.udp(0, (b, 7_000), (b, 7_001), 1);
            scene.udp(at, (a, from), (b, to), 10);
        });
        assert_eq!(found, wanted, "{from} to {to} after {at} ms");
    }
}

#[test]
fn an_echo_is_the_same_attempt_for_half_a_minute() {
    for v6 in [false, true] {
        for (gap, wanted) in [(29_999, 1), (30_000, 1), (30_001, 2)] {
            let found = attempts(v6, |scene, a, b| {
                echo(scene, 0, a, b, 7);
                echo(scene, gap, a, b, 7);
            });
            assert_eq!(found, wanted, "{gap} ms, v6 {v6}");
        }
        let others = attempts(v6, |scene, a, b| (0..3).for_each(|id| echo(scene, 0, a, b, id)));
        assert_eq!(others, 3, "each id is one");
    }
}

#[test]
fn an_attempt_waits_five_seconds_for_its_answer() {
    for (gap, answered) in [(4_999, 1), (5_000, 1), (5_001, 0)] {
        for (outcome, wanted) in [("answered", answered), ("unanswered", 1 - answered)] {
            let found = outcomes(outcome, |scene| {
                scene.syn(0, A, 40_000, B, 80);
                scene.tcp(gap, (B, 80), (A, 40_000), SYN_ACK, 0);
                scene.syn(20_000, B, 1, A, 2);
                scene.tcp(20_001, (A, 2), (B, 1), RST, 0);
            });
            assert_eq!(found, wanted, "{outcome} at {gap} ms");
        }
    }
}

#[test]
fn a_conversation_makes_its_target_familiar_from_256_bytes_on() {
    // Familiar targets are no evidence: of sixteen hosts swept, one known before leaves fifteen.
    for (out, back, wanted) in [(128, 127, Some(53)), (128, 128, None), (256, 1, None), (0, 256, None)] {
        let mut scene = Scene::new();
        scene.talk(0, A, 39_999, &host(false, 9, 1), 445, out, back);
        for n in 1..=16u16 {
            scene.refused(
                100_000 + i64::from(n) * 100,
                A,
                40_000 + n,
                &host(false, 9, n.into()),
                445,
            );
        }
        assert_eq!(scene.confidence("net.sweep"), wanted, "{out} + {back} bytes");
    }
}

#[test]
fn busy_ports_of_public_hosts_are_no_evidence_below_eight_hosts_of_a_net_and_up_to_64_hosts() {
    // Each in a net of its own, one connection every 100 ms: a sweep but for the exemption.
    for (hosts, wanted) in [(63, None), (64, None), (65, Some(100))] {
        let mut scene = Scene::new();
        for n in 0..hosts {
            let target = format!("198.{}.{}.7", 18 + n / 200, n % 200);
            scene.syn(i64::from(n) * 100, A, 40_000 + n as u16, &target, 443);
        }
        assert_eq!(
            scene.confidence("net.sweep").is_some(),
            wanted.is_some(),
            "{hosts} hosts"
        );
    }
    for (beside, wanted) in [(6, None), (7, None), (8, Some(53))] {
        let mut scene = Scene::new();
        // So many hosts of one net, and then hosts inside that are evidence whatever their number.
        for n in 0..beside {
            scene.syn(
                i64::from(n) * 100,
                A,
                40_000 + n as u16,
                &format!("198.18.0.{}", n + 1),
                443,
            );
        }
        for n in beside..16 {
            scene.syn(i64::from(n) * 100, A, 40_000 + n as u16, &host(false, 9, n), 445);
        }
        assert_eq!(scene.confidence("net.sweep"), wanted, "{beside} hosts of one net");
    }
}

// === §8 ===

#[test]
fn targets_have_one_form_whatever_they_are_written_in() {
    for (written, path) in [
        ("/admin", "/admin"),
        ("/ADMIN/", "/admin/"),
        ("/%61dmin", "/admin"),
        // Four rounds are undone, the fifth is not.
        ("/%25252561dmin", "/admin"),
        ("/%2525252561dmin", "/%61dmin"),
        ("/%u0061dmin", "/admin"),
        ("\\admin", "/admin"),
        ("//admin///users", "/admin/users"),
        ("/admin;jsessionid=1/users;x", "/admin/users"),
        ("/admin%00.png", "/admin"),
        ("/admin%20%09", "/admin"),
        ("http://host/admin?x=1#y", "/admin"),
        ("/admin#part", "/admin"),
        ("/admin?a?b", "/admin"),
    ] {
        assert_eq!(canon::Target::read(written).path, path, "{written}");
    }
}

#[test]
fn what_climbs_is_known_in_every_writing_and_what_does_not_is_left_alone() {
    // The number is whether it climbs, and whether it does so in escapes.
    for (written, climbs) in [
        ("/a/../b", Some(false)),
        ("/..", Some(false)),
        ("/a/%2e%2e/b", Some(true)),
        ("/a/%252e%252e/b", Some(true)),
        ("/a/..%2fb", Some(true)),
        ("/a/..%5cb", Some(true)),
        ("/a/..\\b", Some(false)),
        ("/a/%c0%ae%c0%ae/b", Some(true)),
        ("/a/..%c0%afb", Some(true)),
        ("/a/..%c1%9cb", Some(true)),
        ("/a/%e0%80%ae./b", Some(true)),
        ("/a/%u002e%u002e/b", Some(true)),
        ("/a/..../b", Some(false)),
        ("/a/..././b", Some(false)),
        ("/?file=../../etc/passwd", Some(false)),
        ("/?file=..%2f..%2fetc", Some(true)),
        // Never.
        ("/v1..2", None),
        ("/a..png", None),
        ("/a/.../b", None),
        ("/a/....", None),
        ("/a/./b", None),
        ("/a/%2e/b", None),
        ("/?range=1..5", None),
        ("/?file=..", None),
        ("/a/2e2e2f", None),
        ("/a/%e4%b8%ad%e6%96%87", None),
        ("/100%", None),
        ("/%", None),
    ] {
        let read = canon::Target::read(written).traversal;
        assert_eq!(read.map(|it| it.encoded), climbs, "{written}");
    }
}

#[test]
fn a_climbing_request_is_found_once_it_happens_and_surer_in_escapes() {
    for (target, wanted) in [("/v1..2", None), ("/a/../b", Some(80)), ("/a/%2e%2e/b", Some(95))] {
        let mut scene = Scene::new();
        scene.get(0, "203.0.113.7", target, 404);
        assert_eq!(scene.confidence("http.path_traversal"), wanted, "{target}");
    }
    // From this host itself nothing is added for who it is.
    let mut scene = Scene::with(Config::default());
    scene.get(0, "127.0.0.1", "/a/../b", 404);
    assert_eq!(scene.confidence("http.path_traversal"), Some(70));
}

// === §10 ===

fn accepted(text: &str) -> bool {
    Ruleset::default().add("own.yaml", text).is_ok()
}

fn rule(id: &str, more: &str) -> String {
    format!(
        "  - {{id: '{id}', title: T, kind: match, events: [http], where: {{http.path: x}}, emit: {{confidence: 50}}{more}}}\n"
    )
}

fn file(rules: &str) -> String {
    format!("decnet_rules: 1\nrules:\n{rules}")
}

#[test]
fn ids_have_3_to_80_characters_of_a_few_kinds_and_are_unique_whatever_their_case() {
    for (id, wanted) in [
        ("ab".to_owned(), false),
        ("abc".to_owned(), true),
        ("a".repeat(80), true),
        ("a".repeat(81), false),
        ("A.b_c-9".to_owned(), true),
        ("a b".to_owned(), false),
        ("a/b".to_owned(), false),
    ] {
        assert_eq!(accepted(&file(&rule(&id, ""))), wanted, "{id}");
    }
    assert!(!accepted(&file(&(rule("own.a", "") + &rule("OWN.A", "")))));
}

#[test]
fn a_file_holds_1000_rules_and_a_megabyte() {
    let many = |count: usize| file(&(0..count).map(|n| rule(&format!("own.{n}"), "")).collect::<String>());
    assert!(accepted(&many(999)) && accepted(&many(1_000)));
    assert!(!accepted(&many(1_001)));
    let long = |bytes: usize| {
        let text = file(&rule("own.a", ""));
        format!("{text}# {}", "x".repeat(bytes - text.len() - 2))
    };
    assert!(accepted(&long((1 << 20) - 1)) && accepted(&long(1 << 20)));
    assert!(!accepted(&long((1 << 20) + 1)));
}

#[test]
fn a_window_is_longer_than_nothing_and_no_longer_than_a_day() {
    for (within, wanted) in [
        ("0s", false),
        ("1s", true),
        ("24h", true),
        ("86400s", true),
        ("86401s", false),
        ("2d", false),
    ] {
        let text = format!(
            "  - {{id: own.a, title: T, kind: threshold, events: [http], count: {{over: 5}}, within: {within}, group_by: [src.ip], emit: {{confidence: 50}}}}\n"
        );
        assert_eq!(accepted(&file(&text)), wanted, "{within}");
    }
}

#[test]
fn a_regular_expression_has_1024_characters_and_a_sequence_2_to_8_steps() {
    for (length, wanted) in [(1_023, true), (1_024, true), (1_025, false)] {
        let text = format!(
            "  - {{id: own.a, title: T, kind: match, events: [http], where: {{'http.path|re': '{}'}}, emit: {{confidence: 50}}}}\n",
            "a".repeat(length)
        );
        assert_eq!(accepted(&file(&text)), wanted, "{length}");
    }
    for (steps, wanted) in [(1, false), (2, true), (8, true), (9, false)] {
        let all = vec!["{where: {http.path: x}}"; steps].join(", ");
        let text = format!(
            "  - {{id: own.a, title: T, kind: sequence, events: [http], by: [src.ip], steps: [{all}], max_span: 60s, emit: {{confidence: 50}}}}\n"
        );
        assert_eq!(accepted(&file(&text)), wanted, "{steps} steps");
    }
}

#[test]
fn over_fires_above_its_number_and_at_least_at_it() {
    for (bound, requests, wanted) in [
        ("over: 5", 5, 0),
        ("over: 5", 6, 1),
        ("at_least: 5", 4, 0),
        ("at_least: 5", 5, 1),
        ("distinct: http.path, over: 5", 5, 0),
        ("distinct: http.path, over: 5", 6, 1),
    ] {
        for v6 in [false, true] {
            let text = format!(
                "  - {{id: own.a, title: T, kind: threshold, events: [http], count: {{{bound}}}, within: 60s, group_by: [src.ip], emit: {{confidence: 50}}}}\n"
            );
            let mut set = Ruleset::default();
            set.add("own.yaml", &file(&text)).expect("a rule");
            let mut scene = Scene::ruled(set);
            for n in 0..requests {
                scene.get(i64::from(n) * 1000, &host(v6, 1, 1), &format!("/{n}"), 200);
                scene.get(i64::from(n) * 1000 + 1, &host(v6, 1, 2), "/same", 200);
            }
            let found = scene.found("own.a");
            let own = found.iter().filter(|finding| finding.key == host(v6, 1, 1)).count();
            assert_eq!(own, wanted, "{bound}, {requests} requests, v6 {v6}");
        }
    }
}

#[test]
fn a_bucket_runs_over_above_what_it_holds_and_loses_one_in_its_time() {
    // Three fit; a fourth runs over unless one has leaked away before.
    for (last, wanted) in [(2_999, 1), (10_000, 0), (10_001, 0)] {
        let text = "  - {id: own.a, title: T, kind: bucket, events: [http], capacity: 3, leak: 10s, group_by: [src.ip], emit: {confidence: 50}}\n";
        let mut set = Ruleset::default();
        set.add("own.yaml", &file(text)).expect("a rule");
        let mut scene = Scene::ruled(set);
        for at in [0, 1, 2, last] {
            scene.get(at, A, "/", 200);
        }
        assert_eq!(scene.found("own.a").len(), wanted, "the fourth at {last} ms");
    }
}

#[test]
fn a_window_holds_its_old_edge() {
    for (last, wanted) in [(59_999, 1), (60_000, 1), (60_001, 0)] {
        let text = "  - {id: own.a, title: T, kind: threshold, events: [http], count: {at_least: 2}, within: 60s, group_by: [src.ip], emit: {confidence: 50}}\n";
        let mut set = Ruleset::default();
        set.add("own.yaml", &file(text)).expect("a rule");
        let mut scene = Scene::ruled(set);
        scene.get(0, A, "/", 200);
        scene.get(last, A, "/", 200);
        assert_eq!(scene.found("own.a").len(), wanted, "{last} ms");
    }
}
