//! Which matches of a rule become findings of their own.

use super::definition::{Suppress, SuppressMode};
use crate::time::{Span, Time};

/// What is remembered of one key.
#[derive(Default)]
pub(super) struct Told {
    count: u64,
    since: Option<Time>,
    told: u64,
    next: u64,
}

/// Backing off multiplies by this.
const FACTOR: u64 = 10;

// === impl Told ===

impl Told {
    /// Whether this match is told, and for how long further ones are folded into the finding.
    pub(super) fn next(&mut self, suppress: &Suppress, at: Time, cooldown: Span) -> Option<Span> {
        let period = suppress.period.unwrap_or(cooldown);
        let once = Some(Span(-1));
        if matches!(suppress.mode, SuppressMode::Limit | SuppressMode::Both)
            && self.since.is_none_or(|since| at.since(since) > period)
        {
            *self = Self {
                since: Some(at),
                ..Self::default()
            };
        }
        self.count += 1;
        let wanted = match suppress.mode {
            SuppressMode::First => return Some(period),
            SuppressMode::Every => true,
            SuppressMode::Threshold => {
                let full = self.count >= suppress.count;
                if full {
                    self.count = 0;
                }
                full
            }
            SuppressMode::Limit => self.told < suppress.count,
            SuppressMode::Both => self.told == 0 && self.count >= suppress.count,
            SuppressMode::After => self.count > suppress.count,
            SuppressMode::Backoff => {
                let due = self.count >= self.next.max(1);
                if due {
                    self.next = self.count.saturating_mul(FACTOR);
                }
                due
            }
        };
        self.told += u64::from(wanted);
        wanted.then_some(once).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(mode: SuppressMode, count: u64, matches: u64) -> Vec<u64> {
        let suppress = Suppress {
            key: None,
            period: Some(Span(100)),
            mode,
            count,
        };
        let mut told = Told::default();
        (1..=matches)
            .filter(|&at| told.next(&suppress, Time(at as i64), Span(0)).is_some())
            .collect()
    }

    #[test]
    fn each_mode_tells_the_matches_it_says() {
        assert_eq!(told(SuppressMode::Every, 1, 3), [1, 2, 3]);
        assert_eq!(told(SuppressMode::Threshold, 3, 7), [3, 6]);
        assert_eq!(told(SuppressMode::Limit, 2, 103), [1, 2, 102, 103]);
        assert_eq!(told(SuppressMode::Both, 3, 105), [3, 104]);
        assert_eq!(told(SuppressMode::After, 2, 4), [3, 4]);
        assert_eq!(told(SuppressMode::Backoff, 1, 120), [1, 10, 100]);
    }
}
