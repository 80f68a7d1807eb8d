//! Documents read from and written as bytes.

use super::{Bson, Doc, MOST_BYTES};

/// Levels one document may have.
const MOST_LEVELS: usize = 100;

pub(super) fn write_doc<'a>(out: &mut Vec<u8>, fields: impl Iterator<Item = (&'a str, &'a Bson)>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    for (name, value) in fields {
        out.push(value.kind());
        write_cstring(out, name);
        value.write(out);
    }
    out.push(0);
    let length = (out.len() - start) as i32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// A text that ends at its first NUL.
fn write_cstring(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().take_while(|byte| *byte != 0));
    out.push(0);
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as i32 + 1).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

fn take<'a>(input: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = input.split_at_checked(count)?;
    *input = rest;
    Some(taken)
}

fn array<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    take(input, N)?.try_into().ok()
}

fn int(input: &mut &[u8]) -> Option<i32> {
    array(input).map(i32::from_le_bytes)
}

pub(in crate::services::mongodb) fn cstring(input: &mut &[u8]) -> Option<String> {
    let end = input.iter().position(|byte| *byte == 0)?;
    let text = take(input, end)?;
    take(input, 1)?;
    Some(String::from_utf8_lossy(text).into_owned())
}

fn text(input: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(int(input)?).ok().filter(|length| *length > 0)?;
    let (text, end) = take(input, length)?.split_at(length - 1);
    (end == [0]).then(|| String::from_utf8_lossy(text).into_owned())
}

pub(super) fn read_doc(input: &mut &[u8], level: usize) -> Option<Doc> {
    let mut fields = Vec::new();
    let length = usize::try_from(i32::from_le_bytes(input.get(..4)?.try_into().ok()?)).ok()?;
    if level > MOST_LEVELS || !(5..=MOST_BYTES).contains(&length) {
        return None;
    }
    let mut body = take(input, length)?;
    take(&mut body, 4)?;
    loop {
        let kind = take(&mut body, 1)?[0];
        if kind == 0 {
            return body.is_empty().then_some(Doc(fields));
        }
        let name = cstring(&mut body)?;
        fields.push((name, read_value(&mut body, kind, level)?));
    }
}

fn read_value(input: &mut &[u8], kind: u8, level: usize) -> Option<Bson> {
    Some(match kind {
        1 => Bson::Double(f64::from_le_bytes(array(input)?)),
        2 => Bson::Text(text(input)?),
        3 => Bson::Doc(read_doc(input, level + 1)?),
        4 => Bson::List(
            read_doc(input, level + 1)?
                .0
                .into_iter()
                .map(|(_, value)| value)
                .collect(),
        ),
        5 => {
            let length = usize::try_from(int(input)?).ok()?;
            let subtype = take(input, 1)?[0];
            Bson::Binary(subtype, take(input, length)?.to_vec())
        }
        6 => Bson::Undefined,
        7 => Bson::Id(array(input)?),
        8 => match take(input, 1)? {
            [0] => Bson::Bool(false),
            [1] => Bson::Bool(true),
            _ => return None,
        },
        9 => Bson::Date(i64::from_le_bytes(array(input)?)),
        10 => Bson::Null,
        11 => Bson::Regex(cstring(input)?, cstring(input)?),
        12 => Bson::Pointer(text(input)?, array(input)?),
        13 => Bson::Code(text(input)?),
        14 => Bson::Symbol(text(input)?),
        15 => {
            int(input)?;
            Bson::Scoped(text(input)?, read_doc(input, level + 1)?)
        }
        16 => Bson::Int(int(input)?),
        17 => Bson::Timestamp(u64::from_le_bytes(array(input)?)),
        18 => Bson::Long(i64::from_le_bytes(array(input)?)),
        19 => Bson::Decimal(array(input)?),
        127 => Bson::Max,
        255 => Bson::Min,
        _ => return None,
    })
}

// === impl Bson ===

impl Bson {
    fn kind(&self) -> u8 {
        match self {
            Self::Double(_) => 1,
            Self::Text(_) => 2,
            Self::Doc(_) => 3,
            Self::List(_) => 4,
            Self::Binary(..) => 5,
            Self::Undefined => 6,
            Self::Id(_) => 7,
            Self::Bool(_) => 8,
            Self::Date(_) => 9,
            Self::Null => 10,
            Self::Regex(..) => 11,
            Self::Pointer(..) => 12,
            Self::Code(_) => 13,
            Self::Symbol(_) => 14,
            Self::Scoped(..) => 15,
            Self::Int(_) => 16,
            Self::Timestamp(_) => 17,
            Self::Long(_) => 18,
            Self::Decimal(_) => 19,
            Self::Max => 127,
            Self::Min => 255,
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Double(number) => out.extend_from_slice(&number.to_le_bytes()),
            Self::Text(text) | Self::Code(text) | Self::Symbol(text) => write_text(out, text),
            Self::Doc(doc) => doc.write(out),
            Self::List(values) => {
                let names: Vec<String> = (0..values.len()).map(|n| n.to_string()).collect();
                write_doc(out, names.iter().map(String::as_str).zip(values));
            }
            Self::Binary(subtype, bytes) => {
                out.extend_from_slice(&(bytes.len() as i32).to_le_bytes());
                out.push(*subtype);
                out.extend_from_slice(bytes);
            }
            Self::Undefined | Self::Null | Self::Min | Self::Max => {}
            Self::Id(id) => out.extend_from_slice(id),
            Self::Bool(truth) => out.push(u8::from(*truth)),
            Self::Date(at) | Self::Long(at) => out.extend_from_slice(&at.to_le_bytes()),
            Self::Regex(pattern, options) => {
                write_cstring(out, pattern);
                write_cstring(out, options);
            }
            Self::Pointer(name, id) => {
                write_text(out, name);
                out.extend_from_slice(id);
            }
            Self::Scoped(code, scope) => {
                let start = out.len();
                out.extend_from_slice(&[0; 4]);
                write_text(out, code);
                scope.write(out);
                let length = (out.len() - start) as i32;
                out[start..start + 4].copy_from_slice(&length.to_le_bytes());
            }
            Self::Int(number) => out.extend_from_slice(&number.to_le_bytes()),
            Self::Timestamp(at) => out.extend_from_slice(&at.to_le_bytes()),
            Self::Decimal(bytes) => out.extend_from_slice(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::document;
    use super::*;

    #[test]
    fn every_type_comes_back_as_it_was_written() {
        let all = document! {
            "double": 1.5, "text": "caf\u{e9}", "doc": document! {"a": 1}, "list": vec![Bson::Int(1), Bson::Null],
            "binary": Bson::Binary(4, vec![1, 2]), "undefined": Bson::Undefined, "id": Bson::Id([7; 12]), "bool": true,
            "date": Bson::Date(5), "null": Bson::Null, "regex": Bson::Regex("^a".into(), "i".into()),
            "pointer": Bson::Pointer("x".into(), [1; 12]), "code": Bson::Code("1".into()), "symbol": Bson::Symbol("s".into()),
            "scoped": Bson::Scoped("c".into(), document! {"b": 2}), "int": 3, "timestamp": Bson::Timestamp(9), "long": 4_i64,
            "decimal": Bson::Decimal([2; 16]), "min": Bson::Min, "max": Bson::Max,
        };
        let bytes = all.bytes();
        let mut rest = bytes.as_slice();
        assert_eq!(Doc::read(&mut rest), Some(all));
        assert!(rest.is_empty());
        for end in 0..bytes.len() {
            assert_eq!(Doc::read(&mut &bytes[..end]), None);
        }
    }

    #[test]
    fn a_document_without_end_of_levels_is_refused() {
        let mut doc = document! {"a": 1};
        for _ in 0..MOST_LEVELS + 2 {
            doc = document! {"a": doc};
        }
        assert_eq!(Doc::read(&mut doc.bytes().as_slice()), None);
    }
}
