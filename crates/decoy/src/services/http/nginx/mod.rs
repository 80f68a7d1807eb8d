//! A conversation with nginx 1.18 to 1.26 and the configuration it is packaged with.

mod content;
mod field;
mod head;
mod line;
mod pages;
mod reply;
mod request;
mod uri;

use std::time::Duration;

use self::content::Found;
use self::head::Head;
use self::reply::Reply;
use self::request::Request;
use super::act::{Act, Content, Conversation, Link, Turn};
use super::chunked::{Chunked, Manner};
use super::pack;
use super::persona::Persona;

/// `client_header_timeout`.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// `lingering_timeout` and `lingering_time`: how long a body nobody wants is read away.
const LINGER_QUIET: Duration = Duration::from_secs(5);
const LINGER_TOTAL: Duration = Duration::from_secs(30);
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

pub(super) struct Nginx {
    link: Link,
    phase: Phase,
    /// Came, and is not yet read.
    input: Vec<u8>,
    ended: bool,
    requests: u32,
    deadline: Duration,
}

enum Phase {
    Head(Box<Head>),
    /// The answer is out, the body is still coming.
    Body(Discard),
    Over,
}

struct Discard {
    rest: Rest,
    keepalive: bool,
    /// To be told of once the body is there.
    answered: (u16, u64),
    until: Duration,
}

/// What is still to come of a body.
enum Rest {
    None,
    Length(u64),
    Chunks(Chunked),
}

/// A body was not what it should be.
struct Invalid;

// === impl Nginx ===

impl Nginx {
    pub(super) fn new(link: Link, persona: &Persona) -> Self {
        Self {
            link,
            phase: Phase::Head(Box::new(Head::new(persona.max_headers))),
            input: Vec::new(),
            ended: false,
            requests: 0,
            deadline: HEAD_TIMEOUT,
        }
    }

    fn go_on(&mut self, turn: &mut Turn<'_>) {
        loop {
            let went = match &mut self.phase {
                Phase::Head(_) => self.read_head(turn),
                Phase::Body(_) => self.read_body(turn),
                Phase::Over => false,
            };
            if !went {
                break;
            }
        }
        if self.ended && !matches!(self.phase, Phase::Over) {
            self.give_up("the peer went away", turn);
        }
    }

    /// True when a head was read and answered.
    fn read_head(&mut self, turn: &mut Turn<'_>) -> bool {
        let Phase::Head(head) = &mut self.phase else {
            return false;
        };
        let waited = !head.has_begun();
        let mut taken = 0;
        let outcome = self.input.iter().find_map(|byte| {
            taken += 1;
            head.push(*byte)
        });
        self.input.drain(..taken);
        if waited && taken > 0 && self.requests > 0 {
            self.deadline = turn.at + HEAD_TIMEOUT;
        }
        let Some(outcome) = outcome else { return false };
        let Phase::Head(head) = std::mem::replace(&mut self.phase, Phase::Over) else {
            return false;
        };
        self.requests += 1;
        turn.acts.push(Act::Head(head.raw().to_vec()));
        match outcome {
            Ok(()) if self.link.plain_on_tls => self.refuse(pages::TO_HTTPS, &head.request, turn),
            Ok(()) => self.answer(&head.request, turn),
            Err(status) => self.refuse(status, &head.request, turn),
        }
        true
    }

    /// A head that is no good: its page, and the end.
    fn refuse(&mut self, status: u16, request: &Request, turn: &mut Turn<'_>) {
        let reply = Reply::page(status, &turn.site.persona.signature, request);
        let status = pages::told(status);
        let bytes = reply.send(request, &self.link, false, turn);
        turn.acts.push(Act::Answered { status, bytes });
        self.close(!self.input.is_empty(), turn);
    }

    fn answer(&mut self, request: &Request, turn: &mut Turn<'_>) {
        let persona = &turn.site.persona;
        let mut keepalive = request.wants_keepalive()
            && request.version >= 1000
            && self.requests < persona.keepalive_max
            && !(request.is("POST") && request.browser().msie6);
        let found = match turn.site.is_plain() {
            true => content::find(request, turn.site),
            false => fixed(turn),
        };
        if matches!(&found, Found::Reply(_) | Found::Fatal(_)) && turn.site.is_plain() {
            expect(request, turn);
        }
        let mut rest = Rest::of(request);
        let discarded = self.discard(&mut rest, turn);
        let (mut reply, fatal) = match (found, &discarded) {
            // Files are sent only once what came of the body proved sound.
            (Found::Reply(_), Err(Invalid)) => (self.page(400, request, turn), false),
            (Found::Reply(reply), Ok(())) => (*reply, false),
            (Found::Status(status), _) => (self.page(status, request, turn), false),
            (Found::Fatal(status), _) => (self.page(status, request, turn), true),
            (Found::Folder(location), _) => {
                let mut reply = self.page(301, request, turn);
                reply.location = Some(location);
                (reply, false)
            }
            (Found::Unsatisfiable(size), _) => {
                let mut reply = self.page(416, request, turn);
                reply.others.push(("Content-Range", format!("bytes */{size}")));
                (reply, false)
            }
        };
        keepalive &= discarded.is_ok() && !matches!(reply.status, 400 | 413 | 414 | 500 | 501);
        pack_page(&mut reply, request);
        let status = reply.status;
        let bytes = reply.send(request, &self.link, keepalive, turn);
        self.after(
            Discard {
                rest,
                keepalive,
                answered: (status, bytes),
                until: turn.at + LINGER_TOTAL,
            },
            fatal,
            request.has_body(),
            turn,
        );
    }

    fn page(&self, status: u16, request: &Request, turn: &Turn<'_>) -> Reply {
        Reply::page(status, &turn.site.persona.signature, request)
    }

    /// What follows an answer: the rest of the body, the next request, or the end.
    fn after(&mut self, discard: Discard, fatal: bool, had_body: bool, turn: &mut Turn<'_>) {
        let (status, bytes) = discard.answered;
        if !discard.rest.is_done() && !fatal {
            self.deadline = turn.at + LINGER_QUIET;
            self.phase = Phase::Body(discard);
            return;
        }
        turn.acts.push(Act::Answered { status, bytes });
        match discard.keepalive && !fatal {
            true => self.next(turn),
            false => self.close(!fatal && (had_body || !self.input.is_empty()), turn),
        }
    }

    fn next(&mut self, turn: &mut Turn<'_>) {
        self.phase = Phase::Head(Box::new(Head::new(turn.site.persona.max_headers)));
        self.deadline = turn.at + Duration::from_secs(turn.site.persona.keepalive_s);
    }

    /// True when the body is whole.
    fn read_body(&mut self, turn: &mut Turn<'_>) -> bool {
        if self.input.is_empty() {
            return false;
        }
        let Phase::Body(mut discard) = std::mem::replace(&mut self.phase, Phase::Over) else {
            return false;
        };
        let sound = self.discard(&mut discard.rest, turn).is_ok();
        self.deadline = discard.until.min(turn.at + LINGER_QUIET);
        if sound && !discard.rest.is_done() {
            self.phase = Phase::Body(discard);
            return false;
        }
        let (status, bytes) = discard.answered;
        turn.acts.push(Act::Answered { status, bytes });
        match sound && discard.keepalive {
            true => self.next(turn),
            false => self.close(false, turn),
        }
        true
    }

    /// Takes what is here of the body from the input.
    fn discard(&mut self, rest: &mut Rest, turn: &mut Turn<'_>) -> Result<(), Invalid> {
        let mut body = Vec::new();
        let taken = match rest {
            Rest::None => return Ok(()),
            Rest::Length(left) => {
                let some = self.input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                body.extend_from_slice(&self.input[..some]);
                *left -= some as u64;
                Some(some)
            }
            Rest::Chunks(chunked) => chunked.take(&self.input, &mut body).ok(),
        };
        if !body.is_empty() {
            turn.acts.push(Act::Body(body));
        }
        self.input.drain(..taken.unwrap_or(0));
        if taken.is_none() {
            *rest = Rest::None;
        }
        taken.map(|_| ()).ok_or(Invalid)
    }

    fn close(&mut self, linger: bool, turn: &mut Turn<'_>) {
        self.phase = Phase::Over;
        self.input.clear();
        turn.acts.push(if linger { Act::Linger } else { Act::Close });
    }

    /// Ends without a word.
    fn give_up(&mut self, reason: &'static str, turn: &mut Turn<'_>) {
        match &self.phase {
            Phase::Head(head) if head.has_begun() => {
                let bytes = head.raw().to_vec();
                turn.acts.push(Act::Unanswered { reason, bytes });
            }
            Phase::Body(Discard {
                answered: (status, bytes),
                ..
            }) => {
                let (status, bytes) = (*status, *bytes);
                turn.acts.push(Act::Answered { status, bytes });
            }
            _ => {}
        }
        self.close(false, turn);
    }
}

impl Conversation for Nginx {
    fn received(&mut self, bytes: &[u8], turn: &mut Turn<'_>) {
        self.input.extend_from_slice(bytes);
        self.go_on(turn);
    }

    fn ended(&mut self, turn: &mut Turn<'_>) {
        self.ended = true;
        self.go_on(turn);
    }

    fn expired(&mut self, turn: &mut Turn<'_>) {
        self.give_up("timed out", turn);
    }

    fn deadline(&self) -> Duration {
        self.deadline
    }
}

// === impl Rest ===

impl Rest {
    fn of(request: &Request) -> Self {
        match request.length {
            _ if request.chunked => Self::Chunks(Chunked::new(Manner::Nginx)),
            Some(length) if length > 0 => Self::Length(length),
            _ => Self::None,
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::None => true,
            Self::Length(left) => *left == 0,
            Self::Chunks(chunked) => chunked.is_done(),
        }
    }
}

/// `Expect: 100-continue` is met as soon as the body would be read.
fn expect(request: &Request, turn: &mut Turn<'_>) {
    let expected = request.header(b"expect");
    if request.version >= 1001 && expected.is_some_and(|what| what.eq_ignore_ascii_case(b"100-continue")) {
        turn.send(CONTINUE);
    }
}

/// Error pages are packed like files.
fn pack_page(reply: &mut Reply, request: &Request) {
    if !content::packs(reply, request) || reply.chunked || request.is("HEAD") {
        return;
    }
    if let Content::Bytes(page) = &reply.content
        && let Some(packed) = pack::nginx(page)
    {
        reply.others.push(("Content-Encoding", "gzip".to_owned()));
        reply.length = None;
        reply.chunked = true;
        reply.content = Content::Bytes(packed);
    }
}

/// What the operator has every request answered with.
fn fixed(turn: &Turn<'_>) -> Found {
    let fixed = &turn.site.fixed;
    match (&fixed.body, fixed.status) {
        (Some(body), status) => Found::Reply(Box::new(Reply {
            content_type: Some("text/html".to_owned()),
            length: Some(body.len() as u64),
            content: Content::Bytes(body.clone().into_bytes()),
            ..Reply::new(status.unwrap_or(200))
        })),
        (None, Some(status)) if status >= 300 => Found::Status(status),
        (None, status) => Found::Reply(Box::new(Reply {
            length: Some(0),
            ..Reply::new(status.unwrap_or(200))
        })),
    }
}
