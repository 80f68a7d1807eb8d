//! Answers, and how RESP2 and RESP3 write them.

pub(super) type Bytes = Vec<u8>;

/// What a command answers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reply {
    Status(&'static str),
    /// The line after `-`, code included.
    Error(Bytes),
    Int(i64),
    Bulk(Bytes),
    /// A simple string made at run time.
    Line(Bytes),
    Null,
    NullArray,
    Array(Vec<Reply>),
    /// Keys and values in turn.
    Map(Vec<Reply>),
    Set(Vec<Reply>),
    Push(Vec<Reply>),
    Double(f64),
    /// A number in the digits given.
    Decimal(String),
    Bool(bool),
    /// Plain text that RESP3 marks as such.
    Text(Bytes),
    /// Already answered, or nothing to say.
    Silent,
}

/// Why a command was refused: the line after `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault(pub(super) Bytes);

pub(super) type Answer = Result<Reply, Fault>;

pub(super) const OK: Reply = Reply::Status("OK");

// === impl Fault ===

impl Fault {
    /// With the general code.
    pub(super) fn err(text: impl AsRef<[u8]>) -> Self {
        Self([b"ERR ", text.as_ref()].concat())
    }

    /// With a code of its own.
    pub(super) fn coded(line: impl AsRef<[u8]>) -> Self {
        Self(line.as_ref().to_vec())
    }

    pub(super) fn syntax() -> Self {
        Self::err("syntax error")
    }

    pub(super) fn wrong_type() -> Self {
        Self::coded("WRONGTYPE Operation against a key holding the wrong kind of value")
    }

    pub(super) fn not_an_integer() -> Self {
        Self::err("value is not an integer or out of range")
    }

    /// `ERR`, `NOAUTH` ...
    pub(super) fn code(&self) -> &[u8] {
        self.0.split(|&b| b == b' ').next().unwrap_or_default()
    }
}

// === impl Reply ===

impl Reply {
    pub(super) fn bulk(text: impl AsRef<[u8]>) -> Self {
        Self::Bulk(text.as_ref().to_vec())
    }

    pub(super) fn bulks<T: AsRef<[u8]>>(items: impl IntoIterator<Item = T>) -> Vec<Self> {
        items.into_iter().map(Self::bulk).collect()
    }

    pub(super) fn int(n: usize) -> Self {
        Self::Int(n as i64)
    }

    pub(super) fn maybe(value: Option<impl AsRef<[u8]>>) -> Self {
        value.map_or(Self::Null, Self::bulk)
    }

    pub(super) fn write(&self, resp: u8, out: &mut Bytes) {
        let v3 = resp == 3;
        match self {
            Self::Status(text) => line(out, b'+', text.as_bytes()),
            Self::Line(text) => line(out, b'+', text),
            Self::Error(text) => line(out, b'-', &one_line(text)),
            Self::Int(n) => line(out, b':', n.to_string().as_bytes()),
            Self::Bulk(text) => bulk(out, text),
            Self::Null if v3 => out.extend_from_slice(b"_\r\n"),
            Self::Null => out.extend_from_slice(b"$-1\r\n"),
            Self::NullArray if v3 => out.extend_from_slice(b"_\r\n"),
            Self::NullArray => out.extend_from_slice(b"*-1\r\n"),
            Self::Array(items) => sequence(b'*', items.len(), items, resp, out),
            Self::Map(items) if v3 => sequence(b'%', items.len() / 2, items, resp, out),
            Self::Set(items) if v3 => sequence(b'~', items.len(), items, resp, out),
            Self::Push(items) if v3 => sequence(b'>', items.len(), items, resp, out),
            Self::Map(items) | Self::Set(items) | Self::Push(items) => sequence(b'*', items.len(), items, resp, out),
            Self::Double(n) if v3 => line(out, b',', super::number::seventeen(*n).as_bytes()),
            Self::Double(n) => bulk(out, super::number::seventeen(*n).as_bytes()),
            Self::Decimal(digits) if v3 => line(out, b',', digits.as_bytes()),
            Self::Decimal(digits) => bulk(out, digits.as_bytes()),
            Self::Bool(yes) if v3 => line(out, b'#', if *yes { b"t" } else { b"f" }),
            Self::Bool(yes) => line(out, b':', if *yes { b"1" } else { b"0" }),
            Self::Text(text) if v3 => {
                line(out, b'=', (text.len() + 4).to_string().as_bytes());
                out.extend_from_slice(b"txt:");
                out.extend_from_slice(text);
                out.extend_from_slice(b"\r\n");
            }
            Self::Text(text) => bulk(out, text),
            Self::Silent => {}
        }
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        answer.unwrap_or_else(|fault| Self::Error(fault.0))
    }
}

fn line(out: &mut Bytes, kind: u8, text: &[u8]) {
    out.push(kind);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

fn bulk(out: &mut Bytes, text: &[u8]) {
    line(out, b'$', text.len().to_string().as_bytes());
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

fn sequence(kind: u8, count: usize, items: &[Reply], resp: u8, out: &mut Bytes) {
    line(out, kind, count.to_string().as_bytes());
    for item in items {
        item.write(resp, out);
    }
}

/// An error is one line whatever was put in it.
fn one_line(text: &[u8]) -> Bytes {
    let end = text
        .iter()
        .rposition(|b| !matches!(b, b'\r' | b'\n'))
        .map_or(0, |at| at + 1);
    text[..end]
        .iter()
        .map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(reply: &Reply, resp: u8) -> String {
        let mut out = Vec::new();
        reply.write(resp, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_map_is_flat_in_resp2_and_a_map_in_resp3() {
        let map = Reply::Map(vec![Reply::bulk("a"), Reply::Double(0.1)]);
        assert_eq!(written(&map, 2), "*2\r\n$1\r\na\r\n$19\r\n0.10000000000000001\r\n");
        assert_eq!(written(&map, 3), "%1\r\n$1\r\na\r\n,0.10000000000000001\r\n");
    }

    #[test]
    fn an_error_never_holds_a_line_break() {
        let fault = Reply::from(Err(Fault::err("a\r\nb\r\n")));
        assert_eq!(written(&fault, 2), "-ERR a  b\r\n");
    }
}
