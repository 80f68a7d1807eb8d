//! Replies as the engine heads them, and what it reads out of requests.

use super::answer::Fault;
use super::config::Wish;
use super::names::Reference;
use super::store::Store;
use crate::services::golang::json::Object;
use crate::services::golang::{Reply, Request};

pub(super) fn ping(store: &Store, head: bool) -> Reply {
    let reply = with_headers(store, Reply::new(200, if head { "" } else { "OK" }))
        .with("Cache-Control", "no-cache, no-store, must-revalidate")
        .with("Pragma", "no-cache");
    match head {
        true => reply
            .with("Content-Length", "0")
            .with("Content-Type", "text/plain; charset=utf-8"),
        false => reply,
    }
}

/// What every answer to a known path is headed with.
pub(super) fn with_headers(store: &Store, reply: Reply) -> Reply {
    reply
        .with("Api-Version", &store.persona.api)
        .with("Docker-Experimental", "false")
        .with("Ostype", "linux")
        .with("Server", store.persona.server())
}

pub(super) fn plain(store: &Store, status: u16, body: impl Into<Vec<u8>>) -> Reply {
    with_headers(store, Reply::new(status, body))
}

/// With the line feed Go's encoder ends with.
pub(super) fn json(store: &Store, status: u16, body: String) -> Reply {
    plain(store, status, body + "\n").with("Content-Type", "application/json")
}

pub(super) fn error(store: &Store, version: Option<&str>, (status, message): Fault) -> Reply {
    // Clients before 1.23 are told in plain text.
    if version.is_some_and(|version| number(version) < (1, 23)) {
        return plain(store, status, message + "\n")
            .with("Content-Type", "text/plain; charset=utf-8")
            .with("X-Content-Type-Options", "nosniff");
    }
    json(store, status, Object::new().put("message", message).end())
}

pub(super) fn not_found() -> Reply {
    Reply::new(404, "{\"message\":\"page not found\"}\n").with("Content-Type", "application/json")
}

pub(super) fn version_fault(store: &Store, version: Option<&str>) -> Option<Reply> {
    let version = version?;
    let one = &store.persona;
    let why = if number(version) > number(&one.api) {
        format!(
            "client version {version} is too new. Maximum supported API version is {}",
            one.api
        )
    } else if number(version) < number(&one.min_api) {
        format!(
            "client version {version} is too old. Minimum supported API version is {}, please upgrade your client to a newer version",
            one.min_api
        )
    } else {
        return None;
    };
    let mut reply = error(store, Some(version), (400, why));
    // It is refused before that header is set.
    reply.headers.retain(|(name, _)| *name != "Docker-Experimental");
    Some(reply)
}

fn number(version: &str) -> (u32, u32) {
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    (major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
}

pub(super) fn is_version(part: &str) -> bool {
    let number = part.strip_prefix('v').unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Bodies must say that they are JSON.
pub(super) fn json_body(request: &Request) -> Result<(), Fault> {
    let kind = request.header("content-type").unwrap_or_default();
    let bare = kind.split(';').next().unwrap_or_default().trim();
    if request.body.is_empty() && kind.is_empty() {
        return Ok(());
    }
    match bare.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => Err((
            400,
            format!("Content-Type specified ({kind}) must be 'application/json'"),
        )),
    }
}

/// A body as it must be, or what Go says of it.
pub(super) fn parsed(request: &Request) -> Result<Wish, Fault> {
    json_body(request)?;
    serde_json::from_slice(&request.body).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof if request.body.is_empty() => (400, "EOF".to_owned()),
        serde_json::error::Category::Eof => (500, "unexpected EOF".to_owned()),
        serde_json::error::Category::Data => (
            400,
            "json: cannot unmarshal value into Go struct field of another type".to_owned(),
        ),
        _ => (400, "invalid character in JSON body".to_owned()),
    })
}

/// `{"name":["value"]}` or `{"name":{"value":true}}`.
pub(super) fn filters(request: &Request) -> Result<Vec<(String, Vec<String>)>, Fault> {
    let Some(text) = request.query("filters").filter(|text| !text.is_empty()) else {
        return Ok(Vec::new());
    };
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|_| {
        let first = text.chars().next().unwrap_or_default();
        (
            500,
            format!("invalid character '{first}' looking for beginning of value"),
        )
    })?;
    let members = value.as_object().cloned().unwrap_or_default();
    Ok(members
        .into_iter()
        .map(|(name, value)| {
            let values = match value {
                serde_json::Value::Object(map) => map.into_iter().map(|(key, _)| key).collect(),
                serde_json::Value::Array(items) => items
                    .iter()
                    .filter_map(|item| Some(item.as_str()?.to_owned()))
                    .collect(),
                _ => Vec::new(),
            };
            (name, values)
        })
        .collect())
}

/// As Go's `path.Clean`, keeping a slash at the end.
pub(super) fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let slash = if path.ends_with('/') && !parts.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{slash}", parts.join("/"))
}

pub(super) fn percent(part: &str) -> Vec<u8> {
    // A plus sign is itself in a path.
    crate::services::http::unescape(part.replace('+', "%2B").as_bytes())
}

/// The image a name asks for, or what is wrong with the name.
pub(super) fn reference(text: &str) -> Result<Reference, Fault> {
    Reference::parse(text).ok_or_else(|| {
        let lower = Reference::parse(&text.to_ascii_lowercase()).is_some();
        let more = if lower {
            ": repository name must be lowercase"
        } else {
            ""
        };
        (400, format!("invalid reference format{more}"))
    })
}
