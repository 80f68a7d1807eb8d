//! Hellos of TLS and DTLS, and the fingerprints made of them.
#![cfg_attr(feature = "libfuzzer", no_main)]

use wire::Look;
use wire::ja4::{Ja4, Transport};
use wire::time::Time;
use wire::tls::dtls::{Assembler, Outcome};
use wire::tls::{ClientHello, Handshakes, Next, ServerHello, client_hello, server_hello};
use wire::{ja3, tls};

fuzz::target!(run);

fn run(data: &[u8]) {
    if let Look::Found(message) = client_hello(data) {
        hello(&message.body);
    }
    if let Look::Found(message) = server_hello(data) {
        server(&message.body);
    }
    hello(data);
    server(data);
    let mut messages = Handshakes::new(data);
    let mut count = 0;
    while let Next::Message(_) = messages.next() {
        count += 1;
        assert!(count <= data.len());
    }
    let mut assembler = Assembler::new();
    for (at, datagram) in fuzz::pieces(data).into_iter().enumerate() {
        if let Outcome::Hello(hello) = assembler.push(datagram, Time(at as u64)) {
            ClientHello::parse_dtls(&hello.body);
        }
    }
}

fn hello(body: &[u8]) {
    let Some(hello) = ClientHello::parse(body) else { return };
    let ja4 = Ja4::new(&hello, Transport::Tcp);
    assert!(ja4.hash().is_ascii() && ja4.hash().len() == 36, "{}", ja4.hash());
    let _ = (ja4.raw(), ja4.original_hash(), ja4.original_raw(), ja3::ja3n(&hello));
    let _ = (
        hello.server_name(),
        hello.resumption(),
        hello.has_ech(),
        hello.has_grease(),
    );
    assert!(hello.alpn().count() + hello.groups().count() + hello.key_share_groups().count() <= body.len());
    assert!(ja3::ja3(&hello).raw.len() <= 8 * body.len() + 16);
}

fn server(body: &[u8]) {
    if let Some(hello) = ServerHello::parse(body) {
        let _ = (
            ja3::ja3s(&hello),
            hello.signature_hash(),
            hello.alpn(),
            tls::version_name(hello.version()),
        );
    }
}
