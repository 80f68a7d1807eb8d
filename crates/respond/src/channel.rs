//! One way of telling.

use std::time::Duration;

use detect::Severity;
use futures_util::future::BoxFuture;
use store::Delivery;

/// Tells one receiver, or does one thing.
pub(crate) trait Channel: Send + Sync {
    /// What rules call it: a kind, or `kind:name`.
    fn name(&self) -> &str;

    /// Weaker findings are not told.
    fn least(&self) -> Severity {
        Severity::Info
    }

    /// Tries before a telling is given up.
    fn tries(&self) -> u32;

    /// Findings told at once.
    fn batch(&self) -> u64 {
        50
    }

    /// Between two tellings.
    fn pace(&self) -> Duration {
        Duration::ZERO
    }

    /// Tells them, and says of each in turn what became of it.
    fn send<'a>(&'a self, due: &'a [Delivery]) -> BoxFuture<'a, Vec<Sent>>;
}

/// What became of one telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    Done,
    /// Worth trying again.
    Later(String),
    /// It would never be taken.
    Never(String),
}

/// As many of the same.
pub(crate) fn all(due: &[Delivery], sent: &Sent) -> Vec<Sent> {
    vec![sent.clone(); due.len()]
}
