//! Forged packets, however many, make nothing forgotten that both sides had their part in.

use super::*;

#[test]
fn a_flood_from_many_more_sources_than_are_remembered_leaves_an_established_connection_to_be_read() {
    let hello = hex::decode(HELLO).unwrap();
    let mut bench = Bench::new();
    bench.watch = Watch::new(&Limits::default().shared(64), deckies());
    client_says(&mut bench, &[(0, &hello[..100])]);
    for n in 0..100_000_u32 {
        let (forged, port) = ((0x0b00_0000 + n).to_be_bytes(), n as u16 | 1024);
        bench.at = Time(bench.at.0 + 1_000);
        let packet = tcp((forged, port), SERVER, SYN, n, b"");
        bench
            .watch
            .packet(bench.at, LinkType::Raw, &packet, packet.len(), &mut bench.told);
        bench.told.clear();
    }
    bench.segment(CLIENT, SERVER, ACK, 201, &hello[100..]);
    let told = bench.of("tls_client_hello");
    assert_eq!(told.len(), 1, "{:?}", bench.kinds());
    assert_eq!(told[0]["client_rtt_ms"], 1.0, "its handshake is remembered");
    let counters = bench.watch.counters();
    assert_eq!((counters.evicted_flows, counters.evicted_talks), (0, 0));
    assert!(counters.evicted_half_open > 90_000);
}
