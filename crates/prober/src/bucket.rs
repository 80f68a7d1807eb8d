//! So many and no more a second. Pure: the time is passed in.

use std::time::Duration;

use tokio::time::Instant;

/// A token bucket.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    /// Between two tokens.
    every: Duration,
    /// Tokens that may be saved up.
    burst: u32,
    /// When the bucket would have been full, had it been filled from then on.
    full_at: Instant,
}

// === impl Bucket ===

impl Bucket {
    /// Full at `now`. `rate` is tokens a second; at least one in a thousand seconds.
    pub(crate) fn new(rate: f64, burst: u32, now: Instant) -> Self {
        Self {
            every: Duration::from_secs_f64(1.0 / rate.clamp(0.001, 1e6)),
            burst: burst.max(1),
            full_at: now,
        }
    }

    /// Takes a token; when there is none, says how long until there is.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + self.every;
        let room = self.every * self.burst;
        match full_at.duration_since(now).checked_sub(room) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                self.full_at = full_at;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let start = Instant::now();
        let mut bucket = Bucket::new(2.0, 2, start);
        assert_eq!(bucket.take(start), Ok(()));
        assert_eq!(bucket.take(start), Ok(()));
        let half = Duration::from_millis(500);
        assert_eq!(bucket.take(start), Err(half));
        assert_eq!(bucket.take(start + half / 2), Err(half / 2));
        assert_eq!(bucket.take(start + half), Ok(()));
        assert_eq!(bucket.take(start + half), Err(half));
    }

    #[test]
    fn what_is_saved_up_has_an_end() {
        let start = Instant::now();
        let mut bucket = Bucket::new(2.0, 3, start);
        let later = start + Duration::from_secs(3_600);
        let passed = (0..10).filter(|_| bucket.take(later).is_ok()).count();
        assert_eq!(passed, 3);
    }

    #[test]
    fn over_a_long_time_no_more_than_the_rate_passes() {
        let start = Instant::now();
        let mut bucket = Bucket::new(2.0, 1, start);
        let passed = (0..10_000u64)
            .filter(|n| bucket.take(start + Duration::from_millis(n * 10)).is_ok())
            .count();
        assert_eq!(passed, 200); // 100 s at 2 a second.
    }
}
