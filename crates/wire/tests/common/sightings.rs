//! A small sniffer: what clients and servers of a capture say of themselves, in the order it became whole.

use std::collections::HashMap;
use std::path::Path;

use wire::Look;
use wire::ja3::{ja3, ja3s};
use wire::ja4::{self, Ja4};
use wire::link::LinkType;
use wire::packet::{Net, Packet, Transport};
use wire::stream::{Limits, Stream, Want};
use wire::time::Time;
use wire::tls::starttls::{self, Upgrade};
use wire::tls::{self, ClientHello, ServerHello, dtls};
use wire::{http, quic, ssh};

/// Someone showed what it is.
pub(crate) struct Sighting {
    pub(crate) kind: &'static str,
    /// Source, its port, destination, its port.
    pub(crate) between: [String; 4],
    pub(crate) values: Vec<String>,
}

impl std::fmt::Display for Sighting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}\t{}\t{}",
            self.kind,
            self.between.join("\t"),
            self.values.join("\t")
        )
    }
}

#[derive(Default)]
struct Table {
    /// Ended ones have no stream.
    tcp: HashMap<[String; 4], Option<Stream>>,
    quic: HashMap<[String; 4], Option<quic::Assembler>>,
    dtls: HashMap<[String; 4], dtls::Assembler>,
    seen: Vec<Sighting>,
}

pub(crate) fn of_file(path: &Path) -> Vec<Sighting> {
    let mut reader = ::capture::Reader::open(path).expect("a capture");
    let mut table = Table::default();
    while let Some(packet) = reader.next_packet().expect("a packet") {
        let link = LinkType::from_linktype(packet.link.into()).expect("a known link");
        let read = Packet::read(link, packet.data, packet.length as usize);
        if let Ok(Packet {
            net: Net::Ip(ip, transport),
            ..
        }) = read
        {
            let between = |src: u16, dst: u16| {
                [
                    ip.source.to_string(),
                    src.to_string(),
                    ip.destination.to_string(),
                    dst.to_string(),
                ]
            };
            match transport {
                Transport::Tcp(tcp) => {
                    let between = between(tcp.source_port, tcp.destination_port);
                    let first = tcp.sequence.wrapping_add(u32::from(tcp.flags.syn()));
                    if tcp.flags.syn() {
                        table.tcp.insert(between.clone(), Some(Stream::starting_at(first)));
                    }
                    table.segment(&between, first, tcp.payload, Time(packet.at));
                }
                Transport::Udp(udp) => {
                    let between = between(udp.source_port, udp.destination_port);
                    table.datagram(&between, udp.payload, Time(packet.at));
                }
                _ => {}
            }
        }
    }
    table.seen
}

impl Table {
    fn segment(&mut self, between: &[String; 4], sequence: u32, payload: &[u8], at: Time) {
        let entry = self.tcp.entry(between.clone()).or_insert_with(|| Some(Stream::new()));
        let Some(stream) = entry else { return };
        let mut seen = None;
        let state = stream.push(&Limits::HANDSHAKE, sequence, payload, at, |bytes| match look(bytes) {
            Look::More => Want::More { read: 0 },
            Look::Other => Want::Enough,
            Look::Found(found) => {
                seen = Some(found);
                Want::Enough
            }
        });
        if state != wire::stream::State::Open {
            *entry = None;
        }
        self.seen.extend(seen.map(|(kind, values)| Sighting {
            kind,
            between: between.clone(),
            values,
        }));
    }

    fn datagram(&mut self, between: &[String; 4], payload: &[u8], at: Time) {
        let mut values = None;
        let entry = self
            .quic
            .entry(between.clone())
            .or_insert_with(|| Some(quic::Assembler::new()));
        if let Some(assembler) = entry
            && let quic::Outcome::Hello(hello) = assembler.push(payload, at)
        {
            let hello = ClientHello::parse(&hello.body).expect("a hello");
            values = Some(("quic", client(&hello, ja4::Transport::Quic)));
            *entry = None;
        }
        let assembler = self.dtls.entry(between.clone()).or_default();
        if let dtls::Outcome::Hello(hello) = assembler.push(payload, at) {
            let hello = ClientHello::parse_dtls(&hello.body).expect("a hello");
            values = Some(("dtls", client(&hello, ja4::Transport::Dtls)));
        }
        self.seen.extend(values.map(|(kind, values)| Sighting {
            kind,
            between: between.clone(),
            values,
        }));
    }
}

/// What lies at the start of one direction.
fn look(stream: &[u8]) -> Look<(&'static str, Vec<String>)> {
    let looks = [look_tls, look_ssh, look_http, look_starttls];
    let mut more = false;
    for one in looks {
        match one(stream) {
            Look::Found(found) => return Look::Found(found),
            Look::More => more = true,
            Look::Other => {}
        }
    }
    if more { Look::More } else { Look::Other }
}

fn look_tls(stream: &[u8]) -> Look<(&'static str, Vec<String>)> {
    match tls::server_hello(stream) {
        Look::Found(message) => {
            let hello = ServerHello::parse(&message.body).expect("a hello");
            let one = ja3s(&hello);
            Look::Found(("tls_server", vec![one.hash, one.raw]))
        }
        Look::More => Look::More,
        Look::Other => tls::client_hello(stream).map(|message| {
            let hello = ClientHello::parse(&message.body).expect("a hello");
            ("tls", client(&hello, ja4::Transport::Tcp))
        }),
    }
}

fn look_starttls(stream: &[u8]) -> Look<(&'static str, Vec<String>)> {
    let mut looks = vec![starttls::client(stream).map(|upgraded| upgraded.at)];
    // Whoever is meant by it: the client may not have been heard yet.
    looks.extend([Upgrade::Smtp, Upgrade::PostgreSql].map(|protocol| starttls::server(protocol, stream)));
    let mut more = false;
    for look in looks {
        match look {
            Look::Found(at) => return look_tls(&stream[at..]),
            Look::More => more = true,
            Look::Other => {}
        }
    }
    if more { Look::More } else { Look::Other }
}

fn look_ssh(stream: &[u8]) -> Look<(&'static str, Vec<String>)> {
    let banner = match ssh::banner(stream) {
        Look::Found(banner) => banner,
        Look::More => return Look::More,
        Look::Other => return Look::Other,
    };
    match ssh::packet(&stream[banner.end..]) {
        Look::More => Look::More,
        Look::Other => Look::Other,
        Look::Found(packet) => {
            let proposal = ssh::KexInit::parse(packet.payload).expect("a proposal");
            let line = String::from_utf8_lossy(banner.line).into_owned();
            Look::Found(("ssh", vec![line, proposal.hassh(), proposal.hassh_server()]))
        }
    }
}

fn look_http(stream: &[u8]) -> Look<(&'static str, Vec<String>)> {
    match http::preface(stream) {
        Look::Found(preface) => Look::Found(("http2", vec![preface.akamai(), http::order_hash(preface.names())])),
        Look::More => Look::More,
        Look::Other => http::head(stream).map(|head| {
            let names: Vec<_> = head.fields.iter().map(|field| field.name).collect();
            let text = String::from_utf8_lossy(&names.join(&b","[..])).into_owned();
            ("http", vec![text, http::order_hash(names)])
        }),
    }
}

fn client(hello: &ClientHello<'_>, transport: ja4::Transport) -> Vec<String> {
    let four = Ja4::new(hello, transport);
    let name = String::from_utf8_lossy(hello.server_name().unwrap_or_default()).into_owned();
    vec![ja3(hello).hash, four.hash(), four.original_raw(), name]
}
