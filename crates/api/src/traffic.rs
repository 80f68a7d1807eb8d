//! `POST /api/v1/detect/traffic`: what sensors saw, without the packets (detect.md §3.3).

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use detect::{FlowRecord, Proto, Span, State as Ended, Time};
use serde_json::{Map, Value, json};

use crate::judge::now;
use crate::problem::{Fault, Problem};
use crate::routes::{Lines, Shared};

/// Records of one request.
const MAX: usize = 1_000;
const FIELDS: [&str; 8] = [
    "timestamp",
    "src_ip",
    "dst_ip",
    "src_port",
    "dst_port",
    "protocol",
    "size",
    "flags",
];
/// A record from further ahead is somebody's broken clock.
const AHEAD: Span = Span(24 * 3600 * 1_000_000_000);

/// Takes in all of the records, or on any fault none.
pub(crate) async fn take(State(shared): State<Arc<Shared>>, Lines(values): Lines) -> Result<Json<Value>, Problem> {
    if values.is_empty() || values.len() > MAX {
        let detail = format!("must be 1 to {MAX} records");
        return Err(Problem::values(vec![Fault::new("", detail)]));
    }
    let single = values.len() == 1;
    let mut faults = Vec::new();
    let mut records = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let at = if single { String::new() } else { format!("/{index}") };
        records.extend(record(value, &at, &mut faults));
    }
    if !faults.is_empty() {
        return Err(Problem::values(faults));
    }
    let found = shared.api.judge.records(records);
    Ok(Json(json!({ "status": "ok", "alerts_generated": found })))
}

pub(crate) async fn health(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({ "status": "ok", "counters": shared.api.judge.counters() }))
}

fn record(value: &Value, at: &str, faults: &mut Vec<Fault>) -> Option<FlowRecord> {
    let Value::Object(map) = value else {
        faults.push(Fault::new(at, "must be an object"));
        return None;
    };
    let before = faults.len();
    for key in map.keys().filter(|key| !FIELDS.contains(&key.as_str())) {
        faults.push(Fault::new(format!("{at}/{key}"), "is not known"));
    }
    let mut reader = Reader { map, at, faults };
    let when = reader.time();
    let (src, dst) = (reader.address("src_ip"), reader.address("dst_ip"));
    let (sport, dport) = (reader.number("src_port", 65_535), reader.number("dst_port", 65_535));
    let size = reader.number("size", u64::MAX);
    let proto = reader.protocol();
    if faults.len() > before {
        return None;
    }
    Some(FlowRecord {
        at: when?,
        src: src?.into(),
        dst: dst?.into(),
        sport: u16::try_from(sport).unwrap_or(0),
        dport: u16::try_from(dport).unwrap_or(0),
        proto: proto?,
        duration: Span(0),
        out: size,
        back: 0,
        state: Ended::Unknown,
    })
}

struct Reader<'a> {
    map: &'a Map<String, Value>,
    at: &'a str,
    faults: &'a mut Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, key: &str, detail: &str) {
        self.faults.push(Fault::new(format!("{}/{key}", self.at), detail));
    }

    fn time(&mut self) -> Option<Time> {
        let seconds = self.map.get("timestamp").and_then(Value::as_f64);
        let time = seconds
            .filter(|seconds| seconds.is_finite() && (0.0..9e9).contains(seconds))
            .map(Time::from_seconds)
            .filter(|time| *time <= now().plus(AHEAD));
        if time.is_none() {
            self.fault("timestamp", "must be seconds since 1970, a day ahead at most");
        }
        time
    }

    fn address(&mut self, key: &str) -> Option<IpAddr> {
        let text = self.map.get(key).and_then(Value::as_str);
        let address = text.and_then(|text| text.trim().parse().ok());
        if address.is_none() {
            self.fault(key, "must be an IPv4 or IPv6 address");
        }
        address
    }

    /// 0 when it is not given.
    fn number(&mut self, key: &str, most: u64) -> u64 {
        match self.map.get(key) {
            None | Some(Value::Null) => 0,
            Some(value) => match value.as_u64().filter(|number| *number <= most) {
                Some(number) => number,
                None => {
                    let detail = if most == u64::MAX {
                        "must be a whole number from 0 on".to_owned()
                    } else {
                        format!("must be a whole number from 0 to {most}")
                    };
                    self.fault(key, &detail);
                    0
                }
            },
        }
    }

    fn protocol(&mut self) -> Option<Proto> {
        match self.map.get("protocol").and_then(Value::as_str) {
            Some(name) if !name.trim().is_empty() => Some(Proto::parse(name)),
            _ => {
                self.fault("protocol", "must be a protocol's name");
                None
            }
        }
    }
}
