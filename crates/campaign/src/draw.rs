//! Randomness that follows from a seed.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

pub(crate) struct Draw {
    rng: ChaCha8Rng,
    /// Addresses given out.
    taken: HashSet<Ipv4Addr>,
}

// === impl Draw ===

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            taken: HashSet::new(),
        }
    }

    /// Uniform in `0..n`; 0 for `n` = 0. The bias of a 64-bit product is below 2^-40 for every n used here.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.rng.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// Uniform in `low..=high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(high.abs_diff(low) + 1) as i64
    }

    /// One of them; there must be one.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        from.get(self.below(from.len() as u64) as usize).copied()
    }

    pub(crate) fn chance(&mut self, of: f64) -> bool {
        (self.below(1 << 53) as f64) < of * (1_u64 << 53) as f64
    }

    pub(crate) fn uuid(&mut self) -> String {
        let mut bytes = [0; 16];
        self.rng.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// 32 hex digits.
    pub(crate) fn fingerprint(&mut self) -> String {
        format!("{:016x}{:016x}", self.rng.next_u64(), self.rng.next_u64())
    }

    /// An address of the public internet that was not drawn before.
    pub(crate) fn address(&mut self) -> Ipv4Addr {
        loop {
            let address = Ipv4Addr::from_bits(self.rng.next_u32());
            if is_routable(address) && self.taken.insert(address) {
                return address;
            }
        }
    }
}

/// RFC 6890 and its additions.
fn is_routable(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let reserved = match a {
        0 | 10 | 127 => true,
        100 => (64..128).contains(&b),
        169 => b == 254,
        172 => (16..32).contains(&b),
        192 => matches!((b, c), (0, 0 | 2) | (88, 99) | (168, _)),
        198 => matches!((b, c), (18 | 19, _) | (51, 100)),
        203 => (b, c) == (0, 113),
        _ => a >= 224,
    };
    !reserved
}
