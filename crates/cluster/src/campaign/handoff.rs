//! Who took over a machine another had left behind.

use std::collections::HashMap;

use super::edge::HANDOFF_WINDOW;
use crate::{Features, Phase, Stay};

/// Who left one decky behind and who took it up, each in order of time.
#[derive(Debug, Default)]
pub(super) struct Decky {
    /// When, who.
    pub(super) left: Vec<(i64, u32)>,
    pub(super) taken: Vec<(i64, u32)>,
}

/// All deckies that were left behind by some and taken up by others. In order of their names.
pub(super) fn deckies(identities: &[Features]) -> Vec<Decky> {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut deckies: Vec<Decky> = Vec::new();
    for (n, identity) in identities.iter().enumerate() {
        for (name, stay) in &identity.deckies {
            let Some(stay) = stay else { continue };
            let number = *numbers.entry(name).or_insert_with(|| {
                deckies.push(Decky::default());
                deckies.len() - 1
            });
            if stay.last_phase.hands_over() {
                deckies[number].left.push((stay.last_at, n as u32));
            }
            if stay.first_phase.takes_over() {
                deckies[number].taken.push((stay.first_at, n as u32));
            }
        }
    }
    for decky in &mut deckies {
        decky.left.sort_unstable();
        decky.taken.sort_unstable();
    }
    deckies.retain(|decky| !decky.left.is_empty() && !decky.taken.is_empty());
    deckies
}

// === impl Decky ===

impl Decky {
    /// Each hand-over of this decky, from whom to whom, and how exclusive it is: 1 over the number of those who could
    /// have taken over, times those who could have handed over, times the ways in the taker had. With more than `most`
    /// to choose from it says nothing.
    pub(super) fn exclusive(&self, identities: &[Features], most: usize) -> Vec<(u32, u32, f64)> {
        let mut found = Vec::new();
        for &(at, giver) in &self.left {
            let takers = within(&self.taken, at, at.saturating_add(HANDOFF_WINDOW));
            let others = others(takers, giver);
            if others == 0 || others > most {
                continue;
            }
            for &(taken_at, taker) in takers.iter().filter(|(_, taker)| *taker != giver) {
                let givers = within(&self.left, taken_at.saturating_sub(HANDOFF_WINDOW), taken_at);
                let ways = ways_in(&identities[taker as usize], taken_at);
                let choices = others * self::others(givers, taker) * ways;
                found.push((giver, taker, 1.0 / choices as f64));
            }
        }
        found
    }
}

/// How somebody may have come to a machine: once by what another left, and once by each machine he had broken into
/// himself before.
fn ways_in(taker: &Features, before: i64) -> usize {
    let broke_in = |(_, stay): &&(String, Option<Stay>)| {
        stay.is_some_and(|stay| {
            (stay.first_phase == Phase::Exploitation && stay.first_at < before)
                || (stay.last_phase == Phase::Exploitation && stay.last_at < before)
        })
    };
    1 + taker.deckies.iter().filter(broke_in).count()
}

/// The part of a sorted list between two times, both included.
fn within(events: &[(i64, u32)], from: i64, to: i64) -> &[(i64, u32)] {
    let begin = events.partition_point(|&(at, _)| at < from);
    let end = events.partition_point(|&(at, _)| at <= to);
    &events[begin..end.max(begin)]
}

/// How many of them are somebody else. Nobody is in a list twice.
fn others(events: &[(i64, u32)], than: u32) -> usize {
    // A list that is too long to matter is not searched.
    match events.len() {
        0 => 0,
        few @ 1..=64 => few - usize::from(events.iter().any(|&(_, who)| who == than)),
        many => many - 1,
    }
}
