//! The request line as Apache reads it under `HttpProtocolOptions Strict`.

use super::url::{self, Url};

/// What the line says, as far as it can be made out; a line with a fault is answered 400.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub method: Vec<u8>,
    pub url: Url,
    /// `major * 10 + minor`; 9 for HTTP/0.9.
    pub version: u8,
    pub fault: bool,
}

const METHODS: [&[u8]; 27] = [
    b"GET",
    b"HEAD",
    b"PUT",
    b"POST",
    b"DELETE",
    b"CONNECT",
    b"OPTIONS",
    b"TRACE",
    b"PATCH",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"VERSION-CONTROL",
    b"CHECKOUT",
    b"UNCHECKOUT",
    b"CHECKIN",
    b"UPDATE",
    b"LABEL",
    b"REPORT",
    b"MKWORKSPACE",
    b"MKACTIVITY",
    b"BASELINE-CONTROL",
    b"MERGE",
];

pub(super) fn is_known(method: &[u8]) -> bool {
    METHODS.contains(&method)
}

/// `line` without its end.
pub(super) fn parse(line: &[u8]) -> Line {
    let mut fault = false;
    let start = skip(line, 0, &mut fault);
    let (method, rest) = word(start, is_token, &mut fault);
    let (mut target, mut protocol) = (&[][..], &[][..]);
    if let Some(rest) = rest {
        let rest = skip(rest, 1, &mut fault);
        let (found, rest) = word(rest, is_visible, &mut fault);
        target = found;
        protocol = rest.map_or(&[][..], |rest| skip(rest, 1, &mut fault));
    }
    fault |= method.is_empty() || target.is_empty();
    let mut version = 9;
    match protocol {
        [] => {}
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            major @ b'1'..=b'9',
            b'.',
            minor @ b'0'..=b'9',
        ] => {
            version = (major - b'0') * 10 + (minor - b'0');
        }
        _ => fault = true,
    }
    let url = url::parse(target, method == b"CONNECT");
    fault |= url.as_ref().is_none_or(|url| {
        let path = url.path.as_deref().unwrap_or(b"/");
        let usable = path.starts_with(b"/") || (method == b"OPTIONS" && path == b"*");
        !usable || url.has_fragment || url.has_user
    });
    fault |= version == 9 && method != b"GET";
    Line {
        method: method.to_vec(),
        url: url.unwrap_or_default(),
        // What is wrong is told in the words of HTTP/1.
        version: if fault { version.max(10) } else { version },
        fault,
    }
}

/// Goes over spaces: so many of them are no fault, and nothing but spaces is none.
fn skip<'a>(text: &'a [u8], usual: usize, fault: &mut bool) -> &'a [u8] {
    let n = text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len());
    *fault |= n > usual || text[..n].iter().any(|byte| *byte != b' ');
    &text[n..]
}

/// The next word and what follows it, when a space does.
fn word<'a>(text: &'a [u8], belongs: fn(u8) -> bool, fault: &mut bool) -> (&'a [u8], Option<&'a [u8]>) {
    let end = text.iter().position(|byte| is_space(*byte));
    let word = &text[..end.unwrap_or(text.len())];
    *fault |= !word.iter().all(|byte| belongs(*byte));
    (word, end.map(|end| &text[end..]))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// RFC 9110's `tchar`.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_visible(byte: u8) -> bool {
    byte > 0x20 && byte != 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_space_and_a_version_of_two_digits_will_do() {
        let good = [
            "GET / HTTP/1.1",
            "get /x HTTP/1.0",
            "OPTIONS * HTTP/1.1",
            "GET http://a/ HTTP/9.9",
            "GET /",
        ];
        for line in good {
            assert!(!parse(line.as_bytes()).fault, "{line}");
        }
        let bad = [
            "",
            "GET",
            "GET ",
            " GET / HTTP/1.1",
            "GET  / HTTP/1.1",
            "GET /  HTTP/1.1",
            "GET / HTTP/1.1 ",
            "GET / HTTP/1.10",
            "GET / http/1.1",
            "GET / HTTP/0.9",
            "G=T(/ HTTP/1.1",
            "GET\t/ HTTP/1.1",
            "GET x HTTP/1.1",
            "HEAD /",
            "GET /#a HTTP/1.1",
            "GET http://u@h/ HTTP/1.1",
            "GET /\x01 HTTP/1.1",
        ];
        for line in bad {
            assert!(parse(line.as_bytes()).fault, "{line}");
        }
    }
}
