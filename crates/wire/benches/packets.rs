//! Packets per second on one core, from bytes to observations: `cargo bench -p wire --bench packets`.
#![allow(clippy::unwrap_used, reason = "a bench")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use wire::link::LinkType;
use wire::packet::{Net, Packet, Transport};
use wire::stack::{Context, Database, Signature};
use wire::time::Time;
use wire::watch::{Deckies, Decky, Limits, Observation, Watch};

/// fingerprint.md §18, V1.
const LINUX: &str = "4500003c1234400034063676cb007107c000020ac93a00161122334400000000a002faf05f040000020405b40402080a0001e2400000000001030307";
const DECKY: [u8; 4] = [192, 0, 2, 10];
/// Packets of one sample.
const MANY: usize = 100_000;
/// Packets that pass before anything is measured: every table is full then.
const FILL: usize = 600_000;

fn main() {
    divan::main();
}

/// A watch over one machine with packets of one kind.
struct Bed {
    watch: Watch,
    told: Vec<Observation>,
    packet: Vec<u8>,
    at: Time,
    state: u64,
}

impl Bed {
    fn new() -> Self {
        let mut deckies = Deckies::default();
        let decky = Arc::new(Decky {
            name: "web-01".to_owned(),
            hostname: None,
        });
        deckies.add(IpAddr::V4(Ipv4Addr::from(DECKY)), &decky);
        Self {
            watch: Watch::new(&Limits::default(), deckies),
            told: Vec::new(),
            packet: hex::decode(LINUX).unwrap(),
            at: Time::from_millis(1_769_860_800_000),
            state: 7,
        }
    }

    /// xorshift64* (Vigna, 2016).
    fn draw(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn pass(&mut self) {
        self.at = Time(self.at.0 + 1_000);
        self.watch
            .packet(self.at, LinkType::Raw, &self.packet, self.packet.len(), &mut self.told);
        self.told.clear();
    }

    /// A SYN from one of so many addresses.
    fn syn(&mut self, sources: u32) {
        let drawn = self.draw();
        let source = 0x0b00_0000 + (drawn >> 40) as u32 % sources;
        self.packet[12..16].copy_from_slice(&source.to_be_bytes());
        self.packet[20..22].copy_from_slice(&(drawn as u16 | 1024).to_be_bytes());
        self.packet[24..28].copy_from_slice(&((drawn >> 16) as u32).to_be_bytes());
        self.pass();
    }
}

/// SYNs of a flood: nearly each from another address.
#[divan::bench]
fn flood(bencher: Bencher<'_, '_>) {
    let mut bed = Bed::new();
    (0..FILL).for_each(|_| bed.syn(1 << 24));
    bencher
        .counter(ItemsCount::new(MANY))
        .bench_local(|| (0..MANY).for_each(|_| bed.syn(1 << 24)));
}

/// SYNs of few sources, as scanners send them.
#[divan::bench]
fn scan(bencher: Bencher<'_, '_>) {
    let mut bed = Bed::new();
    (0..FILL).for_each(|_| bed.syn(64));
    bencher
        .counter(ItemsCount::new(MANY))
        .bench_local(|| (0..MANY).for_each(|_| bed.syn(64)));
}

/// Segments of a connection that has said who it is.
#[divan::bench]
fn data(bencher: Bencher<'_, '_>) {
    let mut bed = Bed::new();
    bed.syn(1);
    let mut segment = bed.packet[..40].to_vec();
    segment[32..34].copy_from_slice(&[0x50, 0x10]);
    segment.extend([0x17; 1000]);
    let length = (segment.len() as u16).to_be_bytes();
    segment[2..4].copy_from_slice(&length);
    bed.packet = segment;
    let mut sequence = 1_u32;
    let mut next = |bed: &mut Bed| {
        sequence = sequence.wrapping_add(1000);
        bed.packet[24..28].copy_from_slice(&sequence.to_be_bytes());
        bed.pass();
    };
    bencher
        .counter(ItemsCount::new(MANY))
        .bench_local(|| (0..MANY).for_each(|_| next(&mut bed)));
}

/// A SYN read, its signature made, and its system looked up: what must be done with each, whatever is known of its source.
#[divan::bench]
fn signature(bencher: Bencher<'_, '_>) {
    let packet = hex::decode(LINUX).unwrap();
    bencher.counter(ItemsCount::new(1_usize)).bench(|| {
        let read = Packet::read(LinkType::Raw, black_box(&packet), packet.len()).ok()?;
        let Net::Ip(ip, Transport::Tcp(tcp)) = read.net else {
            return None;
        };
        Database::builtin().find(&Signature::of(&ip, &tcp, Context::Syn), Context::Syn)
    });
}
