//! Requests of HTTP in the clear. Values of cookies are never told, only that they are the same.

use serde::Serialize;

use super::text;
use crate::digest::sha256_12;
use crate::http::{Head, Preface, order_hash};

#[derive(Clone, Debug, Serialize)]
pub struct HttpRequest {
    /// `h1` or `h2`.
    pub proto: &'static str,
    pub version: u8,
    pub method: String,
    pub path: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user_agent: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub accept_language: String,
    /// Names as they were written and in their order.
    pub headers_ordered: Vec<String>,
    pub http_order_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie_sha256: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Http2Settings {
    /// In the order sent, `id:value`.
    pub settings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_update: Option<u32>,
    /// Frame types in the order sent.
    pub frame_order: Vec<u8>,
    /// Settings, window, priorities and pseudo headers in the form of Akamai's paper.
    pub h2_akamai: String,
}

/// Bytes kept of a path, a name and a value.
const PATH: usize = 1_024;
const NAME: usize = 64;
const VALUE: usize = 512;
/// Names kept.
const NAMES: usize = 64;

// === impl HttpRequest ===

impl HttpRequest {
    pub(crate) fn of_head(head: &Head<'_>) -> Self {
        let fields = || head.fields.iter().map(|field| (field.name, field.value));
        Self {
            version: head.version,
            method: text(head.method, NAME),
            path: text(head.target, PATH),
            ..Self::of_fields("h1", fields)
        }
    }

    pub(crate) fn of_preface(preface: &Preface) -> Self {
        let fields = || preface.fields.iter().map(|field| (&field.name[..], &field.value[..]));
        Self {
            version: 20,
            method: value(fields(), b":method", NAME),
            path: value(fields(), b":path", PATH),
            host: value(fields(), b":authority", VALUE),
            ..Self::of_fields("h2", fields)
        }
    }

    fn of_fields<'a, I: Iterator<Item = (&'a [u8], &'a [u8])>>(proto: &'static str, fields: impl Fn() -> I) -> Self {
        let names = || fields().map(|(name, _)| name);
        let cookie = fields().find(|(name, _)| name.eq_ignore_ascii_case(b"cookie"));
        Self {
            proto,
            version: 0,
            method: String::new(),
            path: String::new(),
            host: value(fields(), b"host", VALUE),
            user_agent: value(fields(), b"user-agent", VALUE),
            accept_language: value(fields(), b"accept-language", VALUE),
            headers_ordered: names().take(NAMES).map(|name| text(name, NAME)).collect(),
            http_order_hash: order_hash(names()),
            cookie_sha256: cookie.map(|(_, value)| sha256_12(value)),
        }
    }
}

// === impl Http2Settings ===

impl From<&Preface> for Http2Settings {
    fn from(preface: &Preface) -> Self {
        let settings = preface.settings.iter().take(NAMES);
        Self {
            settings: settings.map(|(id, value)| format!("{id}:{value}")).collect(),
            window_update: preface.window_update,
            frame_order: preface.frames.iter().copied().take(NAMES).collect(),
            h2_akamai: preface.akamai(),
        }
    }
}

fn value<'a>(mut fields: impl Iterator<Item = (&'a [u8], &'a [u8])>, name: &[u8], most: usize) -> String {
    let found = fields.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| text(value, most)).unwrap_or_default()
}
