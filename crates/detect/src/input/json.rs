//! JSON access logs under the many names their keys have.

use super::access::{Line, address, request_line};
use super::fields::{Flat, Scalar};
use crate::error::{Error, Result};

pub(super) fn line(line: &str) -> Result<Line> {
    let Flat(pairs) = serde_json::from_str(line).map_err(|error| Error::record(format!("not JSON: {error}")))?;
    let mut read = Line::default();
    for (key, value) in pairs {
        put(&mut read, &key, value)?;
    }
    Ok(read)
}

fn put(line: &mut Line, key: &str, value: Scalar<'_>) -> Result<()> {
    let text = |value: &Scalar<'_>| value.text().unwrap_or_default().into_owned();
    let http = &mut line.http;
    match key {
        "ip" | "remote_addr" | "client_ip" | "clientip" | "src_ip" => {
            line.client = value.text().and_then(|text| address(&text))
        }
        "ts" | "time" | "timestamp" | "@timestamp" | "time_local" | "time_iso8601" => {
            line.at = line.at.or(value.time())
        }
        "method" | "request_method" | "verb" => http.method = text(&value).to_ascii_uppercase(),
        "endpoint" | "path" | "uri" | "request_uri" | "url" => http.target = text(&value),
        "request" => (http.method, http.target) = request_line(&text(&value)),
        "query" | "query_string" | "args" if !http.target.contains('?') => {
            let query = text(&value);
            if !query.is_empty() {
                http.target = format!("{}?{}", http.target, query.trim_start_matches('?'));
            }
        }
        "status_code" | "code" | "status" => status(line, &value)?,
        "outcome" => line.http.outcome = outcome(&text(&value)),
        "user" | "username" | "remote_user" => http.user = text(&value),
        "bytes" | "body_bytes_sent" | "bytes_sent" | "size" => http.bytes = value.number().unwrap_or(0.0) as u64,
        "host" | "http_host" | "server_name" => http.host = text(&value),
        "user_agent" | "http_user_agent" | "agent" => http.user_agent = text(&value),
        "referer" | "http_referer" | "referrer" => http.referer = text(&value),
        "x_forwarded_for" | "http_x_forwarded_for" | "xff" => line.forwarded = text(&value),
        "event_type" | "event" => http.event_type = text(&value),
        _ => {}
    }
    Ok(())
}

/// A number is an answer's status, a word how a login went.
fn status(line: &mut Line, value: &Scalar<'_>) -> Result<()> {
    match (value.number(), value.text()) {
        (Some(number), _) if (0.0..1000.0).contains(&number) => line.http.status = number as u16,
        (None, Some(word)) if outcome(&word).is_some() => line.http.outcome = outcome(&word),
        (None, None) => {}
        _ => return Err(Error::record("a status that is none")),
    }
    Ok(())
}

fn outcome(word: &str) -> Option<bool> {
    match word.trim().to_ascii_lowercase().as_str() {
        "success" | "succeeded" | "ok" | "true" | "allowed" => Some(true),
        "fail" | "failed" | "failure" | "blocked" | "denied" | "false" => Some(false),
        _ => None,
    }
}
