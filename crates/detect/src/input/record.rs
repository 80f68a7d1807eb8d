//! Event records and tool calls as JSON lines. An event's keys may be nested or dotted: `src.ip`, or `ip` inside `src`.

use serde_json::{Map, Value};

use super::access::address;
use super::fields::seconds;
use crate::addr::Addr;
use crate::error::{Error, Result};
use crate::event::Attempt;
use crate::event::{
    Arp, Auth, Body, Call, Canary, Decoy, Dns, Event, Heartbeat, Http, Kind, Outcome, Proto, Resolved, Signal, Tls,
};
use crate::http::canon::Target;
use crate::http::login::account;
use crate::time::{Span, Time};

const SENSOR: &str = "events";
const MAX_DEPTH: usize = 4;

/// Dotted keys and their values.
struct Flat(Map<String, Value>);

/// The event of a line.
///
/// # Errors
/// Names the field that is missing or wrong.
pub fn event(line: &str) -> Result<Event> {
    let value: Value = serde_json::from_str(line).map_err(|error| Error::record(format!("not JSON: {error}")))?;
    let Value::Object(map) = value else {
        return Err(Error::record("not an object"));
    };
    event_from_flat(map)
}

/// The event of a map.
pub(crate) fn event_from_flat(map: Map<String, Value>) -> Result<Event> {
    let mut flat = Flat(Map::new());
    flat.add("", map, 0);
    let kind = flat.text("kind").ok_or_else(|| Error::record("no `kind`"))?;
    let kind = Kind::parse(&kind).ok_or_else(|| Error::record(format!("`{kind}` is no kind of event")))?;
    let at = flat.time("ts").ok_or_else(|| Error::record("no `ts`"))?;
    let body = flat.body(kind, at)?;
    let mut event = Event::new(at, SENSOR, body);
    if let Some(Value::Array(tags)) = flat.0.get("tags") {
        event.tags = tags.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    }
    Ok(event)
}

/// The tool call of a line, with its time.
///
/// # Errors
/// Names the field that is missing or wrong.
pub fn call(line: &str) -> Result<(Time, Call)> {
    let value: Value = serde_json::from_str(line).map_err(|error| Error::record(format!("not JSON: {error}")))?;
    let Value::Object(map) = value else {
        return Err(Error::record("not an object"));
    };
    let at = time(map.get("ts").or_else(|| map.get("timestamp"))).ok_or_else(|| Error::record("no `ts`"))?;
    let text = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (agent, name) = (text("agent_id"), text("tool_name"));
    if agent.is_empty() || name.is_empty() {
        return Err(Error::record(if agent.is_empty() {
            "no `agent_id`"
        } else {
            "no `tool_name`"
        }));
    }
    let signals = map.get("signals").and_then(Value::as_array);
    let call = Call {
        agent,
        session: text("session_id"),
        tenant: text("tenant"),
        name,
        arguments: map
            .get("arguments")
            .or_else(|| map.get("args"))
            .cloned()
            .unwrap_or(Value::Null),
        signals: signals.into_iter().flatten().map(signal).collect(),
    };
    Ok((at, call))
}

fn signal(value: &Value) -> Signal {
    let text = |keys: [&str; 2]| {
        let found = keys.iter().find_map(|key| value.get(key)).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    match value {
        Value::String(level) => Signal {
            id: String::new(),
            level: level.clone(),
        },
        _ => Signal {
            id: text(["id", "type"]),
            level: text(["level", "severity"]),
        },
    }
}

/// RFC 3339, or seconds.
fn time(value: Option<&Value>) -> Option<Time> {
    match value? {
        Value::Number(number) => seconds(&number.to_string()).or_else(|| number.as_f64().map(Time::from_seconds)),
        Value::String(text) => Time::parse_rfc3339(text).or_else(|| seconds(text)),
        _ => None,
    }
}

// === impl Flat ===

impl Flat {
    fn add(&mut self, prefix: &str, map: Map<String, Value>, depth: usize) {
        for (key, value) in map {
            let path = if prefix.is_empty() {
                key
            } else {
                format!("{prefix}.{key}")
            };
            match value {
                // Arguments of a call keep their shape.
                Value::Object(inner) if depth < MAX_DEPTH && path != "tool.args" => self.add(&path, inner, depth + 1),
                value => drop(self.0.insert(path, value)),
            }
        }
    }

    fn text(&self, key: &str) -> Option<String> {
        match self.0.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            _ => None,
        }
    }

    fn or_empty(&self, key: &str) -> String {
        self.text(key).unwrap_or_default()
    }

    fn time(&self, key: &str) -> Option<Time> {
        time(self.0.get(key))
    }

    fn addr(&self, key: &str) -> Result<Addr> {
        let text = self.text(key).ok_or_else(|| Error::record(format!("no `{key}`")))?;
        address(&text).ok_or_else(|| Error::record(format!("`{key}`: `{text}` is no address")))
    }

    fn maybe_addr(&self, key: &str) -> Result<Option<Addr>> {
        if self.0.contains_key(key) {
            self.addr(key).map(Some)
        } else {
            Ok(None)
        }
    }

    fn number(&self, key: &str, most: u64) -> Result<u64> {
        let Some(text) = self.text(key) else { return Ok(0) };
        let number = text.parse().ok().filter(|&number| number <= most);
        number.ok_or_else(|| Error::record(format!("`{key}` must be a number from 0 to {most}")))
    }

    fn port(&self, key: &str) -> Result<u16> {
        self.number(key, u16::MAX.into()).map(|port| port as u16)
    }

    fn body(&self, kind: Kind, at: Time) -> Result<Body> {
        Ok(match kind {
            Kind::FlowAttempt => Body::Attempt(self.attempt(at)?),
            Kind::FlowUpdate => Body::Resolved(Resolved {
                attempt: self.attempt(at)?,
                outcome: self.outcome(),
                replies_visible: self.text("net.replies_visible").as_deref() != Some("false"),
            }),
            Kind::Http => self.http()?,
            Kind::Auth => Body::Auth(Box::new(Auth {
                src: self.addr("src.ip")?,
                dst: self.maybe_addr("dst.ip")?,
                service: self.or_empty("auth.service"),
                user: account(
                    &self
                        .text("auth.username")
                        .or_else(|| self.text("auth.user"))
                        .unwrap_or_default(),
                ),
                success: self.text("auth.outcome").as_deref() == Some("success"),
                secret: self.or_empty("auth.secret"),
            })),
            Kind::Tls => Body::Tls(Box::new(Tls {
                src: Some(self.addr("src.ip")?),
                dst: self.maybe_addr("dst.ip")?,
                dport: self.port("dst.port")?,
                ja3: self.or_empty("tls.ja3"),
                ja3s: self.or_empty("tls.ja3s"),
                ja4: self.or_empty("tls.ja4"),
                sni: self.or_empty("tls.sni"),
            })),
            Kind::Dns => Body::Dns(Box::new(Dns {
                src: self.addr("src.ip")?,
                dst: self.maybe_addr("dst.ip")?,
                query: self.or_empty("dns.query"),
            })),
            Kind::Arp => Body::Arp(Arp {
                mac: mac(&self.or_empty("src.mac")).ok_or_else(|| Error::record("`src.mac` is no hardware address"))?,
                sender: self.addr("src.ip")?,
                target: self.addr("dst.ip")?,
            }),
            Kind::ToolCall => Body::Tool(Box::new(Call {
                agent: self.or_empty("tool.agent_id"),
                session: self.or_empty("tool.session_id"),
                tenant: self.or_empty("tool.tenant"),
                name: self.or_empty("tool.name"),
                arguments: self.0.get("tool.args").cloned().unwrap_or(Value::Null),
                signals: Vec::new(),
            })),
            Kind::Decoy => Body::Decoy(Box::new(Decoy {
                src: self.addr("src.ip")?,
                dst: self.maybe_addr("dst.ip")?,
                decoy: self
                    .text("decoy.decoy_id")
                    .or_else(|| self.text("decoy.id"))
                    .unwrap_or_default(),
                service: self.or_empty("decoy.service"),
                kind: self.or_empty("decoy.event_type"),
                user: self.or_empty("decoy.user"),
                secret: self.or_empty("decoy.secret"),
                text: self.or_empty("decoy.text"),
            })),
            Kind::Canary => Body::Canary(Box::new(Canary {
                src: self.addr("src.ip")?,
                token: self.or_empty("canary.token"),
            })),
            Kind::Heartbeat => Body::Heartbeat(Box::new(Heartbeat {
                src: self.addr("src.ip")?,
                name: self.or_empty("heartbeat.name"),
                period: self.text("heartbeat.period").and_then(|text| Span::parse(&text)),
            })),
            Kind::Packet => return Err(Error::record("packets come from captures, not from records")),
        })
    }

    fn attempt(&self, at: Time) -> Result<Attempt> {
        Ok(Attempt {
            at,
            src: self.addr("src.ip")?,
            dst: self
                .maybe_addr("dst.ip")?
                .unwrap_or_else(|| std::net::Ipv4Addr::UNSPECIFIED.into()),
            sport: self.port("src.port")?,
            dport: self.port("dst.port")?,
            proto: self.text("proto").map_or(Proto::Tcp, |name| Proto::parse(&name)),
            familiar_since: None,
            stealth: false,
        })
    }

    fn outcome(&self) -> Outcome {
        match self.or_empty("net.outcome").as_str() {
            "answered" | "productive" => Outcome::Answered,
            "rejected" => Outcome::Rejected,
            "unanswered" => Outcome::Unanswered,
            _ => Outcome::Unknown,
        }
    }

    fn http(&self) -> Result<Body> {
        let written = ["http.target_raw", "http.target", "http.uri", "http.path"]
            .iter()
            .find_map(|key| self.text(key));
        let target = written.unwrap_or_else(|| "/".to_owned());
        let read = Target::read(&target);
        let query = self.text("http.query").unwrap_or(read.query);
        Ok(Body::Http(Box::new(Http {
            src: Some(self.addr("src.ip")?),
            method: self
                .text("http.method")
                .unwrap_or_else(|| "GET".to_owned())
                .to_ascii_uppercase(),
            target,
            path: read.path,
            query,
            status: self.number("http.status", 999)? as u16,
            bytes: self.number("http.bytes", u64::MAX)?,
            host: self.or_empty("http.host"),
            user_agent: self.or_empty("http.user_agent"),
            referer: self.or_empty("http.referer"),
            user: self.or_empty("http.user"),
            event_type: self.or_empty("http.event_type"),
            outcome: None,
            traversal: read.traversal,
        })))
    }
}

fn mac(text: &str) -> Option<[u8; 6]> {
    let mut bytes = [0; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut bytes {
        *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(bytes)
}
