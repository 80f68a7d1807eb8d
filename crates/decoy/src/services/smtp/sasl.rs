//! Logins, as Dovecot has Postfix answer them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use serde_json::json;

use super::act::Act;
use super::address::Word;
use super::core::{Core, Done, Mode, refuse};
use crate::services::mail::talk::{Attempt, Heard, Sasl};

// === impl Core ===

impl Core {
    pub(super) fn auth(&mut self, words: &[Word]) -> Done {
        if self.envelope.is_some() {
            refuse!(self, "503 5.5.1 Error: MAIL transaction in progress");
        }
        if self.user.is_some() {
            refuse!(self, "503 5.5.1 Error: already authenticated");
        }
        let (method, first) = match words {
            [_, method] => (&method.text, None),
            [_, method, first] => (&method.text, Some(&first.text)),
            _ => refuse!(self, "501 5.5.4 Syntax: AUTH mechanism"),
        };
        let Some(step) = Sasl::of(method) else {
            self.tell("sasl", json!({"mech": super::core::shown(method)}));
            refuse!(
                self,
                "535 5.7.8 Error: authentication failed: Invalid authentication mechanism"
            );
        };
        let Some(first) = first else {
            self.ask(step);
            return Ok(());
        };
        // A lone `=` stands for an answer that is empty.
        let given = if first == "=" {
            Some(Vec::new())
        } else {
            B64.decode(first).ok()
        };
        match given {
            Some(given) => self.heard(step, given),
            None => refuse!(
                self,
                "535 5.7.8 Error: authentication failed: Invalid base64 data in initial response"
            ),
        }
        Ok(())
    }

    fn ask(&mut self, step: Sasl) {
        self.say(&format!("334 {}", step.question()));
        self.mode = Mode::Sasl(step);
    }

    pub(super) fn sasl_answer(&mut self, line: &[u8]) {
        let Mode::Sasl(step) = std::mem::replace(&mut self.mode, Mode::Commands) else {
            return;
        };
        if line == b"*" {
            self.say("501 5.7.0 Authentication aborted");
            self.errors += 1;
            return;
        }
        match B64.decode(line) {
            Ok(given) => self.heard(step, given),
            Err(_) => self.sasl_failed("Invalid base64 data in continued response"),
        }
    }

    pub(super) fn sasl_failed(&mut self, reason: &str) {
        self.say(&format!("535 5.7.8 Error: authentication failed: {reason}"));
        self.errors += 1;
    }

    fn heard(&mut self, step: Sasl, given: Vec<u8>) {
        match step.heard(given) {
            Heard::Ask(next) => self.ask(next),
            Heard::Try(attempt) => self.attempt(attempt),
            Heard::Fail => self.sasl_failed("(reason unavailable)"),
        }
    }

    fn attempt(&mut self, attempt: Attempt) {
        self.acts.push(Act::LogIn(attempt));
        self.mode = Mode::Asked;
    }
}
