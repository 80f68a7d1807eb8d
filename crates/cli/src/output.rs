//! Answers: tables for people, JSON for machines.

use std::fmt;
use std::io::{self, IsTerminal, Write as _};

use comfy_table::{ContentArrangement, Table};
use serde::Serialize;
use time::OffsetDateTime;

use crate::args::Global;
use crate::exit::Result;

/// How to speak.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    pub json: bool,
    pub quiet: bool,
    /// Colour on stdout.
    pub colour: bool,
    /// Progress bars on stderr.
    pub bars: bool,
    /// Lines of progress on stderr, where there is no terminal for bars.
    pub lines: bool,
}

/// Nobody reads the answer any more (`decnet ... | head`): an end, not an error.
#[derive(Clone, Copy, Debug)]
pub struct Closed;

/// Writes to stdout; [`Closed`] when nobody reads it.
pub fn print(text: fmt::Arguments<'_>) -> Result {
    io::stdout().lock().write_fmt(text).map_err(unwritten)
}

/// As [`print`], and at once, whatever the bytes.
pub fn show(bytes: &[u8]) -> Result {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(unwritten)
}

fn unwritten(error: io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Closed.into(),
        _ => error.into(),
    }
}

/// Writes to stderr; when nobody reads that there is nowhere left to complain.
pub fn tell(text: fmt::Arguments<'_>) {
    let _ = io::stderr().lock().write_fmt(text);
}

/// An answer that was cut short because nobody read on is as good as said.
pub fn heard(printed: Result) -> Result {
    match printed {
        Err(error) if error.is::<Closed>() => Ok(()),
        other => other,
    }
}

/// Prints a line of the answer.
macro_rules! say {
    () => { $crate::output::print(format_args!("\n")) };
    ($($text:tt)*) => { $crate::output::print(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use say;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads the answer any more")
    }
}

impl std::error::Error for Closed {}

// === impl Output ===

impl Output {
    pub fn of(global: &Global) -> Self {
        let plain = is_plain(global);
        let (shows, on_terminal) = (!global.quiet && !global.json, std::io::stderr().is_terminal());
        Self {
            json: global.json,
            quiet: global.quiet,
            colour: !plain && std::io::stdout().is_terminal(),
            bars: shows && on_terminal,
            lines: shows && !on_terminal,
        }
    }

    /// Rows as JSON, or as a table; `empty` is what is said when there is none.
    pub fn list<T: Serialize>(
        &self,
        rows: &[T],
        header: &[&str],
        cells: impl Fn(&T) -> Vec<String>,
        empty: &str,
    ) -> Result {
        if self.json {
            return self.value(&rows);
        }
        if rows.is_empty() {
            self.note(empty);
            return Ok(());
        }
        let mut table = Table::new();
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(header.to_vec());
        for row in rows {
            table.add_row(cells(row));
        }
        say!("{}", table.trim_fmt())
    }

    pub fn value<T: Serialize + ?Sized>(&self, value: &T) -> Result {
        say!("{}", serde_json::to_string_pretty(value)?)
    }

    /// Something worth knowing that is not the answer.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            tell(format_args!("{text}\n"));
        }
    }
}

/// `12 s ago`, `3 h ago`.
pub fn ago(then: OffsetDateTime, now: OffsetDateTime) -> String {
    let seconds = (now - then).whole_seconds().max(0);
    match seconds {
        0..=119 => format!("{seconds} s ago"),
        120..=7_199 => format!("{} min ago", seconds / 60),
        7_200..=172_799 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// A kind's name as in JSON, in words.
pub fn words(kind: impl Serialize) -> String {
    let name = serde_json::to_value(kind).unwrap_or_default();
    name.as_str().unwrap_or_default().replace('_', " ")
}

/// No colour is wanted, wherever it goes.
pub fn is_plain(global: &Global) -> bool {
    global.no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;

    #[test]
    fn ages_are_said_in_the_unit_that_fits() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(100);
        for (age, said) in [
            (5, "5 s ago"),
            (130, "2 min ago"),
            (7_300, "2 h ago"),
            (864_000, "10 d ago"),
        ] {
            assert_eq!(ago(now - Duration::seconds(age), now), said);
        }
    }
}
