//! Postfix's conversation without sockets, files or clock: bytes go in, what is to be done comes out.

use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use serde_json::json;

use super::act::{Act, Config, Link, World};
use super::address::{self, Word, words};
use super::body::{Body, Chunk};
use super::envelope::Envelope;
use crate::services::mail::talk::Sasl;

/// Longer lines lose their ends.
const MAX_LINE: usize = 2048;
/// Errors after which answers come slowly, and after which there are no more.
const SOFT_ERRORS: u32 = 10;
const HARD_ERRORS: u32 = 20;
const SLOW: Duration = Duration::from_secs(1);
/// Commands that bring no mail, before each counts as an error.
const MAX_JUNK: u32 = 100;
/// Bytes of what came that are told.
const TOLD: usize = 128;

pub struct Core {
    pub(super) config: Rc<Config>,
    pub(super) link: Link,
    pending: Vec<u8>,
    /// The rest of a line that is too long is being passed over.
    skipping: bool,
    pub(super) mode: Mode,
    pub(super) acts: Vec<Act>,
    pub(super) errors: u32,
    pub(super) junk: u32,
    pub(super) hello: Option<Hello>,
    pub(super) user: Option<String>,
    pub(super) envelope: Option<Envelope>,
    /// A chunk was refused and was not the last: so are those that follow it.
    pub(super) discards: bool,
}

pub(super) enum Mode {
    Commands,
    Sasl(Sasl),
    Body(Body),
    Chunk(Chunk),
    /// Somebody has to say whether a login succeeds.
    Asked,
    /// TLS is being set up.
    Securing,
    Over,
}

pub(super) struct Hello {
    pub name: String,
    pub extended: bool,
}

/// A command took place, or it was an error.
pub(super) type Done = Result<(), ()>;

/// Says why not; an error.
macro_rules! refuse {
    ($core:expr, $($text:tt)*) => {{
        $core.say(&format!($($text)*));
        return Err(());
    }};
}
pub(super) use refuse;

// === impl Core ===

impl Core {
    pub fn new(config: Rc<Config>, link: Link) -> Self {
        Self {
            config,
            link,
            pending: Vec::new(),
            skipping: false,
            mode: Mode::Commands,
            acts: Vec::new(),
            errors: 0,
            junk: 0,
            hello: None,
            user: None,
            envelope: None,
            discards: false,
        }
    }

    /// Takes back what was said of a message so far.
    fn forget(&mut self) {
        (self.envelope, self.discards) = (None, false);
    }

    pub fn greeting(&mut self) -> Vec<Act> {
        let banner = format!("220 {}", self.config.banner);
        self.say(&banner);
        std::mem::take(&mut self.acts)
    }

    pub fn received(&mut self, bytes: &[u8], world: &dyn World) -> Vec<Act> {
        self.pending.extend_from_slice(bytes);
        self.go_on(world)
    }

    /// Whether the login that was asked for succeeded.
    pub fn answered(&mut self, user: Option<String>, world: &dyn World) -> Vec<Act> {
        self.mode = Mode::Commands;
        if user.is_some() {
            self.user = user;
            self.say("235 2.7.0 Authentication successful");
        } else {
            self.sasl_failed("(reason unavailable)");
        }
        self.go_on(world)
    }

    /// TLS stands. What was said before it does not count any more.
    pub fn secured(&mut self) {
        self.mode = Mode::Commands;
        self.link.tls = true;
        self.pending.clear();
        self.hello = None;
        self.forget();
    }

    /// The peer said nothing for too long.
    pub fn expired(&mut self) -> Vec<Act> {
        self.say(&format!("421 4.4.2 {} Error: timeout exceeded", self.config.hostname));
        self.acts.push(Act::Close);
        std::mem::take(&mut self.acts)
    }

    fn go_on(&mut self, world: &dyn World) -> Vec<Act> {
        while self.step(world) {}
        std::mem::take(&mut self.acts)
    }

    /// True while there may be more to do with what came.
    fn step(&mut self, world: &dyn World) -> bool {
        match &mut self.mode {
            Mode::Over | Mode::Asked | Mode::Securing => false,
            Mode::Body(body) => {
                let ended = body.take(&mut self.pending);
                if ended {
                    self.body_ended(world);
                }
                ended
            }
            Mode::Chunk(chunk) => {
                let whole = chunk.take(&mut self.pending);
                if whole {
                    self.chunk_ended(world);
                }
                whole
            }
            Mode::Commands if self.errors >= HARD_ERRORS => {
                self.say(&format!("421 4.7.0 {} Error: too many errors", self.config.hostname));
                self.close();
                false
            }
            Mode::Commands | Mode::Sasl(_) => match self.take_line() {
                Some(line) => {
                    self.line(&line, world);
                    true
                }
                None => false,
            },
        }
    }

    /// The next line without its end.
    fn take_line(&mut self) -> Option<Vec<u8>> {
        let Some(end) = self.pending.iter().position(|&byte| byte == b'\n') else {
            if self.skipping {
                self.pending.clear();
            } else if self.pending.len() > MAX_LINE {
                self.pending.truncate(MAX_LINE);
                self.skipping = true;
                let line = std::mem::take(&mut self.pending);
                return Some(line);
            }
            return None;
        };
        let mut line: Vec<u8> = self.pending.drain(..=end).collect();
        if std::mem::take(&mut self.skipping) {
            return self.take_line();
        }
        line.pop();
        line.truncate(MAX_LINE);
        while line.last() == Some(&b'\r') {
            line.pop();
        }
        Some(line)
    }

    fn line(&mut self, line: &[u8], world: &dyn World) {
        if let Mode::Sasl(_) = self.mode {
            return self.sasl_answer(line);
        }
        let Ok(text) = std::str::from_utf8(line) else {
            self.odd("no UTF-8", line);
            self.say("500 5.5.2 Error: bad UTF-8 syntax");
            self.errors += 1;
            return;
        };
        let text = text.split('\0').next().unwrap_or_default();
        let words = words(text);
        let Some(verb) = words.first().map(|word| word.text.to_ascii_uppercase()) else {
            self.odd("an empty line", line);
            self.say("500 5.5.2 Error: bad syntax");
            self.errors += 1;
            return;
        };
        if self.command(&verb, &words, text, world).is_err() {
            self.errors += 1;
        }
        let junk = ["HELO", "EHLO", "RSET", "NOOP", "VRFY", "ETRN"].contains(&&verb[..]);
        if junk {
            self.junk += 1;
            self.errors += u32::from(self.junk > MAX_JUNK + 1);
        }
        let last = ["EHLO", "HELO", "DATA", "AUTH", "STARTTLS"].contains(&&verb[..]);
        if last && !self.pending.is_empty() && !matches!(self.mode, Mode::Over) {
            self.tell(
                "pipelining_violation",
                json!({"command": verb, "bytes": self.pending.len()}),
            );
        }
    }

    fn command(&mut self, verb: &str, words: &[Word], text: &str, world: &dyn World) -> Done {
        let secure = self.link.tls || !self.link.submission;
        match verb {
            "HELO" => self.hello(words, false),
            "EHLO" => self.hello(words, true),
            "NOOP" => self.agree("250 2.0.0 Ok"),
            "QUIT" => {
                self.say("221 2.0.0 Bye");
                self.close();
                Ok(())
            }
            "STARTTLS" => self.start_tls(words),
            "XCLIENT" | "XFORWARD" if words.len() < 2 => {
                refuse!(self, "501 5.5.4 Syntax: {verb} attribute=value...")
            }
            "XCLIENT" => refuse!(self, "550 5.7.0 Error: insufficient authorization"),
            "AUTH" | "MAIL" | "RCPT" | "DATA" | "BDAT" | "RSET" | "VRFY" | "ETRN" | "XFORWARD" if !secure => {
                refuse!(self, "530 5.7.0 Must issue a STARTTLS command first")
            }
            "XFORWARD" => refuse!(self, "550 5.7.0 Error: insufficient authorization"),
            "AUTH" => self.auth(words),
            "MAIL" => self.mail(words),
            "RCPT" => self.rcpt(words, world),
            "DATA" => self.data(words),
            "BDAT" if self.config.modern => self.bdat(words),
            "RSET" if words.len() > 1 => refuse!(self, "501 5.5.4 Syntax: RSET"),
            "RSET" => {
                self.forget();
                self.agree("250 2.0.0 Ok")
            }
            "VRFY" => self.vrfy(words, world),
            "ETRN" => self.etrn(words),
            _ => self.unknown(verb, text),
        }
    }

    fn unknown(&mut self, verb: &str, text: &str) -> Done {
        if ["EXPN", "HELP", "TURN"].contains(&verb) {
            self.tell(
                if verb == "EXPN" { "expn" } else { "unknown_command" },
                json!({"value": shown(text)}),
            );
        } else {
            self.tell("unknown_command", json!({"command": shown(text)}));
        }
        // What no mail client says, and the programs do that look for something else.
        let bogus = ["CONNECT", "GET", "POST"].contains(&verb)
            || !verb.starts_with(|letter: char| letter.is_ascii_alphabetic())
            || is_header(text);
        if bogus {
            self.say("221 2.7.0 Error: I can break rules, too. Goodbye.");
            self.close();
            return Ok(());
        }
        refuse!(self, "500 5.5.2 Error: command not recognized")
    }

    fn hello(&mut self, words: &[Word], extended: bool) -> Done {
        let Some(name) = joined(&words[1..]) else {
            refuse!(self, "501 Syntax: {} hostname", if extended { "EHLO" } else { "HELO" });
        };
        self.tell(
            "ehlo",
            json!({"domain": shown(&name), "verb": if extended { "EHLO" } else { "HELO" }}),
        );
        if self.is_mismatched(&name) {
            self.tell("helo_mismatch", json!({"domain": shown(&name)}));
        }
        self.forget();
        self.hello = Some(Hello { name, extended });
        if extended {
            self.extensions();
        } else {
            self.say(&format!("250 {}", self.config.hostname));
        }
        Ok(())
    }

    /// It gives itself our name, or an address that is not its own.
    fn is_mismatched(&self, name: &str) -> bool {
        let literal = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let ip = address::literal_ip(literal.unwrap_or(name));
        let ours = self
            .config
            .destinations
            .iter()
            .any(|ours| ours.eq_ignore_ascii_case(name));
        ours || ip.is_some_and(|ip| ip != self.link.peer)
    }

    fn extensions(&mut self) {
        let login = self.link.tls || !self.link.submission;
        let offered = [
            ("PIPELINING", true),
            ("SIZE 10240000", true),
            ("VRFY", true),
            ("ETRN", true),
            ("STARTTLS", !self.link.tls),
            ("AUTH PLAIN LOGIN", login),
            ("ENHANCEDSTATUSCODES", true),
            ("8BITMIME", true),
            ("DSN", true),
            ("SMTPUTF8", self.config.modern),
            ("CHUNKING", self.config.modern),
        ];
        let names = offered
            .into_iter()
            .filter_map(|(name, offered)| offered.then_some(name));
        let lines: Vec<&str> = [&self.config.hostname[..]].into_iter().chain(names).collect();
        let (last, first) = lines.split_last().unwrap_or((&"", &[]));
        let first: String = first.iter().map(|line| format!("250-{line}\r\n")).collect();
        self.say(&format!("{first}250 {last}"));
    }

    fn start_tls(&mut self, words: &[Word]) -> Done {
        if words.len() > 1 {
            refuse!(self, "501 5.5.4 Syntax: STARTTLS");
        }
        if self.link.tls {
            refuse!(self, "554 5.5.1 Error: TLS already active");
        }
        self.say("220 2.0.0 Ready to start TLS");
        self.tell("starttls", json!({}));
        self.acts.push(Act::Secure);
        self.mode = Mode::Securing;
        Ok(())
    }

    fn etrn(&mut self, words: &[Word]) -> Done {
        let [_, name] = words else {
            refuse!(self, "500 Syntax: ETRN domain");
        };
        self.tell("etrn", json!({"value": shown(&name.text)}));
        if self.envelope.is_some() {
            refuse!(self, "503 Error: MAIL transaction in progress");
        }
        let name = name.text.strip_prefix(['@', '#']).unwrap_or(&name.text);
        if !address::is_domain(name) {
            refuse!(self, "501 Error: invalid parameter syntax");
        }
        refuse!(self, "459 <{name}>: service unavailable")
    }

    /// Answers; slowly once there were many errors.
    pub(super) fn say(&mut self, text: &str) {
        if self.errors >= SOFT_ERRORS {
            self.acts.push(Act::Wait(SLOW));
        }
        self.acts.push(Act::Say(format!("{text}\r\n").into_bytes()));
    }

    pub(super) fn agree(&mut self, text: &str) -> Done {
        self.say(text);
        Ok(())
    }

    pub(super) fn tell(&mut self, kind: &'static str, fields: serde_json::Value) {
        let serde_json::Value::Object(fields) = fields else {
            return;
        };
        self.acts.push(Act::Tell(kind, fields.into_iter().collect()));
    }

    fn odd(&mut self, reason: &str, bytes: &[u8]) {
        let data = B64.encode(&bytes[..bytes.len().min(TOLD)]);
        self.tell("protocol_error", json!({"reason": reason, "data_b64": data}));
    }

    pub(super) fn close(&mut self) {
        self.acts.push(Act::Close);
        self.mode = Mode::Over;
        self.pending.clear();
    }
}

/// The words with blanks between them; none when there are none.
pub(super) fn joined(words: &[Word]) -> Option<String> {
    let texts: Vec<&str> = words.iter().map(|word| &word.text[..]).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

/// `Subject: x`, a line of a message's head.
fn is_header(text: &str) -> bool {
    let Some((name, _)) = text.split_once(':') else {
        return false;
    };
    let name = name.trim_end_matches([' ', '\t']);
    !name.is_empty() && name.bytes().all(|byte| (33..127).contains(&byte))
}

pub(super) fn shown(text: &str) -> String {
    text[..text.floor_char_boundary(TOLD)].to_owned()
}
