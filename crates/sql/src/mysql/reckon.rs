//! What MySQL's functions reckon.

use crate::cx::{Act, Cx};
use crate::datetime::{DAY, Interval};
use crate::error::Error;
use crate::function::{int_of, str_of};
use crate::types::Type;
use crate::value::Value;

use super::{coerce, output, variables};

const T: Type = Type::TEXT;

pub(super) fn client(cx: &Cx<'_>) -> String {
    format!("{}@{}", super::grants::user(cx), cx.state.persona.client_address)
}

pub(super) fn kept(cx: &Cx<'_>, name: &str) -> Value {
    let kept = cx.state.variables.borrow();
    kept.get(&name.to_lowercase()).map_or(Value::Null, coerce::words)
}

/// What the text of this connection is in.
pub(super) fn connection(cx: &Cx<'_>, name: &str) -> Value {
    variables::value(cx.state, name).unwrap_or_default().into()
}

/// Variables one session keeps.
const MOST_KEPT: usize = 500;

pub(crate) fn keep(cx: &Cx<'_>, name: &str, value: Value) {
    let mut kept = cx.state.variables.borrow_mut();
    if kept.len() < MOST_KEPT || kept.contains_key(&name.to_lowercase()) {
        kept.insert(name.to_lowercase(), value);
    }
}

pub(super) fn system(cx: &Cx<'_>, args: &[Value]) -> Result<Value, Error> {
    let name = str_of(args, 0);
    let value = variables::value(cx.state, name).ok_or_else(|| variables::unknown(&variables::bare(name)))?;
    Ok(match value.as_str() {
        "ON" => "1".into(),
        "OFF" => "0".into(),
        _ => value.into(),
    })
}

/// Whole seconds, as the product has them unless asked for more.
pub(super) fn now(cx: &Cx<'_>) -> Value {
    Value::Stamp(cx.state.began.get().div_euclid(1_000_000) * 1_000_000)
}

pub(super) fn today(cx: &Cx<'_>) -> Value {
    Value::Date(cx.state.began.get().div_euclid(DAY))
}

pub(super) fn time(cx: &Cx<'_>) -> Value {
    Value::Time(cx.state.began.get().rem_euclid(DAY) / 1_000_000 * 1_000_000)
}

pub(super) fn stamp(args: &[Value], at: usize) -> Option<i64> {
    match args.get(at) {
        Some(Value::Stamp(micros)) => Some(*micros),
        _ => None,
    }
}

pub(super) fn part(args: &[Value], of: fn((i64, u32, u32), i64) -> i64) -> Value {
    stamp(args, 0)
        .map(|at| {
            of(
                crate::datetime::civil(at.div_euclid(DAY)),
                at.rem_euclid(DAY) / 1_000_000,
            )
        })
        .into()
}

/// `INTERVAL 5 DAY`.
pub(super) fn span(amount: &str, unit: &str) -> Value {
    let number: f64 = coerce::number(&amount.into()).unwrap_or(0.0);
    let whole = number as i64;
    let small = |n: i64| i32::try_from(n).unwrap_or(0);
    let seconds = |n: f64| Interval::of(0, 0, (n * 1_000_000.0) as i64);
    Value::Interval(match unit {
        "year" => Interval::of(small(whole.saturating_mul(12)), 0, 0),
        "quarter" => Interval::of(small(whole.saturating_mul(3)), 0, 0),
        "month" => Interval::of(small(whole), 0, 0),
        "week" => Interval::of(0, small(whole.saturating_mul(7)), 0),
        "day" => Interval::of(0, small(whole), 0),
        "hour" => seconds(number * 3600.0),
        "minute" => seconds(number * 60.0),
        "second" => seconds(number),
        "microsecond" => Interval::of(0, 0, whole),
        _ => Interval::of(0, small(whole), 0),
    })
}

pub(super) fn apart(unit: &str, from: Option<i64>, to: Option<i64>) -> Value {
    let Some((from, to)) = from.zip(to) else {
        return Value::Null;
    };
    let seconds = to.saturating_sub(from) / 1_000_000;
    let by = match unit {
        "microsecond" => return Value::Int(to.saturating_sub(from)),
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        "week" => 604_800,
        "month" => 2_629_746,
        "year" => 31_556_952,
        _ => 1,
    };
    Value::Int(seconds / by)
}

pub(super) fn formatted(at: Option<i64>, format: &str) -> Value {
    let Some(at) = at else { return Value::Null };
    let (year, month, day) = crate::datetime::civil(at.div_euclid(DAY));
    let seconds = at.rem_euclid(DAY) / 1_000_000;
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('Y') => out.push_str(&format!("{year:04}")),
            Some('y') => out.push_str(&format!("{:02}", year % 100)),
            Some('m') => out.push_str(&format!("{month:02}")),
            Some('d') => out.push_str(&format!("{day:02}")),
            Some('H') => out.push_str(&format!("{:02}", seconds / 3600)),
            Some('i') => out.push_str(&format!("{:02}", seconds / 60 % 60)),
            Some('s' | 'S') => out.push_str(&format!("{:02}", seconds % 60)),
            Some('T') => out.push_str(&format!(
                "{:02}:{:02}:{:02}",
                seconds / 3600,
                seconds / 60 % 60,
                seconds % 60
            )),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out.into()
}

/// Characters from a place on, counted from the end where it is below zero.
pub(super) fn mid(args: &[Value], count: Option<i64>) -> Value {
    let chars: Vec<char> = str_of(args, 0).chars().collect();
    let from = match int_of(args, 1) {
        0 => return "".into(),
        n if n > 0 => usize::try_from(n - 1).unwrap_or(usize::MAX),
        n => match chars
            .len()
            .checked_sub(usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX))
        {
            Some(from) => from,
            None => return "".into(),
        },
    };
    let count = count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(0));
    chars.into_iter().skip(from).take(count).collect::<String>().into()
}

pub(super) fn before(text: &str, mark: &str, count: i64) -> Value {
    if mark.is_empty() || count == 0 {
        return "".into();
    }
    let parts: Vec<&str> = text.split(mark).collect();
    let wanted = usize::try_from(count.unsigned_abs())
        .unwrap_or(usize::MAX)
        .min(parts.len());
    let kept = if count > 0 {
        &parts[..wanted]
    } else {
        &parts[parts.len() - wanted..]
    };
    kept.join(mark).into()
}

pub(super) fn place(text: &str, what: &str) -> Value {
    let (text, what) = (text.to_lowercase(), what.to_lowercase());
    Value::Int(text.find(&what).map_or(0, |at| text[..at].chars().count() as i64 + 1))
}

pub(super) fn coerce_bytes(value: &Value) -> Option<Vec<u8>> {
    output::text(T, value)
}

pub(super) fn one(args: &[Value], reckon: impl Fn(f64) -> f64) -> Value {
    let number = coerce::number(&args[0]).map(reckon).filter(|n| n.is_finite());
    number.map_or(Value::Null, Value::Float)
}

pub(super) fn both(args: &[Value], reckon: fn(f64, f64) -> f64) -> Value {
    let numbers = coerce::number(&args[0]).zip(coerce::number(&args[1]));
    let number = numbers.map(|(a, b)| reckon(a, b)).filter(|n| n.is_finite());
    number.map_or(Value::Null, Value::Float)
}

pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(sum & 1))
        })
    });
    !sum
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for part in bytes.chunks(3) {
        let sum = part.iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
        for at in 0..4 {
            let digit = DIGITS[(sum >> (18 - 6 * at) & 63) as usize];
            out.push(if at > part.len() { '=' } else { digit.into() });
        }
    }
    out
}

pub(super) fn unbase64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut sum, mut bits) = (0u32, 0);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        sum = sum << 6 | DIGITS.iter().position(|digit| *digit == byte)? as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((sum >> bits) as u8);
            sum &= (1 << bits) - 1;
        }
    }
    Some(out)
}

/// A file of the machine; NULL where it cannot be had.
pub(super) fn load(cx: &Cx<'_>, path: &str) -> Value {
    let path = crate::function::absolute(cx, path);
    let found = if cx.is_superuser() {
        cx.host.read(&path).ok()
    } else {
        None
    };
    cx.act(Act::FileRead {
        path,
        found: found.is_some(),
    });
    match found {
        Some(bytes) if cx.hold(bytes.len()).is_ok() => Value::Bytes(bytes.into()),
        _ => Value::Null,
    }
}

/// What is no path is told back, which is what is asked with it.
pub(super) fn xpath(path: &str) -> Result<Value, Error> {
    let sound = path
        .chars()
        .next()
        .is_none_or(|c| c == '/' || c.is_alphabetic() || c == '*' || c == '.');
    if sound {
        return Ok("".into());
    }
    let told: String = path.chars().take(32).collect();
    Err(super::error::refuse(1105, format!("XPATH syntax error: '{told}'")))
}
