//! What speaks for two observations being of the same hands, pair by pair (clustering.md §4).

use std::collections::BTreeSet;

use serde::Serialize;

use crate::Observation;

/// Scores of one pair, each in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Tiers {
    /// Equal fingerprints, or shared infrastructure that is not vetoed.
    pub high: f64,
    /// The most alike of the phases both were seen in, by their commands.
    pub medium: f64,
    /// Shared credentials.
    pub low: f64,
    /// The same network.
    pub very_low: f64,
    /// Both show fingerprints that can be compared, and none agrees.
    pub vetoed: bool,
}

/// The tiers of a pair by the rules of the Python DECNET, which knows one JA3 and one HASSH of each.
pub fn tiers(a: &Observation, b: &Observation) -> Tiers {
    let slots = [(a.last_ja3(), b.last_ja3()), (a.last_hassh(), b.last_hassh())];
    let comparable: Vec<_> = slots.into_iter().filter_map(|(a, b)| Some(a? == b?)).collect();
    let agrees = comparable.contains(&true);
    let vetoed = !comparable.is_empty() && !agrees;
    let infra = meet(&a.payload_hashes, &b.payload_hashes) || meet(&a.c2_endpoints, &b.c2_endpoints);
    Tiers {
        high: f64::from(u8::from(agrees || (!vetoed && infra))),
        medium: medium(a, b),
        low: jaccard(&a.credentials, &b.credentials),
        very_low: f64::from(u8::from(a.asn.is_some() && a.asn == b.asn)),
        vetoed,
    }
}

fn medium(a: &Observation, b: &Observation) -> f64 {
    let common = a
        .commands
        .iter()
        .filter_map(|(phase, commands)| Some((commands, b.commands.get(phase)?)));
    common.map(|(a, b)| jaccard(a, b)).fold(0.0, f64::max)
}

fn meet(a: &[String], b: &[String]) -> bool {
    a.iter().any(|value| !value.is_empty() && b.contains(value))
}

fn jaccard<T: Ord>(a: &[T], b: &[T]) -> f64 {
    let (a, b): (BTreeSet<_>, BTreeSet<_>) = (a.iter().collect(), b.iter().collect());
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    let common = a.intersection(&b).count();
    common as f64 / (a.len() + b.len() - common) as f64
}

// === impl Tiers ===

impl Tiers {
    /// The sum as weighted; from 1 on the two are the same. The weaker tiers together reach 0.85.
    pub fn weight(&self) -> f64 {
        self.high + 0.6 * self.medium + 0.2 * self.low + 0.05 * self.very_low
    }

    pub fn joins(&self) -> bool {
        self.weight() >= 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Phase;

    fn with(ja3: Option<&str>, hassh: Option<&str>, payload: Option<&str>) -> Observation {
        let set = |value: Option<&str>| value.map(str::to_owned).into_iter().collect();
        Observation {
            ja3: set(ja3),
            hassh: set(hassh),
            payload_hashes: set(payload),
            ..Observation::default()
        }
    }

    fn typing(phase: Phase, commands: &[&str]) -> Observation {
        let commands = commands.iter().map(|&command| command.to_owned()).collect();
        Observation {
            commands: [(phase, commands)].into(),
            ..Observation::default()
        }
    }

    #[test]
    fn the_veto_falls_where_comparable_fingerprints_all_differ() {
        let p = Some("p");
        for (a, b, vetoed, joins) in [
            (
                with(Some("x"), Some("s"), p),
                with(Some("y"), Some("t"), p),
                true,
                false,
            ),
            (with(Some("x"), None, p), with(Some("y"), Some("t"), p), true, false),
            (with(None, Some("s"), p), with(Some("y"), Some("t"), p), true, false),
            (
                with(Some("x"), Some("s"), None),
                with(Some("x"), Some("t"), None),
                false,
                true,
            ),
            (with(Some("x"), None, p), with(None, Some("t"), p), false, true),
            (with(None, None, p), with(None, None, p), false, true),
            (with(None, None, None), with(None, None, None), false, false),
        ] {
            let found = tiers(&a, &b);
            assert_eq!((found.vetoed, found.joins()), (vetoed, joins), "{a:?} {b:?}");
        }
    }

    #[test]
    fn weak_tiers_never_join_even_all_together() {
        let mut a = typing(Phase::Discovery, &["id", "w"]);
        a.credentials = vec![("root".to_owned(), "toor".to_owned())];
        a.asn = Some(64_512);
        let found = tiers(&a, &a.clone());
        assert_eq!(
            (found.high, found.medium, found.low, found.very_low),
            (0.0, 1.0, 1.0, 1.0)
        );
        assert!((found.weight() - 0.85).abs() < 1e-12 && !found.joins());
    }

    #[test]
    fn commands_are_compared_as_sets_within_a_phase_and_the_best_phase_counts() {
        let a = typing(Phase::Discovery, &["id", "w", "ps", "id"]);
        let b = typing(Phase::Discovery, &["w", "ps", "uname"]);
        assert_eq!(tiers(&a, &b).medium, 0.5);
        assert_eq!(tiers(&a, &typing(Phase::Collection, &["id", "w", "ps"])).medium, 0.0);
        let mut c = b.clone();
        c.commands.insert(Phase::Impact, vec!["halt".to_owned()]);
        let mut d = a.clone();
        d.commands.insert(Phase::Impact, vec!["halt".to_owned()]);
        assert_eq!(tiers(&c, &d).medium, 1.0);
    }
}
