//! What a subscriber listens to: `*` is exactly one part, `>` one or more at the end.

use std::borrow::Cow;
use std::fmt;

use crate::subject::{Subject, SubjectError, is_literal};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern(Cow<'static, str>);

// === impl Pattern ===

impl Pattern {
    pub fn parse(text: &str) -> Result<Self, SubjectError> {
        let last = text.split('.').count() - 1;
        let sound = |(n, token): (usize, &str)| token == "*" || (token == ">" && n == last) || is_literal(token);
        if text.len() <= Subject::MAX && text.split('.').enumerate().all(sound) {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err(SubjectError::MalformedPattern(text.to_owned()))
        }
    }

    /// A pattern known when the program is compiled, where a malformed one is then a compile error.
    ///
    /// ```
    /// const EVENTS: bus::Pattern = bus::Pattern::fixed("event.>");
    /// ```
    ///
    /// ```compile_fail
    /// const WRONG: bus::Pattern = bus::Pattern::fixed("event.>.ssh");
    /// ```
    pub const fn fixed(text: &'static str) -> Self {
        assert!(is_plain_pattern(text.as_bytes()), "not a pattern");
        Self(Cow::Borrowed(text))
    }

    pub fn matches(&self, subject: &Subject) -> bool {
        let mut wanted = self.0.split('.');
        let mut given = subject.tokens();
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(">"), Some(_)) => return true,
                (Some("*"), Some(_)) => {}
                (Some(want), Some(have)) if want == have => {}
                _ => return false,
            }
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Subject> for Pattern {
    fn from(subject: &Subject) -> Self {
        Self(Cow::Owned(subject.as_str().to_owned()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As [`Pattern::parse`] judges, for ASCII and in const.
const fn is_plain_pattern(text: &[u8]) -> bool {
    let mut at = 0;
    let mut token = 0; // bytes of the current token so far
    while at < text.len() {
        match text[at] {
            b'.' if token == 0 => return false,
            b'.' => token = 0,
            b'*' | b'>' => {
                let ends = at + 1 == text.len();
                let alone = token == 0 && (ends || text[at + 1] == b'.');
                if !alone || (text[at] == b'>' && !ends) {
                    return false;
                }
                token = 1;
            }
            0x21..=0x7e => token += 1,
            _ => return false,
        }
        at += 1;
    }
    token > 0 && text.len() <= Subject::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, subject: &str) -> bool {
        Pattern::parse(pattern)
            .unwrap()
            .matches(&Subject::parse(subject).unwrap())
    }

    #[test]
    fn wildcards_stand_for_what_they_promise() {
        for (pattern, subject) in [
            ("a.b", "a.b"),
            ("a.*", "a.b"),
            ("a.*.c", "a.b.c"),
            ("a.>", "a.b"),
            ("a.>", "a.b.c"),
            (">", "a"),
            ("*", "a"),
        ] {
            assert!(matches(pattern, subject), "{pattern} should match {subject}");
        }
        for (pattern, subject) in [
            ("a.>", "a"),
            ("a.*", "a"),
            ("a.*", "a.b.c"),
            ("a.*.c", "a.b.d"),
            ("*", "a.b"),
            ("a.b", "A.b"),
            ("a", "a.b"),
        ] {
            assert!(!matches(pattern, subject), "{pattern} should not match {subject}");
        }
    }

    #[test]
    fn a_malformed_pattern_is_refused() {
        for bad in ["", ".", "a.", "a..b", "a.>.b", ">.a", "a*", "*a.b", "a>", "a b", "a.\n"] {
            assert!(Pattern::parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn the_compile_time_judgement_is_the_run_time_one(text in "[ab.*> ]{0,8}") {
            prop_assert_eq!(is_plain_pattern(text.as_bytes()), Pattern::parse(&text).is_ok());
        }
    }
}
