//! Datagrams that come in pieces.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Syn, read};
use wire::{
    fragment::{Dropped, Reassembler},
    packet::{Net, Transport},
    time::Time,
};

#[test]
fn pieces_in_any_order_make_the_whole_over_ipv4_and_ipv6() {
    let tcp = tcp();
    for v6 in [false, true] {
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let pieces = [
                piece(v6, &tcp, 0..24, true),
                piece(v6, &tcp, 24..40, true),
                piece(v6, &tcp, 40..tcp.len(), false),
            ];
            let mut bench = Reassembler::default();
            let whole: Vec<Option<u16>> = order.iter().map(|&at| port_of(&mut bench, 0, &pieces[at])).collect();
            assert_eq!(whole, [None, None, Some(80)], "{v6} {order:?}");
            assert_eq!(bench.dropped(), Dropped::default());
        }
    }
}

#[test]
fn an_exact_repeat_is_passed_over_and_any_other_overlap_forgets_the_datagram() {
    let tcp = tcp();
    let (first, last) = (
        piece(false, &tcp, 0..24, true),
        piece(false, &tcp, 24..tcp.len(), false),
    );
    let mut bench = Reassembler::default();
    assert_eq!(
        [&first, &first, &last].map(|piece| port_of(&mut bench, 0, piece)),
        [None, None, Some(80)]
    );

    let mut other = tcp.clone();
    other[3] = 99;
    for overlapping in [
        piece(false, &tcp, 8..32, true),
        piece(false, &other, 0..24, true),
        piece(false, &tcp, 0..16, true),
    ] {
        let mut bench = Reassembler::default();
        assert_eq!(
            [&first, &overlapping, &last].map(|piece| port_of(&mut bench, 0, piece)),
            [None, None, None]
        );
        assert_eq!(bench.dropped().overlapping, 1);
    }
}

#[test]
fn a_second_end_is_refused() {
    let tcp = tcp();
    let mut bench = Reassembler::default();
    assert_eq!(port_of(&mut bench, 0, &piece(false, &tcp, 24..tcp.len(), false)), None);
    assert_eq!(port_of(&mut bench, 0, &piece(false, &tcp, 8..16, false)), None);
    assert_eq!(bench.dropped().overlapping, 1);
}

#[test]
fn what_is_missing_for_half_a_minute_is_not_waited_for() {
    let tcp = tcp();
    let mut bench = Reassembler::default();
    assert_eq!(port_of(&mut bench, 0, &piece(false, &tcp, 0..24, true)), None);
    assert_eq!(port_of(&mut bench, 31, &piece(false, &tcp, 24..tcp.len(), false)), None);
    assert_eq!(bench.dropped().late, 1);
}

#[test]
fn a_flood_of_first_fragments_holds_no_more_than_is_meant() {
    let data = vec![0; 60_000];
    let mut bench = Reassembler::default();
    for id in 0..200u16 {
        let mut bytes = piece(false, &data, 0..60_000, true);
        bytes[4..6].copy_from_slice(&id.to_be_bytes());
        assert_eq!(port_of(&mut bench, 0, &bytes), None);
    }
    // Four MiB hold 69 of them.
    assert_eq!(bench.dropped().evicted, 200 - 69);
}

/// The TCP part of a SYN.
fn tcp() -> Vec<u8> {
    Syn {
        payload: vec![7; 20],
        ..Syn::default()
    }
    .bytes()
    .split_off(20)
}

fn piece(v6: bool, data: &[u8], range: std::ops::Range<usize>, more: bool) -> Vec<u8> {
    let offset = u16::try_from(range.start).unwrap();
    let payload = &data[range];
    let len = u16::try_from(payload.len()).unwrap();
    let mut bytes = Vec::new();
    if v6 {
        bytes.extend([0x60, 0, 0, 0]);
        bytes.extend((len + 8).to_be_bytes());
        bytes.extend([44, 64]);
        bytes.extend([1; 32]);
        bytes.extend([6, 0]);
        bytes.extend((offset | u16::from(more)).to_be_bytes());
        bytes.extend([0, 0, 0, 9]);
    } else {
        bytes.extend([0x45, 0]);
        bytes.extend((len + 20).to_be_bytes());
        bytes.extend([0, 9]);
        bytes.extend(((offset / 8) | if more { 0x2000 } else { 0 }).to_be_bytes());
        bytes.extend([64, 6, 0, 0, 203, 0, 113, 7, 192, 0, 2, 10]);
    }
    bytes.extend(payload);
    bytes
}

/// The destination port of the datagram that a piece completes.
fn port_of(bench: &mut Reassembler, second: u64, bytes: &[u8]) -> Option<u16> {
    let Net::Ip(ip, Transport::Fragment) = read(bytes).net else {
        panic!("no fragment")
    };
    let payload = bench.take(Time::default() + Duration::from_secs(second), &ip)?;
    let (Transport::Tcp(tcp), None) = Transport::read(&ip.reassembled(&payload)) else {
        panic!("no TCP")
    };
    Some(tcp.destination_port)
}
