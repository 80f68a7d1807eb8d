//! What shared infrastructure says, by how rare it is (clustering.md §22.5), and a password that only those know who
//! work together (§20).

use std::collections::HashMap;

use crate::{Commodity, Family, Features, KeyHash, Limits};

/// What everybody can fetch or reach.
const PUBLIC: f64 = 0.1;

/// A payload, endpoint or credential that several identities have.
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
        if identity.credentials.len() <= limits.known_credentials {
            let known = identity.credentials.iter();
            let rare = known.filter(|(_, secret)| !secret.is_empty() && !commodity.has_password(secret));
            occurrences.extend(rare.map(|(user, secret)| {
                let key = KeyHash::of(Family::Credential, &format!("{user}\0{secret}"));
                (key, n as u32, Family::Credential)
            }));
        }
    }
    occurrences.sort_unstable();
    occurrences.dedup();
    let groups = occurrences.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1);
    let groups = groups.filter(|same| same[0].2 != Family::Credential || same.len() <= limits.crew_by_credential);
    let measured = groups.map(|same| {
        let (key, _, family) = same[0];
        let holders: Vec<u32> = same.iter().map(|&(_, holder, _)| holder).collect();
        let rarity = match family {
            _ if commodity.contains(key) => PUBLIC,
            Family::Credential => 1.0,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn knows(credentials: &[(&str, &str)]) -> Features {
        let owned = |(user, secret): &(&str, &str)| ((*user).to_owned(), (*secret).to_owned());
        Features {
            credentials: credentials.iter().map(owned).collect(),
            ..Features::default()
        }
    }

    fn shares(identities: &[Features]) -> usize {
        shared(identities, &Commodity::shipped(), &Limits::default()).len()
    }

    #[test]
    fn a_rare_password_is_shared_by_those_who_work_together() {
        let rare = ("svc", "Vq7-gale-Otter");
        assert_eq!(shares(&[knows(&[rare]), knows(&[rare, ("root", "toor")])]), 1);
        assert_eq!(
            shares(&[knows(&[rare]), knows(&[("root", "Vq7-gale-Otter")])]),
            0,
            "of somebody else"
        );
        assert_eq!(
            shares(&[knows(&[("root", "toor")]), knows(&[("root", "toor")])]),
            0,
            "a common one"
        );
        assert_eq!(
            shares(&[knows(&[("root", "")]), knows(&[("root", "")])]),
            0,
            "none at all"
        );
    }

    #[test]
    fn a_password_too_many_know_and_one_out_of_a_list_say_nothing() {
        let rare = ("svc", "Vq7-gale-Otter");
        let limits = Limits::default();
        assert_eq!(shares(&vec![knows(&[rare]); limits.crew_by_credential]), 1);
        assert_eq!(shares(&vec![knows(&[rare]); limits.crew_by_credential + 1]), 0);
        let list = |count: usize| {
            let mut list = knows(&[rare]);
            list.credentials
                .extend((1..count).map(|n| ("root".to_owned(), format!("guess-{n}-Vq7"))));
            list
        };
        assert_eq!(shares(&[knows(&[rare]), list(limits.known_credentials)]), 1);
        assert_eq!(shares(&[knows(&[rare]), list(limits.known_credentials + 1)]), 0);
    }
}
