//! BSON (bsonspec.org 1.1): documents, their values and the order of those.

mod code;

use std::cmp::Ordering;

use serde_json::{Value, json};

pub(super) use self::code::cstring;

/// Bytes one document may have.
pub(super) const MOST_BYTES: usize = 16 << 20;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bson {
    Double(f64),
    Text(String),
    Doc(Doc),
    List(Vec<Self>),
    Binary(u8, Vec<u8>),
    Undefined,
    Id([u8; 12]),
    Bool(bool),
    /// Milliseconds since 1970.
    Date(i64),
    Null,
    Regex(String, String),
    Pointer(String, [u8; 12]),
    Code(String),
    Symbol(String),
    Scoped(String, Doc),
    Int(i32),
    Timestamp(u64),
    Long(i64),
    Decimal([u8; 16]),
    Min,
    Max,
}

/// A document: its fields in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Doc(pub(super) Vec<(String, Bson)>);

/// A document: `document! {"name": value, ...}`.
macro_rules! document {
    ($($name:literal : $value:expr),* $(,)?) => {
        $crate::services::mongodb::bson::Doc(vec![
            $(($name.to_owned(), $crate::services::mongodb::bson::Bson::from($value))),*
        ])
    };
}
pub(super) use document;

// === impl Doc ===

impl Doc {
    pub(super) fn get(&self, name: &str) -> Option<&Bson> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Bson::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn doc(&self, name: &str) -> Option<&Self> {
        match self.get(name)? {
            Bson::Doc(doc) => Some(doc),
            _ => None,
        }
    }

    pub(super) fn list(&self, name: &str) -> &[Bson] {
        match self.get(name) {
            Some(Bson::List(values)) => values,
            _ => &[],
        }
    }

    pub(super) fn whole(&self, name: &str) -> Option<i64> {
        self.get(name)?.whole()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(Bson::truth)
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<Bson>) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value.into(),
            None => self.0.push((name.to_owned(), value.into())),
        }
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Bson>) -> Self {
        self.set(name, value);
        self
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Bson> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        code::write_doc(out, self.0.iter().map(|(name, value)| (name.as_str(), value)));
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    /// Reads one document off the front of `input`.
    pub(super) fn read(input: &mut &[u8]) -> Option<Self> {
        code::read_doc(input, 0)
    }

    /// For people to read, as extended JSON nearly is.
    pub(super) fn json(&self) -> Value {
        Value::Object(
            self.0
                .iter()
                .map(|(name, value)| (name.clone(), value.json()))
                .collect(),
        )
    }
}

// === impl Bson ===

impl Bson {
    pub(super) fn float(&self) -> Option<f64> {
        match self {
            Self::Double(number) => Some(*number),
            Self::Int(number) => Some(f64::from(*number)),
            Self::Long(number) => Some(*number as f64),
            _ => None,
        }
    }

    pub(super) fn whole(&self) -> Option<i64> {
        match self {
            Self::Double(number) => Some(*number as i64),
            Self::Int(number) => Some(i64::from(*number)),
            Self::Long(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Bool(truth) => *truth,
            Self::Null | Self::Undefined => false,
            other => other.float() != Some(0.0),
        }
    }

    /// What the product calls the type.
    pub(super) fn kind_name(&self) -> &'static str {
        match self {
            Self::Double(_) => "double",
            Self::Text(_) => "string",
            Self::Doc(_) => "object",
            Self::List(_) => "array",
            Self::Binary(..) => "binData",
            Self::Undefined => "undefined",
            Self::Id(_) => "objectId",
            Self::Bool(_) => "bool",
            Self::Date(_) => "date",
            Self::Null => "null",
            Self::Regex(..) => "regex",
            Self::Pointer(..) => "dbPointer",
            Self::Code(_) => "javascript",
            Self::Symbol(_) => "symbol",
            Self::Scoped(..) => "javascriptWithScope",
            Self::Int(_) => "int",
            Self::Timestamp(_) => "timestamp",
            Self::Long(_) => "long",
            Self::Decimal(_) => "decimal",
            Self::Min => "minKey",
            Self::Max => "maxKey",
        }
    }

    /// Where the type stands among types.
    fn rank(&self) -> u8 {
        match self {
            Self::Min => 0,
            Self::Undefined | Self::Null => 1,
            Self::Double(_) | Self::Int(_) | Self::Long(_) | Self::Decimal(_) => 2,
            Self::Text(_) | Self::Symbol(_) => 3,
            Self::Doc(_) => 4,
            Self::List(_) => 5,
            Self::Binary(..) => 6,
            Self::Id(_) => 7,
            Self::Bool(_) => 8,
            Self::Date(_) => 9,
            Self::Timestamp(_) => 10,
            Self::Regex(..) => 11,
            Self::Pointer(..) => 12,
            Self::Code(_) => 13,
            Self::Scoped(..) => 14,
            Self::Max => 15,
        }
    }

    pub(super) fn is_comparable(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }

    /// The order of values of all types.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let fields = |one: &Doc, two: &Doc| {
            let pairs = one.0.iter().zip(&two.0);
            let orders = pairs.map(|((a, x), (b, y))| x.rank().cmp(&y.rank()).then(a.cmp(b)).then_with(|| x.order(y)));
            orders
                .fold(Ordering::Equal, Ordering::then)
                .then(one.0.len().cmp(&two.0.len()))
        };
        match (self, other) {
            (Self::Text(one) | Self::Symbol(one), Self::Text(two) | Self::Symbol(two)) => one.cmp(two),
            (Self::Long(one), Self::Long(two)) => one.cmp(two),
            (Self::Doc(one), Self::Doc(two)) => fields(one, two),
            (Self::List(one), Self::List(two)) => {
                let orders = one.iter().zip(two).map(|(one, two)| one.order(two));
                orders
                    .fold(Ordering::Equal, Ordering::then)
                    .then(one.len().cmp(&two.len()))
            }
            (Self::Binary(a, one), Self::Binary(b, two)) => one.len().cmp(&two.len()).then(a.cmp(b)).then(one.cmp(two)),
            (Self::Id(one), Self::Id(two)) => one.cmp(two),
            (Self::Bool(one), Self::Bool(two)) => one.cmp(two),
            (Self::Date(one), Self::Date(two)) => one.cmp(two),
            (Self::Timestamp(one), Self::Timestamp(two)) => one.cmp(two),
            (Self::Regex(a, b), Self::Regex(c, d)) => a.cmp(c).then(b.cmp(d)),
            (Self::Code(one), Self::Code(two)) => one.cmp(two),
            (Self::Decimal(one), Self::Decimal(two)) => one.cmp(two),
            _ => match (self.float(), other.float()) {
                (Some(one), Some(two)) => one.total_cmp(&two),
                _ => self.rank().cmp(&other.rank()),
            },
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.is_comparable(other) && self.order(other).is_eq()
    }

    pub(super) fn json(&self) -> Value {
        match self {
            Self::Double(number) => json!(number),
            Self::Text(text) | Self::Symbol(text) => json!(text),
            Self::Doc(doc) => doc.json(),
            Self::List(values) => Value::Array(values.iter().map(Self::json).collect()),
            Self::Binary(_, bytes) => json!({"$binary": hex::encode(bytes)}),
            Self::Undefined => json!({"$undefined": true}),
            Self::Id(id) => json!({"$oid": hex::encode(id)}),
            Self::Bool(truth) => json!(truth),
            Self::Date(at) => json!({"$date": at}),
            Self::Null => Value::Null,
            Self::Regex(pattern, options) => json!({"$regex": pattern, "$options": options}),
            Self::Pointer(name, id) => json!({"$ref": name, "$id": hex::encode(id)}),
            Self::Code(code) => json!({"$code": code}),
            Self::Scoped(code, scope) => json!({"$code": code, "$scope": scope.json()}),
            Self::Int(number) => json!(number),
            Self::Timestamp(at) => json!({"$timestamp": at}),
            Self::Long(number) => json!(number),
            Self::Decimal(bytes) => json!({"$numberDecimal": hex::encode(bytes)}),
            Self::Min => json!({"$minKey": 1}),
            Self::Max => json!({"$maxKey": 1}),
        }
    }
}

macro_rules! from {
    ($($from:ty => $make:expr),* $(,)?) => {
        $(impl From<$from> for Bson {
            fn from(value: $from) -> Self {
                let make: fn($from) -> Self = $make;
                make(value)
            }
        })*
    };
}

from! {
    &str => |text| Self::Text(text.to_owned()),
    String => Self::Text,
    &String => |text| Self::Text(text.clone()),
    bool => Self::Bool,
    i32 => Self::Int,
    i64 => Self::Long,
    f64 => Self::Double,
    Doc => Self::Doc,
    Vec<Bson> => Self::List,
    Vec<Doc> => |docs| Self::List(docs.into_iter().map(Self::Doc).collect()),
    Vec<&str> => |texts| Self::List(texts.into_iter().map(Self::from).collect()),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_whatever_their_type() {
        assert!(Bson::Int(3).is_same(&Bson::Double(3.0)));
        assert!(!Bson::Int(3).is_same(&Bson::Text("3".into())));
        assert!(Bson::Null.order(&Bson::Int(0)).is_lt());
    }
}
