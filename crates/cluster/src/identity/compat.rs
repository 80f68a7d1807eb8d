//! The rules of the Python DECNET without its all-pairs loop (clustering.md §6).
//!
//! Weak tiers cannot reach the threshold, so only equal fingerprints and shared infrastructure join. A pair that
//! shares infrastructure but no fingerprint is not vetoed exactly when its known slots do not overlap, and that can be
//! decided for whole groups of holders.

use std::collections::HashMap;

use super::Identities;
use crate::sets::Sets;
use crate::{Family, KeyHash, Observation, Partition, Pins};

/// Known slots of an observation: JA3, HASSH, both or neither.
type Mask = usize;
const MASKS: usize = 4;

pub(super) fn identities(observations: &[Observation], pins: &Pins) -> Identities {
    let mut sets = Sets::new(observations.len());
    let places = pins.places(observations);
    let join = |a: u32, b: u32, sets: &mut Sets| {
        if !places.are_apart(a, b, |member| sets.find(member)) {
            sets.join(a, b);
        }
    };
    for &(a, b) in &places.same {
        sets.join(a, b);
    }
    for holders in fingerprints(observations).into_values() {
        for pair in holders.windows(2) {
            join(pair[0], pair[1], &mut sets);
        }
    }
    for holders in infra(observations).into_values() {
        let mut groups: [Vec<u32>; MASKS] = Default::default();
        for holder in holders {
            groups[mask(&observations[holder as usize])].push(holder);
        }
        for (a, b) in pairs_that_cannot_disagree() {
            if let ([first, ..], [_, ..]) = (&groups[a][..], &groups[b][..]) {
                for &member in groups[a].iter().chain(&groups[b]) {
                    join(*first, member, &mut sets);
                }
            }
        }
    }
    Identities {
        partition: Partition::of(&mut sets, observations.len()),
        suspects: Vec::new(),
    }
}

fn fingerprints(observations: &[Observation]) -> HashMap<KeyHash, Vec<u32>> {
    holders(observations, |observation| {
        let ja3 = observation.last_ja3().map(|value| KeyHash::of(Family::Ja3, value));
        let hassh = observation.last_hassh().map(|value| KeyHash::of(Family::Hassh, value));
        ja3.into_iter().chain(hassh).collect()
    })
}

fn infra(observations: &[Observation]) -> HashMap<KeyHash, Vec<u32>> {
    holders(observations, |observation| {
        let keys = observation.keys();
        keys.filter(|(family, _)| matches!(family, Family::Payload | Family::C2))
            .map(|(family, value)| KeyHash::of(family, value))
            .collect()
    })
}

fn holders(observations: &[Observation], keys: impl Fn(&Observation) -> Vec<KeyHash>) -> HashMap<KeyHash, Vec<u32>> {
    let mut holders: HashMap<_, Vec<u32>> = HashMap::new();
    for (n, observation) in observations.iter().enumerate() {
        for key in keys(observation) {
            holders.entry(key).or_default().push(n as u32);
        }
    }
    holders
}

fn mask(observation: &Observation) -> Mask {
    usize::from(observation.last_ja3().is_some()) | usize::from(observation.last_hassh().is_some()) << 1
}

fn pairs_that_cannot_disagree() -> impl Iterator<Item = (Mask, Mask)> {
    (0..MASKS).flat_map(|a| (a..MASKS).filter(move |b| a & b == 0).map(move |b| (a, b)))
}
