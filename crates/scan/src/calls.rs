//! Tool calls judged one by one, as the API would.

use std::path::Path;

use detect::input::call;
use detect::{Decision, Engine, Input, Setup, Verdict};
use serde::Serialize;

use crate::error::Error;
use crate::lines::{Line, Lines};
use crate::open::open;

/// One call's verdict.
#[derive(Debug, Serialize)]
pub struct Checked {
    pub seq: u64,
    pub agent_id: String,
    pub tool_name: String,
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Judges every call of a file of JSON lines in its order. Returns whether any was flagged or blocked, and how many
/// lines could not be read.
///
/// # Errors
/// When the file cannot be read, or holds no call at all.
pub fn replay(path: &Path, setup: Setup, mut tell: impl FnMut(&Checked)) -> Result<(bool, u64), Error> {
    let input = open(path)?;
    let mut engine = Engine::new(setup, Input::Tools);
    let mut lines = Lines::new(input.bytes);
    let (mut seq, mut bad, mut any) = (0, 0, false);
    loop {
        let line = lines.next().map_err(|error| Error::io(&input.file, error))?;
        let Some(line) = line else { break };
        let text = match line {
            Line::Text(text) if text.trim().is_empty() => continue,
            Line::Text(text) => text,
            Line::TooLong => {
                bad += 1;
                continue;
            }
        };
        let Ok((at, call)) = call(&text) else {
            bad += 1;
            continue;
        };
        let verdict = engine.check(at, &call);
        any |= verdict.decision != Decision::Allow;
        tell(&Checked {
            seq,
            agent_id: call.agent,
            tool_name: call.name,
            verdict,
        });
        seq += 1;
    }
    match (seq, bad) {
        (0, 0) => Err(Error::Empty { file: input.file }),
        (0, _) => Err(Error::NoLines { file: input.file }),
        _ => Ok((any, bad)),
    }
}
