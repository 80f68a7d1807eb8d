//! The grid on this host: planning, deploying, removing, looking at it.

use crate::exit::{Code, Failure};

/// An engine's error with the exit code its kind has.
pub fn engine_failed(error: engine::Error) -> anyhow::Error {
    let code = match error.kind() {
        engine::Kind::Invalid => Code::Invalid,
        engine::Kind::Runtime => Code::Unreachable,
        engine::Kind::Conflict => Code::Conflict,
    };
    Failure::new(code, error.to_string()).into()
}
