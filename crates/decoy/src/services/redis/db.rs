//! One numbered database: keys, what they hold, and until when.

use super::dict::Dict;
use super::reply::Bytes;
use super::value::Value;

/// What a key costs beside its name and value.
const KEY: usize = 72;

pub(super) struct Db {
    items: Dict<Item>,
    expires: usize,
    weight: usize,
}

pub(super) struct Item {
    pub(super) value: Value,
    /// Milliseconds since the epoch.
    pub(super) expires: Option<i64>,
    /// When it was last asked for, in milliseconds since the epoch.
    pub(super) used: i64,
    weight: usize,
}

// === impl Db ===

impl Db {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            items: Dict::new(seed),
            expires: 0,
            weight: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Keys that will expire.
    pub(super) fn volatile(&self) -> usize {
        self.expires
    }

    /// Bytes it takes, about.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn buckets(&self) -> usize {
        self.items.buckets()
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&Item> {
        self.items.get(key)
    }

    /// After changing the value, call [`Db::weigh`].
    pub(super) fn get_mut(&mut self, key: &[u8]) -> Option<&mut Item> {
        self.items.get_mut(key)
    }

    /// Replaces what was there, its time to live included.
    pub(super) fn put(&mut self, key: &[u8], value: Value, expires: Option<i64>, now: i64) {
        self.remove(key);
        let weight = KEY + key.len() + value.weight();
        self.items.insert(
            key.to_vec(),
            Item {
                value,
                expires,
                used: now,
                weight,
            },
        );
        self.weight += weight;
        self.expires += usize::from(expires.is_some());
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<Item> {
        let item = self.items.remove(key)?;
        self.weight -= item.weight;
        self.expires -= usize::from(item.expires.is_some());
        Some(item)
    }

    pub(super) fn expire(&mut self, key: &[u8], at: Option<i64>) {
        if let Some(item) = self.items.get_mut(key) {
            self.expires -= usize::from(item.expires.is_some());
            self.expires += usize::from(at.is_some());
            item.expires = at;
        }
    }

    /// Takes note of how the value of a key has grown or shrunk.
    pub(super) fn weigh(&mut self, key: &[u8]) {
        if let Some(item) = self.items.get_mut(key) {
            let weight = KEY + key.len() + item.value.weight();
            self.weight = self.weight - item.weight + weight;
            item.weight = weight;
        }
    }

    pub(super) fn clear(&mut self) {
        self.items.clear();
        (self.expires, self.weight) = (0, 0);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Bytes, &Item)> {
        self.items.iter()
    }

    pub(super) fn scan<'a>(&'a self, cursor: u64, visit: impl FnMut(&'a Bytes, &'a Item)) -> u64 {
        self.items.scan(cursor, visit)
    }

    pub(super) fn pick(&self, random: impl FnMut() -> u64) -> Option<(&Bytes, &Item)> {
        self.items.pick(random)
    }
}

// === impl Item ===

impl Item {
    pub(super) fn is_over(&self, now: i64) -> bool {
        self.expires.is_some_and(|at| at < now)
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }
}
