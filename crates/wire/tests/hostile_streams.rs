//! Whatever bytes come, they are read without harm, and a reader that asks for more does not do so for ever.

use proptest::prelude::*;
use wire::ja3::{ja3, ja3n, ja3s};
use wire::ja4::{Ja4, Transport};
use wire::stream::Limits;
use wire::time::Time;
use wire::tls::{self, ClientHello, Handshakes, Next, ServerHello, dtls, starttls};
use wire::{Look, http, jarm, ssh};

/// Starts that lead readers deep.
const STARTS: [&[u8]; 12] = [
    b"",
    &[0x16, 3, 1, 0, 80, 1, 0, 0, 76, 3, 3],
    &[0x16, 3, 3, 0, 80, 2, 0, 0, 76, 3, 3],
    &[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 1, 0, 0, 48],
    &[0x80, 60, 1, 3, 1],
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x20\x01\x04\0\0\0\x01",
    b"GET / HTTP/1.1\r\nHost: x\r\n",
    b"SSH-2.0-x\r\n\0\0\0\x40\x04\x14",
    b"EHLO x\r\nSTARTTLS\r\n",
    b"<?xml <starttls",
    &[0x30, 0x84, 0, 0, 0, 0x20, 2, 1, 1, 0x77],
    &[32, 0, 0, 1, 0xff, 0xff],
];

fn read_all(bytes: &[u8]) {
    for message in [tls::client_hello(bytes), tls::server_hello(bytes)] {
        if let Look::Found(message) = message {
            read_hello(&message.body);
        }
    }
    read_hello(bytes);
    let mut walk = Handshakes::new(bytes);
    while let Next::Message(_) = walk.next() {}
    let _ = dtls::Assembler::new().push(bytes, Time(0));
    let _ = (http::head(bytes), http::preface(bytes).map(|preface| preface.akamai()));
    if let Look::Found(upgraded) = starttls::client(bytes) {
        assert!(upgraded.at < bytes.len());
        let _ = starttls::server(upgraded.protocol, bytes);
    }
    if let Look::Found(banner) = ssh::banner(bytes) {
        let _ =
            ssh::packet(&bytes[banner.end..]).map(|packet| ssh::KexInit::parse(packet.payload).map(|kex| kex.hassh()));
    }
    assert!(jarm::hash(&std::array::from_fn(|_| jarm::Reply::read(bytes))).len() == 62);
}

fn read_hello(body: &[u8]) {
    for hello in [ClientHello::parse(body), ClientHello::parse_dtls(body)]
        .into_iter()
        .flatten()
    {
        let _ = (hello.resumption(), hello.server_name(), hello.has_grease());
        let _ = (hello.key_share_groups().count(), hello.alpn().count());
        assert_eq!((ja3(&hello).hash.len(), ja3n(&hello).hash.len()), (32, 32));
        assert!(Ja4::new(&hello, Transport::Tcp).hash().chars().count() == 36);
    }
    if let Some(hello) = ServerHello::parse(body) {
        assert_eq!((ja3s(&hello).hash.len(), hello.signature_hash().len()), (32, 12));
    }
}

proptest! {
    #[test]
    fn any_bytes_behind_any_start_are_read_without_harm(
        start in 0..STARTS.len(),
        rest in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        read_all(&[STARTS[start], &rest].concat());
    }

    #[test]
    fn no_reader_asks_for_more_than_a_stream_may_hold(start in 0..STARTS.len(), filler: u8) {
        let mut bytes = STARTS[start].to_vec();
        bytes.resize(Limits::HANDSHAKE.bytes + 1, filler);
        // At the limit the stream ends it; until then every look must come back.
        for cut in [1, 64, 1024, bytes.len()] {
            read_all(&bytes[..cut.min(bytes.len())]);
        }
    }
}
