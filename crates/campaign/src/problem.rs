//! What is wrong with an input, and where.

use std::fmt;

use serde::Serialize;

/// Everything found in one reading, not the first alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(Vec<Problem>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub severity: Severity,
    /// One sentence in the words of who wrote the file.
    pub message: String,
    pub file: String,
    /// From 1; none when only the file is known.
    pub line: Option<usize>,
    /// From 1.
    pub column: Option<usize>,
    /// The line as written, shortened.
    pub text: String,
    pub help: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Warning,
    Error,
}

/// Characters of a line that are shown.
const SHOWN: usize = 100;

// === impl Problems ===

impl Problems {
    /// A broken file says this much of itself and no more.
    pub const MAX: usize = 50;

    pub fn push(&mut self, problem: Problem) {
        if self.0.len() < Self::MAX || (problem.severity == Severity::Error && !self.has_errors()) {
            self.0.push(problem);
        }
    }

    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|problem| problem.severity == Severity::Error)
    }

    pub(crate) fn errors(&self) -> usize {
        self.0
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .count()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.0.len() >= Self::MAX
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    pub fn extend(&mut self, more: Self) {
        for problem in more.0 {
            self.push(problem);
        }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            let line_break = if n > 0 { "\n" } else { "" };
            write!(f, "{line_break}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

// === impl Problem ===

impl Problem {
    pub fn error(file: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            file: file.to_owned(),
            line: None,
            column: None,
            text: String::new(),
            help: None,
        }
    }

    pub fn warning(file: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(file, message)
        }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says where; `source` is the whole text, of which the line is shown.
    pub fn at(mut self, (line, column): (usize, usize), source: &str) -> Self {
        (self.line, self.column) = (Some(line), Some(column));
        let written = source.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        self.text = written.trim().chars().take(SHOWN).collect();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}\n  --> {}", self.message, self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}  {}", self.text)?;
        }
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}
