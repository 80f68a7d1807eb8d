//! JSON objects with their members in the order a Go struct has them.

use serde::Serialize;

/// An object that is being written.
pub(in crate::services) struct Object(String);

// === impl Object ===

impl Object {
    pub(in crate::services) fn new() -> Self {
        Self("{".to_owned())
    }

    pub(in crate::services) fn put(self, name: &str, value: impl Serialize) -> Self {
        // Only maps with keys that are no text cannot be written.
        let value = serde_json::to_string(&value).unwrap_or_default();
        self.raw(name, &value)
    }

    /// A member that is JSON already.
    pub(in crate::services) fn raw(mut self, name: &str, json: &str) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
        self.0.push_str(json);
        self
    }

    pub(in crate::services) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A list of what is JSON already.
pub(in crate::services) fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    format!("[{}]", items.join(","))
}

/// As Go escapes JSON that may end up in a page.
pub(in crate::services) fn html_safe(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}
