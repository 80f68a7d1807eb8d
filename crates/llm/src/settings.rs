//! Which model, and how long it is waited for.

use std::time::Duration;

/// The one the settings name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub kind: Kind,
    /// Without a path.
    pub url: String,
    pub model: String,
    /// Sent as a bearer token, when not empty.
    pub key: String,
    /// A model on another host may be asked: what was found leaves this one.
    pub remote: bool,
    /// For one text.
    pub timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No model: fixed sentences around the facts.
    Template,
    /// `POST /api/generate`.
    Ollama,
    /// `POST /v1/chat/completions`, as many servers take it.
    OpenAi,
}
