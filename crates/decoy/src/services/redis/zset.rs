//! Sorted sets: members by score, and by name where scores are equal.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Bound;

use super::dict::Dict;
use super::reply::Bytes;
use super::value::Small;

#[derive(Clone, Debug)]
pub(super) struct Zset {
    order: BTreeSet<Ranked>,
    scores: Dict<f64>,
    small: bool,
    bytes: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ranked {
    pub(super) score: f64,
    pub(super) member: Bytes,
}

/// One end of a range of scores.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScoreEnd {
    pub(super) score: f64,
    pub(super) open: bool,
}

/// One end of a range of names.
#[derive(Clone, Debug)]
pub(super) enum NameEnd {
    Lowest,
    Highest,
    At { name: Bytes, open: bool },
}

// === impl Zset ===

impl Zset {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            order: BTreeSet::new(),
            scores: Dict::new(seed),
            small: true,
            bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.scores.len()
    }

    pub(super) fn is_small(&self) -> bool {
        self.small
    }

    pub(super) fn weight(&self) -> usize {
        self.bytes
    }

    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        self.scores.get(member).copied()
    }

    /// The score it had before.
    pub(super) fn insert(&mut self, member: Bytes, score: f64, small: Small) -> Option<f64> {
        let long = member.len() > small.value;
        let old = self.scores.insert(member.clone(), score);
        match old {
            Some(old) => {
                self.order.remove(&Ranked {
                    score: old,
                    member: member.clone(),
                });
            }
            None => self.bytes += 2 * member.len() + 96,
        }
        self.order.insert(Ranked { score, member });
        self.small = self.small && !long && self.len() <= small.entries;
        old
    }

    pub(super) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let score = self.scores.remove(member)?;
        self.order.remove(&Ranked {
            score,
            member: member.to_vec(),
        });
        self.bytes -= 2 * member.len() + 96;
        Some(score)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Ranked> + ExactSizeIterator {
        self.order.iter()
    }

    pub(super) fn rank(&self, member: &[u8]) -> Option<usize> {
        let score = self.score(member)?;
        let wanted = Ranked {
            score,
            member: member.to_vec(),
        };
        Some(self.order.range(..&wanted).count())
    }

    /// Those between two scores, in rising order.
    pub(super) fn between(&self, low: ScoreEnd, high: ScoreEnd) -> impl DoubleEndedIterator<Item = &Ranked> {
        let start = Ranked {
            score: low.score,
            member: Vec::new(),
        };
        let end = match high.score.next_up() {
            f64::INFINITY => Bound::Unbounded,
            next => Bound::Excluded(Ranked {
                score: next,
                member: Vec::new(),
            }),
        };
        let none = low.score > high.score || (low.score == high.score && (low.open || high.open));
        let end = if none { Bound::Excluded(start.clone()) } else { end };
        let range = self.order.range((Bound::Included(start), end));
        let above = move |ranked: &&Ranked| ranked.score < high.score || (!high.open && ranked.score == high.score);
        let below = move |ranked: &&Ranked| ranked.score > low.score || !low.open;
        range.filter(below).filter(above)
    }

    /// Those between two names, as far as names are in order: which they are where all scores are equal.
    pub(super) fn named(&self, low: &NameEnd, high: &NameEnd, reverse: bool) -> Vec<&Ranked> {
        let (first, last) = (self.order.first(), self.order.last());
        let within = last.is_some_and(|last| low.allows_above(&last.member))
            && first.is_some_and(|first| high.allows_below(&first.member));
        if !within {
            return Vec::new();
        }
        let (above, below) = (
            |ranked: &&Ranked| low.allows_above(&ranked.member),
            |ranked: &&Ranked| high.allows_below(&ranked.member),
        );
        match reverse {
            false => self
                .order
                .iter()
                .skip_while(|ranked| !above(ranked))
                .take_while(below)
                .collect(),
            true => self
                .order
                .iter()
                .rev()
                .skip_while(|ranked| !below(ranked))
                .take_while(above)
                .collect(),
        }
    }

    pub(super) fn scan<'a>(&'a self, cursor: u64, mut visit: impl FnMut(&'a Bytes, f64)) -> u64 {
        if self.small {
            self.order.iter().for_each(|ranked| visit(&ranked.member, ranked.score));
            return 0;
        }
        self.scores.scan(cursor, |member, score| visit(member, *score))
    }

    pub(super) fn pick(&self, mut random: impl FnMut() -> u64) -> Option<(&Bytes, f64)> {
        if self.small && self.len() > 0 {
            let at = random() as usize % self.len();
            return self.order.iter().nth(at).map(|ranked| (&ranked.member, ranked.score));
        }
        self.scores.pick(random).map(|(member, score)| (member, *score))
    }
}

// === impl Ranked ===

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        // Scores are never NaN; 0 and -0 are the same.
        self.score
            .partial_cmp(&other.score)
            .unwrap_or(Ordering::Equal)
            .then_with(|| self.member.cmp(&other.member))
    }
}

// === impl NameEnd ===

impl NameEnd {
    fn allows_above(&self, member: &[u8]) -> bool {
        match self {
            Self::Lowest => true,
            Self::Highest => false,
            Self::At { name, open } => member > &name[..] || (!open && member == name),
        }
    }

    fn allows_below(&self, member: &[u8]) -> bool {
        match self {
            Self::Lowest => false,
            Self::Highest => true,
            Self::At { name, open } => member < &name[..] || (!open && member == name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_by_score_keep_their_ends() {
        let mut zset = Zset::new(1);
        for (member, score) in [("a", 1.0), ("b", 2.0), ("c", 2.0), ("d", 3.0)] {
            zset.insert(
                member.into(),
                score,
                Small {
                    entries: 128,
                    value: 64,
                },
            );
        }
        let names = |low: (f64, bool), high: (f64, bool)| {
            let (low, high) = (
                ScoreEnd {
                    score: low.0,
                    open: low.1,
                },
                ScoreEnd {
                    score: high.0,
                    open: high.1,
                },
            );
            zset.between(low, high)
                .map(|r| String::from_utf8(r.member.clone()).unwrap())
                .collect::<String>()
        };
        assert_eq!(names((1.0, true), (3.0, false)), "bcd");
        assert_eq!(names((f64::NEG_INFINITY, false), (3.0, true)), "abc");
        assert_eq!(names((2.0, true), (2.0, false)), "");
        assert_eq!(zset.rank(b"c"), Some(2));
    }
}
