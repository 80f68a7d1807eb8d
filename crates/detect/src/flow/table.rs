//! What is remembered of one conversation, and under which key.

use crate::addr::Addr;
use crate::event::{Attempt, Proto};
use crate::table::Held;
use crate::time::Time;

/// Both directions of a conversation have the same key: the smaller end first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    low: (Addr, u16),
    high: (Addr, u16),
    proto: Proto,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Tried, nothing back yet.
    Pending,
    /// An ACK out of nowhere: a probe if a RST answers it.
    LoneAck,
    Answered,
    /// The initiator confirmed, or a datagram went each way.
    Established,
    Rejected,
    /// Seen from the middle; nothing is known of its beginning.
    Midstream,
}

#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) attempt: Attempt,
    pub(super) phase: Phase,
    pub(super) last: Time,
    pub(super) last_syn: Time,
    pub(super) out: u64,
    pub(super) back: u64,
    /// Payload not yet told as volume.
    pub(super) untold_out: u64,
    pub(super) untold_back: u64,
    pub(super) told: Time,
    /// Place in the queue of attempts waiting for their outcome.
    pub(super) ticket: u64,
    pub(super) records: u32,
    pub(super) productive: bool,
    pub(super) contact: bool,
    pub(super) reply_seen: bool,
    pub(super) answered: bool,
}

// === impl Key ===

impl Key {
    pub(super) fn new(src: (Addr, u16), dst: (Addr, u16), proto: Proto) -> Self {
        let (low, high) = if src <= dst { (src, dst) } else { (dst, src) };
        Self { low, high, proto }
    }
}

// === impl Flow ===

impl Flow {
    pub(super) fn new(attempt: Attempt, phase: Phase) -> Self {
        Self {
            attempt,
            phase,
            last: attempt.at,
            last_syn: attempt.at,
            out: 0,
            back: 0,
            untold_out: 0,
            untold_back: 0,
            told: attempt.at,
            ticket: u64::MAX,
            records: 1,
            productive: false,
            contact: false,
            reply_seen: false,
            answered: false,
        }
    }

    pub(super) fn is_from_initiator(&self, src: Addr, sport: u16) -> bool {
        self.attempt.src == src && self.attempt.sport == sport
    }

    pub(super) fn count(&mut self, outgoing: bool, payload: u64) {
        if outgoing {
            self.out += payload;
            self.untold_out += payload;
        } else {
            self.back += payload;
            self.untold_back += payload;
        }
    }
}

impl Held for Flow {
    /// A conversation that stands is kept longer than one that was only tried.
    fn is_hot(&self) -> bool {
        self.phase == Phase::Established
    }
}
