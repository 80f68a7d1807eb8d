//! `Range` as each product reads it.

/// What a range header asks of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ranges {
    /// Not to be heeded.
    Whole,
    Unsatisfiable,
    /// From, and how much.
    Some(Vec<(u64, u64)>),
}

/// Apache's `MaxRanges`, and how many may overlap or go backwards.
const MAX_RANGES: usize = 200;
const MAX_ODD: usize = 20;

/// As nginx has it. `value` is the whole header.
pub(super) fn nginx(value: &[u8], size: u64) -> Ranges {
    let Some(specs) = in_bytes(value).filter(|specs| !specs.is_empty()) else {
        return Ranges::Whole;
    };
    let (mut found, mut sum) = (Vec::new(), 0_u64);
    for spec in specs.split(|byte| *byte == b',') {
        let Some((start, end)) = nginx_bounds(spec, size) else {
            return Ranges::Unsatisfiable;
        };
        if start < end {
            found.push((start, end - start));
            sum = sum.saturating_add(end - start);
        } else if start == 0 {
            return Ranges::Whole;
        }
    }
    match () {
        () if found.is_empty() => Ranges::Unsatisfiable,
        () if sum > size => Ranges::Whole,
        () => Ranges::Some(found),
    }
}

/// From there to before there; an end not behind its start is a range that holds nothing.
fn nginx_bounds(spec: &[u8], size: u64) -> Option<(u64, u64)> {
    let spec = trim(spec);
    let (first, last) = super::head::cut(spec, b'-')?;
    let first = trim_end(first);
    if first.is_empty() {
        // `- 5` is no range, `-5` is.
        let from_end = number(trim_end(last))?;
        return Some((size.saturating_sub(from_end), size));
    }
    let start = number(first)?;
    let last = trim(last);
    if last.is_empty() {
        return Some((start, size));
    }
    Some((start, number(last)?.saturating_add(1).min(size)))
}

/// As Apache has it. `value` is the whole header, `size` more than 0. Neighbours and overlaps become one.
pub(super) fn apache(value: &[u8], size: u64) -> Ranges {
    let Some(specs) = in_bytes(value) else {
        return Ranges::Whole;
    };
    let (mut found, mut current) = (Vec::new(), None);
    let (mut overlaps, mut reversals, mut beyond) = (0, 0, false);
    for spec in specs.split(|byte| *byte == b',') {
        if spec.is_empty() {
            break;
        }
        let Some((start, end)) = apache_bounds(spec, size) else {
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
    let found: Vec<(u64, u64)> = found.iter().map(|(first, last)| (*first, last - first + 1)).collect();
    let sum = found.iter().fold(0_u64, |sum, (_, len)| sum.saturating_add(*len));
    match () {
        () if found.is_empty() && beyond => Ranges::Unsatisfiable,
        () if found.is_empty() || sum > size => Ranges::Whole,
        () if found.len() > MAX_RANGES || overlaps > MAX_ODD || reversals > MAX_ODD => Ranges::Whole,
        () => Ranges::Some(found),
    }
}

/// First and last byte, the last perhaps past the end; none makes the whole header be ignored.
fn apache_bounds(spec: &[u8], size: u64) -> Option<(u64, u64)> {
    let (first, last) = super::head::cut(spec, b'-')?;
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

/// What stands behind `bytes=`.
fn in_bytes(value: &[u8]) -> Option<&[u8]> {
    let (unit, specs) = value.split_at_checked(6)?;
    unit.eq_ignore_ascii_case(b"bytes=").then_some(specs)
}

/// Digits alone, up to the largest signed number.
fn number(digits: &[u8]) -> Option<u64> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number: i64 = all.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()?;
    u64::try_from(number).ok()
}

fn trim(text: &[u8]) -> &[u8] {
    let from = text.iter().position(|byte| *byte != b' ').unwrap_or(text.len());
    trim_end(&text[from..])
}

fn trim_end(text: &[u8]) -> &[u8] {
    let to = text.iter().rposition(|byte| *byte != b' ').map_or(0, |at| at + 1);
    &text[..to]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(of: fn(&[u8], u64) -> Ranges, rows: &[(&str, Ranges)]) {
        for (value, wanted) in rows {
            assert_eq!(of(value.as_bytes(), 10), *wanted, "{value}");
        }
    }

    #[test]
    fn ranges_of_a_file_of_ten_bytes_as_nginx_has_them() {
        check(
            nginx,
            &[
                ("bytes=0-4", Ranges::Some(vec![(0, 5)])),
                ("BYTES= 2 - 3 ", Ranges::Some(vec![(2, 2)])),
                ("bytes=-3", Ranges::Some(vec![(7, 3)])),
                ("bytes=8-", Ranges::Some(vec![(8, 2)])),
                ("bytes=8-99", Ranges::Some(vec![(8, 2)])),
                ("bytes=0-1,4-5", Ranges::Some(vec![(0, 2), (4, 2)])),
                ("bytes=0-1,90-99", Ranges::Some(vec![(0, 2)])),
                ("bytes=0-,0-", Ranges::Whole),
                ("bytes=90-99", Ranges::Unsatisfiable),
                ("bytes=5-2", Ranges::Unsatisfiable),
                ("bytes=-0", Ranges::Unsatisfiable),
                ("bytes=x", Ranges::Unsatisfiable),
                ("bytes=0-18446744073709551615", Ranges::Unsatisfiable),
                ("bytes=", Ranges::Whole),
                ("lines=1-2", Ranges::Whole),
            ],
        );
    }

    #[test]
    fn ranges_of_a_file_of_ten_bytes_as_apache_has_them() {
        check(
            apache,
            &[
                ("bytes=0-4", Ranges::Some(vec![(0, 5)])),
                ("Bytes=-3", Ranges::Some(vec![(7, 3)])),
                ("bytes=8-99", Ranges::Some(vec![(8, 2)])),
                ("bytes=0-1,4-5", Ranges::Some(vec![(0, 2), (4, 2)])),
                ("bytes=0-5,2-8", Ranges::Some(vec![(0, 9)])),
                ("bytes=3-,0-,1-2", Ranges::Some(vec![(0, 10)])),
                ("bytes=0-1,90-99", Ranges::Some(vec![(0, 2)])),
                ("bytes=90-99", Ranges::Unsatisfiable),
                ("bytes=5-2", Ranges::Whole),
                ("bytes=-0", Ranges::Whole),
                ("bytes= 0-4", Ranges::Whole),
                ("bytes=0-18446744073709551615", Ranges::Whole),
                ("bytes=", Ranges::Whole),
                ("lines=1-2", Ranges::Whole),
            ],
        );
    }
}
