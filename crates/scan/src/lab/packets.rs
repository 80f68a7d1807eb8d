//! Captures of raw IP.

use std::net::{IpAddr, Ipv4Addr};

use capture::{Packet, Writer, link};

use super::draw::Draw;
use super::{EPOCH, SEED};

/// Packets in the making, times in milliseconds since the begin.
#[derive(Default)]
struct Film(Vec<(u64, Vec<u8>)>);

const SYN: u8 = 0x02;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;
const PSH_ACK: u8 = 0x18;
const FIN_ACK: u8 = 0x11;

fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    Ipv4Addr::new(a, b, c, d).into()
}

pub(super) fn attack_sweep() -> Vec<u8> {
    let mut film = Film::default();
    for host in 1..=25 {
        film.syn(
            u64::from(host - 1) * 100,
            v4(10, 0, 40, 2),
            40_000 + u16::from(host),
            v4(10, 0, 99, host),
            445,
        );
    }
    film.pcap()
}

pub(super) fn port_scan() -> Vec<u8> {
    let mut film = Film::default();
    for port in 20..=40 {
        film.syn(
            u64::from(port - 20) * 250,
            v4(10, 0, 40, 2),
            41_000 + port,
            v4(10, 0, 99, 5),
            port,
        );
    }
    film.pcap()
}

pub(super) fn normal_traffic() -> Vec<u8> {
    let mut draw = Draw::new(SEED);
    let mut film = Film::default();
    let servers = [v4(93, 184, 216, 34), v4(151, 101, 1, 69), v4(142, 250, 74, 110)];
    let mut at = 0;
    for number in 0..20 {
        let client = v4(10, 0, 10, 11 + draw.between(0, 3) as u8);
        let server = servers[draw.between(0, 3) as usize];
        film.syn(at, client, 50_000 + number, server, 80);
        at += draw.between(500, 3001);
    }
    film.pcap()
}

pub(super) fn slow_scan() -> Vec<u8> {
    let mut film = Film::default();
    for host in 1..=30 {
        film.syn(
            u64::from(host) * 8_000,
            v4(10, 0, 40, 7),
            42_000 + u16::from(host),
            v4(10, 0, 98, host),
            3389,
        );
    }
    film.pcap()
}

pub(super) fn jitter_sweep() -> Vec<u8> {
    let mut draw = Draw::new(SEED);
    let mut film = Film::default();
    let mut at = 0;
    for host in 1..=30 {
        film.syn(
            at,
            v4(10, 0, 40, 8),
            43_000 + u16::from(host),
            v4(10, 0, 97, host),
            8443,
        );
        at += draw.between(10, 500);
    }
    film.pcap()
}

pub(super) fn telemetry_silence() -> Vec<u8> {
    telemetry(30)
}

pub(super) fn telemetry_normal() -> Vec<u8> {
    telemetry(60)
}

/// A host that logs every ten seconds, so many times in ten minutes; it and another talk on.
fn telemetry(records: u64) -> Vec<u8> {
    let mut film = Film::default();
    for second in 0..600 {
        if second % 10 == 0 && second / 10 < records {
            film.datagram(second * 1000, v4(10, 0, 20, 5), 5140, v4(10, 0, 0, 9), 514, 120);
        }
        if second % 15 == 3 {
            film.connection(
                second * 1000,
                v4(10, 0, 20, 5),
                44_000 + second as u16,
                v4(10, 0, 0, 20),
                443,
                400,
                900,
            );
        }
    }
    film.pcap()
}

pub(super) fn lateral_movement() -> Vec<u8> {
    let mut film = Film::default();
    for host in 1..=25 {
        film.syn(
            u64::from(host - 1) * 100,
            v4(10, 0, 40, 2),
            45_000 + u16::from(host),
            v4(10, 0, 99, host),
            445,
        );
    }
    film.connection(40_000, v4(10, 0, 40, 2), 46_000, v4(10, 0, 99, 7), 445, 800, 1200);
    film.pcap()
}

pub(super) fn beacon() -> Vec<u8> {
    let mut film = Film::default();
    for number in 0..60 {
        film.connection(
            number * 60_000,
            v4(10, 0, 30, 3),
            47_000 + number as u16,
            v4(203, 0, 113, 50),
            4444,
            300,
            200,
        );
    }
    film.pcap()
}

pub(super) fn beacon_normal() -> Vec<u8> {
    let mut draw = Draw::new(SEED);
    let mut film = Film::default();
    let mut at = 0;
    for number in 0..60 {
        let (out, back) = (draw.between(100, 4_000) as usize, draw.between(500, 9_000) as usize);
        film.connection(
            at,
            v4(10, 0, 30, 4),
            48_000 + number,
            v4(93, 184, 216, 34),
            443,
            out,
            back,
        );
        at += draw.between(1_000, 30_000) * draw.between(1, 9);
    }
    film.pcap()
}

// === impl Film ===

impl Film {
    fn syn(&mut self, at: u64, src: IpAddr, sport: u16, dst: IpAddr, dport: u16) {
        self.0.push((at, segment(src, sport, dst, dport, SYN, 0)));
    }

    fn datagram(&mut self, at: u64, src: IpAddr, sport: u16, dst: IpAddr, dport: u16, payload: usize) {
        let mut udp = Vec::new();
        udp.extend(sport.to_be_bytes());
        udp.extend(dport.to_be_bytes());
        udp.extend((8 + payload as u16).to_be_bytes());
        udp.extend([0, 0]);
        udp.resize(8 + payload, b'.');
        self.0.push((at, ip(src, dst, 17, &udp)));
    }

    /// A whole TCP conversation within half a second.
    #[allow(clippy::too_many_arguments, reason = "a conversation's ends and sizes")]
    fn connection(&mut self, at: u64, src: IpAddr, sport: u16, dst: IpAddr, dport: u16, out: usize, back: usize) {
        let to = |flags, payload| segment(src, sport, dst, dport, flags, payload);
        let from = |flags, payload| segment(dst, dport, src, sport, flags, payload);
        let mut packets = vec![to(SYN, 0), from(SYN_ACK, 0), to(ACK, 0)];
        packets.extend(chunks(out).map(|size| to(PSH_ACK, size)));
        packets.extend(chunks(back).map(|size| from(PSH_ACK, size)));
        packets.extend([to(FIN_ACK, 0), from(FIN_ACK, 0), to(ACK, 0)]);
        let timed = packets
            .into_iter()
            .enumerate()
            .map(|(index, packet)| (at + 10 * index as u64, packet));
        self.0.extend(timed);
    }

    fn pcap(mut self) -> Vec<u8> {
        self.0.sort_by_key(|(at, _)| *at);
        let mut writer = match Writer::new(Vec::new(), link::RAW) {
            Ok(writer) => writer,
            Err(_) => return Vec::new(),
        };
        for (at, data) in &self.0 {
            let at = (EPOCH * 1000 + at) * 1_000_000;
            let packet = Packet {
                at,
                link: link::RAW,
                interface: 0,
                length: data.len() as u32,
                data,
            };
            // Writing into memory cannot fail.
            let _ = writer.write(&packet);
        }
        writer.finish().unwrap_or_default()
    }
}

fn chunks(bytes: usize) -> impl Iterator<Item = usize> {
    const MOST: usize = 1400;
    (0..bytes.div_ceil(MOST)).map(move |index| (bytes - index * MOST).min(MOST))
}

fn segment(src: IpAddr, sport: u16, dst: IpAddr, dport: u16, flags: u8, payload: usize) -> Vec<u8> {
    let mut tcp = Vec::with_capacity(20 + payload);
    tcp.extend(sport.to_be_bytes());
    tcp.extend(dport.to_be_bytes());
    tcp.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
    tcp.resize(20 + payload, b'.');
    ip(src, dst, 6, &tcp)
}

fn ip(src: IpAddr, dst: IpAddr, protocol: u8, inside: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(40 + inside.len());
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            packet.extend([0x45, 0]);
            packet.extend((20 + inside.len() as u16).to_be_bytes());
            packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
            packet.extend(src.octets());
            packet.extend(dst.octets());
            let sum = checksum(&packet);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        _ => {
            let octets = |ip: IpAddr| match ip {
                IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                IpAddr::V6(v6) => v6.octets(),
            };
            packet.extend([0x60, 0, 0, 0]);
            packet.extend((inside.len() as u16).to_be_bytes());
            packet.extend([protocol, 64]);
            packet.extend(octets(src));
            packet.extend(octets(dst));
        }
    }
    packet.extend(inside);
    packet
}

fn checksum(header: &[u8]) -> u16 {
    let words = header
        .chunks_exact(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let mut sum: u32 = words.sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
