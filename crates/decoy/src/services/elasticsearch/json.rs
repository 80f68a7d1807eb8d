//! JSON whose members keep their order, printed as the product prints it.

use std::fmt::{self, Write as _};
use std::rc::Rc;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Json {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
    /// A document as its author wrote it: given back byte by byte, unless it is to be pretty.
    Raw(Rc<str>),
}

/// An object: `object! {"name": value, ...}`.
macro_rules! object {
    ($($name:literal : $value:expr),* $(,)?) => {
        $crate::services::elasticsearch::json::Json::Map(vec![
            $(($name.to_owned(), $crate::services::elasticsearch::json::Json::from($value))),*
        ])
    };
}
pub(super) use object;

// === impl Json ===

impl Json {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    pub(super) fn empty() -> Self {
        Self::Map(Vec::new())
    }

    /// The member of that name; of a document as it was written, too.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Map(members) = self else { return None };
        members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(super) fn members(&self) -> &[(String, Self)] {
        match self {
            Self::Map(members) => members,
            _ => &[],
        }
    }

    /// The first member: what most queries consist of.
    pub(super) fn only(&self) -> Option<(&str, &Self)> {
        self.members().first().map(|(name, value)| (name.as_str(), value))
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<Self>) {
        let Self::Map(members) = self else { return };
        match members.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value.into(),
            None => members.push((name.to_owned(), value.into())),
        }
    }

    /// Sets all of another's members.
    pub(super) fn extend(&mut self, other: &Self) {
        for (name, value) in other.members() {
            self.set(name, value.clone());
        }
    }

    pub(super) fn member_mut(&mut self, name: &str) -> Option<&mut (String, Self)> {
        let Self::Map(members) = self else { return None };
        members.iter_mut().find(|(known, _)| known == name)
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Self> {
        let Self::Map(members) = self else { return None };
        let at = members.iter().position(|(known, _)| known == name)?;
        Some(members.remove(at).1)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn float(&self) -> Option<f64> {
        match self {
            Self::Number(number) => number.as_f64(),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn whole(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|value| value as i64)),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// One value or the values of a list.
    pub(super) fn each(&self) -> &[Self] {
        match self {
            Self::List(values) => values,
            one => std::slice::from_ref(one),
        }
    }

    /// A value as it stands in a list of words: text without quotes.
    pub(super) fn bare(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// With line breaks and two spaces a level, and a line break at the end.
    pub(super) fn pretty(&self) -> String {
        let mut out = String::new();
        self.indent(&mut out, 0);
        out.push('\n');
        out
    }

    fn indent(&self, out: &mut String, level: usize) {
        let line = |out: &mut String, level: usize| {
            out.push('\n');
            (0..level).for_each(|_| out.push_str("  "));
        };
        match self {
            Self::List(values) if values.is_empty() => out.push_str("[ ]"),
            Self::Map(members) if members.is_empty() => out.push_str("{ }"),
            Self::List(values) => {
                out.push('[');
                for (n, value) in values.iter().enumerate() {
                    out.push_str(if n > 0 { "," } else { "" });
                    line(out, level + 1);
                    value.indent(out, level + 1);
                }
                line(out, level);
                out.push(']');
            }
            Self::Map(members) => {
                out.push('{');
                for (n, (name, value)) in members.iter().enumerate() {
                    out.push_str(if n > 0 { "," } else { "" });
                    line(out, level + 1);
                    quote(out, name);
                    out.push_str(" : ");
                    value.indent(out, level + 1);
                }
                line(out, level);
                out.push('}');
            }
            Self::Raw(raw) => match Self::parse(raw.as_bytes()) {
                Ok(parsed) => parsed.indent(out, level),
                Err(_) => out.push_str(raw),
            },
            plain => {
                let _ = write!(out, "{plain}");
            }
        }
    }
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            other if other < ' ' => {
                let _ = write!(out, "\\u{:04X}", u32::from(other));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Without spaces.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| {
            let mut out = String::with_capacity(text.len() + 2);
            quote(&mut out, text);
            out
        };
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Raw(raw) => f.write_str(raw),
            Self::List(values) => {
                f.write_char('[')?;
                for (n, value) in values.iter().enumerate() {
                    f.write_str(if n > 0 { "," } else { "" })?;
                    value.fmt(f)?;
                }
                f.write_char(']')
            }
            Self::Map(members) => {
                f.write_char('{')?;
                for (n, (name, value)) in members.iter().enumerate() {
                    write!(f, "{}{}:", if n > 0 { "," } else { "" }, quoted(name))?;
                    value.fmt(f)?;
                }
                f.write_char('}')
            }
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Json {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<bool> for Json {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<i64> for Json {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

impl From<i32> for Json {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u64> for Json {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

impl From<usize> for Json {
    fn from(number: usize) -> Self {
        Self::Number(number.into())
    }
}

impl From<f64> for Json {
    fn from(number: f64) -> Self {
        Number::from_f64(number).map_or(Self::Null, Self::Number)
    }
}

/// As many digits as tell it from its neighbours, as for a score.
impl From<f32> for Json {
    fn from(number: f32) -> Self {
        number.to_string().parse::<f64>().unwrap_or_default().into()
    }
}

impl From<Vec<Self>> for Json {
    fn from(values: Vec<Self>) -> Self {
        Self::List(values)
    }
}

impl<T: Into<Self>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Json, E> {
        Ok(truth.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(number.into())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Json, E> {
        let number = Number::from_f64(number).ok_or_else(|| E::custom("no number"))?;
        Ok(Json::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some((name, value)) = map.next_entry::<String, Json>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(format!("Duplicate field '{name}'")));
            }
            members.push((name, value));
        }
        Ok(Json::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_print_as_jackson_does() {
        let json = Json::parse(br#"{"z":1,"a":[],"m":{"x":[1.0,"\u0007\u00e9"],"y":{}}}"#).unwrap();
        assert_eq!(
            json.to_string(),
            "{\"z\":1,\"a\":[],\"m\":{\"x\":[1.0,\"\\u0007\u{e9}\"],\"y\":{}}}"
        );
        assert_eq!(
            json.pretty(),
            "{\n  \"z\" : 1,\n  \"a\" : [ ],\n  \"m\" : {\n    \"x\" : [\n      1.0,\n      \"\\u0007\u{e9}\"\n    ],\n    \"y\" : { }\n  }\n}\n"
        );
    }

    #[test]
    fn a_score_has_the_digits_of_a_float() {
        assert_eq!(Json::from(0.182_321_56_f32).to_string(), "0.18232156");
        assert_eq!(Json::from(1.0_f32).to_string(), "1.0");
    }

    #[test]
    fn a_name_twice_and_a_depth_without_end_are_refused() {
        assert!(Json::parse(br#"{"a":1,"a":2}"#).is_err());
        assert!(Json::parse("[".repeat(10_000).as_bytes()).is_err());
    }
}
