//! Replies with their headers in Go's order.

use time::OffsetDateTime;

use super::Request;
use crate::services::http::http_date;

/// A longer body no longer fits the buffer a length is counted in.
const BUFFER: usize = 2048;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::services) struct Reply {
    pub status: u16,
    /// Set by the handler; sent in the order of their names.
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

// === impl Reply ===

impl Reply {
    pub(in crate::services) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    pub(in crate::services) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The whole reply; whether the connection is closed after it is [`Request::closes`].
    pub(in crate::services) fn render(&self, request: &Request, now: OffsetDateTime) -> Vec<u8> {
        let head_only = request.method == "HEAD";
        let bodiless = matches!(self.status, 100..=199 | 204 | 304);
        let mut text = self.begin(request, now);
        let fixed = self.has("Content-Length");
        let counted = !bodiless && !fixed && self.body.len() <= BUFFER && (!head_only || !self.body.is_empty());
        if counted {
            text.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        if !self.has("Content-Type") && !self.body.is_empty() && !bodiless {
            text.push_str("Content-Type: text/plain; charset=utf-8\r\n");
        }
        let chunked = !counted && !fixed && !bodiless && !head_only && request.minor > 0;
        if request.closes() {
            if request.minor > 0 || chunked {
                text.push_str("Connection: close\r\n");
            }
        } else if request.minor == 0 {
            text.push_str("Connection: keep-alive\r\n");
        }
        if chunked {
            text.push_str("Transfer-Encoding: chunked\r\n");
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        if !head_only && !bodiless {
            if chunked {
                bytes.extend(chunk(&self.body));
                bytes.extend_from_slice(last_chunk());
            } else {
                bytes.extend_from_slice(&self.body);
            }
        }
        bytes
    }

    /// The head of a reply whose body comes in chunks, as long as it likes.
    pub(in crate::services) fn render_stream(&self, request: &Request, now: OffsetDateTime) -> Vec<u8> {
        let mut text = self.begin(request, now);
        if request.closes() && request.minor > 0 {
            text.push_str("Connection: close\r\n");
        }
        if request.minor > 0 && request.method != "HEAD" {
            text.push_str("Transfer-Encoding: chunked\r\n");
        }
        text.push_str("\r\n");
        text.into_bytes()
    }

    fn begin(&self, request: &Request, now: OffsetDateTime) -> String {
        let mut text = format!("HTTP/1.{} {} {}\r\n", request.minor, self.status, reason(self.status));
        let mut headers: Vec<_> = self.headers.iter().collect();
        headers.sort_by_key(|(name, _)| *name);
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Date: {}\r\n", http_date(now)));
        text
    }

    fn has(&self, wanted: &str) -> bool {
        self.headers.iter().any(|(name, _)| *name == wanted)
    }
}

pub(in crate::services) fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

pub(in crate::services) fn last_chunk() -> &'static [u8] {
    b"0\r\n\r\n"
}

fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        422 => "Unprocessable Entity",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Error",
    }
}
