//! Values from text and to text, type by type.

use std::rc::Rc;

use crate::datetime::{self, DAY, Interval};
use crate::decimal::Decimal;
use crate::error::Error;
use crate::types::Type;
use crate::value::Value;

/// What numbers of objects are called, and when now is.
pub(crate) trait Names {
    fn name_of(&self, ty: Type, oid: u32) -> Option<String>;
    fn oid_of(&self, ty: Type, name: &str) -> Result<u32, Error>;
    /// Microseconds since the first of 2000.
    fn now(&self) -> i64;
}

fn syntax(ty: Type, text: &str) -> Error {
    let code = if ty.is_date() || ty == Type::TIME {
        "22007"
    } else {
        "22P02"
    };
    let error = Error::new(
        code,
        format!("invalid input syntax for type {}: \"{text}\"", ty.title()),
    );
    match ty {
        Type::INT2 | Type::INT4 | Type::INT8 => error,
        Type::BOOL => error.raised("bool.c", 151, "boolin"),
        Type::NUMERIC => error.raised("numeric.c", 6782, "set_var_from_str"),
        Type::FLOAT4 | Type::FLOAT8 => error.raised("float.c", 563, "float8in_internal_opt_error"),
        Type::UUID => error.raised("uuid.c", 134, "string_to_uuid"),
        Type::OID => error.raised("oid.c", 49, "oidin_subr"),
        _ => error.raised("datetime.c", 3774, "DateTimeParseError"),
    }
}

fn out_of_range(ty: Type, text: &str) -> Error {
    let message = format!("value \"{text}\" is out of range for type {}", ty.title());
    Error::new("22003", message).raised("numutils.c", 224, "pg_strtoint32")
}

pub(crate) fn input(ty: Type, text: &str, names: &dyn Names) -> Result<Value, Error> {
    let trimmed = text.trim();
    if let Some(element) = ty.element() {
        return match ty {
            Type::OIDVECTOR | Type::INT2VECTOR => {
                let items = trimmed.split_whitespace().map(|item| input(element, item, names));
                Ok(Value::Array(items.collect::<Result<Vec<_>, _>>()?.into()))
            }
            _ => array(element, trimmed, names),
        };
    }
    let bad = || syntax(ty, text);
    Ok(match ty {
        Type::BOOL => Value::Bool(boolean(trimmed).ok_or_else(bad)?),
        Type::INT2 | Type::INT4 | Type::INT8 => {
            let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(bad());
            }
            let number = trimmed.parse::<i64>().ok().filter(|n| fits(ty, *n));
            Value::Int(number.ok_or_else(|| out_of_range(ty, text))?)
        }
        Type::OID | Type::XID | Type::CID => Value::Int(i64::from(trimmed.parse::<u32>().map_err(|_| bad())?)),
        _ if ty.is_reg() => match trimmed.parse::<u32>() {
            Ok(oid) => oid.into(),
            Err(_) if trimmed == "-" => Value::Int(0),
            Err(_) => names.oid_of(ty, trimmed)?.into(),
        },
        Type::FLOAT4 | Type::FLOAT8 => Value::Float(float(trimmed).ok_or_else(bad)?),
        Type::NUMERIC => Value::Num(Decimal::parse(trimmed).ok_or_else(bad)?),
        Type::MONEY => {
            let plain: String = trimmed.chars().filter(|c| !"$,".contains(*c)).collect();
            Value::Num(Decimal::parse(&plain).and_then(|n| n.round(2)).ok_or_else(bad)?)
        }
        Type::BYTEA => Value::Bytes(bytes(text).ok_or_else(bad)?.into()),
        Type::DATE => {
            let stamp = datetime::parse_stamp(trimmed, names.now()).ok_or_else(bad)?;
            Value::Date(stamp.div_euclid(DAY))
        }
        Type::TIMESTAMP | Type::TIMESTAMPTZ => {
            Value::Stamp(datetime::parse_stamp(trimmed, names.now()).ok_or_else(bad)?)
        }
        Type::TIME | Type::TIMETZ => Value::Time(datetime::parse_time(trimmed).ok_or_else(bad)?),
        Type::INTERVAL => Value::Interval(Interval::parse(trimmed).ok_or_else(bad)?),
        Type::UUID => {
            let digits: String = trimmed.chars().filter(|c| !"-{}".contains(*c)).collect();
            if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(bad());
            }
            let d = digits.to_ascii_lowercase();
            Value::from(format!(
                "{}-{}-{}-{}-{}",
                &d[..8],
                &d[8..12],
                &d[12..16],
                &d[16..20],
                &d[20..]
            ))
        }
        Type::NAME => Value::text(&text[..text.floor_char_boundary(63)]),
        Type::CHAR => Value::from(text.chars().next().map(String::from).unwrap_or_default()),
        _ => Value::text(text),
    })
}

pub(crate) fn fits(ty: Type, number: i64) -> bool {
    match ty {
        Type::INT2 => i16::try_from(number).is_ok(),
        Type::INT4 => i32::try_from(number).is_ok(),
        _ => true,
    }
}

fn boolean(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    let begins = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if begins("true", 1) || begins("yes", 1) || text == "on" || text == "1" {
        Some(true)
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || text == "0" {
        Some(false)
    } else {
        None
    }
}

fn float(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "nan" => Some(f64::NAN),
        "infinity" | "inf" | "+infinity" => Some(f64::INFINITY),
        "-infinity" | "-inf" => Some(f64::NEG_INFINITY),
        plain if plain.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => plain.parse().ok(),
        _ => None,
    }
}

/// `\x6869` and the older way with octal escapes.
fn bytes(text: &str) -> Option<Vec<u8>> {
    if let Some(digits) = text.strip_prefix("\\x") {
        return hex::decode(digits.split_whitespace().collect::<String>()).ok();
    }
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, rest) {
            (b'\\', [b'\\', after @ ..]) => {
                out.push(b'\\');
                rest = after;
            }
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            (b'\\', _) => return None,
            (byte, _) => out.push(byte),
        }
    }
    Some(out)
}

/// `{a,"b c",NULL}`, arrays in it or not.
fn array(element: Type, text: &str, names: &dyn Names) -> Result<Value, Error> {
    let malformed = || {
        Error::new("22P02", format!("malformed array literal: \"{text}\""))
            .detail("Array value must start with \"{\" or dimension information.")
            .raised("arrayfuncs.c", 265, "array_in")
    };
    let inner = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .ok_or_else(malformed)?;
    let (mut items, mut chars) = (Vec::new(), inner.chars().peekable());
    if inner.trim().is_empty() {
        return Ok(Value::Array(Rc::new([])));
    }
    loop {
        let (mut item, mut quoted, mut depth) = (String::new(), false, 0);
        let mut open = false;
        while let Some(&c) = chars.peek() {
            if c == ',' && !open && depth == 0 {
                break;
            }
            chars.next();
            match c {
                '"' if depth == 0 => {
                    open = !open;
                    quoted = true;
                }
                '\\' => item.extend(chars.next()),
                // Blanks around what is quoted are no part of it.
                c if c.is_whitespace() && !open && depth == 0 && (quoted || item.is_empty()) => {}
                '{' if !open => {
                    depth += 1;
                    item.push(c);
                }
                '}' if !open => {
                    depth -= 1;
                    item.push(c);
                }
                c => item.push(c),
            }
        }
        if open || depth != 0 {
            return Err(malformed());
        }
        let plain = item.trim();
        items.push(if quoted {
            input(element, &item, names)?
        } else if plain.eq_ignore_ascii_case("null") {
            Value::Null
        } else if plain.starts_with('{') {
            return Err(malformed());
        } else {
            input(element, plain, names)?
        });
        if chars.next().is_none() {
            return Ok(Value::Array(items.into()));
        }
    }
}

pub(crate) fn output(ty: Type, value: &Value, names: &dyn Names) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(b) => if *b { "t" } else { "f" }.into(),
        Value::Int(n) if ty.is_reg() => u32::try_from(*n).ok().map_or_else(
            || n.to_string(),
            |oid| match oid {
                0 => "-".into(),
                oid => names.name_of(ty, oid).unwrap_or_else(|| oid.to_string()),
            },
        ),
        Value::Int(n) => n.to_string(),
        Value::Float(n) => float_text(*n, ty == Type::FLOAT4),
        Value::Num(n) if ty == Type::MONEY => money(*n),
        Value::Num(n) => n.to_string(),
        Value::Text(text) => text.to_string(),
        Value::Bytes(bytes) => format!("\\x{}", hex::encode(bytes)),
        Value::Array(items) if matches!(ty, Type::OIDVECTOR | Type::INT2VECTOR) => items
            .iter()
            .map(|item| output(Type::INT8, item, names))
            .collect::<Vec<_>>()
            .join(" "),
        Value::Array(items) => {
            let element = ty.element().unwrap_or(Type::TEXT);
            let shown = items.iter().map(|item| array_item(element, item, names));
            format!("{{{}}}", shown.collect::<Vec<_>>().join(","))
        }
        Value::Row(items) => {
            let shown = items.iter().map(|item| row_item(item, names));
            format!("({})", shown.collect::<Vec<_>>().join(","))
        }
        Value::Date(days) => datetime::date_text(*days),
        Value::Time(micros) => datetime::time_text(*micros),
        Value::Stamp(micros) if ty == Type::TIMESTAMPTZ => format!("{}+00", datetime::stamp_text(*micros)),
        Value::Stamp(micros) => datetime::stamp_text(*micros),
        Value::Interval(interval) => interval.text(),
    }
}

fn array_item(element: Type, item: &Value, names: &dyn Names) -> String {
    if item.is_null() {
        return "NULL".into();
    }
    let text = output(element, item, names);
    let odd = |c: char| c.is_whitespace() || "{},\"\\".contains(c);
    let plain = !text.is_empty() && !text.eq_ignore_ascii_case("null") && !text.contains(odd);
    if plain || matches!(item, Value::Array(_)) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn row_item(item: &Value, names: &dyn Names) -> String {
    let text = output(Type::TEXT, item, names);
    let odd = |c: char| c.is_whitespace() || "(),\"\\".contains(c);
    if item.is_null() || (!text.is_empty() && !text.contains(odd)) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\""))
}

fn money(value: Decimal) -> String {
    let text = value.to_string();
    let (sign, plain) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, part) = plain.split_once('.').unwrap_or((plain, "00"));
    let grouped: Vec<_> = whole.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    format!("{sign}${}.{part}", grouped.join(","))
}

/// The shortest digits that give the same number, exponents where the product has them.
pub(crate) fn float_text(value: f64, single: bool) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    let scientific = if single {
        format!("{:e}", value as f32)
    } else {
        format!("{value:e}")
    };
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..15).contains(&exponent) && (!single || exponent < 6) {
        return if single {
            format!("{}", value as f32)
        } else {
            format!("{value}")
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl Names for Nobody {
        fn name_of(&self, _: Type, _: u32) -> Option<String> {
            None
        }

        fn oid_of(&self, _: Type, name: &str) -> Result<u32, Error> {
            Err(Error::new("42P01", name))
        }

        fn now(&self) -> i64 {
            0
        }
    }

    #[test]
    fn what_is_read_is_shown_as_the_product_shows_it() {
        for (ty, text, shown) in [
            (Type::BOOL, "yes", "t"),
            (Type::FLOAT8, "1e20", "1e+20"),
            (Type::FLOAT8, "0.1", "0.1"),
            (Type::FLOAT8, "1e-5", "1e-05"),
            (
                Type::TEXT_ARRAY,
                r#"{a, "b c" ,NULL,"d\"e"}"#,
                r#"{a,"b c",NULL,"d\"e"}"#,
            ),
            (Type::BYTEA, r"a\000\\b", r"\x61005c62"),
            (Type::INT2VECTOR, "1 2", "1 2"),
            (Type::MONEY, "$1,234.5", "$1,234.50"),
            (
                Type::UUID,
                "{A0EEBC999C0B4EF8BB6D6BB9BD380A11}",
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            ),
        ] {
            assert_eq!(output(ty, &input(ty, text, &Nobody).unwrap(), &Nobody), shown);
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_in_the_products_words() {
        for (ty, text, message) in [
            (Type::INT4, "z", "invalid input syntax for type integer: \"z\""),
            (Type::INT2, "40000", "value \"40000\" is out of range for type smallint"),
            (Type::BOOL, "maybe", "invalid input syntax for type boolean: \"maybe\""),
            (Type::DATE, "soon", "invalid input syntax for type date: \"soon\""),
            (Type::TEXT_ARRAY, "x", "malformed array literal: \"x\""),
        ] {
            assert_eq!(input(ty, text, &Nobody).unwrap_err().message, message);
        }
    }
}
