//! Chat completions, as OpenAI made them and llama.cpp, vLLM and others take them.

use serde_json::{Value, json};

use crate::backend::{Backend, Prompt, TEMPERATURE, TOKENS, messages};

pub(crate) struct OpenAi;

impl Backend for OpenAi {
    fn path(&self) -> &'static str {
        "/v1/chat/completions"
    }

    fn ask(&self, model: &str, prompt: &Prompt) -> Value {
        json!({
            "model": model, "messages": messages(prompt), "stream": false,
            "temperature": TEMPERATURE, "max_tokens": TOKENS,
        })
    }

    fn read(&self, answer: &Value) -> Option<String> {
        answer
            .pointer("/choices/0/message/content")?
            .as_str()
            .map(str::to_owned)
    }
}
