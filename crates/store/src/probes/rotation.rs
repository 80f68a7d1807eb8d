//! Whether another answer means another server (fingerprint.md §16.8). Pure.

/// A time in which an endpoint answered with one hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) hash: String,
    pub(super) first_seen: i64,
    pub(super) last_seen: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    FirstSighting,
    Unchanged,
    /// Several servers behind one endpoint take turns.
    LoadBalanced,
    Rotated,
}

/// A value that comes back within this time after it was replaced was never gone: one hour, and what a probe that is
/// due after one hour may be late.
pub(super) const FLAPPING: i64 = 70 * 60 * 1_000_000;
/// More values than these are no set of servers that take turns.
pub(super) const TURNS: usize = 3;

/// `history` is the endpoint's periods, oldest first.
pub(super) fn judge(history: &[Period], load_balanced: bool, hash: &str, at: i64) -> Verdict {
    let Some(last) = history.last() else {
        return Verdict::FirstSighting;
    };
    if last.hash == hash {
        return Verdict::Unchanged;
    }
    // The values that took turns until now: back to where one was away for longer.
    let mut values: Vec<&str> = vec![&last.hash];
    let mut away_since = last.first_seen;
    let mut from = at;
    let mut returned = false;
    for period in history.iter().rev().skip(1) {
        if !load_balanced && from.saturating_sub(away_since) > FLAPPING {
            break;
        }
        returned |= period.hash == hash;
        if !values.contains(&period.hash.as_str()) {
            values.push(&period.hash);
        }
        (from, away_since) = (away_since, period.first_seen);
        if returned || values.len() > TURNS {
            break;
        }
    }
    if returned && values.len() <= TURNS {
        Verdict::LoadBalanced
    } else {
        Verdict::Rotated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60 * 1_000_000;
    const HOUR: i64 = 60 * MINUTE;

    fn periods(of: &[(&str, i64)]) -> Vec<Period> {
        let period = |&(hash, at): &(&str, i64)| Period {
            hash: hash.to_owned(),
            first_seen: at,
            last_seen: at,
        };
        of.iter().map(period).collect()
    }

    #[test]
    fn the_first_answer_is_a_sighting_and_the_same_again_no_change() {
        assert_eq!(judge(&[], false, "a", 0), Verdict::FirstSighting);
        assert_eq!(judge(&periods(&[("a", 0)]), false, "a", 90 * HOUR), Verdict::Unchanged);
    }

    #[test]
    fn a_new_answer_is_a_rotation_however_soon_it_comes() {
        assert_eq!(judge(&periods(&[("a", 0)]), false, "b", MINUTE), Verdict::Rotated);
        assert_eq!(judge(&periods(&[("a", 0)]), false, "b", 24 * HOUR), Verdict::Rotated);
    }

    #[test]
    fn an_answer_that_was_replaced_an_hour_ago_and_is_back_is_load_balancing() {
        let history = periods(&[("a", 0), ("b", 24 * HOUR)]);
        assert_eq!(judge(&history, false, "a", 25 * HOUR + MINUTE), Verdict::LoadBalanced);
        assert_eq!(judge(&history, false, "a", 27 * HOUR), Verdict::Rotated);
        assert_eq!(judge(&history, false, "c", 25 * HOUR), Verdict::Rotated);
    }

    #[test]
    fn three_values_take_turns_four_do_not() {
        let three = periods(&[("a", 0), ("b", 10 * MINUTE), ("c", 20 * MINUTE)]);
        assert_eq!(judge(&three, false, "a", 30 * MINUTE), Verdict::LoadBalanced);
        let four = periods(&[("a", 0), ("b", MINUTE), ("c", 2 * MINUTE), ("d", 3 * MINUTE)]);
        assert_eq!(judge(&four, false, "a", 4 * MINUTE), Verdict::Rotated);
    }

    #[test]
    fn servers_known_to_take_turns_do_so_at_any_pace() {
        let history = periods(&[("a", 0), ("b", 10 * MINUTE), ("a", 20 * MINUTE)]);
        assert_eq!(judge(&history, true, "b", 72 * HOUR), Verdict::LoadBalanced);
        assert_eq!(judge(&history, true, "c", 72 * HOUR), Verdict::Rotated);
    }
}
