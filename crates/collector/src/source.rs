//! Where lines come from.

use std::fmt::Display;
use std::future::Future;

use engine::{Frame, Logs, Speaker};
use futures_util::stream::BoxStream;
use time::OffsetDateTime;

/// Machines and what they write. `engine::Logs` is one; see there for what each promises.
pub trait Source: Clone + Send + Sync + 'static {
    type Error: Display + Send + Sync;

    /// All machines, running or not.
    fn speakers(&self) -> impl Future<Output = Result<Vec<Speaker>, Self::Error>> + Send;

    /// An item whenever the answer of `speakers` may have changed. May end or fail, and may then have missed some.
    fn changes(&self) -> BoxStream<'static, Result<(), Self::Error>>;

    /// What the container wrote from the second of `since` on, then what it writes, until it stops.
    fn follow(&self, container: &str, since: Option<OffsetDateTime>) -> BoxStream<'static, Result<Frame, Self::Error>>;
}

impl Source for Logs {
    type Error = engine::Error;

    fn speakers(&self) -> impl Future<Output = Result<Vec<Speaker>, engine::Error>> + Send {
        Logs::speakers(self)
    }

    fn changes(&self) -> BoxStream<'static, Result<(), engine::Error>> {
        Logs::changes(self)
    }

    fn follow(
        &self,
        container: &str,
        since: Option<OffsetDateTime>,
    ) -> BoxStream<'static, Result<Frame, engine::Error>> {
        Logs::follow(self, container, since)
    }
}
