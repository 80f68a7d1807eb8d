use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{Family, Limits, Standing, tiers};

/// An observation of small numbers: which value, if any, it has of each kind.
#[derive(Clone, Debug)]
struct Seen {
    ja3: Option<u8>,
    hassh: Option<u8>,
    payload: Option<u8>,
    c2: Option<u8>,
    cert: Option<u8>,
}

/// Limits low enough for a handful of observations to reach all of them.
fn low_limits() -> Limits {
    Limits {
        stack_holders: 4,
        stack_partners: 3,
        lone_holders: 5,
        infra_holders: 8,
        guard_size: 6,
        guard_percent: 40,
        ..Limits::default()
    }
}

fn settings(profile: Profile, limits: Limits) -> Settings {
    Settings {
        limits,
        ..Settings::new(profile)
    }
}

fn value() -> impl Strategy<Value = Option<u8>> {
    prop_oneof![45 => Just(None), 55 => (0..5_u8).prop_map(Some)]
}

fn seen() -> impl Strategy<Value = Seen> {
    let rare = prop_oneof![9 => Just(None), 1 => (0..3_u8).prop_map(Some)];
    (value(), value(), value(), value(), rare).prop_map(|(ja3, hassh, payload, c2, cert)| Seen {
        ja3,
        hassh,
        payload,
        c2,
        cert,
    })
}

fn observation(id: usize, seen: &Seen) -> Observation {
    let set = |value: Option<u8>| value.map(|value| value.to_string()).into_iter().collect();
    Observation {
        id: format!("{id:03}"),
        ja3: set(seen.ja3),
        hassh: set(seen.hassh),
        payload_hashes: set(seen.payload),
        c2_endpoints: set(seen.c2),
        tls_cert_sha256: set(seen.cert),
        ..Observation::default()
    }
}

fn list(seen: &[Seen]) -> Vec<Observation> {
    seen.iter().enumerate().map(|(n, seen)| observation(n, seen)).collect()
}

/// Each observation's cluster by name, so that lists in any order can be compared.
fn labels(observations: &[Observation], found: &Partition) -> BTreeMap<String, String> {
    let names = found.labels(|place| &observations[place].id);
    let of = |(place, observation): (usize, &Observation)| {
        (
            observation.id.clone(),
            names[found.numbers()[place] as usize].to_owned(),
        )
    };
    observations.iter().enumerate().map(of).collect()
}

fn pins(pairs: &[(u8, u8)], of: usize) -> Vec<(String, String)> {
    let id = |n: u8| format!("{:03}", usize::from(n) % of.max(1));
    let pairs = pairs.iter().map(|&(a, b)| (id(a), id(b)));
    pairs.filter(|(a, b)| a != b).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn what_grew_is_what_all_at_once_would_be(
        first in prop::collection::vec(seen(), 0..14),
        updates in prop::collection::vec((0..20_usize, seen()), 1..24),
        same in prop::collection::vec((0..20_u8, 0..20_u8), 0..2),
        apart in prop::collection::vec((0..20_u8, 0..20_u8), 0..3),
    ) {
        let settings = settings(Profile::Strict, low_limits());
        let pins = Pins { same: pins(&same, 20), apart: pins(&apart, 20) };
        let mut now = list(&first);
        let mut standing = Standing::new(&now, &pins, &settings);
        for (place, seen) in updates {
            let place = place.min(now.len());
            let observation = observation(place, &seen);
            standing.update(&observation);
            match now.get_mut(place) {
                Some(known) => *known = observation,
                None => now.push(observation),
            }
            let at_once = identities(&now, &pins, &settings);
            let grown = standing.identities();
            prop_assert_eq!(labels(&now, &grown.partition), labels(&now, &at_once.partition));
        }
    }

    #[test]
    fn the_order_of_observations_is_no_evidence(
        seen in prop::collection::vec(seen(), 0..30),
        turn in 0..30_usize,
        apart in prop::collection::vec((0..30_u8, 0..30_u8), 0..3),
    ) {
        let pins = Pins { same: Vec::new(), apart: pins(&apart, seen.len()) };
        let settings = settings(Profile::Strict, low_limits());
        let one = list(&seen);
        let mut other = one.clone();
        other.rotate_left(turn.min(seen.len()));
        other.reverse();
        let (a, b) = (identities(&one, &pins, &settings), identities(&other, &pins, &settings));
        prop_assert_eq!(labels(&one, &a.partition), labels(&other, &b.partition));
    }

    #[test]
    fn the_compatible_shortcut_joins_whom_all_pairs_would(seen in prop::collection::vec(seen(), 0..30)) {
        let observations = list(&seen);
        let found = identities(&observations, &Pins::default(), &Settings::new(Profile::Compat));
        let mut sets = crate::sets::Sets::new(observations.len());
        for a in 0..observations.len() {
            for b in a + 1..observations.len() {
                if tiers(&observations[a], &observations[b]).joins() {
                    sets.join(a as u32, b as u32);
                }
            }
        }
        prop_assert_eq!(found.partition, Partition::of(&mut sets, observations.len()));
    }
}

#[test]
fn a_pair_said_to_be_the_same_is_and_one_said_not_to_be_is_not() {
    let with = |id: &str, ja3: &str| Observation {
        id: id.to_owned(),
        ja3: vec![ja3.to_owned()],
        ..Observation::default()
    };
    let observations = [with("a", "x"), with("b", "x"), with("c", "y")];
    let pair = |a: &str, b: &str| vec![(a.to_owned(), b.to_owned())];
    for profile in [Profile::Strict, Profile::Compat] {
        let settings = Settings::new(profile);
        let pins = Pins {
            same: pair("b", "c"),
            apart: pair("a", "b"),
        };
        let found = identities(&observations, &pins, &settings).partition;
        assert!(found.together(1, 2) && !found.together(0, 1), "{profile}");
        let without = identities(&observations, &Pins::default(), &settings).partition;
        assert!(without.together(0, 1) && !without.together(1, 2), "{profile}");
    }
}

#[test]
fn two_common_clients_alike_are_still_two_but_with_one_payload_they_are_one() {
    let limits = Limits {
        stack_holders: 4,
        stack_partners: 3,
        ..Limits::default()
    };
    let with = |n: usize, hassh: Option<&str>, payload: Option<&str>| Observation {
        id: n.to_string(),
        ja3: vec!["popular".to_owned()],
        hassh: vec![hassh.map_or_else(|| format!("own-{n}"), str::to_owned)],
        payload_hashes: payload.map(str::to_owned).into_iter().collect(),
        ..Observation::default()
    };
    let mut observations: Vec<_> = (0..6).map(|n| with(n, None, None)).collect();
    let bare = |n: usize, payload: &str| Observation {
        hassh: Vec::new(),
        ..with(n, None, Some(payload))
    };
    observations.extend([bare(6, "p"), bare(7, "p"), bare(8, "q")]);
    let found = identities(&observations, &Pins::default(), &settings(Profile::Strict, limits)).partition;
    assert!(found.together(6, 7));
    assert_eq!(found.clusters(), 8);
}

#[test]
fn a_strong_value_outweighs_tools_that_differ() {
    let with = |id: &str, ja3: &str| Observation {
        id: id.to_owned(),
        ja3: vec![ja3.to_owned()],
        ssh_pubkey: vec!["planted".to_owned()],
        ..Observation::default()
    };
    let found = identities(
        &[with("a", "x"), with("b", "y")],
        &Pins::default(),
        &Settings::default(),
    );
    assert_eq!(found.partition.clusters(), 1);
    assert_eq!(Family::SshPubKey.slot(), 0);
}

#[test]
fn a_cluster_held_together_by_one_endpoint_alone_is_taken_apart_and_reported() {
    let limits = Limits {
        guard_size: 20,
        ..Limits::default()
    };
    // Thirty bare rows that meet nowhere but at one endpoint.
    let bare = |n: usize| Observation {
        id: format!("{n:02}"),
        c2_endpoints: vec!["pastebin.example".to_owned()],
        ..Observation::default()
    };
    let observations: Vec<_> = (0..30).map(bare).collect();
    let found = identities(&observations, &Pins::default(), &settings(Profile::Strict, limits));
    assert_eq!(found.partition.clusters(), 30);
    assert_eq!(
        found.suspects,
        [Suspect {
            observation: 0,
            demoted: 1
        }]
    );
}
