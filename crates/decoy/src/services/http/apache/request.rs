//! A request as Apache understands it.

use super::line::{Line, is_token};
use super::url::host_and_port;

/// `LimitRequestFields`.
const MAX_FIELDS: usize = 100;
/// `LimitRequestFieldSize`.
const MAX_FIELD: usize = 8190;
/// All header lines of one request; Apache would take more, but nobody sends it.
const MAX_HEAD: usize = 256 << 10;

pub(super) const FIELD_TOO_LONG: &str = "Size of a request header field exceeds server limit.";
const TOO_MANY_FIELDS: &str = "The number of request header fields exceeds this server's limit.";

/// Why a request is refused: the status, and what the page adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    pub notes: &'static str,
}

#[derive(Debug, Default)]
pub(super) struct Request {
    pub line: Line,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// The line being put together from its folds.
    open: Option<Vec<u8>>,
    read: usize,
    size: usize,
    /// Who the peer says it talks to, in lower case.
    pub hostname: Option<Vec<u8>>,
    pub port: Option<u16>,
    pub length: Option<u64>,
    pub chunked: bool,
    /// The connection ends with this request, whatever it asks.
    pub must_close: bool,
}

// === impl Request ===

impl Request {
    /// `scheme` is the one this port speaks.
    pub(super) fn new(line: Line, scheme: &str) -> Self {
        let said = line.url.scheme.as_deref();
        let named = said.is_some_and(|said| said.eq_ignore_ascii_case(scheme.as_bytes()));
        let hostname = line.url.host.clone().filter(|_| named || line.method == b"CONNECT");
        Self {
            hostname,
            port: line.url.port,
            line,
            ..Self::default()
        }
    }

    pub(super) fn is(&self, method: &str) -> bool {
        self.line.method == method.as_bytes()
    }

    /// All headers of that name, which is given in lower case, as one.
    pub(super) fn header(&self, name: &[u8]) -> Option<Vec<u8>> {
        let named = self.fields.iter().filter(|(known, _)| known == name);
        let values: Vec<&[u8]> = named.map(|(_, value)| value.as_slice()).collect();
        (!values.is_empty()).then(|| values.join(&b", "[..]))
    }

    /// Whether a word stands in a list of words.
    pub(super) fn has_word(&self, name: &[u8], word: &str) -> bool {
        let list = self.header(name).unwrap_or_default();
        let mut words = list.split(|byte| *byte == b',');
        words.any(|part| part.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Takes a line after the first, without its end; true when it is the empty one.
    pub(super) fn take(&mut self, line: &[u8]) -> Result<bool, Refusal> {
        self.size += line.len();
        if self.size > MAX_HEAD {
            return Err(Refusal::noted(FIELD_TOO_LONG));
        }
        let mut line = line;
        while let [head @ .., b' ' | b'\t'] = line
            && !head.is_empty()
        {
            line = head;
        }
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return self.fold(line).map(|()| false);
        }
        if let Some(open) = self.open.take() {
            self.field(&open)?;
        }
        if line.is_empty() {
            return Ok(true);
        }
        self.open = Some(line.to_vec());
        Ok(false)
    }

    fn fold(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let open = self.open.as_mut().filter(|_| line.len() > 1).ok_or(Refusal::BAD)?;
        let more = line.trim_ascii_start();
        if open.len() + more.len() + 2 >= MAX_FIELD {
            return Err(Refusal::noted(FIELD_TOO_LONG));
        }
        open.push(b' ');
        open.extend_from_slice(more);
        Ok(())
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Refusal> {
        self.read += 1;
        if self.read > MAX_FIELDS {
            return Err(Refusal::noted(TOO_MANY_FIELDS));
        }
        let end = line.iter().position(|byte| !is_token(*byte));
        let colon = end.filter(|at| *at > 0 && line[*at] == b':').ok_or(Refusal::BAD)?;
        let value = line[colon + 1..].trim_ascii();
        if value
            .iter()
            .any(|byte| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f)
        {
            return Err(Refusal::BAD);
        }
        self.fields.push((line[..colon].to_ascii_lowercase(), value.to_vec()));
        Ok(())
    }

    /// What is checked of the framing once all lines are there.
    pub(super) fn check_framing(&mut self) -> Result<(), Refusal> {
        if let Some(length) = self.header(b"content-length") {
            self.length = Some(number(&length).ok_or(Refusal::BAD)?);
        }
        if let Some(coding) = self.header(b"transfer-encoding") {
            let last = coding.rsplit(|byte| *byte == b',').next().unwrap_or_default();
            if !last.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                return Err(Refusal::BAD);
            }
            self.chunked = true;
            self.must_close = self.length.take().is_some();
        }
        Ok(())
    }

    /// Who is asked, what is expected, and for what kind of thing.
    pub(super) fn check_host(&mut self) -> Result<(), Refusal> {
        let host = self.header(b"host");
        if let Some(named) = &self.hostname {
            self.hostname = Some(valid_host(named).ok_or(Refusal::BAD)?);
        } else if let Some(host) = host.as_deref().filter(|host| !host.is_empty()) {
            let (name, port) = host_of(host).ok_or(Refusal::BAD)?;
            (self.hostname, self.port) = (Some(name), port);
        }
        let (version, named) = (self.line.version, self.hostname.is_some());
        if (!named && version >= 11) || (version == 11 && host.is_none()) {
            return Err(Refusal::BAD);
        }
        let expected = self.header(b"expect").filter(|what| !what.is_empty());
        if expected.is_some_and(|what| !what.eq_ignore_ascii_case(b"100-continue")) {
            return Err(Refusal { status: 417, notes: "" });
        }
        let scheme = self.line.url.scheme.as_deref().unwrap_or(b"http").to_ascii_lowercase();
        if scheme != b"http" && scheme != b"https" {
            Err(Refusal::BAD)
        } else {
            Ok(())
        }
    }

    pub(super) fn expects_continue(&self) -> bool {
        self.header(b"expect").is_some_and(|what| !what.is_empty())
    }
}

// === impl Refusal ===

impl Refusal {
    pub(super) const BAD: Self = Self { status: 400, notes: "" };

    pub(super) fn noted(notes: &'static str) -> Self {
        Self { status: 400, notes }
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number: i64 = all.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()?;
    u64::try_from(number).ok()
}

/// A `Host` header. A colon with no port after it will not do.
fn host_of(header: &[u8]) -> Option<(Vec<u8>, Option<u16>)> {
    if header.iter().all(u8::is_ascii_digit) || header.ends_with(b":") {
        return None;
    }
    let (host, port) = host_and_port(header)?;
    let sound = port != Some(0) && !host.is_empty();
    let host = if header.starts_with(b"[") {
        valid_literal(&host)
    } else {
        valid_host(&host)
    };
    sound.then_some((host?, port))
}

/// A host name in lower case without its last dot; none when it cannot be one.
fn valid_host(host: &[u8]) -> Option<Vec<u8>> {
    if host.is_empty() {
        return Some(Vec::new());
    }
    if host.contains(&b':') {
        return valid_literal(host);
    }
    let twice = host.windows(2).any(|pair| pair == b"..");
    let host = host.strip_suffix(b".").unwrap_or(host).to_ascii_lowercase();
    let usable = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    if twice || !host.iter().all(usable) {
        return None;
    }
    let mut labels = host.split(|byte| *byte == b'.');
    let sound = if host.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') {
        let plain = |label: &[u8]| !label.is_empty() && (label.len() < 2 || label[0] != b'0');
        labels.clone().count() == 4 && labels.all(plain)
    } else {
        labels.clone().count() < 2
            || labels
                .next_back()
                .and_then(<[u8]>::first)
                .is_none_or(u8::is_ascii_alphabetic)
    };
    sound.then_some(host)
}

fn valid_literal(host: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(host).ok()?;
    text.parse::<std::net::Ipv6Addr>().ok()?;
    Some(host.to_ascii_lowercase())
}
