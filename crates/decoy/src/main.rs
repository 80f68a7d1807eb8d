//! The first process of a decoy machine.

use std::io::Write;
use std::process::ExitCode;

use decoy::{supervisor, sys};

/// Started wrongly; nothing was changed.
const USAGE: u8 = 64;
/// The operating system would not have it.
const OS_ERROR: u8 = 71;
/// The environment variable the boot spec comes in.
const SPEC: &str = "TERMCAP";

fn main() -> ExitCode {
    let hidden = sys::hide();
    let outcome = match hidden {
        Ok(()) => boot(),
        Err(error) => Err((OS_ERROR, format!("cannot hide from the machine: {error}"))),
    };
    outcome.unwrap_or_else(|(code, message)| {
        let _ = writeln!(std::io::stderr(), "init: {message}");
        ExitCode::from(code)
    })
}

fn boot() -> Result<ExitCode, (u8, String)> {
    // It makes users and rewrites files in `/`: never where a machine is not its own.
    if std::process::id() != 1 {
        return Err((
            USAGE,
            "must be the first process of its machine; nothing was changed".into(),
        ));
    }
    let text = std::env::var(SPEC).map_err(|_| (USAGE, format!("no boot spec: {SPEC} is not set")))?;
    let spec = supervisor::read_spec(&text).map_err(|error| (USAGE, error.to_string()))?;
    let name = std::env::args().next().unwrap_or_else(|| "/sbin/init".into());
    let os = |error: std::io::Error| (OS_ERROR, error.to_string());
    let title = sys::Title::claim().map_err(os)?;
    title.set(&name);
    supervisor::run(spec, title).map_err(os)
}
