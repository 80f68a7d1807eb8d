//! All connections of one source to one port of one machine within five minutes, as one.

use std::{net::IpAddr, time::Duration};

use super::{Ended, Flow, Handshake, IAT_BOUNDS, Uptime};
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
    pub out_of_order: u64,
    pub dup_acks: u64,
    pub zero_windows: u64,
    pub syn_retries: u64,
    /// Gaps between packets, by the bounds of [`IAT_BOUNDS`], the last for all above.
    pub gaps: [u64; IAT_BOUNDS.len() + 1],
    /// Shortest and longest of them, and how many there are of what sum.
    pub gap_min: Duration,
    pub gap_max: Duration,
    pub gap_sum: Duration,
    pub gap_count: u64,
    /// How far the one that came farthest came.
    pub handshake: Handshake,
    /// The client's back-off in the first that had any, milliseconds.
    pub rto_ms: Vec<u16>,
    pub client_rtt_min: Option<Duration>,
    /// Of the flow that ended last.
    pub client_rtt_median: Option<Duration>,
    pub synack_delay: Option<Duration>,
    pub first_payload_delay: Option<Duration>,
    /// Ticks a second of the client's clock, and how far it is off in the flow that ended last.
    pub ts_hz: Option<u32>,
    pub ts_skew_ppm: Option<f64>,
    pub uptime: Uptime,
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
            out_of_order: 0,
            dup_acks: 0,
            zero_windows: 0,
            syn_retries: 0,
            gaps: [0; IAT_BOUNDS.len() + 1],
            gap_min: Duration::MAX,
            gap_max: Duration::ZERO,
            gap_sum: Duration::ZERO,
            gap_count: 0,
            handshake: flow.handshake,
            rto_ms: Vec::new(),
            client_rtt_min: None,
            client_rtt_median: None,
            synack_delay: None,
            first_payload_delay: None,
            ts_hz: None,
            ts_skew_ppm: None,
            uptime: Uptime::default(),
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
        self.out_of_order += u64::from(flow.client.out_of_order) + u64::from(flow.server.out_of_order);
        self.dup_acks += u64::from(flow.client.dup_acks) + u64::from(flow.server.dup_acks);
        self.zero_windows += u64::from(flow.client.zero_windows) + u64::from(flow.server.zero_windows);
        self.syn_retries += u64::from(flow.syn_retries);
        for (sum, gap) in self.gaps.iter_mut().zip(flow.gaps) {
            *sum += u64::from(gap);
        }
        self.time(flow);
        if rank(flow.handshake) > rank(self.handshake) {
            self.handshake = flow.handshake;
        }
    }

    fn time(&mut self, flow: &Flow) {
        if let Some((mean, min, max)) = flow.inter_arrival() {
            let count = flow.packets().saturating_sub(1);
            self.gap_min = self.gap_min.min(min);
            self.gap_max = self.gap_max.max(max);
            let sum = u64::try_from(mean.as_nanos()).unwrap_or(u64::MAX).saturating_mul(count);
            self.gap_sum = self.gap_sum.saturating_add(Duration::from_nanos(sum));
            self.gap_count += count;
        }
        if self.rto_ms.is_empty() {
            self.rto_ms.extend(flow.rto_ms());
        }
        self.client_rtt_min = [self.client_rtt_min, flow.client_rtt_min()].into_iter().flatten().min();
        self.client_rtt_median = flow.client_rtt_median().or(self.client_rtt_median);
        self.synack_delay = flow.synack_delay().or(self.synack_delay);
        self.first_payload_delay = flow.first_payload_delay().or(self.first_payload_delay);
        self.ts_hz = flow.clock.hz().or(self.ts_hz);
        self.ts_skew_ppm = flow.clock.skew_ppm().or(self.ts_skew_ppm);
        self.uptime.observe(&flow.clock);
    }
}

/// How far a connection came, to compare.
const fn rank(handshake: Handshake) -> u8 {
    match handshake {
        Handshake::SynOnly => 0,
        Handshake::Refused => 1,
        Handshake::Midstream => 2,
        Handshake::RstByClient => 3,
        Handshake::HalfOpen => 4,
        Handshake::Established => 5,
    }
}
