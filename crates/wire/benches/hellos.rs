//! Hellos per second on one core: `cargo bench -p wire --bench hellos`.
#![allow(clippy::unwrap_used, reason = "a bench")]

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use wire::ja3::ja3;
use wire::ja4::{Ja4, Transport};
use wire::stream::{Limits, Stream, Want};
use wire::time::Time;
use wire::tls::{self, ClientHello};

const HELLO: &str = "16030100c4010000c00303000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00000a0a0a13011302c02bc02f0100008d0a0a00000000000b0009000006612e7465737400170000ff01000100000a000800060a0a001d0017000b00020100002300000010000e000c02683208687474702f312e31000d000a00080403080404010503002d00020101002b0007060a0a03040303003300260024001d0020000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn main() {
    divan::main();
}

fn fingerprint(bytes: &[u8]) -> Option<(String, String)> {
    let message = tls::client_hello(bytes).found()?;
    let hello = ClientHello::parse(&message.body)?;
    Some((ja3(&hello).hash, Ja4::new(&hello, Transport::Tcp).hash()))
}

/// A hello in one segment: stream, records, JA3 and JA4.
#[divan::bench]
fn whole(bencher: Bencher<'_, '_>) {
    let hello = hex::decode(HELLO).unwrap();
    bencher.counter(ItemsCount::new(1_usize)).bench(|| {
        let mut found = None;
        Stream::starting_at(7).push(&Limits::HANDSHAKE, 7, black_box(&hello), Time(0), |bytes| {
            found = fingerprint(bytes);
            Want::Enough
        });
        found
    });
}

/// A hello of 1.7 KB, as browsers send, in two segments.
#[divan::bench]
fn in_two_segments(bencher: Bencher<'_, '_>) {
    let hello = large();
    let (first, second) = hello.split_at(1400);
    let two_segments = || {
        let mut found = None;
        let mut stream = Stream::starting_at(7);
        for (at, part) in [(7, first), (7 + 1400, second)] {
            stream.push(
                &Limits::HANDSHAKE,
                at,
                black_box(part),
                Time(0),
                |bytes| match fingerprint(bytes) {
                    Some(both) => {
                        found = Some(both);
                        Want::Enough
                    }
                    None => Want::More { read: 0 },
                },
            );
        }
        found
    };
    assert!(two_segments().is_some(), "it is a hello");
    bencher.counter(ItemsCount::new(1_usize)).bench(two_segments);
}

/// A hello in one QUIC datagram: keys, decryption, JA3 and JA4.
#[cfg(feature = "quic")]
#[divan::bench]
fn quic(bencher: Bencher<'_, '_>) {
    use wire::quic::{Assembler, Outcome};

    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/vectors/quic-v1-rfc9001-a2.hex"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let datagram = hex::decode(text.split_whitespace().collect::<String>()).unwrap();
    let opened = || {
        let Outcome::Hello(hello) = Assembler::new().push(black_box(&datagram), Time(0)) else {
            return None;
        };
        let hello = ClientHello::parse(&hello.body)?;
        Some((ja3(&hello).hash, Ja4::new(&hello, Transport::Quic).hash()))
    };
    assert!(opened().is_some(), "it is a hello");
    bencher.counter(ItemsCount::new(1_usize)).bench(opened);
}

/// The hello with a key share of 1500 bytes more.
fn large() -> Vec<u8> {
    let mut hello = hex::decode(HELLO).unwrap();
    let grown = 1500_u16;
    hello.extend([0xca, 0xfe]);
    hello.extend((grown - 4).to_be_bytes());
    hello.resize(hello.len() + usize::from(grown) - 4, 7);
    // Lengths of record, message and extensions.
    for at in [3, 7, 58] {
        let length = u16::from_be_bytes([hello[at], hello[at + 1]]) + grown;
        hello[at..at + 2].copy_from_slice(&length.to_be_bytes());
    }
    hello
}
