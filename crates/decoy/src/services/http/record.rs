//! What is told of requests.

use std::cell::Cell;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use model::Detail;
use model::detail::{Login, Outcome, ProtocolError};
use model::event::Fields;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::credentials;
use super::head::{Head, text};
use crate::conn::Log;

/// Of one body, and of all bodies of this service at a time, so much is kept; the rest is hashed and counted.
const MAX_BODY: usize = 1 << 20;
pub(in crate::services) const MAX_BODIES: usize = 32 << 20;
/// A longer head goes out as a file of its own.
const MAX_HEAD: usize = 4096;
/// All of one report, so that no line is longer than `Line::MAX`.
const MAX_REPORT: usize = 11_000;
const MAX_VALUE: usize = 2048;
const MAX_GARBAGE: usize = 2048;

/// Room for bodies, shared by all connections of the service.
pub(in crate::services) type Room = Rc<Cell<usize>>;

/// Collects what came of one request until it is answered, then tells of it.
pub(in crate::services) struct Recorder {
    log: Log,
    room: Room,
    head: Vec<u8>,
    body: Vec<u8>,
    size: u64,
    hash: Sha256,
    /// Whether a body may be a form with a name and a password in it.
    forms: bool,
}

// === impl Recorder ===

impl Recorder {
    pub(in crate::services) fn new(log: Log, room: Room) -> Self {
        Self {
            log,
            room,
            head: Vec::new(),
            body: Vec::new(),
            size: 0,
            hash: Sha256::new(),
            forms: true,
        }
    }

    /// For a service whose bodies are data: what looks like a password in one is not one that is tried.
    pub(in crate::services) fn without_forms(mut self) -> Self {
        self.forms = false;
        self
    }

    pub(in crate::services) fn head(&mut self, raw: Vec<u8>) {
        self.head = raw;
    }

    pub(in crate::services) fn body(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.hash.update(bytes);
        let some = bytes.len().min(MAX_BODY - self.body.len()).min(self.room.get());
        self.room.set(self.room.get() - some);
        self.body.extend_from_slice(&bytes[..some]);
    }

    /// `login` is what became of the name and password in the request, if there were any.
    pub(in crate::services) fn answered(&mut self, status: u16, bytes: u64, login: Outcome) {
        let (raw, body) = (std::mem::take(&mut self.head), std::mem::take(&mut self.body));
        self.room.set(self.room.get() + body.len());
        let (size, hash) = (std::mem::take(&mut self.size), self.hash.finalize_reset());
        let Some(head) = Head::parse(&raw) else {
            return self.unanswered("no request", &raw);
        };
        let mut fields = describe(&head, status, bytes);
        if size > 0 {
            fields.insert("body_size".into(), size.into());
            fields.insert("body_sha256".into(), hex::encode(hash).into());
            if (body.len() as u64) < size {
                fields.insert("body_kept".into(), body.len().into());
            }
        }
        if raw.len() <= MAX_HEAD {
            fields.insert("head_b64".into(), B64.encode(&raw).into());
        } else {
            fields.insert("head_size".into(), raw.len().into());
            fields.insert(
                "head_sha256".into(),
                self.log.capture(&raw, &path_of(&head), "head", None).into(),
            );
        }
        self.log.report_as("request", fit(fields));
        if !body.is_empty() {
            self.log.capture(&body, &path_of(&head), "body", None);
        }
        self.login(&head, &body, login);
    }

    pub(in crate::services) fn unanswered(&self, reason: &'static str, bytes: &[u8]) {
        self.log.report(ProtocolError {
            reason: reason.into(),
            data_b64: B64.encode(&bytes[..bytes.len().min(MAX_GARBAGE)]),
        });
    }

    fn login(&self, head: &Head<'_>, body: &[u8], outcome: Outcome) {
        let Some(tried) = credentials::tried(head, if self.forms { body } else { &[] }) else {
            return;
        };
        let mut fields = Login {
            principal: tried.principal.map(|principal| short(principal.as_bytes())),
            method: tried.method.into(),
            secret: tried.secret,
            outcome,
        }
        .into_fields();
        fields.insert("path".into(), path_of(head).into());
        for (name, value) in tried.extra {
            fields.insert(name.into(), short(value.as_bytes()).into());
        }
        self.log.report_as(Login::KIND, fields);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.room.set(self.room.get() + self.body.len());
    }
}

fn describe(head: &Head<'_>, status: u16, bytes: u64) -> Fields {
    let mut fields = Fields::new();
    fields.insert("method".into(), short(head.method).into());
    fields.insert("path".into(), path_of(head).into());
    fields.insert("version".into(), short(head.version).into());
    for (field, header) in [("host", "host"), ("user_agent", "user-agent")] {
        if let Some(value) = head.header(header) {
            fields.insert(field.into(), short(value).into());
        }
    }
    fields.insert("status".into(), status.into());
    fields.insert("bytes".into(), bytes.into());
    let headers = head.headers.iter().map(|(name, value)| vec![short(name), short(value)]);
    fields.insert("headers".into(), headers.collect::<Vec<_>>().into());
    fields
}

fn path_of(head: &Head<'_>) -> String {
    short(head.target)
}

fn short(bytes: &[u8]) -> String {
    text(&bytes[..bytes.len().min(MAX_VALUE)])
}

/// Leaves out the last headers, the raw head has them, until the report is short enough.
fn fit(mut fields: Fields) -> Fields {
    let size = |fields: &Fields| serde_json::to_string(fields).map_or(0, |text| text.len());
    let mut size_now = size(&fields);
    while size_now > MAX_REPORT {
        let Some(Value::Array(headers)) = fields.get_mut("headers") else {
            break;
        };
        if headers.pop().is_none() {
            break;
        }
        fields.insert("headers_cut".into(), true.into());
        size_now = size(&fields);
    }
    if size_now > MAX_REPORT {
        for field in ["user_agent", "host", "path"] {
            if let Some(Value::String(text)) = fields.get_mut(field) {
                *text = text.chars().take(MAX_VALUE / 8).collect();
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_report_of_a_request_is_longer_than_a_line() {
        let mut raw = b"GET /".to_vec();
        raw.extend(std::iter::repeat_n(0x01, 2000));
        raw.extend_from_slice(b" HTTP/1.1\r\n");
        for n in 0..90 {
            raw.extend_from_slice(format!("X-{n}: ").as_bytes());
            raw.extend(std::iter::repeat_n(0xff, 900));
            raw.extend_from_slice(b"\r\n");
        }
        let head = Head::parse(&raw).unwrap();
        let fields = fit(describe(&head, 400, 1));
        assert!(serde_json::to_string(&fields).unwrap().len() <= MAX_REPORT);
        assert_eq!(fields["headers_cut"], true);
        assert_eq!(fields["method"], "GET");
    }
}
