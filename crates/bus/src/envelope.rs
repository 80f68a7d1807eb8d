//! What travels: an id, a time, a type and one JSON object (version 2; version 1 is read too).

use std::borrow::Cow;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::subject::Subject;

/// One message's content.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The key on which receivers may de-duplicate.
    pub id: Uuid,
    /// Producer's clock, microseconds. For display: order comes from the stream, not from here.
    pub at: OffsetDateTime,
    /// Often the last part of the subject, or what tells two payloads on one subject apart.
    pub kind: String,
    payload: Box<RawValue>,
}

#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    #[error("a payload is a JSON object")]
    NotAnObject,
    #[error("{size} bytes is more than the {max} bytes one message may have", max = Envelope::MAX)]
    TooLarge { size: usize },
    #[error("envelope version {0} is not known")]
    Version(u64),
    #[error("not readable: {0}")]
    Json(#[from] serde_json::Error),
}

/// As it lies on the wire. `topic` is written for readers of version 1 and never believed.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    v: u64,
    #[serde(default)]
    id: Uuid,
    #[serde(default, borrow)]
    topic: Cow<'a, str>,
    #[serde(default, rename = "type", borrow)]
    kind: Cow<'a, str>,
    /// Seconds since the epoch, for readers of version 1.
    #[serde(default)]
    ts: f64,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    at: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

// === impl Envelope ===

impl Envelope {
    /// Encoded size above which a message is refused.
    pub const MAX: usize = 768 << 10;
    /// Producers of batches stay below this.
    pub const SOFT_MAX: usize = 256 << 10;

    /// `id` and `at` come from the caller; `at` is cut to microseconds.
    pub fn new(id: Uuid, at: OffsetDateTime, kind: &str, payload: &impl Serialize) -> Result<Self, EnvelopeError> {
        let payload = serde_json::value::to_raw_value(payload)?;
        let at = at.replace_nanosecond(at.microsecond() * 1000).unwrap_or(at);
        object(&payload)?;
        Ok(Self {
            id,
            at,
            kind: kind.to_owned(),
            payload,
        })
    }

    /// A new message said now: reads the clock and draws a UUIDv7.
    pub fn fresh(kind: &str, payload: &impl Serialize) -> Result<Self, EnvelopeError> {
        Self::new(Uuid::now_v7(), OffsetDateTime::now_utc(), kind, payload)
    }

    pub fn encode(&self, subject: &Subject) -> Result<Bytes, EnvelopeError> {
        let wire = Wire {
            v: 2,
            id: self.id,
            topic: subject.as_str().into(),
            kind: self.kind.as_str().into(),
            ts: self.at.unix_timestamp_nanos() as f64 / 1e9,
            at: self.at.format(&Rfc3339).ok().map(Cow::Owned),
            payload: &self.payload,
        };
        let bytes = serde_json::to_vec(&wire)?;
        if bytes.len() > Self::MAX {
            return Err(EnvelopeError::TooLarge { size: bytes.len() });
        }
        Ok(bytes.into())
    }

    /// Reads version 1 and 2; what is missing, but for the payload, gets a default.
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > Self::MAX {
            return Err(EnvelopeError::TooLarge { size: bytes.len() });
        }
        let wire: Wire<'_> = serde_json::from_slice(bytes)?;
        if !(1..=2).contains(&wire.v) {
            return Err(EnvelopeError::Version(wire.v));
        }
        object(wire.payload)?;
        let at = wire
            .at
            .and_then(|at| OffsetDateTime::parse(&at, &Rfc3339).ok())
            .or_else(|| from_seconds(wire.ts));
        Ok(Self {
            id: wire.id,
            at: at.unwrap_or(OffsetDateTime::UNIX_EPOCH),
            kind: wire.kind.into_owned(),
            payload: wire.payload.to_owned(),
        })
    }

    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, EnvelopeError> {
        Ok(serde_json::from_str(self.payload.get())?)
    }

    /// The payload as it was written.
    pub fn payload_json(&self) -> &str {
        self.payload.get()
    }
}

fn object(payload: &RawValue) -> Result<(), EnvelopeError> {
    if payload.get().starts_with('{') {
        Ok(())
    } else {
        Err(EnvelopeError::NotAnObject)
    }
}

fn from_seconds(ts: f64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(((ts * 1e6) as i128).saturating_mul(1000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use time::macros::datetime;

    const AT: OffsetDateTime = datetime!(2026-03-01 12:00:00.123456 UTC);

    fn sample() -> Envelope {
        Envelope::new(Uuid::from_u128(7), AT, "command", &json!({"a": "ä\u{0}"})).unwrap()
    }

    #[test]
    fn what_is_encoded_is_read_back() {
        let bytes = sample().encode(&Subject::SYSTEM_LOG).unwrap();
        let read = Envelope::decode(&bytes).unwrap();
        assert_eq!(
            (read.id, read.at, read.kind.as_str()),
            (Uuid::from_u128(7), AT, "command")
        );
        assert_eq!(read.payload::<Value>().unwrap(), json!({"a": "ä\u{0}"}));
        let wire: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(wire["v"], 2);
        assert_eq!(wire["topic"], "system.log");
        assert_eq!(wire["at"], "2026-03-01T12:00:00.123456Z");
    }

    #[test]
    fn version_1_is_read_and_missing_fields_get_defaults() {
        let v1 =
            r#"{"v":1,"id":"0123456789abcdef0123456789abcdef","topic":"x","type":"t","ts":1772366400.5,"payload":{}}"#;
        let read = Envelope::decode(v1.as_bytes()).unwrap();
        assert_eq!(read.at, datetime!(2026-03-01 12:00:00.5 UTC));
        let bare = Envelope::decode(br#"{"v":2,"payload":{"x":1},"new_field":3}"#).unwrap();
        assert_eq!((bare.id, bare.kind.as_str()), (Uuid::nil(), ""));
    }

    #[test]
    fn what_is_no_object_is_no_payload() {
        for payload in [json!([1]), json!("x"), json!(null)] {
            let refused = Envelope::new(Uuid::nil(), AT, "t", &payload);
            assert!(matches!(refused, Err(EnvelopeError::NotAnObject)));
            let wire = json!({"v": 2, "payload": payload}).to_string();
            assert!(matches!(
                Envelope::decode(wire.as_bytes()),
                Err(EnvelopeError::NotAnObject)
            ));
        }
    }

    #[test]
    fn hostile_bytes_are_an_error() {
        for bad in [
            &b""[..],
            b"{",
            b"\xff\xfe",
            b"{\"v\":9,\"payload\":{}}",
            b"{\"v\":2}",
            b"[[[[[[[",
        ] {
            assert!(Envelope::decode(bad).is_err());
        }
        assert!(from_seconds(f64::NAN).is_some() && from_seconds(f64::INFINITY).is_none());
    }

    #[test]
    fn a_message_above_the_limit_is_refused_on_both_sides() {
        let large = Envelope::new(Uuid::nil(), AT, "t", &json!({"x": "y".repeat(Envelope::MAX)})).unwrap();
        assert!(matches!(
            large.encode(&Subject::SYSTEM_LOG),
            Err(EnvelopeError::TooLarge { .. })
        ));
        assert!(matches!(
            Envelope::decode(&vec![b' '; Envelope::MAX + 1]),
            Err(EnvelopeError::TooLarge { .. })
        ));
    }
}
