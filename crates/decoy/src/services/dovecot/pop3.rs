//! Dovecot's POP3 conversation without sockets or clock (RFC 1939, 2449, 5034).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use serde_json::json;

use crate::services::mail::store::{Flags, Folder, Store};
use crate::services::mail::talk::{Act, Attempt, Heard, Sasl, Talk};

/// Longer lines end the conversation.
const MAX_LINE: usize = 8192;
/// Commands nobody knows, one after the other, before a login and after.
const BAD_BEFORE: u32 = 3;
const BAD_AFTER: u32 = 20;

pub struct Pop3 {
    greeting: String,
    tls: bool,
    pending: Vec<u8>,
    acts: Vec<Act>,
    mode: Mode,
    user: Option<Vec<u8>>,
    bad: u32,
}

enum Mode {
    Before,
    Sasl(Sasl),
    /// Somebody else has the next word.
    Asked,
    After(Box<Maildrop>),
    Over,
}

/// The messages as they were at the login.
struct Maildrop {
    folder: Folder,
    sizes: Vec<u64>,
    deleted: Vec<bool>,
    name: String,
}

// === impl Pop3 ===

impl Pop3 {
    pub fn new(greeting: &str, tls: bool) -> Self {
        Self {
            greeting: greeting.to_owned(),
            tls,
            pending: Vec::new(),
            acts: Vec::new(),
            mode: Mode::Before,
            user: None,
            bad: 0,
        }
    }

    fn say(&mut self, text: &str) {
        self.acts.push(Act::Say(format!("{text}\r\n").into_bytes()));
    }

    fn tell(&mut self, kind: &'static str, fields: serde_json::Value) {
        if let serde_json::Value::Object(fields) = fields {
            self.acts.push(Act::Tell(kind, fields.into_iter().collect()));
        }
    }

    fn close(&mut self) {
        self.acts.push(Act::Close);
        self.mode = Mode::Over;
        self.pending.clear();
    }

    fn go_on(&mut self) -> Vec<Act> {
        while !matches!(self.mode, Mode::Asked | Mode::Over) {
            let Some(end) = self.pending.iter().position(|&byte| byte == b'\n') else {
                if self.pending.len() > MAX_LINE {
                    self.say("-ERR Input line too long.");
                    self.close();
                }
                break;
            };
            let mut line: Vec<u8> = self.pending.drain(..=end).collect();
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            self.line(&line);
        }
        std::mem::take(&mut self.acts)
    }

    fn line(&mut self, line: &[u8]) {
        if let Mode::Sasl(_) = self.mode {
            return self.sasl_answer(line);
        }
        let text = String::from_utf8_lossy(line).into_owned();
        let (verb, args) = text.split_once(' ').unwrap_or((&text, ""));
        let verb = verb.to_ascii_uppercase();
        let shown = if verb == "PASS" || verb == "AUTH" {
            verb.clone()
        } else {
            format!("{verb} {args}")
        };
        let shown = shown.trim_end();
        if !shown.is_empty() {
            self.tell(
                "command",
                json!({"command": shown[..shown.floor_char_boundary(256)], "state": self.state()}),
            );
        }
        match self.mode {
            Mode::After(_) => self.after(&verb, args),
            _ => self.before(&verb, args, line),
        }
    }

    fn state(&self) -> &'static str {
        match self.mode {
            Mode::After(_) => "transaction",
            _ => "authorization",
        }
    }

    fn before(&mut self, verb: &str, args: &str, line: &[u8]) {
        let bad = std::mem::take(&mut self.bad);
        match verb {
            "CAPA" => self.capabilities(),
            "USER" => {
                self.user = Some(line.get(5..).unwrap_or_default().to_vec());
                self.say("+OK");
            }
            "PASS" => match self.user.take() {
                None => self.say("-ERR No username given."),
                Some(user) => self.attempt(Attempt {
                    method: "password",
                    user,
                    password: line.get(5..).unwrap_or_default().to_vec(),
                    as_another: false,
                }),
            },
            "AUTH" if args.is_empty() => self.say("+OK\r\nPLAIN\r\nLOGIN\r\n."),
            "AUTH" => self.auth(args),
            "APOP" => self.say("-ERR APOP not enabled."),
            "STLS" if self.tls => self.say("-ERR TLS is already active."),
            "STLS" => {
                self.say("+OK Begin TLS negotiation now.");
                self.tell("starttls", json!({}));
                self.acts.push(Act::Secure);
                self.mode = Mode::Asked;
            }
            "QUIT" => {
                self.say("+OK Logging out");
                self.close();
            }
            _ => {
                self.bad = bad + 1;
                self.say("-ERR Unknown command.");
                if self.bad == BAD_BEFORE {
                    self.say("-ERR Too many invalid bad commands.");
                    self.close();
                }
            }
        }
    }

    fn capabilities(&mut self) {
        let stls = if self.tls { "" } else { "STLS\r\n" };
        self.say(&format!(
            "+OK\r\nCAPA\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nPIPELINING\r\nAUTH-RESP-CODE\r\n{stls}USER\r\nSASL PLAIN LOGIN\r\n."
        ));
    }

    fn auth(&mut self, args: &str) {
        let (mechanism, first) = args
            .split_once(' ')
            .map_or((args, None), |(name, first)| (name, Some(first)));
        self.tell("sasl", json!({"mech": mechanism[..mechanism.floor_char_boundary(64)]}));
        let Some(sasl) = Sasl::of(mechanism) else {
            return self.say("-ERR [AUTH] Unsupported authentication mechanism.");
        };
        match first {
            None => self.ask(sasl),
            Some(first) => match if first == "=" {
                Ok(Vec::new())
            } else {
                B64.decode(first)
            } {
                Ok(given) => self.heard(sasl, given),
                Err(_) => self.say("-ERR [AUTH] Invalid base64 data in initial response"),
            },
        }
    }

    fn ask(&mut self, sasl: Sasl) {
        self.say(&format!("+ {}", sasl.question()));
        self.mode = Mode::Sasl(sasl);
    }

    fn sasl_answer(&mut self, line: &[u8]) {
        let Mode::Sasl(sasl) = std::mem::replace(&mut self.mode, Mode::Before) else {
            return;
        };
        if line == b"*" {
            return self.say("-ERR Authentication aborted by client.");
        }
        match B64.decode(line) {
            Ok(given) => self.heard(sasl, given),
            Err(_) => self.say("-ERR [AUTH] Invalid base64 data in continued response"),
        }
    }

    fn heard(&mut self, sasl: Sasl, given: Vec<u8>) {
        match sasl.heard(given) {
            Heard::Ask(next) => self.ask(next),
            Heard::Try(attempt) => self.attempt(attempt),
            Heard::Fail => self.say("-ERR [AUTH] Authentication failed."),
        }
    }

    fn attempt(&mut self, attempt: Attempt) {
        self.acts.push(Act::LogIn(attempt));
        self.mode = Mode::Asked;
    }

    fn after(&mut self, verb: &str, args: &str) {
        let Mode::After(mut drop) = std::mem::replace(&mut self.mode, Mode::Over) else {
            return;
        };
        let bad = std::mem::take(&mut self.bad);
        match verb {
            "CAPA" => self.say("+OK\r\nCAPA\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nPIPELINING\r\nAUTH-RESP-CODE\r\n."),
            "STAT" => {
                let (count, bytes) = drop.total();
                self.say(&format!("+OK {count} {bytes}"));
            }
            "LIST" if args.is_empty() => self.list(&drop),
            "LIST" => self.with(&drop, args, |drop, at, _| {
                Ok(format!("+OK {} {}", at + 1, drop.sizes[at]))
            }),
            "UIDL" if args.is_empty() => {
                let lines: String = drop
                    .left()
                    .map(|at| format!("{} {}\r\n", at + 1, drop.uidl(at)))
                    .collect();
                self.say(&format!("+OK\r\n{lines}."));
            }
            "UIDL" => self.with(&drop, args, |drop, at, _| {
                Ok(format!("+OK {} {}", at + 1, drop.uidl(at)))
            }),
            "NOOP" => self.say("+OK"),
            "RSET" => {
                drop.deleted.fill(false);
                self.say("+OK");
            }
            "DELE" => match drop.number(args) {
                Ok((at, _)) => {
                    drop.deleted[at] = true;
                    self.tell("delete", json!({"message_num": at + 1, "user": drop.name}));
                    self.say("+OK Marked to be deleted.");
                }
                Err(error) => self.say(&error),
            },
            "RETR" => self.retrieve(&mut drop, args),
            "TOP" => self.top(&mut drop, args),
            "QUIT" => {
                let mut gone = false;
                for at in (0..drop.deleted.len()).rev().filter(|&at| drop.deleted[at]) {
                    gone |= drop.folder.remove(at).is_ok();
                }
                self.say(if gone {
                    "+OK Logging out, messages deleted."
                } else {
                    "+OK Logging out."
                });
                return self.close();
            }
            _ => {
                self.bad = bad + 1;
                self.say(&format!("-ERR Unknown command: {verb}"));
                if self.bad == BAD_AFTER {
                    self.say("-ERR Too many bad commands");
                    return self.close();
                }
            }
        }
        self.mode = Mode::After(drop);
    }

    fn list(&mut self, drop: &Maildrop) {
        let lines: String = drop
            .left()
            .map(|at| format!("{} {}\r\n", at + 1, drop.sizes[at]))
            .collect();
        self.say(&format!("+OK {} messages:\r\n{lines}.", drop.left().count()));
    }

    fn with(&mut self, drop: &Maildrop, args: &str, answer: impl Fn(&Maildrop, usize, &str) -> Result<String, String>) {
        let said = drop.number(args).and_then(|(at, rest)| answer(drop, at, rest));
        self.say(&said.unwrap_or_else(|error| error));
    }

    fn retrieve(&mut self, drop: &mut Maildrop, args: &str) {
        let at = match drop.number(args) {
            Ok((at, _)) => at,
            Err(error) => return self.say(&error),
        };
        let Ok(text) = drop.folder.read(at) else {
            return self.say("-ERR [SYS/TEMP] Internal error occurred. Refer to server log for more information.");
        };
        self.tell_of("retr", drop, at, &text);
        self.say(&format!("+OK {} octets", text.len()));
        self.send(&text);
        let flags = drop.folder.messages[at].flags.letters().chain(['S']);
        let _ = drop.folder.set_flags(at, Flags::of(flags));
    }

    fn top(&mut self, drop: &mut Maildrop, args: &str) {
        let (at, lines) = match drop.number(args) {
            Ok((_, "")) => return self.say("-ERR Noise after message number: "),
            Ok((at, rest)) => match rest.parse::<usize>() {
                Ok(lines) => (at, lines),
                Err(_) => return self.say(&format!("-ERR Invalid size: {rest}")),
            },
            Err(error) => return self.say(&error),
        };
        let Ok(text) = drop.folder.read(at) else {
            return self.say("-ERR [SYS/TEMP] Internal error occurred. Refer to server log for more information.");
        };
        self.tell_of("top", drop, at, &text);
        let head = text
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .map_or(text.len(), |at| at + 4);
        let body = text[head..].split_inclusive(|&byte| byte == b'\n').take(lines);
        let end = head + body.map(<[u8]>::len).sum::<usize>();
        self.say("+OK");
        self.send(&text[..end]);
    }

    fn tell_of(&mut self, kind: &'static str, drop: &Maildrop, at: usize, text: &[u8]) {
        let head = |name: &str| {
            super::mime::header(text, name).map(|value| value[..value.floor_char_boundary(256)].to_owned())
        };
        self.tell(
            kind,
            json!({
                "message_num": at + 1, "uid": drop.folder.messages[at].uid, "user": drop.name,
                "subject": head("Subject"), "message_id": head("Message-ID"),
            }),
        );
    }

    /// The lines, a dot before those that begin with one, and the lone dot.
    fn send(&mut self, text: &[u8]) {
        let mut out = Vec::with_capacity(text.len() + 16);
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            if line.starts_with(b".") {
                out.push(b'.');
            }
            out.extend_from_slice(line);
        }
        if !out.is_empty() && !out.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
        self.acts.push(Act::Say(out));
    }
}

impl Talk for Pop3 {
    fn greeting(&mut self) -> Vec<Act> {
        let greeting = format!("+OK {}", self.greeting);
        self.say(&greeting);
        std::mem::take(&mut self.acts)
    }

    fn received(&mut self, bytes: &[u8]) -> Vec<Act> {
        self.pending.extend_from_slice(bytes);
        self.go_on()
    }

    fn answered(&mut self, login: Option<(String, Store)>) -> Vec<Act> {
        self.mode = Mode::Before;
        let Some((name, store)) = login else {
            self.say("-ERR [AUTH] Authentication failed.");
            return self.go_on();
        };
        match Maildrop::open(name, &store) {
            Ok(drop) => {
                self.mode = Mode::After(Box::new(drop));
                self.say("+OK Logged in.");
            }
            Err(_) => {
                self.say("-ERR [SYS/TEMP] Internal error occurred. Refer to server log for more information.");
                self.close();
            }
        }
        self.go_on()
    }

    fn secured(&mut self) {
        self.tls = true;
        self.mode = Mode::Before;
        self.user = None;
        self.pending.clear();
    }

    fn tick(&mut self) -> Vec<Act> {
        Vec::new()
    }

    fn expired(&mut self) -> Vec<Act> {
        self.say("-ERR Disconnected for inactivity.");
        self.close();
        std::mem::take(&mut self.acts)
    }
}

// === impl Maildrop ===

impl Maildrop {
    fn open(name: String, store: &Store) -> std::io::Result<Self> {
        let mut folder = store.folder("INBOX")?;
        folder.take_new()?;
        let count = folder.messages.len();
        Ok(Self {
            sizes: (0..count).map(|at| folder.size(at)).collect(),
            deleted: vec![false; count],
            folder,
            name,
        })
    }

    fn left(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.deleted.len()).filter(|&at| !self.deleted[at])
    }

    fn total(&self) -> (usize, u64) {
        (self.left().count(), self.left().map(|at| self.sizes[at]).sum())
    }

    fn uidl(&self, at: usize) -> String {
        format!("{:08x}{:08x}", self.folder.messages[at].uid, self.folder.validity)
    }

    /// The place of the message that is meant, and what stands after its number.
    fn number<'a>(&self, args: &'a str) -> Result<(usize, &'a str), String> {
        let args = args.trim_start_matches(' ');
        let digits = args.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(args.len());
        let Ok(number) = args[..digits].parse::<usize>() else {
            return Err(format!("-ERR Invalid message number: {args}"));
        };
        let rest = args[digits..].trim_start_matches(' ');
        match number.checked_sub(1).and_then(|at| Some((at, *self.deleted.get(at)?))) {
            None => Err(format!("-ERR There's no message {number}.")),
            Some((_, true)) => Err("-ERR Message is deleted.".into()),
            Some((at, false)) => Ok((at, rest)),
        }
    }
}
