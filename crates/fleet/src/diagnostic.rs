//! What is wrong with an input, where, and what to do: for people as text, for programs as JSON.

use std::fmt::{self, Write as _};

use serde::Serialize;

/// Every finding of one reading, not the first alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Diagnostics(Vec<Diagnostic>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Stable, `E_IP_DUPLICATE`.
    pub code: &'static str,
    /// One sentence in the operator's words.
    pub message: String,
    /// Where it is; several when the places disagree with each other. Empty for what came from flags.
    pub places: Vec<Place>,
    /// What to do about it.
    pub help: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Warning,
    Error,
}

/// A point in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    pub file: String,
    /// From 1; none when only the file is known.
    pub line: Option<usize>,
    /// In characters, from 1.
    pub column: Option<usize>,
    /// The line as written; empty where it holds a secret.
    pub text: String,
}

// === impl Diagnostic ===

impl Diagnostic {
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message.into())
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message.into())
    }

    fn new(severity: Severity, code: &'static str, message: String) -> Self {
        Self {
            severity,
            code,
            message,
            places: Vec::new(),
            help: None,
        }
    }

    pub fn at(mut self, place: impl IntoIterator<Item = Place>) -> Self {
        self.places.extend(place);
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

// === impl Diagnostics ===

impl Diagnostics {
    /// A broken input says this much of itself and no more.
    pub const MAX: usize = 200;

    /// Saying the same of the same place once is enough.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.0.contains(&diagnostic) {
            return;
        }
        if self.0.len() < Self::MAX {
            self.0.push(diagnostic);
            return;
        }
        let severity = diagnostic.severity;
        match self.0.get_mut(Self::MAX) {
            Some(more) => more.severity = more.severity.max(severity),
            None => self.0.push(Diagnostic::new(
                severity,
                "E_MANY",
                "there is more than is shown here".into(),
            )),
        }
    }

    pub fn has_errors(&self) -> bool {
        self.0.iter().any(Diagnostic::is_error)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// The value when nothing is wrong with it; warnings go along.
    pub fn and<T>(self, value: T) -> Result<(T, Self), Self> {
        if self.has_errors() {
            Err(self)
        } else {
            Ok((value, self))
        }
    }

    /// In the order of the file; what has no place comes first.
    pub fn sort(&mut self) {
        self.0.sort_by(|a, b| a.places.first().cmp(&b.places.first()));
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, more: I) {
        for diagnostic in more {
            self.push(diagnostic);
        }
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(iter: I) -> Self {
        let mut all = Self::default();
        all.extend(iter);
        all
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Self {
        Self(vec![one])
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl std::error::Error for Diagnostics {}

// === impl Place ===

impl Place {
    pub fn file(file: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line: None,
            column: None,
            text: String::new(),
        }
    }

    pub fn line(mut self, line: usize, column: usize) -> Self {
        (self.line, self.column) = (Some(line), Some(column));
        self
    }

    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }
}

// === text ===

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, diagnostic) in self.0.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Diagnostic {
    /// `error: …`, one `-->` line a place, one `help:` line; no newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity, Shown(&self.message))?;
        for place in &self.places {
            write!(f, "\n  --> {place}")?;
        }
        match &self.help {
            Some(help) => write!(f, "\n  help: {}", Shown(help)),
            None => Ok(()),
        }
    }
}

/// A text from outside: what a terminal would obey is escaped. Our own texts may have several lines.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\n' => f.write_char(c),
            c if model::is_hidden(c) => write!(f, "{}", c.escape_default()),
            c => f.write_char(c),
        })
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(&self.file).fmt(f)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.text.is_empty() {
            write!(f, "  {}", Shown(&self.text))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let place = Place::file("a\x1b[2J.ini").line(1, 1).text("ip = \u{9b}1m\u{202e}");
        let shown = Diagnostic::error("E_X", "`\x07` is no address").at([place]).to_string();
        assert_eq!(
            shown,
            "error: `\\u{7}` is no address\n  --> a\\u{1b}[2J.ini:1  ip = \\u{9b}1m\\u{202e}"
        );
    }

    #[test]
    fn two_places_that_disagree_are_both_shown() {
        let line = |n| Place::file("lab.ini").line(n, 1).text("ip = 10.20.0.14");
        let shown = Diagnostic::error(
            "E_IP_DUPLICATE",
            "decky `web-01` and decky `db-01` both ask for 10.20.0.14",
        )
        .at([line(23), line(31)])
        .help("remove one `ip =` line to have an address allocated")
        .to_string();
        assert_eq!(
            shown,
            "error: decky `web-01` and decky `db-01` both ask for 10.20.0.14\n  \
             --> lab.ini:23  ip = 10.20.0.14\n  \
             --> lab.ini:31  ip = 10.20.0.14\n  \
             help: remove one `ip =` line to have an address allocated"
        );
    }

    #[test]
    fn endless_trouble_is_cut_short_and_says_so() {
        let mut all: Diagnostics = (0..10_000)
            .map(|n| Diagnostic::warning("W_TEST", n.to_string()))
            .collect();
        assert_eq!(all.len(), Diagnostics::MAX + 1);
        assert!(!all.has_errors());
        all.push(Diagnostic::error("E_TEST", "an error among the unshown counts"));
        assert_eq!(all.len(), Diagnostics::MAX + 1);
        assert!(all.has_errors());
    }
}
