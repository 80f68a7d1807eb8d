//! What the collector counts, for its heartbeat.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use runtime::Cx;

#[derive(Clone, Debug, Default)]
pub(crate) struct Stats(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    lines: AtomicU64,
    noise: AtomicU64,
    again: AtomicU64,
    lost: AtomicU64,
    under_way: AtomicU64,
}

// === impl Stats ===

impl Stats {
    /// A line of ours, read for the first time.
    pub(crate) fn line(&self) {
        self.0.lines.fetch_add(1, Relaxed);
    }

    /// Something that was not a line of ours.
    pub(crate) fn noise(&self) {
        self.0.noise.fetch_add(1, Relaxed);
    }

    /// A line that had been read before.
    pub(crate) fn again(&self) {
        self.0.again.fetch_add(1, Relaxed);
    }

    /// Lines that were gone before we came to read them.
    pub(crate) fn lost(&self, lines: u64) {
        self.0.lost.fetch_add(lines, Relaxed);
    }

    pub(crate) fn sent(&self, events: u64) {
        self.0.under_way.fetch_add(events, Relaxed);
    }

    pub(crate) fn settled(&self, events: u64) {
        self.0.under_way.fetch_sub(events, Relaxed);
    }

    pub(crate) fn tell(&self, cx: &Cx, machines: usize) {
        cx.backlog(self.0.under_way.load(Relaxed));
        cx.count("machines", machines as u64);
        cx.count("lines", self.0.lines.load(Relaxed));
        cx.count("noise", self.0.noise.load(Relaxed));
        cx.count("again", self.0.again.load(Relaxed));
        cx.count("lost", self.0.lost.load(Relaxed));
    }
}
