//! Datagrams out of fragments (RFC 791, RFC 8200), as Linux puts them together: what decoys see is what counts.
//!
//! A fragment that repeats an earlier one exactly is passed over. One that overlaps in any other way makes the whole
//! datagram forgotten (RFC 5722, which Linux keeps to for IPv4 too), so nothing can be written over afterwards.

use std::{net::IpAddr, time::Duration};

use crate::{ip::Ip, lru::Lru, time::Time};

/// Puts fragments together, within hard caps.
#[derive(Debug)]
pub struct Reassembler {
    pending: Lru<Key, Pending>,
    /// Payload held in `pending`.
    held: usize,
    dropped: Dropped,
}

/// Datagrams that did not become whole, by the reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Fragments overlapped, or disagreed on the end.
    pub overlapping: u64,
    /// A fragment was missing for half a minute.
    pub late: u64,
    /// There was no more room.
    pub evicted: u64,
    /// More pieces than any sender makes, or longer than a datagram may be.
    pub oversized: u64,
    /// The capture does not hold all of a fragment.
    pub cut: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    id: u32,
    /// Not of IPv6, where the first fragment alone is sure to tell.
    protocol: Option<u8>,
}

#[derive(Debug)]
struct Pending {
    began: Time,
    /// Places and lengths, ascending.
    pieces: Vec<(usize, usize)>,
    data: Vec<u8>,
    /// Known with the last fragment.
    len: Option<usize>,
}

/// Why a fragment ends its datagram.
enum Refused {
    Overlapping,
    Oversized,
}

/// Datagrams put together at a time.
const MAX_PENDING: usize = 1024;
/// Payload held at a time, bytes.
const MAX_HELD: usize = 4 * 1024 * 1024;
/// A datagram of 64 KiB over the smallest link of IPv6 has 53.
const MAX_PIECES: usize = 64;
const MAX_DATAGRAM: usize = 65_535;
/// As Linux waits.
const PATIENCE: Duration = Duration::from_secs(30);

// === impl Reassembler ===

impl Default for Reassembler {
    fn default() -> Self {
        Self {
            pending: Lru::new(MAX_PENDING),
            held: 0,
            dropped: Dropped::default(),
        }
    }
}

impl Reassembler {
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Takes a fragment; gives the payload of the datagram that it completes, for [`Ip::reassembled`].
    pub fn take(&mut self, at: Time, ip: &Ip<'_>) -> Option<Vec<u8>> {
        let fragment = ip.fragment?;
        self.forget_late(at);
        if ip.payload.len() < ip.payload_len {
            self.dropped.cut += 1;
            return None;
        }
        let key = Key {
            source: ip.source,
            destination: ip.destination,
            id: fragment.id,
            protocol: (!ip.is_v6()).then_some(ip.protocol),
        };
        let used = self.pending.entry(key, || Pending::new(at));
        if let Some((_, evicted)) = &used.evicted {
            self.held -= evicted.data.len();
            self.dropped.evicted += 1;
        }
        let before = used.value.data.len();
        let added = used.value.add(fragment.offset, ip.payload, fragment.more);
        self.held = self.held + used.value.data.len() - before;
        match added {
            Ok(false) => {
                self.make_room();
                None
            }
            Ok(true) => self.forget(&key).map(|whole| whole.data),
            Err(refused) => {
                self.forget(&key);
                match refused {
                    Refused::Overlapping => self.dropped.overlapping += 1,
                    Refused::Oversized => self.dropped.oversized += 1,
                }
                None
            }
        }
    }

    fn forget_late(&mut self, now: Time) {
        while self
            .pending
            .oldest()
            .is_some_and(|(_, pending)| now.since(pending.began) > PATIENCE)
        {
            self.pop();
            self.dropped.late += 1;
        }
    }

    fn make_room(&mut self) {
        while self.held > MAX_HELD {
            self.pop();
            self.dropped.evicted += 1;
        }
    }

    fn pop(&mut self) {
        if let Some((_, pending)) = self.pending.pop_oldest() {
            self.held -= pending.data.len();
        }
    }

    fn forget(&mut self, key: &Key) -> Option<Pending> {
        let (_, pending) = self.pending.remove(key)?;
        self.held -= pending.data.len();
        Some(pending)
    }
}

// === impl Dropped ===

impl Dropped {
    /// For whatever reason.
    pub fn total(self) -> u64 {
        self.overlapping + self.late + self.evicted + self.oversized + self.cut
    }
}

// === impl Pending ===

impl Pending {
    fn new(began: Time) -> Self {
        Self {
            began,
            pieces: Vec::new(),
            data: Vec::new(),
            len: None,
        }
    }

    /// True when the datagram is whole.
    fn add(&mut self, offset: usize, payload: &[u8], more: bool) -> Result<bool, Refused> {
        let end = offset + payload.len();
        if self.repeats(offset, payload) && (more || self.len == Some(end)) {
            return Ok(false);
        }
        let place = self.pieces.partition_point(|(start, _)| *start < offset);
        let clear_before = place == 0 || self.pieces[place - 1].0 + self.pieces[place - 1].1 <= offset;
        let clear_after = self.pieces.get(place).is_none_or(|(start, _)| end <= *start);
        let past_end = self.len.is_some_and(|len| end > len || !more);
        let before_others = !more && self.pieces.last().is_some_and(|(start, len)| start + len > end);
        if !clear_before || !clear_after || past_end || before_others {
            return Err(Refused::Overlapping);
        }
        if end > MAX_DATAGRAM || self.pieces.len() == MAX_PIECES || (payload.is_empty() && more) {
            return Err(Refused::Oversized);
        }
        if self.data.len() < end {
            self.data.resize(end, 0);
        }
        self.data[offset..end].copy_from_slice(payload);
        self.pieces.insert(place, (offset, payload.len()));
        if !more {
            self.len = Some(end);
        }
        let held: usize = self.pieces.iter().map(|(_, len)| len).sum();
        Ok(self.len == Some(held))
    }

    fn repeats(&self, offset: usize, payload: &[u8]) -> bool {
        self.pieces.contains(&(offset, payload.len())) && self.data[offset..offset + payload.len()] == *payload
    }
}
