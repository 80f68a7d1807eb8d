//! Glob patterns as KEYS, SCAN, CONFIG GET and PSUBSCRIBE match them.

pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    walk(pattern, text, |b| b)
}

pub(super) fn matches_nocase(pattern: &[u8], text: &[u8]) -> bool {
    walk(pattern, text, |b| b.to_ascii_lowercase())
}

/// Only the last star is ever tried again, so the work is at most pattern times text.
fn walk(mut pattern: &[u8], mut text: &[u8], fold: impl Fn(u8) -> u8 + Copy) -> bool {
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', rest @ ..] = pattern {
            star = Some((rest, text));
            pattern = rest;
            continue;
        }
        if let Some((&seen, later)) = text.split_first() {
            if let Some(left) = one(pattern, fold(seen), fold) {
                (pattern, text) = (left, later);
                continue;
            }
        } else if pattern.is_empty() {
            return true;
        }
        match &mut star {
            Some((after, from)) if !from.is_empty() => {
                *from = &from[1..];
                (pattern, text) = (*after, *from);
            }
            _ => return false,
        }
    }
}

/// What is left of the pattern when its first element matches the byte.
fn one(pattern: &[u8], seen: u8, fold: impl Fn(u8) -> u8) -> Option<&[u8]> {
    match pattern {
        [] => None,
        [b'?', rest @ ..] => Some(rest),
        [b'[', rest @ ..] => {
            let (matched, rest) = class(rest, seen, fold);
            matched.then_some(rest)
        }
        [b'\\', escaped, rest @ ..] => (fold(*escaped) == seen).then_some(rest),
        [only, rest @ ..] => (fold(*only) == seen).then_some(rest),
    }
}

/// After `[`: whether the byte is in the class, and what follows it. A class never closed ends with the pattern.
fn class(mut pattern: &[u8], seen: u8, fold: impl Fn(u8) -> u8) -> (bool, &[u8]) {
    let negated = pattern.first() == Some(&b'^');
    if negated {
        pattern = &pattern[1..];
    }
    let mut matched = false;
    loop {
        match pattern {
            [] => break,
            [b'\\', escaped, rest @ ..] => {
                matched |= fold(*escaped) == seen;
                pattern = rest;
            }
            [b']', rest @ ..] => {
                pattern = rest;
                break;
            }
            [from, b'-', to, rest @ ..] => {
                let (low, high) = (fold(*from).min(fold(*to)), fold(*from).max(fold(*to)));
                matched |= (low..=high).contains(&seen);
                pattern = rest;
            }
            [only, rest @ ..] => {
                matched |= fold(*only) == seen;
                pattern = rest;
            }
        }
    }
    (matched != negated, pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_in_keys() {
        let cases: [(&str, &str, bool); 11] = [
            ("*", "", true),
            ("h?llo", "hallo", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[a-c]llo", "hbllo", true),
            ("h\\*llo", "h*llo", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("[", "[", false),
            ("a[]", "ab", false),
            ("foo", "foobar", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn a_pattern_of_many_stars_ends_soon() {
        let text = [b"a".repeat(5000), b"b".to_vec()].concat();
        assert!(!matches(&b"a*".repeat(600)[..1199], &text[..5000 - 4500]));
        assert!(!matches(&[b"a*".repeat(600), b"c".to_vec()].concat(), &text));
    }
}
