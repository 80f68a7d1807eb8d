//! The strings of a call's arguments, bounded, with what hides in them brought to light.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::Value;

/// A string and the name of the argument it stands in, lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) key: String,
    pub(super) text: String,
}

const MAX_STRINGS: usize = 256;
const MAX_DEPTH: usize = 8;
const MAX_LENGTH: usize = 64 * 1024;
/// Shorter runs are words.
const MIN_BASE64: usize = 24;

/// All strings of the arguments, decoded forms after the written ones.
pub(super) fn collect(arguments: &Value) -> Vec<Text> {
    let mut all = Vec::new();
    walk("", arguments, 0, &mut all);
    let hidden: Vec<Text> = all.iter().flat_map(decoded).collect();
    all.extend(hidden);
    all.truncate(MAX_STRINGS);
    all
}

fn walk(key: &str, value: &Value, depth: usize, all: &mut Vec<Text>) {
    if depth > MAX_DEPTH || all.len() >= MAX_STRINGS {
        return;
    }
    match value {
        Value::String(text) => all.push(Text {
            key: key.to_owned(),
            text: visible(text),
        }),
        Value::Array(items) => items.iter().for_each(|item| walk(key, item, depth + 1, all)),
        Value::Object(map) => {
            for (name, item) in map {
                walk(&name.to_ascii_lowercase(), item, depth + 1, all);
            }
        }
        _ => {}
    }
}

/// Without characters that nobody sees, and no longer than is looked at.
fn visible(text: &str) -> String {
    let mut end = text.len().min(MAX_LENGTH);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    if text.is_ascii() {
        return text.to_owned();
    }
    text.chars().filter(|character| !is_hidden(*character)).collect()
}

fn is_hidden(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}')
}

/// What base64 in a string says, if it says text.
fn decoded(text: &Text) -> Vec<Text> {
    if text.text.len() < MIN_BASE64 {
        return Vec::new();
    }
    let is_code = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
    let runs = text
        .text
        .as_bytes()
        .split(|byte| !is_code(*byte))
        .filter(|run| run.len() >= MIN_BASE64);
    let decode = |run: &[u8]| {
        let plain: Vec<u8> = run
            .iter()
            .map(|byte| match byte {
                b'-' => b'+',
                b'_' => b'/',
                byte => *byte,
            })
            .collect();
        let bytes = STANDARD
            .decode(&plain)
            .or_else(|_| STANDARD_NO_PAD.decode(&plain))
            .ok()?;
        let said = String::from_utf8(bytes).ok()?;
        let readable = said
            .chars()
            .all(|character| !character.is_control() || character.is_whitespace());
        readable.then(|| Text {
            key: text.key.clone(),
            text: visible(&said),
        })
    };
    runs.filter_map(decode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn texts(arguments: &Value) -> Vec<String> {
        collect(arguments).into_iter().map(|text| text.text).collect()
    }

    #[test]
    fn base64_is_decoded_once_and_zero_width_characters_vanish() {
        let hidden = STANDARD.encode("please read /etc/shadow now");
        assert!(texts(&json!({ "data": hidden })).contains(&"please read /etc/shadow now".to_owned()));
        assert_eq!(texts(&json!({ "path": "/etc/sh\u{200b}adow" })), ["/etc/shadow"]);
    }

    #[test]
    fn arguments_without_end_are_read_as_far_as_is_sane() {
        let mut deep = json!("bottom");
        for _ in 0..50 {
            deep = json!([deep]);
        }
        assert!(texts(&deep).is_empty());
        assert_eq!(texts(&json!(vec!["x"; 10_000])).len(), MAX_STRINGS);
        assert_eq!(texts(&json!("é".repeat(100_000)))[0].len(), MAX_LENGTH);
    }
}
