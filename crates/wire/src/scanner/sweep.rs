//! How fast and in what order a source goes over addresses and ports.

use std::time::Duration;

use crate::time::Time;

/// A source that came to ten pairs of address and port within ten seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sweep {
    /// New pairs a second, over the last ten.
    pub rate: f64,
    pub order: Order,
}

/// In which order pairs come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// Mostly one up or one down.
    Sequential,
    /// Jumping about, but none twice.
    Permuted,
    /// Jumping about, some of them again.
    Random,
}

/// The last pairs of one source.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs {
    last: [(Pair, Time); REMEMBERED],
    next: u8,
    len: u8,
    /// Came to a pair that it had just been at.
    repeats: u16,
    /// Steps that were one up or down, of all steps.
    single: u16,
    steps: u16,
}

/// Low half of the address, and the port.
type Pair = (u64, u16);

const REMEMBERED: usize = 16;
const MANY: usize = 10;
const FAST: Duration = Duration::from_secs(10);
/// Of the steps, in percent.
const MOSTLY_SINGLE: u32 = 80;

// === impl Pairs ===

impl Pairs {
    /// Notes where the source came; tells of a sweep when this is one.
    pub(super) fn came(&mut self, at: Time, pair: Pair) -> Option<Sweep> {
        let seen = &self.last[..usize::from(self.len)];
        if seen.iter().any(|(known, _)| *known == pair) {
            self.repeats = self.repeats.saturating_add(1);
            return None;
        }
        if let Some((before, _)) = self.back(1) {
            self.steps = self.steps.saturating_add(1);
            self.single = self.single.saturating_add(u16::from(is_single(before, pair)));
        }
        self.last[usize::from(self.next)] = (pair, at);
        self.next = (self.next + 1) % REMEMBERED as u8;
        self.len = (self.len + 1).min(REMEMBERED as u8);
        let (_, began) = self.back(MANY)?;
        let took = at.since(began);
        (took <= FAST).then(|| Sweep {
            rate: (MANY - 1) as f64 / took.as_secs_f64().max(1e-6),
            order: self.order(),
        })
    }

    /// The `n`-th last pair, 1 for the last.
    fn back(&self, n: usize) -> Option<(Pair, Time)> {
        let at = (usize::from(self.next) + REMEMBERED - n) % REMEMBERED;
        (n <= usize::from(self.len)).then(|| self.last[at])
    }

    fn order(&self) -> Order {
        if u32::from(self.single) * 100 >= u32::from(self.steps) * MOSTLY_SINGLE {
            Order::Sequential
        } else if self.repeats == 0 {
            Order::Permuted
        } else {
            Order::Random
        }
    }
}

fn is_single(a: Pair, b: Pair) -> bool {
    (a.0 == b.0 && a.1.abs_diff(b.1) == 1) || (a.1 == b.1 && a.0.abs_diff(b.0) == 1)
}

// === impl Order ===

impl Order {
    /// As it stands in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Permuted => "permuted",
            Self::Random => "random",
        }
    }
}
