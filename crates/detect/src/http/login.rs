//! Which requests are logins, and how they went.

use super::canon::Target;
use crate::config::Config;
use crate::event::{Auth, Body, Event};

/// Maps requests to logins.
pub(crate) struct Logins {
    paths: Vec<String>,
}

const LOGIN_EVENT: &str = "login_attempt";

// === impl Logins ===

impl Logins {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            paths: config
                .http_login_paths
                .iter()
                .map(|path| Target::read(path).path)
                .collect(),
        }
    }

    /// The login a request is, if it is one and told how it went.
    pub(crate) fn of(&self, event: &Event) -> Option<Event> {
        let Body::Http(http) = &event.body else { return None };
        let path = || http.path.strip_suffix('/').unwrap_or(&http.path);
        let is_login =
            http.event_type == LOGIN_EVENT || (http.method == "POST" && self.paths.iter().any(|known| known == path()));
        if !is_login {
            return None;
        }
        let success = match (http.outcome, http.status) {
            (Some(outcome), _) => outcome,
            (None, 200..=399) => true,
            (None, 400..=499) => false,
            _ => return None,
        };
        let auth = Auth {
            src: http.src?,
            dst: None,
            service: "http".to_owned(),
            user: account(&http.user),
            success,
            secret: String::new(),
        };
        Some(Event {
            at: event.at,
            sensor: event.sensor,
            tags: Vec::new(),
            body: Body::Auth(Box::new(auth)),
        })
    }
}

/// A user name as a key: trimmed, lower case, `-` for nobody.
pub(crate) fn account(name: &str) -> String {
    match name.trim() {
        "-" => String::new(),
        name => name.to_lowercase(),
    }
}
