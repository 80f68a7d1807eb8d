//! What real tools look like: each capture of `fixtures/captures`, which `scripts/make-captures` makes.

mod common;

use std::collections::BTreeMap;

use common::{capture, stack};
use wire::{
    flow::Flows,
    link::LinkType,
    packet::{Net, Packet, Transport},
    scanner::{Report, Tool},
    series::{IdClass, IsnClass, Observation},
    source::{Limits, Sources},
    stack::Signature,
};

#[test]
fn each_tool_is_named_and_nothing_else_is() {
    let table: [(&str, &[Tool]); 22] = [
        ("linux", &[]),
        ("linux-v6", &[]),
        ("linux-ecn", &[]),
        ("linux-plain", &[]),
        ("linux-bare", &[]),
        ("nmap-syn", &[Tool::NmapSyn]),
        ("nmap-syn-v6", &[Tool::NmapSyn]),
        ("nmap-connect", &[Tool::NmapConnect]),
        ("nmap-connect-v6", &[Tool::NmapConnect]),
        ("nmap-os", &[Tool::NmapSyn, Tool::NmapOs]),
        ("masscan", &[Tool::Masscan]),
        ("masscan-v6", &[Tool::Masscan]),
        ("zmap-2.1", &[Tool::ZmapLegacy]),
        ("zmap-4", &[Tool::Zmap]),
        ("hping", &[Tool::Hping]),
        ("hping-id", &[Tool::Hping]),
        ("hping-data", &[Tool::Hping, Tool::DataSyn]),
        ("scapy", &[Tool::Scapy]),
        ("scapy-v6", &[Tool::Scapy]),
        ("unicornscan", &[Tool::Unicornscan]),
        ("mirai", &[Tool::Mirai]),
        ("incremental", &[]),
    ];
    for (name, expected) in table {
        let found: Vec<Tool> = Watched::capture(name).tools.into_keys().collect();
        let named: Vec<Tool> = found.iter().copied().filter(|tool| !is_manner(*tool)).collect();
        let manners: Vec<Tool> = expected.iter().copied().filter(|tool| is_manner(*tool)).collect();
        let expected: Vec<Tool> = expected.iter().copied().filter(|tool| !is_manner(*tool)).collect();
        assert_eq!(named, expected, "{name}: {found:?}");
        assert!(manners.iter().all(|tool| found.contains(tool)), "{name}: {found:?}");
    }
}

#[test]
fn tools_that_write_their_own_packets_are_named_with_confidence() {
    let sure = [
        ("nmap-syn", Tool::NmapSyn),
        ("nmap-syn-v6", Tool::NmapSyn),
        ("nmap-os", Tool::NmapOs),
        ("masscan", Tool::Masscan),
        ("zmap-2.1", Tool::ZmapLegacy),
        ("hping", Tool::Hping),
        ("scapy", Tool::Scapy),
        ("unicornscan", Tool::Unicornscan),
        ("mirai", Tool::Mirai),
    ];
    for (name, tool) in sure {
        let confidence = Watched::capture(name).tools.get(&tool).copied().unwrap_or_default();
        assert!(confidence >= 0.9, "{name}: {confidence}");
    }
}

#[test]
fn sweeps_are_told_with_their_order() {
    let watched = Watched::capture("masscan");
    assert!(watched.reports.iter().any(|report| report.sweep.is_some()));
    assert!(
        Watched::capture("linux")
            .reports
            .iter()
            .all(|report| report.sweep.is_none())
    );
}

#[test]
fn numbers_are_classed_as_the_tools_make_them() {
    let last = |name: &str| *Watched::capture(name).observations.last().unwrap();
    let ids = |name: &str| last(name).ids.unwrap().0.class;
    let isns = |name: &str| last(name).isns.0.class;
    assert_eq!(ids("hping-id"), IdClass::Constant);
    assert_eq!(ids("zmap-2.1"), IdClass::Constant);
    assert_eq!(ids("scapy"), IdClass::Constant);
    assert_eq!(ids("incremental"), IdClass::Incremental);
    assert_eq!(ids("hping"), IdClass::Random);
    assert_eq!(ids("linux"), IdClass::Random);
    assert_eq!(isns("linux"), IsnClass::Random);
    assert_eq!(isns("linux-v6"), IsnClass::Random);
    assert_eq!(isns("nmap-syn"), IsnClass::Constant);
    assert_eq!(isns("nmap-syn-v6"), IsnClass::Constant);
    assert_eq!(isns("scapy-v6"), IsnClass::Zero);
    assert!(last("linux-v6").ids.is_none());
}

#[test]
fn signatures_of_a_linux_of_today_are_as_they_are_known() {
    let first = |name: &str| Watched::capture(name).signatures[0].stack_sig();
    assert_eq!(first("linux"), "4:64:0:1460:mss*44,10:mss,sok,ts,nop,ws:df,id+:0");
    assert_eq!(first("linux-v6"), "6:64:0:1440:mss*45,10:mss,sok,ts,nop,ws:flow:0");
    assert_eq!(
        first("linux-ecn"),
        "4:64:0:1460:mss*44,10:mss,sok,ts,nop,ws:df,id+,ecn:0"
    );
    assert_eq!(
        first("linux-plain"),
        "4:64:0:1460:mss*44,10:mss,nop,nop,sok,nop,ws:df,id+:0"
    );
    assert_eq!(first("linux-bare"), "4:64:0:1460:mss*44,0:mss:df,id+:0");
}

/// What the whole crate says of a capture.
#[derive(Default)]
struct Watched {
    /// With the highest confidence.
    tools: BTreeMap<Tool, f64>,
    reports: Vec<Report>,
    observations: Vec<Observation>,
    signatures: Vec<Signature>,
}

/// No program by itself.
fn is_manner(tool: Tool) -> bool {
    tool.family().is_none()
}

// === impl Watched ===

impl Watched {
    fn capture(name: &str) -> Self {
        let mut watched = Self::default();
        let (mut flows, mut sources) = (Flows::<()>::new(1000, 1000), Sources::new(Limits::default()));
        for (at, bytes) in capture(name) {
            let Ok(Packet {
                net: Net::Ip(ip, Transport::Tcp(tcp)),
                ..
            }) = Packet::read(LinkType::Ethernet, &bytes, bytes.len())
            else {
                continue;
            };
            let known = flows.packet(at, &ip, &tcp, None).is_some();
            if tcp.flags.opens() {
                let (options, signature) = stack(&ip, &tcp);
                let shown = sources.syn(at, &ip, &tcp, &options, &signature);
                watched.note(shown.report);
                watched.observations.push(shown.series);
                watched.signatures.push(signature);
            } else if !known {
                watched.note(sources.stray(&ip, &tcp));
            }
            if let Some(ended) = flows.close(&ip, &tcp) {
                watched.note(sources.ended(ended.ends.client.0, &ended.flow));
            }
        }
        watched
    }

    fn note(&mut self, report: Report) {
        for hit in report.hits.iter() {
            let held = self.tools.entry(hit.tool).or_insert(hit.confidence);
            *held = held.max(hit.confidence);
        }
        self.reports.push(report);
    }
}
