//! How much of what an attacker may say is kept, and in what form every engine can keep it.

use model::Fields;
use serde_json::Value;

/// Bytes of an event's fields as JSON. A decoy's line is shorter, so only foreign sources ever meet this bound.
const FIELDS: usize = 65_536;
/// Bytes kept of one value of fields that are too long together.
const VALUE: usize = 2_048;
const FIELD_NAME: usize = 32;
/// Set on fields that are not whole.
const CUT: &str = "fields_trunc";

/// At most `max` bytes of the text, whole characters. NUL, which PostgreSQL keeps in no text, becomes U+FFFD; the
/// event's own fields, being JSON, still say exactly what it was.
pub(super) fn text(text: &str, max: usize) -> String {
    let cut = prefix(text, max);
    if cut.contains('\0') {
        cut.replace('\0', "\u{fffd}")
    } else {
        cut.to_owned()
    }
}

/// The fields as JSON text within bounds.
pub(super) fn fields(fields: &Fields) -> String {
    let whole = serde_json::to_string(fields).unwrap_or_default();
    if whole.len() <= FIELDS { whole } else { cut(fields) }
}

fn cut(fields: &Fields) -> String {
    let mut kept = Fields::new();
    let mut room = FIELDS - CUT.len() - 16;
    for (name, value) in fields {
        let text = match value {
            Value::String(text) => Value::from(prefix(text, VALUE)),
            other => match other.to_string() {
                long if long.len() > VALUE => Value::from(prefix(&long, VALUE)),
                _ => other.clone(),
            },
        };
        // Quotes, colon and comma; escapes can make a value six times as long.
        let length = text.to_string().len() + FIELD_NAME * 6 + 4;
        if length > room {
            break;
        }
        room -= length;
        kept.insert(prefix(name, FIELD_NAME).to_owned(), text);
    }
    kept.insert(CUT.to_owned(), Value::Bool(true));
    serde_json::to_string(&kept).unwrap_or_default()
}

fn prefix(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_never_holds_nul() {
        assert_eq!(text("naïve", 3), "na");
        assert_eq!(text("naïve", 4), "naï");
        assert_eq!(text("a\0b", 10), "a\u{fffd}b");
    }

    #[test]
    fn fields_within_bounds_are_kept_to_the_letter() {
        let given: Fields = serde_json::from_str(r#"{"b":"\u0000\\","a":[1,2]}"#).unwrap();
        assert_eq!(serde_json::from_str::<Fields>(&fields(&given)).unwrap(), given);
    }

    #[test]
    fn fields_beyond_bounds_are_cut_and_say_so() {
        let mut given = Fields::new();
        for n in 0..500 {
            given.insert(format!("f{n}"), Value::from("\u{1}".repeat(5_000)));
        }
        given.insert("x".repeat(100_000), Value::from(vec![7; 50_000]));
        let kept = fields(&given);
        assert!(kept.len() <= FIELDS, "{}", kept.len());
        let kept: Fields = serde_json::from_str(&kept).unwrap();
        assert_eq!(kept[CUT], true);
        assert!(kept.len() > 3);
    }
}
