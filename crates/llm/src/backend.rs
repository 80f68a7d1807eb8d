//! What differs between servers of models.

use serde_json::{Value, json};

/// How one kind of server is asked, and where in its answer the text is.
pub(crate) trait Backend: Send + Sync {
    /// The path below the server's address.
    fn path(&self) -> &'static str;

    /// The request.
    fn ask(&self, model: &str, prompt: &Prompt) -> Value;

    /// The text of the answer.
    fn read(&self, answer: &Value) -> Option<String>;
}

pub(crate) struct Prompt {
    pub(crate) system: String,
    pub(crate) text: String,
}

/// As models call it; lower is more sober.
pub(crate) const TEMPERATURE: f64 = 0.3;
/// About a short paragraph.
pub(crate) const TOKENS: u32 = 220;

/// `[{role, content}]`.
pub(crate) fn messages(prompt: &Prompt) -> Value {
    json!([{ "role": "system", "content": prompt.system }, { "role": "user", "content": prompt.text }])
}
