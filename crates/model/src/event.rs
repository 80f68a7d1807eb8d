//! What was seen: one interaction of one peer with one service of one machine (architecture.md §4).

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::de::IntoDeserializer as _;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::name::Name;

/// UUIDv7; the key on which storing is idempotent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

/// 16 lower-case hex digits, unique per connection or UDP flow (decoys.md R2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    pub ip: IpAddr,
    pub port: u16,
}

/// Who caused it. Only `Peer` counts as attacker activity, anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    #[default]
    Peer,
    /// The grid's own life: health probes, planted files, synthetic traffic.
    Internal,
    /// A signed self-attack that proves the path.
    Drill,
}

/// Kind-specific values. Field names match `[a-z][a-z0-9_]{0,31}`.
pub type Fields = serde_json::Map<String, serde_json::Value>;

/// An event as the machine tells it: it does not know which machine of the grid it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub id: EventId,
    /// When it happened, by the host's clock; microseconds.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Service slug; `system` for the machine itself.
    pub service: Cow<'static, str>,
    /// `[a-z0-9_]{1,32}`, see `detail`.
    pub kind: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub src: Option<Endpoint>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dst: Option<Endpoint>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    #[serde(default, skip_serializing_if = "is_peer")]
    pub origin: Origin,
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub fields: Fields,
}

/// A report with the place it came from, as it travels on the bus and lies in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Flat")]
pub struct Event {
    pub decky: Name,
    /// Host uuid, or `local`.
    pub host: String,
    /// Start of the machine that told it, 8 hex digits: `seq` counts from 1 within one boot.
    pub boot: String,
    pub seq: u64,
    #[serde(flatten)]
    pub report: Report,
}

/// An event as it is written: read field by field, where a flattened report would first be kept whole.
#[derive(Deserialize)]
struct Flat {
    decky: Name,
    host: String,
    boot: String,
    seq: u64,
    id: EventId,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    service: Cow<'static, str>,
    kind: Cow<'static, str>,
    #[serde(default)]
    src: Option<Endpoint>,
    #[serde(default)]
    dst: Option<Endpoint>,
    #[serde(default)]
    session: Option<SessionId>,
    #[serde(default)]
    origin: Origin,
    #[serde(default)]
    fields: Fields,
}

fn is_peer(origin: &Origin) -> bool {
    *origin == Origin::Peer
}

// === impl Event ===

impl From<Flat> for Event {
    fn from(flat: Flat) -> Self {
        Self {
            decky: flat.decky,
            host: flat.host,
            boot: flat.boot,
            seq: flat.seq,
            report: Report {
                id: flat.id,
                at: flat.at,
                service: flat.service,
                kind: flat.kind,
                src: flat.src,
                dst: flat.dst,
                session: flat.session,
                origin: flat.origin,
                fields: flat.fields,
            },
        }
    }
}

// === impl Report ===

impl Report {
    /// Reads the typed view of the fields, when the kind is `D`'s and the fields fit.
    pub fn detail<D: crate::Detail>(&self) -> Option<D> {
        (self.kind == D::KIND)
            .then(|| D::deserialize((&self.fields).into_deserializer()).ok())
            .flatten()
    }

    /// The field as text, when present and a string.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.as_str()
    }
}

impl From<SocketAddr> for Endpoint {
    /// An IPv4-mapped IPv6 address becomes the IPv4 address it is.
    fn from(addr: SocketAddr) -> Self {
        Self {
            ip: addr.ip().to_canonical(),
            port: addr.port(),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.ip, self.port).fmt(f)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_as_it_was_written() {
        let src = Some(Endpoint {
            ip: [192, 0, 2, 7].into(),
            port: 4000,
        });
        let report = Report {
            id: EventId(Uuid::from_u128(7)),
            at: time::macros::datetime!(2026-01-31 12:00:00.000123 UTC),
            service: "ssh".into(),
            kind: "login".into(),
            src,
            dst: src,
            session: Some(SessionId("00aa".into())),
            origin: Origin::Drill,
            fields: serde_json::from_str(r#"{"principal":"root","n":[1,{"a":null}]}"#).unwrap(),
        };
        let bare = Report {
            src: None,
            dst: None,
            session: None,
            origin: Origin::Peer,
            fields: Fields::new(),
            ..report.clone()
        };
        for report in [report, bare] {
            let event = Event {
                decky: Name::new("web").unwrap(),
                host: "local".into(),
                boot: "00aa00aa".into(),
                seq: 3,
                report,
            };
            let written = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<Event>(&written).unwrap(), event);
        }
    }

    #[test]
    fn a_mapped_v4_peer_is_recorded_as_v4() {
        let addr: SocketAddr = "[::ffff:192.0.2.7]:4000".parse().unwrap();
        assert_eq!(Endpoint::from(addr).to_string(), "192.0.2.7:4000");
    }
}
