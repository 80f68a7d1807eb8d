//! Datagrams that may open a connection over QUIC.
#![cfg_attr(feature = "libfuzzer", no_main)]

use wire::quic::{Assembler, Outcome, parameters, parameters_hash, probe};
use wire::time::Time;
use wire::tls::ClientHello;

fuzz::target!(run);

fn run(data: &[u8]) {
    probe(data);
    let mut assembler = Assembler::default();
    for (at, datagram) in data.split(|byte| *byte == b'\n').enumerate() {
        if let Outcome::Hello(hello) = assembler.push(datagram, Time(at as u64)) {
            read(&hello.body);
        }
    }
    read(data);
}

fn read(body: &[u8]) {
    if let Some(hello) = ClientHello::parse(body) {
        assert!(parameters(&hello).count() <= body.len());
        parameters_hash(&hello);
    }
}
