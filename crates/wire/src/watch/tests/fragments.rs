//! What comes in fragments is looked into as what comes whole.

use super::*;

/// The payload of an IPv4 packet in pieces of `size` bytes, over IPv4 or IPv6.
fn pieces(v4: &[u8], size: usize, v6: bool) -> Vec<Vec<u8>> {
    let payload = &v4[20..];
    let chunks = payload.chunks(size).enumerate();
    chunks
        .map(|(n, chunk)| {
            let (place, more) = ((n * size) as u16, (n + 1) * size < payload.len());
            if v6 {
                over_v6(v4, chunk, place, more)
            } else {
                over_v4(v4, chunk, place, more)
            }
        })
        .collect()
}

fn over_v4(whole: &[u8], chunk: &[u8], place: u16, more: bool) -> Vec<u8> {
    let mut piece = whole[..20].to_vec();
    piece[2..4].copy_from_slice(&(20 + chunk.len() as u16).to_be_bytes());
    piece[6..8].copy_from_slice(&((place / 8) | (u16::from(more) << 13)).to_be_bytes());
    piece.extend(chunk);
    piece
}

fn over_v6(whole: &[u8], chunk: &[u8], place: u16, more: bool) -> Vec<u8> {
    let mut piece = vec![0x60, 0, 0, 0];
    piece.extend((8 + chunk.len() as u16).to_be_bytes());
    piece.extend([44, whole[8]]);
    for address in [&whole[12..16], &whole[16..20]] {
        piece.extend(v6_of(address).octets());
    }
    piece.extend([whole[9], 0]);
    piece.extend((place | u16::from(more)).to_be_bytes());
    piece.extend([0, 0, whole[4], whole[5]]);
    piece.extend(chunk);
    piece
}

fn v6_of(v4: &[u8]) -> std::net::Ipv6Addr {
    let low = u128::from(u32::from_be_bytes(v4.try_into().unwrap()));
    ((0x2001_0db8_u128 << 96) | low).into()
}

fn on_both() -> Bench {
    let mut deckies = deckies();
    let decky = Arc::clone(deckies.get(Ipv4Addr::from(DECKY).into()).unwrap());
    deckies.add(v6_of(&DECKY).into(), &decky);
    Bench::with(deckies)
}

#[test]
fn a_hello_in_fragments_in_any_order_is_told_over_ipv4_and_ipv6() {
    let hello = hex::decode(HELLO).unwrap();
    for v6 in [false, true] {
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            let mut bench = on_both();
            let packets = [
                tcp(CLIENT, SERVER, SYN, 100, b""),
                tcp(SERVER, CLIENT, SYN_ACK, 500, b""),
                tcp(CLIENT, SERVER, ACK, 101, b""),
            ];
            for packet in packets {
                let whole = pieces(&packet, 8, v6);
                assert_eq!(whole.len(), 3);
                whole.iter().for_each(|piece| bench.raw(piece));
            }
            let split = pieces(&tcp(CLIENT, SERVER, ACK, 101, &hello), 56, v6);
            assert_eq!(split.len(), 4);
            order.iter().for_each(|&at| bench.raw(&split[at]));
            bench.watch.finish(&mut bench.told);
            let told = bench.of("tls_client_hello");
            assert_eq!(told.len(), 1, "{v6} {order:?} {:?}", bench.kinds());
            assert_eq!(told[0]["ja4"], "t13d0411h2_e00fd9ffaebd_9ea680a096c6");
            assert_eq!(bench.of("tcp_flow_timing")[0]["handshake"], "established");
            let syn = &bench.of("tcp_syn_fingerprint")[0];
            assert_eq!((&syn["window"], &syn["payload_len"]), (&64_240.into(), &0.into()));
            assert_eq!(bench.watch.counters().lost_datagrams, 0);
        }
    }
}

#[test]
fn a_quic_hello_in_fragments_is_told() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/vectors/quic-v1-rfc9001-a2.hex"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let datagram = hex::decode(text.split_whitespace().collect::<String>()).unwrap();
    let mut packet = vec![0x45, 0, 0, 0, 0, 9, 0, 0, 64, 17, 0, 0];
    packet.extend([PEER, DECKY].concat());
    packet.extend([0x9c, 0x40, 1, 187]);
    packet.extend((datagram.len() as u16 + 8).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(&datagram);
    for v6 in [false, true] {
        let mut bench = on_both();
        let split = pieces(&packet, 800, v6);
        assert_eq!(split.len(), 2);
        split.iter().rev().for_each(|piece| bench.raw(piece));
        assert_eq!(bench.of("quic_client_hello").len(), 1, "{v6} {:?}", bench.kinds());
    }
}

#[test]
fn fragments_that_never_come_together_are_counted_and_those_of_strangers_not_kept() {
    let mut bench = Bench::new();
    let packet = tcp(CLIENT, SERVER, SYN, 100, &[7; 64]);
    let split = pieces(&packet, 40, false);
    bench.raw(&split[0]);
    bench.at = bench.at + Duration::from_secs(31);
    bench.raw(&split[1]);
    bench.raw(&pieces(&tcp(CLIENT, ([198, 51, 100, 1], 80), SYN, 1, &[7; 64]), 40, false)[0]);
    let counters = bench.watch.counters();
    assert_eq!((counters.lost_datagrams, counters.foreign), (1, 1));
    assert!(bench.told.is_empty(), "{:?}", bench.kinds());
}
