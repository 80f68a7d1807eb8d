//! The last samples of one series.

use std::time::Duration;

use crate::time::Time;

/// What one SYN adds to a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    pub at: Time,
    /// Initial sequence number.
    pub isn: u32,
    /// IP identification; zero over IPv6, which has none.
    pub id: u16,
}

/// Samples kept of a series.
pub const MAX_SAMPLES: usize = 32;
/// Samples older than this say nothing of now.
const MAX_AGE: Duration = Duration::from_secs(600);
/// As long as there are so few, there is no verdict and no need for room.
const FEW: usize = 3;

/// A series that takes little room while it is short: most sources of a flood are seen once.
#[derive(Clone, Debug)]
pub(super) enum Samples {
    Few { len: u8, samples: [Sample; FEW] },
    Many(Box<Ring>),
}

/// The last [`MAX_SAMPLES`].
#[derive(Clone, Debug)]
pub(super) struct Ring {
    samples: [Sample; MAX_SAMPLES],
    next: usize,
    len: usize,
}

// === impl Samples ===

impl Default for Samples {
    fn default() -> Self {
        Self::Few {
            len: 0,
            samples: [Sample::default(); FEW],
        }
    }
}

impl Samples {
    pub(super) fn push(&mut self, sample: Sample) {
        match self {
            Self::Few { len, samples } => match samples.get_mut(usize::from(*len)) {
                Some(slot) => {
                    *slot = sample;
                    *len += 1;
                }
                None => {
                    let mut ring = Ring {
                        samples: [Sample::default(); MAX_SAMPLES],
                        next: 0,
                        len: 0,
                    };
                    samples.iter().for_each(|&old| ring.push(old));
                    ring.push(sample);
                    *self = Self::Many(Box::new(ring));
                }
            },
            Self::Many(ring) => ring.push(sample),
        }
    }

    /// Gives `judge` those not too old at `now`, oldest first.
    pub(super) fn judged<R>(&self, now: Time, judge: impl FnOnce(&[Sample]) -> R) -> R {
        let mut line = [Sample::default(); MAX_SAMPLES];
        let mut len = 0;
        let mut keep = |sample: &Sample| {
            if now.since(sample.at) <= MAX_AGE {
                line[len] = *sample;
                len += 1;
            }
        };
        match self {
            Self::Few { len, samples } => samples[..usize::from(*len)].iter().for_each(&mut keep),
            Self::Many(ring) => ring.in_order().for_each(&mut keep),
        }
        judge(&line[..len])
    }
}

// === impl Ring ===

impl Ring {
    fn push(&mut self, sample: Sample) {
        self.samples[self.next] = sample;
        self.next = (self.next + 1) % MAX_SAMPLES;
        self.len = (self.len + 1).min(MAX_SAMPLES);
    }

    fn in_order(&self) -> impl Iterator<Item = &Sample> {
        let start = (self.next + MAX_SAMPLES - self.len) % MAX_SAMPLES;
        (0..self.len).map(move |at| &self.samples[(start + at) % MAX_SAMPLES])
    }
}
