//! Who a message is from and for.

use serde_json::json;

use super::act::{Recipient, World};
use super::address::{Address, Word, is_xtext, literal_ip};
use super::body::Body;
use super::core::{Core, Done, joined, refuse, shown};

/// The largest message that is taken, and what a message may be said to be at all.
pub(super) const MAX_SIZE: u64 = 10_240_000;
const MAX_RECIPIENTS: usize = 1000;

#[derive(Default)]
pub(super) struct Envelope {
    pub sender: String,
    pub recipients: Vec<Recipient>,
    utf8: bool,
    /// What BDAT brought so far.
    pub chunks: Option<Body>,
}

/// Where mail for an address goes.
enum Target {
    Mailbox(String),
    Nobody,
    Elsewhere,
}

// === impl Core ===

impl Core {
    pub(super) fn mail(&mut self, words: &[Word]) -> Done {
        if self.envelope.is_some() {
            refuse!(self, "503 5.5.1 Error: nested MAIL command");
        }
        if self.discards {
            refuse!(self, "503 5.5.1 Error: MAIL after BDAT");
        }
        let [_, from, given, options @ ..] = words else {
            refuse!(self, "501 5.5.4 Syntax: MAIL FROM:<address>");
        };
        if !from.text.eq_ignore_ascii_case("FROM:") {
            refuse!(self, "501 5.5.4 Syntax: MAIL FROM:<address>");
        }
        if !given.closed {
            refuse!(self, "501 5.1.7 Bad sender address syntax");
        }
        let (size, utf8) = self.mail_options(options)?;
        let address = Address::parse(&given.text).filter(|address| utf8 || address.text.is_ascii());
        let Some(address) = address else {
            refuse!(self, "501 5.1.7 Bad sender address syntax");
        };
        if size > MAX_SIZE {
            refuse!(self, "552 5.3.4 Message size exceeds fixed limit");
        }
        let domain = address.domain.clone().unwrap_or_default();
        self.tell(
            "mail_from",
            json!({"value": shown(&given.text), "mail_from": shown(&address.text), "domain": shown(&domain)}),
        );
        self.envelope = Some(Envelope {
            sender: address.text,
            utf8,
            ..Envelope::default()
        });
        self.agree("250 2.1.0 Ok")
    }

    /// The size announced, and whether names may be in any script.
    fn mail_options(&mut self, options: &[Word]) -> Result<(u64, bool), ()> {
        let (mut size, mut utf8, mut returns, mut envelope_id) = (0, false, false, false);
        for option in options {
            let text = &option.text;
            let (name, value) = text
                .split_once('=')
                .map_or((&text[..], None), |(name, value)| (name, Some(value)));
            match (&name.to_ascii_uppercase()[..], value) {
                ("SMTPUTF8", None) => utf8 = true,
                ("BODY", Some(value)) if is_one_of(value, &["8BITMIME", "7BIT"]) => {}
                ("AUTH", Some(_)) => {}
                ("SIZE", Some(value)) if value.is_empty() || !value.bytes().all(|digit| digit.is_ascii_digit()) => {
                    refuse!(self, "501 5.5.4 Bad message size syntax")
                }
                ("SIZE", Some(value)) => match value.parse::<i64>() {
                    Ok(bytes) => size = bytes.unsigned_abs(),
                    Err(_) => refuse!(self, "552 5.3.4 Message size exceeds file system imposed limit"),
                },
                ("RET", Some(value)) if !returns && is_one_of(value, &["FULL", "HDRS"]) => returns = true,
                ("RET", Some(_)) => refuse!(self, "501 5.5.4 Bad RET parameter syntax"),
                ("ENVID", Some(value)) if !envelope_id && is_xtext(value) => envelope_id = true,
                ("ENVID", Some(_)) => refuse!(self, "501 5.5.4 Bad ENVID parameter syntax"),
                _ => refuse!(self, "555 5.5.4 Unsupported option: {text}"),
            }
        }
        Ok((size, utf8))
    }

    pub(super) fn rcpt(&mut self, words: &[Word], world: &dyn World) -> Done {
        let Some(envelope) = &self.envelope else {
            refuse!(self, "503 5.5.1 Error: need MAIL command");
        };
        let (utf8, count) = (envelope.utf8, envelope.recipients.len());
        if envelope.chunks.is_some() || self.discards {
            refuse!(self, "503 5.5.1 Error: RCPT after BDAT");
        }
        let [_, to, given, options @ ..] = words else {
            refuse!(self, "501 5.5.4 Syntax: RCPT TO:<address>");
        };
        if !to.text.eq_ignore_ascii_case("TO:") {
            refuse!(self, "501 5.5.4 Syntax: RCPT TO:<address>");
        }
        if given.closed {
            self.rcpt_options(options)?;
        }
        let address = Address::parse(&given.text).filter(|address| utf8 || address.text.is_ascii());
        let Some(address) = address.filter(|address| given.closed && !address.is_empty()) else {
            self.tell("rcpt_rejected_syntax", json!({"value": shown(&given.text)}));
            refuse!(self, "501 5.1.3 Bad recipient address syntax");
        };
        if count >= MAX_RECIPIENTS {
            refuse!(self, "452 4.5.3 Error: too many recipients");
        }
        let recipient = self.admit(address, "rcpt_denied", world)?;
        self.tell(
            "rcpt_to",
            json!({"value": shown(&recipient.address), "local": recipient.mailbox.is_some()}),
        );
        if let Some(envelope) = &mut self.envelope {
            envelope.recipients.push(recipient);
        }
        self.agree("250 2.1.5 Ok")
    }

    fn rcpt_options(&mut self, options: &[Word]) -> Done {
        for option in options {
            let text = &option.text;
            let (name, value) = text
                .split_once('=')
                .map_or((&text[..], None), |(name, value)| (name, Some(value)));
            match (&name.to_ascii_uppercase()[..], value) {
                ("NOTIFY", Some(value)) if is_notify(value) => {}
                ("NOTIFY", Some(_)) => refuse!(self, "501 5.5.4 Error: Bad NOTIFY parameter syntax"),
                ("ORCPT", Some(value)) if value.split_once(';').is_some_and(|(_, rest)| is_xtext(rest)) => {}
                ("ORCPT", Some(_)) => refuse!(self, "501 5.5.4 Error: Bad ORCPT parameter syntax"),
                _ => refuse!(self, "555 5.5.4 Unsupported option: {text}"),
            }
        }
        Ok(())
    }

    /// Whether mail for that address is taken here; says why when not.
    fn admit(&mut self, address: Address, denied: &'static str, world: &dyn World) -> Result<Recipient, ()> {
        let text = address.text.clone();
        let trusted = self.user.is_some() || self.config.relays;
        if self.link.submission && self.user.is_none() {
            self.tell(denied, json!({"value": shown(&text)}));
            refuse!(self, "554 5.7.1 <{text}>: Recipient address rejected: Access denied");
        }
        let mailbox = match self.target(&address, world) {
            Target::Mailbox(name) => Some(name),
            Target::Elsewhere if trusted => None,
            Target::Elsewhere => {
                self.tell(denied, json!({"value": shown(&text), "reason": "relay"}));
                refuse!(self, "454 4.7.1 <{text}>: Relay access denied")
            }
            Target::Nobody => {
                self.tell(denied, json!({"value": shown(&text), "reason": "unknown"}));
                refuse!(
                    self,
                    "550 5.1.1 <{text}>: Recipient address rejected: User unknown in local recipient table"
                )
            }
        };
        let sender = self.envelope.as_ref().map_or("", |envelope| &envelope.sender);
        if !trusted && world.is_greylisted(sender, &text) {
            self.tell("rcpt_greylisted", json!({"value": shown(&text)}));
            refuse!(self, "450 4.2.0 <{text}>: Recipient address rejected: Greylisted");
        }
        Ok(Recipient { address: text, mailbox })
    }

    fn target(&self, address: &Address, world: &dyn World) -> Target {
        let is_ours = match &address.domain {
            None => true,
            Some(domain) => match domain.strip_prefix('[').and_then(|inside| inside.strip_suffix(']')) {
                Some(inside) => literal_ip(inside).is_some_and(|ip| ip == self.link.local || ip.is_loopback()),
                None => self
                    .config
                    .destinations
                    .iter()
                    .any(|ours| ours.eq_ignore_ascii_case(domain)),
            },
        };
        // Ways round that nobody may ask for: `x%elsewhere@here`, `elsewhere!x@here`.
        if !is_ours || address.local.contains(['@', '%', '!']) || address.local.is_empty() {
            return Target::Elsewhere;
        }
        let name = address.local.to_ascii_lowercase();
        let base = name.split_once('+').map_or(&name[..], |(base, _)| base);
        match world.mailbox(&name).or_else(|| world.mailbox(base)) {
            Some(mailbox) => Target::Mailbox(mailbox),
            None => Target::Nobody,
        }
    }

    pub(super) fn vrfy(&mut self, words: &[Word], world: &dyn World) -> Done {
        let rest = match &words[1..] {
            [rest @ .., last] if !rest.is_empty() && last.text.eq_ignore_ascii_case("SMTPUTF8") => rest,
            rest => rest,
        };
        let Some(given) = joined(rest) else {
            refuse!(self, "501 5.5.4 Syntax: VRFY address [SMTPUTF8]");
        };
        self.tell("vrfy", json!({"value": shown(&given)}));
        let Some(address) = Address::parse(&given).filter(|address| !address.is_empty()) else {
            refuse!(self, "501 5.1.3 Bad recipient address syntax");
        };
        self.admit(address, "vrfy_denied", world)?;
        self.agree(&format!("252 2.0.0 {given}"))
    }
}

fn is_one_of(value: &str, known: &[&str]) -> bool {
    known.iter().any(|known| known.eq_ignore_ascii_case(value))
}

/// `NEVER`, or any of the others.
fn is_notify(value: &str) -> bool {
    value.eq_ignore_ascii_case("NEVER")
        || value
            .split(',')
            .all(|word| is_one_of(word, &["SUCCESS", "FAILURE", "DELAY"]))
}
