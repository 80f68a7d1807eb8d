//! What a connection's packets tell of it.

mod common;

use std::time::Duration;

use common::{Segment as Packet, over_ipv6, read};
use wire::{
    flow::{Endpoints, Flow, Flows, Handshake, Segment, Side, Summaries, SummaryKey, Why},
    packet::{Net, Transport},
    tcp::Flags,
    time::Time,
};

const SYN: u8 = Flags::SYN;
const ACK: u8 = Flags::ACK;
const RST: u8 = Flags::RST;
const FIN: u8 = Flags::FIN;

#[test]
fn data_sent_again_is_counted_and_acknowledgements_and_answers_are_not() {
    let mut line = Line::default();
    line.shake_hands();
    for sequence in [3000, 3000, 3000, 3004] {
        line.client(10, ACK, sequence, 1, b"data");
        line.client(10, ACK, sequence, 1, b"");
        line.server(10, ACK, 5001, 3004, b"");
    }
    line.server(10, ACK, 5001, 3004, b"answer");
    line.server(10, ACK, 5001, 3004, b"answer");
    let flow = line.flow();
    assert_eq!((flow.client.retransmits, flow.server.retransmits), (2, 1));
}

#[test]
fn a_segment_that_overlaps_is_a_retransmission_and_one_that_fills_a_hole_is_out_of_order() {
    let mut line = Line::default();
    line.shake_hands();
    assert_eq!(line.client(1, ACK, 1001, 1, b"0123456789"), Segment::New);
    assert_eq!(line.client(1, ACK, 1006, 1, b"56789abcde"), Segment::Retransmit);
    assert_eq!(line.client(1, ACK, 1021, 1, b"klmno"), Segment::New);
    assert_eq!(line.client(1, ACK, 1016, 1, b"fghij"), Segment::OutOfOrder);
    let flow = line.flow();
    assert_eq!(
        (flow.client.retransmits, flow.client.out_of_order, flow.client.bytes),
        (1, 1, 30)
    );
}

#[test]
fn sequence_numbers_wrap_round() {
    let mut line = Line::default();
    line.client(0, SYN, u32::MAX - 3, 0, b"");
    line.server(1, SYN | ACK, 5000, u32::MAX - 2, b"");
    assert_eq!(line.client(1, ACK, u32::MAX - 2, 5001, b"0123456789"), Segment::New);
    assert_eq!(line.client(1, ACK, 7, 5001, b"abc"), Segment::New);
    assert_eq!(
        line.client(1, ACK, u32::MAX - 2, 5001, b"0123456789"),
        Segment::Retransmit
    );
}

#[test]
fn a_keep_alive_is_no_retransmission_but_an_unacknowledged_byte_sent_again_is() {
    let mut line = Line::default();
    line.shake_hands();
    assert_eq!(line.client(1, ACK, 1001, 5001, b"x"), Segment::New);
    assert_eq!(line.client(200, ACK, 1001, 5001, b"x"), Segment::Retransmit);
    line.server(1, ACK, 5001, 1002, b"");
    assert_eq!(line.client(60_000, ACK, 1001, 5001, b"x"), Segment::KeepAlive);
    assert_eq!(line.flow().client.retransmits, 1);
}

#[test]
fn the_handshake_tells_how_far_it_came() {
    let state = |steps: &[(Side, u8)]| {
        let mut line = Line::default();
        for &(side, flags) in steps {
            match side {
                Side::Client if flags == SYN => line.client(1, flags, 1000, 0, b""),
                Side::Client => line.client(1, flags, 1001, 5001, b""),
                Side::Server => line.server(1, flags, 5000, 1001, b""),
            };
        }
        line.flow().handshake.name()
    };
    let (client, server) = (Side::Client, Side::Server);
    assert_eq!(state(&[(client, SYN)]), "syn_only");
    assert_eq!(state(&[(client, SYN), (server, SYN | ACK)]), "half_open");
    assert_eq!(
        state(&[(client, SYN), (server, SYN | ACK), (client, ACK)]),
        "established"
    );
    assert_eq!(
        state(&[(client, SYN), (server, SYN | ACK), (client, RST)]),
        "rst_by_client"
    );
    assert_eq!(state(&[(client, SYN), (server, RST | ACK)]), "refused");
    assert_eq!(state(&[(server, SYN | ACK)]), "midstream");
}

#[test]
fn the_path_and_the_answering_machine_are_timed_apart() {
    let mut line = Line::default();
    line.client(0, SYN, 1000, 0, b"");
    line.server(3, SYN | ACK, 5000, 1001, b"");
    line.client(40, ACK, 1001, 5001, b"");
    line.client(100, ACK, 1001, 5001, b"hello");
    line.server(1, ACK, 5001, 1006, b"you");
    line.client(60, ACK, 1006, 5004, b"");
    line.server(1, ACK, 5004, 1006, b"again");
    line.client(50, ACK, 1006, 5009, b"");
    let flow = line.flow();
    assert_eq!(flow.synack_delay(), Some(Duration::from_millis(3)));
    assert_eq!(flow.client_rtt_min(), Some(Duration::from_millis(40)));
    assert_eq!(flow.client_rtt_median(), Some(Duration::from_millis(50)));
    assert_eq!(flow.first_payload_delay(), Some(Duration::from_millis(143)));
}

#[test]
fn a_segment_sent_twice_times_nothing() {
    let mut line = Line::default();
    line.shake_hands();
    line.server(1, ACK, 5001, 1001, b"you");
    line.server(200, ACK, 5001, 1001, b"you");
    line.client(1, ACK, 1001, 5004, b"");
    assert_eq!(line.flow().client_rtt_median(), Some(Duration::from_millis(1)));
}

#[test]
fn retries_of_a_syn_show_the_back_off_of_the_client() {
    let mut line = Line::default();
    for wait in [0, 1000, 2000, 4000, 8000] {
        line.client(wait, SYN, 1000, 0, b"");
    }
    let flow = line.flow();
    assert_eq!((flow.syn_retries, flow.rto_ms()), (4, &[1000u16, 2000, 4000, 8000][..]));
}

#[test]
fn acknowledgements_repeated_while_data_is_missing_and_closed_windows_are_counted() {
    let mut line = Line::default();
    line.shake_hands();
    line.server(1, ACK, 5001, 1001, b"0123456789");
    for _ in 0..4 {
        line.client(1, ACK, 1001, 5001, b"");
    }
    line.packet(
        1,
        Side::Client,
        &Packet {
            flags: ACK,
            sequence: 1001,
            acknowledgement: 5011,
            window: 0,
            ..Packet::default()
        },
    );
    let flow = line.flow();
    assert_eq!((flow.client.dup_acks, flow.client.zero_windows), (4, 1));
}

#[test]
fn gaps_are_measured_over_both_directions() {
    let mut line = Line::default();
    line.shake_hands();
    line.client(100, ACK, 1001, 5001, b"a");
    line.server(300, ACK, 5001, 1002, b"b");
    let flow = line.flow();
    let (mean, min, max) = flow.inter_arrival().unwrap();
    assert_eq!((mean, min, max), (ms(402) / 4, ms(1), ms(300)));
    assert_eq!(flow.gaps, [0, 2, 0, 2, 0, 0, 0]);
    assert_eq!((flow.packets(), flow.bytes(), flow.duration()), (5, 2, ms(402)));
    assert!(!flow.is_trivial());
}

#[test]
fn a_short_exchange_without_losses_is_trivial() {
    let mut line = Line::default();
    line.client(0, SYN, 1000, 0, b"");
    line.server(1, RST | ACK, 0, 1001, b"");
    assert!(line.flow().is_trivial());

    let mut line = Line::default();
    line.client(0, SYN, 1000, 0, b"");
    line.client(2000, SYN, 1000, 0, b"");
    assert!(!line.flow().is_trivial());
}

#[test]
fn a_connection_is_closed_by_a_reset_or_by_both_sides_finishing() {
    let mut line = Line::default();
    line.shake_hands();
    line.client(1, FIN | ACK, 1001, 5001, b"");
    assert!(line.close().is_none());
    line.server(1, FIN | ACK, 5001, 1002, b"");
    assert_eq!(line.close(), Some((Why::Closed, Handshake::Established)));
    assert!(line.flows.is_empty());

    line.shake_hands();
    line.client(1, RST, 1001, 5001, b"");
    assert_eq!(line.close(), Some((Why::Closed, Handshake::Established)));
}

#[test]
fn quiet_connections_expire_after_two_minutes_and_strays_begin_none() {
    let mut line = Line::default();
    line.shake_hands();
    assert!(line.flows.expired(line.now + Duration::from_secs(120)).is_none());
    assert_eq!(
        line.flows
            .expired(line.now + Duration::from_secs(121))
            .map(|ended| ended.why),
        Some(Why::Idle)
    );
    for flags in [ACK, FIN | ACK, RST, RST | ACK] {
        assert!(line.stray(flags));
    }
    assert!(line.flows.is_empty());
}

#[test]
fn a_new_opening_between_the_same_ports_is_another_connection() {
    let mut line = Line::default();
    line.shake_hands();
    let bytes = Packet {
        flags: SYN,
        sequence: 77,
        ..Packet::default()
    }
    .bytes(Side::Client);
    let Net::Ip(ip, Transport::Tcp(tcp)) = read(&bytes).net else {
        panic!("no TCP")
    };
    let seen = line.flows.packet(line.now, &ip, &tcp, None).unwrap();
    assert!(seen.new);
    assert_eq!(seen.flow.handshake, Handshake::SynOnly);
    let displaced = seen.displaced.unwrap();
    assert_eq!(
        (displaced.why, displaced.flow.handshake),
        (Why::Reopened, Handshake::Established)
    );
}

#[test]
fn the_table_never_grows_past_its_cap_and_hands_out_what_it_gives_up_but_bare_openings() {
    for (payload, expected) in [(vec![], 0), (vec![7], 990)] {
        let mut flows = Flows::<()>::new(10, 10);
        let mut given_up = 0;
        for port in 0..1000u16 {
            let bytes = Packet {
                client_port: 20_000 + port,
                flags: SYN,
                payload: payload.clone(),
                ..Packet::default()
            }
            .bytes(Side::Client);
            let Net::Ip(ip, Transport::Tcp(tcp)) = read(&bytes).net else {
                panic!("no TCP")
            };
            let seen = flows.packet(Time::default(), &ip, &tcp, None).unwrap();
            given_up += usize::from(seen.displaced.is_some());
        }
        assert_eq!((flows.len(), flows.evicted(), given_up), (10, (0, 990), expected));
    }
}

#[test]
fn who_is_the_client_is_told_by_the_caller_or_by_the_packet() {
    let data = Packet {
        client_port: 50_000,
        server_port: 60_000,
        flags: ACK,
        payload: b"x".to_vec(),
        ..Packet::default()
    };
    let bytes = data.bytes(Side::Server);
    let Net::Ip(ip, Transport::Tcp(tcp)) = read(&bytes).net else {
        panic!("no TCP")
    };
    let mut told = Flows::<()>::new(10, 10);
    let seen = told.packet(Time::default(), &ip, &tcp, Some(Side::Server)).unwrap();
    assert_eq!((seen.ends.client.1, seen.side), (50_000, Side::Server));
    let mut guessed = Flows::<()>::new(10, 10);
    let seen = guessed.packet(Time::default(), &ip, &tcp, None).unwrap();
    assert_eq!((seen.ends.client.1, seen.side), (60_000, Side::Client));
}

#[test]
fn over_ipv6_it_is_the_same() {
    let mut line = Line {
        v6: true,
        ..Line::default()
    };
    line.shake_hands();
    line.client(5, ACK, 1001, 5001, b"data");
    line.client(200, ACK, 1001, 5001, b"data");
    assert_eq!(line.ends.unwrap().client.0.to_string(), "2001:db8::cb00:7107");
    let flow = line.flow();
    assert_eq!(
        (flow.handshake, flow.client.retransmits, flow.rto_ms()),
        (Handshake::Established, 1, &[200u16][..])
    );
}

#[test]
fn connections_to_one_port_are_summed_up_in_windows_of_five_minutes() {
    let mut summaries = Summaries::new(10);
    let end = |line: &mut Line| {
        line.shake_hands();
        line.client(5, ACK, 1001, 5001, b"data");
        line.client(5, ACK, 1001, 5001, b"data");
        line.client(1, RST, 1005, 5001, b"");
        line.close_whole()
    };
    let mut line = Line::default();
    for _ in 0..3 {
        let ended = end(&mut line);
        assert!(summaries.add(line.now, &ended).is_none());
    }
    line.now = line.now + Duration::from_secs(300);
    let ended = end(&mut line);
    let (key, summary) = summaries.add(line.now, &ended).unwrap();
    assert_eq!(
        key,
        SummaryKey {
            source: ended.ends.client.0,
            destination: ended.ends.server.0,
            port: 80
        }
    );
    assert_eq!(
        (summary.flows, summary.established, summary.retransmits_client),
        (3, 3, 3)
    );
    assert_eq!((summary.packets, summary.bytes_client), (18, 24));
    assert!(summaries.expired(line.now).is_none());
    assert!(summaries.expired(line.now + Duration::from_secs(300)).is_some());
}

#[test]
fn a_connection_takes_no_more_than_it_is_meant_to() {
    assert!(size_of::<Flow>() <= 400, "{}", size_of::<Flow>());
}

/// Two ends and the table that watches them.
struct Line {
    flows: Flows,
    now: Time,
    v6: bool,
    ends: Option<Endpoints>,
}

// === impl Line ===

impl Default for Line {
    fn default() -> Self {
        Self {
            flows: Flows::new(100, 100),
            now: Time::from_millis(1_000_000),
            v6: false,
            ends: None,
        }
    }
}

impl Line {
    fn shake_hands(&mut self) {
        self.client(0, SYN, 1000, 0, b"");
        self.server(1, SYN | ACK, 5000, 1001, b"");
        self.client(1, ACK, 1001, 5001, b"");
    }

    fn client(&mut self, wait: u64, flags: u8, sequence: u32, acknowledgement: u32, payload: &[u8]) -> Segment {
        let packet = Packet {
            flags,
            sequence,
            acknowledgement,
            payload: payload.to_vec(),
            ..Packet::default()
        };
        self.packet(wait, Side::Client, &packet)
    }

    fn server(&mut self, wait: u64, flags: u8, sequence: u32, acknowledgement: u32, payload: &[u8]) -> Segment {
        let packet = Packet {
            flags,
            sequence,
            acknowledgement,
            payload: payload.to_vec(),
            ..Packet::default()
        };
        self.packet(wait, Side::Server, &packet)
    }

    fn packet(&mut self, wait: u64, side: Side, packet: &Packet) -> Segment {
        self.now = self.now + Duration::from_millis(wait);
        let mut bytes = packet.bytes(side);
        if self.v6 {
            bytes = over_ipv6(&bytes);
        }
        let Net::Ip(ip, Transport::Tcp(tcp)) = read(&bytes).net else {
            panic!("no TCP")
        };
        let seen = self.flows.packet(self.now, &ip, &tcp, None).expect("a connection");
        self.ends = Some(seen.ends);
        assert_eq!(
            seen.side,
            if seen.flow.handshake == Handshake::Midstream {
                seen.side
            } else {
                side
            }
        );
        seen.segment
    }

    fn stray(&mut self, flags: u8) -> bool {
        let bytes = Packet {
            flags,
            ..Packet::default()
        }
        .bytes(Side::Client);
        let Net::Ip(ip, Transport::Tcp(tcp)) = read(&bytes).net else {
            panic!("no TCP")
        };
        self.flows.packet(self.now, &ip, &tcp, None).is_none()
    }

    fn close(&mut self) -> Option<(Why, Handshake)> {
        let bytes = Packet::default().bytes(Side::Client);
        let Net::Ip(ip, Transport::Tcp(tcp)) = read(&bytes).net else {
            panic!("no TCP")
        };
        self.flows
            .close(&ip, &tcp)
            .map(|ended| (ended.why, ended.flow.handshake))
    }

    fn close_whole(&mut self) -> wire::flow::Ended {
        let bytes = Packet::default().bytes(Side::Client);
        let Net::Ip(ip, Transport::Tcp(tcp)) = read(&bytes).net else {
            panic!("no TCP")
        };
        *self.flows.close(&ip, &tcp).expect("it is over")
    }

    fn flow(mut self) -> Flow {
        self.flows.flush().expect("a connection").flow
    }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
