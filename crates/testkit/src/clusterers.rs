//! Deliberately simple clusterers to hold ours against, each with the fixture it must fail (clustering.md §15).

use std::collections::{BTreeSet, HashMap};

use campaign::Record;
use cluster::Partition;

/// Puts rows into clusters by one rule.
pub type Clusterer = fn(&[Record]) -> Partition;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// Everybody alone. Fails every campaign of more than one row.
pub fn identity(records: &[Record]) -> Partition {
    Partition::by_label(0..records.len())
}

/// Those with the same JA3 and HASSH; who shows neither is alone.
pub fn fingerprint(records: &[Record]) -> Partition {
    joined(records, same_fingerprint)
}

/// Those with a C2 endpoint in common.
pub fn c2(records: &[Record]) -> Partition {
    joined(records, shared_c2)
}

/// Either of the two.
pub fn composite(records: &[Record]) -> Partition {
    joined(records, |a, b| same_fingerprint(a, b) || shared_c2(a, b))
}

/// Those half of whose credentials are the same. Fails F1.
pub fn credential_jaccard(records: &[Record]) -> Partition {
    joined(records, |a, b| {
        let of = |record: &Record| record.observation.credentials.iter().cloned().collect::<BTreeSet<_>>();
        let (a, b) = (of(a), of(b));
        let union = a.union(&b).count();
        union > 0 && a.intersection(&b).count() * 2 >= union
    })
}

/// Those of one network. Fails F2.
pub fn asn(records: &[Record]) -> Partition {
    Partition::by_label(records.iter().map(|record| record.observation.asn))
}

/// Those at work within a day of each other. Fails F4.
pub fn time_window(records: &[Record]) -> Partition {
    within_days(records, 1)
}

/// Those at work within so many days of each other.
pub fn within_days(records: &[Record], days: i64) -> Partition {
    joined(records, |a, b| match (range(a), range(b)) {
        (Some(a), Some(b)) => (b.0 - a.1).max(a.0 - b.1) <= days * DAY,
        _ => false,
    })
}

/// Those who start in the same part of the day: night 22-5, day 6-13, swing 14-21. Fails F5.
pub fn shift(records: &[Record]) -> Partition {
    let shift = |record: &Record| {
        let mut counts = [0; 3];
        for visit in &record.activity.visits {
            let hour = visit.start.rem_euclid(DAY) / HOUR;
            counts[((hour + 2) % 24 / 8) as usize] += 1;
        }
        let most = counts.iter().max().filter(|&&count| count > 0)?;
        counts.iter().position(|count| count == most)
    };
    let labels = records.iter().enumerate().map(|(n, record)| match shift(record) {
        Some(shift) => (shift, None),
        None => (usize::MAX, Some(n)),
    });
    Partition::by_label(labels)
}

/// As `composite`, but what is long ago fades in fourteen days. Fails F7.
pub fn recency(records: &[Record]) -> Partition {
    fading(records, 14.0)
}

/// As `composite`, fading by a factor of e in so many days; half must be left.
pub fn fading(records: &[Record], days: f64) -> Partition {
    joined(records, |a, b| {
        let middle = |record: &Record| range(record).map(|(from, to)| (from + to) / 2);
        let gap = match (middle(a), middle(b)) {
            (Some(a), Some(b)) => (a - b).abs() as f64 / DAY as f64,
            _ => 0.0,
        };
        (same_fingerprint(a, b) || shared_c2(a, b)) && (-gap / days).exp() >= 0.5
    })
}

fn same_fingerprint(a: &Record, b: &Record) -> bool {
    let of = |record: &Record| (record.observation.ja3.clone(), record.observation.hassh.clone());
    let (a, b) = (of(a), of(b));
    a == b && !(a.0.is_empty() && a.1.is_empty())
}

fn shared_c2(a: &Record, b: &Record) -> bool {
    let known = &b.observation.c2_endpoints;
    a.observation
        .c2_endpoints
        .iter()
        .any(|endpoint| known.contains(endpoint))
}

fn range(record: &Record) -> Option<(i64, i64)> {
    let visits = &record.activity.visits;
    let first = visits.iter().map(|visit| visit.start).min()?;
    let last = visits.iter().map(|visit| visit.start).max()?;
    Some((first, last))
}

/// Every pair that matches is joined, and so is whoever is joined to the same one.
fn joined(records: &[Record], matches: impl Fn(&Record, &Record) -> bool) -> Partition {
    let mut labels: Vec<usize> = (0..records.len()).collect();
    for a in 0..records.len() {
        for b in a + 1..records.len() {
            let (low, high) = (labels[a].min(labels[b]), labels[a].max(labels[b]));
            if low != high && matches(&records[a], &records[b]) {
                labels
                    .iter_mut()
                    .filter(|label| **label == high)
                    .for_each(|label| *label = low);
            }
        }
    }
    let mut numbers = HashMap::new();
    Partition::by_label(labels.into_iter().map(|label| {
        let next = numbers.len();
        *numbers.entry(label).or_insert(next)
    }))
}
