//! How IP identifications and initial sequence numbers are classed, row by row.

mod common;

use std::time::Duration;

use common::{Syn, over_ipv6, read, stack};
use wire::{
    packet::{Net, Transport},
    series::{IdClass, IsnClass, Legacy, Observation, Sample, Scope, classify_ids, classify_isns},
    source::{Limits, Sources},
    time::Time,
};

#[test]
fn every_row_of_the_table_of_ip_identifications_gets_its_class() {
    let rows: [(&[u16], IdClass, Legacy); 17] = [
        (&[], IdClass::Unknown, Legacy::Unknown),
        (&[7], IdClass::Unknown, Legacy::Unknown),
        (&[7, 7], IdClass::Unknown, Legacy::Unknown),
        (&[0, 0, 0], IdClass::Unknown, Legacy::Unknown),
        (&[0, 0, 0, 0], IdClass::Zero, Legacy::Zero),
        (&[0, 0, 0, 0, 0, 0, 0, 0], IdClass::Zero, Legacy::Zero),
        (&[54321, 54321, 54321, 54321], IdClass::Constant, Legacy::Constant),
        (&[100, 101, 102, 103], IdClass::Incremental, Legacy::Incremental),
        (
            &[1000, 1003, 1010, 1012, 1015],
            IdClass::Incremental,
            Legacy::Incremental,
        ),
        (&[0, 4096, 8192, 12288], IdClass::Incremental, Legacy::Incremental),
        (&[0, 4097, 8194, 12291], IdClass::IncrementalLoose, Legacy::Random),
        (&[65533, 65534, 65535, 0, 1], IdClass::Incremental, Legacy::Incremental),
        (&[256, 512, 768, 1024], IdClass::IncrementalBe, Legacy::Incremental),
        (&[0, 5120, 10240, 15360], IdClass::IncrementalBe, Legacy::Random),
        (&[42, 42, 42, 99], IdClass::Mixed, Legacy::Random),
        (&[500, 400, 300, 200], IdClass::Random, Legacy::Random),
        (&[0, 0x2000, 9, 0x4000, 0x1234], IdClass::Random, Legacy::Random),
    ];
    for (ids, class, legacy) in rows {
        let verdict = classify_ids(&spaced(ids.iter().map(|&id| (id, 0))));
        assert_eq!(
            (verdict.class, verdict.legacy, verdict.samples),
            (class, legacy, ids.len()),
            "{ids:?}"
        );
    }
}

#[test]
fn every_row_of_the_table_of_sequence_numbers_gets_its_class() {
    let rows: [(&[u32], IsnClass, Legacy); 10] = [
        (&[9, 9, 9], IsnClass::Unknown, Legacy::Unknown),
        (&[0, 0, 0, 0], IsnClass::Zero, Legacy::Zero),
        (&[77, 77, 77, 77], IsnClass::Constant, Legacy::Constant),
        (&[77, 77, 77, 78], IsnClass::Random, Legacy::Random),
        (&[1, 2, 3, 4], IsnClass::Incremental, Legacy::Incremental),
        (&[0, 4096, 8192, 12288], IsnClass::Incremental, Legacy::Incremental),
        (
            &[4294967200, 4294967290, 84, 180],
            IsnClass::Incremental,
            Legacy::Incremental,
        ),
        (&[5, 64_005, 192_005, 256_005], IsnClass::Incremental64k, Legacy::Random),
        (&[0, 250_000, 490_000, 750_000], IsnClass::TimeBased, Legacy::Random),
        (&[0, 0x2000, 0x4001, 0x6002], IsnClass::Random, Legacy::Random),
    ];
    for (isns, class, legacy) in rows {
        let verdict = classify_isns(&spaced(isns.iter().map(|&isn| (0, isn))));
        assert_eq!(
            (verdict.class, verdict.legacy, verdict.samples),
            (class, legacy, isns.len()),
            "{isns:?}"
        );
    }
}

#[test]
fn a_rate_that_wavers_makes_large_steps_random() {
    let ids = [0, 5000, 30_000, 35_000];
    assert_eq!(classify_ids(&spaced(ids.map(|id| (id, 0)))).class, IdClass::Random);
}

#[test]
fn statistics_come_with_the_sixth_sample_and_confidence_grows_to_one_at_eleven() {
    let isns = |count: u32| spaced((0..count).map(|n| (0, n * n * 30_000)));
    let five = classify_isns(&isns(5));
    assert_eq!((five.gcd, five.rate, five.entropy_bits), (None, None, None));
    let six = classify_isns(&isns(6));
    assert_eq!(six.gcd, Some(30_000));
    assert_eq!(six.rate, Some(150_000.0));
    assert!(
        six.entropy_bits.is_some_and(|bits| (16.0..17.0).contains(&bits)),
        "{:?}",
        six.entropy_bits
    );
    assert_eq!(
        [4, 7, 11, 30].map(|count| classify_isns(&isns(count)).confidence()),
        [0.125, 0.5, 1.0, 1.0]
    );
    assert_eq!(
        classify_ids(&spaced([(1, 0), (3, 0), (5, 0), (9, 0)])).step_mean,
        Some(8.0 / 3.0)
    );
}

#[test]
fn a_retransmitted_syn_does_not_make_a_constant_sequence_number() {
    let mut bench = Bench::default();
    for second in [0, 1, 3, 7, 15] {
        let seen = bench.syn(
            second,
            &Syn {
                isn: 99,
                ..Syn::default()
            },
        );
        assert_eq!(seen.retransmission, second > 0);
        assert_eq!(seen.isns.0.class, IsnClass::Unknown);
    }
    // Another port with the same number is no retransmission.
    for port in 1..=3 {
        bench.syn(
            20,
            &Syn {
                isn: 99,
                dst_port: port,
                ..Syn::default()
            },
        );
    }
    assert_eq!(
        bench
            .syn(
                21,
                &Syn {
                    isn: 99,
                    dst_port: 4,
                    ..Syn::default()
                }
            )
            .isns
            .0
            .class,
        IsnClass::Constant
    );
}

#[test]
fn a_class_changes_exactly_once_at_a_transition() {
    let mut bench = Bench::default();
    let transitions: Vec<u32> = (0..40u32)
        .filter(|&n| {
            bench
                .syn(
                    n.into(),
                    &Syn {
                        id: 500 + n as u16,
                        isn: (n + 1).wrapping_mul(0x9e37_79b9),
                        ..Syn::at(n)
                    },
                )
                .transition
        })
        .collect();
    assert_eq!(transitions, [3]);
}

#[test]
fn counters_per_destination_are_found_where_the_whole_looks_random() {
    let mut bench = Bench::default();
    let mut last = None;
    for n in 0..12u32 {
        let host = (n % 3) as u8;
        let id = 20_000 * u16::from(host) + n as u16 * 2 + u16::from(host % 2) * 7000;
        last = Some(bench.syn(
            n.into(),
            &Syn {
                id,
                dst: host,
                isn: (n + 1).wrapping_mul(0x9e37_79b9),
                ..Syn::at(n)
            },
        ));
    }
    let (ids, scope) = last.and_then(|seen| seen.ids).unwrap();
    assert_eq!(
        (ids.class, scope, scope.name()),
        (IdClass::Incremental, Scope::PerDestination, "per_dst")
    );
}

#[test]
fn another_stack_behind_the_address_begins_the_series_anew() {
    let mut bench = Bench::default();
    for n in 0..6 {
        assert!(
            !bench
                .syn(
                    n.into(),
                    &Syn {
                        id: 1000 + n as u16,
                        ..Syn::at(n)
                    }
                )
                .host_change
        );
    }
    let other = bench.syn(
        7,
        &Syn {
            id: 1007,
            ttl: 128,
            ..Syn::at(7)
        },
    );
    assert!(other.host_change);
    assert_eq!(other.ids.unwrap().0.class, IdClass::Unknown);
    assert!(other.transition);
}

#[test]
fn samples_older_than_ten_minutes_do_not_count() {
    let mut bench = Bench::default();
    for n in 0..6 {
        bench.syn(
            n.into(),
            &Syn {
                id: 1000 + n as u16,
                ..Syn::at(n)
            },
        );
    }
    let late = bench.syn(
        2000,
        &Syn {
            id: 2000,
            ..Syn::at(99)
        },
    );
    assert_eq!(late.ids.unwrap().0.samples, 1);
}

#[test]
fn over_ipv6_only_sequence_numbers_are_classed() {
    let mut bench = Bench::default();
    let mut last = None;
    for n in 0..5 {
        last = Some(
            bench.bytes(
                n.into(),
                &over_ipv6(
                    &Syn {
                        isn: 1000 + n,
                        ..Syn::at(n)
                    }
                    .bytes(),
                ),
            ),
        );
    }
    let seen = last.unwrap();
    assert!(seen.ids.is_none());
    assert_eq!(seen.isns.0.class, IsnClass::Incremental);
}

#[test]
fn a_flood_of_sources_does_not_grow_what_is_remembered() {
    let limits = Limits {
        sources: 100,
        scoped: 100,
        recent: 64,
    };
    let mut bench = Bench {
        sources: Sources::new(limits),
    };
    for n in 0..1000u32 {
        bench.syn(1, &Syn { src: n, ..Syn::at(n) });
    }
    assert_eq!(bench.sources.evicted(), 900);
}

/// Samples one second apart.
fn spaced(values: impl IntoIterator<Item = (u16, u32)>) -> Vec<Sample> {
    let each = |(n, (id, isn)): (usize, (u16, u32))| Sample {
        at: Time::from_millis(n as u64 * 1000),
        isn,
        id,
    };
    values.into_iter().enumerate().map(each).collect()
}

struct Bench {
    sources: Sources,
}

// === impl Bench ===

impl Default for Bench {
    fn default() -> Self {
        Self {
            sources: Sources::new(Limits::default()),
        }
    }
}

impl Bench {
    fn syn(&mut self, second: u64, syn: &Syn) -> Observation {
        self.bytes(second, &syn.bytes())
    }

    fn bytes(&mut self, second: u64, bytes: &[u8]) -> Observation {
        let Net::Ip(ip, Transport::Tcp(tcp)) = read(bytes).net else {
            panic!("no TCP")
        };
        let at = Time::default() + Duration::from_secs(second);
        let (options, signature) = stack(&ip, &tcp);
        self.sources.syn(at, &ip, &tcp, &options, &signature).series
    }
}
