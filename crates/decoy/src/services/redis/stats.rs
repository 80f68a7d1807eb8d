//! What INFO counts.

use std::collections::BTreeMap;

/// Samples the instantaneous figures are a mean of, one a tick.
const SAMPLES: usize = 16;

#[derive(Default)]
pub(super) struct Stats {
    pub(super) connections: u64,
    pub(super) rejected_connections: u64,
    pub(super) commands: u64,
    pub(super) net_in: u64,
    pub(super) net_out: u64,
    pub(super) reads: u64,
    pub(super) writes: u64,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) expired: u64,
    pub(super) faults: u64,
    /// By command, in the order first called.
    pub(super) calls: BTreeMap<String, CallStats>,
    /// By error code.
    pub(super) codes: BTreeMap<String, u64>,
    pub(super) peak_memory: u64,
    last: (i64, u64, u64, u64),
    rates: Vec<(f64, f64, f64)>,
}

#[derive(Default)]
pub(super) struct CallStats {
    pub(super) calls: u64,
    pub(super) usec: u64,
    pub(super) rejected: u64,
    pub(super) failed: u64,
}

/// Codes kept apart; a script can raise any.
const CODES: usize = 128;

// === impl Stats ===

impl Stats {
    pub(super) fn called(&mut self, name: &str, failed: bool) {
        self.commands += 1;
        let stats = self.calls.entry(name.to_owned()).or_default();
        stats.calls += 1;
        stats.failed += u64::from(failed);
    }

    pub(super) fn took(&mut self, name: &str, usec: u64) {
        if let Some(stats) = self.calls.get_mut(name) {
            stats.usec += usec;
        }
    }

    pub(super) fn rejected(&mut self, name: &str) {
        self.calls.entry(name.to_owned()).or_default().rejected += 1;
    }

    pub(super) fn fault(&mut self, code: &[u8]) {
        self.faults += 1;
        let code = String::from_utf8_lossy(code).into_owned();
        if self.codes.len() < CODES || self.codes.contains_key(&code) {
            *self.codes.entry(code).or_default() += 1;
        }
    }

    pub(super) fn reset(&mut self) {
        *self = Self {
            last: self.last,
            ..Self::default()
        };
    }

    /// Takes a sample for the instantaneous figures; `now` in microseconds.
    pub(super) fn tick(&mut self, now: i64) {
        let (then, commands, net_in, net_out) = self.last;
        let seconds = (now - then) as f64 / 1e6;
        if then > 0 && seconds > 0.0 {
            let rate = |new: u64, old: u64| new.saturating_sub(old) as f64 / seconds;
            let sample = (
                rate(self.commands, commands),
                rate(self.net_in, net_in),
                rate(self.net_out, net_out),
            );
            if self.rates.len() == SAMPLES {
                self.rates.remove(0);
            }
            self.rates.push(sample);
        }
        self.last = (now, self.commands, self.net_in, self.net_out);
    }

    /// Commands, bytes in and bytes out a second.
    pub(super) fn rates(&self) -> (f64, f64, f64) {
        let count = self.rates.len().max(1) as f64;
        let sum = |of: fn(&(f64, f64, f64)) -> f64| self.rates.iter().map(of).sum::<f64>() / count;
        (sum(|s| s.0), sum(|s| s.1), sum(|s| s.2))
    }
}
