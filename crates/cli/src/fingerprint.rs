//! `decnet fingerprint`: what a capture shows of those in it.
//!
//! One thread reads and looks, another writes what was seen, in the order in which it was seen.

use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use capture::Reader;
use serde::Serialize;
use wire::link::LinkType;
use wire::time::Time;
use wire::watch::{Counters, Deckies, Decky, Limits, Observation, Watch};

use crate::args;
use crate::context::Context;
use crate::exit::{Code, Failure, Result};
use crate::output::Closed;

/// Observations handed to the writer at once, and hand-overs it may lag behind.
const BATCH: usize = 4_096;
const LAG: usize = 16;

/// One line of the answer.
#[derive(Serialize)]
struct Line<'a> {
    kind: &'a str,
    #[serde(serialize_with = "as_text")]
    time: Time,
    source: Endpoint,
    destination: Endpoint,
    #[serde(skip_serializing_if = "Option::is_none")]
    decky: Option<&'a str>,
    role: &'static str,
    values: &'a wire::watch::Details,
}

#[derive(Serialize)]
struct Endpoint {
    ip: IpAddr,
    #[serde(skip_serializing_if = "is_none")]
    port: u16,
}

/// How a reading ended.
struct Ended {
    counters: Counters,
    unread_links: u64,
    error: Option<capture::Error>,
}

pub fn fingerprint(cx: &Context, asked: &args::Fingerprint) -> Result {
    let deckies = deckies(&asked.decky);
    let reader = Reader::open(&asked.file).map_err(|error| unreadable(&asked.file, &error))?;
    let (hand_over, taken) = mpsc::sync_channel::<Vec<Observation>>(LAG);
    let json = cx.out.json;
    let (ended, written) = std::thread::scope(|scope| {
        let writer = scope.spawn(move || write_all(&taken, json));
        let ended = read_all(reader, deckies, &hand_over);
        drop(hand_over);
        (ended, writer.join())
    });
    match written {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Err(Closed.into()),
        Ok(Err(error)) => return Err(error.into()),
        Err(_) => return Err(Failure::new(Code::Partial, "the writer of the answer fell over").into()),
    }
    report(cx, asked, &ended)
}

fn deckies(named: &[args::NamedDecky]) -> Deckies {
    let mut deckies = Deckies::default();
    for decky in named {
        let known = Arc::new(Decky {
            name: decky.name.to_string(),
            hostname: None,
        });
        deckies.add(decky.ip, &known);
    }
    deckies
}

fn read_all(mut reader: Reader, deckies: Deckies, hand_over: &mpsc::SyncSender<Vec<Observation>>) -> Ended {
    let mut watch = Watch::new(&Limits::default(), deckies);
    let (mut seen, mut unread_links) = (Vec::new(), 0);
    let error = loop {
        match reader.next_packet() {
            Ok(Some(packet)) => match LinkType::from_linktype(packet.link.into()) {
                Some(link) => watch.packet(Time(packet.at), link, packet.data, packet.length as usize, &mut seen),
                None => unread_links += 1,
            },
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
        if seen.len() >= BATCH && hand_over.send(std::mem::take(&mut seen)).is_err() {
            break None;
        }
    };
    watch.finish(&mut seen);
    // The writer may have gone; it says why.
    let _ = hand_over.send(seen);
    Ended {
        counters: watch.counters(),
        unread_links,
        error,
    }
}

fn write_all(taken: &mpsc::Receiver<Vec<Observation>>, json: bool) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 18, io::stdout().lock());
    let mut head = !json;
    for batch in taken {
        for seen in &batch {
            if json {
                serde_json::to_writer(&mut out, &Line::of(seen)).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
                continue;
            }
            if std::mem::take(&mut head) {
                writeln!(
                    out,
                    "{:<27}  {:<24}  {:<21}  {:<21}  VALUES",
                    "TIME", "KIND", "SOURCE", "DESTINATION"
                )?;
            }
            row(&mut out, seen)?;
        }
    }
    out.flush()
}

fn row(out: &mut impl Write, seen: &Observation) -> io::Result<()> {
    let destination = match &seen.decky {
        Some(decky) => format!("{}:{}", decky.name, seen.destination.1),
        None => place(seen.destination),
    };
    let (at, kind, source) = (seen.at.to_string(), seen.kind(), place(seen.source));
    let values = serde_json::to_value(&seen.details).map_err(io::Error::from)?;
    writeln!(
        out,
        "{at:<27}  {kind:<24}  {source:<21}  {destination:<21}  {}",
        told(kind, &values)
    )
}

/// What of the values a person looks for first.
fn told(kind: &str, values: &serde_json::Value) -> String {
    let fields: &[&str] = match kind {
        "tcp_syn_fingerprint" => &[
            "os_label",
            "os_guess",
            "scanner",
            "ipid_class",
            "isn_class",
            "stack_sig",
        ],
        "tcp_flow_timing" => &["flows", "packets", "bytes", "retransmits", "handshake", "duration_s"],
        "ssh_client_banner" => &["ssh_version"],
        "ssh_client_kex" => &["hassh", "ssh_version"],
        "tls_client_hello" | "tls_outbound" => &["ja4", "ja3", "sni", "alpn"],
        "tls_session" => &["ja3s", "tls_version", "sni"],
        "tls_certificate" => &["subject_cn", "issuer", "cert_sha256", "sni"],
        "quic_client_hello" => &["ja4_quic", "sni", "alpn"],
        "http_request_fingerprint" => &["http_order_hash", "method", "path", "user_agent"],
        "http2_settings" => &["h2_akamai"],
        "ipv6_link_local_leak" => &["iid_kind", "mac", "attacker_v4"],
        "host_change" => &["reasons"],
        "port_tries" => &["refused", "cut_off"],
        "fingerprint_repeat" => &["repeated", "count"],
        _ => &[],
    };
    let shown = fields.iter().filter_map(|field| match values.get(field)? {
        serde_json::Value::String(text) if text.is_empty() => None,
        serde_json::Value::String(text) => Some(format!("{field}={}", text.escape_default())),
        other => Some(format!("{field}={other}")),
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn place((ip, port): (IpAddr, u16)) -> String {
    match port {
        0 => ip.to_string(),
        port => std::net::SocketAddr::new(ip, port).to_string(),
    }
}

fn report(cx: &Context, asked: &args::Fingerprint, ended: &Ended) -> Result {
    let counters = &ended.counters;
    let malformed: u64 = counters.malformed.iter().sum();
    let mut note = format!("{} packets", counters.packets);
    for (count, what) in [
        (malformed, "could not be read"),
        (counters.foreign, "of others"),
        (ended.unread_links, "of link types that are not read"),
        (counters.suppressed, "repeats not told again"),
        (counters.lost_datagrams, "datagrams with fragments missing"),
        (
            counters.evicted_flows
                + counters.evicted_half_open
                + counters.evicted_sources
                + counters.evicted_talks
                + counters.evicted_repeats,
            "forgotten for want of room",
        ),
    ] {
        if count > 0 {
            note.push_str(&format!(", {count} {what}"));
        }
    }
    cx.out.note(&note);
    match &ended.error {
        None => Ok(()),
        Some(error) => Err(unreadable(&asked.file, error)),
    }
}

/// What was read before is told; the code says whether there was any.
fn unreadable(file: &Path, error: &capture::Error) -> anyhow::Error {
    let (code, help) = match error.packets() {
        Some(packets) if packets > 0 => (Code::Partial, "what could be read is above"),
        _ => (
            Code::Invalid,
            "captures are pcap or pcapng, plain or packed with gzip or zstd; `-` is standard input",
        ),
    };
    let what = match error {
        capture::Error::Open { .. } => error.to_string(),
        other => format!("{}: {other}", file.display()),
    };
    Failure::new(code, what).help(help).into()
}

fn as_text<S: serde::Serializer>(time: &Time, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

fn is_none(port: &u16) -> bool {
    *port == 0
}

// === impl Line ===

impl<'a> Line<'a> {
    fn of(seen: &'a Observation) -> Self {
        let endpoint = |(ip, port)| Endpoint { ip, port };
        Self {
            kind: seen.kind(),
            time: seen.at,
            source: endpoint(seen.source),
            destination: endpoint(seen.destination),
            decky: seen.decky.as_ref().map(|decky| decky.name.as_str()),
            role: seen.role.name(),
            values: &seen.details,
        }
    }
}
