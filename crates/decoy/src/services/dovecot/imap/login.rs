//! What Dovecot's front answers before a login.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use serde_json::json;

use super::args::Arg;
use super::{Imap, Mode, TIME};
use crate::services::mail::talk::{Act, Attempt, Heard, Sasl};

// === impl Imap ===

impl Imap {
    /// None when it is no command, or not with these arguments.
    pub(super) fn before(&mut self, tag: &str, name: &str, args: Vec<Arg>) -> Option<()> {
        match name {
            "CAPABILITY" => {
                let text = format!("* CAPABILITY {}", self.capabilities());
                self.say(text);
                self.say(format!(
                    "{tag} OK Pre-login capabilities listed, post-login capabilities have more."
                ));
            }
            "NOOP" => self.say(format!("{tag} OK NOOP completed.")),
            "ID" => self.id(tag, &args),
            "LOGOUT" => {
                self.say("* BYE Logging out");
                self.say(format!("{tag} OK Logout completed."));
                self.close();
            }
            "STARTTLS" if self.tls => self.say(format!("{tag} BAD TLS is already active.")),
            "STARTTLS" => {
                self.say(format!("{tag} OK Begin TLS negotiation now."));
                self.tell("starttls", json!({}));
                self.acts.push(Act::Secure);
                self.mode = Mode::Asked(String::new());
            }
            "LOGIN" => {
                let [user, password] = &args[..] else { return None };
                let attempt = Attempt {
                    method: "login",
                    user: user.text()?.to_vec(),
                    password: password.text()?.to_vec(),
                    as_another: false,
                };
                self.attempt(tag, attempt);
            }
            "AUTHENTICATE" => self.authenticate(tag, &args)?,
            _ => return None,
        }
        Some(())
    }

    pub(super) fn id(&mut self, tag: &str, args: &[Arg]) {
        let words = match args {
            [] => &[][..],
            [Arg::List(words)] => words,
            [word] if word.upper().is_some_and(|word| word == "NIL") => &[],
            _ => return self.say(format!("{tag} BAD Invalid ID parameters")),
        };
        let pairs = words.chunks_exact(2).take(32).filter_map(|pair| {
            let value = pair[1].string()?;
            Some((
                pair[0].string()?.to_ascii_lowercase(),
                value[..value.floor_char_boundary(128)].to_owned(),
            ))
        });
        let pairs: serde_json::Map<String, serde_json::Value> =
            pairs.map(|(name, value)| (name, value.into())).collect();
        let of = |name: &str| pairs.get(name).cloned();
        let (name, version) = (of("name"), of("version"));
        self.tell(
            "id",
            json!({"name": name, "version": version, "fields_json": serde_json::Value::Object(pairs).to_string()}),
        );
        self.say("* ID (\"name\" \"Dovecot\")");
        let text = if self.store.is_some() {
            format!("ID completed {TIME}.")
        } else {
            "ID completed.".into()
        };
        self.say(format!("{tag} OK {text}"));
    }

    fn authenticate(&mut self, tag: &str, args: &[Arg]) -> Option<()> {
        let mechanism = args.first()?.string()?;
        self.tell("sasl", json!({"mech": mechanism[..mechanism.floor_char_boundary(64)]}));
        let Some(sasl) = Sasl::of(&mechanism) else {
            self.say(format!("{tag} NO [ALERT] Unsupported authentication mechanism."));
            return Some(());
        };
        match args.get(1).and_then(Arg::text) {
            None => self.ask(tag, sasl),
            Some(first) => match if first == b"=" {
                Ok(Vec::new())
            } else {
                B64.decode(first)
            } {
                Ok(given) => self.heard(tag, sasl, given),
                Err(_) => self.say(format!("{tag} BAD Invalid base64 data in initial response")),
            },
        }
        Some(())
    }

    fn ask(&mut self, tag: &str, sasl: Sasl) {
        self.say(format!("+ {}", sasl.question()));
        self.mode = Mode::Sasl(tag.to_owned(), sasl);
    }

    pub(super) fn sasl_answer(&mut self, line: &[u8]) {
        let Mode::Sasl(tag, sasl) = std::mem::replace(&mut self.mode, Mode::Commands) else {
            return;
        };
        if line == b"*" {
            return self.say(format!("{tag} BAD Authentication aborted by client."));
        }
        match B64.decode(line) {
            Ok(given) => self.heard(&tag, sasl, given),
            Err(_) => self.say(format!("{tag} BAD Invalid base64 data in continued response")),
        }
    }

    fn heard(&mut self, tag: &str, sasl: Sasl, given: Vec<u8>) {
        match sasl.heard(given) {
            Heard::Ask(next) => self.ask(tag, next),
            Heard::Try(attempt) => self.attempt(tag, attempt),
            Heard::Fail => self.say(format!("{tag} NO [AUTHENTICATIONFAILED] Authentication failed.")),
        }
    }

    fn attempt(&mut self, tag: &str, attempt: Attempt) {
        self.acts.push(Act::LogIn(attempt));
        self.mode = Mode::Asked(tag.to_owned());
    }
}
