//! One direction of a connection.

use crate::tcp::Tcp;

/// What one side sent.
#[derive(Clone, Debug, Default)]
pub struct Half {
    /// Payload, bytes, repeats included.
    pub bytes: u64,
    pub packets: u32,
    /// Segments of which something had been sent before.
    pub retransmits: u32,
    /// Segments that filled a hole.
    pub out_of_order: u32,
    /// Bare acknowledgements that repeat the last one while data is on its way.
    pub dup_acks: u32,
    /// Segments that close the window.
    pub zero_windows: u32,
    pub finished: bool,
    sent: Sent,
    pub(super) acknowledged: Option<u32>,
    window: u16,
}

/// How a segment's payload relates to what was sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    Empty,
    New,
    /// It fills a hole, or comes before all that was seen.
    OutOfOrder,
    /// Some or all of it had been sent.
    Retransmit,
    /// The last byte once more though it was acknowledged: is the other side still there?
    KeepAlive,
}

/// What was sent, as ranges of sequence numbers modulo 2^32: the lowest, and those after holes.
#[derive(Clone, Debug, Default)]
struct Sent {
    lowest: Option<Range>,
    /// Ascending, apart from each other and from the lowest. Few flows have any.
    more: Vec<Range>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    start: u32,
    end: u32,
}

/// Ranges kept of one direction; beyond it the lowest hole counts as filled.
const MAX_RANGES: usize = 64;

// === impl Half ===

impl Half {
    /// The lowest sequence number of data that it sent, or is to send.
    pub fn start(&self) -> Option<u32> {
        self.sent.lowest.map(|range| range.start)
    }

    /// The side's first sequence number after its SYN.
    pub(super) fn begin(&mut self, next: u32) {
        self.sent = Sent {
            lowest: Some(Range { start: next, end: next }),
            more: Vec::new(),
        };
    }

    pub(super) fn count(&mut self, tcp: &Tcp<'_>) {
        self.packets = self.packets.saturating_add(1);
        self.bytes += tcp.payload_len as u64;
        self.finished |= tcp.flags.fin();
        if tcp.window == 0 && !tcp.flags.rst() && !tcp.flags.syn() {
            self.zero_windows = self.zero_windows.saturating_add(1);
        }
    }

    /// Takes a segment's payload; `acknowledged` is what the other side last had.
    pub(super) fn take(&mut self, tcp: &Tcp<'_>, acknowledged: Option<u32>) -> Segment {
        let Ok(len @ 1..) = u32::try_from(tcp.payload_len) else {
            return Segment::Empty;
        };
        let end = self.end();
        if len == 1 && end.is_some() && end == acknowledged && end == Some(tcp.sequence.wrapping_add(1)) {
            return Segment::KeepAlive;
        }
        let segment = self.sent.add(Range {
            start: tcp.sequence,
            end: tcp.sequence.wrapping_add(len),
        });
        match segment {
            Segment::Retransmit => self.retransmits = self.retransmits.saturating_add(1),
            Segment::OutOfOrder => self.out_of_order = self.out_of_order.saturating_add(1),
            Segment::Empty | Segment::New | Segment::KeepAlive => {}
        }
        segment
    }

    /// Takes a segment's acknowledgement; `outstanding` is the end of what the other side sent.
    pub(super) fn acknowledge(&mut self, tcp: &Tcp<'_>, outstanding: Option<u32>) {
        if !tcp.flags.ack() {
            return;
        }
        let bare = tcp.sequence_len() == 0 && !tcp.flags.rst();
        let repeats = self.acknowledged == Some(tcp.acknowledgement) && self.window == tcp.window;
        let missing = outstanding.is_some_and(|end| is_before(tcp.acknowledgement, end));
        if bare && repeats && missing {
            self.dup_acks = self.dup_acks.saturating_add(1);
        }
        self.acknowledged = Some(tcp.acknowledgement);
        self.window = tcp.window;
    }

    /// The sequence number after the last byte sent.
    pub(super) fn end(&self) -> Option<u32> {
        self.sent
            .more
            .last()
            .or(self.sent.lowest.as_ref())
            .map(|range| range.end)
    }
}

/// `a` comes before `b` in sequence space.
pub(super) const fn is_before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

// === impl Sent ===

impl Sent {
    fn add(&mut self, new: Range) -> Segment {
        let Some(lowest) = &mut self.lowest else {
            self.lowest = Some(new);
            return Segment::New;
        };
        if self.more.is_empty() && new.start == lowest.end {
            lowest.end = new.end;
            return Segment::New;
        }
        self.add_apart(new)
    }

    fn add_apart(&mut self, new: Range) -> Segment {
        let mut ranges = std::mem::take(&mut self.more);
        ranges.splice(0..0, self.lowest);
        let highest = ranges.last().map_or(new.start, |range| range.end);
        let segment = if ranges.iter().any(|range| range.overlaps(new)) {
            Segment::Retransmit
        } else if is_before(new.start, highest) {
            Segment::OutOfOrder
        } else {
            Segment::New
        };
        let at = ranges.partition_point(|range| is_before(range.start, new.start));
        ranges.insert(at, new);
        ranges.dedup_by(|next, before| before.absorb(*next));
        if ranges.len() > MAX_RANGES {
            let second = ranges.remove(1);
            ranges[0].end = second.end;
        }
        self.lowest = Some(ranges.remove(0));
        self.more = ranges;
        segment
    }
}

// === impl Range ===

impl Range {
    fn overlaps(self, other: Self) -> bool {
        is_before(self.start, other.end) && is_before(other.start, self.end)
    }

    /// Takes in a range that begins no earlier, if the two touch.
    fn absorb(&mut self, next: Self) -> bool {
        let touches = !is_before(self.end, next.start);
        if touches && is_before(self.end, next.end) {
            self.end = next.end;
        }
        touches
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Range, Segment, Sent};

    #[test]
    fn more_holes_than_are_kept_close_from_below() {
        let mut sent = Sent::default();
        for n in 0..1000u32 {
            sent.add(Range {
                start: n * 10,
                end: n * 10 + 5,
            });
        }
        assert_eq!(sent.more.len(), super::MAX_RANGES - 1);
        assert_eq!(sent.add(Range { start: 5, end: 10 }), Segment::Retransmit);
    }

    proptest! {
        #[test]
        fn ranges_say_what_a_set_of_bytes_says(
            base in any::<u32>(),
            segments in prop::collection::vec((0u32..200, 1u32..30), 1..60),
        ) {
            let mut sent = Sent::default();
            let mut bytes = std::collections::BTreeSet::new();
            for (offset, len) in segments {
                let start = base.wrapping_add(offset);
                let mine = offset..offset + len;
                let segment = sent.add(Range { start, end: start.wrapping_add(len) });
                let seen = mine.clone().any(|byte| bytes.contains(&byte));
                let behind = bytes.last().is_some_and(|&last| offset < last);
                let expected = match (seen, behind) {
                    (true, _) => Segment::Retransmit,
                    (false, true) => Segment::OutOfOrder,
                    (false, false) => Segment::New,
                };
                prop_assert_eq!(segment, expected);
                bytes.extend(mine);
            }
        }
    }
}
