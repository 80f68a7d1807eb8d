//! All connections of one source to one port of one machine within five minutes, as one.

use std::{net::IpAddr, time::Duration};

use super::{Ended, Flow, Handshake, IAT_BOUNDS};
use crate::{lru::Lru, time::Time};

/// Gathers connections that ended.
#[derive(Debug)]
pub struct Summaries {
    open: Lru<SummaryKey, Summary>,
}

/// Which connections are gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SummaryKey {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub port: u16,
}

/// What they were together.
#[derive(Clone, Debug)]
pub struct Summary {
    /// When the first of them ended: its window is the five minutes from here.
    pub opened: Time,
    pub first: Time,
    pub last: Time,
    pub flows: u64,
    pub established: u64,
    pub packets: u64,
    pub bytes_client: u64,
    pub bytes_server: u64,
    pub retransmits_client: u64,
    pub retransmits_server: u64,
    /// Gaps between packets, by the bounds of [`IAT_BOUNDS`], the last for all above.
    pub gaps: [u64; IAT_BOUNDS.len() + 1],
}

const WINDOW: Duration = Duration::from_secs(300);

// === impl Summaries ===

impl Summaries {
    /// At most `capacity` at once.
    pub fn new(capacity: usize) -> Self {
        Self {
            open: Lru::new(capacity),
        }
    }

    /// Adds a connection that ended at `now`; gives back a summary that is complete because of it.
    pub fn add<X>(&mut self, now: Time, ended: &Ended<X>) -> Option<(SummaryKey, Summary)> {
        let Ended { ends, flow, .. } = ended;
        let key = SummaryKey {
            source: ends.client.0,
            destination: ends.server.0,
            port: ends.server.1,
        };
        let due = self
            .open
            .peek(&key)
            .is_some_and(|summary| now.since(summary.opened) >= WINDOW);
        let complete = if due { self.open.remove(&key) } else { None };
        let used = self.open.entry(key, || Summary::new(now, flow));
        used.value.add(flow);
        complete.or(used.evicted)
    }

    /// Takes out the summary not added to for longest if its window is over; call until there is none.
    pub fn expired(&mut self, now: Time) -> Option<(SummaryKey, Summary)> {
        self.open
            .oldest()
            .filter(|(_, summary)| now.since(summary.opened) >= WINDOW)?;
        self.open.pop_oldest()
    }

    /// Takes out any, at the end of a capture; call until there is none.
    pub fn flush(&mut self) -> Option<(SummaryKey, Summary)> {
        self.open.pop_oldest()
    }
}

// === impl Summary ===

impl Summary {
    fn new(opened: Time, flow: &Flow) -> Self {
        Self {
            opened,
            first: flow.first,
            last: flow.last,
            flows: 0,
            established: 0,
            packets: 0,
            bytes_client: 0,
            bytes_server: 0,
            retransmits_client: 0,
            retransmits_server: 0,
            gaps: [0; IAT_BOUNDS.len() + 1],
        }
    }

    fn add(&mut self, flow: &Flow) {
        self.first = self.first.min(flow.first);
        self.last = self.last.max(flow.last);
        self.flows += 1;
        self.established += u64::from(flow.handshake == Handshake::Established);
        self.packets += flow.packets();
        self.bytes_client += flow.client.bytes;
        self.bytes_server += flow.server.bytes;
        self.retransmits_client += u64::from(flow.client.retransmits);
        self.retransmits_server += u64::from(flow.server.retransmits);
        for (sum, gap) in self.gaps.iter_mut().zip(flow.gaps) {
            *sum += u64::from(gap);
        }
    }
}
