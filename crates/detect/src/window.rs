//! Sliding windows on event time, inclusive at the old edge, counting distinct items.

use std::collections::VecDeque;
use std::hash::Hash;

use crate::table::Map;
use crate::time::Time;

/// Most entries of one window; the oldest go first.
pub(crate) const MAX_ENTRIES: usize = 4096;
/// Up to here distinct items are found by looking at each; most sources never get further.
const SCANNED: usize = 16;

/// What happened lately to one key.
#[derive(Debug, Clone)]
pub(crate) struct Window<T> {
    entries: VecDeque<(Time, T)>,
    /// How often each item is in `entries`; made when there are too many to look at.
    counts: Option<Box<Map<T, u32>>>,
    distinct: usize,
}

impl<T> Default for Window<T> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            counts: None,
            distinct: 0,
        }
    }
}

// === impl Window ===

impl<T: Copy + Eq + Hash> Window<T> {
    /// Adds an item; entries come in order of time, one that is late takes its place among the others.
    /// True if the window did not hold the item before.
    pub(crate) fn push(&mut self, at: Time, item: T) -> bool {
        if self.entries.len() >= MAX_ENTRIES {
            self.pop();
        }
        let is_new = self.count_in(item);
        let late = self.entries.iter().rev().take_while(|(then, _)| *then > at).count();
        self.entries.insert(self.entries.len() - late, (at, item));
        if self.counts.is_none() && self.entries.len() > SCANNED {
            let mut counts = Map::default();
            for (_, item) in &self.entries {
                *counts.entry(*item).or_insert(0) += 1;
            }
            self.counts = Some(Box::new(counts));
        }
        is_new
    }

    /// Forgets what is older than `oldest`.
    pub(crate) fn expire(&mut self, oldest: Time) {
        while self.entries.front().is_some_and(|(at, _)| *at < oldest) {
            self.pop();
        }
        if self.entries.is_empty() {
            self.counts = None;
        }
    }

    /// Takes out an entry that turned out not to count.
    pub(crate) fn remove_at(&mut self, at: Time, item: T) {
        let from = self.entries.partition_point(|(then, _)| *then < at);
        let found = self
            .entries
            .range(from..)
            .take_while(|(then, _)| *then == at)
            .position(|(_, held)| *held == item);
        if let Some(offset) = found {
            self.entries.remove(from + offset);
            self.count_out(item);
        }
    }

    pub(crate) fn distinct(&self) -> usize {
        self.distinct
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn first(&self) -> Option<Time> {
        self.entries.front().map(|(at, _)| *at)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Time, T)> + '_ {
        self.entries.iter().copied()
    }

    /// The items from the newest back, each as often as it happened.
    pub(crate) fn newest(&self) -> impl Iterator<Item = T> + '_ {
        self.entries.iter().rev().map(|(_, item)| *item)
    }

    fn count_in(&mut self, item: T) -> bool {
        let is_new = match &mut self.counts {
            Some(counts) => {
                let count = counts.entry(item).or_insert(0);
                *count += 1;
                *count == 1
            }
            None => !self.entries.iter().any(|(_, held)| *held == item),
        };
        self.distinct += usize::from(is_new);
        is_new
    }

    fn pop(&mut self) {
        if let Some((_, item)) = self.entries.pop_front() {
            self.count_out(item);
        }
    }

    /// After the entry is gone.
    fn count_out(&mut self, item: T) {
        let gone = match &mut self.counts {
            Some(counts) => match counts.get_mut(&item) {
                Some(count) if *count > 1 => {
                    *count -= 1;
                    false
                }
                _ => {
                    counts.remove(&item);
                    true
                }
            },
            None => !self.entries.iter().any(|(_, held)| *held == item),
        };
        self.distinct -= usize::from(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_old_edge_is_inside() {
        let mut window = Window::default();
        window.push(Time(0), 1);
        window.push(Time(10), 2);
        window.expire(Time(0));
        assert_eq!(window.distinct(), 2);
        window.expire(Time(1));
        assert_eq!(window.distinct(), 1);
    }

    #[test]
    fn an_entry_that_comes_late_takes_its_place() {
        let mut window = Window::default();
        window.push(Time(5), 1);
        window.push(Time(3), 2);
        assert_eq!(window.first(), Some(Time(3)));
    }

    proptest! {
        #[test]
        fn distinct_items_are_counted_as_a_set_would(items in proptest::collection::vec((0u8..40, 0i64..5), 0..200)) {
            let mut window = Window::default();
            let mut now = 0;
            for (item, step) in items {
                now += step;
                window.push(Time(now), item);
                window.expire(Time(now - 20));
                let expected: std::collections::HashSet<u8> = window.iter().map(|(_, item)| item).collect();
                prop_assert_eq!(window.distinct(), expected.len());
            }
        }
    }
}
