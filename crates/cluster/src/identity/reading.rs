//! How the strict rules read every value, for those who want to know why.

use std::collections::HashMap;

use super::buckets::{Buckets as _, Index};
use super::settle::{Region, join_cores};
use super::{Identities, common, strict};
use crate::explain::Verdict;
use crate::key::PlainHash;
use crate::sets::Sets;
use crate::{Class, Family, KeyHash, Observation, Pins, Settings};

/// What came out, and what each value that is shared did to it.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) identities: Identities,
    /// Pairs an operator joined, by place.
    pub(crate) pinned: Vec<(u32, u32)>,
    values: HashMap<KeyHash, Value, PlainHash>,
}

#[derive(Debug)]
struct Value {
    holders: usize,
    common: bool,
    /// Slots that two different cores claim.
    differ: u8,
}

/// Reads the observations by the strict rules.
pub(crate) fn read(observations: &[Observation], pins: &Pins, settings: &Settings) -> Reading {
    let Settings { commodity, limits, .. } = settings;
    let index = Index::new(observations);
    let is_stack = |key: u32| common::is_stack(&index, key, commodity, limits);
    let common: Vec<bool> = index
        .keys()
        .map(|key| is_stack(key) || common::is_crowd(&index, key, is_stack, limits))
        .collect();
    let places = pins.places(observations);
    let linking = |&key: &u32| index.family(key).class() != Class::Infra && !common[key as usize];
    let members: Vec<u32> = (0..observations.len() as u32).collect();
    let mut region = Region {
        members: &members,
        linking: index.keys().filter(linking).collect(),
        bridging: Vec::new(),
        same: &places.same,
        apart: &places.apart,
        guard: usize::MAX,
    };
    region.sort(&index);
    let mut sets = Sets::new(observations.len());
    for &member in &members {
        let keys = index.keys_of(member).iter().filter(|&&key| !common[key as usize]);
        sets.reset(member, keys.fold(0, |claims, &key| claims | index.family(key).slot()));
    }
    join_cores(&index, &region, |_| true, &mut sets);
    let value = |key: u32| Value {
        holders: index.holders(key).len(),
        common: common[key as usize],
        differ: differing(index.holders(key), &mut sets),
    };
    let values = index
        .keys()
        .map(|key| index.hash(key))
        .zip(index.keys().map(value))
        .collect();
    Reading {
        identities: strict::identities(observations, pins, settings),
        pinned: places.same,
        values,
    }
}

/// The slots that more than one of the holders' cores claims.
fn differing(holders: &[u32], sets: &mut Sets) -> u8 {
    let mut roots: Vec<u32> = holders.iter().map(|&holder| sets.find(holder)).collect();
    roots.sort_unstable();
    roots.dedup();
    let (mut once, mut twice) = (0, 0);
    for root in roots {
        let claims = sets.claims(root);
        twice |= once & claims;
        once |= claims;
    }
    twice
}

// === impl Reading ===

impl Reading {
    pub(crate) fn holders(&self, family: Family, value: &str) -> usize {
        self.values
            .get(&KeyHash::of(family, value))
            .map_or(0, |value| value.holders)
    }

    pub(crate) fn verdict(&self, family: Family, value: &str, settings: &Settings) -> Verdict {
        let hash = KeyHash::of(family, value);
        let infra = family.class() == Class::Infra;
        match self.values.get(&hash) {
            Some(value) if value.common => Verdict::Common {
                name: settings.commodity.name(hash).map(str::to_owned),
            },
            Some(value) if infra && value.holders > settings.limits.infra_holders => Verdict::TooMany,
            Some(value) if infra && value.differ != 0 => Verdict::Contested {
                differ: Family::OBSERVED
                    .into_iter()
                    .filter(|family| family.slot() & value.differ != 0)
                    .collect(),
            },
            _ => Verdict::Joins,
        }
    }
}
