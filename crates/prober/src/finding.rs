//! What a probe brought.

use std::time::Duration;

use model::Fields;
use serde_json::Value;
use store::ProbeOutcome;

/// One probe's answer on one port, or the lack of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    /// Another name than the probe's own, where one probe answers two questions.
    pub(crate) name: Option<&'static str>,
    pub(crate) port: Option<u16>,
    pub(crate) outcome: ProbeOutcome,
    pub(crate) reason: Option<String>,
    pub(crate) hash: Option<String>,
    pub(crate) fields: Fields,
    pub(crate) took: Duration,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failed {
    #[error("refused")]
    Refused,
    #[error("timeout")]
    Timeout,
    #[error("reset")]
    Reset,
    #[error("protocol: {0}")]
    Protocol(String),
    #[error("network: {0}")]
    Network(String),
}

// === impl Finding ===

impl Finding {
    pub(crate) fn answered(port: Option<u16>, hash: Option<String>, fields: Fields) -> Self {
        Self {
            name: None,
            port,
            outcome: ProbeOutcome::Answered,
            reason: None,
            hash,
            fields,
            took: Duration::ZERO,
        }
    }

    pub(crate) fn silent(port: Option<u16>) -> Self {
        Self {
            outcome: ProbeOutcome::Silent,
            ..Self::answered(port, None, Fields::new())
        }
    }

    pub(crate) fn of_error(port: Option<u16>, error: &Failed) -> Self {
        Self {
            outcome: match error {
                Failed::Timeout => ProbeOutcome::Silent,
                _ => ProbeOutcome::Failed,
            },
            reason: Some(error.to_string()),
            ..Self::answered(port, None, Fields::new())
        }
    }
}

// === impl Failed ===

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, TimedOut, UnexpectedEof,
        };
        match error.kind() {
            ConnectionRefused => Self::Refused,
            ConnectionReset | ConnectionAborted | BrokenPipe => Self::Reset,
            TimedOut => Self::Timeout,
            UnexpectedEof => Self::Protocol("closed too early".to_owned()),
            _ => Self::Network(error.to_string()),
        }
    }
}

impl From<tokio::time::error::Elapsed> for Failed {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::Timeout
    }
}

/// Fields of an event from names and values.
pub(crate) fn fields<const N: usize>(pairs: [(&str, Value); N]) -> Fields {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
