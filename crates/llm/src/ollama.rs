//! Ollama's own API.

use serde_json::{Value, json};

use crate::backend::{Backend, Prompt, TEMPERATURE, TOKENS};

pub(crate) struct Ollama;

impl Backend for Ollama {
    fn path(&self) -> &'static str {
        "/api/generate"
    }

    fn ask(&self, model: &str, prompt: &Prompt) -> Value {
        json!({
            "model": model, "system": prompt.system, "prompt": prompt.text, "stream": false,
            "options": { "temperature": TEMPERATURE, "num_predict": TOKENS },
        })
    }

    fn read(&self, answer: &Value) -> Option<String> {
        answer.get("response")?.as_str().map(str::to_owned)
    }
}
