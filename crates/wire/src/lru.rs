//! A map with a hard cap that forgets what was not used for longest. One allocation grows to the cap and stays;
//! nothing is allocated per entry.

use std::hash::{BuildHasher as _, Hash};

use hashbrown::{DefaultHashBuilder, HashTable, hash_table::Entry};

/// At most `capacity` entries, in the order of their last use.
#[derive(Debug)]
pub struct Lru<K, V> {
    index: HashTable<u32>,
    nodes: Vec<Node<K, V>>,
    newest: u32,
    oldest: u32,
    capacity: usize,
    evicted: u64,
    hasher: DefaultHashBuilder,
}

/// An entry as [`Lru::entry`] found or made it.
#[derive(Debug)]
pub struct Used<'a, K, V> {
    pub value: &'a mut V,
    /// It was not there before.
    pub new: bool,
    /// What had to go for it.
    pub evicted: Option<(K, V)>,
}

#[derive(Debug)]
struct Node<K, V> {
    key: K,
    value: V,
    newer: u32,
    older: u32,
}

const NONE: u32 = u32::MAX;

// === impl Lru ===

impl<K: Hash + Eq, V> Lru<K, V> {
    /// An empty map that will hold up to `capacity` entries, at least one.
    pub fn new(capacity: usize) -> Self {
        Self {
            index: HashTable::new(),
            nodes: Vec::new(),
            newest: NONE,
            oldest: NONE,
            capacity: capacity.clamp(1, NONE as usize),
            evicted: 0,
            hasher: DefaultHashBuilder::default(),
        }
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.nodes.len() >= self.capacity
    }

    /// How many entries had to go for others since it was made.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The value of `key`, without counting as use.
    pub fn peek(&self, key: &K) -> Option<&V> {
        self.find(key).map(|at| &self.nodes[at as usize].value)
    }

    /// The value of `key`, now the one used last.
    #[inline]
    pub fn get(&mut self, key: &K) -> Option<&mut V> {
        let at = self.find(key)?;
        self.use_now(at);
        Some(&mut self.nodes[at as usize].value)
    }

    /// The value of `key`, made by `make` if it is not there; now the one used last.
    #[inline]
    pub fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> Used<'_, K, V> {
        if let Some(at) = self.find(&key) {
            self.use_now(at);
            return Used {
                value: &mut self.nodes[at as usize].value,
                new: false,
                evicted: None,
            };
        }
        let (at, evicted) = if self.is_full() {
            self.replace_oldest(key, make())
        } else {
            (self.push(key, make()), None)
        };
        Used {
            value: &mut self.nodes[at as usize].value,
            new: true,
            evicted,
        }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &K) -> Option<(K, V)> {
        let at = self.find(key)?;
        Some(self.take(at))
    }

    /// The entry not used for longest.
    pub fn oldest(&self) -> Option<(&K, &V)> {
        self.nodes
            .get(self.oldest as usize)
            .map(|node| (&node.key, &node.value))
    }

    /// Takes out the entry not used for longest. Not counted as evicted.
    pub fn pop_oldest(&mut self) -> Option<(K, V)> {
        (self.oldest != NONE).then(|| self.take(self.oldest))
    }

    #[inline]
    fn find(&self, key: &K) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.index
            .find(hash, |&at| self.nodes[at as usize].key == *key)
            .copied()
    }

    fn push(&mut self, key: K, value: V) -> u32 {
        // The capacity is clamped to what fits.
        let at = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        let hash = self.hasher.hash_one(&key);
        self.nodes.push(Node {
            key,
            value,
            newer: NONE,
            older: NONE,
        });
        self.index_at(hash, at);
        self.link_newest(at);
        at
    }

    fn replace_oldest(&mut self, key: K, value: V) -> (u32, Option<(K, V)>) {
        let at = self.oldest;
        self.unindex(at);
        self.unlink(at);
        let hash = self.hasher.hash_one(&key);
        let node = &mut self.nodes[at as usize];
        let evicted = (
            std::mem::replace(&mut node.key, key),
            std::mem::replace(&mut node.value, value),
        );
        self.evicted += 1;
        self.index_at(hash, at);
        self.link_newest(at);
        (at, Some(evicted))
    }

    fn take(&mut self, at: u32) -> (K, V) {
        self.unindex(at);
        self.unlink(at);
        let last = u32::try_from(self.nodes.len() - 1).unwrap_or(NONE);
        if at != last {
            self.move_into(last, at);
        }
        let node = self.nodes.swap_remove(at as usize);
        (node.key, node.value)
    }

    /// Points everything that names the node at `from` to `to`, where it is about to be.
    fn move_into(&mut self, from: u32, to: u32) {
        let hash = self.hasher.hash_one(&self.nodes[from as usize].key);
        if let Some(slot) = self.index.find_mut(hash, |&at| at == from) {
            *slot = to;
        }
        let (newer, older) = (self.nodes[from as usize].newer, self.nodes[from as usize].older);
        self.set_older(newer, to);
        self.set_newer(older, to);
    }

    fn index_at(&mut self, hash: u64, at: u32) {
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        self.index
            .insert_unique(hash, at, |&at| hasher.hash_one(&nodes[at as usize].key));
    }

    fn unindex(&mut self, at: u32) {
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        let hash = hasher.hash_one(&nodes[at as usize].key);
        let rehash = |&at: &u32| hasher.hash_one(&nodes[at as usize].key);
        if let Entry::Occupied(entry) = self.index.entry(hash, |&other| other == at, rehash) {
            entry.remove();
        }
    }

    #[inline]
    fn use_now(&mut self, at: u32) {
        if self.newest != at {
            self.unlink(at);
            self.link_newest(at);
        }
    }

    fn link_newest(&mut self, at: u32) {
        let before = self.newest;
        let node = &mut self.nodes[at as usize];
        (node.newer, node.older) = (NONE, before);
        if before == NONE {
            self.oldest = at;
        } else {
            self.nodes[before as usize].newer = at;
        }
        self.newest = at;
    }

    fn unlink(&mut self, at: u32) {
        let (newer, older) = (self.nodes[at as usize].newer, self.nodes[at as usize].older);
        self.set_older(newer, older);
        self.set_newer(older, newer);
    }

    /// The node at `of`, or the end of the list, has `older` behind it.
    fn set_older(&mut self, of: u32, older: u32) {
        match self.nodes.get_mut(of as usize) {
            Some(node) => node.older = older,
            None => self.newest = older,
        }
    }

    fn set_newer(&mut self, of: u32, newer: u32) {
        match self.nodes.get_mut(of as usize) {
            Some(node) => node.newer = newer,
            None => self.oldest = newer,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::Lru;

    #[test]
    fn the_entry_not_used_for_longest_goes_first_and_is_counted() {
        let mut lru = Lru::new(2);
        lru.entry("a", || 1);
        lru.entry("b", || 2);
        assert_eq!(lru.get(&"a"), Some(&mut 1));
        assert_eq!(lru.entry("c", || 3).evicted, Some(("b", 2)));
        assert_eq!((lru.len(), lru.evicted()), (2, 1));
        assert_eq!(lru.oldest(), Some((&"a", &1)));
        assert_eq!(lru.remove(&"a"), Some(("a", 1)));
        assert_eq!(lru.pop_oldest(), Some(("c", 3)));
        assert_eq!(lru.pop_oldest(), None);
        assert!(lru.is_empty());
    }

    proptest! {
        #[test]
        fn it_does_what_a_plain_list_does(steps in prop::collection::vec((0u8..4, 0u8..12), 0..300), cap in 1usize..8) {
            let mut lru = Lru::new(cap);
            let mut list: VecDeque<(u8, usize)> = VecDeque::new(); // Oldest first.
            for (at, (what, key)) in steps.into_iter().enumerate() {
                let found = list.iter().position(|(k, _)| *k == key);
                match what {
                    0 => {
                        let evicted = lru.entry(key, || at).evicted;
                        let mut expected = None;
                        let entry = found.and_then(|i| list.remove(i)).unwrap_or((key, at));
                        if found.is_none() && list.len() == cap {
                            expected = list.pop_front();
                        }
                        list.push_back(entry);
                        prop_assert_eq!(evicted, expected);
                    }
                    1 => {
                        let value = lru.get(&key).copied();
                        let entry = found.and_then(|i| list.remove(i));
                        prop_assert_eq!(value, entry.map(|e| e.1));
                        list.extend(entry);
                    }
                    2 => prop_assert_eq!(lru.remove(&key), found.and_then(|i| list.remove(i))),
                    _ => prop_assert_eq!(lru.pop_oldest(), list.pop_front()),
                }
                prop_assert_eq!(lru.len(), list.len());
            }
        }
    }
}
