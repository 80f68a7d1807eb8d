//! The head of an HTTP/1 request, read leniently: names keep their case and order.

use super::Field;
use crate::Look;

/// A request's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    pub method: &'a [u8],
    pub target: &'a [u8],
    /// 10 or 11, as the request says.
    pub version: u8,
    /// In the order they were sent. A line without a colon is left out, one that goes on is not joined.
    pub fields: Vec<Field<&'a [u8]>>,
    /// Bytes up to the end of the empty line.
    pub end: usize,
}

/// A longer word is no method.
const MAX_METHOD: usize = 32;
const MAX_FIELDS: usize = 256;
const VERSION: &[u8] = b"HTTP/1.";

/// Looks for a request's head at the start of a stream.
pub fn head(stream: &[u8]) -> Look<Head<'_>> {
    let word = stream.iter().take(MAX_METHOD + 1).position(|&byte| !is_token(byte));
    match word {
        Some(0) => return Look::Other,
        Some(end) if stream[end] != b' ' => return Look::Other,
        Some(_) => {}
        None if stream.len() > MAX_METHOD => return Look::Other,
        None => return Look::More,
    }
    let mut lines = Lines(stream);
    let Some(first) = lines.next() else {
        return Look::More;
    };
    let mut words = first.splitn(2, |&byte| byte == b' ');
    let (method, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let Some((target, version)) = request(rest) else {
        return Look::Other;
    };
    let mut fields = Vec::new();
    loop {
        let Some(line) = lines.next() else {
            return Look::More;
        };
        if line.is_empty() {
            break;
        }
        if fields.len() < MAX_FIELDS && !line.starts_with(b" ") && !line.starts_with(b"\t") {
            fields.extend(field(line));
        }
    }
    Look::Found(Head {
        method,
        target,
        version,
        fields,
        end: stream.len() - lines.0.len(),
    })
}

/// Target and version; the target may hold blanks.
fn request(rest: &[u8]) -> Option<(&[u8], u8)> {
    let blank = rest.iter().rposition(|&byte| byte == b' ')?;
    let version = match rest[blank + 1..].strip_prefix(VERSION)? {
        b"0" => 10,
        b"1" => 11,
        _ => return None,
    };
    Some((&rest[..blank], version))
}

fn field(line: &[u8]) -> Option<Field<&[u8]>> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    Some(Field {
        name: line[..colon].trim_ascii_end(),
        value: line[colon + 1..].trim_ascii(),
    })
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What is left to be cut into lines that end in LF or CR LF.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|&byte| byte == b'\n')?;
        let line = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_case_and_order() {
        let stream = b"GET /a b HTTP/1.1\r\nHost: x\r\nuser-agent:curl\n nope\r\nodd\r\nAccept : */*\r\n\r\nbody";
        let found = head(stream).found().unwrap();
        let names: Vec<_> = found.fields.iter().map(|field| field.name).collect();
        assert_eq!(names, [&b"Host"[..], b"user-agent", b"Accept"]);
        assert_eq!(
            (found.method, found.target, found.version),
            (&b"GET"[..], &b"/a b"[..], 11)
        );
        assert_eq!(found.fields[2].value, b"*/*");
        assert_eq!(&stream[found.end..], b"body");
        for cut in 0..found.end {
            assert_eq!(head(&stream[..cut]), Look::More, "{cut}");
        }
    }

    #[test]
    fn what_is_no_request_is_told_as_soon_as_it_can_be() {
        for stream in [
            &b"\x16\x03\x01"[..],
            b"SSH-2.0-x\r\n",
            b"PRI * HTTP/2.0\r\n",
            b"GET /\r\n",
            &[b'A'; 40],
        ] {
            assert_eq!(head(stream), Look::Other, "{stream:?}");
        }
    }
}
