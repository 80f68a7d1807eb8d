//! Which openings were seen a moment ago: a table of fixed size that forgets by overwriting.

use std::{
    hash::{BuildHasher as _, Hash},
    time::Duration,
};

use hashbrown::DefaultHashBuilder;

use crate::time::Time;

/// Remembers openings (4-tuple and initial sequence number) for three minutes, or until another falls on its place.
#[derive(Debug)]
pub(super) struct Recent {
    slots: Box<[(u64, Time)]>,
    hasher: DefaultHashBuilder,
}

/// A retransmission comes within this time.
const WINDOW: Duration = Duration::from_secs(180);

// === impl Recent ===

impl Recent {
    /// With room for `slots` openings (rounded up to a power of two).
    pub(super) fn new(slots: usize) -> Self {
        let slots = vec![(0, Time::default()); slots.max(1).next_power_of_two()].into_boxed_slice();
        Self {
            slots,
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Notes an opening; true when it had been seen within three minutes before.
    pub(super) fn seen(&mut self, at: Time, opening: impl Hash) -> bool {
        let hash = self.hasher.hash_one(opening) | 1; // Never zero, which stands for an empty place.
        let place = (hash >> 32) as usize & (self.slots.len() - 1);
        let (known, when) = std::mem::replace(&mut self.slots[place], (hash, at));
        known == hash && at.since(when) <= WINDOW
    }
}
