//! Hellos over UDP, on any port: QUIC and DTLS.

use super::{
    Watch,
    details::{QuicHello, QuicProbe},
    observation::Observation,
    talk::{Carried, Listener},
};
use crate::{
    flow::Endpoints,
    ip::Ip,
    ja4::{Ja4, Transport},
    lru::Lru,
    quic,
    time::Time,
    tls::{ClientHello, dtls},
    udp::Udp,
};

/// Senders whose hello comes in several datagrams.
#[derive(Debug)]
pub(super) struct Datagrams {
    quic: Lru<Endpoints, quic::Assembler>,
    dtls: Lru<Endpoints, dtls::Assembler>,
}

/// A long header with its fixed bit.
const QUIC_LONG: u8 = 0xc0;
/// A handshake record.
const DTLS_HANDSHAKE: u8 = 22;
const DTLS_MAJOR: u8 = 0xfe;
const HTTPS: u16 = 443;

// === impl Datagrams ===

impl Datagrams {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            quic: Lru::new(capacity),
            dtls: Lru::new(capacity),
        }
    }

    pub(super) fn evicted(&self) -> u64 {
        self.quic.evicted() + self.dtls.evicted()
    }
}

// === impl Watch ===

impl Watch {
    pub(super) fn datagram(&mut self, at: Time, ip: &Ip<'_>, udp: &Udp<'_>, out: &mut Vec<Observation>) {
        let is_dtls = match *udp.payload {
            [first, ..] if first & QUIC_LONG == QUIC_LONG => false,
            [DTLS_HANDSHAKE, DTLS_MAJOR, ..] => true,
            _ => return,
        };
        // A server's answer looks the same.
        if udp.source_port == HTTPS && udp.destination_port != HTTPS {
            return;
        }
        let between = self.deckies.ends(ip.source, ip.destination);
        if !between.is_by_peer() {
            return;
        }
        let ends = Endpoints {
            client: (ip.source, udp.source_port),
            server: (ip.destination, udp.destination_port),
        };
        let mut listener = Listener {
            at,
            ends,
            flow: None,
            role: between.role(),
            decky: between.decky(),
            repeats: &mut self.repeats,
            out,
        };
        if is_dtls {
            return dtls_hello(&mut self.datagrams.dtls, &mut listener, udp.payload);
        }
        if let Some(probe) = quic::probe(udp.payload) {
            if listener.is_first("quic_probe", probe.version) {
                listener.tell(QuicProbe::from(probe));
            }
            return;
        }
        quic_hello(&mut self.datagrams.quic, &mut listener, udp.payload);
    }
}

fn quic_hello(table: &mut Lru<Endpoints, quic::Assembler>, listener: &mut Listener<'_>, payload: &[u8]) {
    let assembler = table.entry(listener.ends, quic::Assembler::new).value;
    match assembler.push(payload, listener.at) {
        quic::Outcome::More => return,
        quic::Outcome::Unreadable(_) => {}
        quic::Outcome::Hello(carried) => {
            if let Some(hello) = ClientHello::parse(&carried.body) {
                let ja4 = Ja4::new(&hello, Transport::Quic);
                if listener.is_first("quic_client_hello", (ja4.hash(), hello.server_name())) {
                    listener.tell(QuicHello::new(&hello, &ja4, &carried));
                }
            }
        }
    }
    table.remove(&listener.ends);
}

fn dtls_hello(table: &mut Lru<Endpoints, dtls::Assembler>, listener: &mut Listener<'_>, payload: &[u8]) {
    let assembler = table.entry(listener.ends, dtls::Assembler::new).value;
    match assembler.push(payload, listener.at) {
        dtls::Outcome::More => return,
        dtls::Outcome::Other => {}
        dtls::Outcome::Hello(carried) => {
            if let Some(hello) = ClientHello::parse_dtls(&carried.body) {
                let carried = Carried {
                    record_version: carried.record_version,
                    fragments: 1,
                    starttls: None,
                    dtls: true,
                };
                listener.hello(&hello, &carried);
            }
        }
    }
    table.remove(&listener.ends);
}
