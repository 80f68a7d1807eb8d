//! How events follow one another (profile.md §6.1, §6.2).

use serde::Serialize;

/// Microseconds of a second.
const SECOND: f64 = 1e6;

/// Seconds, rounded to milliseconds; of fewer than two events there are no gaps to speak of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rhythm {
    pub event_count: usize,
    pub duration_s: f64,
    /// Of the gaps between one event and the next.
    pub mean: Option<f64>,
    pub median: Option<f64>,
    /// Population deviation.
    pub stdev: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// Deviation over mean, four digits; none where all happened at once.
    pub cv: Option<f64>,
}

/// What kind of visitor keeps such a rhythm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    Unknown,
    SlowScan,
    Scanning,
    BruteForce,
    Beaconing,
    Interactive,
    Mixed,
}

/// `times` are microseconds, in any order.
pub fn rhythm(times: &[i64]) -> Rhythm {
    let mut times = times.to_vec();
    times.sort_unstable();
    let mut gaps: Vec<f64> = times
        .windows(2)
        .map(|pair| (pair[1] - pair[0]) as f64 / SECOND)
        .collect();
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return Rhythm::default();
    };
    let known = Rhythm {
        event_count: times.len(),
        duration_s: rounded((last - first) as f64 / SECOND, 3),
        ..Rhythm::default()
    };
    if gaps.is_empty() {
        return known;
    }
    let count = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / count;
    let stdev = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count).sqrt();
    gaps.sort_by(f64::total_cmp);
    let half = gaps.len() / 2;
    let median = if gaps.len() % 2 == 1 {
        gaps[half]
    } else {
        f64::midpoint(gaps[half - 1], gaps[half])
    };
    Rhythm {
        mean: Some(rounded(mean, 3)),
        median: Some(rounded(median, 3)),
        stdev: Some(rounded(stdev, 3)),
        min: gaps.first().map(|gap| rounded(*gap, 3)),
        max: gaps.last().map(|gap| rounded(*gap, 3)),
        cv: (mean > 0.0).then(|| rounded(stdev / mean, 4)),
        ..known
    }
}

/// The first rule that fits; `services` is how many different ones were visited.
pub fn behaviour(rhythm: &Rhythm, services: usize) -> Behaviour {
    let events = rhythm.event_count;
    let Some(mean) = rhythm.mean.filter(|_| events >= 3) else {
        return Behaviour::Unknown;
    };
    let cv = |fits: fn(f64) -> bool| rhythm.cv.is_some_and(fits);
    if services >= 2 && mean >= 10.0 && events >= 4 {
        Behaviour::SlowScan
    } else if (services >= 3 && mean < 10.0) || (services >= 2 && mean < 2.0) {
        Behaviour::Scanning
    } else if services == 1 && events >= 8 && mean < 5.0 && cv(|cv| cv < 0.6) {
        Behaviour::BruteForce
    } else if cv(|cv| cv < 0.35) && mean >= 5.0 && events >= 4 {
        Behaviour::Beaconing
    } else if cv(|cv| cv >= 0.5) && mean < 5.0 && events >= 6 {
        Behaviour::Interactive
    } else {
        Behaviour::Mixed
    }
}

// === impl Rhythm ===

impl Rhythm {
    /// How far a beacon strays from its beat, per cent, two digits.
    pub fn jitter_pct(&self) -> Option<f64> {
        self.cv.map(|cv| rounded(cv * 100.0, 2))
    }
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(seconds: &[f64]) -> Rhythm {
        rhythm(
            &seconds
                .iter()
                .map(|second| (second * SECOND).round() as i64)
                .collect::<Vec<_>>(),
        )
    }

    /// profile.md §17.
    #[test]
    fn the_known_rhythms_come_out_as_known() {
        let steady = of(&[0.0, 60.0, 120.0, 183.0, 240.0]);
        assert_eq!(
            (steady.mean, steady.median, steady.stdev),
            (Some(60.0), Some(60.0), Some(2.121))
        );
        assert_eq!((steady.cv, steady.jitter_pct()), (Some(0.0354), Some(3.54)));
        assert_eq!(behaviour(&steady, 1), Behaviour::Beaconing);

        let loose = of(&[0.0, 55.0, 121.0, 170.0, 241.0, 300.0]);
        assert_eq!(
            (loose.mean, loose.stdev, loose.jitter_pct()),
            (Some(60.0), Some(7.797), Some(13.0))
        );
        assert_eq!(behaviour(&loose, 1), Behaviour::Beaconing);

        let guesses = of(&[0.0, 1.0, 2.2, 3.0, 4.1, 5.0, 6.2, 7.1]);
        assert_eq!(guesses.cv, Some(0.1436));
        assert_eq!(behaviour(&guesses, 1), Behaviour::BruteForce);
    }

    #[test]
    fn each_rule_of_behaviour_holds_at_its_edge_and_not_below() {
        let evenly = |count: u32, gap: f64| of(&(0..count).map(|n| f64::from(n) * gap).collect::<Vec<_>>());
        for (count, gap, services, expected) in [
            (2, 1.0, 1, Behaviour::Unknown),
            (3, 1.0, 1, Behaviour::Mixed),
            (4, 10.0, 2, Behaviour::SlowScan),
            (3, 10.0, 2, Behaviour::Mixed),
            (4, 9.9, 2, Behaviour::Beaconing),
            (3, 9.9, 3, Behaviour::Scanning),
            (3, 1.9, 2, Behaviour::Scanning),
            (3, 2.0, 2, Behaviour::Mixed),
            (8, 4.9, 1, Behaviour::BruteForce),
            (7, 4.9, 1, Behaviour::Mixed),
            (8, 5.0, 1, Behaviour::Beaconing),
            (3, 5.0, 1, Behaviour::Mixed),
        ] {
            assert_eq!(
                behaviour(&evenly(count, gap), services),
                expected,
                "{count} x {gap} s, {services}"
            );
        }
        assert_eq!(
            behaviour(&of(&[0.0, 0.1, 0.2, 4.0, 4.1, 9.0]), 1),
            Behaviour::Interactive
        );
        assert_eq!(behaviour(&of(&[0.0, 0.1, 0.2, 4.0, 4.1]), 1), Behaviour::Mixed);
    }

    #[test]
    fn nothing_and_everything_at_once_have_no_rhythm() {
        assert_eq!(of(&[]), Rhythm::default());
        assert_eq!(of(&[5.0]).mean, None);
        let at_once = of(&[5.0, 5.0, 5.0]);
        assert_eq!((at_once.mean, at_once.cv), (Some(0.0), None));
        assert_eq!(behaviour(&at_once, 1), Behaviour::Mixed);
    }
}
