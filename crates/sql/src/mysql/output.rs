//! Values as MySQL sends them.

use crate::datetime::{DAY, EPOCH};
use crate::types::Type;
use crate::value::Value;

const SECOND: i64 = 1_000_000;

/// As text; none is NULL.
pub fn text(ty: Type, value: &Value) -> Option<Vec<u8>> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(b) => u8::from(*b).to_string().into_bytes(),
        Value::Int(n) => n.to_string().into_bytes(),
        Value::Float(n) => float(ty, *n).into_bytes(),
        Value::Num(n) => n.to_string().into_bytes(),
        Value::Text(text) => text.as_bytes().to_vec(),
        Value::Bytes(bytes) => bytes.to_vec(),
        Value::Date(days) => day(*days).into_bytes(),
        Value::Time(micros) => clock(*micros).into_bytes(),
        Value::Stamp(micros) => {
            let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
            format!("{} {}", day(days), clock(rest)).into_bytes()
        }
        Value::Interval(interval) => clock(interval.micros).into_bytes(),
        Value::Array(items) | Value::Row(items) => {
            let items = items.iter().filter_map(|item| text(ty, item));
            items.collect::<Vec<_>>().join(&b","[..])
        }
    })
}

fn float(ty: Type, number: f64) -> String {
    if ty == Type::FLOAT4 {
        return shortest(f64::from(number as f32), &format!("{}", number as f32));
    }
    shortest(number, &format!("{number}"))
}

/// Very large and very small numbers have an exponent.
fn shortest(number: f64, plain: &str) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-15..1e15).contains(&size) {
        return format!("{number:e}");
    }
    plain.to_owned()
}

fn day(days: i64) -> String {
    let (year, month, day) = crate::datetime::civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

fn clock(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.saturating_abs();
    let seconds = micros / SECOND;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match micros % SECOND {
        0 => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
        part => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}.{part:06}"),
    }
}

/// As prepared statements have it, by the type the column is told to be of; none is NULL.
pub fn binary(code: u8, value: &Value) -> Option<Vec<u8>> {
    use super::column::code as codes;
    let number = || super::coerce::number(value).unwrap_or(0.0);
    let whole = || value.as_int().unwrap_or_else(|| number() as i64);
    Some(match code {
        _ if value.is_null() => return None,
        codes::TINY => vec![whole() as u8],
        codes::SHORT | codes::YEAR => (whole() as i16).to_le_bytes().to_vec(),
        codes::LONG | codes::INT24 => (whole() as i32).to_le_bytes().to_vec(),
        codes::LONGLONG => whole().to_le_bytes().to_vec(),
        codes::FLOAT => (number() as f32).to_le_bytes().to_vec(),
        codes::DOUBLE => number().to_le_bytes().to_vec(),
        codes::DATE | codes::DATETIME | codes::TIMESTAMP => moment(value),
        codes::TIME => span(value),
        _ => sized(&text(Type::TEXT, value)?),
    })
}

fn moment(value: &Value) -> Vec<u8> {
    let (days, micros) = match value {
        Value::Date(days) => (*days, 0),
        Value::Stamp(at) => (at.div_euclid(DAY), at.rem_euclid(DAY)),
        _ => return vec![0],
    };
    let (year, month, day) = crate::datetime::civil(days);
    let mut out = vec![0];
    out.extend((year as u16).to_le_bytes());
    out.extend([month as u8, day as u8]);
    if micros > 0 {
        let seconds = micros / SECOND;
        out.extend([(seconds / 3600) as u8, (seconds / 60 % 60) as u8, (seconds % 60) as u8]);
        if micros % SECOND > 0 {
            out.extend(((micros % SECOND) as u32).to_le_bytes());
        }
    }
    out[0] = (out.len() - 1) as u8;
    out
}

fn span(value: &Value) -> Vec<u8> {
    let micros = match value {
        Value::Time(micros) => *micros,
        Value::Interval(interval) => interval.micros,
        // A time of day is kept as it was written.
        value => text(Type::TEXT, value).map_or(0, |shown| written(&String::from_utf8_lossy(&shown))),
    };
    if micros == 0 {
        return vec![0];
    }
    let seconds = micros.saturating_abs() / SECOND;
    let mut out = vec![8, u8::from(micros < 0)];
    out.extend(((seconds / 86_400) as u32).to_le_bytes());
    out.extend([
        (seconds / 3600 % 24) as u8,
        (seconds / 60 % 60) as u8,
        (seconds % 60) as u8,
    ]);
    out
}

/// Microseconds of `-10:11:12.5`; none where it is no time.
fn written(text: &str) -> i64 {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut parts = text.split(':').map(|part| part.parse::<f64>().unwrap_or(0.0));
    let mut part = || parts.next().unwrap_or(0.0);
    let seconds = part() * 3600.0 + part() * 60.0 + part();
    sign * (seconds * SECOND as f64) as i64
}

/// Bytes after their length.
pub fn sized(bytes: &[u8]) -> Vec<u8> {
    let mut out = length(bytes.len() as u64);
    out.extend(bytes);
    out
}

/// A length as the protocol writes it.
pub fn length(count: u64) -> Vec<u8> {
    match count {
        0..=250 => vec![count as u8],
        251..=0xffff => [&[0xfc][..], &(count as u16).to_le_bytes()].concat(),
        0x1_0000..=0xff_ffff => [&[0xfd][..], &count.to_le_bytes()[..3]].concat(),
        _ => [&[0xfe][..], &count.to_le_bytes()].concat(),
    }
}

/// Seconds since the Unix epoch of a moment.
pub(crate) fn unix(micros: i64) -> i64 {
    micros.div_euclid(SECOND) + EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_the_product_shows_them() {
        let shown = |value| String::from_utf8(text(Type::TEXT, &value).unwrap()).unwrap();
        assert_eq!(shown(Value::Bool(true)), "1");
        assert_eq!(shown(Value::Float(1.5)), "1.5");
        assert_eq!(shown(Value::Float(1e20)), "1e20");
        assert_eq!(shown(Value::Stamp(0)), "2000-01-01 00:00:00");
        assert_eq!(shown(Value::Date(59)), "2000-02-29");
    }

    #[test]
    fn lengths_grow_by_steps() {
        assert_eq!(length(250), [250]);
        assert_eq!(length(251), [0xfc, 251, 0]);
        assert_eq!(length(0x1_0000), [0xfd, 0, 0, 1]);
    }
}
