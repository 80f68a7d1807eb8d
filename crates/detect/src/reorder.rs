//! Puts input into the order of time, as far as it waits for what is late.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use crate::time::{Span, Time};

/// Holds what came until nothing older is expected: stable by time, then by order of arrival.
pub(crate) struct Reorder<T> {
    wait: Span,
    cap: usize,
    /// What came in order; the usual case costs a push and a pop.
    orderly: VecDeque<Waiting<T>>,
    /// What came after something newer.
    strayed: BinaryHeap<Waiting<T>>,
    newest: Time,
    released: Time,
    arrivals: u64,
    late: u64,
}

struct Waiting<T> {
    at: Time,
    arrival: u64,
    item: T,
}

// === impl Reorder ===

impl<T> Reorder<T> {
    pub(crate) fn new(wait: Span, cap: usize) -> Self {
        Self {
            wait,
            cap,
            orderly: VecDeque::new(),
            strayed: BinaryHeap::new(),
            newest: Time(i64::MIN),
            released: Time(i64::MIN),
            arrivals: 0,
            late: 0,
        }
    }

    /// Items refused because something newer had already been let go.
    pub(crate) fn late(&self) -> u64 {
        self.late
    }

    pub(crate) fn push(&mut self, at: Time, item: T) {
        if at < self.released {
            self.late += 1;
            return;
        }
        let waiting = Waiting {
            at,
            arrival: self.arrivals,
            item,
        };
        self.arrivals += 1;
        if at >= self.newest {
            self.newest = at;
            self.orderly.push_back(waiting);
        } else {
            self.strayed.push(waiting);
        }
    }

    /// The next item that has waited long enough.
    pub(crate) fn pop(&mut self) -> Option<(Time, T)> {
        let full = self.orderly.len() + self.strayed.len() > self.cap;
        let due = self.next_at()?;
        if !full && due > self.newest.minus(self.wait) {
            return None;
        }
        self.release()
    }

    /// The next item that is older than this, by a clock outside.
    pub(crate) fn overdue(&mut self, before: Time) -> Option<(Time, T)> {
        if self.next_at()? > before {
            return None;
        }
        self.release()
    }

    /// The next item, waited for or not: nothing more comes.
    pub(crate) fn drain(&mut self) -> Option<(Time, T)> {
        self.release()
    }

    fn next_at(&self) -> Option<Time> {
        let orderly = self.orderly.front().map(|waiting| waiting.at);
        let strayed = self.strayed.peek().map(|waiting| waiting.at);
        match (orderly, strayed) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn release(&mut self) -> Option<(Time, T)> {
        let strayed_first = match (self.orderly.front(), self.strayed.peek()) {
            (Some(orderly), Some(strayed)) => (strayed.at, strayed.arrival) < (orderly.at, orderly.arrival),
            (None, Some(_)) => true,
            _ => false,
        };
        let waiting = if strayed_first {
            self.strayed.pop()
        } else {
            self.orderly.pop_front()
        }?;
        self.released = waiting.at;
        Some((waiting.at, waiting.item))
    }
}

// === impl Waiting ===

impl<T> Ord for Waiting<T> {
    /// Reversed: a heap gives its greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.arrival).cmp(&(self.at, self.arrival))
    }
}

impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Waiting<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(buffer: &mut Reorder<u32>) -> Vec<u32> {
        let mut out = Vec::new();
        while let Some((_, item)) = buffer.pop() {
            out.push(item);
        }
        while let Some((_, item)) = buffer.drain() {
            out.push(item);
        }
        out
    }

    #[test]
    fn what_is_ten_seconds_late_finds_its_place_and_what_is_later_is_counted() {
        let mut buffer = Reorder::new(Span::seconds(10), 100);
        buffer.push(Time(0), 0);
        buffer.push(Time(11), 2);
        buffer.push(Time(20 * 1_000_000_000), 3);
        assert_eq!(buffer.pop(), Some((Time(0), 0)));
        assert_eq!(buffer.pop(), Some((Time(11), 2)));
        assert_eq!(buffer.pop(), None);
        buffer.push(Time(10), 1);
        buffer.push(Time(11), 4);
        assert_eq!(buffer.late(), 1);
        assert_eq!(all(&mut buffer), [4, 3]);
    }

    #[test]
    fn a_full_buffer_lets_go_early() {
        let mut buffer = Reorder::new(Span::seconds(10), 2);
        for (at, item) in [(3, 3), (1, 1), (2, 2)] {
            buffer.push(Time(at), item);
        }
        assert_eq!(buffer.pop(), Some((Time(1), 1)));
        assert_eq!(buffer.pop(), None);
    }

    proptest! {
        #[test]
        fn times_come_out_sorted_and_equal_times_in_order_of_arrival(times in proptest::collection::vec(0i64..50, 0..200)) {
            let mut buffer = Reorder::new(Span::seconds(10), 1000);
            for (index, at) in times.iter().enumerate() {
                buffer.push(Time(*at), index as u32);
            }
            let mut expected: Vec<_> = (0..times.len() as u32).collect();
            expected.sort_by_key(|&index| times[index as usize]);
            prop_assert_eq!(all(&mut buffer), expected);
        }
    }
}
