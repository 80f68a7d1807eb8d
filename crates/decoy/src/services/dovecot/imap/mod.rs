//! Dovecot's IMAP conversation without sockets or clock (RFC 3501 and what its capabilities name).

mod args;
mod fetch;
mod folders;
mod login;
mod messages;
mod search;

use serde_json::json;

use self::args::{Arg, Command, literal};
use crate::services::mail::store::{Flags, Folder, Store};
use crate::services::mail::talk::{Act, Sasl, Talk};

/// Bytes of a command; of one that brings a message.
const MAX_COMMAND: usize = 64 << 10;
const MAX_APPEND: usize = 12 << 20;
const MAX_BEFORE: usize = 8 << 10;
/// Commands nobody knows, one after the other, before a login and after.
const BAD_BEFORE: u32 = 3;
const BAD_AFTER: u32 = 20;
/// What it says it took.
const TIME: &str = "(0.001 + 0.000 secs)";
const BEFORE: &str = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+";
const AFTER: &str = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES THREAD=REFS \
    THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED \
    I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE \
    SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW STATUS=SIZE SAVEDATE LITERAL+ NOTIFY SPECIAL-USE";

pub struct Imap {
    greeting: String,
    tls: bool,
    pending: Vec<u8>,
    /// The command so far, and how many counted bytes are to come.
    command: Vec<u8>,
    counted: usize,
    acts: Vec<Act>,
    mode: Mode,
    bad: u32,
    store: Option<Store>,
    user: String,
    selected: Option<Selected>,
    condstore: bool,
}

enum Mode {
    Commands,
    Sasl(String, Sasl),
    /// Somebody has to say whether the login of that tag succeeds; or TLS is being set up.
    Asked(String),
    Idle(String),
    Over,
}

/// The folder that is looked into, and what the peer knows of it.
struct Selected {
    folder: Folder,
    read_only: bool,
    known: Vec<(u32, Flags)>,
    keywords: Vec<String>,
}

/// How a command ended: `OK`, `NO` or `BAD` and the rest of the line.
struct Reply(&'static str, String);

type Done = Result<Reply, Reply>;

fn ok(text: &str) -> Reply {
    Reply("OK", format!("{text} {TIME}."))
}

fn no(text: impl AsRef<str>) -> Reply {
    Reply("NO", format!("{} {TIME}.", text.as_ref()))
}

fn bad(text: impl AsRef<str>) -> Reply {
    Reply("BAD", format!("{} {TIME}.", text.as_ref()))
}

fn bad_in(name: &str, text: &str) -> Reply {
    bad(format!("Error in IMAP command {name}: {text}"))
}

// === impl Imap ===

impl Imap {
    pub fn new(greeting: &str, tls: bool) -> Self {
        Self {
            greeting: greeting.to_owned(),
            tls,
            pending: Vec::new(),
            command: Vec::new(),
            counted: 0,
            acts: Vec::new(),
            mode: Mode::Commands,
            bad: 0,
            store: None,
            user: String::new(),
            selected: None,
            condstore: false,
        }
    }

    fn capabilities(&self) -> String {
        if self.store.is_some() {
            return AFTER.to_owned();
        }
        let starttls = if self.tls { "" } else { " STARTTLS" };
        format!("{BEFORE}{starttls} AUTH=PLAIN AUTH=LOGIN")
    }

    fn say(&mut self, text: impl AsRef<[u8]>) {
        self.acts.push(Act::Say([text.as_ref(), b"\r\n"].concat()));
    }

    fn tell(&mut self, kind: &'static str, fields: serde_json::Value) {
        if let serde_json::Value::Object(mut fields) = fields {
            if !self.user.is_empty() {
                fields.insert("user".into(), self.user.clone().into());
            }
            self.acts.push(Act::Tell(kind, fields.into_iter().collect()));
        }
    }

    fn close(&mut self) {
        self.acts.push(Act::Close);
        self.mode = Mode::Over;
        self.pending.clear();
        self.command.clear();
    }

    fn go_on(&mut self) -> Vec<Act> {
        while !matches!(self.mode, Mode::Asked(_) | Mode::Over) && self.step() {}
        std::mem::take(&mut self.acts)
    }

    /// Takes a piece of a command; false when more has to come.
    fn step(&mut self) -> bool {
        if self.counted > 0 {
            let some = self.counted.min(self.pending.len());
            self.command.extend(self.pending.drain(..some));
            self.counted -= some;
            return some > 0;
        }
        let most = if self.store.is_some() { MAX_COMMAND } else { MAX_BEFORE };
        let Some(end) = self.pending.iter().position(|&byte| byte == b'\n') else {
            if self.pending.len() > most {
                self.say("* BYE Too long command.");
                self.close();
            }
            return false;
        };
        let line: Vec<u8> = self.pending.drain(..=end).collect();
        match self.mode {
            Mode::Sasl(..) => self.sasl_answer(line.trim_ascii_end()),
            Mode::Idle(_) => self.done(line.trim_ascii_end()),
            _ => self.piece(line, most),
        }
        true
    }

    fn piece(&mut self, line: Vec<u8>, most: usize) {
        let count = literal(&line);
        self.command.extend(line);
        let Some((count, waits)) = count else {
            let command = std::mem::take(&mut self.command);
            return self.take(&command);
        };
        let append = self.store.is_some() && self.append_target();
        let most = if append { MAX_APPEND } else { most };
        if self.command.len() + count > most {
            self.say("* BYE Too long argument.");
            return self.close();
        }
        if waits
            && append
            && let Some(reply) = self.append_refused()
        {
            self.command.clear();
            return self.say(reply);
        }
        if waits {
            self.say("+ OK");
        }
        self.counted = count;
    }

    fn take(&mut self, bytes: &[u8]) {
        let command = Command::parse(bytes);
        let Command { tag, name, args } = command;
        self.tell_command(&name, &args);
        let sound = !tag.is_empty() && !tag.contains(['+', '(', ')', '{', '%', '*', '"', '\\']);
        if self.store.is_some() && !sound {
            return self.say(format!("* BAD Error in IMAP tag: Invalid tag {TIME}."));
        }
        if self.store.is_some() {
            return self.after(&tag, &name, args);
        }
        if !sound || self.before(&tag, &name, args.unwrap_or_default()).is_none() {
            self.bad += 1;
            if self.bad == BAD_BEFORE {
                self.say("* BYE Too many invalid IMAP commands.");
                return self.close();
            }
            let tag = if sound { &tag } else { "*" };
            self.say(format!("{tag} BAD Error in IMAP command received by server."));
        }
    }

    fn tell_command(&mut self, name: &str, args: &Result<Vec<Arg>, &str>) {
        if name.is_empty() {
            return;
        }
        let state = match (&self.store, &self.selected) {
            (None, _) => "not authenticated",
            (_, None) => "authenticated",
            _ => "selected",
        };
        let words = args.iter().flatten().take(4).filter_map(Arg::string);
        let words: Vec<String> = match name {
            "LOGIN" | "AUTHENTICATE" | "APPEND" => Vec::new(),
            _ => words.collect(),
        };
        let line = [name.to_owned(), words.join(" ")].join(" ");
        let line = line.trim_end();
        self.tell(
            "command",
            json!({"command": line[..line.floor_char_boundary(256)], "state": state}),
        );
    }

    fn after(&mut self, tag: &str, name: &str, args: Result<Vec<Arg>, &'static str>) {
        let count = std::mem::take(&mut self.bad);
        let done = match args {
            _ if name.is_empty() => Err(bad("Error in IMAP command: Invalid command name")),
            Err(error) => Err(bad_in(name, error)),
            Ok(args) => self.command(tag, name, &args),
        };
        if matches!(self.mode, Mode::Idle(_)) {
            return;
        }
        let Reply(kind, text) = done.unwrap_or_else(|reply| reply);
        self.say(format!("{tag} {kind} {text}"));
        if kind == "BAD" {
            self.bad = count + 1;
        }
        if self.bad == BAD_AFTER {
            self.say("* BYE Too many invalid IMAP commands.");
            self.close();
        }
        if name == "LOGOUT" {
            self.close();
        }
    }

    fn command(&mut self, tag: &str, name: &str, args: &[Arg]) -> Done {
        match name {
            "CAPABILITY" => {
                let text = format!("* CAPABILITY {}", self.capabilities());
                self.say(text);
                Ok(ok("Capability completed"))
            }
            "NOOP" => {
                self.sync();
                Ok(ok("NOOP completed"))
            }
            "ID" => {
                self.id(tag, args);
                // It was the whole answer.
                let Some(Act::Say(last)) = self.acts.pop() else {
                    return Err(bad_in(name, "Invalid ID parameters"));
                };
                let text = String::from_utf8_lossy(&last).trim_end().to_owned();
                let (_, text) = text.split_once(' ').unwrap_or_default();
                let kind = if text.starts_with("OK") { "OK" } else { "BAD" };
                Ok(Reply(kind, text.split_once(' ').unwrap_or_default().1.to_owned()))
            }
            "LOGOUT" => {
                self.say("* BYE Logging out");
                Ok(ok("Logout completed"))
            }
            "ENABLE" => {
                let known = args.iter().filter_map(Arg::upper);
                let known: Vec<String> = known
                    .filter(|name| ["CONDSTORE", "QRESYNC"].contains(&&name[..]))
                    .collect();
                if !known.is_empty() {
                    self.condstore = true;
                    self.say(format!("* ENABLED {}", known.join(" ")));
                }
                Ok(ok("Enabled"))
            }
            "NAMESPACE" => {
                self.say("* NAMESPACE ((\"\" \".\")) NIL NIL");
                Ok(ok("Namespace completed"))
            }
            "IDLE" => {
                self.sync();
                self.say("+ idling");
                self.mode = Mode::Idle(tag.to_owned());
                Ok(ok(""))
            }
            "NOTIFY" => Ok(ok("NOTIFY completed")),
            "LIST" | "LSUB" | "SELECT" | "EXAMINE" | "STATUS" | "CREATE" | "DELETE" | "RENAME" | "SUBSCRIBE"
            | "UNSUBSCRIBE" | "APPEND" => self.folder_command(name, args),
            "FETCH" | "STORE" | "SEARCH" | "SORT" | "COPY" | "MOVE" | "EXPUNGE" | "CLOSE" | "UNSELECT" | "CHECK"
            | "UID" | "THREAD" => self.message_command(tag, name, args),
            _ => Err(bad_in(name, "Unknown command")),
        }
    }

    fn done(&mut self, line: &[u8]) {
        let Mode::Idle(tag) = std::mem::replace(&mut self.mode, Mode::Commands) else {
            return;
        };
        self.sync();
        if line.eq_ignore_ascii_case(b"DONE") {
            self.say(format!("{tag} OK Idle completed {TIME}."));
        } else {
            self.say(format!("{tag} BAD Expected DONE {TIME}."));
        }
    }

    /// Says what is new in the folder that is looked into.
    fn sync(&mut self) {
        let Some(selected) = &mut self.selected else { return };
        if !selected.folder.refresh().unwrap_or(false) {
            return;
        }
        if !selected.read_only {
            // A mailbox that cannot be written is read all the same.
            let _ = selected.folder.take_new();
        }
        let mut lines = Vec::new();
        for at in (0..selected.known.len()).rev() {
            let uid = selected.known[at].0;
            if !selected.folder.messages.iter().any(|message| message.uid == uid) {
                selected.known.remove(at);
                lines.push(format!("* {} EXPUNGE", at + 1));
            }
        }
        let before = selected.known.len();
        for (at, message) in selected.folder.messages.iter().enumerate() {
            match selected.known.get_mut(at) {
                Some(known) if known.1 != message.flags => {
                    known.1 = message.flags.clone();
                    let flags = messages::flags_text(message, &selected.keywords);
                    lines.push(format!("* {} FETCH (FLAGS ({flags}))", at + 1));
                }
                Some(_) => {}
                None => selected.known.push((message.uid, message.flags.clone())),
            }
        }
        if selected.known.len() > before {
            let recent = selected.folder.messages.iter().filter(|message| message.recent).count();
            lines.push(format!("* {} EXISTS", selected.known.len()));
            lines.push(format!("* {recent} RECENT"));
        }
        for line in lines {
            self.say(line);
        }
    }
}

impl Talk for Imap {
    fn greeting(&mut self) -> Vec<Act> {
        let text = format!("* OK [CAPABILITY {}] {}", self.capabilities(), self.greeting);
        self.say(text);
        std::mem::take(&mut self.acts)
    }

    fn received(&mut self, bytes: &[u8]) -> Vec<Act> {
        self.pending.extend_from_slice(bytes);
        self.go_on()
    }

    fn answered(&mut self, login: Option<(String, Store)>) -> Vec<Act> {
        let Mode::Asked(tag) = std::mem::replace(&mut self.mode, Mode::Commands) else {
            return Vec::new();
        };
        match login {
            Some((name, store)) => {
                (self.user, self.store) = (name, Some(store));
                self.bad = 0;
                self.say(format!("{tag} OK [CAPABILITY {AFTER}] Logged in"));
            }
            None => self.say(format!("{tag} NO [AUTHENTICATIONFAILED] Authentication failed.")),
        }
        self.go_on()
    }

    fn secured(&mut self) {
        self.tls = true;
        self.mode = Mode::Commands;
        self.pending.clear();
        self.command.clear();
    }

    fn tick(&mut self) -> Vec<Act> {
        if let Mode::Idle(_) = self.mode {
            self.sync();
        }
        std::mem::take(&mut self.acts)
    }

    fn expired(&mut self) -> Vec<Act> {
        self.say("* BYE Disconnected for inactivity.");
        self.close();
        std::mem::take(&mut self.acts)
    }
}
