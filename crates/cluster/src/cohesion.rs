//! How well an identity hangs together (clustering.md §22.7): an aid for ranking, no probability.

use std::collections::HashMap;

use crate::{Commodity, Family, KeyHash, Observation};

/// What the members of one identity have in common.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cohesion {
    /// 1 - product of (1 - strength x share of the members that hold it); none for one member alone.
    pub confidence: Option<f64>,
    /// Values at least two hold, the most widely held first.
    pub shared: Vec<(Family, String)>,
}

/// Over all members of an identity. What is listed as common counts for nothing.
pub fn cohesion<'a>(members: impl IntoIterator<Item = &'a Observation>, commodity: &Commodity) -> Cohesion {
    let mut holders: HashMap<(Family, &str), usize> = HashMap::new();
    let mut total = 0_usize;
    for member in members {
        total += 1;
        let mut keys: Vec<_> = member.keys().collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            *holders.entry(key).or_default() += 1;
        }
    }
    if total < 2 {
        return Cohesion::default();
    }
    let listed = |(family, value): (Family, &str)| commodity.contains(KeyHash::of(family, value));
    let mut shared: Vec<_> = holders
        .into_iter()
        .filter(|&(key, count)| count > 1 && !listed(key))
        .collect();
    shared.sort_unstable_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
    let chance =
        |((family, _), count): &((Family, &str), usize)| 1.0 - family.strength() * *count as f64 / total as f64;
    Cohesion {
        confidence: Some(1.0 - shared.iter().map(chance).product::<f64>()),
        shared: shared
            .into_iter()
            .map(|((family, value), _)| (family, value.to_owned()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(ja3: &str, hassh: &str, payload: &str) -> Observation {
        let set = |value: &str| (!value.is_empty()).then(|| value.to_owned()).into_iter().collect();
        Observation {
            ja3: set(ja3),
            hassh: set(hassh),
            payload_hashes: set(payload),
            ..Observation::default()
        }
    }

    #[test]
    fn the_more_its_members_share_the_surer_an_identity_is() {
        let none = Commodity::default();
        let five = [const { "" }; 5].map(|_| with("T3", "S3", "P2"));
        let all = cohesion(&five, &none);
        assert!((all.confidence.unwrap() - 0.964).abs() < 1e-9);
        assert_eq!(all.shared.len(), 3);
        let half = [
            with("T", "", ""),
            with("T", "", ""),
            with("", "", "P"),
            with("", "", "P"),
        ];
        let expected = 1.0 - (1.0 - 0.35) * (1.0 - 0.3);
        assert!((cohesion(&half, &none).confidence.unwrap() - expected).abs() < 1e-9);
        assert_eq!(cohesion(&five[..1], &none), Cohesion::default());
    }

    #[test]
    fn what_everybody_has_makes_nothing_surer() {
        let mut list = Commodity::default();
        list.add(Family::Ja3, "T", "a stock client");
        let two = [with("T", "", ""), with("T", "", "")];
        assert_eq!(cohesion(&two, &list).confidence, Some(0.0));
    }
}
