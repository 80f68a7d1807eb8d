//! HTTP/1.1 as Netty reads and writes it under Elasticsearch: bytes in, requests out.

use super::super::http::{Chunked, Head, Manner};

/// `http.max_initial_line_length` and `http.max_header_size`.
const MAX_LINE: usize = 4096;
const MAX_HEAD: usize = 16 << 10;
/// A longer body is refused. The product's own limit is larger; what is kept of one client is not.
pub(super) const MAX_BODY: usize = 16 << 20;

/// One request, whole.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Request {
    /// The head as it came.
    pub(super) head: Vec<u8>,
    pub(super) method: String,
    /// As it came, with the query.
    pub(super) target: String,
    /// `HTTP/1.1`
    pub(super) version: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) keep_alive: bool,
}

/// What came.
#[derive(Debug, PartialEq)]
pub(super) enum Came {
    Request(Box<Request>),
    /// The client waits for leave to send the body.
    Waiting,
    /// No request; why not, as the product names it.
    Bad {
        head: Vec<u8>,
        kind: &'static str,
        reason: String,
    },
    TooLarge(Vec<u8>),
}

/// Reads requests off a connection.
#[derive(Default)]
pub(super) struct Reader {
    input: Vec<u8>,
    reading: Option<Reading>,
    /// Nothing is read after what was no request.
    over: bool,
}

struct Reading {
    request: Request,
    rest: Rest,
}

enum Rest {
    Bytes(usize),
    Chunks(Chunked),
}

// === impl Request ===

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

// === impl Reader ===

impl Reader {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if !self.over {
            self.input.extend_from_slice(bytes);
        }
    }

    pub(super) fn next(&mut self) -> Option<Came> {
        if self.over {
            return None;
        }
        if self.reading.is_none() {
            match self.head() {
                Ok(None) => return None,
                Ok(Some(came)) => return Some(came),
                Err(came) => {
                    self.over = true;
                    self.input.clear();
                    return Some(came);
                }
            }
        }
        self.body()
    }

    /// What was read of a request that did not come to its end.
    pub(super) fn left(&self) -> &[u8] {
        self.reading
            .as_ref()
            .map_or(&self.input, |reading| &reading.request.head)
    }

    fn head(&mut self) -> Result<Option<Came>, Came> {
        // Netty skips what is no character before a request.
        let skipped = self
            .input
            .iter()
            .take_while(|byte| byte.is_ascii_control() || **byte == b' ')
            .count();
        self.input.drain(..skipped);
        let end = self.input.iter().position(|byte| *byte == b'\n');
        let line = &self.input[..end.unwrap_or(self.input.len())];
        if line.len() > MAX_LINE {
            return Err(self.bad(
                "too_long_frame_exception",
                format!("An HTTP line is larger than {MAX_LINE} bytes."),
            ));
        }
        let Some(end) = end else { return Ok(None) };
        let line = super::super::http::text(line.strip_suffix(b"\r").unwrap_or(line));
        let (method, target, version) = words(&line);
        if let Some(reason) = wrong_version(&version) {
            return Err(self.bad("illegal_argument_exception", reason));
        }
        let length = head_length(&self.input, end + 1);
        if length.unwrap_or(self.input.len()) > MAX_HEAD + MAX_LINE {
            return Err(self.bad(
                "too_long_frame_exception",
                "HTTP header is larger than 8192 bytes.".into(),
            ));
        }
        let Some(length) = length else { return Ok(None) };
        let head = self.input[..length].to_vec();
        let parsed = Head::parse(&head).unwrap_or_default();
        let headers = parsed.headers.iter();
        let headers = headers.map(|(name, value)| (super::super::http::text(name), super::super::http::text(value)));
        let mut request = Request {
            headers: headers.collect(),
            method,
            target,
            version: version.to_ascii_uppercase(),
            head,
            ..Request::default()
        };
        let wish = request.header("connection").unwrap_or_default().to_ascii_lowercase();
        request.keep_alive = match request.version.as_str() {
            "HTTP/1.0" => wish == "keep-alive",
            _ => wish != "close",
        };
        self.begin(request)
    }

    fn begin(&mut self, request: Request) -> Result<Option<Came>, Came> {
        let chunked = request
            .header("transfer-encoding")
            .is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"));
        let length = request.header("content-length").map(str::trim);
        let length = match length.filter(|_| !chunked).map(str::parse::<usize>) {
            None => 0,
            Some(Ok(length)) => length,
            Some(Err(_)) => {
                let reason = format!(
                    "For input string: \"{}\"",
                    request.header("content-length").unwrap_or_default()
                );
                return Err(self.bad("number_format_exception", reason));
            }
        };
        if length > MAX_BODY {
            return Err(Came::TooLarge(request.head));
        }
        let waits = request
            .header("expect")
            .is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue"));
        self.input.drain(..request.head.len());
        let rest = if chunked {
            Rest::Chunks(Chunked::new(Manner::Nginx))
        } else {
            Rest::Bytes(length)
        };
        let pending = chunked || length > self.input.len();
        self.reading = Some(Reading { request, rest });
        Ok((waits && pending).then_some(Came::Waiting).or_else(|| self.body()))
    }

    fn body(&mut self) -> Option<Came> {
        let Reading { request, rest } = self.reading.as_mut()?;
        let done = match rest {
            Rest::Bytes(left) => {
                let some = (*left).min(self.input.len());
                request.body.extend(self.input.drain(..some));
                *left -= some;
                *left == 0
            }
            Rest::Chunks(chunked) => {
                let taken = chunked.take(&self.input, &mut request.body);
                let Ok(taken) = taken else {
                    self.over = true;
                    let head = request.head.clone();
                    return Some(Came::Bad {
                        head,
                        kind: "number_format_exception",
                        reason: "For input string: \"\"".into(),
                    });
                };
                self.input.drain(..taken);
                if request.body.len() > MAX_BODY {
                    self.over = true;
                    return Some(Came::TooLarge(request.head.clone()));
                }
                chunked.is_done()
            }
        };
        if done {
            self.reading
                .take()
                .map(|reading| Came::Request(Box::new(reading.request)))
        } else {
            None
        }
    }

    fn bad(&self, kind: &'static str, reason: String) -> Came {
        Came::Bad {
            head: self.input.clone(),
            kind,
            reason,
        }
    }
}

/// The three words of a first line; what follows the second is one word.
fn words(line: &str) -> (String, String, String) {
    let (method, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let rest = rest.trim_start();
    let (target, version) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    (method.to_owned(), target.to_owned(), version.trim().to_owned())
}

fn wrong_version(version: &str) -> Option<String> {
    if version.is_empty() {
        return Some("text is empty (possibly HTTP/0.9)".into());
    }
    let upper = version.to_ascii_uppercase();
    let numbers = upper.split_once('/').and_then(|(name, numbers)| {
        let (major, minor) = numbers.split_once('.')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (!name.is_empty() && digits(major) && digits(minor)).then_some(())
    });
    if numbers.is_none() {
        return Some(format!("invalid version format: {upper}"));
    }
    let known = ["HTTP/1.0", "HTTP/1.1"].contains(&upper.as_str());
    (!known).then(|| format!("Unexpected http protocol version: {upper}"))
}

/// Where the head ends, its empty line with it.
fn head_length(input: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let end = at + input.get(at..)?.iter().position(|byte| *byte == b'\n')?;
        let line = &input[at..end];
        at = end + 1;
        if line.is_empty() || line == b"\r" {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<Came> {
        let mut reader = Reader::default();
        let mut all = Vec::new();
        for piece in pieces {
            reader.feed(piece);
            all.extend(std::iter::from_fn(|| reader.next()));
        }
        all
    }

    #[test]
    fn requests_are_the_same_wherever_they_are_cut() {
        let wire = b"PUT /a HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}\nPOST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\nGET / HTTP/1.0\r\n\r\n";
        let whole = read(&[wire]);
        let single: Vec<&[u8]> = wire.chunks(1).collect();
        assert_eq!(whole, read(&single));
        let bodies = whole.iter().map(|came| match came {
            Came::Request(request) => (request.body.as_slice(), request.keep_alive),
            other => panic!("{other:?}"),
        });
        assert_eq!(
            bodies.collect::<Vec<_>>(),
            [(&b"{}\n"[..], true), (b"{}", true), (b"", false)]
        );
    }

    #[test]
    fn what_is_no_request_is_named_as_netty_names_it() {
        for (wire, wanted) in [
            ("HELP\r\n", "text is empty (possibly HTTP/0.9)"),
            ("A B C\r\n", "invalid version format: C"),
            (
                "OPTIONS / RTSP/1.0\r\n\r\n",
                "Unexpected http protocol version: RTSP/1.0",
            ),
        ] {
            match read(&[wire.as_bytes()]).as_slice() {
                [Came::Bad { reason, .. }] => assert_eq!(reason, wanted),
                other => panic!("{wire}: {other:?}"),
            }
        }
    }

    #[test]
    fn who_waits_for_leave_to_send_is_given_it() {
        let head = b"PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
        let came = read(&[head, b"{}"]);
        assert!(matches!(came.as_slice(), [Came::Waiting, Came::Request(request)] if request.body == b"{}"));
    }
}
