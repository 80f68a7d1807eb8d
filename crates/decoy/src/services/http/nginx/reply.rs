//! An answer in the order nginx writes its headers.

use time::OffsetDateTime;

use super::super::act::{Content, Link, Turn};
use super::super::date;
use super::pages;
use super::request::Request;

#[derive(Debug, Default)]
pub(super) struct Reply {
    pub status: u16,
    pub content_type: Option<String>,
    pub length: Option<u64>,
    pub last_modified: Option<i64>,
    /// A path of this server, made absolute when written.
    pub location: Option<Vec<u8>>,
    pub chunked: bool,
    /// What nginx keeps in its list of other headers, in order.
    pub others: Vec<(&'static str, String)>,
    pub content: Content,
}

// === impl Reply ===

impl Reply {
    pub(super) fn new(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// The page nginx makes up for a status.
    pub(super) fn page(status: u16, signature: &str, request: &Request) -> Self {
        let padded = request.browser().wants_padding && request.version >= 1000;
        let page = pages::page(status, signature, padded);
        Self {
            status,
            content_type: page.as_ref().map(|_| "text/html".to_owned()),
            length: Some(page.as_ref().map_or(0, |page| page.len() as u64)),
            content: page.map_or(Content::None, Content::Bytes),
            ..Self::default()
        }
    }

    /// Writes it; comes to the bytes of body sent.
    pub(super) fn send(self, request: &Request, link: &Link, keepalive: bool, turn: &mut Turn<'_>) -> u64 {
        // HTTP/0.9 has no heads.
        if request.version >= 1000 {
            let head = self.head(request, link, keepalive, turn.now, turn);
            turn.send(head);
            if request.is("HEAD") {
                return 0;
            }
        }
        turn.send_content(self.content)
    }

    fn head(&self, request: &Request, link: &Link, keepalive: bool, now: OffsetDateTime, turn: &Turn<'_>) -> Vec<u8> {
        let mut head = format!(
            "HTTP/1.1 {}\r\nServer: {}\r\nDate: {}\r\n",
            pages::status_line(self.status),
            turn.site.persona.server,
            date::format(now),
        )
        .into_bytes();
        let mut line = |name: &str, value: &[u8]| {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        };
        if let Some(kind) = &self.content_type {
            line("Content-Type", kind.as_bytes());
        }
        if let Some(length) = self.length {
            line("Content-Length", length.to_string().as_bytes());
        }
        if let Some(at) = self.last_modified {
            line("Last-Modified", date::format_unix(at).as_bytes());
        }
        if let Some(location) = &self.location {
            line("Location", &absolute(location, request, link));
        }
        if self.chunked {
            line("Transfer-Encoding", b"chunked");
        }
        line("Connection", if keepalive { b"keep-alive" } else { b"close" });
        for (name, value) in &self.others {
            line(name, value.as_bytes());
        }
        for (name, value) in &turn.site.fixed.headers {
            line(name, value.as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

fn absolute(path: &[u8], request: &Request, link: &Link) -> Vec<u8> {
    let mut url = if link.tls {
        b"https://".to_vec()
    } else {
        b"http://".to_vec()
    };
    match &request.server {
        Some(server) => url.extend_from_slice(server),
        None if link.ip.is_ipv6() => url.extend_from_slice(format!("[{}]", link.ip).as_bytes()),
        None => url.extend_from_slice(link.ip.to_string().as_bytes()),
    }
    if link.port != if link.tls { 443 } else { 80 } {
        url.extend_from_slice(format!(":{}", link.port).as_bytes());
    }
    url.extend_from_slice(path);
    url
}
