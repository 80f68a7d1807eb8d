//! Ranges of addresses that may lie in one another, and the innermost of them around an address.

/// `T` is `u32` for IPv4 and `u128` for IPv6.
#[derive(Clone, Debug)]
pub(crate) struct Ranges<T> {
    /// By start, the wider first.
    sorted: Vec<Range<T>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range<T> {
    pub(crate) start: T,
    /// The last that belongs to it.
    pub(crate) end: T,
    pub(crate) value: u32,
    /// The next one to look at that starts earlier; itself where there is none.
    outer: u32,
}

// === impl Ranges ===

impl<T: Copy + Ord> Ranges<T> {
    /// Of two with the same bounds the later counts. Ranges that end before they start are for the caller to leave out.
    pub(crate) fn new(ranges: Vec<(T, T, u32)>) -> Self {
        let range = |(start, end, value)| Range {
            start,
            end,
            value,
            outer: 0,
        };
        let mut sorted: Vec<Range<T>> = ranges.into_iter().rev().map(range).collect();
        sorted.sort_by(|a, b| a.start.cmp(&b.start).then(b.end.cmp(&a.end)));
        sorted.dedup_by(|later, earlier| (later.start, later.end) == (earlier.start, earlier.end));
        let mut open: Vec<u32> = Vec::new();
        for n in 0..sorted.len() {
            let start = sorted[n].start;
            while open.last().is_some_and(|&last| sorted[last as usize].end < start) {
                open.pop();
            }
            sorted[n].outer = open.last().copied().unwrap_or(n as u32);
            open.push(n as u32);
        }
        Self { sorted }
    }

    pub(crate) fn around(&self, address: T) -> Option<&Range<T>> {
        let after = self.sorted.partition_point(|range| range.start <= address);
        let mut n = after.checked_sub(1)?;
        loop {
            let range = &self.sorted[n];
            if range.end >= address {
                return Some(range);
            }
            match range.outer as usize {
                outer if outer == n => return None,
                outer => n = outer,
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }
}

impl<T> Default for Ranges<T> {
    fn default() -> Self {
        Self { sorted: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_equal_ranges_the_later_counts_and_of_nested_ones_the_inner() {
        let ranges = Ranges::new(vec![(0, 99, 1), (10, 19, 2), (10, 19, 3), (10, 12, 4)]);
        let value = |at| ranges.around(at).map(|range| range.value);
        assert_eq!(
            [0u32, 11, 13, 20, 99, 100].map(value),
            [Some(1), Some(4), Some(3), Some(1), Some(1), None]
        );
        assert_eq!(ranges.len(), 3);
    }

    proptest! {
        #[test]
        fn whatever_lies_around_an_address_is_found(
            pairs in proptest::collection::vec((0u32..40, 0u32..40), 0..20),
            at in 0u32..42,
        ) {
            let given: Vec<_> = pairs
                .into_iter()
                .enumerate()
                .map(|(n, (a, b))| (a.min(b), a.max(b), n as u32))
                .collect();
            let around = given.iter().filter(|(start, end, _)| (*start..=*end).contains(&at));
            // Nothing around the address starts later than what is found.
            let latest = around.clone().map(|(start, ..)| *start).max();
            let ranges = Ranges::new(given.clone());
            let found = ranges.around(at);
            prop_assert_eq!(found.map(|range| range.start), latest);
            if let Some(found) = found {
                prop_assert!(found.end >= at);
                let narrowest = around.filter(|(start, ..)| *start == found.start).map(|(_, end, _)| *end).min();
                prop_assert_eq!(Some(found.end), narrowest);
            }
        }
    }
}
