//! Tables that hostile input cannot grow: least recently used goes first, and what is near a verdict goes last.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// A hash map; its order is never looked at, so its seed changes nothing.
pub(crate) type Map<K, V> = HashMap<K, V, RandomState>;

const NONE: u32 = u32::MAX;
/// Share of the keys that may sit in the protected segment.
const PROTECTED_SHARE: usize = 10;

/// How much room a value takes, and whether it is worth keeping.
pub(crate) trait Held {
    /// Entries inside the value, for the cap on all entries together.
    fn entries(&self) -> usize {
        1
    }
    /// At half of a threshold or more: a flood of new keys must not push it out.
    fn is_hot(&self) -> bool {
        false
    }
}

/// Most keys, and most entries of all keys together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    pub(crate) keys: usize,
    pub(crate) entries: usize,
}

pub(crate) struct Table<K, V> {
    index: Map<K, u32>,
    slots: Vec<Slot<K, V>>,
    free: Vec<u32>,
    segments: [Segment; 2],
    caps: Caps,
    entries: usize,
    evicted: u64,
}

struct Slot<K, V> {
    /// None while the slot is free.
    held: Option<(K, V)>,
    newer: u32,
    older: u32,
    segment: u8,
}

#[derive(Clone, Copy)]
struct Segment {
    newest: u32,
    oldest: u32,
    len: usize,
}

// === impl Table ===

impl<K: Hash + Eq + Clone, V: Held> Table<K, V> {
    pub(crate) fn new(caps: Caps) -> Self {
        let empty = Segment {
            newest: NONE,
            oldest: NONE,
            len: 0,
        };
        Self {
            index: Map::default(),
            slots: Vec::new(),
            free: Vec::new(),
            segments: [empty; 2],
            caps,
            entries: 0,
            evicted: 0,
        }
    }

    /// Keys that were pushed out.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn peek(&self, key: &K) -> Option<&V> {
        let slot = *self.index.get(key)?;
        self.slots[slot as usize].held.as_ref().map(|(_, value)| value)
    }

    /// Changes the value of a key, made when missing, and makes it the most recent one.
    pub(crate) fn update<R>(&mut self, key: &K, make: impl FnOnce() -> V, change: impl FnOnce(&mut V) -> R) -> R {
        let slot = match self.index.get(key) {
            Some(&slot) => slot,
            None => self.insert(key.clone(), make()),
        };
        self.change(slot, change)
    }

    /// Changes the value of a key that is there.
    pub(crate) fn update_if_there<R>(&mut self, key: &K, change: impl FnOnce(&mut V) -> R) -> Option<R> {
        let slot = *self.index.get(key)?;
        Some(self.change(slot, change))
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let slot = self.index.remove(key)?;
        self.unlink(slot);
        let (_, value) = self.slots[slot as usize].held.take()?;
        self.entries -= value.entries();
        self.free.push(slot);
        Some(value)
    }

    /// In the order in which their slots were first used, which only the input decides.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.slots
            .iter()
            .filter_map(|slot| slot.held.as_ref().map(|(key, value)| (key, value)))
    }

    fn change<R>(&mut self, slot: u32, change: impl FnOnce(&mut V) -> R) -> R {
        let held = &mut self.slots[slot as usize].held;
        let Some((_, value)) = held.as_mut() else {
            unreachable!("the index points at filled slots only");
        };
        let before = value.entries();
        let answer = change(value);
        let (after, hot) = (value.entries(), value.is_hot());
        self.entries = self.entries + after - before;
        self.unlink(slot);
        self.link(slot, u8::from(hot));
        self.settle(slot);
        answer
    }

    fn insert(&mut self, key: K, value: V) -> u32 {
        if self.index.len() >= self.caps.keys {
            self.evict(NONE);
        }
        self.entries += value.entries();
        let filled = Slot {
            held: Some((key.clone(), value)),
            newer: NONE,
            older: NONE,
            segment: 0,
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = filled;
                slot
            }
            None => {
                self.slots.push(filled);
                self.slots.len() as u32 - 1
            }
        };
        self.index.insert(key, slot);
        self.link(slot, 0);
        slot
    }

    /// Brings both caps back into force, sparing the key just used.
    fn settle(&mut self, just_used: u32) {
        if self.segments[1].len > (self.caps.keys / PROTECTED_SHARE).max(1) {
            let oldest = self.segments[1].oldest;
            self.unlink(oldest);
            self.link(oldest, 0);
        }
        while self.entries > self.caps.entries && self.index.len() > 1 {
            if !self.evict(just_used) {
                break;
            }
        }
    }

    fn evict(&mut self, spared: u32) -> bool {
        let victim = self
            .segments
            .iter()
            .map(|segment| segment.oldest)
            .find(|&slot| slot != NONE && slot != spared);
        let Some(victim) = victim else { return false };
        let Some((key, _)) = &self.slots[victim as usize].held else {
            return false;
        };
        let key = key.clone();
        self.remove(&key);
        self.evicted += 1;
        true
    }

    fn link(&mut self, slot: u32, segment: u8) {
        let newest = self.segments[segment as usize].newest;
        let linked = &mut self.slots[slot as usize];
        (linked.newer, linked.older, linked.segment) = (NONE, newest, segment);
        let list = &mut self.segments[segment as usize];
        list.newest = slot;
        list.len += 1;
        if newest == NONE {
            list.oldest = slot;
        } else {
            self.slots[newest as usize].newer = slot;
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Slot {
            newer, older, segment, ..
        } = self.slots[slot as usize];
        let list = &mut self.segments[segment as usize];
        list.len -= 1;
        if newer == NONE {
            list.newest = older;
        } else {
            self.slots[newer as usize].older = older;
        }
        if older == NONE {
            self.segments[segment as usize].oldest = newer;
        } else {
            self.slots[older as usize].newer = newer;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sized(usize);
    impl Held for Sized {
        fn entries(&self) -> usize {
            self.0
        }
        fn is_hot(&self) -> bool {
            self.0 >= 10
        }
    }

    fn table(keys: usize, entries: usize) -> Table<u32, Sized> {
        Table::new(Caps { keys, entries })
    }

    #[test]
    fn the_key_used_longest_ago_goes_first() {
        let mut table = table(3, 1000);
        for key in [1, 2, 3, 1, 4] {
            table.update(&key, || Sized(1), |_| ());
        }
        assert!(table.peek(&2).is_none());
        assert!(table.peek(&1).is_some() && table.peek(&3).is_some() && table.peek(&4).is_some());
        assert_eq!(table.evicted(), 1);
    }

    #[test]
    fn a_flood_of_new_keys_does_not_push_out_one_near_its_threshold() {
        let mut table = table(100, 100_000);
        table.update(&1, || Sized(1), |value| value.0 = 10);
        for key in 2..10_000 {
            table.update(&key, || Sized(1), |_| ());
        }
        assert!(table.peek(&1).is_some());
        assert_eq!(table.len(), 100);
    }

    #[test]
    fn all_entries_together_have_a_cap() {
        let mut table = table(100, 50);
        for key in 0..100 {
            table.update(&key, || Sized(1), |value| value.0 = 9);
        }
        assert!(table.iter().map(|(_, value)| value.0).sum::<usize>() <= 50);
        assert!(table.peek(&99).is_some());
    }

    #[test]
    fn a_removed_key_leaves_room() {
        let mut table = table(2, 100);
        table.update(&1, || Sized(1), |_| ());
        assert_eq!(table.remove(&1).map(|value| value.0), Some(1));
        assert!(table.remove(&1).is_none());
        table.update(&2, || Sized(1), |_| ());
        table.update(&3, || Sized(1), |_| ());
        assert_eq!((table.len(), table.evicted()), (2, 0));
    }
}
