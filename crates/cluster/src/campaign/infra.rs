//! What shared infrastructure says, by how rare it is (clustering.md §22.5).

use std::collections::HashMap;

use crate::{Commodity, Family, Features, KeyHash, Limits};

/// What everybody can fetch or reach.
const PUBLIC: f64 = 0.1;

/// A payload or endpoint that several identities have.
#[derive(Debug)]
pub(super) struct Shared {
    /// Ascending.
    pub(super) holders: Vec<u32>,
    /// How surely they belong together, in (0, 1].
    pub(super) rarity: f64,
}

/// Everything that at least two share.
pub(super) fn shared(identities: &[Features], commodity: &Commodity, limits: &Limits) -> Vec<Shared> {
    let mut occurrences: Vec<(KeyHash, u32, Family)> = Vec::with_capacity(identities.len());
    for (n, identity) in identities.iter().enumerate() {
        let mut add = |family: Family, values: &[String]| {
            let known = values.iter().filter(|value| !value.is_empty());
            occurrences.extend(known.map(|value| (KeyHash::of(family, value), n as u32, family)));
        };
        add(Family::Payload, &identity.payload_hashes);
        add(Family::C2, &identity.c2_endpoints);
    }
    occurrences.sort_unstable();
    occurrences.dedup();
    let groups = occurrences.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1);
    let measured = groups.map(|same| {
        let (key, _, family) = same[0];
        let holders: Vec<u32> = same.iter().map(|&(_, holder, _)| holder).collect();
        let rarity = match family {
            _ if commodity.contains(key) => PUBLIC,
            Family::C2 => rarity(limits.crew_by_c2, holders.len()),
            _ if holders.len() <= limits.crew_by_payload => 1.0,
            _ if is_of_one_crew(&holders, identities, commodity) => 1.0,
            _ => rarity(limits.crew_by_payload, holders.len()),
        };
        Shared { holders, rarity }
    });
    measured.collect()
}

fn rarity(crew: usize, holders: usize) -> f64 {
    (crew as f64 / holders as f64).min(1.0)
}

/// Whether at least half of the holders have endpoints, and one endpoint at least half of those: then a payload is a
/// crew's own, however many they are, and no malware anyone can fetch.
fn is_of_one_crew(holders: &[u32], identities: &[Features], commodity: &Commodity) -> bool {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut with = 0;
    for &holder in holders {
        let mut own: Vec<&str> = identities[holder as usize]
            .c2_endpoints
            .iter()
            .map(String::as_str)
            .collect();
        own.retain(|endpoint| !commodity.contains(KeyHash::of(Family::C2, endpoint)));
        with += usize::from(!own.is_empty());
        for endpoint in own {
            *counts.entry(endpoint).or_default() += 1;
        }
    }
    let most = counts.into_values().max().unwrap_or(0);
    with * 2 >= holders.len() && most * 2 >= with && with > 0
}
