//! Whose doing a thing is, and whether he is still the one he was.

use super::*;

const OTHER: [u8; 4] = [192, 0, 2, 11];

#[test]
fn what_one_machine_asks_of_another_is_told_of_the_other_as_somebodys_inside_the_first() {
    let mut deckies = deckies();
    let other = Arc::new(Decky {
        name: "db-01".to_owned(),
        hostname: None,
    });
    deckies.add(Ipv4Addr::from(OTHER).into(), &other);
    let mut bench = Bench::with(deckies);
    let (inside, hello) = ((DECKY, 50_000), hex::decode(HELLO).unwrap());
    for port in 1..20 {
        bench.segment(inside, (OTHER, port), SYN, port.into(), b"");
        bench.segment((OTHER, port), inside, 0x14, 0, b"");
    }
    bench.segment(inside, (OTHER, 443), SYN, 100, b"");
    bench.segment((OTHER, 443), inside, SYN_ACK, 500, b"");
    bench.segment(inside, (OTHER, 443), ACK, 101, &hello);
    bench.segment((OTHER, 443), inside, ACK, 501, b"");
    bench.watch.finish(&mut bench.told);
    let kinds = bench.kinds();
    for kind in ["tcp_syn_fingerprint", "tls_client_hello", "tcp_flow_timing"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    for told in &bench.told {
        assert_eq!(
            (told.role, told.source.0),
            (Role::Lateral, Ipv4Addr::from(DECKY).into()),
            "{told:?}"
        );
        assert_eq!(told.decky.as_ref().unwrap().name, "db-01");
    }
    let scanners: Vec<_> = bench
        .of("tcp_syn_fingerprint")
        .iter()
        .map(|syn| syn["scanner"].clone())
        .collect();
    assert!(scanners.iter().any(|scanner| scanner.is_string()), "{scanners:?}");
}

/// A SYN of the sample stack from this port, its clock at so many milliseconds.
fn stamped(bench: &mut Bench, n: u32, port: u16, clock: u32) {
    let mut syn = hex::decode(LINUX).unwrap();
    syn[20..22].copy_from_slice(&port.to_be_bytes());
    syn[24..28].copy_from_slice(&(n + 1).wrapping_mul(2_654_435_761).to_be_bytes());
    syn[48..52].copy_from_slice(&clock.to_be_bytes());
    bench.raw(&syn);
}

#[test]
fn another_clock_behind_an_address_whose_clock_ran_on_is_another_host() {
    let mut bench = Bench::new();
    (0..5).for_each(|n| stamped(&mut bench, n, 50_000 + (n * 977) as u16 % 999, 1_000_000 + n));
    assert!(bench.of("host_change").is_empty(), "{:?}", bench.kinds());
    stamped(&mut bench, 9, 50_100, 77_000_000);
    let told = bench.of("host_change");
    assert_eq!(told.len(), 1, "{:?}", bench.kinds());
    assert_eq!(told[0]["reasons"], serde_json::json!(["tstamp"]));
}

#[test]
fn clocks_that_never_ran_on_say_nothing() {
    let mut bench = Bench::new();
    (0..12).for_each(|n| {
        stamped(
            &mut bench,
            n,
            50_000 + (n * 977) as u16 % 999,
            (n + 1).wrapping_mul(0x9e37_79b9),
        )
    });
    assert!(bench.of("host_change").is_empty(), "{:?}", bench.kinds());
}

#[test]
fn ports_that_went_up_step_by_step_and_then_do_not_are_another_hosts() {
    let mut bench = Bench::new();
    for n in 0..6_u16 {
        stamped(&mut bench, n.into(), 40_000 + 2 * n, 1_000_000);
    }
    stamped(&mut bench, 8, 33_000, 1_000_000);
    let told = bench.of("host_change");
    assert_eq!(told.len(), 1, "{:?}", bench.kinds());
    assert_eq!(told[0]["reasons"], serde_json::json!(["port"]));
    let mut round = Bench::new();
    for n in 0..6_u16 {
        stamped(&mut round, n.into(), 60_980 + 2 * n, 1_000_000);
    }
    stamped(&mut round, 8, 32_770, 1_000_000);
    assert!(
        round.of("host_change").is_empty(),
        "ports begin anew at the end of their range"
    );
}
