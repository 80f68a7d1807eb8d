//! Targets of requests as the Apache runtime takes them apart, and paths as the server puts them together again.

#[derive(Debug, Default)]
pub(super) struct Url {
    pub scheme: Option<Vec<u8>>,
    /// Without the brackets of a literal address.
    pub host: Option<Vec<u8>>,
    pub port: Option<u16>,
    pub path: Option<Vec<u8>>,
    pub query: Option<Vec<u8>>,
    pub has_fragment: bool,
    pub has_user: bool,
}

/// `only_host` for CONNECT.
pub(super) fn parse(target: &[u8], only_host: bool) -> Option<Url> {
    let mut rest = target;
    while rest.starts_with(b"//") {
        rest = &rest[1..];
    }
    let mut url = Url::default();
    if only_host {
        let (host, port) = host_and_port(rest)?;
        (url.host, url.port) = (Some(host), Some(port?));
        return Some(url);
    }
    let scheme = rest.iter().position(|byte| b":/?#".contains(byte));
    if let Some(at) = scheme.filter(|at| *at > 0 && rest[*at..].starts_with(b"://")) {
        url.scheme = Some(rest[..at].to_vec());
        rest = &rest[at + 3..];
        let end = find(rest, b"/?#");
        let mut authority = &rest[..end];
        if let Some(at) = authority.iter().rposition(|byte| *byte == b'@') {
            url.has_user = true;
            authority = &authority[at + 1..];
        }
        let (host, port) = host_and_port(authority)?;
        (url.host, url.port) = (Some(host), port);
        rest = &rest[end..];
    }
    let end = find(rest, b"?#");
    url.path = (end > 0).then(|| rest[..end].to_vec());
    rest = &rest[end..];
    if let Some(after) = rest.strip_prefix(b"?") {
        let end = find(after, b"#");
        url.query = Some(after[..end].to_vec());
        rest = &after[end..];
    }
    url.has_fragment = !rest.is_empty();
    Some(url)
}

/// Where the first of those bytes stands, or the end.
fn find(text: &[u8], any: &[u8]) -> usize {
    text.iter().position(|byte| any.contains(byte)).unwrap_or(text.len())
}

/// None when the port is no number; nothing after the colon is no port.
pub(super) fn host_and_port(authority: &[u8]) -> Option<(Vec<u8>, Option<u16>)> {
    let (host, after) = match authority.strip_prefix(b"[") {
        Some(literal) => {
            let end = literal.iter().position(|byte| *byte == b']')?;
            (&literal[..end], &literal[end + 1..])
        }
        None => authority.split_at(find(authority, b":")),
    };
    let port = match after {
        [] | [b':'] => None,
        [b':', digits @ ..] => Some(std::str::from_utf8(digits).ok()?.parse().ok()?),
        _ => return None,
    };
    Some((host.to_vec(), port))
}

/// The path with its escapes undone, its dots and double slashes gone, or the status it is refused with.
pub(super) fn normalise(path: &[u8]) -> Result<Vec<u8>, u16> {
    unescape(&merge(&plain(path)?)?)
}

/// Undoes only the escapes of letters, digits and the like.
fn plain(path: &[u8]) -> Result<Vec<u8>, u16> {
    let mut plain = Vec::with_capacity(path.len());
    let mut at = 0;
    while let Some(&byte) = path.get(at) {
        at += 1;
        let escaped = if byte == b'%' {
            Some(escape_at(path, at).ok_or(400_u16)?)
        } else {
            None
        };
        match escaped.filter(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(byte)) {
            Some(escaped) => {
                plain.push(escaped);
                at += 2;
            }
            None => plain.push(byte),
        }
    }
    Ok(plain)
}

/// Takes out `.`, `..` and what it goes up from, which there must be, and double slashes.
fn merge(path: &[u8]) -> Result<Vec<u8>, u16> {
    let mut merged = b"/".to_vec();
    let mut segments = path.split(|byte| *byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            b"" | b"." => {}
            b".." => {
                if merged.len() == 1 {
                    return Err(400);
                }
                merged.pop();
                let slash = merged.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                merged.truncate(slash + 1);
            }
            _ => {
                merged.extend_from_slice(segment);
                if segments.peek().is_some() {
                    merged.push(b'/');
                }
            }
        }
    }
    Ok(merged)
}

/// Undoes the rest; a slash or a NUL in disguise is found nowhere.
fn unescape(path: &[u8]) -> Result<Vec<u8>, u16> {
    let mut plain = Vec::with_capacity(path.len());
    let mut at = 0;
    while let Some(&byte) = path.get(at) {
        at += 1;
        if byte != b'%' {
            plain.push(byte);
            continue;
        }
        match escape_at(path, at).ok_or(400_u16)? {
            0 | b'/' => return Err(404),
            escaped => plain.push(escaped),
        }
        at += 2;
    }
    Ok(plain)
}

fn escape_at(path: &[u8], at: usize) -> Option<u8> {
    let digit = |at: usize| Some((*path.get(at)? as char).to_digit(16)? as u8);
    Some(digit(at)? << 4 | digit(at + 1)?)
}

/// A path as it stands in a header or a link.
pub(super) fn escape(path: &[u8]) -> String {
    let mut escaped = String::with_capacity(path.len());
    for &byte in path {
        if byte.is_ascii_alphanumeric() || b"$-_.+!*'(),:@&=/~".contains(&byte) {
            escaped.push(byte as char);
        } else {
            escaped.push_str(&format!("%{byte:02x}"));
        }
    }
    escaped
}

/// Text in a page.
pub(super) fn html(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            b'<' => escaped.extend_from_slice(b"&lt;"),
            b'>' => escaped.extend_from_slice(b"&gt;"),
            b'&' => escaped.extend_from_slice(b"&amp;"),
            b'"' => escaped.extend_from_slice(b"&quot;"),
            _ => escaped.push(byte),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_before_files_are_looked_for() {
        for (path, wanted) in [
            ("/", Ok("/")),
            ("/a/../b", Ok("/b")),
            ("/a/..", Ok("/")),
            ("/a/.", Ok("/a/")),
            ("//a///b//", Ok("/a/b/")),
            ("/%61%20b", Ok("/a b")),
            ("/...", Ok("/...")),
            ("/%252e", Ok("/%2e")),
            ("/%2e%2e/x", Err(400)),
            ("/..", Err(400)),
            ("/a/../..", Err(400)),
            ("/%", Err(400)),
            ("/%zz", Err(400)),
            ("/a%2fb", Err(404)),
            ("/a%00", Err(404)),
        ] {
            let found = normalise(path.as_bytes()).map(|path| String::from_utf8(path).unwrap());
            assert_eq!(found, wanted.map(str::to_owned), "{path}");
        }
    }
}
