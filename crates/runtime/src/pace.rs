//! When the next pass is due: pure, time passed in.

use std::time::{Duration, Instant};

/// A pass waits this long for further wakes,
const SETTLE: Duration = Duration::from_millis(250);
/// but no longer than this since the first.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between the ends and beginnings of passes caused by wakes.
const GAP: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Pace {
    tick: Duration,
    /// End of the pass before, or none yet: then one is due at once.
    passed: Option<Instant>,
    /// First and last wake since the last pass began.
    woken: Option<(Instant, Instant)>,
    /// Somebody will not wait.
    pressed: bool,
}

// === impl Pace ===

impl Pace {
    pub(crate) fn new(tick: Duration) -> Self {
        Self {
            tick,
            passed: None,
            woken: None,
            pressed: false,
        }
    }

    pub(crate) fn wake(&mut self, now: Instant) {
        let first = self.woken.map_or(now, |(first, _)| first);
        self.woken = Some((first, now));
    }

    /// A pass now, wakes or not.
    pub(crate) fn press(&mut self) {
        self.pressed = true;
    }

    pub(crate) fn due(&self, now: Instant) -> Instant {
        let Some(passed) = self.passed.filter(|_| !self.pressed) else {
            return now;
        };
        let ticked = passed + self.tick;
        match self.woken {
            None => ticked,
            Some((first, last)) => (last + SETTLE).min(first + PATIENCE).max(passed + GAP).min(ticked),
        }
    }

    /// To be called before the pass looks at anything: later wakes belong to the next.
    pub(crate) fn begin(&mut self) {
        self.woken = None;
        self.pressed = false;
    }

    pub(crate) fn end(&mut self, now: Instant, left: u64) {
        self.passed = Some(now);
        self.pressed |= left > 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_secs(60);

    /// A pace whose last pass ended at the returned time.
    fn resting() -> (Pace, Instant) {
        let (mut pace, now) = (Pace::new(TICK), Instant::now());
        assert_eq!(pace.due(now), now, "the first pass does not wait");
        pace.begin();
        pace.end(now, 0);
        (pace, now)
    }

    #[test]
    fn without_a_wake_the_tick_comes() {
        let (pace, start) = resting();
        assert_eq!(pace.due(start), start + TICK);
    }

    #[test]
    fn a_wake_is_answered_after_it_settled_and_the_gap() {
        let (mut pace, start) = resting();
        pace.wake(start + Duration::from_millis(10));
        assert_eq!(pace.due(start), start + GAP);
        let later = start + Duration::from_secs(10);
        pace.begin();
        pace.wake(later);
        assert_eq!(pace.due(later), later + SETTLE);
    }

    #[test]
    fn a_stream_of_wakes_cannot_put_a_pass_off_for_ever() {
        let (mut pace, start) = resting();
        for n in 0..100 {
            pace.wake(start + Duration::from_millis(100 * n));
        }
        assert_eq!(pace.due(start), start + PATIENCE);
    }

    #[test]
    fn a_burst_of_a_thousand_wakes_makes_at_most_three_passes() {
        let (mut pace, start) = resting();
        let (mut passes, mut now) = (0, start);
        for n in 0..1000 {
            now = start + Duration::from_millis(n);
            if pace.due(now) <= now {
                pace.begin();
                passes += 1;
                pace.end(now, 0);
            }
            pace.wake(now);
        }
        while pace.due(now) < now + TICK {
            now = pace.due(now);
            pace.begin();
            passes += 1;
            pace.end(now, 0);
        }
        assert!((1..=3).contains(&passes), "{passes}");
    }

    #[test]
    fn a_wake_during_a_pass_causes_another() {
        let (mut pace, start) = resting();
        pace.begin();
        pace.wake(start + Duration::from_secs(1));
        pace.end(start + Duration::from_secs(5), 0);
        assert_eq!(pace.due(start), start + Duration::from_secs(6));
    }

    #[test]
    fn work_left_over_and_an_order_are_not_kept_waiting() {
        let (mut pace, start) = resting();
        pace.end(start, 5);
        assert_eq!(pace.due(start), start);
        pace.begin();
        pace.end(start, 0);
        pace.press();
        assert_eq!(pace.due(start), start);
    }
}
