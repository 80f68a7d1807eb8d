//! How commands end: what went wrong, what to do, and the exit code (wiki/CLI.md).

use std::fmt;

use crate::output::{Closed, tell};

/// Exit codes, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Bad input, or something asked for does not exist.
    Invalid = 1,
    /// Wrong usage.
    Usage = 2,
    /// Docker, the database or the bus cannot be reached.
    Unreachable = 3,
    /// Some of it was done.
    Partial = 4,
    /// Somebody else is at it, or the state does not allow it.
    Conflict = 5,
    Interrupted = 130,
}

#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    pub what: String,
    pub help: Option<String>,
}

pub type Result<T = ()> = anyhow::Result<T>;

/// Gives an error an exit code.
pub trait Coded<T> {
    fn or_exit(self, code: Code) -> Result<T>;
}

// === impl Failure ===

impl Failure {
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        Self {
            code,
            what: what.into(),
            help: None,
        }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

impl<T, E: std::error::Error + Send + Sync + 'static> Coded<T> for std::result::Result<T, E> {
    fn or_exit(self, code: Code) -> Result<T> {
        self.map_err(|error| {
            let what = chain(&error);
            anyhow::Error::new(Failure::new(code, what))
        })
    }
}

/// Says the error on stderr and returns the code to end with. An answer that nobody reads to its end is no error.
pub fn report(error: &anyhow::Error) -> i32 {
    if error.is::<Closed>() {
        return 0;
    }
    match error.downcast_ref::<Failure>() {
        Some(failure) => {
            if !failure.what.is_empty() {
                tell(format_args!("error: {}\n", failure.what));
            }
            if let Some(help) = &failure.help {
                tell(format_args!("  help: {help}\n"));
            }
            failure.code as i32
        }
        None => {
            tell(format_args!("error: {error:#}\n"));
            Code::Invalid as i32
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
