//! Findings are told as they are made, and telling them changes nothing.

mod common;

use common::{addr, host, ms};
use detect::{
    About, Body, Carried, Config, Decoy, Engine, Event, Finding, Input, News, Packet, Setup, TcpFlags, Totals,
};

fn probe(n: u16, at: i64) -> Packet {
    Packet {
        at: ms(at),
        src: addr("10.1.0.1"),
        dst: addr(&host(false, 9, n.into())),
        carried: Carried::Tcp {
            sport: 40_000 + n,
            dport: 445,
            flags: TcpFlags(2),
            payload: 0,
        },
    }
}

fn touch(at: i64, decoy: &str, kind: &str) -> Event {
    let decoy = Decoy {
        src: addr("10.1.0.1"),
        dst: None,
        decoy: decoy.to_owned(),
        service: "ssh".to_owned(),
        kind: kind.to_owned(),
        user: String::new(),
        secret: String::new(),
        text: String::new(),
    };
    Event::new(ms(at), "bus", Body::Decoy(Box::new(decoy)))
}

fn json(engine: Engine) -> String {
    let about = About {
        file: "x".to_owned(),
        input_type: "pcap".to_owned(),
        complete: true,
        totals: Totals::Packets {
            packets_total: 0,
            packets_analysed: 0,
        },
        warnings: Vec::new(),
        strict_notices: false,
    };
    serde_json::to_string(&engine.finish().report(about)).expect("json")
}

fn live() -> Engine {
    Engine::live(Setup::default(), Input::Events)
}

fn ids(news: &News) -> Vec<&str> {
    news.findings.iter().map(|finding| finding.rule.as_str()).collect()
}

#[test]
fn a_report_is_the_same_bytes_whether_or_not_news_were_told_on_the_way() {
    let run = |telling: bool| {
        let mut engine = Engine::new(Setup::default(), Input::Packets);
        let mut told = 0;
        for n in 0..400u16 {
            engine.packet(probe(n % 60, i64::from(n) * 300));
            if telling {
                told += engine.news().findings.len();
            }
        }
        (json(engine), told)
    };
    let (silent, _) = run(false);
    let (telling, told) = run(true);
    assert!(told > 0, "something is told before the end");
    assert_eq!(silent, telling);
}

#[test]
fn a_finding_is_told_once_until_its_severity_rises_or_it_grows_tenfold() {
    let mut engine = live();
    let mut feed = |at: i64, kind: &str| {
        engine.event(touch(at, "web-01", kind));
        engine.tick(ms(at + 3_000));
        let news = engine.news();
        news.findings
            .into_iter()
            .map(|finding| finding.confidence.value())
            .collect::<Vec<_>>()
    };
    assert_eq!(feed(0, "connect"), [60]);
    assert_eq!(feed(5_000, "connect"), [0; 0], "nothing new");
    assert_eq!(feed(10_000, "login"), [80], "high became critical");
    assert_eq!(feed(15_000, "command"), [0; 0], "critical it was already");
}

#[test]
fn what_is_told_is_whole_words_stage_and_incident() {
    let mut engine = live();
    engine.event(touch(0, "web-01", "connect"));
    engine.event(touch(1_000, "db-01", "command"));
    engine.tick(ms(10_000));
    let news = engine.news();
    assert_eq!(ids(&news), ["decoy.touch", "decoy.touch"]);
    assert!(
        news.findings
            .iter()
            .all(|finding| finding.decision == "flag" && !finding.narrative.report.is_empty())
    );
    assert_eq!(news.incidents.len(), 1);
    assert_eq!(news.incidents[0].findings.len(), 2);
}

#[test]
fn nothing_waits_for_the_next_event_once_the_clock_has_gone_on() {
    let mut engine = live();
    engine.event(touch(0, "web-01", "connect"));
    assert_eq!(ids(&engine.news()), [""; 0]);
    engine.tick(ms(1_999));
    assert_eq!(ids(&engine.news()), [""; 0], "what comes late may still come");
    engine.tick(ms(2_000));
    assert_eq!(ids(&engine.news()), ["decoy.touch"]);
}

#[test]
fn a_running_engine_forgets_what_is_a_day_old_and_finds_it_anew() {
    let mut engine = live();
    let day = 24 * 3_600_000;
    let mut told: Vec<Finding> = Vec::new();
    for turn in 0..3 {
        let at = turn * (day + 1_000);
        engine.event(touch(at, "web-01", "connect"));
        engine.tick(ms(at + 5_000));
        told.extend(engine.news().findings);
        engine.review(ms(at + 5_000));
    }
    assert_eq!(told.len(), 3);
    let same: Vec<&str> = told.iter().map(|finding| finding.id.as_str()).collect();
    assert_ne!(same[0], same[1], "each is its own");
    let report: serde_json::Value = serde_json::from_str(&json(engine)).expect("json");
    let held = report["findings"].as_array().map(Vec::len);
    assert_eq!(held, Some(1), "only the last is still held");
}

#[test]
fn a_beacon_is_seen_before_the_input_ends() {
    let mut engine = Engine::live(
        Setup {
            config: Config::default(),
            ..Setup::default()
        },
        Input::Flows,
    );
    for n in 0..20 {
        engine.flow(detect::FlowRecord {
            at: ms(n * 60_000),
            src: addr("10.1.0.1"),
            dst: addr("203.0.113.9"),
            sport: 40_000 + n as u16,
            dport: 4444,
            proto: detect::Proto::Tcp,
            duration: detect::Span(1_000_000),
            out: 100,
            back: 100,
            state: detect::State::Answered,
        });
    }
    engine.tick(ms(20 * 60_000));
    assert_eq!(ids(&engine.news()), [""; 0]);
    engine.review(ms(20 * 60_000));
    assert_eq!(ids(&engine.news()), ["net.beacon"]);
}
