//! The one canonical form of a decky's name (deploy.md §1, B-02).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A DNS label: `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`. Used for container names, bus subjects, paths and rows alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a usable name: letters, digits and inner hyphens only, at most 63")]
pub struct NameError {
    pub given: String,
}

// === impl Name ===

impl Name {
    pub const MAX: usize = 63;

    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        if is_label(&text) {
            Ok(Self(text))
        } else {
            Err(NameError { given: text })
        }
    }

    /// Lower-cases and maps `_` and `.` to `-`; an error when that does not yield a label.
    pub fn normalise(text: &str) -> Result<Self, NameError> {
        let mapped = text.trim().to_ascii_lowercase().replace(['_', '.'], "-");
        Self::new(mapped).map_err(|_| NameError { given: text.to_owned() })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

fn is_label(text: &str) -> bool {
    let edge = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    matches!(bytes, [first, .., last] if edge(*first) && edge(*last))
        && bytes.len() <= Name::MAX
        && bytes.iter().all(|&b| edge(b) || b == b'-')
        || matches!(bytes, [only] if edge(*only))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_name_and_anything_else_is_refused() {
        for good in ["a", "web-01", "9", &"a".repeat(63)] {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "a_b", "a b", "ä", &"a".repeat(64)] {
            assert!(Name::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn normalising_lowers_and_maps_separators() {
        assert_eq!(Name::normalise("Web.Corp_1").unwrap().as_str(), "web-corp-1");
        assert!(Name::normalise("web corp").is_err());
    }
}
