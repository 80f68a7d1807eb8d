//! Characters that do not show as themselves.

/// Control characters, which terminals obey, and those that hide or turn the direction of writing: no text from outside
/// is shown with them.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_or_does_not_show_is_hidden() {
        assert!(
            "\u{1b}\u{7f}\u{9b}\r\n\0\u{202e}\u{2066}\u{feff}\u{e0041}"
                .chars()
                .all(is_hidden)
        );
        assert!(!"aé \\漢🦀".chars().any(is_hidden));
    }
}
