//! A hash table one can walk in pieces while it changes, as SCAN promises: a cursor counts buckets with the high bits
//! first, so that growing or shrinking in between shows every lasting element at least once.

use std::hash::Hasher;

use super::reply::Bytes;

const FIRST_SIZE: usize = 4;

#[derive(Clone, Debug)]
pub(super) struct Dict<V> {
    seed: u64,
    buckets: Vec<Vec<(Bytes, V)>>,
    len: usize,
}

// === impl Dict ===

impl<V> Dict<V> {
    /// `seed` decides the order of everything and is nobody else's.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            buckets: Vec::new(),
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn buckets(&self) -> usize {
        self.buckets.len()
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&V> {
        let bucket = self.buckets.get(self.place(key))?;
        bucket.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    pub(super) fn get_mut(&mut self, key: &[u8]) -> Option<&mut V> {
        let place = self.place(key);
        let bucket = self.buckets.get_mut(place)?;
        bucket.iter_mut().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.get(key).is_some()
    }

    /// The value that was there before.
    pub(super) fn insert(&mut self, key: Bytes, value: V) -> Option<V> {
        if let Some(old) = self.get_mut(&key) {
            return Some(std::mem::replace(old, value));
        }
        if self.len >= self.buckets.len() {
            self.resize((self.len + 1).next_power_of_two().max(FIRST_SIZE));
        }
        let place = self.place(&key);
        self.buckets[place].insert(0, (key, value));
        self.len += 1;
        None
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<V> {
        let place = self.place(key);
        let bucket = self.buckets.get_mut(place)?;
        let at = bucket.iter().position(|(k, _)| k == key)?;
        let (_, value) = bucket.remove(at);
        self.len -= 1;
        if self.buckets.len() > FIRST_SIZE && self.len * 10 < self.buckets.len() {
            self.resize(self.len.next_power_of_two().max(FIRST_SIZE));
        }
        Some(value)
    }

    pub(super) fn clear(&mut self) {
        self.buckets = Vec::new();
        self.len = 0;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Bytes, &V)> {
        self.buckets.iter().flatten().map(|(key, value)| (key, value))
    }

    /// Visits one bucket; 0 says the walk is over.
    pub(super) fn scan<'a>(&'a self, cursor: u64, mut visit: impl FnMut(&'a Bytes, &'a V)) -> u64 {
        if self.len == 0 {
            return 0;
        }
        let mask = self.buckets.len() as u64 - 1;
        for (key, value) in &self.buckets[(cursor & mask) as usize] {
            visit(key, value);
        }
        (cursor | !mask).reverse_bits().wrapping_add(1).reverse_bits()
    }

    /// An element drawn with `random`.
    pub(super) fn pick(&self, mut random: impl FnMut() -> u64) -> Option<(&Bytes, &V)> {
        if self.len == 0 {
            return None;
        }
        loop {
            let bucket = &self.buckets[random() as usize & (self.buckets.len() - 1)];
            if !bucket.is_empty() {
                let (key, value) = &bucket[random() as usize % bucket.len()];
                return Some((key, value));
            }
        }
    }

    fn place(&self, key: &[u8]) -> usize {
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write_u64(self.seed);
        hasher.write(key);
        hasher.finish() as usize & (self.buckets.len().max(1) - 1)
    }

    fn resize(&mut self, size: usize) {
        let old = std::mem::take(&mut self.buckets);
        self.buckets.resize_with(size, Vec::new);
        for (key, value) in old.into_iter().flatten() {
            let place = self.place(&key);
            self.buckets[place].insert(0, (key, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_walk_sees_every_lasting_key_though_the_table_grows_and_shrinks() {
        let mut dict = Dict::new(7);
        for n in 0..100 {
            dict.insert(format!("lasting{n}").into_bytes(), ());
        }
        let (mut seen, mut cursor, mut step) = (BTreeSet::new(), 0, 0);
        loop {
            cursor = dict.scan(cursor, |key, ()| {
                seen.insert(key.clone());
            });
            step += 1;
            match step {
                20 => (0..1000).for_each(|n| assert!(dict.insert(format!("passing{n}").into_bytes(), ()).is_none())),
                60 => (0..1000).for_each(|n| assert!(dict.remove(format!("passing{n}").as_bytes()).is_some())),
                _ => {}
            }
            if cursor == 0 {
                break;
            }
        }
        assert!((0..100).all(|n| seen.contains(format!("lasting{n}").as_bytes())));
    }
}
