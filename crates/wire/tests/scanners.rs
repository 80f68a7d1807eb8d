//! The marks of scanners, each at its threshold.

mod common;

use std::time::Duration;

use common::{Syn, over_ipv6, read, stack};
use wire::{
    packet::{Net, Transport},
    scanner::{Order, Report, Tool},
    source::{Limits, Sources},
    time::Time,
};

#[test]
fn the_known_packets_are_of_their_tools() {
    let table = [
        (
            "4500003c1234400034063676cb007107c000020ac93a00161122334400000000a002faf05f040000020405b40402080a0001e2400000000001030307",
            None,
        ),
        (
            "450200340777400073060238cb007108c000020ac3500d3ddeadbeef0000000080c2faf007210000020405b40103030801010402",
            None,
        ),
        (
            "4500004000004000390643a4cb007109c000020ac03001bb0badf00d00000000b002ffff7b400000020405b4010303060101080a000000010000000004020000",
            None,
        ),
        (
            "4500002cbeef00003006cdc7cb00710ac000020a9cbb0050a1b2c3d40000000060020400937e0000020405b4",
            Some(Tool::NmapSyn),
        ),
        (
            "4500002cd4310000f406f483cb00710bc000020a947b01bb7788aa55000000006002ffffe1fb0000020405b4",
            Some(Tool::ZmapLegacy),
        ),
        (
            "4500002c303900002e065e7ccb00710cc000020a5ba00017c000020a000000006002390843450000020405b4",
            Some(Tool::Mirai),
        ),
        (
            "45000028130d0000ee06bbaacb00710dc000020aee4800165a5a1111000000005002040054000000",
            Some(Tool::Masscan),
        ),
    ];
    for (packet, tool) in table {
        let report = Bench::default().bytes(0, &hex::decode(packet).unwrap());
        assert_eq!(report.hits.best().map(|hit| hit.tool), tool, "{packet}");
    }
}

#[test]
fn a_kernels_syn_of_any_number_is_no_tools() {
    let mut bench = Bench::default();
    for n in 0..200u32 {
        let syn = Syn {
            id: n as u16 * 7,
            isn: (n + 1).wrapping_mul(0x9e37_79b9),
            ..Syn::at(n * 13)
        };
        assert!(bench.syn(n.into(), &syn).hits.is_empty());
    }
}

#[test]
fn two_sequence_numbers_that_differ_by_the_same_in_both_halves_are_nmaps() {
    let mut bench = Bench::default();
    bench.syn(
        0,
        &Syn {
            isn: 0x1234_5678,
            ..Syn::at(0)
        },
    );
    assert_eq!(
        bench.confidence(
            1,
            &Syn {
                isn: 0x1234_5679,
                ..Syn::at(1)
            },
            Tool::NmapSeq
        ),
        None
    );
    assert_eq!(
        bench.confidence(
            2,
            &Syn {
                isn: 0x1134_557a ^ 0x0001_0000,
                ..Syn::at(2)
            },
            Tool::NmapSeq
        ),
        None
    );
    let mut bench = Bench::default();
    bench.syn(
        0,
        &Syn {
            isn: 0x1234_5678,
            ..Syn::at(0)
        },
    );
    assert_eq!(
        bench.confidence(
            1,
            &Syn {
                isn: 0x1235_5679,
                ..Syn::at(1)
            },
            Tool::NmapSeq
        ),
        Some(0.7)
    );
    assert_eq!(
        bench.confidence(
            2,
            &Syn {
                isn: 0x1034_5499,
                ..Syn::at(2)
            },
            Tool::NmapSeq
        ),
        Some(0.7)
    );
    assert_eq!(
        bench.confidence(
            3,
            &Syn {
                isn: 0x1035_5498,
                ..Syn::at(3)
            },
            Tool::NmapSeq
        ),
        Some(0.95)
    );
    // The same number twice is a retransmission or a constant, and shows nothing.
    let mut bench = Bench::default();
    bench.syn(0, &Syn::at(0));
    assert_eq!(bench.confidence(1, &Syn::at(1), Tool::NmapSeq), None);
}

#[test]
fn nine_places_in_ten_seconds_are_no_sweep_and_ten_are() {
    let at = |n: u32| Syn {
        dst_port: 100 + n as u16,
        isn: n * n * 77_777 + 5,
        ..Syn::at(n)
    };
    let mut bench = Bench::default();
    // The first SYN of a source only makes it known.
    let swept: Vec<u32> = (0..12)
        .filter(|&n| bench.syn(n.into(), &at(n)).sweep.is_some())
        .collect();
    assert_eq!(swept, [10, 11]);
    let mut slow = Bench::default();
    assert!((0..30).all(|n| slow.syn(2 * u64::from(n), &at(n)).sweep.is_none()));
    let mut again = Bench::default();
    assert!((0..30).all(|n| again.syn(0, &at(n % 8)).sweep.is_none()));
}

#[test]
fn a_sweep_has_an_order() {
    let sweep = |ports: &[u16]| {
        let mut bench = Bench::default();
        let mut last = None;
        for (n, &port) in ports.iter().enumerate() {
            let n = n as u32;
            last = bench
                .syn(
                    0,
                    &Syn {
                        dst_port: port,
                        isn: n * n * 77_777 + 5,
                        ..Syn::at(n)
                    },
                )
                .sweep
                .or(last);
        }
        last.map(|sweep| sweep.order)
    };
    assert_eq!(
        sweep(&(0..14).map(|n| 20 + n).collect::<Vec<_>>()),
        Some(Order::Sequential)
    );
    let jumping: Vec<u16> = (0..14).map(|n| 20 + n * 37 % 101).collect();
    assert_eq!(sweep(&jumping), Some(Order::Permuted));
    let mut again = jumping.clone();
    again.insert(12, jumping[5]);
    assert_eq!(sweep(&again), Some(Order::Random));
}

#[test]
fn many_places_from_one_source_port_without_a_handshake_are_stateless() {
    let mut bench = Bench::default();
    let stateless: Vec<u32> = (0..12)
        .filter(|&n| {
            let syn = Syn {
                dst_port: 100 + n as u16,
                isn: n * n * 77_777 + 5,
                ..Syn::default()
            };
            bench.confidence(0, &syn, Tool::Stateless).is_some()
        })
        .collect();
    assert_eq!(stateless, [10, 11]);
}

#[test]
fn data_in_a_syn_is_told_and_less_surely_with_fast_open() {
    let mut bench = Bench::default();
    let data = Syn {
        payload: b"GET /".to_vec(),
        ..Syn::at(0)
    };
    assert_eq!(bench.confidence(0, &data, Tool::DataSyn), Some(0.8));
    let options = [&data.options[..], &[34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1]].concat();
    let fast_open = Syn {
        options,
        isn: 9,
        ..data
    };
    assert_eq!(bench.confidence(1, &fast_open, Tool::DataSyn), Some(0.4));
}

#[test]
fn a_second_program_from_one_source_is_a_change_of_tool() {
    let bare = Syn {
        dont_fragment: false,
        options: Vec::new(),
        isn: 7_000_001,
        ..Syn::at(0)
    };
    let mut bench = Bench::default();
    let hping = bench.syn(
        0,
        &Syn {
            window: 512,
            ..bare.clone()
        },
    );
    assert!(hping.new_tool && !hping.tool_change);
    let again = bench.syn(
        1,
        &Syn {
            window: 512,
            isn: 9_000_001,
            ..bare.clone()
        },
    );
    assert!(!again.new_tool && !again.tool_change);
    let scapy = bench.syn(
        2,
        &Syn {
            window: 8192,
            id: 1,
            isn: 0,
            ..bare
        },
    );
    assert!(scapy.new_tool && scapy.tool_change);
}

#[test]
fn over_ipv6_the_marks_that_need_no_ipv4_are_the_same() {
    let bare = Syn {
        dont_fragment: false,
        options: Vec::new(),
        isn: 0,
        ttl: 64,
        id: 1,
        ..Syn::at(0)
    };
    let tool = |syn: Syn| {
        Bench::default()
            .bytes(0, &over_ipv6(&syn.bytes()))
            .hits
            .best()
            .map(|hit| hit.tool)
    };
    assert_eq!(
        tool(Syn {
            window: 8192,
            ..bare.clone()
        }),
        Some(Tool::Scapy)
    );
    assert_eq!(
        tool(Syn {
            window: 512,
            ..bare.clone()
        }),
        Some(Tool::Hping)
    );
    assert_eq!(
        tool(Syn {
            window: 1024,
            ttl: 240,
            ..bare.clone()
        }),
        Some(Tool::Masscan)
    );
    assert_eq!(
        tool(Syn {
            window: 1024,
            ttl: 240,
            options: vec![2, 4, 5, 180],
            ..bare.clone()
        }),
        Some(Tool::NmapSyn)
    );
    assert_eq!(tool(Syn { window: 777, ..bare }), Some(Tool::Raw));
}

struct Bench {
    sources: Sources,
}

// === impl Bench ===

impl Default for Bench {
    fn default() -> Self {
        Self {
            sources: Sources::new(Limits::of(100)),
        }
    }
}

impl Bench {
    fn syn(&mut self, second: u64, syn: &Syn) -> Report {
        self.bytes(second, &syn.bytes())
    }

    fn confidence(&mut self, second: u64, syn: &Syn, tool: Tool) -> Option<f64> {
        self.syn(second, syn)
            .hits
            .iter()
            .find(|hit| hit.tool == tool)
            .map(|hit| hit.confidence)
    }

    fn bytes(&mut self, second: u64, bytes: &[u8]) -> Report {
        let Net::Ip(ip, Transport::Tcp(tcp)) = read(bytes).net else {
            panic!("no TCP")
        };
        let (options, signature) = stack(&ip, &tcp);
        let at = Time::default() + Duration::from_secs(second);
        self.sources.syn(at, &ip, &tcp, &options, &signature).report
    }
}
