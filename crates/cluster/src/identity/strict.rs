//! The strict rules over all observations at once.

use super::buckets::{Buckets as _, Index};
use super::settle::{Region, settle};
use super::{Identities, Suspect, common};
use crate::sets::Sets;
use crate::{Class, Family, Observation, Partition, Pins, Settings};

pub(super) fn identities(observations: &[Observation], pins: &Pins, settings: &Settings) -> Identities {
    let Settings { commodity, limits, .. } = settings;
    let mut index = Index::new(observations);
    let stack: Vec<bool> = index
        .keys()
        .map(|key| common::is_stack(&index, key, commodity, limits))
        .collect();
    let is_common =
        |key: u32| stack[key as usize] || common::is_crowd(&index, key, |partner| stack[partner as usize], limits);
    let common: Vec<bool> = index.keys().map(is_common).collect();

    let made = composites(&index, &common, settings);
    index.add_composites(made);
    let is_common = |key: u32| common.get(key as usize).is_some_and(|&common| common);

    let shared = |key: &u32| index.holders(*key).len() > 1 && !is_common(*key);
    let of = |infra: bool| {
        let class = move |family: Family| (family.class() == Class::Infra) == infra;
        index
            .keys()
            .filter(shared)
            .filter(|&key| class(index.family(key)))
            .collect::<Vec<_>>()
    };
    let mut bridging = of(true);
    bridging.retain(|&key| index.holders(key).len() <= limits.infra_holders);

    let members: Vec<u32> = (0..observations.len() as u32).collect();
    let places = pins.places(observations);
    let region = Region {
        members: &members,
        linking: of(false),
        bridging,
        same: &places.same,
        apart: &places.apart,
        guard: limits.guard(observations.len()),
    };
    let claims = |observation: u32| {
        let keys = index.keys_of(observation).iter();
        keys.filter(|&&key| !is_common(key))
            .fold(0, |claims, &key| claims | index.family(key).slot())
    };
    let mut sets = Sets::new(observations.len());
    let large = settle(&index, region, claims, limits, &mut sets);
    Identities {
        partition: Partition::of(&mut sets, observations.len()),
        suspects: large
            .into_iter()
            .filter(|large| large.judged)
            .map(|large| Suspect {
                observation: large.member as usize,
                demoted: large.demoted,
            })
            .collect(),
    }
}

fn composites(index: &Index<'_>, common: &[bool], settings: &Settings) -> Vec<(crate::KeyHash, u32)> {
    let clients = index
        .keys()
        .filter(|&key| common[key as usize] && index.family(key).class() == Class::Fingerprint);
    let mut holders: Vec<u32> = clients.flat_map(|key| index.holders(key)).copied().collect();
    holders.sort_unstable();
    holders.dedup();
    let is_common = |key: u32| common[key as usize];
    let of = |&holder: &u32| {
        common::composites_of(index, holder, is_common, &settings.commodity)
            .into_iter()
            .map(move |hash| (hash, holder))
    };
    holders.iter().flat_map(of).collect()
}
