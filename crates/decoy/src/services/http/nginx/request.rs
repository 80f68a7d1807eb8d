//! A request as nginx understands it.

use super::uri;

/// Headers that may come once only.
const UNIQUE: [&[u8]; 10] = [
    b"if-modified-since",
    b"if-unmodified-since",
    b"if-match",
    b"if-none-match",
    b"content-length",
    b"content-range",
    b"if-range",
    b"transfer-encoding",
    b"expect",
    b"authorization",
];

#[derive(Debug)]
pub(super) struct Request {
    pub method: Vec<u8>,
    /// `major * 1000 + minor`.
    pub version: u32,
    /// The name asked for, escapes undone.
    pub uri: Vec<u8>,
    pub query: Option<Vec<u8>>,
    /// Name the peer gave the server, in lower case, without its port.
    pub server: Option<Vec<u8>>,
    has_host: bool,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    connection: Connection,
    pub length: Option<u64>,
    pub chunked: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Connection {
    #[default]
    Unsaid,
    Close,
    KeepAlive,
}

// === impl Request ===

impl Default for Request {
    fn default() -> Self {
        Self {
            method: Vec::new(),
            version: 1000,
            uri: Vec::new(),
            query: None,
            server: None,
            has_host: false,
            headers: Vec::new(),
            connection: Connection::Unsaid,
            length: None,
            chunked: false,
        }
    }
}

impl Request {
    /// How many header lines were taken.
    pub(super) fn headers(&self) -> usize {
        self.headers.len()
    }

    pub(super) fn target(&mut self, target: &[u8]) -> Option<()> {
        (self.uri, self.query) = uri::normalise(target)?;
        Some(())
    }

    /// Takes a header line, or says with which status the request is refused for it.
    pub(super) fn take(&mut self, name: Vec<u8>, value: Vec<u8>) -> Result<(), u16> {
        let name = name.to_ascii_lowercase();
        if UNIQUE.contains(&name.as_slice()) && self.header(&name).is_some() {
            return Err(400);
        }
        match name.as_slice() {
            b"host" => self.take_host(&value)?,
            b"connection" if contains(&value, b"close") => self.connection = Connection::Close,
            b"connection" if contains(&value, b"keep-alive") => self.connection = Connection::KeepAlive,
            _ => {}
        }
        self.headers.push((name, value));
        Ok(())
    }

    fn take_host(&mut self, value: &[u8]) -> Result<(), u16> {
        if std::mem::replace(&mut self.has_host, true) {
            return Err(400);
        }
        let host = valid_host(value).ok_or(400_u16)?;
        self.server.get_or_insert(host);
        Ok(())
    }

    /// What is checked once all headers are there.
    pub(super) fn check(&mut self) -> Result<(), u16> {
        if !self.has_host && self.version > 1000 {
            return Err(400);
        }
        if let Some(length) = self.header(b"content-length") {
            self.length = Some(number(length).ok_or(400_u16)?);
        }
        if let Some(coding) = self.header(b"transfer-encoding") {
            match () {
                () if self.version < 1001 => return Err(400),
                () if !coding.eq_ignore_ascii_case(b"chunked") => return Err(501),
                () if self.length.is_some() => return Err(400),
                () => self.chunked = true,
            }
        }
        match self.method.as_slice() {
            b"CONNECT" | b"TRACE" => Err(405),
            _ => Ok(()),
        }
    }

    /// The first header of that name, which is given in lower case.
    pub(super) fn header(&self, name: &[u8]) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_slice())
    }

    pub(super) fn is(&self, method: &str) -> bool {
        self.method == method.as_bytes()
    }

    /// Whether its sender would keep the connection.
    pub(super) fn wants_keepalive(&self) -> bool {
        match self.connection {
            Connection::Unsaid => self.version > 1000,
            Connection::Close => false,
            Connection::KeepAlive => true,
        }
    }

    pub(super) fn has_body(&self) -> bool {
        self.chunked || self.length.is_some_and(|length| length > 0)
    }

    pub(super) fn browser(&self) -> Browser {
        self.header(b"user-agent").map(Browser::of).unwrap_or_default()
    }
}

/// What nginx treats some browsers differently for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Browser {
    /// Shows its own page in place of short error pages.
    pub wants_padding: bool,
    pub msie6: bool,
}

impl Browser {
    fn of(agent: &[u8]) -> Self {
        let find = |sign: &[u8]| agent.windows(sign.len()).position(|part| part == sign);
        let msie = find(b"MSIE ").filter(|at| at + 7 < agent.len());
        let opera = find(b"Opera").is_some();
        let Some(at) = msie.filter(|_| !opera) else {
            let chrome = !opera && find(b"Gecko/").is_none() && find(b"Chrome/").is_some();
            return Self {
                wants_padding: chrome,
                msie6: false,
            };
        };
        let later = &agent[(at + 8).min(agent.len())..];
        let msie6 = agent[at + 6] == b'.'
            && match agent[at + 5] {
                b'4' | b'5' => true,
                b'6' => !later.windows(3).any(|part| part == b"SV1"),
                _ => false,
            };
        Self {
            wants_padding: true,
            msie6,
        }
    }
}

/// A host name in lower case, without port and last dot; none when it cannot be one.
pub(super) fn valid_host(host: &[u8]) -> Option<Vec<u8>> {
    let mut end = host.len();
    let (mut literal, mut in_name) = (false, true);
    let mut dot = None;
    for (at, &byte) in host.iter().enumerate() {
        match byte {
            b'.' if at > 0 && dot == Some(at - 1) => return None,
            b'.' => dot = Some(at),
            b':' if in_name && !literal => {
                end = at;
                in_name = false;
            }
            b'[' if at == 0 => literal = true,
            b']' if literal => {
                end = at + 1;
                (literal, in_name) = (false, false);
            }
            0..=0x20 | 0x7f | b'/' => return None,
            _ => {}
        }
    }
    if end > 0 && dot == Some(end - 1) {
        end -= 1;
    }
    (end > 0).then(|| host[..end].to_ascii_lowercase())
}

fn number(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let number: i64 = digits.then(|| std::str::from_utf8(text).ok()?.parse().ok()).flatten()?;
    u64::try_from(number).ok()
}

/// Whether the word stands anywhere in it, in any case of letters.
fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}
