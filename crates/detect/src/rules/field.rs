//! The fields rules speak of, by name.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::addr::Addr;
use crate::event::{Attempt, Body, Event, Kind};

/// A field's value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    Addr(Addr),
}

/// Where conditions look fields up.
pub(super) trait Fields {
    fn get(&self, name: &str) -> Option<Value<'_>>;
    /// Every text there is, for keywords.
    fn texts(&self) -> Vec<Cow<'_, str>>;
}

/// The fields there are; those ending in `.` are prefixes.
const NAMES: [&str; 50] = [
    "kind",
    "sensor",
    "src.ip",
    "src.port",
    "src.net",
    "src.mac",
    "dst.ip",
    "dst.port",
    "dst.net",
    "proto",
    "net.outcome",
    "net.bytes_out",
    "net.bytes_in",
    "net.stealth",
    "http.method",
    "http.target",
    "http.target_raw",
    "http.path",
    "http.query",
    "http.uri",
    "http.status",
    "http.bytes",
    "http.host",
    "http.user_agent",
    "http.referer",
    "http.user",
    "http.traversal",
    "auth.service",
    "auth.username",
    "auth.user",
    "auth.outcome",
    "tls.ja3",
    "tls.ja3s",
    "tls.ja4",
    "tls.sni",
    "dns.query",
    "tool.agent_id",
    "tool.session_id",
    "tool.tenant",
    "tool.name",
    "tool.args",
    "tool.args.",
    "decoy.decoy_id",
    "decoy.service",
    "decoy.event_type",
    "decoy.user",
    "decoy.text",
    "canary.token",
    "rule",
    "count",
];

pub(super) fn is_known(name: &str) -> bool {
    NAMES
        .iter()
        .any(|known| *known == name || (known.ends_with('.') && name.starts_with(known)))
}

// === impl Value ===

impl Value<'_> {
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Addr(addr) => Cow::Owned(addr.to_string()),
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Addr(_) => None,
        }
    }
}

fn text(value: &str) -> Option<Value<'_>> {
    (!value.is_empty()).then_some(Value::Text(Cow::Borrowed(value)))
}

fn number(value: impl Into<f64>) -> Option<Value<'static>> {
    Some(Value::Number(value.into()))
}

fn port(port: u16) -> Option<Value<'static>> {
    (port != 0).then(|| Value::Number(port.into()))
}

fn owned(value: String) -> Option<Value<'static>> {
    Some(Value::Text(Cow::Owned(value)))
}

impl Fields for Event {
    fn get(&self, name: &str) -> Option<Value<'_>> {
        match name {
            "kind" => return text(self.kind().name()),
            "sensor" => return text(self.sensor),
            "src.ip" => return self.src().map(Value::Addr),
            "src.net" => return owned(self.src()?.net().to_string()),
            "dst.ip" => return dst(&self.body).map(Value::Addr),
            "dst.net" => return owned(dst(&self.body)?.net().to_string()),
            _ => {}
        }
        match &self.body {
            Body::Attempt(it) | Body::Productive(it) | Body::Contact(it) => attempt(it, name),
            Body::Resolved(it) if name == "net.outcome" => text(it.outcome.name()),
            Body::Resolved(it) => attempt(&it.attempt, name),
            Body::Ended(it) => match name {
                "net.bytes_out" => number(it.out as f64),
                "net.bytes_in" => number(it.back as f64),
                _ => attempt(&it.attempt, name),
            },
            Body::Volume(it) => match name {
                "net.bytes_out" => number(it.out as f64),
                "net.bytes_in" => number(it.back as f64),
                "dst.port" => port(it.dport),
                _ => None,
            },
            body => by_kind(body, name),
        }
    }

    fn texts(&self) -> Vec<Cow<'_, str>> {
        NAMES
            .iter()
            .filter_map(|name| self.get(name))
            .filter_map(into_text)
            .collect()
    }
}

fn into_text(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn dst(body: &Body) -> Option<Addr> {
    match body {
        Body::Attempt(it) | Body::Productive(it) | Body::Contact(it) => Some(it.dst),
        Body::Resolved(it) => Some(it.attempt.dst),
        Body::Ended(it) => Some(it.attempt.dst),
        Body::Volume(it) => Some(it.dst),
        Body::Sighting(it) => Some(it.dst),
        Body::Auth(it) => it.dst,
        Body::Tls(it) => it.dst,
        Body::Dns(it) => it.dst,
        Body::Arp(it) => Some(it.target),
        Body::Decoy(it) => it.dst,
        Body::Http(_) | Body::Tool(_) | Body::Canary(_) | Body::Heartbeat(_) => None,
    }
}

fn attempt<'a>(it: &Attempt, name: &str) -> Option<Value<'a>> {
    match name {
        "src.port" => port(it.sport),
        "dst.port" => port(it.dport),
        "proto" => Some(Value::Text(Cow::Borrowed(it.proto.name()))),
        "net.stealth" => owned(it.stealth.to_string()),
        _ => None,
    }
}

fn by_kind<'a>(body: &'a Body, name: &str) -> Option<Value<'a>> {
    match (body, name) {
        (Body::Http(it), "http.method") => text(&it.method),
        (Body::Http(it), "http.target" | "http.target_raw" | "http.uri") => text(&it.target),
        (Body::Http(it), "http.path") => text(&it.path),
        (Body::Http(it), "http.query") => text(&it.query),
        (Body::Http(it), "http.status") => number(it.status),
        (Body::Http(it), "http.bytes") => number(it.bytes as f64),
        (Body::Http(it), "http.host") => text(&it.host),
        (Body::Http(it), "http.user_agent") => text(&it.user_agent),
        (Body::Http(it), "http.referer") => text(&it.referer),
        (Body::Http(it), "http.user") => text(&it.user),
        (Body::Http(it), "http.traversal") => owned(it.traversal.is_some().to_string()),
        (Body::Auth(it), "auth.service") => text(&it.service),
        (Body::Auth(it), "auth.username" | "auth.user") => text(&it.user),
        (Body::Auth(it), "auth.outcome") => text(if it.success { "success" } else { "failure" }),
        (Body::Tls(it), "tls.ja3") => text(&it.ja3),
        (Body::Tls(it), "tls.ja3s") => text(&it.ja3s),
        (Body::Tls(it), "tls.ja4") => text(&it.ja4),
        (Body::Tls(it), "tls.sni") => text(&it.sni),
        (Body::Tls(it), "dst.port") => port(it.dport),
        (Body::Dns(it), "dns.query") => text(&it.query),
        (Body::Arp(it), "src.mac") => owned(it.mac.map(|byte| format!("{byte:02x}")).join(":")),
        (Body::Sighting(it), "dst.port") => port(it.dport),
        (Body::Tool(it), "tool.agent_id") => text(&it.agent),
        (Body::Tool(it), "tool.session_id") => text(&it.session),
        (Body::Tool(it), "tool.tenant") => text(&it.tenant),
        (Body::Tool(it), "tool.name") => text(&it.name),
        (Body::Tool(it), "tool.args") => owned(it.arguments.to_string()),
        (Body::Tool(it), name) => json(
            it.arguments
                .pointer(&format!("/{}", name.strip_prefix("tool.args.")?.replace('.', "/")))?,
        ),
        (Body::Decoy(it), "decoy.decoy_id") => text(&it.decoy),
        (Body::Decoy(it), "decoy.service") => text(&it.service),
        (Body::Decoy(it), "decoy.event_type") => text(&it.kind),
        (Body::Decoy(it), "decoy.user") => text(&it.user),
        (Body::Decoy(it), "decoy.text") => text(&it.text),
        (Body::Canary(it), "canary.token") => text(&it.token),
        _ => None,
    }
}

fn json(value: &Json) -> Option<Value<'_>> {
    match value {
        Json::String(value) => text(value),
        Json::Number(value) => value.as_f64().map(Value::Number),
        Json::Null => None,
        other => owned(other.to_string()),
    }
}

/// The kinds of event that may have a field; all for those that every event has.
pub(super) fn kinds_of(name: &str) -> Option<&'static [Kind]> {
    let family = name.split('.').next()?;
    Some(match family {
        "http" => &[Kind::Http],
        "auth" => &[Kind::Auth],
        "tls" => &[Kind::Tls],
        "dns" => &[Kind::Dns],
        "tool" => &[Kind::ToolCall],
        "decoy" => &[Kind::Decoy],
        "canary" => &[Kind::Canary],
        _ => return None,
    })
}
