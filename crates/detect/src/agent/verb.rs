//! A tool's name as words: `mcp__fs__readFile` and `functions.read-file` are both `read_file`.

use unicode_normalization::UnicodeNormalization as _;

/// Lower-case words joined by `_`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verb(String);

/// Longer names are cut.
const MAX_NAME: usize = 256;

// === impl Verb ===

impl Verb {
    pub(super) fn of(name: &str) -> Self {
        let name: String = name.chars().take(MAX_NAME).nfkc().collect();
        let name = name.trim();
        let last = name
            .rsplit(['.', '/', ':'])
            .find(|part| !part.is_empty())
            .unwrap_or_default();
        let last = last.rsplit("__").find(|part| !part.is_empty()).unwrap_or_default();
        let mut words = String::with_capacity(last.len() + 4);
        let mut before = '_';
        let mut letters = last.chars().peekable();
        while let Some(letter) = letters.next() {
            let next_is_lower = letters.peek().is_some_and(|next| next.is_lowercase());
            let starts_word = letter.is_uppercase()
                && (before.is_lowercase() || before.is_ascii_digit() || (before.is_uppercase() && next_is_lower));
            if letter == '-' || letter == ' ' || letter == '_' {
                if !words.ends_with('_') && !words.is_empty() {
                    words.push('_');
                }
            } else {
                if starts_word && !words.ends_with('_') {
                    words.push('_');
                }
                words.extend(letter.to_lowercase());
            }
            before = letter;
        }
        Self(words.trim_end_matches('_').to_owned())
    }

    /// The verb begins with this word, or these words.
    pub(super) fn begins(&self, words: &str) -> bool {
        self.0
            .strip_prefix(words)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    }

    pub(super) fn begins_any(&self, all: &[&str]) -> bool {
        all.iter().any(|words| self.begins(words))
    }

    /// A word after the first begins with one of these.
    pub(super) fn names_any(&self, nouns: &[&str]) -> bool {
        self.0
            .split('_')
            .skip(1)
            .any(|word| nouns.iter().any(|noun| word.starts_with(noun)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_fashions_become_words() {
        for (name, verb) in [
            ("read_file", "read_file"),
            ("readFile", "read_file"),
            ("ReadFile", "read_file"),
            ("read-file", "read_file"),
            ("mcp__fs__readFile", "read_file"),
            ("functions.read-file", "read_file"),
            ("fs/read_file", "read_file"),
            ("tools:read_file", "read_file"),
            ("HTTPPost", "http_post"),
            ("httpPOST", "http_post"),
            ("ｒｅａｄ_file", "read_file"),
            ("s3Upload", "s3_upload"),
            ("", ""),
            ("___", ""),
        ] {
            assert_eq!(Verb::of(name).0, verb, "{name}");
        }
    }

    #[test]
    fn a_word_is_a_whole_word() {
        assert!(Verb::of("post_message").begins("post"));
        assert!(!Verb::of("postgres_query").begins("post"));
        assert!(Verb::of("get_credentials").names_any(&["credential"]));
        assert!(!Verb::of("credentials").names_any(&["credential"]));
    }
}
