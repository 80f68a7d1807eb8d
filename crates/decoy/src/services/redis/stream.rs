//! Streams: entries by rising id, and groups that share the reading of them.

use std::collections::BTreeMap;
use std::fmt;

use super::reply::Bytes;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StreamId {
    pub(super) ms: u64,
    pub(super) seq: u64,
}

pub(super) type Entry = Vec<(Bytes, Bytes)>;

#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    entries: BTreeMap<StreamId, Entry>,
    pub(super) last: StreamId,
    /// Highest id ever deleted.
    pub(super) max_deleted: StreamId,
    /// Entries ever added.
    pub(super) added: u64,
    pub(super) groups: BTreeMap<Bytes, Group>,
    bytes: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) last: StreamId,
    /// Entries read so far, when that is known.
    pub(super) read: Option<u64>,
    pub(super) pending: BTreeMap<StreamId, Pending>,
    pub(super) consumers: BTreeMap<Bytes, Consumer>,
}

#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) consumer: Bytes,
    /// Milliseconds since the epoch.
    pub(super) delivered: i64,
    pub(super) count: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Consumer {
    pub(super) seen: i64,
}

// === impl StreamId ===

impl StreamId {
    pub(super) const MIN: Self = Self { ms: 0, seq: 0 };
    pub(super) const MAX: Self = Self {
        ms: u64::MAX,
        seq: u64::MAX,
    };

    /// `ms-seq`, or `ms` with the given sequence.
    pub(super) fn parse(text: &[u8], missing_seq: u64) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        match text.split_once('-') {
            Some((ms, seq)) => Some(Self {
                ms: digits(ms)?,
                seq: digits(seq)?,
            }),
            None => Some(Self {
                ms: digits(text)?,
                seq: missing_seq,
            }),
        }
    }

    pub(super) fn next(self) -> Option<Self> {
        match (self.ms, self.seq) {
            (ms, seq) if seq < u64::MAX => Some(Self { ms, seq: seq + 1 }),
            (ms, _) => Some(Self {
                ms: ms.checked_add(1)?,
                seq: 0,
            }),
        }
    }

    pub(super) fn previous(self) -> Option<Self> {
        match (self.ms, self.seq) {
            (ms, seq) if seq > 0 => Some(Self { ms, seq: seq - 1 }),
            (ms, _) => Some(Self {
                ms: ms.checked_sub(1)?,
                seq: u64::MAX,
            }),
        }
    }

    pub(super) fn bytes(self) -> Bytes {
        self.to_string().into_bytes()
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

fn digits(text: &str) -> Option<u64> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

// === impl Stream ===

impl Stream {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn weight(&self) -> usize {
        let pending: usize = self
            .groups
            .values()
            .map(|group| 64 * (1 + group.pending.len() + group.consumers.len()))
            .sum();
        self.bytes + pending
    }

    /// The id must be above `last`.
    pub(super) fn append(&mut self, id: StreamId, entry: Entry) {
        self.bytes += entry_weight(&entry);
        self.entries.insert(id, entry);
        self.last = id;
        self.added += 1;
    }

    pub(super) fn delete(&mut self, id: StreamId) -> bool {
        let Some(entry) = self.entries.remove(&id) else {
            return false;
        };
        self.bytes -= entry_weight(&entry);
        self.max_deleted = self.max_deleted.max(id);
        true
    }

    /// Drops the oldest while more than `most` remain; how many went.
    pub(super) fn trim_to(&mut self, most: usize, limit: usize) -> usize {
        let excess = self.len().saturating_sub(most).min(limit);
        self.drop_first(excess)
    }

    /// Drops those below the id; how many went.
    pub(super) fn trim_below(&mut self, lowest: StreamId, limit: usize) -> usize {
        let excess = self.entries.range(..lowest).take(limit).count();
        self.drop_first(excess)
    }

    pub(super) fn get(&self, id: StreamId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub(super) fn range(
        &self,
        from: StreamId,
        to: StreamId,
    ) -> Box<dyn DoubleEndedIterator<Item = (StreamId, &Entry)> + '_> {
        if from > to {
            return Box::new(std::iter::empty());
        }
        Box::new(self.entries.range(from..=to).map(|(id, entry)| (*id, entry)))
    }

    pub(super) fn first(&self) -> Option<(StreamId, &Entry)> {
        self.entries.iter().next().map(|(id, entry)| (*id, entry))
    }

    pub(super) fn newest(&self) -> Option<(StreamId, &Entry)> {
        self.entries.iter().next_back().map(|(id, entry)| (*id, entry))
    }

    /// Entries a group has yet to read, when that can be known.
    pub(super) fn lag(&self, group: &Group) -> Option<u64> {
        if self.added == 0 {
            return Some(0);
        }
        if let Some(read) = group.read
            && !self.deleted_after(group.last)
        {
            return Some(self.added - read.min(self.added));
        }
        self.read_up_to(group.last).map(|read| self.added - read)
    }

    /// How many were ever added up to that id, when that can be known.
    pub(super) fn read_up_to(&self, id: StreamId) -> Option<u64> {
        if self.added == 0 {
            return Some(0);
        }
        let Some((first, _)) = self.first() else {
            return (id <= self.last).then_some(self.added);
        };
        if id >= self.last {
            return (id == self.last).then_some(self.added);
        }
        let untouched = self.max_deleted == StreamId::MIN || self.max_deleted < first;
        let before = self.added - self.len() as u64;
        match id.cmp(&first) {
            std::cmp::Ordering::Less if untouched => Some(before),
            std::cmp::Ordering::Equal if untouched => Some(before + 1),
            _ => None,
        }
    }

    fn deleted_after(&self, id: StreamId) -> bool {
        self.len() > 0 && self.max_deleted != StreamId::MIN && self.max_deleted >= id
    }

    fn drop_first(&mut self, count: usize) -> usize {
        for _ in 0..count {
            if let Some((_, entry)) = self.entries.pop_first() {
                self.bytes -= entry_weight(&entry);
            }
        }
        count
    }
}

fn entry_weight(entry: &Entry) -> usize {
    64 + entry
        .iter()
        .map(|(field, value)| field.len() + value.len() + 48)
        .sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_and_counted_over_the_edge() {
        let id = StreamId::parse(b"5-18446744073709551615", 0).unwrap();
        assert_eq!(id.next(), Some(StreamId { ms: 6, seq: 0 }));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::parse(b"5", 9), Some(StreamId { ms: 5, seq: 9 }));
        for bad in [&b""[..], b"-", b"1-", b"a", b"1-2-3", b"+1"] {
            assert_eq!(StreamId::parse(bad, 0), None, "{bad:?}");
        }
    }
}
