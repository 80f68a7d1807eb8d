//! The head of a request as its sender wrote it, read leniently: for the record, whatever the product made of it.

/// Places in the raw head; nothing is changed, joined or put in another order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::services) struct Head<'a> {
    pub method: &'a [u8],
    pub target: &'a [u8],
    /// `HTTP/1.1`; empty when none was said.
    pub version: &'a [u8],
    pub headers: Vec<(&'a [u8], &'a [u8])>,
}

/// More headers than this are not listed; the raw head has them.
const MAX_HEADERS: usize = 200;

// === impl Head ===

impl<'a> Head<'a> {
    /// None when the first line does not look like a request at all.
    pub(in crate::services) fn parse(raw: &'a [u8]) -> Option<Self> {
        let mut lines = raw
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = lines.by_ref().find(|line| !line.is_empty())?;
        let (method, rest) = cut(first.trim_ascii_start(), b' ')?;
        let is_word = !method.is_empty() && method.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-');
        let rest = rest.trim_ascii();
        let (target, version) = match rest.iter().rposition(|byte| *byte == b' ') {
            Some(at) if rest[at + 1..].to_ascii_uppercase().starts_with(b"HTTP") => {
                (rest[..at].trim_ascii_end(), &rest[at + 1..])
            }
            _ => (rest, &[][..]),
        };
        let says_http = !version.is_empty() || target.starts_with(b"/");
        if !is_word || target.is_empty() || !says_http {
            return None;
        }
        let headers = lines
            .take_while(|line| !line.is_empty())
            .filter_map(|line| cut(line, b':'))
            .map(|(name, value)| (name, value.trim_ascii()))
            .take(MAX_HEADERS)
            .collect();
        Some(Self {
            method,
            target,
            version,
            headers,
        })
    }

    /// The first header of that name.
    pub(in crate::services) fn header(&self, name: &str) -> Option<&'a [u8]> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| *value)
    }
}

/// What stands before and after the first such byte.
pub(super) fn cut(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = text.iter().position(|byte| *byte == at)?;
    Some((&text[..place], &text[place + 1..]))
}

/// Text as it is when it is UTF-8, else each byte as the character of its number.
pub(in crate::services) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| *byte as char).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_their_order_case_and_repetition() {
        let head = Head::parse(b"get /a b HTTP/1.1\r\nhOST: x\r\nA:1\r\nA: 2\r\nnonsense\r\n\r\nbody: x").unwrap();
        assert_eq!(
            (head.method, head.target, head.version),
            (&b"get"[..], &b"/a b"[..], &b"HTTP/1.1"[..])
        );
        assert_eq!(head.headers, [(&b"hOST"[..], &b"x"[..]), (b"A", b"1"), (b"A", b"2")]);
    }

    #[test]
    fn a_line_of_another_protocol_is_no_request() {
        for raw in [
            "",
            "\r\n\r\n",
            "QUIT\r\n",
            "SSH-2.0-OpenSSH_9.2p1 Debian\r\n",
            "EHLO x\r\n",
            "\x16\x03\x01 /",
        ] {
            assert_eq!(Head::parse(raw.as_bytes()), None, "{raw}");
        }
        assert!(Head::parse(b"GET /\r\n").is_some());
        assert!(Head::parse(b"PRI * HTTP/2.0").is_some());
    }
}
