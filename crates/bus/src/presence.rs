//! Who is there: small records that vanish unless renewed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

/// A record not renewed for this long is gone.
pub(crate) const TTL: Duration = Duration::from_secs(90);

/// Records of one process.
#[derive(Debug, Default)]
pub(crate) struct Shelf(BTreeMap<String, (Instant, Bytes)>);

// === impl Shelf ===

impl Shelf {
    pub(crate) fn put(&mut self, key: &str, record: Bytes, now: Instant) {
        self.0.retain(|_, (put, _)| now.duration_since(*put) < TTL);
        self.0.insert(key.to_owned(), (now, record));
    }

    pub(crate) fn list(&self, now: Instant) -> Vec<Bytes> {
        self.0
            .values()
            .filter(|(put, _)| now.duration_since(*put) < TTL)
            .map(|(_, record)| record.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_there_until_it_is_not_renewed() {
        let (mut shelf, start) = (Shelf::default(), Instant::now());
        shelf.put("a", Bytes::from_static(b"1"), start);
        shelf.put("b", Bytes::from_static(b"1"), start);
        shelf.put("b", Bytes::from_static(b"2"), start + TTL / 2);
        assert_eq!(shelf.list(start + TTL / 2).len(), 2);
        assert_eq!(shelf.list(start + TTL), [Bytes::from_static(b"2")]);
        assert!(shelf.list(start + 2 * TTL).is_empty());
    }
}
