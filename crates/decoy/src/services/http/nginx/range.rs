//! `Range` as nginx reads it.

/// What a range header asks of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ranges {
    /// Not to be heeded.
    Whole,
    Unsatisfiable,
    /// From, and how much.
    Some(Vec<(u64, u64)>),
}

/// `value` is the whole header.
pub(super) fn parse(value: &[u8], size: u64) -> Ranges {
    if value.len() < 7 || !value[..6].eq_ignore_ascii_case(b"bytes=") {
        return Ranges::Whole;
    }
    let (mut found, mut sum) = (Vec::new(), 0_u64);
    for spec in value[6..].split(|byte| *byte == b',') {
        let Some((start, end)) = bounds(spec, size) else {
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
fn bounds(spec: &[u8], size: u64) -> Option<(u64, u64)> {
    let spec = trim(spec);
    let dash = spec.iter().position(|byte| *byte == b'-')?;
    let (first, last) = (trim_end(&spec[..dash]), &spec[dash + 1..]);
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

fn number(digits: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok()?;
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = all.then(|| digits.parse().ok()).flatten()?;
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

    #[test]
    fn ranges_of_a_file_of_ten_bytes() {
        for (value, wanted) in [
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
        ] {
            assert_eq!(parse(value.as_bytes(), 10), wanted, "{value}");
        }
    }
}
