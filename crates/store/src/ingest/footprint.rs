//! What an event tells of the machine it came from (fingerprint.md §4-§11, rolled up as §20 says). Pure.
//!
//! Each mark is a kind and a value, counted for its attacker. Who reads them is [`crate::Footprint`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use model::{Event, Fields, Report};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use wire::ja3::ja3;
use wire::ja4::{Ja4, Transport};
use wire::tls::ClientHello;

use super::bounds::text;
use super::rows::{FingerprintRow, NetworkRow, PlaceRow};
use crate::footprint::kind;
use crate::value::micros;

/// Bytes of the digest that serves as key.
pub(super) const KEY: usize = 16;
/// Bytes kept of a value; lists of algorithms are the longest.
const VALUE: usize = 4_096;
/// Bytes kept of a value inside a detail.
const DETAIL: usize = 512;
/// The service under which the wire's events come.
const WIRE: &str = "sniffer";
/// Thousandths: the confidence of a mark that states none.
const SURE: i64 = 1_000;
/// What the coarse table's labels weigh, and signatures that state no confidence.
const COARSE: i64 = 500;
/// Values of one list in one event that are looked at.
const LISTED: usize = 16;
/// Longest round trip and uptime that are believed.
const RTT_MS: f64 = 60_000.0;
const UPTIME_S: f64 = 3.2e9;

/// Fields of a SYN that make the attacker's `tcp_fingerprint`.
const SYN: [&str; 9] = [
    "window",
    "wscale",
    "mss",
    "options_sig",
    "has_sack",
    "has_timestamps",
    "tos",
    "dscp",
    "ecn",
];
/// Fields that say more of a stack than its signature.
const STACK: [&str; 7] = [
    "stack_hash",
    "options_sig",
    "os_label",
    "os_flavor",
    "os_confidence",
    "os_provider",
    "os_guess",
];

/// Marks of one batch, merged.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) fingerprints: BTreeMap<[u8; KEY], FingerprintRow>,
    pub(super) places: BTreeMap<([u8; KEY], String, i32), PlaceRow>,
    pub(super) networks: BTreeMap<IpAddr, NetworkRow>,
}

/// One event's reader, with where its marks go.
struct Reader<'a> {
    ip: IpAddr,
    event: &'a Event,
    marks: &'a mut Marks,
}

/// Whether the source proved that it receives what is sent to it: its address is its own then.
pub(super) fn is_handshake(report: &Report) -> bool {
    match &*report.kind {
        "connect" => report.text("proto") != Some("udp"),
        "tcp_flow_timing" => report.text("handshake") == Some("established"),
        _ => false,
    }
}

// === impl Marks ===

impl Marks {
    pub(super) fn add(&mut self, ip: IpAddr, event: &Event) {
        let mut reader = Reader { ip, event, marks: self };
        match &*event.report.kind {
            "tcp_syn_fingerprint" => reader.syn(),
            "tcp_flow_timing" => reader.flow(),
            "ssh_client_banner" | "client_banner" => reader.each(kind::SSH_BANNER, &["ssh_version"]),
            "ssh_client_kex" | "hassh" => {
                reader.each(kind::HASSH, &["hassh"]);
                reader.each(kind::KEX, &["kex_algorithms", "kex"]);
            }
            "tls_client_hello" => {
                reader.each(kind::JA3, &["ja3"]);
                reader.each(kind::JA4, &["ja4"]);
                reader.round_trip();
            }
            "tls" => reader.hello(),
            "tls_session" => {
                reader.each(kind::JA3S, &["ja3s"]);
                reader.each(kind::JA4S, &["ja4s"]);
            }
            "quic_client_hello" => {
                reader.each(kind::JA4_QUIC, &["ja4_quic"]);
                reader.each(kind::QUIC_TP, &["quic_tp_hash"]);
            }
            "http_request_fingerprint" | "http2_settings" | "http3_settings" => reader.http(),
            "host_change" => reader.each(kind::HOST_CHANGE, &["reason", "reasons"]),
            "scanner_detected" => {}
            _ => return,
        }
        reader.tools();
    }
}

// === impl Reader ===

impl Reader<'_> {
    fn syn(&mut self) {
        let fields = &self.event.report.fields;
        if let Some(signature) = word(fields, "stack_sig") {
            self.mark(kind::STACK, &signature, SURE, picked(fields, &STACK));
        }
        let label = word(fields, "os_label").map(|label| match word(fields, "os_flavor") {
            Some(flavor) => format!("{label} {flavor}"),
            None => label,
        });
        if let Some(label) = label {
            let weight = thousandths(fields, "os_confidence").unwrap_or(COARSE);
            self.mark(kind::OS, &label, weight, None);
        }
        if let Some(label) = known(fields, "os_guess") {
            self.mark(kind::OS_COARSE, &label, COARSE, None);
        }
        for (kind, field) in [(kind::IPID_CLASS, "ipid_class"), (kind::ISN_CLASS, "isn_class")] {
            if let Some(label) = known(fields, field) {
                self.mark(kind, &label, SURE, None);
            }
        }
        for (kind, field) in [(kind::TTL, "ttl"), (kind::HOPS, "hop_distance")] {
            if let Some(number) = number(fields, field).filter(|n| (1.0..=255.0).contains(n)) {
                self.mark(kind, &format!("{}", number as u8), SURE, None);
            }
        }
        let syn = picked(fields, &SYN);
        self.network().tcp_syn = syn;
    }

    fn flow(&mut self) {
        let fields = &self.event.report.fields;
        let whole = |field| number(fields, field).map(|n| n.clamp(0.0, 1e12) as i64);
        let (flows, retransmits) = (whole("flows").unwrap_or(1), whole("retransmits").unwrap_or(0));
        let uptime = number(fields, "uptime_s").filter(|s| (0.0..UPTIME_S).contains(s));
        let at = micros(self.event.report.at);
        let network = self.network();
        network.flows += flows;
        network.retransmits += retransmits;
        if let Some(uptime) = uptime {
            network.uptime_s = Some(uptime as i64);
            network.uptime_at = Some(at);
        }
        self.round_trip();
    }

    /// The hello as a decky kept it, records and all.
    fn hello(&mut self) {
        let kept = self.event.report.text("client_hello_b64");
        let Some(bytes) = kept.and_then(|kept| B64.decode(kept).ok()) else {
            return;
        };
        let Some(message) = wire::tls::client_hello(&bytes).found() else {
            return;
        };
        if let Some(hello) = ClientHello::parse(&message.body) {
            self.mark(kind::JA3, &ja3(&hello).hash, SURE, None);
            self.mark(kind::JA4, &Ja4::new(&hello, Transport::Tcp).hash(), SURE, None);
        }
    }

    fn http(&mut self) {
        self.each(kind::HTTP_ORDER, &["http_order_hash"]);
        self.each(kind::JA4H, &["ja4h"]);
        self.each(kind::H2, &["h2_akamai"]);
    }

    /// What any of the wire's events may say beside its own matter.
    fn tools(&mut self) {
        let fields = &self.event.report.fields;
        let weight = thousandths(fields, "scanner_confidence").unwrap_or(SURE);
        for scanner in words(fields, "scanner") {
            self.mark(kind::SCANNER, &scanner, weight, None);
        }
        if let Some(link) = known(fields, "link_type") {
            self.mark(kind::LINK_TYPE, &link, SURE, None);
        }
        self.each(kind::HOST_CHANGE, &["host_change"]);
    }

    fn round_trip(&mut self) {
        let fields = &self.event.report.fields;
        let least = ["client_rtt_ms", "client_rtt_min_ms"]
            .iter()
            .filter_map(|field| number(fields, field))
            .filter(|ms| (0.0..RTT_MS).contains(ms))
            .min_by(f64::total_cmp);
        if let Some(ms) = least {
            let us = (ms * 1_000.0) as i64;
            let network = self.network();
            network.rtt_us = Some(network.rtt_us.map_or(us, |old| old.min(us)));
        }
    }

    /// Every value of the first of these fields that is there.
    fn each(&mut self, kind: &'static str, fields: &[&str]) {
        let values = fields
            .iter()
            .map(|field| words(&self.event.report.fields, field))
            .find(|values| !values.is_empty());
        for value in values.into_iter().flatten() {
            self.mark(kind, &value, SURE, None);
        }
    }

    fn mark(&mut self, kind: &'static str, value: &str, weight: i64, detail: Option<String>) {
        let (ip, value) = (self.ip.to_string(), text(value, VALUE));
        let at = micros(self.event.report.at);
        let is_of_wire = self.event.report.service == WIRE;
        let key = key([&ip, kind, &value]);
        let row = self.marks.fingerprints.entry(key).or_insert_with(|| FingerprintRow {
            key: key.to_vec(),
            attacker_ip: ip,
            kind: kind.to_owned(),
            value,
            detail: None,
            weight: 0,
            count: 0,
            by_deckies: 0,
            first_seen: at,
            last_seen: at,
        });
        row.weight += weight;
        match is_of_wire {
            true => row.count += 1,
            false => row.by_deckies += 1,
        }
        row.detail = detail.or(row.detail.take());
        row.first_seen = row.first_seen.min(at);
        row.last_seen = row.last_seen.max(at);
        if kind::HAS_PLACES.contains(&kind) {
            self.place(key, at);
        }
    }

    fn place(&mut self, key: [u8; KEY], at: i64) {
        let decky = self.event.decky.to_string();
        let port = self.event.report.dst.map_or(0, |dst| dst.port.into());
        let new = || PlaceRow {
            key: key.to_vec(),
            decky: decky.clone(),
            port,
            count: 0,
            first_seen: at,
            last_seen: at,
        };
        let row = self.marks.places.entry((key, decky.clone(), port)).or_insert_with(new);
        row.count += 1;
        row.first_seen = row.first_seen.min(at);
        row.last_seen = row.last_seen.max(at);
    }

    fn network(&mut self) -> &mut NetworkRow {
        let ip = self.ip;
        self.marks.networks.entry(ip).or_insert_with(|| NetworkRow {
            attacker_ip: ip.to_string(),
            flows: 0,
            retransmits: 0,
            rtt_us: None,
            uptime_s: None,
            uptime_at: None,
            tcp_syn: None,
        })
    }
}

/// A value as text, whether it came as text, number or truth.
fn word(fields: &Fields, field: &str) -> Option<String> {
    as_word(fields.get(field)?)
}

fn as_word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn words(fields: &Fields, field: &str) -> Vec<String> {
    match fields.get(field) {
        Some(Value::Array(list)) => list.iter().take(LISTED).filter_map(as_word).collect(),
        Some(value) => as_word(value).into_iter().collect(),
        None => Vec::new(),
    }
}

/// A label that says something.
fn known(fields: &Fields, field: &str) -> Option<String> {
    word(fields, field).filter(|label| label != "unknown")
}

/// On the wire of other makers every value is text.
fn number(fields: &Fields, field: &str) -> Option<f64> {
    let number = match fields.get(field)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

fn thousandths(fields: &Fields, field: &str) -> Option<i64> {
    number(fields, field).map(|confidence| (confidence.clamp(0.0, 1.0) * 1_000.0).round() as i64)
}

fn picked(fields: &Fields, names: &[&str]) -> Option<String> {
    let picked: Fields = names
        .iter()
        .filter_map(|&name| {
            let value = match fields.get(name)? {
                Value::String(long) => Value::from(text(long, DETAIL)),
                plain @ (Value::Number(_) | Value::Bool(_)) => plain.clone(),
                _ => return None,
            };
            Some((name.to_owned(), value))
        })
        .collect();
    serde_json::to_string(&picked).ok().filter(|_| !picked.is_empty())
}

fn key(parts: [&str; 3]) -> [u8; KEY] {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update((part.len() as u64).to_be_bytes());
        sum.update(part);
    }
    let mut key = [0; KEY];
    key.copy_from_slice(&sum.finalize()[..KEY]);
    key
}
