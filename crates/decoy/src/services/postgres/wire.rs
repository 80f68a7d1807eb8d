//! Messages of protocol 3.0, read and written.

use sql::{Column, Error, Type, Value};

/// A startup packet is no longer than this; nor is a message before the login, or after it.
pub(super) const MAX_STARTUP: usize = 10_000;
pub(super) const MAX_AUTH: usize = 65_535;
pub(super) const MAX_MESSAGE: usize = 8 << 20;

pub(super) const PROTOCOL_3: u32 = 0x0003_0000;
pub(super) const CANCEL: u32 = 80_877_102;
pub(super) const TLS: u32 = 80_877_103;
pub(super) const GSS: u32 = 80_877_104;

/// A message with a type, its length not among the body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) body: Vec<u8>,
}

/// What lies at the front of what was said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Front<T> {
    More,
    Whole(T),
    /// A length no message has.
    Broken,
}

/// A packet without a type, as the first ones are.
pub(super) fn startup(said: &mut Vec<u8>) -> Front<Vec<u8>> {
    let Some(&[a, b, c, d]) = said.first_chunk::<4>() else {
        return Front::More;
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if !(8..=MAX_STARTUP).contains(&length) {
        return Front::Broken;
    }
    if said.len() < length {
        return Front::More;
    }
    let rest = said.split_off(length);
    let packet = std::mem::replace(said, rest);
    Front::Whole(packet[4..].to_vec())
}

pub(super) fn message(said: &mut Vec<u8>, most: usize) -> Front<Message> {
    let Some(&[kind, a, b, c, d]) = said.first_chunk::<5>() else {
        return Front::More;
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if !(4..=most).contains(&length) {
        return Front::Broken;
    }
    if said.len() < length + 1 {
        return Front::More;
    }
    let rest = said.split_off(length + 1);
    let packet = std::mem::replace(said, rest);
    Front::Whole(Message {
        kind,
        body: packet[5..].to_vec(),
    })
}

/// Fields of a message's body, one after another.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

fn short() -> Error {
    Error::new("08P01", "insufficient data left in message").raised("pqformat.c", 533, "pq_copymsgbytes")
}

// === impl Fields ===

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(short)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        Ok(self.bytes(1)?[0])
    }

    pub(super) fn short(&mut self) -> Result<u16, Error> {
        let bytes = self.bytes(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(super) fn long(&mut self) -> Result<u32, Error> {
        let bytes = self.bytes(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// Text up to a NUL.
    pub(super) fn text(&mut self) -> Result<&'a str, Error> {
        let bad = || Error::new("08P01", "invalid string in message").raised("pqformat.c", 595, "pq_getmsgstring");
        let end = self.0.iter().position(|byte| *byte == 0).ok_or_else(bad)?;
        let (text, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        utf8(text)
    }

    pub(super) fn end(&self) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Error::new("08P01", "invalid message format").raised("pqformat.c", 640, "pq_getmsgend"))
    }
}

pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let end = error.error_len().map_or(bytes.len(), |len| at + len);
        let shown: Vec<String> = bytes[at..end].iter().map(|byte| format!("0x{byte:02x}")).collect();
        let message = format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" "));
        Error::new("22021", message).raised("mbutils.c", 1798, "report_invalid_encoding_int")
    })
}

/// Puts a message on the way.
pub(super) fn put(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.push(kind);
    out.extend((body.len() as u32 + 4).to_be_bytes());
    out.extend(body);
}

/// An error or notice: `E` or `N`.
pub(super) fn put_error(out: &mut Vec<u8>, kind: u8, severity: &str, error: &Error) {
    let (file, line, routine) = error.raised;
    let line = line.to_string();
    let place = error.place.map(|place| place.to_string());
    let fields = [
        (b'S', Some(severity)),
        (b'V', Some(severity)),
        (b'C', Some(error.code)),
        (b'M', Some(error.message.as_str())),
        (b'D', error.detail.as_deref()),
        (b'H', error.hint.as_deref()),
        (b'P', place.as_deref()),
        (b'W', error.context.as_deref()),
        (b's', error.schema.as_deref()),
        (b't', error.table.as_deref()),
        (b'c', error.column.as_deref()),
        (b'n', error.constraint.as_deref()),
        (b'F', Some(file)),
        (b'L', Some(line.as_str())),
        (b'R', Some(routine)),
    ];
    let mut body = Vec::new();
    for (letter, text) in fields {
        if let Some(text) = text {
            body.push(letter);
            // A NUL would end the field early.
            body.extend(text.bytes().filter(|byte| *byte != 0));
            body.push(0);
        }
    }
    body.push(0);
    put(out, kind, &body);
}

pub(super) fn put_parameter(out: &mut Vec<u8>, name: &str, value: &str) {
    let body = [name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat();
    put(out, b'S', &body);
}

pub(super) fn put_columns(out: &mut Vec<u8>, columns: &[Column], formats: &[u16]) {
    let mut body = (columns.len() as u16).to_be_bytes().to_vec();
    for (at, column) in columns.iter().enumerate() {
        body.extend(column.name.bytes().filter(|byte| *byte != 0));
        body.push(0);
        body.extend(column.table.to_be_bytes());
        body.extend(column.place.to_be_bytes());
        body.extend(column.ty.0.to_be_bytes());
        body.extend(column.ty.width().to_be_bytes());
        body.extend(column.modifier.to_be_bytes());
        body.extend(format_of(formats, at).to_be_bytes());
    }
    put(out, b'T', &body);
}

/// One format stands for all columns; none is text.
pub(super) fn format_of(formats: &[u16], at: usize) -> u16 {
    match formats {
        [] => 0,
        [one] => *one,
        all => all.get(at).copied().unwrap_or(0),
    }
}

pub(super) fn put_row(out: &mut Vec<u8>, cells: &[Option<Vec<u8>>]) {
    let mut body = (cells.len() as u16).to_be_bytes().to_vec();
    for cell in cells {
        match cell {
            None => body.extend((-1i32).to_be_bytes()),
            Some(bytes) => {
                body.extend((bytes.len() as u32).to_be_bytes());
                body.extend(bytes);
            }
        }
    }
    put(out, b'D', &body);
}

/// A value in binary; none where it goes as text.
pub(super) fn binary(ty: Type, value: &Value) -> Option<Vec<u8>> {
    Some(match (value, ty) {
        (Value::Bool(b), _) => vec![u8::from(*b)],
        (Value::Int(n), Type::INT2) => (*n as i16).to_be_bytes().to_vec(),
        (Value::Int(n), Type::INT8) => n.to_be_bytes().to_vec(),
        (Value::Int(n), _) => (*n as i32).to_be_bytes().to_vec(),
        (Value::Float(n), Type::FLOAT4) => (*n as f32).to_be_bytes().to_vec(),
        (Value::Float(n), _) => n.to_be_bytes().to_vec(),
        (Value::Bytes(bytes), _) => bytes.to_vec(),
        (Value::Stamp(n), _) => n.to_be_bytes().to_vec(),
        (Value::Date(n), _) => (*n as i32).to_be_bytes().to_vec(),
        (Value::Text(text), Type::UUID) => hex::decode(text.replace('-', "")).ok()?,
        _ => return None,
    })
}

/// A value from binary; none where the type is not known that way.
pub(super) fn from_binary(ty: Type, bytes: &[u8]) -> Option<Value> {
    Some(match ty {
        Type::BOOL => Value::Bool(*bytes.first()? != 0),
        Type::INT2 => Value::Int(i16::from_be_bytes(bytes.try_into().ok()?).into()),
        Type::INT4 => Value::Int(i32::from_be_bytes(bytes.try_into().ok()?).into()),
        Type::OID => Value::Int(u32::from_be_bytes(bytes.try_into().ok()?).into()),
        Type::INT8 => Value::Int(i64::from_be_bytes(bytes.try_into().ok()?)),
        Type::FLOAT4 => Value::Float(f32::from_be_bytes(bytes.try_into().ok()?).into()),
        Type::FLOAT8 => Value::Float(f64::from_be_bytes(bytes.try_into().ok()?)),
        Type::BYTEA => Value::Bytes(bytes.into()),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => Value::Stamp(i64::from_be_bytes(bytes.try_into().ok()?)),
        Type::DATE => Value::Date(i32::from_be_bytes(bytes.try_into().ok()?).into()),
        _ => return None,
    })
}
