//! When a target's next turn is. Pure (fingerprint.md §16.1).

use time::{Duration, OffsetDateTime};

/// The times between turns.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    pub usual: Duration,
    /// After an endpoint answered otherwise than before: to tell a change from servers that take turns.
    pub after_rotation: Duration,
    /// Attackers that were not seen for so long are left in peace.
    pub forget: Duration,
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Asked {
        rotated: bool,
    },
    Refused,
    /// Asked so short a time ago that it has to wait.
    TooSoon {
        asked_at: OffsetDateTime,
    },
}

// === impl Schedule ===

impl Schedule {
    /// When its next turn is; `cooldown` is the least time between two.
    pub fn due(&self, turn: Turn, now: OffsetDateTime, cooldown: Duration) -> OffsetDateTime {
        match turn {
            Turn::Asked { rotated: true } => now + self.after_rotation.max(cooldown),
            Turn::Asked { rotated: false } => now + self.usual.max(cooldown),
            Turn::Refused => now + self.usual,
            Turn::TooSoon { asked_at } => asked_at + cooldown,
        }
    }

    /// Whoever was last seen before this is not asked any more.
    pub fn horizon(&self, now: OffsetDateTime) -> OffsetDateTime {
        now - self.forget
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            usual: Duration::hours(24),
            after_rotation: Duration::hours(1),
            forget: Duration::days(7),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-01-31 12:00 UTC);

    fn due(turn: Turn) -> Duration {
        Schedule::default().due(turn, NOW, Duration::hours(1)) - NOW
    }

    #[test]
    fn a_target_is_asked_daily_and_an_hour_after_it_changed() {
        assert_eq!(due(Turn::Asked { rotated: false }), Duration::hours(24));
        assert_eq!(due(Turn::Asked { rotated: true }), Duration::hours(1));
        assert_eq!(due(Turn::Refused), Duration::hours(24));
    }

    #[test]
    fn no_turn_comes_before_the_rest_is_over() {
        let schedule = Schedule::default();
        let long = Duration::hours(48);
        assert_eq!(schedule.due(Turn::Asked { rotated: true }, NOW, long) - NOW, long);
        let asked_at = NOW - Duration::minutes(20);
        assert_eq!(due(Turn::TooSoon { asked_at }), Duration::minutes(40));
    }
}
