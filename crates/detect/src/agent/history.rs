//! What one agent did lately.

use std::collections::VecDeque;

use super::feature::Features;
use super::surprise::Surprise;
use crate::table::Held;
use crate::time::{Span, Time};

/// Calls kept that playbooks could use.
const KEPT: usize = 50;
/// Calls kept for rates.
const RATED: usize = 256;
pub(super) const BURST_WINDOW: Span = Span::seconds(60);
pub(super) const BURST: usize = 20;
const RISK_WINDOW: Span = Span::seconds(300);
const RISK_CALLS: usize = 5;

#[derive(Default)]
pub(super) struct History {
    pub(super) calls: VecDeque<Past>,
    /// Time, and whether the call was of high risk.
    rates: VecDeque<(Time, bool)>,
    pub(super) surprise: Surprise,
}

pub(super) struct Past {
    pub(super) at: Time,
    pub(super) features: Features,
}

/// How busy and how dangerous the agent is, the call in hand included.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    pub(super) burst: bool,
    pub(super) high_risk: bool,
}

// === impl History ===

impl History {
    pub(super) fn expire(&mut self, now: Time, window: Span) {
        let oldest = now.minus(window);
        while self.calls.front().is_some_and(|past| past.at < oldest) {
            self.calls.pop_front();
        }
        let oldest = now.minus(RISK_WINDOW);
        while self.rates.front().is_some_and(|(at, _)| *at < oldest) {
            self.rates.pop_front();
        }
    }

    pub(super) fn rates(&mut self, now: Time, high_risk: bool) -> Rates {
        if self.rates.len() == RATED {
            self.rates.pop_front();
        }
        self.rates.push_back((now, high_risk));
        let since = now.minus(BURST_WINDOW);
        let risky = self.rates.iter().filter(|(_, risky)| *risky).count();
        Rates {
            burst: self.rates.iter().filter(|(at, _)| *at >= since).count() > BURST,
            high_risk: self.rates.len() >= RISK_CALLS && risky * 2 > self.rates.len(),
        }
    }

    pub(super) fn record(&mut self, at: Time, features: Features) {
        if features.is_empty() {
            return;
        }
        if self.calls.len() == KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(Past { at, features });
    }
}

impl Held for History {
    fn entries(&self) -> usize {
        1 + self.calls.len() + self.rates.len()
    }
}
