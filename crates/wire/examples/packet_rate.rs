//! How many packets a second one core takes, by how much is done with each. Run with `--release`.

use std::{hint::black_box, time::Instant};

use wire::{
    flow::Flows,
    link::LinkType,
    packet::{Net, Packet, Transport},
    scanner::Watch,
    series::{Limits, Tracker},
    stack::{Context, Database, Signature},
    time::Time,
};

const PACKETS: usize = 1 << 20;
const ROUNDS: usize = 4;

fn main() {
    let linux: &[u8] = &[2, 4, 5, 180, 4, 2, 8, 10, 0, 1, 2, 3, 0, 0, 0, 0, 1, 3, 3, 7];
    let flood = packets(|n| frame(0x0a00_0000 | n.wrapping_mul(0x9e37_79b9) >> 8, 40_000, 2, n, linux, 0));
    let scan = packets(|n| {
        frame(
            0xcb00_7107,
            (n % 60_000) as u16,
            2,
            n.wrapping_mul(77_777),
            &[2, 4, 5, 180],
            0,
        )
    });
    let data = packets(|n| frame(0xcb00_7107 + n % 1000, 40_000, 0x18, n / 1000 * 512, &[], 512));

    let mut none = 0;
    rate("SYN flood: read", &flood, |_, packet| {
        none += usize::from(packet.fault.is_none())
    });
    rate("SYN flood: read, signature", &flood, |_, packet| {
        if let Net::Ip(ip, Transport::Tcp(tcp)) = packet.net {
            black_box(Signature::of(&ip, &tcp, Context::Syn));
        }
    });
    rate("SYN flood: read, signature, system", &flood, |_, packet| {
        if let Net::Ip(ip, Transport::Tcp(tcp)) = packet.net {
            black_box(Database::builtin().find(&Signature::of(&ip, &tcp, Context::Syn), Context::Syn));
        }
    });
    for (name, packets) in [
        ("SYN flood: all", &flood),
        ("one scanner: all", &scan),
        ("data of 1000 connections: all", &data),
    ] {
        let mut all = All::new();
        rate(name, packets, |at, packet| all.take(at, packet));
    }
    black_box(none);
}

/// Everything that is done with a TCP packet short of its stream.
struct All {
    flows: Flows,
    tracker: Tracker,
    watch: Watch,
}

// === impl All ===

impl All {
    fn new() -> Self {
        Self {
            flows: Flows::new(131_072),
            tracker: Tracker::new(Limits::default()),
            watch: Watch::new(65_536),
        }
    }

    fn take(&mut self, at: Time, packet: &Packet<'_>) {
        let Net::Ip(ip, Transport::Tcp(tcp)) = packet.net else {
            return;
        };
        black_box(self.flows.packet(at, &ip, &tcp, None));
        if tcp.flags.opens() {
            let options = tcp.options();
            let signature = Signature::with_options(&ip, &tcp, &options, Context::Syn);
            black_box(self.tracker.observe(at, &ip, &tcp, &signature));
            black_box(self.watch.syn(at, &ip, &tcp, &options, &signature));
        }
        while self.flows.expired(at).is_some() {}
    }
}

fn packets(make: impl Fn(u32) -> Vec<u8>) -> Vec<Vec<u8>> {
    (0..PACKETS as u32).map(make).collect()
}

/// An Ethernet frame to port 80 of 192.0.2.10.
fn frame(source: u32, port: u16, flags: u8, sequence: u32, options: &[u8], payload: usize) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    bytes.extend(((40 + options.len() + payload) as u16).to_be_bytes());
    bytes.extend([sequence as u8, 1, 0x40, 0, 57, 6, 0, 0]);
    bytes.extend(source.to_be_bytes());
    bytes.extend([192, 0, 2, 10]);
    bytes.extend(port.to_be_bytes());
    bytes.extend([0, 80]);
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([
        0,
        0,
        0,
        1,
        ((20 + options.len()) << 2) as u8,
        flags,
        0xfa,
        0xf0,
        0,
        0,
        0,
        0,
    ]);
    bytes.extend(options);
    bytes.resize(bytes.len() + payload, 0x2e);
    bytes
}

#[expect(clippy::print_stdout, reason = "it is what this program is for")]
fn rate(name: &str, packets: &[Vec<u8>], mut take: impl FnMut(Time, &Packet<'_>)) {
    let start = Instant::now();
    for round in 0..ROUNDS {
        for (at, bytes) in packets.iter().enumerate() {
            let at = Time((round * packets.len() + at) as u64 * 1000);
            if let Ok(packet) = Packet::read(LinkType::Ethernet, bytes, bytes.len()) {
                take(at, &packet);
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{name:42} {:6.2} million a second",
        (ROUNDS * packets.len()) as f64 / seconds / 1e6
    );
}
