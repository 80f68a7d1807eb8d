//! Files in, reports out: opens, unpacks and recognises an input, feeds it to the detection engine and says what became of
//! every part of it. Also the lab: inputs with known verdicts, the same bytes on every machine.
#![forbid(unsafe_code)]

mod calls;
mod captures;
mod error;
pub mod lab;
mod lines;
pub mod live;
mod open;
mod settings;

pub use calls::{Checked, replay};
pub use error::Error;
pub use open::InputType;
pub use settings::{Settings, intel, rules, settings};

use std::path::Path;

use detect::{Report, Setup};

/// How to read and judge.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub setup: Setup,
    /// What the input is, when its content is not to decide.
    pub input: Option<InputType>,
    /// A cut, broken or empty input is an error.
    pub strict: bool,
    /// Notices count for the verdict.
    pub strict_notices: bool,
}

/// Reads one file (`-` is standard input) to its end and reports.
///
/// # Errors
/// When nothing of the input could be read, or under `strict` not all of it.
pub fn scan(path: &Path, options: &Options) -> Result<Report, Error> {
    let mut input = open::open(path)?;
    let kind = match options.input {
        Some(kind) => kind,
        None => input.recognise()?,
    };
    let report = match kind {
        InputType::Pcap => captures::scan(input, options),
        _ => lines::scan(input, kind, options),
    }?;
    if options.strict
        && let Some(warning) = report.warnings.first()
    {
        return Err(Error::Strict {
            file: report.file,
            warning: warning.clone(),
        });
    }
    Ok(report)
}
