//! How unexpected a call is after the last four: prediction by partial matching, escape method C.

use crate::table::Map;

/// Calls looked back.
const ORDER: usize = 4;
/// Calls of an agent from which on surprise means anything.
const LEARNT: u32 = 30;
/// Contexts remembered; what comes after is not learnt.
const MAX_CONTEXTS: usize = 1024;
/// Kinds of call there can be, for what was never seen.
const ALPHABET: f64 = 512.0;
/// `1 − e^(−s/3)` above a half is surprising.
const SCALE: f64 = 3.0;
const SURPRISING: f64 = 0.5;

#[derive(Default)]
pub(super) struct Surprise {
    /// What followed each context, with how often.
    followed: Map<Vec<u16>, Vec<(u16, u32)>>,
    last: Vec<u16>,
    calls: u32,
}

// === impl Surprise ===

impl Surprise {
    /// Judges the next call before learning from it.
    pub(super) fn next(&mut self, symbol: u16) -> bool {
        let surprising = self.calls >= LEARNT && {
            let surprise = -self.probability(symbol).ln();
            1.0 - (-surprise / SCALE).exp() > SURPRISING
        };
        self.learn(symbol);
        surprising
    }

    fn probability(&self, symbol: u16) -> f64 {
        let mut weight = 1.0;
        for order in (0..=self.last.len().min(ORDER)).rev() {
            let Some(seen) = self.followed.get(&self.last[self.last.len() - order..]) else {
                continue;
            };
            let total: u32 = seen.iter().map(|(_, count)| count).sum();
            let kinds = seen.len() as f64;
            let whole = f64::from(total) + kinds;
            if let Some((_, count)) = seen.iter().find(|(known, _)| *known == symbol) {
                return weight * f64::from(*count) / whole;
            }
            weight *= kinds / whole;
        }
        weight / ALPHABET
    }

    fn learn(&mut self, symbol: u16) {
        for order in 0..=self.last.len().min(ORDER) {
            let context = &self.last[self.last.len() - order..];
            if let Some(seen) = self.followed.get_mut(context) {
                match seen.iter_mut().find(|(known, _)| *known == symbol) {
                    Some((_, count)) => *count += 1,
                    None => seen.push((symbol, 1)),
                }
            } else if self.followed.len() < MAX_CONTEXTS {
                self.followed.insert(context.to_vec(), vec![(symbol, 1)]);
            }
        }
        if self.last.len() == ORDER {
            self.last.remove(0);
        }
        self.last.push(symbol);
        self.calls += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_of_habit_surprises_only_once_there_is_a_habit() {
        let mut new = Surprise::default();
        for _ in 0..LEARNT - 1 {
            assert!(!new.next(1));
        }
        assert!(!new.next(9), "29 calls are no habit");
        let mut old = Surprise::default();
        for _ in 0..LEARNT {
            old.next(1);
        }
        assert!(!old.next(1));
        assert!(old.next(9));
    }
}
