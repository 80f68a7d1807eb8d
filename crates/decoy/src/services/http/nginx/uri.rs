//! From the target of a request to the name it means: escapes, dots and slashes undone as nginx does.

/// The name and the query, or none when the target is refused.
pub(super) fn normalise(target: &[u8]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let mut uri = Vec::with_capacity(target.len() + 1);
    if target.first() != Some(&b'/') {
        uri.push(b'/');
    }
    let mut segment = Segment::Usual;
    let mut at = 0;
    while let Some(&byte) = target.get(at) {
        at += 1;
        match byte {
            b'?' | b'#' => {
                close(&mut uri, segment)?;
                let rest = &target[at..];
                let query = rest.split(|byte| *byte == b'#').next().unwrap_or_default();
                return Some((uri, (byte == b'?').then(|| query.to_vec())));
            }
            b'%' => {
                let escaped = hex(*target.get(at)?)? << 4 | hex(*target.get(at + 1)?)?;
                at += 2;
                match escaped {
                    0 => return None,
                    // These would mean something else if they were read again.
                    b'%' | b'#' | b'?' => {
                        uri.push(escaped);
                        segment = Segment::Usual;
                    }
                    _ => segment = step(&mut uri, segment, escaped)?,
                }
            }
            _ => segment = step(&mut uri, segment, byte)?,
        }
    }
    close(&mut uri, segment)?;
    Some((uri, None))
}

/// What the segment being read is so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Segment {
    Usual,
    Empty,
    Dot,
    DotDot,
}

fn step(uri: &mut Vec<u8>, segment: Segment, byte: u8) -> Option<Segment> {
    match (segment, byte) {
        (Segment::Usual, b'/') => {
            uri.push(b'/');
            return Some(Segment::Empty);
        }
        (_, b'/') => {
            close(uri, segment)?;
            return Some(Segment::Empty);
        }
        _ => uri.push(byte),
    }
    Some(match (segment, byte) {
        (Segment::Empty, b'.') => Segment::Dot,
        (Segment::Dot, b'.') => Segment::DotDot,
        _ => Segment::Usual,
    })
}

/// Ends a segment: `.` goes, `..` takes the one before with it, which there must be.
fn close(uri: &mut Vec<u8>, segment: Segment) -> Option<()> {
    match segment {
        Segment::Usual | Segment::Empty => {}
        Segment::Dot => {
            uri.pop();
        }
        Segment::DotDot => {
            let before = uri.len().checked_sub(4)?;
            let slash = uri[..=before].iter().rposition(|byte| *byte == b'/')?;
            uri.truncate(slash + 1);
        }
    }
    Some(())
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_slashes_and_escapes_are_undone_once() {
        for (target, name) in [
            ("/", "/"),
            ("/a/../b", "/b"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("//a///b", "/a/b"),
            ("/%61%2fb", "/a/b"),
            ("/%2e%2e%2fx", ""),
            ("/a/%2e%2E/b", "/b"),
            ("/...", "/..."),
            ("/..a", "/..a"),
            ("/%252e", "/%2e"),
            ("/..", ""),
            ("/a/../..", ""),
            ("/%", ""),
            ("/%4", ""),
            ("/%zz", ""),
            ("/%00", ""),
            ("?a", "/"),
        ] {
            let found = normalise(target.as_bytes()).map(|(name, _)| String::from_utf8(name).unwrap());
            assert_eq!(found.unwrap_or_default(), name, "{target}");
        }
    }

    #[test]
    fn the_query_ends_at_the_fragment() {
        assert_eq!(normalise(b"/a?b#c"), Some((b"/a".to_vec(), Some(b"b".to_vec()))));
        assert_eq!(normalise(b"/a#b?c"), Some((b"/a".to_vec(), None)));
        assert_eq!(normalise(b"/a?").unwrap().1.unwrap(), b"");
    }
}
