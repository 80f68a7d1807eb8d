//! What is told of a client's doings, as a core sees it; the sessions make events of it.

use model::event::Fields;
use serde_json::{Value, json};

/// Bytes of a text that are told, and texts of a list.
const TOLD: usize = 1024;
const MOST: usize = 24;

#[derive(Debug)]
pub(in crate::services) struct Record {
    pub kind: &'static str,
    pub fields: Fields,
}

// === impl Record ===

impl Record {
    pub(in crate::services) fn new(kind: &'static str, fields: Value) -> Self {
        let fields = match fields {
            Value::Object(fields) => fields,
            _ => Fields::new(),
        };
        Self { kind, fields }
    }
}

pub(in crate::services) fn short(text: &str) -> String {
    text[..text.floor_char_boundary(TOLD)].to_owned()
}

pub(in crate::services) fn shorts(texts: &[String]) -> Value {
    json!(texts.iter().take(MOST).map(|text| short(text)).collect::<Vec<_>>())
}
