//! What stands in a cell.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::datetime::Interval;
use crate::decimal::Decimal;

#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Num(Decimal),
    Text(Rc<str>),
    Bytes(Rc<[u8]>),
    Array(Rc<[Self]>),
    Row(Rc<[Self]>),
    /// Days since the first of 2000.
    Date(i64),
    /// Microseconds of the day.
    Time(i64),
    /// Microseconds since the first of 2000.
    Stamp(i64),
    Interval(Interval),
}

// === impl Value ===

impl Value {
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(text.as_ref().into())
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    pub(crate) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            Self::Num(n) => n.to_int(),
            Self::Float(n) if n.is_finite() => Some(n.round_ties_even() as i64),
            Self::Bool(b) => Some((*b).into()),
            _ => None,
        }
    }

    pub(crate) fn as_float(&self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(*n as f64),
            Self::Num(n) => Some(n.to_float()),
            Self::Float(n) => Some(*n),
            _ => None,
        }
    }

    pub(crate) fn as_num(&self) -> Option<Decimal> {
        match self {
            Self::Int(n) => Some((*n).into()),
            Self::Num(n) => Some(*n),
            Self::Float(n) => Decimal::float(*n),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::Array(items) | Self::Row(items) => items,
            _ => &[],
        }
    }

    /// Of the same type; NULL comes last.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Greater,
            (_, Self::Null) => Ordering::Less,
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (Self::Num(a), Self::Num(b)) => a.cmp(b),
            (Self::Array(a), Self::Array(b)) | (Self::Row(a), Self::Row(b)) => {
                let differing = a.iter().zip(b.iter()).map(|(a, b)| a.order(b));
                let first = differing.into_iter().find(|order| order.is_ne());
                first.unwrap_or_else(|| a.len().cmp(&b.len()))
            }
            (Self::Date(a), Self::Date(b)) | (Self::Stamp(a), Self::Stamp(b)) | (Self::Time(a), Self::Time(b)) => {
                a.cmp(b)
            }
            (Self::Interval(a), Self::Interval(b)) => a.micros_in_all().cmp(&b.micros_in_all()),
            _ => match (self.as_float(), other.as_float()) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                _ => self.rank().cmp(&other.rank()),
            },
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 12,
            Self::Bool(_) => 0,
            Self::Int(_) => 1,
            Self::Float(_) => 2,
            Self::Num(_) => 3,
            Self::Text(_) => 4,
            Self::Bytes(_) => 5,
            Self::Array(_) => 6,
            Self::Row(_) => 7,
            Self::Date(_) => 8,
            Self::Time(_) => 9,
            Self::Stamp(_) => 10,
            Self::Interval(_) => 11,
        }
    }

    /// Equal values of a type give equal bytes.
    pub(crate) fn key(&self, out: &mut Vec<u8>) {
        out.push(self.rank());
        let mut sized = |bytes: &[u8]| {
            out.extend((bytes.len() as u64).to_le_bytes());
            out.extend(bytes);
        };
        match self {
            Self::Null => {}
            Self::Bool(b) => out.push((*b).into()),
            Self::Int(n) | Self::Date(n) | Self::Time(n) | Self::Stamp(n) => out.extend(n.to_le_bytes()),
            Self::Float(n) => out.extend((n + 0.0).to_bits().to_le_bytes()),
            Self::Num(n) => {
                let text = n.to_string();
                let plain = if text.contains('.') {
                    text.trim_end_matches('0').trim_end_matches('.')
                } else {
                    &text
                };
                sized(plain.as_bytes());
            }
            Self::Text(text) => sized(text.as_bytes()),
            Self::Bytes(bytes) => sized(bytes),
            Self::Array(items) | Self::Row(items) => {
                out.extend((items.len() as u64).to_le_bytes());
                items.iter().for_each(|item| item.key(out));
            }
            Self::Interval(n) => out.extend(n.micros_in_all().to_le_bytes()),
        }
    }

    /// Bytes of memory, roughly.
    pub(crate) fn weight(&self) -> usize {
        let held = match self {
            Self::Text(text) => text.len() + 16,
            Self::Bytes(bytes) => bytes.len() + 16,
            Self::Array(items) | Self::Row(items) => items.iter().map(Self::weight).sum(),
            _ => 0,
        };
        held + size_of::<Self>()
    }
}

impl std::convert::From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl std::convert::From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl std::convert::From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl std::convert::From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl std::convert::From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl std::convert::From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Int(value as i64)
    }
}

impl<T: Into<Value>> std::convert::From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
