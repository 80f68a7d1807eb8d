//! One form for every way to write a request target, and whether it climbs out of its folder (detect.md §8).

use super::decode::Decoded;

/// A request target, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Decoded, slashes single and forward, parameters dropped, lower case. Always begins with `/`.
    pub path: String,
    /// As written.
    pub query: String,
    pub traversal: Option<Traversal>,
}

/// A target climbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traversal {
    /// What climbs was written in escapes.
    pub encoded: bool,
}

// === impl Target ===

impl Target {
    pub fn read(target: &str) -> Self {
        let target = without_origin(target);
        let target = target.split('#').next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query_climbs = || query_traversal(query);
        if is_plain(path) {
            let path = if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/{path}")
            };
            return Self {
                path,
                query: query.to_owned(),
                traversal: query_climbs(),
            };
        }
        let decoded = Decoded::of(path.as_bytes());
        let segments = segments(&decoded);
        let climbs = path_traversal(&decoded, &segments).or_else(query_climbs);
        Self {
            path: join(&segments),
            query: query.to_owned(),
            traversal: climbs,
        }
    }
}

/// A part of a path between slashes.
struct Segment<'a> {
    name: &'a [u8],
    /// Any of it, or a slash beside it, was written in escapes.
    escaped: bool,
    followed: bool,
}

/// `scheme://host` of an absolute target.
fn without_origin(target: &str) -> &str {
    let Some((scheme, rest)) = target.split_once("://") else {
        return target;
    };
    if scheme.is_empty()
        || !scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    {
        return target;
    }
    rest.find(['/', '?']).map_or("/", |at| &rest[at..])
}

/// Nothing in it needs work: the usual case, without allocation but for the copy.
fn is_plain(path: &str) -> bool {
    let mut last = b' ';
    path.bytes().all(|byte| {
        let fine = match byte {
            b'/' => last != b'/' && last != b'.',
            b'.' => last != b'.' && last != b'/',
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'@' | b':' | b',' | b'+' | b'=' | b'!' | b'$' => true,
            _ => false,
        };
        last = byte;
        fine
    }) && last != b'.'
}

fn is_separator(byte: u8) -> bool {
    byte == b'/' || byte == b'\\'
}

fn segments(decoded: &Decoded) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    let bytes = &decoded.bytes;
    let mut from = 0;
    loop {
        let to = bytes[from..]
            .iter()
            .position(|&byte| is_separator(byte))
            .map_or(bytes.len(), |length| from + length);
        let around = from.saturating_sub(1)..(to + 1).min(bytes.len());
        segments.push(Segment {
            name: trimmed(&bytes[from..to]),
            escaped: decoded.escaped[around].contains(&true),
            followed: to < bytes.len(),
        });
        if to == bytes.len() {
            return segments;
        }
        from = to + 1;
    }
}

/// Up to a NUL or a `;`, without blanks and control bytes at the end.
fn trimmed(name: &[u8]) -> &[u8] {
    let end = name
        .iter()
        .position(|&byte| byte == 0 || byte == b';')
        .unwrap_or(name.len());
    let name = &name[..end];
    let kept = name
        .iter()
        .rposition(|&byte| byte > b' ' && byte != 0x7f)
        .map_or(0, |last| last + 1);
    &name[..kept]
}

fn join(segments: &[Segment<'_>]) -> String {
    let mut path = Vec::new();
    let named = segments
        .iter()
        .filter(|segment| !segment.name.is_empty() && segment.name != b".");
    for segment in named {
        path.push(b'/');
        path.extend(segment.name.to_ascii_lowercase());
    }
    if path.is_empty() || segments.last().is_some_and(|last| last.name.is_empty()) {
        path.push(b'/');
    }
    String::from_utf8_lossy(&path).into_owned()
}

fn path_traversal(decoded: &Decoded, segments: &[Segment<'_>]) -> Option<Traversal> {
    let climbing = segments.iter().filter(|segment| climbs(segment));
    let encoded = climbing.map(|segment| segment.escaped).reduce(|a, b| a || b);
    let encoded = encoded.or_else(|| survives_stripping(&decoded.bytes).then(|| decoded.escaped.contains(&true)));
    encoded.map(|encoded| Traversal { encoded })
}

fn climbs(segment: &Segment<'_>) -> bool {
    segment.name == b".." || (segment.name == b"...." && segment.followed)
}

/// A filter that takes out `../` once leaves a way up.
fn survives_stripping(bytes: &[u8]) -> bool {
    let mut stripped = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match &bytes[at..] {
            [b'.', b'.', separator, ..] if is_separator(*separator) => at += 3,
            [byte, ..] => {
                stripped.push(*byte);
                at += 1;
            }
            [] => break,
        }
    }
    stripped.len() < bytes.len() && stripped.split(|&byte| is_separator(byte)).any(|name| name == b"..")
}

/// A value of the query holds `..` beside a slash.
fn query_traversal(query: &str) -> Option<Traversal> {
    if query.is_empty() {
        return None;
    }
    let values = query
        .split('&')
        .map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value));
    values.filter_map(value_traversal).reduce(|a, b| Traversal {
        encoded: a.encoded || b.encoded,
    })
}

fn value_traversal(value: &str) -> Option<Traversal> {
    if !value.contains('.') && !value.contains('%') && value.is_ascii() {
        return None;
    }
    let decoded = Decoded::of(value.as_bytes());
    if !decoded.bytes.iter().any(|&byte| is_separator(byte)) {
        return None;
    }
    path_traversal(&decoded, &segments(&decoded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_way_to_write_a_path_becomes_one() {
        for (target, path) in [
            ("/admin", "/admin"),
            ("/ADMIN", "/admin"),
            ("//admin", "/admin"),
            ("/%61dmin", "/admin"),
            ("/%2561dmin", "/admin"),
            ("/%25252561dmin", "/admin"),
            ("/%u0061dmin", "/admin"),
            ("\\admin", "/admin"),
            ("/admin;jsessionid=1", "/admin"),
            ("/admin%00.png", "/admin"),
            ("/admin%20/users", "/admin/users"),
            ("/./admin", "/admin"),
            ("http://host/admin?x=1", "/admin"),
            ("/admin#part", "/admin"),
            ("/admin/", "/admin/"),
            ("", "/"),
            ("http://host", "/"),
        ] {
            assert_eq!(Target::read(target).path, path, "{target}");
        }
        assert_eq!(Target::read("/a?b=c?d").query, "b=c?d");
    }

    #[test]
    fn climbing_is_seen_however_it_is_written() {
        for (target, encoded) in [
            ("/../etc/passwd", false),
            ("/a/..", false),
            ("/a/../b", false),
            ("/a\\..\\b", false),
            ("/..;/manager", false),
            ("/....//etc", false),
            ("/..././etc", false),
            ("/?file=../../etc/passwd", false),
            ("/?file=a/..", false),
            ("/%2e%2e/etc", true),
            ("/..%2fetc", true),
            ("/%252e%252e%252fetc", true),
            ("/%c0%ae%c0%ae/etc", true),
            ("/..%c0%afetc", true),
            ("/..%c1%9cwindows", true),
            ("/%e0%80%ae%e0%80%ae/etc", true),
            ("/%u002e%u002e/etc", true),
            ("/?file=..%2f..%2fetc%2fpasswd", true),
            ("/?a=1&file=%2e%2e/", true),
            ("/..%00/etc", true),
        ] {
            assert_eq!(Target::read(target).traversal, Some(Traversal { encoded }), "{target}");
        }
    }

    #[test]
    fn dots_that_climb_nowhere_are_left_alone() {
        for target in [
            "/v1..2/x",
            "/a..png",
            "/.../x",
            "/./x",
            "/%2e/x",
            "/x?range=1..5",
            "/x?file=..",
            "/2e2e/2f",
            "/2e2e2f",
            "/a..",
            "/..a/",
            "/....",
            "/%E2%BC%AF%E2%BA%AE/x",
            "/%u2e2f%u2e2e/x",
            "/100%/x",
            "/%zz..%zz/x",
            "/x?q=.../y",
            "/x?q=%25..%25",
        ] {
            assert_eq!(Target::read(target).traversal, None, "{target}");
        }
    }

    proptest! {
        #[test]
        fn any_target_can_be_read(target in "[a./\\\\%2ecCuU0;?&=# -]{0,40}|\\PC{0,40}") {
            prop_assert!(Target::read(&target).path.starts_with('/'));
        }
    }
}
