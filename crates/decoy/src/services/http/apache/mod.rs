//! A conversation with Apache 2.4 and the configuration Debian packages it with.

mod content;
mod line;
mod listing;
mod pages;
mod reply;
mod request;
mod url;

use std::time::Duration;

use self::content::Found;
use self::pages::Words;
use self::reply::{After, Reply, page};
use self::request::{FIELD_TOO_LONG, Refusal, Request};
use super::act::{Act, Content, Conversation, Link, Turn};
use super::chunked::{Chunked, Fault, Manner};

/// Bytes of a line and its end that are taken: `LimitRequestLine`, `LimitRequestFieldSize`.
const MAX_LINE: usize = 8192;
/// Empty lines before a request that are passed over.
const MAX_EMPTY: u32 = 10;
/// `RequestReadTimeout header=20-40,MinRate=500 body=10,MinRate=500`.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);
const HEAD_LONGEST: Duration = Duration::from_secs(40);
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const MIN_RATE: u32 = 500;
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const PLAIN_ON_TLS: &str = "Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />\n \
                            Instead use the HTTPS scheme to access this URL, please.<br />\n";

pub(super) struct Apache {
    link: Link,
    phase: Phase,
    input: Vec<u8>,
    /// How far the input holds no end of line.
    searched: usize,
    /// The head of the request being read, as it came.
    raw: Vec<u8>,
    ended: bool,
    answered: u32,
    began: Duration,
    deadline: Duration,
}

enum Phase {
    /// Waiting for the request line; so many empty ones came.
    Line(u32),
    Fields(Box<Request>),
    Body(Box<Request>, Found, Rest),
    Over,
}

enum Rest {
    Length(u64),
    Chunks(Chunked),
}

// === impl Apache ===

impl Apache {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            phase: Phase::Line(0),
            input: Vec::new(),
            searched: 0,
            raw: Vec::new(),
            ended: false,
            answered: 0,
            began: Duration::ZERO,
            deadline: HEAD_TIMEOUT,
        }
    }

    fn go_on(&mut self, turn: &mut Turn<'_>) {
        loop {
            let went = match self.phase {
                Phase::Line(_) | Phase::Fields(_) => self.read_line(turn),
                Phase::Body(..) => self.read_body(turn),
                Phase::Over => false,
            };
            if !went {
                break;
            }
        }
        if self.ended {
            self.give_up("the peer went away", 400, turn);
        }
    }

    /// True when a line was taken.
    fn read_line(&mut self, turn: &mut Turn<'_>) -> bool {
        let found = self.input[self.searched..].iter().position(|byte| *byte == b'\n');
        let end = found.map(|at| self.searched + at);
        // The line feed itself does not count when a carriage return comes before it.
        if end.map_or(self.input.len() > MAX_LINE, |end| end > MAX_LINE) {
            let refusal = match self.phase {
                Phase::Line(_) => Refusal { status: 414, notes: "" },
                _ => Refusal::noted(FIELD_TOO_LONG),
            };
            self.raw.extend_from_slice(&self.input[..MAX_LINE]);
            self.refuse(refusal, turn);
            return false;
        }
        let Some(end) = end else {
            self.searched = self.input.len();
            return false;
        };
        self.searched = 0;
        let taken: Vec<u8> = self.input.drain(..=end).collect();
        self.raw.extend_from_slice(&taken);
        match taken.strip_suffix(b"\r\n") {
            Some(line) => self.take_line(line, turn),
            None => self.refuse(Refusal::BAD, turn),
        }
        true
    }

    fn take_line(&mut self, line: &[u8], turn: &mut Turn<'_>) {
        match &mut self.phase {
            Phase::Line(empty) if line.is_empty() && *empty < MAX_EMPTY => {
                *empty += 1;
                self.raw.clear();
            }
            Phase::Line(_) => self.take_request_line(line, turn),
            Phase::Fields(request) => match request.take(line) {
                Ok(false) => {}
                Ok(true) => self.take_request(turn),
                Err(refusal) => self.refuse(refusal, turn),
            },
            Phase::Body(..) | Phase::Over => {}
        }
    }

    fn take_request_line(&mut self, line: &[u8], turn: &mut Turn<'_>) {
        let line = line::parse(line);
        let (fault, simple) = (line.fault, line.version == 9);
        let request = Request::new(line, if self.link.tls { "https" } else { "http" });
        self.phase = Phase::Fields(Box::new(request));
        if fault {
            self.refuse(Refusal::BAD, turn);
        } else if simple {
            self.take_request(turn);
        }
    }

    /// All of the head is there.
    fn take_request(&mut self, turn: &mut Turn<'_>) {
        let Phase::Fields(mut request) = std::mem::replace(&mut self.phase, Phase::Over) else {
            return;
        };
        if let Err(refusal) = request.check_framing().and_then(|()| request.check_host()) {
            self.phase = Phase::Fields(request);
            return self.refuse(refusal, turn);
        }
        turn.acts.push(Act::Head(std::mem::take(&mut self.raw)));
        let found = match turn.site.is_plain() {
            true => content::find(&request, &self.link, turn),
            false => fixed(turn),
        };
        let dropped = matches!(found, Found::Early(status, _) if pages::drops_connection(status));
        let waits = !dropped && (request.chunked || request.length.is_some_and(|length| length > 0));
        let by_handler = matches!(found, Found::Reply(_) | Found::Refused(..));
        if !waits || (request.expects_continue() && !by_handler) {
            return self.answer(&request, found, waits, turn);
        }
        if request.expects_continue() && request.line.version >= 11 {
            turn.send(CONTINUE);
        }
        let rest = match request.length {
            Some(length) if !request.chunked => Rest::Length(length),
            _ => Rest::Chunks(Chunked::new(Manner::Apache)),
        };
        self.began = turn.at;
        self.deadline = turn.at + BODY_TIMEOUT;
        self.phase = Phase::Body(request, found, rest);
    }

    /// True when the body is whole and the request answered.
    fn read_body(&mut self, turn: &mut Turn<'_>) -> bool {
        let Phase::Body(request, found, mut rest) = std::mem::replace(&mut self.phase, Phase::Over) else {
            return false;
        };
        let mut body = Vec::new();
        let taken = match &mut rest {
            Rest::Length(left) => {
                let some = self.input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                body.extend_from_slice(&self.input[..some]);
                *left -= some as u64;
                Ok((some, *left == 0))
            }
            Rest::Chunks(chunked) => chunked
                .take(&self.input, &mut body)
                .map(|some| (some, chunked.is_done())),
        };
        self.deadline += Duration::from_secs(1) * body.len() as u32 / MIN_RATE;
        if !body.is_empty() {
            turn.acts.push(Act::Body(body));
        }
        match taken {
            Ok((some, whole)) => {
                self.input.drain(..some);
                if whole {
                    self.answer(&request, found, false, turn);
                } else {
                    self.phase = Phase::Body(request, found, rest);
                }
                whole
            }
            Err(fault) => {
                let status = if fault == Fault::TooLarge { 413 } else { 400 };
                let reply = page(status, Words::default(), false, &request, &self.link, turn);
                self.finish(&request, reply, After::Close, turn);
                true
            }
        }
    }

    fn answer(&mut self, request: &Request, found: Found, unread: bool, turn: &mut Turn<'_>) {
        let make = |status, words| page(status, words, true, request, &self.link, turn);
        let mut reply = match found {
            Found::Reply(reply) if reply.status == 416 => {
                // Counted when it was found, and again when its page is sent.
                self.answered += 1;
                let mut reply = page(416, Words::default(), false, request, &self.link, turn);
                reply.chunked = true;
                reply
            }
            Found::Reply(reply) => *reply,
            Found::Moved(location) => {
                let location = location.as_slice();
                make(
                    301,
                    Words {
                        location,
                        ..Words::default()
                    },
                )
            }
            Found::Refused(status, allowed) | Found::Early(status, allowed) => {
                let mut reply = make(status, Words::default());
                if let Some(allowed) = allowed {
                    reply.headers.insert(0, ("Allow", allowed.into()));
                }
                reply
            }
        };
        if request.line.version < 10 {
            reply.headers.clear();
        }
        // A body that was announced and not waited for: nobody knows what comes next.
        let unread = unread || (request.expects_continue() && !self.read_any_body(request));
        let close = unread || request.must_close;
        self.finish(request, reply, if close { After::Close } else { After::Keep }, turn);
    }

    /// Whether the promise to go on was kept: there was a body, and HTTP/1.1 to promise in.
    fn read_any_body(&self, request: &Request) -> bool {
        request.line.version >= 11 && (request.chunked || request.length.is_some_and(|length| length > 0))
    }

    /// A request that cannot be understood: its page, and the end.
    fn refuse(&mut self, refusal: Refusal, turn: &mut Turn<'_>) {
        let request = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Fields(request) => request,
            _ => Box::default(),
        };
        turn.acts.push(Act::Head(std::mem::take(&mut self.raw)));
        let words = Words {
            notes: refusal.notes,
            ..Words::default()
        };
        let request = with_version(request);
        let reply = page(refusal.status, words, true, &request, &self.link, turn);
        let after = if refusal.status == 417 {
            After::CloseUnsaid
        } else {
            After::Close
        };
        self.finish(&request, reply, after, turn);
    }

    fn finish(&mut self, request: &Request, reply: Reply, after: After, turn: &mut Turn<'_>) {
        let status = reply.status;
        let left = turn.site.persona.keepalive_max.saturating_sub(self.answered);
        let (bytes, after) = reply.send(request, after, left, turn);
        turn.acts.push(Act::Answered { status, bytes });
        self.answered += 1;
        self.raw.clear();
        if after == After::Keep {
            self.phase = Phase::Line(0);
            self.deadline = turn.at + Duration::from_secs(turn.site.persona.keepalive_s);
        } else {
            self.phase = Phase::Over;
            self.input.clear();
            turn.acts.push(Act::Linger);
        }
    }

    /// No more comes: of the first line nothing is said, of the rest a page.
    fn give_up(&mut self, reason: &'static str, status: u16, turn: &mut Turn<'_>) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Line(_) => {
                let bytes = [std::mem::take(&mut self.raw), std::mem::take(&mut self.input)].concat();
                if !bytes.is_empty() {
                    turn.acts.push(Act::Unanswered { reason, bytes });
                }
                turn.acts.push(Act::Close);
            }
            Phase::Fields(request) => {
                self.phase = Phase::Fields(request);
                self.raw.append(&mut self.input);
                self.refuse(Refusal { status, notes: "" }, turn);
            }
            Phase::Body(request, ..) => {
                let reply = page(status, Words::default(), true, &request, &self.link, turn);
                self.finish(&request, reply, After::Close, turn);
            }
            Phase::Over => {}
        }
    }

    /// What comes moves the end of waiting: the first byte of a request after a pause, and each byte by the least rate.
    fn wait_for_head(&mut self, bytes: usize, turn: &Turn<'_>) {
        match self.phase {
            Phase::Line(_) if self.raw.is_empty() && self.input.is_empty() => {
                if self.answered > 0 {
                    self.began = turn.at;
                    self.deadline = turn.at + HEAD_TIMEOUT;
                }
            }
            Phase::Line(_) | Phase::Fields(_) => {
                let more = Duration::from_secs(1) * bytes as u32 / MIN_RATE;
                self.deadline = (self.deadline + more).min(self.began + HEAD_LONGEST);
            }
            Phase::Body(..) | Phase::Over => {}
        }
    }
}

impl Conversation for Apache {
    fn received(&mut self, bytes: &[u8], turn: &mut Turn<'_>) {
        self.wait_for_head(bytes.len(), turn);
        self.input.extend_from_slice(bytes);
        if self.link.plain_on_tls && matches!(self.phase, Phase::Line(_)) {
            // Answered as if another request had come, whatever this one is and wants.
            self.raw.append(&mut self.input);
            return self.refuse(Refusal::noted(PLAIN_ON_TLS), turn);
        }
        self.go_on(turn);
    }

    fn ended(&mut self, turn: &mut Turn<'_>) {
        self.ended = true;
        self.go_on(turn);
    }

    fn expired(&mut self, turn: &mut Turn<'_>) {
        self.give_up("timed out", 408, turn);
    }

    fn deadline(&self) -> Duration {
        self.deadline
    }
}

/// A line that was never whole is answered as HTTP/1.0.
fn with_version(mut request: Box<Request>) -> Box<Request> {
    request.line.version = request.line.version.max(10);
    request
}

/// What the operator has every request answered with.
fn fixed(turn: &Turn<'_>) -> Found {
    let fixed = &turn.site.fixed;
    match (&fixed.body, fixed.status) {
        (Some(body), status) => {
            let reply = Reply::new(status.unwrap_or(200)).with("Content-Length", body.len().to_string());
            Found::Reply(Box::new(Reply {
                content_type: Some("text/html".to_owned()),
                content: Content::Bytes(body.clone().into_bytes()),
                ..reply
            }))
        }
        (None, Some(status)) if status >= 300 => Found::Refused(status, None),
        (None, status) => Found::Reply(Box::new(Reply::new(status.unwrap_or(200)).with("Content-Length", "0"))),
    }
}
