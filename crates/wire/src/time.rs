//! When a packet was seen.

use std::{ops::Add, time::Duration};

/// Nanoseconds since 1970-01-01 UTC, as the capture says. Good until the year 2554.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// How long after `earlier`; zero when it was not, as happens with merged captures.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, more: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(more.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}
