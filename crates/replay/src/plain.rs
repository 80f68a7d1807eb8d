//! The text of a recording without what steers a terminal: safe to print anywhere.

/// Takes terminal control out of what was shown, across pieces.
#[derive(Debug, Default)]
pub struct Plain {
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    Escape,
    /// After `ESC [`, until a final byte.
    Control,
    /// After `ESC ]`, `P`, `X`, `^`, `_`: a string that a BEL or `ESC \` ends.
    String,
    StringEscape,
    /// After `ESC (` and the like: one more byte.
    One,
}

// === impl Plain ===

impl Plain {
    pub fn text(&mut self, shown: &[u8]) -> String {
        let mut kept = Vec::with_capacity(shown.len());
        for &byte in shown {
            let (next, keep) = self.step(byte);
            self.state = next;
            if keep {
                kept.push(byte);
            }
        }
        let text = String::from_utf8_lossy(&kept);
        text.chars()
            .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
            .collect()
    }

    fn step(&self, byte: u8) -> (State, bool) {
        match (self.state, byte) {
            (State::String, 0x07) | (State::StringEscape, b'\\') => (State::Text, false),
            (State::String, 0x1b) => (State::StringEscape, false),
            (State::String | State::StringEscape, _) => (State::String, false),
            (_, 0x1b) => (State::Escape, false),
            (State::Text, _) => (State::Text, true),
            (State::Escape, b'[') => (State::Control, false),
            (State::Escape, b']' | b'P' | b'X' | b'^' | b'_') => (State::String, false),
            (State::Escape, b' '..=b'/') => (State::One, false),
            (State::Escape | State::One, _) => (State::Text, false),
            (State::Control, 0x40..=0x7e) => (State::Text, false),
            (State::Control, _) => (State::Control, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sequences_go_and_text_stays_even_when_they_are_cut_in_two() {
        let mut plain = Plain::default();
        let text: String = [&b"\x1b[1;3"[..], b"1mred\x1b[0m\r\n\x1b]0;ti", b"tle\x07$ \x1b(Bok\x08"]
            .iter()
            .map(|piece| plain.text(piece))
            .collect();
        assert_eq!(text, "red\n$ ok");
    }
}
