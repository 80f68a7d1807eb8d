//! Hellos in QUIC: the packets of the RFCs, and packets made here in every shape a client may send them.
#![cfg(feature = "quic")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use proptest::prelude::*;
use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use wire::ja4::{Ja4, Transport};
use wire::quic::{self, Assembler, Hello, Outcome, Unreadable};
use wire::time::Time;
use wire::tls::ClientHello;

const V1: u32 = 1;
const DRAFT: u32 = 0xff00_001d;
const DCID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

#[test]
fn the_client_packets_of_both_rfcs_and_of_a_draft_are_read() {
    for (name, version) in [
        ("quic-v1-rfc9001-a2.hex", V1),
        ("quic-v2-rfc9369-a2.hex", 0x6b33_43cf),
        ("quic-draft29.hex", DRAFT),
    ] {
        let datagram = vector(name);
        assert_eq!(datagram.len(), 1200);
        let hello = hello(Assembler::new().push(&datagram, Time(0)));
        assert_eq!((hello.version, hello.dcid_len, hello.scid_len), (version, 8, 0));
        assert_eq!((hello.token_len, hello.datagram_len, hello.datagrams), (0, 1200, 1));
        let read = ClientHello::parse(&hello.body).unwrap();
        assert_eq!(read.server_name(), Some(&b"example.com"[..]));
        assert!(read.alpn().eq([&b"alpn"[..]]));
        let ids: Vec<u64> = quic::parameters(&read).map(|(id, _)| id).collect();
        assert_eq!(ids, [4, 5, 7, 8, 1, 9, 15, 6]);
        assert_eq!(
            Ja4::new(&read, Transport::Quic).raw(),
            concat!(
                "q13d0211an_1301,1302_0005,000a,000d,001c,002b,002d,0033,0039,ff01",
                "_0403,0503,0603,0203,0804,0805,0806"
            )
        );
        assert!(quic::parameters_hash(&read).is_some_and(|hash| hash.len() == 12));
    }
}

#[test]
fn a_hello_is_put_together_from_frames_packets_and_datagrams_in_any_order() {
    let message = message();
    let (head, rest) = message.split_at(40);
    let (middle, tail) = rest.split_at(100);
    let mut assembler = Assembler::new();
    let first = Sealed::new(V1).packet(0, &[crypto(140, tail), vec![1, 0, 0], crypto(0, head)].concat());
    assert_eq!(assembler.push(&padded(first), Time(0)), Outcome::More);
    // Two packets in one datagram, the first with nothing new in it.
    let again = Sealed::new(V1).packet(1, &[&crypto(0, head)[..], &[0; 20]].concat());
    let last = Sealed::new(V1).packet(2, &[&crypto(30, &message[30..140])[..], &[0; 20]].concat());
    assert_eq!(middle, &message[40..140]);
    let hello = hello(assembler.push(&[again, last].concat(), Time(1)));
    assert_eq!(hello.body, message[4..]);
    assert_eq!(hello.datagrams, 2);
}

#[test]
fn a_client_may_turn_to_the_servers_connection_id_and_keep_its_keys() {
    let message = message();
    let mut assembler = Assembler::new();
    let first = Sealed::new(V1).packet(0, &crypto(0, &message[..50]));
    assert_eq!(assembler.push(&padded(first), Time(0)), Outcome::More);
    let mut later = Sealed::new(V1);
    later.named = vec![9; 5];
    let hello = hello(assembler.push(&padded(later.packet(1, &crypto(50, &message[50..]))), Time(0)));
    assert_eq!((hello.dcid_len, &hello.body[..]), (5, &message[4..]));
}

#[test]
fn after_a_retry_the_new_connection_id_makes_the_keys() {
    let message = message();
    let mut assembler = Assembler::new();
    let first = Sealed::new(V1).packet(0, &crypto(0, &message[..50]));
    assert_eq!(assembler.push(&padded(first), Time(0)), Outcome::More);
    let mut again = Sealed::new(V1);
    again.keyed = vec![7; 12];
    again.named = again.keyed.clone();
    again.token = vec![3; 70];
    let hello = hello(assembler.push(&padded(again.packet(1, &crypto(0, &message))), Time(0)));
    assert_eq!(
        (hello.token_len, hello.dcid_len, &hello.body[..]),
        (70, 12, &message[4..])
    );
}

#[test]
fn another_version_starts_the_hello_anew() {
    let message = message();
    let mut assembler = Assembler::new();
    let first = Sealed::new(DRAFT).packet(0, &crypto(0, &[1; 50]));
    assert_eq!(assembler.push(&padded(first), Time(0)), Outcome::More);
    let hello = hello(assembler.push(&padded(Sealed::new(V1).packet(1, &crypto(0, &message))), Time(0)));
    assert_eq!((hello.version, &hello.body[..]), (V1, &message[4..]));
}

#[test]
fn what_does_not_become_a_hello_is_given_up_with_a_reason() {
    let fault = |datagram: &[u8]| match Assembler::new().push(datagram, Time(0)) {
        Outcome::Unreadable(fault) => fault,
        other => panic!("{other:?}"),
    };
    let good = vector("quic-v1-rfc9001-a2.hex");
    assert_eq!(fault(b"not quic at all"), Unreadable::NotInitial);
    assert_eq!(fault(&good[..900]), Unreadable::Cut);
    let mut forged = good.clone();
    forged[700] ^= 1;
    assert_eq!(fault(&forged), Unreadable::Undecipherable);
    let finished = Sealed::new(V1).packet(0, &crypto(0, &[20, 0, 0, 0]));
    assert_eq!(fault(&padded(finished)), Unreadable::NotHello);
    let giant = Sealed::new(V1).packet(0, &crypto(0, &[1, 0xff, 0xff, 0xff]));
    let mut assembler = Assembler::new();
    for _ in 1..quic::MAX_DATAGRAMS {
        assert_eq!(assembler.push(&giant, Time(0)), Outcome::More);
    }
    assert_eq!(
        assembler.push(&giant, Time(0)),
        Outcome::Unreadable(Unreadable::Datagrams)
    );
    let mut slow = Assembler::new();
    slow.push(&giant, Time(0));
    assert_eq!(
        slow.push(&giant, Time::from_millis(10_001)),
        Outcome::Unreadable(Unreadable::Limit)
    );
}

proptest! {
    #[test]
    fn no_bytes_in_the_place_of_packets_or_frames_do_harm(
        noise in proptest::collection::vec(any::<u8>(), 0..1300),
        frames in proptest::collection::vec(any::<u8>(), 20..600),
        cut in 0..1200_usize,
        flip: u8,
    ) {
        let mut assembler = Assembler::new();
        assembler.push(&noise, Time(0));
        quic::probe(&noise);
        assembler.push(&Sealed::new(V1).packet(0, &frames), Time(0));
        let mut changed = vector("quic-v1-rfc9001-a2.hex");
        changed[cut] ^= flip;
        assembler.push(&changed, Time(0));
        assembler.push(&changed[..cut], Time(0));
        prop_assert!(assembler.held() < 32 << 10);
    }

    #[test]
    fn a_hello_cut_anywhere_into_shuffled_frames_is_whole_again(
        mut cuts in proptest::collection::vec(0..241_usize, 0..12),
        seed: u64,
    ) {
        let message = message();
        cuts.iter_mut().for_each(|cut| *cut = (*cut).min(message.len()));
        cuts.extend([0, message.len()]);
        cuts.sort_unstable();
        let mut frames: Vec<Vec<u8>> = cuts
            .windows(2)
            .map(|pair| crypto(pair[0] as u64, &message[pair[0]..pair[1]]))
            .collect();
        let mut turn = seed;
        for at in (1..frames.len()).rev() {
            turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            frames.swap(at, (turn >> 33) as usize % (at + 1));
        }
        let mut assembler = Assembler::new();
        let mut found = None;
        for (number, frames) in frames.chunks(3).enumerate() {
            let packet = Sealed::new(V1).packet(number as u32, &frames.concat());
            if let Outcome::Hello(hello) = assembler.push(&padded(packet), Time(0)) {
                found = Some(hello.body);
            }
        }
        prop_assert_eq!(found.as_deref(), Some(&message[4..]));
    }
}

/// What a client seals its Initial packets with, and what it writes on them.
struct Sealed {
    version: u32,
    keyed: Vec<u8>,
    named: Vec<u8>,
    token: Vec<u8>,
}

impl Sealed {
    fn new(version: u32) -> Self {
        Self {
            version,
            keyed: DCID.to_vec(),
            named: DCID.to_vec(),
            token: Vec::new(),
        }
    }

    fn packet(&self, number: u32, frames: &[u8]) -> Vec<u8> {
        let salt = match self.version {
            DRAFT => "afbfec289993d24c9e9786f19c6111e04390a899",
            _ => "38762cf7f55934b34d179ae6a4c80cadccbb7f0a",
        };
        let salt = hex::decode(salt).unwrap();
        let initial = Salt::new(HKDF_SHA256, &salt).extract(&self.keyed);
        let client = Prk::new_less_safe(HKDF_SHA256, &expand(&initial, "client in", 32));
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &expand(&client, "quic key", 16)).unwrap());
        let header_key = HeaderProtectionKey::new(&AES_128, &expand(&client, "quic hp", 16)).unwrap();
        let mut nonce: [u8; 12] = expand(&client, "quic iv", 12).try_into().unwrap();

        let mut sealed = frames.to_vec();
        sealed.resize(frames.len().max(20), 0);
        let mut header = vec![0xc3];
        header.extend(self.version.to_be_bytes());
        for id in [&self.named, &vec![]] {
            header.push(id.len() as u8);
            header.extend(id);
        }
        header.extend(varint(self.token.len() as u64));
        header.extend(&self.token);
        header.extend(varint(sealed.len() as u64 + 20));
        header.extend(number.to_be_bytes());
        for (byte, digit) in nonce[8..].iter_mut().zip(number.to_be_bytes()) {
            *byte ^= digit;
        }
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce, Aad::from(&header), &mut sealed)
            .unwrap();
        let mask = header_key.new_mask(&sealed[..16]).unwrap();
        header[0] ^= mask[0] & 0x0f;
        let at = header.len() - 4;
        for (byte, mask) in header[at..].iter_mut().zip(&mask[1..]) {
            *byte ^= mask;
        }
        [header, sealed].concat()
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(secret: &Prk, label: &str, length: usize) -> Vec<u8> {
    let head = [0, length as u8, 6 + label.len() as u8];
    let info = [&head[..], b"tls13 ", label.as_bytes(), &[0]];
    let mut out = vec![0; length];
    secret.expand(&info, Length(length)).unwrap().fill(&mut out).unwrap();
    out
}

fn varint(number: u64) -> [u8; 2] {
    (number as u16 | 0x4000).to_be_bytes()
}

fn crypto(offset: u64, bytes: &[u8]) -> Vec<u8> {
    [&[6][..], &varint(offset), &varint(bytes.len() as u64), bytes].concat()
}

fn padded(mut datagram: Vec<u8>) -> Vec<u8> {
    datagram.resize(1200, 0);
    datagram
}

fn hello(outcome: Outcome) -> Hello {
    match outcome {
        Outcome::Hello(hello) => hello,
        other => panic!("no hello but {other:?}"),
    }
}

/// The hello of the RFCs' packets, head and all.
fn message() -> Vec<u8> {
    let body = hello(Assembler::new().push(&vector("quic-v1-rfc9001-a2.hex"), Time(0))).body;
    [&[1, 0, 0, body.len() as u8], &body[..]].concat()
}

fn vector(name: &str) -> Vec<u8> {
    let path = format!("{}/../../fixtures/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    hex::decode(text.split_whitespace().collect::<String>()).unwrap()
}
