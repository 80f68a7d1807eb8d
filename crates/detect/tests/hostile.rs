//! Whatever comes in, nothing panics, and the order of a little jitter changes nothing.

mod common;

use common::{Scene, ms};
use detect::input::{AccessLog, FlowLog, call, event};
use detect::{Addr, Body, Carried, Config, Engine, Event, Input, Packet, Ruleset, Setup, TcpFlags};
use proptest::prelude::*;

fn packet() -> impl Strategy<Value = Packet> {
    let ends = (0u8..6, 0u8..6, 0u16..4, 0u16..4);
    (0i64..400_000, ends, any::<u8>(), 0u32..600, 0u8..6).prop_map(
        |(at, (a, b, sport, dport), flags, payload, kind)| {
            let host = |n: u8| -> Addr { std::net::Ipv4Addr::new(10, 0, 0, n).into() };
            let (src, dst) = (host(a), host(b));
            let carried = match kind {
                0..3 => Carried::Tcp {
                    sport,
                    dport,
                    flags: TcpFlags(flags),
                    payload,
                },
                3 => Carried::Udp {
                    sport,
                    dport: 514,
                    payload,
                },
                4 => Carried::EchoRequest { id: sport, v6: false },
                _ => Carried::Unreachable {
                    proto: detect::Proto::Tcp,
                    src: dst,
                    sport,
                    dst: src,
                    dport,
                },
            };
            Packet {
                at: ms(at),
                src,
                dst,
                carried,
            }
        },
    )
}

fn run(packets: &[Packet]) -> String {
    let mut engine = Engine::new(Setup::default(), Input::Packets);
    packets.iter().for_each(|packet| engine.packet(*packet));
    serde_json::to_string(&report(engine)).expect("json")
}

fn report(engine: Engine) -> detect::Report {
    engine.finish().report(detect::About {
        file: String::new(),
        input_type: String::new(),
        complete: true,
        totals: detect::Totals::Packets {
            packets_total: 0,
            packets_analysed: 0,
        },
        warnings: Vec::new(),
        strict_notices: false,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_packets_are_judged_and_always_the_same(packets in proptest::collection::vec(packet(), 0..300)) {
        prop_assert_eq!(run(&packets), run(&packets));
    }

    #[test]
    fn any_line_is_read_or_refused(line in "\\PC{0,200}|[\\[\\]{}\":,a-z0-9. /-]{0,200}") {
        let _ = AccessLog::new(&Config::default()).line(&line);
        let _ = FlowLog::default().line(&line);
        let _ = event(&line);
        let _ = call(&line);
        let _ = Ruleset::default().add("x", &line);
        let _ = Ruleset::default().add("x", &format!("decnet_rules: 1\n{line}"));
    }

    #[test]
    fn any_call_is_judged(name in "\\PC{0,40}", key in "[a-z]{1,8}", text in "\\PC{0,300}") {
        let mut engine = Engine::new(Setup::default(), Input::Tools);
        for key in [key.as_str(), "url", "command", "to", "query", "path"] {
            let arguments = serde_json::json!({ key: text });
            let call = detect::Call { agent: "a".into(), name: name.clone(), arguments, ..Default::default() };
            engine.check(ms(0), &call);
            engine.check(ms(1), &detect::Call { name: "bash".into(), ..call });
        }
    }
}

#[test]
fn packets_a_little_out_of_order_change_nothing() {
    let mut packets: Vec<Packet> = (0..40u16)
        .map(|n| Packet {
            at: ms(i64::from(n) * 100),
            src: std::net::Ipv4Addr::new(10, 0, 0, 1).into(),
            dst: std::net::Ipv4Addr::new(10, 0, 1, n as u8).into(),
            carried: Carried::Tcp {
                sport: 4_000 + n,
                dport: 445,
                flags: TcpFlags(2),
                payload: 0,
            },
        })
        .collect();
    let sorted = run(&packets);
    packets.chunks_mut(7).for_each(<[Packet]>::reverse);
    assert_eq!(run(&packets), sorted);
}

#[test]
fn what_our_own_enforcement_caused_is_passed_over() {
    let mut scene = Scene::of(Config::default(), Input::Events);
    let canary = detect::Canary {
        src: std::net::Ipv4Addr::new(10, 0, 0, 1).into(),
        token: "t".into(),
    };
    scene.event(0, Body::Canary(Box::new(canary.clone())));
    assert_eq!(scene.report().findings.len(), 1);
    let mut engine = Engine::new(Setup::default(), Input::Events);
    let mut event = Event::new(ms(0), "test", Body::Canary(Box::new(canary)));
    event.tags.push("decnet_enforced".to_owned());
    engine.event(event);
    let report = report(engine);
    assert!(report.findings.is_empty());
    assert_eq!(report.counters.excluded, 1);
}
