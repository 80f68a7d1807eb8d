//! Text that may hold anything, made fit to stand in a message (decoys.md §2.2).

/// The text with control characters written as `\xNN`, one for each byte, cut after at most `max` bytes of that; and
/// whether it was cut. Printable text comes out as it went in.
pub(crate) fn visible(text: &str, max: usize) -> (String, bool) {
    let mut out = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        let before = out.len();
        push(&mut out, c);
        if out.len() > max {
            out.truncate(before);
            return (out, true);
        }
    }
    (out, false)
}

/// As the value of an SD-PARAM: `"`, `\` and `]` get a backslash before them (RFC 5424 §6.3.3).
pub(crate) fn quote(value: &str, out: &mut String) {
    for c in value.chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
}

/// Printable ASCII only, at most `max` characters, `-` when nothing is there: a header field.
pub(crate) fn header(text: &str, max: usize) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    text.chars()
        .take(max)
        .map(|c| if c.is_ascii_graphic() { c } else { '_' })
        .collect()
}

/// `[a-z][a-z0-9_]{0,31}`, leaving `room` for a suffix.
pub(crate) fn name(text: &str, room: usize) -> String {
    let known = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_');
    let mut name: String = text
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if known(c) { c } else { '_' })
        .take(32 - room)
        .collect();
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.insert(0, 'f');
        name.truncate(32 - room);
    }
    name
}

fn push(out: &mut String, c: char) {
    use std::fmt::Write as _;
    if !model::is_hidden(c) {
        return out.push(c);
    }
    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
        let _ = write!(out, "\\x{byte:02X}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_end_a_line_or_move_a_cursor_becomes_visible() {
        let given = "a\r\n\0\u{1b}[2J\u{7f}\u{9b}é\u{202e}\\";
        assert_eq!(visible(given, 100).0, r"a\x0D\x0A\x00\x1B[2J\x7F\xC2\x9Bé\xE2\x80\xAE\");
    }

    #[test]
    fn a_cut_never_leaves_half_of_a_character_or_of_its_escape() {
        assert_eq!(visible("ab\ncd", 5), ("ab".into(), true));
        assert_eq!(visible("ab\ncd", 6), ("ab\\x0A".into(), true));
        assert_eq!(visible("é", 1), (String::new(), true));
        assert_eq!(visible("abc", 3), ("abc".into(), false));
    }

    #[test]
    fn any_name_becomes_a_usable_one() {
        assert_eq!(name("User-Agent", 0), "user_agent");
        assert_eq!(name("", 0), "f");
        assert_eq!(name("9=\"]", 0), "f9___");
        assert_eq!(name(&"x".repeat(99), 6).len(), 26);
        assert_eq!(name(&"9".repeat(99), 0).len(), 32);
    }
}
