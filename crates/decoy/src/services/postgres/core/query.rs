//! Texts of statements, one after the other.

use std::rc::Rc;

use sql::parse;
use sql::{Answer, Host, Phase, Session, TOLD};

use super::super::wire::{Fields, put, put_parameter};
use super::{After, Talk};

// === impl Talk ===

impl Talk {
    pub(super) fn query(&mut self, session: &mut Session, body: &[u8]) -> After {
        let mut fields = Fields(body);
        let text = fields.text().and_then(|text| fields.end().map(|()| text.to_owned()));
        let parsed = text.and_then(|text| {
            parse::statements(&text)
                .map(|parsed| (text.clone(), parsed))
                .inspect_err(|error| self.tell_query(&text, error.code, 0))
        });
        let (text, parsed) = match parsed {
            Ok(both) => both,
            Err(error) => {
                self.refuse(session, &error);
                self.ready(session.phase());
                return After::Same;
            }
        };
        if parsed.is_empty() {
            put(&mut self.out, b'I', b"");
            self.ready(session.phase());
            return After::Same;
        }
        let text: Rc<str> = text.into();
        self.before = (parsed.len() > 1 && session.phase() == Phase::Idle).then(|| session.snapshot());
        self.rest = parsed.into_iter().map(|parsed| (text.clone(), parsed)).collect();
        After::Same
    }

    pub(super) fn next_statement(&mut self, host: &dyn Host, session: &mut Session) -> After {
        let Some((text, parsed)) = self.rest.pop_front() else {
            return After::Same;
        };
        let outcome = session.execute(host, &text, &parsed, (&[], Vec::new()));
        self.acts(session);
        let shown = text.get(parsed.from..parsed.to).unwrap_or(&text).trim().to_owned();
        match outcome {
            Err(error) => {
                self.tell_query(&shown, error.code, 0);
                self.rest.clear();
                self.take_back(session);
                self.refuse(session, &error);
                self.ready(session.phase());
                After::Ready
            }
            Ok(answer) => {
                let rows = if let Answer::Rows { rows, .. } = &answer {
                    rows.len()
                } else {
                    0
                };
                self.tell_query(&shown, "00000", rows);
                let after = self.answer(host, session, answer, None);
                if matches!(after, After::Ready) {
                    self.done(host, session);
                }
                after
            }
        }
    }

    /// Of a text of several statements, all or none are carried out.
    pub(super) fn take_back(&mut self, session: &Session) {
        if let Some(before) = self.before.take().filter(|_| session.phase() == Phase::Idle) {
            session.restore(before);
        }
    }

    /// A statement of a text is through; after the last, the client is asked for more.
    pub(super) fn done(&mut self, host: &dyn Host, session: &mut Session) {
        self.parameters(host, session);
        if self.rest.is_empty() {
            self.before = None;
            self.ready(session.phase());
        }
    }

    fn parameters(&mut self, host: &dyn Host, session: &Session) {
        for (at, name) in TOLD.iter().enumerate() {
            let now = self.shown(host, session, name);
            if self.told[at] != now {
                put_parameter(&mut self.out, name, &now);
                self.told[at] = now;
            }
        }
    }
}

// === impl Talk ===

impl Talk {
    pub(super) fn shown(&self, host: &dyn Host, session: &Session, name: &str) -> String {
        match name {
            "is_superuser" => if session.is_superuser(host) { "on" } else { "off" }.into(),
            "session_authorization" => self.user.clone(),
            name => session.setting(name),
        }
    }
}
