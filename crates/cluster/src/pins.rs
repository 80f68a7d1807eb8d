//! What an operator said about two observations. It outweighs all evidence.

use std::collections::{HashMap, HashSet};

use crate::Observation;

/// Pairs of observations that are the same, and that are not; by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    pub same: Vec<(String, String)>,
    /// Where both are said of a pair, directly or by way of others, `same` wins.
    pub apart: Vec<(String, String)>,
}

/// The same by place in a list; pairs with somebody who is not in it are left out.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) same: Vec<(u32, u32)>,
    pub(crate) apart: Vec<(u32, u32)>,
}

// === impl Pins ===

impl Pins {
    pub fn is_empty(&self) -> bool {
        self.same.is_empty() && self.apart.is_empty()
    }

    pub(crate) fn places(&self, observations: &[Observation]) -> Places {
        self.places_by(observations.iter().map(|observation| observation.id.as_str()))
    }

    pub(crate) fn places_by<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Places {
        if self.is_empty() {
            return Places::default();
        }
        let places: HashMap<&str, u32> = ids.enumerate().map(|(n, id)| (id, n as u32)).collect();
        let place = |pairs: &[(String, String)]| {
            let pair = |(a, b): &(String, String)| Some((*places.get(a.as_str())?, *places.get(b.as_str())?));
            pairs.iter().filter_map(pair).collect()
        };
        Places {
            same: place(&self.same),
            apart: place(&self.apart),
        }
    }
}

// === impl Places ===

impl Places {
    /// Whether joining the sets of the two would put a pair together that is to stay apart.
    pub(crate) fn are_apart(&self, a: u32, b: u32, mut find: impl FnMut(u32) -> u32) -> bool {
        if self.apart.is_empty() {
            return false;
        }
        let (a, b) = (find(a), find(b));
        a != b
            && self.apart.iter().any(|&(x, y)| {
                let (x, y) = (find(x), find(y));
                (x, y) == (a, b) || (x, y) == (b, a)
            })
    }

    /// Those an operator spoke of together with this one.
    pub(crate) fn beside(&self, place: u32) -> impl Iterator<Item = u32> {
        let pairs = self.same.iter().chain(&self.apart);
        pairs.filter_map(move |&(a, b)| match place {
            _ if a == place => Some(b),
            _ if b == place => Some(a),
            _ => None,
        })
    }

    /// The pairs both of whom are among the members.
    pub(crate) fn within(&self, members: &[u32]) -> Self {
        Self {
            same: pairs_within(&self.same, members),
            apart: pairs_within(&self.apart, members),
        }
    }
}

pub(crate) fn pairs_within(pairs: &[(u32, u32)], members: &[u32]) -> Vec<(u32, u32)> {
    if pairs.is_empty() {
        return Vec::new();
    }
    let members: HashSet<_> = members.iter().collect();
    let inside = |pair: &&(u32, u32)| members.contains(&pair.0) && members.contains(&pair.1);
    pairs.iter().filter(inside).copied().collect()
}
