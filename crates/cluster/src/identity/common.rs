//! Which fingerprints say nothing, because too many unlike hands have them (clustering.md §22.3).

use std::collections::{HashMap, HashSet};

use super::buckets::Buckets;
use crate::{Class, Commodity, Family, KeyHash, Limits};

/// A library's default: listed, or held by many who have nothing else of their tools in common.
pub(super) fn is_stack(buckets: &impl Buckets, key: u32, commodity: &Commodity, limits: &Limits) -> bool {
    if commodity.contains(buckets.hash(key)) {
        return true;
    }
    let family = buckets.family(key);
    let holders = buckets.holders(key);
    if family.class() != Class::Fingerprint || holders.len() < limits.stack_holders {
        return false;
    }
    let mut partners = HashSet::new();
    for &holder in holders {
        partners.extend(partners_of(buckets, holder, family));
        if partners.len() >= limits.stack_partners {
            return true;
        }
    }
    false
}

/// Held by many, with no second value that half of them share.
pub(super) fn is_crowd(buckets: &impl Buckets, key: u32, is_stack: impl Fn(u32) -> bool, limits: &Limits) -> bool {
    let family = buckets.family(key);
    let holders = buckets.holders(key);
    if family.class() != Class::Fingerprint || holders.len() <= limits.lone_holders {
        return false;
    }
    let mut together: HashMap<u32, usize> = HashMap::new();
    for &holder in holders {
        for &partner in buckets.keys_of(holder) {
            let partner_family = buckets.family(partner);
            // What was made of the value itself is no witness for it.
            if partner_family != Family::Composite && partner_family.is_independent_of(family) {
                *together.entry(partner).or_default() += 1;
            }
        }
    }
    !together
        .into_iter()
        .any(|(partner, count)| count * 2 >= holders.len() && !is_stack(partner))
}

/// The composite keys of an observation: each common client of it with each piece of its infrastructure.
pub(super) fn composites_of(
    buckets: &impl Buckets,
    observation: u32,
    is_common: impl Fn(u32) -> bool,
    commodity: &Commodity,
) -> Vec<KeyHash> {
    let keys = buckets.keys_of(observation);
    let of = |class: Class| {
        keys.iter()
            .copied()
            .filter(move |&key| buckets.family(key).class() == class)
    };
    let mut made = Vec::new();
    for client in of(Class::Fingerprint).filter(|&key| is_common(key)) {
        for infra in of(Class::Infra) {
            let hash = buckets.hash(infra);
            if buckets.family(infra) != Family::Composite && !commodity.contains(hash) {
                made.push(KeyHash::composite(buckets.hash(client), hash));
            }
        }
    }
    made
}

/// Fingerprints of other parts of the holder's tools. Where there is a JA4, the JA3 beside it is not asked: clients
/// that shuffle their extensions have a new one each time.
fn partners_of(buckets: &impl Buckets, holder: u32, family: Family) -> impl Iterator<Item = u32> {
    let keys = buckets.keys_of(holder);
    let steady = keys.iter().any(|&key| buckets.family(key) == Family::Ja4);
    keys.iter().copied().filter(move |&key| {
        let partner = buckets.family(key);
        partner.class() == Class::Fingerprint
            && partner.is_independent_of(family)
            && !(steady && partner == Family::Ja3)
    })
}
