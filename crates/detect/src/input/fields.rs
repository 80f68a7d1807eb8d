//! A flat look at one JSON object: scalars by key, borrowed where they can be.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::time::Time;

/// A scalar of a record.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Text(Cow<'a, str>),
    Whole(i64),
    Real(f64),
    Truth(bool),
    /// Null, a list or an object.
    Nothing,
}

/// Keys and scalars of an object, in its order.
pub(super) struct Flat<'a>(pub(super) Vec<(Cow<'a, str>, Scalar<'a>)>);

/// Later keys are not looked at.
const MAX_KEYS: usize = 256;
/// Numbers beyond these are milli-, micro- or nanoseconds: no log is of the year 5138.
const MILLIS: f64 = 1e11;
const MICROS: f64 = 1e14;
const NANOS: f64 = 1e17;

// === impl Scalar ===

impl Scalar<'_> {
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Whole(value) => Some(Cow::Owned(value.to_string())),
            Self::Real(value) => Some(Cow::Owned(value.to_string())),
            Self::Truth(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            Self::Nothing => None,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Whole(value) => Some(*value as f64),
            Self::Real(value) => Some(*value),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Truth(_) | Self::Nothing => None,
        }
    }

    /// A moment: text of any usual form, or seconds (or finer) since 1970.
    pub(super) fn time(&self) -> Option<Time> {
        match self {
            Self::Whole(value) => epoch(*value as f64, Some(*value)),
            Self::Real(value) => epoch(*value, None),
            Self::Text(text) => {
                let text = text.trim().trim_matches(['[', ']']);
                let read = Time::parse_rfc3339(text).or_else(|| Time::parse_clf(text));
                read.or_else(|| seconds(text))
            }
            Self::Truth(_) | Self::Nothing => None,
        }
    }
}

fn epoch(value: f64, whole: Option<i64>) -> Option<Time> {
    let nanos_each = match value.abs() {
        size if size >= NANOS => 1,
        size if size >= MICROS => 1_000,
        size if size >= MILLIS => 1_000_000,
        size if size.is_finite() => 1_000_000_000,
        _ => return None,
    };
    match whole {
        Some(whole) => whole.checked_mul(nanos_each).map(Time),
        None => Some(Time((value * nanos_each as f64).round() as i64)),
    }
}

/// `1700000000.123456` exactly, which a float is not.
pub(super) fn seconds(text: &str) -> Option<Time> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole.strip_prefix('-').unwrap_or(whole)) || !digits(fraction) || whole.is_empty() {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    if fraction.is_empty() {
        return epoch(whole as f64, Some(whole));
    }
    let nanos: i64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let nanos = if text.starts_with('-') { -nanos } else { nanos };
    whole.checked_mul(1_000_000_000)?.checked_add(nanos).map(Time)
}

// === impl Flat ===

impl<'de: 'a, 'a> Deserialize<'de> for Flat<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Flat<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::with_capacity(16);
                while let Some(Name(key)) = map.next_key()? {
                    let value = map.next_value()?;
                    if pairs.len() < MAX_KEYS {
                        pairs.push((key, value));
                    }
                }
                Ok(Flat(pairs))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Key;
        impl<'de> Visitor<'de> for Key {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(key)))
            }
            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(Key)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Scalar<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Scalar::Truth(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Scalar::Whole(value))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(i64::try_from(value).map_or(Scalar::Real(value as f64), Scalar::Whole))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Scalar::Real(value))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Scalar::Nothing)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Nothing)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Nothing)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_numbers_are_read_by_their_size() {
        let wanted = Some(Time(1_700_000_000_123_000_000));
        for text in [
            "1700000000.123",
            "1700000000123",
            "1700000000123000",
            "1700000000123000000",
        ] {
            assert_eq!(Scalar::Text(Cow::Borrowed(text)).time(), wanted, "{text}");
        }
        assert_eq!(seconds("1700000000.000000001"), Some(Time(1_700_000_000_000_000_001)));
        assert_eq!(seconds("x"), None);
    }
}
