//! What the tests of this crate share.
#![allow(dead_code, reason = "each test file uses some of it")]

pub(crate) mod sightings;

use wire::{link::LinkType, packet::Packet};

/// A packet that begins with its IP header.
pub(crate) fn read(bytes: &[u8]) -> Packet<'_> {
    Packet::read(LinkType::Raw, bytes, bytes.len()).expect("a packet")
}

/// The payload of an IPv4 packet under an IPv6 header with the same TTL and ToS, from 2001:db8::source to
/// 2001:db8::destination, where these are the IPv4 addresses.
pub(crate) fn over_ipv6(v4: &[u8]) -> Vec<u8> {
    let header_len = usize::from(v4[0] & 0x0f) * 4;
    let payload = &v4[header_len..];
    let mut v6 = vec![0x60 | (v4[1] >> 4), v4[1] << 4, 0, 0];
    v6.extend(u16::try_from(payload.len()).expect("a packet").to_be_bytes());
    v6.extend([v4[9], v4[8]]);
    for address in [&v4[12..16], &v4[16..20]] {
        v6.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]);
        v6.extend(address);
    }
    v6.extend(payload);
    v6
}

/// A SYN over IPv4 to 192.0.2.x, of no stack in particular.
#[derive(Clone, Debug)]
pub(crate) struct Syn {
    /// Added to 203.0.113.0.
    pub(crate) src: u32,
    pub(crate) dst: u8,
    pub(crate) src_port: u16,
    pub(crate) dst_port: u16,
    pub(crate) ttl: u8,
    pub(crate) id: u16,
    pub(crate) isn: u32,
    pub(crate) dont_fragment: bool,
    pub(crate) window: u16,
    pub(crate) options: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

impl Default for Syn {
    fn default() -> Self {
        Self {
            src: 7,
            dst: 10,
            src_port: 40_000,
            dst_port: 80,
            ttl: 60,
            id: 0x1234,
            isn: 0x1122_3344,
            dont_fragment: true,
            window: 64_240,
            options: vec![2, 4, 5, 180, 4, 2, 8, 10, 0, 1, 2, 3, 0, 0, 0, 0, 1, 3, 3, 7],
            payload: Vec::new(),
        }
    }
}

impl Syn {
    /// The n-th of many from one source: another source port.
    pub(crate) fn at(n: u32) -> Self {
        Self {
            src_port: 32_768 + (n % 30_000) as u16,
            ..Self::default()
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let tcp_len = 20 + self.options.len();
        let total = u16::try_from(20 + tcp_len + self.payload.len()).expect("a small packet");
        let mut bytes = vec![0x45, 0];
        bytes.extend(total.to_be_bytes());
        bytes.extend(self.id.to_be_bytes());
        bytes.extend([if self.dont_fragment { 0x40 } else { 0 }, 0, self.ttl, 6, 0, 0]);
        bytes.extend((0xcb00_7100 + self.src).to_be_bytes());
        bytes.extend([192, 0, 2, self.dst]);
        bytes.extend(self.src_port.to_be_bytes());
        bytes.extend(self.dst_port.to_be_bytes());
        bytes.extend(self.isn.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend([u8::try_from(tcp_len / 4).expect("a small header") << 4, 2]);
        bytes.extend(self.window.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(&self.options);
        bytes.extend(&self.payload);
        bytes
    }
}

/// A TCP segment over IPv4 between 203.0.113.7 (the client) and 192.0.2.10.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) client_port: u16,
    pub(crate) server_port: u16,
    pub(crate) flags: u8,
    pub(crate) sequence: u32,
    pub(crate) acknowledgement: u32,
    pub(crate) window: u16,
    pub(crate) payload: Vec<u8>,
}

impl Default for Segment {
    fn default() -> Self {
        Self {
            client_port: 40_000,
            server_port: 80,
            flags: 0,
            sequence: 0,
            acknowledgement: 0,
            window: 1000,
            payload: Vec::new(),
        }
    }
}

impl Segment {
    pub(crate) fn bytes(&self, sender: wire::flow::Side) -> Vec<u8> {
        let from_client = sender == wire::flow::Side::Client;
        let (client, server) = ([203, 0, 113, 7], [192, 0, 2, 10]);
        let (source, destination) = if from_client {
            (client, server)
        } else {
            (server, client)
        };
        let ports = [self.client_port, self.server_port];
        let ports = if from_client { ports } else { [ports[1], ports[0]] };
        let total = u16::try_from(40 + self.payload.len()).expect("a small packet");
        let mut bytes = vec![0x45, 0];
        bytes.extend(total.to_be_bytes());
        bytes.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        bytes.extend(source);
        bytes.extend(destination);
        bytes.extend(ports.map(u16::to_be_bytes).as_flattened());
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.acknowledgement.to_be_bytes());
        bytes.extend([0x50, self.flags]);
        bytes.extend(self.window.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(&self.payload);
        bytes
    }
}

/// The options and signature of a SYN.
pub(crate) fn stack(ip: &wire::ip::Ip<'_>, tcp: &wire::tcp::Tcp<'_>) -> (wire::tcp::Options, wire::stack::Signature) {
    let options = tcp.options();
    let signature = wire::stack::Signature::with_options(ip, tcp, &options, wire::stack::Context::Syn);
    (options, signature)
}

/// The packets of a capture of `fixtures/captures`: Ethernet, classic format, little-endian, microseconds.
pub(crate) fn capture(name: &str) -> Vec<(wire::time::Time, Vec<u8>)> {
    let path = format!("{}/../../fixtures/captures/{name}.pcap", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((word(0), word(20)), (0xa1b2_c3d4, 1), "{path}: another format");
    let mut packets = Vec::new();
    let mut at = 24;
    while at < file.len() {
        let when = wire::time::Time(u64::from(word(at)) * 1_000_000_000 + u64::from(word(at + 4)) * 1000);
        let len = word(at + 8) as usize;
        packets.push((when, file[at + 16..at + 16 + len].to_vec()));
        at += 16 + len;
    }
    packets
}
