//! Values an operator gives a service, into the types it expects: on every way in (deploy.md §3.2).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use serde_json::Value;

use crate::catalogue::{ConfigField, FieldType, Scope, Service};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::nearest::suggestion;

/// In bytes. All a machine is told has to fit one environment variable, 128 KiB.
pub const MAX_VALUE: usize = 32 * 1024;

/// A key and its value as they came: text from a file or a flag, any JSON from elsewhere.
#[derive(Clone, PartialEq)]
pub struct Given {
    pub key: String,
    pub value: Value,
    pub place: Option<Place>,
}

/// What a service's keys come to.
#[derive(Clone, Default, PartialEq)]
pub struct Coerced {
    /// For the service itself.
    pub service: BTreeMap<String, Value>,
    /// For the whole machine: accounts, name, keys.
    pub machine: BTreeMap<String, Value>,
}

/// All values of one service: unknown keys are dropped with a warning, unfit values are errors.
pub fn config(service: &Service, given: &[Given]) -> (Coerced, Diagnostics) {
    let mut coerced = Coerced::default();
    let mut found = Diagnostics::default();
    let mut seen: BTreeMap<&str, &Given> = BTreeMap::new();
    for given in given {
        let Some(field) = service.field(&given.key) else {
            found.push(unknown(service, &given.key, given.place.clone()));
            continue;
        };
        if given.value.as_str().is_some_and(|text| text.len() > MAX_VALUE) {
            found.push(too_long(&field.key, given.place.clone()));
            continue;
        }
        if let Some(first) = seen.insert(&field.key, given) {
            found.push(twice(service, field, first, given));
            continue;
        }
        match coerce(field, &given.value) {
            Ok(Some(value)) => {
                let to = match field.scope {
                    Scope::Service => &mut coerced.service,
                    Scope::Machine => &mut coerced.machine,
                };
                to.insert(field.key.clone(), value);
            }
            Ok(None) => {}
            Err(why) => found.push(unfit(service, field, given, &why)),
        }
    }
    (coerced, found)
}

/// One value; none when it is empty and empty means not set. The error says what was expected.
pub fn coerce(field: &ConfigField, value: &Value) -> Result<Option<Value>, String> {
    if value.is_null() || (value.as_str() == Some("") && !field.blank) {
        return Ok(None);
    }
    let coerced = match field.kind {
        FieldType::String | FieldType::Password => Value::from(text(value)?),
        FieldType::Textarea => Value::from(area(&text(value)?)?),
        FieldType::Int => Value::from(int(field, value)?),
        FieldType::Bool => Value::from(flag(value)?),
        FieldType::Enum => Value::from(option(field, &text(value)?)?),
        FieldType::MultiEnum => Value::from(options(field, value)?),
    };
    Ok(Some(coerced))
}

fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => Err("expected a text".into()),
    }
}

fn area(text: &str) -> Result<String, String> {
    let Some(encoded) = text.strip_prefix("b64:") else {
        return Ok(text.to_owned());
    };
    let packed: String = encoded.split_whitespace().collect();
    let bytes = B64.decode(packed).map_err(|_| "expected base64 after `b64:`")?;
    String::from_utf8(bytes).map_err(|_| "expected base64 of UTF-8 text after `b64:`".into())
}

fn int(field: &ConfigField, value: &Value) -> Result<i64, String> {
    let number = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let number = number.ok_or("expected a whole number")?;
    let (min, max) = (field.min.unwrap_or(i64::MIN), field.max.unwrap_or(i64::MAX));
    if (min..=max).contains(&number) {
        return Ok(number);
    }
    Err(match (field.min, field.max) {
        (Some(min), Some(max)) => format!("expected {min} to {max}"),
        (Some(min), None) => format!("expected {min} or more"),
        _ => format!("expected {max} or less"),
    })
}

fn flag(value: &Value) -> Result<bool, String> {
    if let Value::Bool(flag) = value {
        return Ok(*flag);
    }
    match text(value)?.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("expected yes or no".into()),
    }
}

fn option(field: &ConfigField, given: &str) -> Result<String, String> {
    let wanted = given.trim();
    let known = field.options.iter().find(|option| option.eq_ignore_ascii_case(wanted));
    known
        .cloned()
        .ok_or_else(|| format!("expected one of {}", field.options.join(", ")))
}

/// A JSON list, the text of one, or words between commas.
fn options(field: &ConfigField, value: &Value) -> Result<Vec<String>, String> {
    let words: Vec<Value> = match value {
        Value::Array(list) => list.clone(),
        Value::String(text) if text.trim_start().starts_with('[') => {
            serde_json::from_str(text).map_err(|_| "expected a list")?
        }
        Value::String(text) => text
            .split(',')
            .map(str::trim)
            .filter(|w| !w.is_empty())
            .map(Value::from)
            .collect(),
        _ => return Err("expected a list".into()),
    };
    let mut seen = BTreeSet::new();
    let mut chosen = Vec::new();
    for word in words {
        let word = option(field, &text(&word)?)?;
        if seen.insert(word.clone()) {
            chosen.push(word);
        }
    }
    if chosen.is_empty() {
        return Err(format!("expected at least one of {}", field.options.join(", ")));
    }
    Ok(chosen)
}

pub(crate) fn unknown(service: &Service, key: &str, place: Option<Place>) -> Diagnostic {
    let keys = service.config.iter().map(|field| field.key.as_str());
    Diagnostic::warning(
        "W_CONFIG_KEY",
        format!("`{}` has no setting `{key}`; it is ignored", service.slug),
    )
    .at(place)
    .help(suggestion(key, keys))
}

pub(crate) fn too_long(key: &str, place: Option<Place>) -> Diagnostic {
    Diagnostic::error("E_CONFIG_VALUE", format!("`{key}` is longer than {MAX_VALUE} bytes"))
        .at(place)
        .help("shorten it")
}

fn twice(service: &Service, field: &ConfigField, first: &Given, second: &Given) -> Diagnostic {
    Diagnostic::error(
        "E_CONFIG_TWICE",
        format!("`{}` is set twice for `{}`", field.key, service.slug),
    )
    .at([&first.place, &second.place].into_iter().flatten().cloned())
    .help("keep one of them")
}

fn unfit(service: &Service, field: &ConfigField, given: &Given, why: &str) -> Diagnostic {
    let shown = match given.value.as_str() {
        Some(value) if !field.is_secret() && value.len() <= 60 => format!(", not `{value}`"),
        _ => String::new(),
    };
    Diagnostic::error(
        "E_CONFIG_VALUE",
        format!("`{}` of `{}`: {why}{shown}", field.key, service.slug),
    )
    .at(given.place.clone())
    .help(if field.help.is_empty() {
        "correct the value, or remove the line"
    } else {
        &field.help
    })
}

impl fmt::Debug for Given {
    /// Values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Given({})", self.key)
    }
}

impl fmt::Debug for Coerced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.service.keys().chain(self.machine.keys()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_type_takes_what_the_table_says_and_refuses_the_rest() {
        type Row = (&'static str, Value, Result<Option<Value>, ()>);
        let rows: &[Row] = &[
            ("string", json!("x"), Ok(Some(json!("x")))),
            ("string", json!(7), Ok(Some(json!("7")))),
            ("string", json!(true), Ok(Some(json!("true")))),
            ("string", json!(["x"]), Err(())),
            ("string", json!(""), Ok(None)),
            ("string", Value::Null, Ok(None)),
            ("password", json!("p%w"), Ok(Some(json!("p%w")))),
            ("textarea", json!("b64:aGVsbG8="), Ok(Some(json!("hello")))),
            ("textarea", json!("b64:!"), Err(())),
            ("textarea", json!("b64:/w=="), Err(())),
            ("textarea", json!("plain b64:"), Ok(Some(json!("plain b64:")))),
            ("int", json!(" 8 "), Ok(Some(json!(8)))),
            ("int", json!(8), Ok(Some(json!(8)))),
            ("int", json!("8.5"), Err(())),
            ("int", json!("11"), Err(())),
            ("int", json!("-1"), Err(())),
            ("int", json!(true), Err(())),
            ("bool", json!("YES"), Ok(Some(json!(true)))),
            ("bool", json!("on"), Ok(Some(json!(true)))),
            ("bool", json!("1"), Ok(Some(json!(true)))),
            ("bool", json!(1), Ok(Some(json!(true)))),
            ("bool", json!("false"), Ok(Some(json!(false)))),
            ("bool", json!("No"), Ok(Some(json!(false)))),
            ("bool", json!(false), Ok(Some(json!(false)))),
            ("bool", json!("maybe"), Err(())),
            ("enum", json!("A"), Ok(Some(json!("a")))),
            ("enum", json!("c"), Err(())),
            ("multi_enum", json!("b, a, b"), Ok(Some(json!(["b", "a"])))),
            ("multi_enum", json!("[\"a\"]"), Ok(Some(json!(["a"])))),
            ("multi_enum", json!(["b", "b"]), Ok(Some(json!(["b"])))),
            ("multi_enum", json!([]), Err(())),
            ("multi_enum", json!(","), Err(())),
            ("multi_enum", json!("a,c"), Err(())),
        ];
        for (kind, value, expected) in rows {
            let got = coerce(&field(kind), value);
            assert_eq!(got.clone().map_err(drop), *expected, "{kind} {value}: {got:?}");
        }
    }

    #[test]
    fn a_misspelt_key_is_dropped_and_the_nearest_is_named() {
        let catalogue = crate::Catalogue::builtin().unwrap();
        let (coerced, found) = config(catalogue.service("ssh").unwrap(), &[given("pasword", "x")]);
        assert_eq!(coerced, Coerced::default());
        assert!(!found.has_errors());
        assert!(found.to_string().contains("did you mean `password`?"), "{found}");
    }

    #[test]
    fn older_spellings_reach_the_same_setting_once() {
        let catalogue = crate::Catalogue::builtin().unwrap();
        let redis = catalogue.service("redis").unwrap();
        let (coerced, found) = config(redis, &[given("Redis-Version", "6.2.6")]);
        assert_eq!(coerced.service["version"], "6.2.6");
        assert!(found.is_empty());
        let (_, found) = config(redis, &[given("redis_version", "6.2.6"), given("version", "7.0.0")]);
        assert_eq!(found.iter().next().map(|d| d.code), Some("E_CONFIG_TWICE"));
    }

    #[test]
    fn accounts_are_the_machines_and_not_the_services() {
        let catalogue = crate::Catalogue::builtin().unwrap();
        let (coerced, _) = config(
            catalogue.service("ssh").unwrap(),
            &[given("password", "x"), given("user", "")],
        );
        assert!(coerced.service.is_empty());
        assert_eq!(coerced.machine["password"], "x");
        assert_eq!(coerced.machine["user"], "");
        assert!(!format!("{coerced:?}").contains('x'));
    }

    fn given(key: &str, value: &str) -> Given {
        Given {
            key: key.into(),
            value: value.into(),
            place: None,
        }
    }

    fn field(kind: &str) -> ConfigField {
        let limits = if kind == "int" { r#""min": 0, "max": 10,"# } else { "" };
        let text = format!(r#"{{"key": "k", "label": "K", {limits} "type": "{kind}", "options": ["a", "b"]}}"#);
        serde_json::from_str(&text).unwrap()
    }
}
