//! The strict rules over one region: a set of observations no value of which reaches beyond it (clustering.md §22.4).

use std::collections::HashMap;

use super::buckets::Buckets;
use crate::pins::pairs_within;
use crate::sets::Sets;
use crate::{Class, Family, KeyHash, Limits};

/// What is to be settled. Every holder of every key is a member.
pub(super) struct Region<'a> {
    pub(super) members: &'a [u32],
    /// Keys that make cores: whoever shares one is the same.
    pub(super) linking: Vec<u32>,
    /// Keys that join cores which do not disagree.
    pub(super) bridging: Vec<u32>,
    /// Pairs an operator said are the same, and not the same.
    pub(super) same: &'a [(u32, u32)],
    pub(super) apart: &'a [(u32, u32)],
    /// Clusters larger than this are looked at again.
    pub(super) guard: usize,
}

/// A cluster that grew large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Large {
    /// The first of its members by name.
    pub(super) member: u32,
    /// How large it was.
    pub(super) size: usize,
    /// Whether that was too large to be believed.
    pub(super) judged: bool,
    /// How many values were taken from it.
    pub(super) demoted: usize,
}

/// Values that are tried, the most common first, when a cluster is suspiciously large.
const SUSPECTS: usize = 16;

/// Settles who belongs together. `claims` are the slots in which an observation can disagree.
pub(super) fn settle(
    buckets: &impl Buckets,
    mut region: Region<'_>,
    claims: impl Fn(u32) -> u8,
    limits: &Limits,
    sets: &mut Sets,
) -> Vec<Large> {
    region.sort(buckets);
    join_all(buckets, &region, region.members, &claims, |_| true, sets);
    guard(buckets, &region, &claims, limits, sets)
}

pub(super) fn join_cores(buckets: &impl Buckets, region: &Region<'_>, wanted: impl Fn(u32) -> bool, sets: &mut Sets) {
    for &(a, b) in region.same {
        sets.join(a, b);
    }
    for &key in region.linking.iter().filter(|&&key| wanted(key)) {
        if region.apart.is_empty() {
            for pair in buckets.holders(key).windows(2) {
                sets.join(pair[0], pair[1]);
            }
        } else {
            join_but_apart(buckets, key, region.apart, sets);
        }
    }
}

/// Whether two different cores among the holders claim the same slot: then the value is no evidence of one hand.
pub(super) fn is_contested(holders: &[u32], sets: &mut Sets) -> bool {
    let mut claimed = 0;
    let mut seen: Vec<u32> = Vec::new();
    for &holder in holders {
        let root = sets.find(holder);
        let claims = sets.claims(root);
        if claims == 0 || seen.contains(&root) {
            continue;
        }
        if claimed & claims != 0 {
            return true;
        }
        // Each new root claims a slot nobody claimed before, so there are no more of them than slots.
        claimed |= claims;
        seen.push(root);
    }
    false
}

fn join_all(
    buckets: &impl Buckets,
    region: &Region<'_>,
    members: &[u32],
    claims: &impl Fn(u32) -> u8,
    wanted: impl Fn(u32) -> bool,
    sets: &mut Sets,
) {
    for &member in members {
        sets.reset(member, claims(member));
    }
    join_cores(buckets, region, &wanted, sets);
    for &key in region.bridging.iter().filter(|&&key| wanted(key)) {
        let holders = buckets.holders(key);
        if is_contested(holders, sets) {
            continue;
        }
        if region.apart.is_empty() {
            for pair in holders.windows(2) {
                sets.join(pair[0], pair[1]);
            }
        } else {
            join_but_apart(buckets, key, region.apart, sets);
        }
    }
}

/// Joins holders in the order of their names, each to the first group it may join.
fn join_but_apart(buckets: &impl Buckets, key: u32, apart: &[(u32, u32)], sets: &mut Sets) {
    let mut holders = buckets.holders(key).to_vec();
    holders.sort_unstable_by(|&a, &b| buckets.id(a).cmp(buckets.id(b)));
    let mut groups: Vec<u32> = Vec::new();
    for holder in holders {
        let fits = groups.iter().any(|&group| {
            let may = may_join(group, holder, apart, sets);
            if may {
                sets.join(group, holder);
            }
            may
        });
        if !fits {
            groups.push(holder);
        }
    }
}

fn may_join(a: u32, b: u32, apart: &[(u32, u32)], sets: &mut Sets) -> bool {
    let (a, b) = (sets.find(a), sets.find(b));
    a == b
        || !apart.iter().any(|&(x, y)| {
            let (x, y) = (sets.find(x), sets.find(y));
            (x, y) == (a, b) || (x, y) == (b, a)
        })
}

impl Region<'_> {
    /// Composite keys first, then rare before common; the hash makes the order total.
    pub(super) fn sort(&mut self, buckets: &impl Buckets) {
        if !self.apart.is_empty() {
            // Only when some unions are refused does the order of these matter at all.
            self.linking.sort_unstable_by_key(|&key| order(buckets, key));
        }
        self.bridging.sort_unstable_by_key(|&key| order(buckets, key));
    }
}

fn order(buckets: &impl Buckets, key: u32) -> (u8, usize, KeyHash) {
    let family = buckets.family(key);
    let rank = match (family, family.class()) {
        (_, Class::Strong) => 0,
        (_, Class::Fingerprint) => 1,
        (Family::Composite, _) => 2,
        _ => 3,
    };
    (rank, buckets.holders(key).len(), buckets.hash(key))
}

// === Clusters too large to be believed ===

fn guard(
    buckets: &impl Buckets,
    region: &Region<'_>,
    claims: &impl Fn(u32) -> u8,
    limits: &Limits,
    sets: &mut Sets,
) -> Vec<Large> {
    if region.members.len() <= limits.guard_size.min(region.guard) {
        return Vec::new();
    }
    let mut clusters: HashMap<u32, Vec<u32>> = HashMap::new();
    for &member in region.members {
        if sets.size(member) > limits.guard_size {
            clusters.entry(sets.find(member)).or_default().push(member);
        }
    }
    let mut large: Vec<_> = clusters
        .into_values()
        .map(|members| {
            let judged = members.len() > region.guard;
            Large {
                member: members
                    .iter()
                    .copied()
                    .min_by_key(|&member| buckets.id(member))
                    .unwrap_or_default(),
                size: members.len(),
                judged,
                demoted: if judged {
                    reduce(buckets, region, &members, claims, limits, sets)
                } else {
                    0
                },
            }
        })
        .collect();
    large.sort_unstable_by(|a, b| buckets.id(a.member).cmp(buckets.id(b.member)));
    large
}

/// Takes from one cluster the values that alone hold it together: those without which a tenth of it or more falls off.
/// Returns how many that were.
fn reduce(
    buckets: &impl Buckets,
    region: &Region<'_>,
    members: &[u32],
    claims: &impl Fn(u32) -> u8,
    limits: &Limits,
    sets: &mut Sets,
) -> usize {
    let root = sets.find(members[0]);
    let mut within = |keys: &[u32]| -> Vec<u32> {
        let mut inside = |key: u32| {
            let holders = buckets.holders(key);
            holders.len() > 1 && holders.iter().all(|&holder| sets.find(holder) == root)
        };
        keys.iter().copied().filter(|&key| inside(key)).collect()
    };
    let inner = Region {
        members,
        linking: within(&region.linking),
        bridging: within(&region.bridging),
        same: &pairs_within(region.same, members),
        apart: &pairs_within(region.apart, members),
        guard: region.guard,
    };
    let mut candidates: Vec<u32> = inner.linking.iter().chain(&inner.bridging).copied().collect();
    candidates.sort_unstable_by_key(|&key| (std::cmp::Reverse(buckets.holders(key).len()), buckets.hash(key)));
    candidates.truncate(SUSPECTS);
    let mut demoted: Vec<u32> = Vec::new();
    for _ in 0..limits.guard_rounds {
        let before = largest_among(members, sets);
        let splits = candidates.iter().copied().find(|&key| {
            let others = |other| other != key && !demoted.contains(&other);
            join_all(buckets, &inner, members, claims, others, sets);
            largest_among(members, sets) * 10 <= before * 9
        });
        let Some(key) = splits else {
            join_all(
                buckets,
                &inner,
                members,
                claims,
                |other| !demoted.contains(&other),
                sets,
            );
            break;
        };
        demoted.push(key);
        if largest_among(members, sets) <= region.guard {
            break;
        }
    }
    demoted.len()
}

fn largest_among(members: &[u32], sets: &mut Sets) -> usize {
    members.iter().map(|&member| sets.size(member)).max().unwrap_or(0)
}
