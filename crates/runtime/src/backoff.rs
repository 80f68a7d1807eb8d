//! How long to wait before trying again.

use std::time::Duration;

/// Doubles from `first` to `last`, and starts over after a long enough success.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    last: Duration,
    next: Duration,
}

// === impl Backoff ===

impl Backoff {
    /// A success of this length wipes out the failures before it.
    pub const RESET: Duration = Duration::from_secs(5 * 60);

    pub const fn new(first: Duration, last: Duration) -> Self {
        Self {
            first,
            last,
            next: first,
        }
    }

    /// For workers: 1 s to 60 s.
    pub const fn of_workers() -> Self {
        Self::new(Duration::from_secs(1), Duration::from_secs(60))
    }

    /// It failed after it had gone well for `lasted`.
    pub fn failed_after(&mut self, lasted: Duration) -> Duration {
        if lasted >= Self::RESET {
            self.reset();
        }
        let wait = self.next;
        self.next = (wait * 2).min(self.last);
        wait
    }

    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_to_its_limit_and_forgets_after_a_long_success() {
        let mut backoff = Backoff::of_workers();
        let short = Duration::from_secs(299);
        let waits: Vec<_> = (0..8).map(|_| backoff.failed_after(short).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.failed_after(Backoff::RESET).as_secs(), 1);
        assert_eq!(backoff.failed_after(short).as_secs(), 2);
    }
}
