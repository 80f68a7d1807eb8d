//! What is kept of one connection: of fixed size, but for holes in its data and a fit of its clock.

use std::time::Duration;

use super::{Clock, Half, Segment, Side, half::is_before};
use crate::{tcp::Tcp, time::Time};

/// One connection.
#[derive(Clone, Debug)]
pub struct Flow {
    pub first: Time,
    pub last: Time,
    pub client: Half,
    pub server: Half,
    pub handshake: Handshake,
    /// Who cut it off.
    pub reset_by: Option<Side>,
    /// SYNs sent again.
    pub syn_retries: u8,
    /// SYN-ACKs sent again.
    pub synack_retries: u8,
    /// MSS that the client's SYN offered.
    pub client_mss: Option<u16>,
    /// The clock of the client's timestamps.
    pub clock: Clock,
    /// Gaps between packets of either side, by the bounds of [`IAT_BOUNDS`], the last for all above.
    pub gaps: [u32; IAT_BOUNDS.len() + 1],
    gap_sum: u64,
    gap_min: u64,
    gap_max: u64,
    /// Milliseconds between transmissions of one segment by the client.
    rtos: [u16; MAX_RTOS],
    rto_count: u8,
    /// Microseconds; the first is of the handshake where that was seen.
    rtts: [u32; MAX_RTTS],
    rtt_count: u8,
    synack_delay: Option<u32>,
    first_payload: Option<u32>,
    client_isn: u32,
    server_isn: u32,
    /// When the last SYN, SYN-ACK or client's segment that may be sent again was sent.
    sent_at: Time,
    sent: u32,
    /// Data of the server that waits to be acknowledged, with when it was sent.
    probe: Option<(u32, Time)>,
}

/// How far a connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handshake {
    /// Nobody answered.
    SynOnly,
    /// Answered, and that was all.
    HalfOpen,
    Established,
    /// The client cut off what it had asked for, as half-open scanners do.
    RstByClient,
    /// The server said no.
    Refused,
    /// It was there before the capture began.
    Midstream,
}

/// Upper bounds of the histogram of gaps.
pub const IAT_BOUNDS: [Duration; 6] = [
    Duration::from_millis(1),
    Duration::from_millis(10),
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(60),
];

const MAX_RTOS: usize = 8;
const MAX_RTTS: usize = 8;

// === impl Flow ===

impl Flow {
    pub(super) fn new(at: Time) -> Self {
        Self {
            first: at,
            last: at,
            client: Half::default(),
            server: Half::default(),
            handshake: Handshake::Midstream,
            reset_by: None,
            syn_retries: 0,
            synack_retries: 0,
            client_mss: None,
            clock: Clock::default(),
            gaps: [0; IAT_BOUNDS.len() + 1],
            gap_sum: 0,
            gap_min: u64::MAX,
            gap_max: 0,
            rtos: [0; MAX_RTOS],
            rto_count: 0,
            rtts: [0; MAX_RTTS],
            rtt_count: 0,
            synack_delay: None,
            first_payload: None,
            client_isn: 0,
            server_isn: 0,
            sent_at: at,
            sent: 0,
            probe: None,
        }
    }

    /// What `side` sent.
    pub const fn half(&self, side: Side) -> &Half {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    pub fn packets(&self) -> u64 {
        u64::from(self.client.packets) + u64::from(self.server.packets)
    }

    /// Payload of both sides, bytes.
    pub const fn bytes(&self) -> u64 {
        self.client.bytes + self.server.bytes
    }

    pub const fn duration(&self) -> Duration {
        self.last.since(self.first)
    }

    /// Mean, shortest and longest gap between packets of either side.
    pub fn inter_arrival(&self) -> Option<(Duration, Duration, Duration)> {
        let count = self.packets().checked_sub(1).filter(|&count| count > 0)?;
        let [mean, min, max] = [self.gap_sum / count, self.gap_min, self.gap_max].map(Duration::from_nanos);
        Some((mean, min, max))
    }

    /// The client's back-off: gaps between transmissions of one segment, the first eight.
    pub fn rto_ms(&self) -> &[u16] {
        &self.rtos[..usize::from(self.rto_count)]
    }

    /// How long the server took to answer the last SYN.
    pub fn synack_delay(&self) -> Option<Duration> {
        self.synack_delay.map(|micros| Duration::from_micros(micros.into()))
    }

    /// From the SYN, or the first packet seen, to the client's first payload.
    pub fn first_payload_delay(&self) -> Option<Duration> {
        self.first_payload.map(|micros| Duration::from_micros(micros.into()))
    }

    /// Shortest time from the server's segment to the client's acknowledgement.
    pub fn client_rtt_min(&self) -> Option<Duration> {
        self.rtts[..usize::from(self.rtt_count)]
            .iter()
            .min()
            .map(|&micros| Duration::from_micros(micros.into()))
    }

    /// Median of the first eight such times.
    pub fn client_rtt_median(&self) -> Option<Duration> {
        let mut rtts = self.rtts;
        let rtts = &mut rtts[..usize::from(self.rtt_count)];
        rtts.sort_unstable();
        rtts.get(rtts.len() / 2)
            .map(|&micros| Duration::from_micros(micros.into()))
    }

    /// So small and short that it tells nothing of its timing.
    pub fn is_trivial(&self) -> bool {
        let retransmits = self.client.retransmits + self.server.retransmits;
        self.packets() < 4 && retransmits == 0 && self.duration() < Duration::from_secs(1)
    }

    /// Both sides finished, or one cut it off.
    pub const fn is_over(&self) -> bool {
        self.reset_by.is_some() || (self.client.finished && self.server.finished)
    }

    /// One SYN without data, and nothing else.
    pub(super) const fn is_lone_opening(&self) -> bool {
        matches!(self.handshake, Handshake::SynOnly) && self.client.packets == 1 && self.client.bytes == 0
    }

    /// Both sides had their part: what the client acknowledged it cannot have guessed, or both were seen to speak.
    pub(super) const fn is_mutual(&self) -> bool {
        match self.handshake {
            Handshake::Established => true,
            Handshake::Midstream => self.client.packets > 0 && self.server.packets > 0,
            Handshake::SynOnly | Handshake::HalfOpen | Handshake::RstByClient | Handshake::Refused => false,
        }
    }

    /// A SYN that opens another connection between the same ports.
    pub(super) fn is_reopened_by(&self, side: Side, tcp: &Tcp<'_>) -> bool {
        tcp.flags.opens()
            && (side == Side::Server || self.handshake == Handshake::Midstream || tcp.sequence != self.client_isn)
    }

    pub(super) fn take(&mut self, at: Time, side: Side, tcp: &Tcp<'_>) -> Segment {
        self.time(at);
        if side == Side::Client
            && let Some((own, _)) = tcp.timestamps()
        {
            self.clock.tick(at, own);
        }
        let (own, other) = match side {
            Side::Client => (&mut self.client, &self.server),
            Side::Server => (&mut self.server, &self.client),
        };
        own.count(tcp);
        own.acknowledge(tcp, other.end());
        let segment = own.take(tcp, other.acknowledged);
        match side {
            Side::Client => self.client_sent(at, tcp, segment),
            Side::Server => self.server_sent(at, tcp, segment),
        }
        segment
    }

    fn time(&mut self, at: Time) {
        if self.client.packets == 0 && self.server.packets == 0 {
            return;
        }
        let gap = at.since(self.last);
        let nanos = gap.as_nanos() as u64; // Both ends fit.
        let bin = IAT_BOUNDS
            .iter()
            .position(|bound| gap < *bound)
            .unwrap_or(IAT_BOUNDS.len());
        self.gaps[bin] = self.gaps[bin].saturating_add(1);
        self.gap_sum += nanos;
        self.gap_min = self.gap_min.min(nanos);
        self.gap_max = self.gap_max.max(nanos);
        self.last = self.last.max(at);
    }

    fn client_sent(&mut self, at: Time, tcp: &Tcp<'_>, segment: Segment) {
        if tcp.flags.rst() {
            self.reset(Side::Client);
        } else if tcp.flags.opens() {
            self.syn(at, tcp);
        } else if tcp.flags.ack() {
            self.client_acknowledged(at, tcp);
        }
        match segment {
            Segment::Empty | Segment::KeepAlive => {}
            Segment::New | Segment::OutOfOrder => (self.sent, self.sent_at) = (tcp.sequence, at),
            Segment::Retransmit => {
                if self.sent == tcp.sequence {
                    self.back_off(at);
                }
                (self.sent, self.sent_at) = (tcp.sequence, at);
            }
        }
        if segment != Segment::Empty && self.first_payload.is_none() {
            self.first_payload = Some(micros(at.since(self.first)));
        }
    }

    fn syn(&mut self, at: Time, tcp: &Tcp<'_>) {
        if self.client.packets > 1 {
            self.syn_retries = self.syn_retries.saturating_add(1);
            if self.handshake == Handshake::SynOnly {
                self.back_off(at);
            }
        } else {
            self.handshake = Handshake::SynOnly;
            self.client_isn = tcp.sequence;
            self.client_mss = tcp.options().mss;
            let data = u32::try_from(tcp.payload_len).unwrap_or(0);
            self.client.begin(tcp.sequence.wrapping_add(1).wrapping_add(data));
        }
        self.sent_at = at;
    }

    fn client_acknowledged(&mut self, at: Time, tcp: &Tcp<'_>) {
        if self.handshake == Handshake::HalfOpen && tcp.acknowledgement == self.server_isn.wrapping_add(1) {
            self.handshake = Handshake::Established;
            if self.synack_retries == 0 {
                self.round_trip(at.since(self.sent_at));
            }
        }
        if let Some((end, sent_at)) = self.probe
            && !is_before(tcp.acknowledgement, end)
        {
            self.probe = None;
            self.round_trip(at.since(sent_at));
        }
    }

    fn server_sent(&mut self, at: Time, tcp: &Tcp<'_>, segment: Segment) {
        if tcp.flags.rst() {
            self.reset(Side::Server);
        } else if tcp.flags.answers() {
            self.synack(at, tcp);
        }
        match segment {
            Segment::New if self.probe.is_none() => {
                self.probe = self.server.end().map(|end| (end, at));
            }
            // Which transmission will be acknowledged cannot be told (Karn).
            Segment::Retransmit => self.probe = None,
            Segment::New | Segment::Empty | Segment::OutOfOrder | Segment::KeepAlive => {}
        }
    }

    fn synack(&mut self, at: Time, tcp: &Tcp<'_>) {
        match self.handshake {
            Handshake::SynOnly => {
                self.handshake = Handshake::HalfOpen;
                self.synack_delay = Some(micros(at.since(self.sent_at)));
                self.server_isn = tcp.sequence;
                self.server.begin(tcp.sequence.wrapping_add(1));
                self.sent_at = at;
            }
            Handshake::HalfOpen => {
                self.synack_retries = self.synack_retries.saturating_add(1);
                self.sent_at = at;
            }
            _ => {}
        }
    }

    fn reset(&mut self, side: Side) {
        self.reset_by.get_or_insert(side);
        self.handshake = match (self.handshake, side) {
            (Handshake::HalfOpen, Side::Client) => Handshake::RstByClient,
            (Handshake::SynOnly, Side::Server) => Handshake::Refused,
            (as_it_was, _) => as_it_was,
        };
    }

    fn back_off(&mut self, at: Time) {
        if let Some(slot) = self.rtos.get_mut(usize::from(self.rto_count)) {
            *slot = u16::try_from(at.since(self.sent_at).as_millis()).unwrap_or(u16::MAX);
            self.rto_count += 1;
        }
    }

    fn round_trip(&mut self, took: Duration) {
        if let Some(slot) = self.rtts.get_mut(usize::from(self.rtt_count)) {
            *slot = micros(took);
            self.rtt_count += 1;
        }
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

// === impl Handshake ===

impl Handshake {
    /// As it stands in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SynOnly => "syn_only",
            Self::HalfOpen => "half_open",
            Self::Established => "established",
            Self::RstByClient => "rst_by_client",
            Self::Refused => "refused",
            Self::Midstream => "midstream",
        }
    }
}
