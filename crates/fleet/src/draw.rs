//! Randomness that follows from a seed, in named streams: one more draw for one purpose shifts no other.

use hmac::{Hmac, Mac};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::Sha256;

/// What draws follow from. Not shown in debug output: machines' keys follow from it too.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed([u8; 32]);

/// The installation's own secret: without it nobody can compute a decky's identity from its name (deploy.md §2.6).
#[derive(Clone)]
pub struct InstallSecret(Seed);

/// Draws for one purpose.
pub struct Stream(ChaCha20Rng);

// === impl InstallSecret ===

impl InstallSecret {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Seed(bytes))
    }

    /// Who the decky of that name is, for ever: HMAC-SHA-256(secret, scope ‖ 0 ‖ name).
    pub fn identity(&self, scope: &str, name: &str) -> Seed {
        self.0.derive(&format!("{scope}\0{name}"))
    }

    /// What a scope's draws follow from when the operator gives no seed.
    pub fn draws(&self, scope: &str) -> Seed {
        self.0.derive(&format!("draws\0{scope}"))
    }
}

// === impl Seed ===

impl Seed {
    /// The operator's `--seed`.
    pub fn from_number(number: u64) -> Self {
        Self([0; 32]).derive(&format!("number\0{number}"))
    }

    /// A machine's seed as written in its spec; none unless 64 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok().map(|()| Self(bytes))
    }

    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// HMAC-SHA-256(seed, purpose).
    pub fn derive(&self, purpose: &str) -> Self {
        // HMAC takes keys of any length, so there is always a value.
        let tag = Hmac::<Sha256>::new_from_slice(&self.0).map(|mut mac| {
            mac.update(purpose.as_bytes());
            mac.finalize().into_bytes().into()
        });
        Self(tag.unwrap_or_default())
    }

    pub fn stream(&self, purpose: &str) -> Stream {
        Stream(ChaCha20Rng::from_seed(self.derive(purpose).0))
    }
}

// === impl Stream ===

impl Stream {
    /// Uniform in `0..n`; 0 for `n` = 0.
    pub fn below(&mut self, n: u64) -> u64 {
        if n < 2 {
            return 0;
        }
        // The largest multiple of n that fits: above it values would favour the low ones.
        let fair = u64::MAX - u64::MAX % n;
        loop {
            let value = self.0.next_u64();
            if value < fair {
                return value % n;
            }
        }
    }

    /// Uniform in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// One of them, none of nothing.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len() as u64) as usize)
    }

    /// One of them, as often as its weight says.
    pub fn weighted<T: Copy>(&mut self, from: &[(T, u32)]) -> Option<T> {
        let total = from.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut at = self.below(total);
        from.iter().find_map(|(value, weight)| {
            let weight = u64::from(*weight);
            if at < weight {
                return Some(*value);
            }
            at -= weight;
            None
        })
    }

    /// `count` different ones, in the order given.
    pub fn subset<T: Copy>(&mut self, from: &[T], count: usize) -> Vec<T> {
        let mut left = count.min(from.len());
        let mut chosen = Vec::with_capacity(left);
        for (n, value) in from.iter().enumerate() {
            if self.below((from.len() - n) as u64) < left as u64 {
                chosen.push(*value);
                left -= 1;
            }
        }
        chosen
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// The generator itself, for key material.
    pub fn rng(&mut self) -> &mut ChaCha20Rng {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn streams_of_one_seed_do_not_disturb_each_other() {
        let seed = Seed::from_number(7);
        let alone = seed.stream("b").below(1 << 40);
        let mut other = seed.stream("a");
        (0..100).for_each(|_| {
            other.below(9);
        });
        assert_eq!(seed.stream("b").below(1 << 40), alone);
        assert_ne!(seed.stream("a").below(1 << 40), alone);
    }

    #[test]
    fn an_identity_follows_from_secret_scope_and_name_and_nothing_else() {
        let secret = InstallSecret::new([1; 32]);
        let id = secret.identity("fleet", "web-01").hex();
        assert_eq!(secret.identity("fleet", "web-01").hex(), id);
        let others = [
            InstallSecret::new([2; 32]).identity("fleet", "web-01").hex(),
            secret.identity("other", "web-01").hex(),
            secret.identity("fleet", "web-02").hex(),
            secret.identity("fleetw", "eb-01").hex(),
        ];
        assert!(others.iter().all(|other| *other != id));
        assert_eq!(Seed::from_hex(&id).map(|seed| seed.hex()), Some(id));
    }

    #[test]
    fn every_subset_of_a_size_comes_up_and_no_other() {
        let mut stream = Seed::from_number(1).stream("subset");
        let seen: BTreeSet<_> = (0..500).map(|_| stream.subset(&['a', 'b', 'c', 'd'], 2)).collect();
        assert_eq!(seen.len(), 6);
        assert!(stream.subset(&['a'], 5) == ['a'] && stream.subset::<char>(&[], 2).is_empty());
    }

    #[test]
    fn a_weight_of_nothing_is_never_drawn() {
        let mut stream = Seed::from_number(1).stream("weights");
        let drawn: BTreeSet<_> = (0..200)
            .filter_map(|_| stream.weighted(&[('a', 1), ('b', 0), ('c', 3)]))
            .collect();
        assert_eq!(drawn, BTreeSet::from(['a', 'c']));
        assert_eq!(stream.weighted::<char>(&[('a', 0)]), None);
    }
}
