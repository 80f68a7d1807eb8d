//! The campaign rules of the Python DECNET without its all-pairs loop (clustering.md §9).

use std::collections::HashMap;

use super::edge::{self, HANDOFF_WINDOW};
use super::{Joint, Reason, handoff};
use crate::Features;
use crate::sets::Sets;

/// Joints of every pair that could reach the threshold and does.
pub(super) fn joints(identities: &[Features]) -> Vec<Joint> {
    let mut found = Found {
        identities,
        sets: Sets::new(identities.len()),
        joints: Vec::new(),
    };
    for decky in handoff::deckies(identities) {
        found.hand_over(&decky);
    }
    found.same_infra();
    found.some_infra();
    found.alike();
    found.joints
}

struct Found<'a> {
    identities: &'a [Features],
    sets: Sets,
    joints: Vec<Joint>,
}

// === impl Found ===

impl Found<'_> {
    fn join(&mut self, a: u32, b: u32, weight: f64, reason: Reason) {
        if self.sets.join(a, b) {
            self.joints.push(Joint { a, b, weight, reason });
        }
    }

    /// Weighs a pair in the order of the list, unless it is joined already.
    fn weigh(&mut self, a: u32, b: u32) {
        let (a, b) = (a.min(b), a.max(b));
        if self.sets.find(a) == self.sets.find(b) {
            return;
        }
        let edge = edge::compat(&self.identities[a as usize], &self.identities[b as usize]);
        if let Some(joint) = edge.joint(a, b) {
            self.join(a, b, joint.weight, joint.reason);
        }
    }

    /// Who left a decky is joined with all who took it up within the window. Windows overlap, so each taker is joined
    /// to the one after him at most once.
    fn hand_over(&mut self, decky: &handoff::Decky) {
        let mut chained = 0;
        for &(at, giver) in &decky.left {
            let begin = decky.taken.partition_point(|&(taken, _)| taken < at);
            let end = decky
                .taken
                .partition_point(|&(taken, _)| taken <= at.saturating_add(HANDOFF_WINDOW));
            if begin >= end {
                continue;
            }
            self.join(giver, decky.taken[begin].1, 1.0, Reason::Handoff);
            for place in begin.max(chained)..end - 1 {
                self.join(decky.taken[place].1, decky.taken[place + 1].1, 1.0, Reason::Handoff);
            }
            chained = chained.max(end - 1);
        }
    }

    fn same_infra(&mut self) {
        let mut first: HashMap<Vec<(bool, &str)>, u32> = HashMap::new();
        for (n, identity) in self.identities.iter().enumerate() {
            let infra: Vec<_> = identity.infra().into_iter().collect();
            if infra.is_empty() {
                continue;
            }
            let first = *first.entry(infra).or_insert(n as u32);
            self.join(first, n as u32, 1.0, Reason::Infra);
        }
    }

    fn some_infra(&mut self) {
        let mut holders: HashMap<(bool, &str), Vec<u32>> = HashMap::new();
        for (n, identity) in self.identities.iter().enumerate() {
            for key in identity.infra() {
                holders.entry(key).or_default().push(n as u32);
            }
        }
        for holders in holders.into_values() {
            for (n, &a) in holders.iter().enumerate() {
                for &b in &holders[n + 1..] {
                    self.weigh(a, b);
                }
            }
        }
    }

    fn alike(&mut self) {
        let mut holders: HashMap<u64, Vec<u32>> = HashMap::new();
        for (n, identity) in self.identities.iter().enumerate() {
            if let Some(hash) = identity.keystroke {
                holders.entry(hash).or_default().push(n as u32);
            }
        }
        for (&hash, these) in &holders {
            for (n, &a) in these.iter().enumerate() {
                for &b in &these[n + 1..] {
                    self.weigh(a, b);
                }
            }
            for near in (0..64).map(|bit| hash ^ 1 << bit).filter(|near| *near > hash) {
                for &b in holders.get(&near).into_iter().flatten() {
                    for &a in these {
                        self.weigh(a, b);
                    }
                }
            }
        }
    }
}
