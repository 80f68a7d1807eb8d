//! Requests as Go's `net/http` reads them, each with its body.

use std::cell::Cell;
use std::rc::Rc;

use crate::services::http::{Chunked, Fault, Manner};

/// Go's `DefaultMaxHeaderBytes`, and what it lets a buffer run over.
const MAX_HEAD: usize = (1 << 20) + 4096;
/// Of one body so much is kept; the rest is counted.
const MAX_BODY: usize = 24 << 20;

/// Room for the bodies of all connections of a service.
#[derive(Clone)]
pub(in crate::services) struct Budget(Rc<Cell<usize>>);

#[derive(Debug, Default)]
pub(in crate::services) struct Request {
    pub method: String,
    pub target: String,
    /// Of `HTTP/1.minor`.
    pub minor: u8,
    pub headers: Vec<(String, String)>,
    /// The head as it came.
    pub raw: Vec<u8>,
    pub body: Vec<u8>,
    /// The body was longer than what is kept.
    pub cut: bool,
    room: Option<Room>,
}

#[derive(Debug)]
pub(in crate::services) enum Next {
    /// Nothing whole is here yet.
    More,
    /// The sender waits for a word before it sends its body.
    Continue,
    Request(Box<Request>),
    /// What came is no request: the whole answer, after which the connection closes, and what it answers.
    Refused(Vec<u8>, Vec<u8>),
}

/// Puts one connection's bytes together.
pub(in crate::services) struct Reader {
    budget: Budget,
    buffer: Vec<u8>,
    /// A request whose body is still coming.
    open: Option<(Box<Request>, Body)>,
    waited_for: bool,
}

enum Body {
    Sized(u64),
    Chunked(Chunked),
}

/// Bytes held, given back when dropped.
#[derive(Debug)]
struct Room(Budget, usize);

// === impl Budget ===

impl Budget {
    pub(in crate::services) fn new(bytes: usize) -> Self {
        Self(Rc::new(Cell::new(bytes)))
    }
}

impl std::fmt::Debug for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Budget({})", self.0.get())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.0.set(self.0.0.get() + self.1);
    }
}

// === impl Request ===

impl Request {
    /// The first header of that name.
    pub(in crate::services) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the connection ends with the reply.
    pub(in crate::services) fn closes(&self) -> bool {
        let said = self.header("connection").unwrap_or_default().to_ascii_lowercase();
        let says = |word: &str| said.split(',').any(|token| token.trim() == word);
        if self.minor == 0 {
            !says("keep-alive")
        } else {
            says("close")
        }
    }

    /// The path as it was escaped, and the query.
    pub(in crate::services) fn parts(&self) -> (&str, &str) {
        let target = self.target.split('#').next().unwrap_or_default();
        let target = target
            .strip_prefix("http://")
            .map_or(target, |rest| rest.find('/').map_or("/", |at| &rest[at..]));
        target.split_once('?').unwrap_or((target, ""))
    }

    /// The first value of that name in the query, unescaped.
    pub(in crate::services) fn query(&self, name: &str) -> Option<String> {
        self.queries(name).next()
    }

    pub(in crate::services) fn queries<'a>(&'a self, name: &'a str) -> impl Iterator<Item = String> + 'a {
        let pairs = self.parts().1.split('&');
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs
            .filter(move |(known, _)| unescape(known) == name)
            .map(|(_, value)| unescape(value))
    }

    /// As dockerd reads switches.
    pub(in crate::services) fn flag(&self, name: &str) -> bool {
        let said = self.query(name).unwrap_or_default();
        !matches!(
            said.trim().to_ascii_lowercase().as_str(),
            "" | "0" | "no" | "false" | "none"
        )
    }

    fn keep(&mut self, budget: &Budget, bytes: &[u8]) {
        let some = bytes
            .len()
            .min(MAX_BODY.saturating_sub(self.body.len()))
            .min(budget.0.get());
        self.cut |= some < bytes.len();
        budget.0.set(budget.0.get() - some);
        self.room.get_or_insert_with(|| Room(budget.clone(), 0)).1 += some;
        self.body.extend_from_slice(&bytes[..some]);
    }
}

// === impl Reader ===

impl Reader {
    pub(in crate::services) fn new(budget: Budget) -> Self {
        Self {
            budget,
            buffer: Vec::new(),
            open: None,
            waited_for: false,
        }
    }

    pub(in crate::services) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// What came after the last request: the connection is something else from here on.
    pub(in crate::services) fn take_rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    pub(in crate::services) fn next(&mut self) -> Next {
        if self.open.is_none() {
            match self.head() {
                Ok(true) => {}
                Ok(false) => return Next::More,
                Err(why) => return self.refuse(why),
            }
        }
        match self.body() {
            Ok(true) => {}
            Ok(false) if self.waited_for => {
                self.waited_for = false;
                return Next::Continue;
            }
            Ok(false) => return Next::More,
            Err(Fault::Malformed | Fault::TooLarge) => return self.refuse("400 Bad Request"),
        }
        self.waited_for = false;
        match self.open.take() {
            Some((request, _)) => Next::Request(request),
            None => Next::More,
        }
    }

    /// The peer sends no more: what is to be said of what it began.
    pub(in crate::services) fn ended(&mut self) -> Option<Next> {
        let began = self.open.is_none() && !self.buffer.is_empty();
        began.then(|| self.refuse("400 Bad Request"))
    }

    fn refuse(&mut self, why: &str) -> Next {
        let raw = match self.open.take() {
            Some((request, _)) => request.raw,
            None => std::mem::take(&mut self.buffer),
        };
        let body = match why {
            "501 Not Implemented" => "Unsupported transfer encoding",
            _ => why,
        };
        let reply =
            format!("HTTP/1.1 {why}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n{body}");
        Next::Refused(reply.into_bytes(), raw)
    }

    /// Whether a head is whole.
    fn head(&mut self) -> Result<bool, &'static str> {
        let Some(first) = self.buffer.iter().position(|byte| *byte == b'\n') else {
            return match self.buffer.len() {
                0..=MAX_HEAD => Ok(false),
                _ => Err("431 Request Header Fields Too Large"),
            };
        };
        let mut request = Box::new(first_line(trimmed(&self.buffer[..first]))?);
        let mut at = first + 1;
        loop {
            let Some(length) = self.buffer[at..].iter().position(|byte| *byte == b'\n') else {
                return match self.buffer.len() {
                    0..=MAX_HEAD => Ok(false),
                    _ => Err("431 Request Header Fields Too Large"),
                };
            };
            let line = trimmed(&self.buffer[at..at + length]);
            at += length + 1;
            if line.is_empty() {
                break;
            }
            header_line(line, &mut request)?;
        }
        if at > MAX_HEAD {
            return Err("431 Request Header Fields Too Large");
        }
        let body = check(&request)?;
        request.raw = self.buffer.drain(..at).collect();
        self.waited_for = matches!(request.header("expect"), Some(said) if said.eq_ignore_ascii_case("100-continue"));
        self.open = Some((request, body));
        Ok(true)
    }

    /// Whether the body is whole.
    fn body(&mut self) -> Result<bool, Fault> {
        let Some((request, body)) = &mut self.open else {
            return Ok(false);
        };
        match body {
            Body::Sized(left) => {
                let some = self.buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                request.keep(&self.budget, &self.buffer[..some]);
                self.buffer.drain(..some);
                *left -= some as u64;
                Ok(*left == 0)
            }
            Body::Chunked(chunked) => {
                let mut bytes = Vec::new();
                let taken = chunked.take(&self.buffer, &mut bytes)?;
                self.buffer.drain(..taken);
                request.keep(&self.budget, &bytes);
                Ok(chunked.is_done())
            }
        }
    }
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn first_line(line: &[u8]) -> Result<Request, &'static str> {
    const BAD: &str = "400 Bad Request";
    let line = std::str::from_utf8(line).map_err(|_| BAD)?;
    let (method, rest) = line.split_once(' ').ok_or(BAD)?;
    let (target, version) = rest.split_once(' ').ok_or(BAD)?;
    if method.is_empty() || !method.bytes().all(is_token) {
        return Err(BAD);
    }
    let digit = |text: &str| -> Option<u8> { (text.len() == 1).then(|| text.parse().ok()).flatten() };
    let (major, minor) = version
        .strip_prefix("HTTP/")
        .and_then(|text| text.split_once('.'))
        .ok_or(BAD)?;
    let (major, minor) = (digit(major).ok_or(BAD)?, digit(minor).ok_or(BAD)?);
    if !is_uri(target, method) {
        return Err(BAD);
    }
    if major != 1 && !(method == "PRI" && target == "*" && major == 2) {
        return Err("505 HTTP Version Not Supported: unsupported protocol version");
    }
    Ok(Request {
        method: method.to_owned(),
        target: target.to_owned(),
        minor: if major == 2 { 1 } else { minor.min(1) },
        ..Request::default()
    })
}

/// As `url.ParseRequestURI` has it.
fn is_uri(target: &str, method: &str) -> bool {
    let rooted = target.starts_with('/') || target.starts_with("http://") || target.starts_with("https://");
    let whole = rooted || target == "*" || (method == "CONNECT" && !target.is_empty());
    let path = target.split('?').next().unwrap_or_default().as_bytes();
    let escapes = path.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    let sound = |at: usize| {
        path.get(at + 1..at + 3)
            .is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    };
    whole && !target.bytes().any(|byte| byte < 0x20 || byte == 0x7f) && escapes.into_iter().all(|(at, _)| sound(at))
}

fn header_line(line: &[u8], request: &mut Request) -> Result<(), &'static str> {
    if matches!(line[0], b' ' | b'\t') {
        // Goes on with the one before.
        let (_, value) = request.headers.last_mut().ok_or("400 Bad Request")?;
        value.push(' ');
        value.push_str(&String::from_utf8_lossy(line.trim_ascii()));
        return Ok(());
    }
    let colon = line.iter().position(|byte| *byte == b':').ok_or("400 Bad Request")?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    if name.is_empty() {
        return Err("400 Bad Request");
    }
    if !name.iter().all(|byte| is_token(*byte)) {
        return Err("400 Bad Request: invalid header name");
    }
    if value
        .iter()
        .any(|byte| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f)
    {
        return Err("400 Bad Request: invalid header value");
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    request.headers.push((text(name), text(value)));
    Ok(())
}

/// What is wrong with a head that is one; else how its body comes.
fn check(request: &Request) -> Result<Body, &'static str> {
    let all = |name: &'static str| {
        let named = request
            .headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    };
    let encodings: Vec<&str> = all("transfer-encoding").collect();
    let chunked = match encodings.as_slice() {
        [] => false,
        [one] if request.minor > 0 && one.eq_ignore_ascii_case("chunked") => true,
        _ if request.minor == 0 => false,
        _ => return Err("501 Not Implemented"),
    };
    let mut lengths = all("content-length");
    let length = match lengths.next() {
        Some(first) if lengths.any(|other| other != first) => return Err("400 Bad Request"),
        Some(first) => {
            let digits = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
            let length = first
                .parse::<u64>()
                .ok()
                .filter(|length| digits && *length <= i64::MAX as u64);
            length.ok_or("400 Bad Request")?
        }
        None => 0,
    };
    let hosts: Vec<&str> = all("host").collect();
    match hosts.as_slice() {
        [] if request.minor > 0 && request.method != "PRI" && !request.target.starts_with("http") => {
            return Err("400 Bad Request: missing required Host header");
        }
        [_, _, ..] => return Err("400 Bad Request: too many Host headers"),
        [host]
            if !host
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}/?#@".contains(&byte)) =>
        {
            return Err("400 Bad Request: malformed Host header");
        }
        _ => {}
    }
    Ok(if chunked {
        Body::Chunked(Chunked::new(Manner::Nginx))
    } else {
        Body::Sized(length)
    })
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// As a query is unescaped; what is no escape stays.
fn unescape(text: &str) -> String {
    String::from_utf8_lossy(&crate::services::http::unescape(text.as_bytes())).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &str) -> String {
        let mut reader = Reader::new(Budget::new(1 << 20));
        reader.push(bytes.as_bytes());
        match reader.next() {
            Next::Refused(reply, _) => String::from_utf8(reply).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_request_is_refused_in_gos_words() {
        for (sent, status) in [
            ("FOO\r\n", "400 Bad Request"),
            ("\r\n\r\n", "400 Bad Request"),
            ("GET _ping HTTP/1.1\r\n", "400 Bad Request"),
            ("GET /%zz HTTP/1.1\r\n", "400 Bad Request"),
            (
                "GET / HTTP/1.1\r\n\r\n",
                "400 Bad Request: missing required Host header",
            ),
            (
                "GET / HTTP/1.1\r\nHost: x\r\nA b: 1\r\n",
                "400 Bad Request: invalid header name",
            ),
            (
                "GET / HTTP/2.0\r\n",
                "505 HTTP Version Not Supported: unsupported protocol version",
            ),
        ] {
            let expected = format!(
                "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n{status}"
            );
            assert_eq!(refused(sent), expected, "{sent:?}");
        }
        let refused = refused("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: foo\r\n\r\n");
        assert!(refused.ends_with("\r\n\r\nUnsupported transfer encoding"), "{refused}");
    }

    #[test]
    fn requests_are_put_together_wherever_they_are_cut() {
        let wire = b"POST /a?b=c+d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhiPUT /x HTTP/1.1\r\nHost: x\r\n\
            Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nrest";
        let mut reader = Reader::new(Budget::new(100));
        let mut found = Vec::new();
        for byte in wire {
            reader.push(&[*byte]);
            if let Next::Request(request) = reader.next() {
                found.push((request.method.clone(), request.query("b"), request.body.clone()));
            }
        }
        assert_eq!(found[0], ("POST".into(), Some("c d".into()), b"hi".to_vec()));
        assert_eq!(found[1], ("PUT".into(), None, b"abc".to_vec()));
        assert_eq!(reader.take_rest(), b"rest");
        assert_eq!(reader.budget.0.get(), 100);
    }

    #[test]
    fn a_body_beyond_the_budget_is_counted_and_not_kept() {
        let mut reader = Reader::new(Budget::new(3));
        reader.push(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
        let Next::Request(request) = reader.next() else {
            panic!()
        };
        assert_eq!((request.body.as_slice(), request.cut), (&b"hel"[..], true));
    }

    #[test]
    fn who_waits_for_a_word_gets_it_once() {
        let mut reader = Reader::new(Budget::new(100));
        reader.push(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
        assert!(matches!(reader.next(), Next::Continue));
        assert!(matches!(reader.next(), Next::More));
        reader.push(b"x");
        assert!(matches!(reader.next(), Next::Request(_)));
    }
}
