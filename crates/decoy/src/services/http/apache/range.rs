//! `Range` as Apache reads it.

/// `MaxRanges`, and how many may overlap or go backwards.
const MAX_RANGES: usize = 200;
const MAX_ODD: usize = 20;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ranges {
    Whole,
    Unsatisfiable,
    /// First and last byte of each.
    Some(Vec<(u64, u64)>),
}

/// `value` is the whole header, `size` more than 0. Neighbours and overlaps become one.
pub(super) fn parse(value: &[u8], size: u64) -> Ranges {
    if value.len() < 6 || !value[..6].eq_ignore_ascii_case(b"bytes=") {
        return Ranges::Whole;
    }
    let (mut found, mut current) = (Vec::new(), None);
    let (mut overlaps, mut reversals, mut beyond) = (0, 0, false);
    for spec in value[6..].split(|byte| *byte == b',') {
        if spec.is_empty() {
            break;
        }
        let Some((start, end)) = bounds(spec, size) else {
            return Ranges::Whole;
        };
        if spec == b"0-" {
            (found, current) = (Vec::new(), Some((0, size - 1)));
            break;
        }
        if start >= size {
            beyond = true;
            continue;
        }
        let end = end.min(size - 1);
        current = Some(match current {
            Some((first, last)) if start <= last + 1 && end + 1 >= first => {
                reversals += usize::from(start < first);
                overlaps += 1;
                (start.min(first), end.max(last))
            }
            done => {
                found.extend(done);
                (start, end)
            }
        });
    }
    found.extend(current);
    let sum: u64 = found.iter().map(|(start, end)| end - start + 1).sum();
    match () {
        () if found.is_empty() && beyond => Ranges::Unsatisfiable,
        () if found.is_empty() || sum > size => Ranges::Whole,
        () if found.len() > MAX_RANGES || overlaps > MAX_ODD || reversals > MAX_ODD => Ranges::Whole,
        () => Ranges::Some(found),
    }
}

/// First and last byte, the last perhaps past the end; none makes the whole header be ignored.
fn bounds(spec: &[u8], size: u64) -> Option<(u64, u64)> {
    let dash = spec.iter().position(|byte| *byte == b'-')?;
    let (first, last) = (&spec[..dash], &spec[dash + 1..]);
    if first.is_empty() {
        let from_end = number(last).filter(|n| *n > 0)?;
        return Some((size.saturating_sub(from_end), size - 1));
    }
    let start = number(first)?;
    if last.is_empty() {
        return Some((start, size - 1));
    }
    number(last).filter(|end| *end >= start).map(|end| (start, end))
}

fn number(digits: &[u8]) -> Option<u64> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number: i64 = all.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()?;
    u64::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_a_file_of_ten_bytes() {
        for (value, wanted) in [
            ("bytes=0-4", Ranges::Some(vec![(0, 4)])),
            ("Bytes=-3", Ranges::Some(vec![(7, 9)])),
            ("bytes=8-99", Ranges::Some(vec![(8, 9)])),
            ("bytes=0-1,4-5", Ranges::Some(vec![(0, 1), (4, 5)])),
            ("bytes=0-5,2-8", Ranges::Some(vec![(0, 8)])),
            ("bytes=3-,0-,1-2", Ranges::Some(vec![(0, 9)])),
            ("bytes=0-1,90-99", Ranges::Some(vec![(0, 1)])),
            ("bytes=90-99", Ranges::Unsatisfiable),
            ("bytes=5-2", Ranges::Whole),
            ("bytes=-0", Ranges::Whole),
            ("bytes= 0-4", Ranges::Whole),
            ("bytes=0-18446744073709551615", Ranges::Whole),
            ("bytes=", Ranges::Whole),
            ("lines=1-2", Ranges::Whole),
        ] {
            assert_eq!(parse(value.as_bytes(), 10), wanted, "{value}");
        }
    }
}
