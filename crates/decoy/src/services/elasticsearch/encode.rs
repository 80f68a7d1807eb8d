//! An answer as bytes.

use super::call::Call;
use super::node::Node;
use super::reply::{Body, Reply};
use crate::sys;

// === impl Node ===

impl Node {
    /// The bytes of an answer, and the length of its body.
    pub(super) fn encode(&self, call: &Call<'_>, reply: &Reply) -> (Vec<u8>, usize) {
        let request = call.request;
        let pretty = call.flag("pretty") || (call.path.is_empty() && call.param("pretty") != Some("false"));
        let pretty = pretty && !request.target.is_empty();
        let (kind, body) = match &reply.body {
            Body::Json(json) if pretty => (self.json_type(call), json.pretty()),
            Body::Json(json) => (self.json_type(call), json.to_string()),
            Body::Text(text) => ("text/plain; charset=UTF-8".to_owned(), text.clone()),
            Body::Nothing => ("text/plain; charset=UTF-8".to_owned(), String::new()),
        };
        let mut body = body.into_bytes();
        let packs = request
            .header("accept-encoding")
            .is_some_and(|coding| coding.to_ascii_lowercase().contains("gzip"));
        let packed = (packs && !body.is_empty()).then(|| gzip(&body)).flatten();
        let is_packed = packed.is_some();
        packed.into_iter().for_each(|packed| body = packed);
        let version = if request.version.is_empty() {
            "HTTP/1.1"
        } else {
            &request.version
        };
        let mut head = format!("{version} {}\r\n", status_line(reply.status));
        let mut add = |name: &str, value: &str| head.extend([name, ": ", value, "\r\n"]);
        if let Some(opaque) = request.header("x-opaque-id") {
            add("X-Opaque-Id", opaque);
        }
        reply.headers.iter().for_each(|(name, value)| add(name, value));
        let named = self.major() > 7 || (self.major() == 7 && self.minor() >= 14);
        // What is no request never comes to where the product is named.
        if named && !request.target.is_empty() {
            add("X-elastic-product", "Elasticsearch");
            if self.major() == 7 && self.password.is_none() {
                add("Warning", &self.warning());
            }
        }
        add("content-type", &kind);
        if is_packed {
            add("content-encoding", "gzip");
        }
        add("content-length", &body.len().to_string());
        let keeps = request.version == "HTTP/1.0" && request.keep_alive;
        if keeps {
            add("connection", "keep-alive");
        }
        head.push_str("\r\n");
        let length = body.len();
        let mut bytes = head.into_bytes();
        if request.method != "HEAD" {
            bytes.extend(body);
        }
        (bytes, length)
    }

    fn json_type(&self, call: &Call<'_>) -> String {
        if self.major() < 8 {
            return "application/json; charset=UTF-8".into();
        }
        let vendor = "application/vnd.elasticsearch+json;compatible-with=8";
        let accepts = call.request.header("accept").unwrap_or_default().replace(' ', "");
        if accepts.contains("vnd.elasticsearch+json") {
            vendor.into()
        } else {
            "application/json".into()
        }
    }

    fn warning(&self) -> String {
        format!(
            "299 Elasticsearch-{}-{} \"Elasticsearch built-in security features are not enabled. Without authentication, \
             your cluster could be accessible to anyone. See https://www.elastic.co/guide/en/elasticsearch/reference/{}.{}/\
             security-minimal-setup.html to enable security.\"",
            self.release.number,
            self.release.hash,
            self.major(),
            self.minor()
        )
    }
}

/// As Java packs: no time, no system.
fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let (mut packed, _) = sys::gzip(body, 3, 15, 8, body.len().max(1))?;
    packed.get_mut(8..10)?.fill(0);
    Some(packed)
}

fn status_line(status: u16) -> String {
    let reason = match status {
        200 => "OK",
        201 => "Created",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        413 => "Request Entity Too Large",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    };
    format!("{status} {reason}")
}
