//! Counters of those that watch, and when losing packets is worth an event. Pure.

use capture::live::Counters as Captured;
use runtime::Cx;
use wire::watch::Counters;

/// Of all threads together, since the worker began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Packets that passed the kernel's filter, and those of them it had no room for.
    seen: u64,
    dropped: u64,
    packets: u64,
    unreadable: u64,
    foreign: u64,
    suppressed: u64,
    lost_datagrams: u64,
    evicted_flows: u64,
    evicted_half_open: u64,
    evicted_sources: u64,
    evicted_talks: u64,
    evicted_repeats: u64,
    /// Observations for which there was no room any more.
    unsent: u64,
}

/// Packets of a while, and how many of them were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) seen: u64,
    pub(crate) dropped: u64,
}

/// Tells when more is lost than can be borne.
#[derive(Debug, Default)]
pub(crate) struct Loss {
    told: Tally,
    /// Looks since it was told last.
    quiet: u32,
}

/// Lost packets among this many are told: a thousandth.
const BEARABLE: u64 = 1_000;
/// Looks that lie between two tellings, at least.
const PAUSE: u32 = 60;

// === impl Tally ===

impl Tally {
    pub(crate) fn of(captured: &Captured, counters: &Counters, unsent: u64) -> Self {
        Self {
            seen: captured.seen,
            dropped: captured.dropped,
            packets: counters.packets,
            unreadable: counters.malformed.iter().sum(),
            foreign: counters.foreign,
            suppressed: counters.suppressed,
            lost_datagrams: counters.lost_datagrams,
            evicted_flows: counters.evicted_flows,
            evicted_half_open: counters.evicted_half_open,
            evicted_sources: counters.evicted_sources,
            evicted_talks: counters.evicted_talks,
            evicted_repeats: counters.evicted_repeats,
            unsent,
        }
    }

    pub(crate) fn with(self, other: &Self) -> Self {
        Self {
            seen: self.seen + other.seen,
            dropped: self.dropped + other.dropped,
            packets: self.packets + other.packets,
            unreadable: self.unreadable + other.unreadable,
            foreign: self.foreign + other.foreign,
            suppressed: self.suppressed + other.suppressed,
            lost_datagrams: self.lost_datagrams + other.lost_datagrams,
            evicted_flows: self.evicted_flows + other.evicted_flows,
            evicted_half_open: self.evicted_half_open + other.evicted_half_open,
            evicted_sources: self.evicted_sources + other.evicted_sources,
            evicted_talks: self.evicted_talks + other.evicted_talks,
            evicted_repeats: self.evicted_repeats + other.evicted_repeats,
            unsent: self.unsent + other.unsent,
        }
    }

    /// Sets for how many observations there was no room.
    pub(crate) fn set_unsent(&mut self, unsent: u64) {
        self.unsent = unsent;
    }

    pub(crate) fn tell(&self, cx: &Cx) {
        for (name, value) in [
            ("packets", self.packets),
            ("kernel_seen", self.seen),
            ("kernel_drops", self.dropped),
            ("unreadable", self.unreadable),
            ("foreign", self.foreign),
            ("suppressed", self.suppressed),
            ("lost_datagrams", self.lost_datagrams),
            ("evicted_flows", self.evicted_flows),
            ("evicted_half_open", self.evicted_half_open),
            ("evicted_sources", self.evicted_sources),
            ("reasm_evict", self.evicted_talks),
            ("evicted_repeats", self.evicted_repeats),
            ("unsent", self.unsent),
        ] {
            cx.count(name, value);
        }
    }
}

// === impl Loss ===

impl Loss {
    /// What was lost since it was told last, when that is more than a thousandth; at most once a minute.
    pub(crate) fn of(&mut self, now: &Tally) -> Option<Lost> {
        let lost = Lost {
            seen: now.seen.saturating_sub(self.told.seen),
            dropped: now.dropped.saturating_sub(self.told.dropped),
        };
        self.quiet = self.quiet.saturating_add(1);
        if lost.dropped * BEARABLE <= lost.seen {
            // What is borne is not carried on against what comes.
            if self.quiet >= PAUSE {
                self.told = now.clone();
            }
            return None;
        }
        let is_due = self.told == Tally::default() || self.quiet >= PAUSE;
        is_due.then(|| {
            self.told = now.clone();
            self.quiet = 0;
            lost
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(seen: u64, dropped: u64) -> Tally {
        Tally {
            seen,
            dropped,
            ..Tally::default()
        }
    }

    #[test]
    fn more_than_a_thousandth_lost_is_told_once_a_minute() {
        let mut loss = Loss::default();
        assert_eq!(loss.of(&tally(100_000, 100)), None, "a thousandth is borne");
        let told = loss.of(&tally(100_000, 101));
        assert_eq!(
            told,
            Some(Lost {
                seen: 100_000,
                dropped: 101
            })
        );
        for _ in 1..PAUSE {
            assert_eq!(loss.of(&tally(200_000, 50_101)), None);
        }
        assert_eq!(
            loss.of(&tally(200_000, 50_101)),
            Some(Lost {
                seen: 100_000,
                dropped: 50_000
            })
        );
        (0..2 * PAUSE).for_each(|_| assert_eq!(loss.of(&tally(200_000, 50_101)), None));
    }
}
