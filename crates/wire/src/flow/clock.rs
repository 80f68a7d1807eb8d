//! The clock that TCP timestamps (RFC 7323) are drawn from.

use std::time::Duration;

use crate::time::Time;

/// What the timestamps of one side of one flow show of its clock.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    first: Option<(Time, u32)>,
    last_at: Time,
    last: u32,
    /// Begun once the flow has lasted for a while.
    fit: Option<Box<Fit>>,
}

/// Sums of a linear fit of ticks over seconds, both since the first timestamp.
#[derive(Clone, Debug, Default)]
struct Fit {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
}

/// Whether a host's flows agree on when it started. Systems that add a secret offset to each peer's timestamps do not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uptime {
    /// Seconds since 1970.
    boot: Option<f64>,
    agreed: bool,
}

/// Between these a gap tells a rate (as p0f has it).
const SHORTEST_GAP: Duration = Duration::from_millis(25);
const LONGEST_GAP: Duration = Duration::from_secs(600);
const FEWEST_TICKS: u32 = 5;
const SLOWEST_HZ: f64 = 0.7;
const FASTEST_HZ: f64 = 1500.0;

/// A flow as short gives no fit worth its sums.
const FIT_AFTER: Duration = Duration::from_secs(1);
const SKEW_MIN_SECONDS: f64 = 60.0;
const SKEW_MIN_SAMPLES: f64 = 30.0;

/// Two flows agree when they put the start of the host no farther apart, seconds.
const SAME_BOOT: f64 = 2.0;

// === impl Clock ===

impl Clock {
    pub(super) fn tick(&mut self, at: Time, timestamp: u32) {
        let Some((first_at, first)) = self.first else {
            self.first = Some((at, timestamp));
            (self.last_at, self.last) = (at, timestamp);
            return;
        };
        if (timestamp.wrapping_sub(self.last) as i32) < 0 {
            return; // A late or forged one.
        }
        (self.last_at, self.last) = (at, timestamp);
        let since = at.since(first_at);
        if since >= FIT_AFTER {
            let (x, y) = (since.as_secs_f64(), f64::from(timestamp.wrapping_sub(first)));
            self.fit.get_or_insert_default().add(x, y);
        }
    }

    /// Ticks per second, rounded as stacks choose them.
    pub fn hz(&self) -> Option<u32> {
        self.raw_hz().map(round_hz)
    }

    fn raw_hz(&self) -> Option<f64> {
        let (first_at, first) = self.first?;
        let gap = self.last_at.since(first_at);
        let ticks = self.last.wrapping_sub(first);
        if !(SHORTEST_GAP..=LONGEST_GAP).contains(&gap) || ticks < FEWEST_TICKS {
            return None;
        }
        let hz = f64::from(ticks) / gap.as_secs_f64();
        (SLOWEST_HZ..=FASTEST_HZ).contains(&hz).then_some(hz)
    }

    /// When the counter stood at zero, seconds since 1970: the start of the host, if it keeps one counter for all.
    pub fn boot(&self) -> Option<f64> {
        let hz = self.hz()?;
        Some(self.last_at.since(Time::default()).as_secs_f64() - f64::from(self.last) / f64::from(hz))
    }

    /// How far the clock runs ahead of the capture's, parts per million, from a minute and 30 timestamps on.
    pub fn skew_ppm(&self) -> Option<f64> {
        let (first_at, _) = self.first?;
        let fit = self.fit.as_ref()?;
        let long = self.last_at.since(first_at).as_secs_f64() >= SKEW_MIN_SECONDS;
        let slope = fit.slope().filter(|_| long && fit.n >= SKEW_MIN_SAMPLES)?;
        let hz = f64::from(round_hz(slope));
        Some((slope / hz - 1.0) * 1e6)
    }
}

fn round_hz(hz: f64) -> u32 {
    // In range by the caller; a cast saturates.
    let hz = hz.round() as u32;
    match hz {
        0 => 1,
        1..=10 => hz,
        11..=50 => (hz + 3) / 5 * 5,
        51..=100 => (hz + 7) / 10 * 10,
        101..=500 => (hz + 33) / 50 * 50,
        _ => (hz + 67) / 100 * 100,
    }
}

// === impl Fit ===

impl Fit {
    fn add(&mut self, x: f64, y: f64) {
        self.n += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
    }

    fn slope(&self) -> Option<f64> {
        let spread = self.n * self.xx - self.x * self.x;
        (spread > 0.0).then(|| (self.n * self.xy - self.x * self.y) / spread)
    }
}

// === impl Uptime ===

impl Uptime {
    /// Takes the clock of another flow of the host.
    pub fn observe(&mut self, clock: &Clock) {
        let Some(boot) = clock.boot() else { return };
        self.agreed = self.boot.is_some_and(|known| (known - boot).abs() <= SAME_BOOT);
        self.boot = Some(boot);
    }

    /// Seconds the host has been up, when its last two flows agree.
    pub fn seconds(&self, now: Time) -> Option<f64> {
        let boot = self.boot.filter(|_| self.agreed)?;
        Some(now.since(Time::default()).as_secs_f64() - boot)
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, Uptime, round_hz};
    use crate::time::Time;

    #[test]
    fn rates_are_rounded_as_stacks_choose_them() {
        for (measured, rounded) in [
            (0.8, 1),
            (2.2, 2),
            (9.7, 10),
            (48.0, 50),
            (97.0, 100),
            (248.0, 250),
            (990.0, 1000),
        ] {
            assert_eq!(round_hz(measured), rounded, "{measured}");
        }
    }

    #[test]
    fn a_clock_of_a_thousand_hertz_is_known_with_its_skew() {
        let mut clock = Clock::default();
        for n in 0..40u64 {
            clock.tick(Time::from_millis(n * 2000), 7 + (n * 2000 + n / 10) as u32);
        }
        assert_eq!(clock.hz(), Some(1000));
        assert!(
            clock.skew_ppm().is_some_and(|skew| (20.0..80.0).contains(&skew)),
            "{:?}",
            clock.skew_ppm()
        );
    }

    #[test]
    fn too_short_a_gap_and_a_counter_that_stands_tell_nothing() {
        let mut clock = Clock::default();
        clock.tick(Time::from_millis(0), 100);
        clock.tick(Time::from_millis(20), 120);
        assert_eq!(clock.hz(), None);
        let mut still = Clock::default();
        still.tick(Time::from_millis(0), 100);
        still.tick(Time::from_millis(5000), 101);
        assert_eq!(still.hz(), None);
    }

    #[test]
    fn uptime_is_told_only_when_two_flows_agree() {
        let flow = |offset: u32| {
            let mut clock = Clock::default();
            clock.tick(Time::from_millis(1_000_000), 500_000 + offset);
            clock.tick(Time::from_millis(1_001_000), 501_000 + offset);
            clock
        };
        let mut uptime = Uptime::default();
        uptime.observe(&flow(0));
        assert_eq!(uptime.seconds(Time::from_millis(1_001_000)), None);
        uptime.observe(&flow(90_000));
        assert_eq!(uptime.seconds(Time::from_millis(1_001_000)), None);
        uptime.observe(&flow(90_000));
        assert_eq!(
            uptime.seconds(Time::from_millis(1_001_000)).map(f64::round),
            Some(591.0)
        );
    }
}
