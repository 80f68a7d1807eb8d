//! Who holds which value: the one shape the rules read, whether it was made at once or grew.

use crate::{Family, KeyHash, Observation};

/// Values and their holders, by number.
pub(super) trait Buckets {
    /// Those who hold the value, each once.
    fn holders(&self, key: u32) -> &[u32];
    /// The values an observation holds, each once.
    fn keys_of(&self, observation: u32) -> &[u32];
    fn family(&self, key: u32) -> Family;
    fn hash(&self, key: u32) -> KeyHash;
    /// Name of the observation.
    fn id(&self, observation: u32) -> &str;
}

/// Buckets of a list of observations, made at once.
pub(super) struct Index<'a> {
    observations: &'a [Observation],
    keys: Vec<Key>,
    holders: Vec<u32>,
    keys_of: Vec<u32>,
    /// Where an observation's keys begin; one more than there are observations.
    begin: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Key {
    hash: KeyHash,
    family: Family,
    begin: u32,
    end: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Occurrence {
    hash: KeyHash,
    observation: u32,
    family: Family,
}

// === impl Index ===

impl<'a> Index<'a> {
    pub(super) fn new(observations: &'a [Observation]) -> Self {
        let mut occurrences = Vec::with_capacity(observations.len() * 4);
        for (n, observation) in observations.iter().enumerate() {
            let observation_keys = observation.keys().map(|(family, value)| Occurrence {
                hash: KeyHash::of(family, value),
                observation: n as u32,
                family,
            });
            occurrences.extend(observation_keys);
        }
        let mut index = Self {
            observations,
            keys: Vec::new(),
            holders: Vec::with_capacity(occurrences.len()),
            keys_of: Vec::new(),
            begin: Vec::new(),
        };
        index.add(occurrences);
        index.turn_round();
        index
    }

    pub(super) fn keys(&self) -> std::ops::Range<u32> {
        0..self.keys.len() as u32
    }

    /// Adds keys made of others. They have holders, but are not among what observations hold.
    pub(super) fn add_composites(&mut self, made: impl IntoIterator<Item = (KeyHash, u32)>) {
        let composite = |(hash, observation)| Occurrence {
            hash,
            observation,
            family: Family::Composite,
        };
        self.add(made.into_iter().map(composite).collect());
    }

    fn add(&mut self, mut occurrences: Vec<Occurrence>) {
        occurrences.sort_unstable();
        occurrences.dedup();
        for same in occurrences.chunk_by(|a, b| a.hash == b.hash) {
            let begin = self.holders.len() as u32;
            self.holders
                .extend(same.iter().map(|occurrence| occurrence.observation));
            self.keys.push(Key {
                hash: same[0].hash,
                family: same[0].family,
                begin,
                end: self.holders.len() as u32,
            });
        }
    }

    fn turn_round(&mut self) {
        let mut begin = vec![0; self.observations.len() + 1];
        for &holder in &self.holders {
            begin[holder as usize + 1] += 1;
        }
        for n in 1..begin.len() {
            begin[n] += begin[n - 1];
        }
        let mut next = begin.clone();
        self.keys_of = vec![0; self.holders.len()];
        for (number, key) in self.keys.iter().enumerate() {
            for &holder in &self.holders[key.begin as usize..key.end as usize] {
                let place = &mut next[holder as usize];
                self.keys_of[*place as usize] = number as u32;
                *place += 1;
            }
        }
        self.begin = begin;
    }
}

impl Buckets for Index<'_> {
    fn holders(&self, key: u32) -> &[u32] {
        let key = self.keys[key as usize];
        &self.holders[key.begin as usize..key.end as usize]
    }

    fn keys_of(&self, observation: u32) -> &[u32] {
        let n = observation as usize;
        &self.keys_of[self.begin[n] as usize..self.begin[n + 1] as usize]
    }

    fn family(&self, key: u32) -> Family {
        self.keys[key as usize].family
    }

    fn hash(&self, key: u32) -> KeyHash {
        self.keys[key as usize].hash
    }

    fn id(&self, observation: u32) -> &str {
        &self.observations[observation as usize].id
    }
}
