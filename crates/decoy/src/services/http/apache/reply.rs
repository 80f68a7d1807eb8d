//! An answer in the order Apache writes its headers.

use super::super::act::{Content, Link, Turn};
use super::super::date;
use super::pages::{self, Words};
use super::request::Request;

#[derive(Debug, Default)]
pub(super) struct Reply {
    pub status: u16,
    /// In the order they were set; `Content-Type` comes after all others.
    pub headers: Vec<(&'static str, Vec<u8>)>,
    pub content_type: Option<String>,
    pub content: Content,
    /// The body has no length and goes out as one chunk, where chunks are understood.
    pub chunked: bool,
}

/// How a reply leaves the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Keep,
    Close,
    /// Closed without having said so.
    CloseUnsaid,
}

// === impl Reply ===

impl Reply {
    pub(super) fn new(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sends it over a connection that may take `left` more requests; comes to the bytes of body sent, and whether the
    /// connection goes on.
    pub(super) fn send(mut self, request: &Request, after: After, left: u32, turn: &mut Turn<'_>) -> (u64, After) {
        let bodiless = request.is("HEAD") || matches!(self.status, 204 | 304);
        let has_length = bodiless || self.headers.iter().any(|(name, _)| *name == "Content-Length");
        let keeps = after == After::Keep
            && (has_length || request.line.version >= 11)
            && left > 0
            && !pages::drops_connection(self.status)
            && !request.has_word(b"connection", "close")
            && (request.line.version >= 11 || request.has_word(b"connection", "keep-alive"));
        let after = match (keeps, after) {
            (true, _) => After::Keep,
            (false, After::CloseUnsaid) => After::CloseUnsaid,
            (false, _) => After::Close,
        };
        if request.line.version < 10 {
            return (turn.send_content(self.content), After::Close);
        }
        self.chunked &= keeps && !bodiless;
        let head = self.head(request, after, left, turn);
        turn.send(head);
        let bytes = match self.content {
            _ if bodiless => 0,
            Content::Bytes(bytes) if self.chunked => {
                let size = bytes.len() as u64;
                turn.send([format!("{size:x}\r\n").as_bytes(), &bytes, b"\r\n0\r\n\r\n"].concat());
                size
            }
            content => turn.send_content(content),
        };
        (bytes, after)
    }

    fn head(&self, request: &Request, after: After, left: u32, turn: &Turn<'_>) -> Vec<u8> {
        let persona = &turn.site.persona;
        let mut head = format!(
            "HTTP/1.1 {}\r\nDate: {}\r\nServer: {}\r\n",
            pages::status_line(self.status),
            date::format(turn.now),
            persona.server
        )
        .into_bytes();
        let mut line =
            |name: &str, value: &[u8]| head.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        for (name, value) in &self.headers {
            line(name, value);
        }
        for (name, value) in &turn.site.fixed.headers {
            line(name, value.as_bytes());
        }
        if after == After::Keep && request.has_word(b"connection", "keep-alive") {
            line(
                "Keep-Alive",
                format!("timeout={}, max={left}", persona.keepalive_s).as_bytes(),
            );
            line("Connection", b"Keep-Alive");
        }
        if after == After::Close {
            line("Connection", b"close");
        }
        if self.chunked {
            line("Transfer-Encoding", b"chunked");
        }
        if let Some(kind) = &self.content_type {
            line("Content-Type", kind.as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// The page Apache makes up for a status. `sized` is false where Apache does not count it beforehand.
pub(super) fn page(
    status: u16,
    words: Words<'_>,
    sized: bool,
    request: &Request,
    link: &Link,
    turn: &Turn<'_>,
) -> Reply {
    let signature = signature(request, link, turn);
    let words = Words {
        doctype: &turn.site.persona.doctype,
        signature: &signature,
        ..words
    };
    let page = pages::page(status, request, &words);
    let mut reply = Reply {
        content_type: Some("text/html; charset=iso-8859-1".to_owned()),
        ..Reply::new(status)
    };
    if !words.location.is_empty() {
        reply = reply.with("Location", words.location);
    }
    if sized && !request.is("HEAD") {
        reply = reply.with("Content-Length", page.len().to_string());
    }
    reply.content = Content::Bytes(page);
    reply
}

/// `<address>Apache/2.4.68 (Debian) Server at web Port 80</address>`.
pub(super) fn signature(request: &Request, link: &Link, turn: &Turn<'_>) -> String {
    let name = match &request.hostname {
        Some(name) => String::from_utf8_lossy(name).into_owned(),
        None => turn.site.fqdn.clone().unwrap_or_else(|| link.ip.to_string()),
    };
    let port = request.port.unwrap_or(link.port);
    format!(
        "<address>{} Server at {name} Port {port}</address>\n",
        turn.site.persona.signature
    )
}

/// A path of this server as a whole URL.
pub(super) fn absolute(path: &str, request: &Request, link: &Link, turn: &Turn<'_>) -> Vec<u8> {
    let (scheme, usual) = if link.tls { ("https", 443) } else { ("http", 80) };
    let name = match &request.hostname {
        Some(name) => String::from_utf8_lossy(name).into_owned(),
        None => turn.site.fqdn.clone().unwrap_or_else(|| link.ip.to_string()),
    };
    let name = if name.contains(':') { format!("[{name}]") } else { name };
    let port = request.port.unwrap_or(link.port);
    let port = if port == usual {
        String::new()
    } else {
        format!(":{port}")
    };
    format!("{scheme}://{name}{port}{path}").into_bytes()
}
