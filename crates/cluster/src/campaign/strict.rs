//! The strict rules of campaigns (clustering.md §22.5).

use std::collections::HashMap;

use super::edge::{Edge, cohort, symmetric_overlap};
use super::{Joint, Reason, THRESHOLD, handoff, infra};
use crate::{Features, Settings, simhash};

/// What two identities have been found to share so far.
#[derive(Clone, Copy, Debug)]
struct Pair {
    handoff: f64,
    /// Chance that all shared infrastructure is a coincidence.
    coincidence: f64,
}

/// Every pair, or chain of pairs, that is to be joined.
pub(super) fn joints(identities: &[Features], settings: &Settings) -> Vec<Joint> {
    let mut joints = Vec::new();
    let mut pairs: HashMap<(u32, u32), Pair> = HashMap::new();
    for shared in infra::shared(identities, &settings.commodity, &settings.limits) {
        if shared.rarity >= THRESHOLD {
            let chain = shared.holders.windows(2).map(|pair| Joint {
                a: pair[0],
                b: pair[1],
                weight: 1.0,
                reason: Reason::Infra,
            });
            joints.extend(chain);
        } else if shared.holders.len() <= settings.limits.pairs_of {
            for (n, &a) in shared.holders.iter().enumerate() {
                for &b in &shared.holders[n + 1..] {
                    pairs.entry((a, b)).or_default().coincidence *= 1.0 - shared.rarity;
                }
            }
        }
    }
    for decky in handoff::deckies(identities) {
        for (giver, taker, exclusive) in decky.exclusive(identities, settings.limits.handoff_partners) {
            let pair = pairs.entry(ordered(giver, taker)).or_default();
            pair.handoff = pair.handoff.max(exclusive);
        }
    }
    for (a, b) in alike(identities, settings.limits.pairs_of) {
        pairs.entry((a, b)).or_default();
    }
    let weighed = pairs.into_iter().filter_map(|((a, b), pair)| {
        // What is known already may not be enough even if all the rest agreed.
        let best = pair.handoff + 1.0 - pair.coincidence + 0.6 + 0.4 + 0.1;
        (best >= THRESHOLD).then(|| pair.edge(&identities[a as usize], &identities[b as usize]).joint(a, b))?
    });
    let begin = joints.len();
    joints.extend(weighed);
    joints[begin..].sort_unstable_by_key(|joint| (joint.a, joint.b));
    joints
}

/// The same for one pair, as evidence.
pub(super) fn edge(identities: &[Features], a: usize, b: usize, settings: &Settings) -> Edge {
    let (x, y) = (a as u32, b as u32);
    let mut pair = Pair::default();
    for shared in infra::shared(identities, &settings.commodity, &settings.limits) {
        let counts = shared.rarity >= THRESHOLD || shared.holders.len() <= settings.limits.pairs_of;
        let has = |who: u32| shared.holders.binary_search(&who).is_ok();
        if counts && has(x) && has(y) {
            pair.coincidence *= 1.0 - shared.rarity;
        }
    }
    for decky in handoff::deckies(identities) {
        for (giver, taker, exclusive) in decky.exclusive(identities, settings.limits.handoff_partners) {
            if ordered(giver, taker) == ordered(x, y) {
                pair.handoff = pair.handoff.max(exclusive);
            }
        }
    }
    pair.edge(&identities[a], &identities[b])
}

/// Pairs whose typing differs in one bit at most. Farther apart it cannot reach the threshold without another sign.
fn alike(identities: &[Features], most: usize) -> Vec<(u32, u32)> {
    let mut holders: HashMap<u64, Vec<u32>> = HashMap::new();
    for (n, identity) in identities.iter().enumerate() {
        if let Some(hash) = identity.keystroke {
            holders.entry(hash).or_default().push(n as u32);
        }
    }
    // Typing that so many share is nobody's.
    holders.retain(|_, holders| holders.len() <= most);
    let mut pairs = Vec::new();
    for (hash, these) in &holders {
        for (n, &a) in these.iter().enumerate() {
            pairs.extend(these[n + 1..].iter().map(|&b| (a, b)));
        }
        for near in (0..64).map(|bit| hash ^ 1 << bit).filter(|near| near > hash) {
            let those = holders.get(&near).into_iter().flatten();
            pairs.extend(those.flat_map(|&b| these.iter().map(move |&a| ordered(a, b))));
        }
    }
    pairs
}

fn ordered(a: u32, b: u32) -> (u32, u32) {
    (a.min(b), a.max(b))
}

// === impl Pair ===

impl Default for Pair {
    fn default() -> Self {
        Self {
            handoff: 0.0,
            coincidence: 1.0,
        }
    }
}

impl Pair {
    fn edge(self, a: &Features, b: &Features) -> Edge {
        Edge {
            handoff: self.handoff,
            infra: 1.0 - self.coincidence,
            keystroke: simhash::likeness(a.keystroke, b.keystroke),
            temporal: symmetric_overlap(a, b),
            cohort: cohort(a, b),
        }
    }
}
