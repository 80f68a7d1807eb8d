//! Moments and spans of time.

use super::{Function, function, str_of};
use crate::cast;
use crate::cx::Cx;
use crate::datetime::{self, DAY, EPOCH, Interval};
use crate::decimal::Decimal;
use crate::error::Error;
use crate::types::Type;
use crate::value::Value;

const T: Type = Type::TEXT;
const TS: Type = Type::TIMESTAMP;
const TZ: Type = Type::TIMESTAMPTZ;
const N: Type = Type::NUMERIC;
const F: Type = Type::FLOAT8;

pub(super) const TABLE: &[Function] = &[
    function("now", &[], TZ, |cx, _| Ok(cast::now(cx))),
    function("current_timestamp", &[], TZ, |cx, _| Ok(cast::now(cx))),
    function("transaction_timestamp", &[], TZ, |cx, _| Ok(cast::now(cx))),
    function("statement_timestamp", &[], TZ, |cx, _| Ok(cast::now(cx))),
    function("clock_timestamp", &[], TZ, |cx, _| Ok(Value::Stamp(cx.clock()))),
    function("localtimestamp", &[], TS, |cx, _| Ok(cast::now(cx))),
    function("current_date", &[], Type::DATE, |cx, _| {
        Ok(Value::Date(cx.state.began.get().div_euclid(DAY)))
    }),
    function("current_time", &[], Type::TIMETZ, |cx, _| {
        Ok(Value::Time(cx.state.began.get().rem_euclid(DAY)))
    }),
    function("localtime", &[], Type::TIME, |cx, _| {
        Ok(Value::Time(cx.state.began.get().rem_euclid(DAY)))
    }),
    function("timeofday", &[], T, |cx, _| Ok(datetime::stamp_text(cx.clock()).into())),
    function("date_trunc", &[T, TZ], TZ, trunc),
    function("date_trunc", &[T, TS], TS, trunc),
    function("extract", &[T, TZ], N, |_, a| part(a, true)),
    function("extract", &[T, TS], N, |_, a| part(a, true)),
    function("extract", &[T, Type::DATE], N, |_, a| part(a, true)),
    function("extract", &[T, Type::INTERVAL], N, |_, a| part(a, true)),
    function("date_part", &[T, TZ], F, |_, a| part(a, false)),
    function("date_part", &[T, TS], F, |_, a| part(a, false)),
    function("date_part", &[T, Type::DATE], F, |_, a| part(a, false)),
    function("date_part", &[T, Type::INTERVAL], F, |_, a| part(a, false)),
    function("age", &[TZ], Type::INTERVAL, |cx, a| {
        let today = cx.state.began.get().div_euclid(DAY) * DAY;
        Ok(since(today, &a[0]))
    }),
    function("age", &[TZ, TZ], Type::INTERVAL, |_, a| match &a[0] {
        Value::Stamp(from) => Ok(since(*from, &a[1])),
        _ => Ok(Value::Null),
    }),
    function("to_timestamp", &[F], TZ, |_, a| {
        let seconds = a[0].as_float().unwrap_or(0.0) - EPOCH as f64;
        Ok(Value::Stamp((seconds * 1e6) as i64))
    }),
    function("timezone", &[T, TZ], TS, |_, a| Ok(a[1].clone())),
    function("timezone", &[T, TS], TZ, |_, a| Ok(a[1].clone())),
    function("to_char", &[TZ, T], T, |_, a| Ok(shown(a).into())),
    function("to_char", &[TS, T], T, |_, a| Ok(shown(a).into())),
    function("to_char", &[N, T], T, |_, a| {
        Ok(a[0].as_num().map_or(String::new(), |n| format!(" {n}")).into())
    }),
];

fn stamp(value: &Value) -> i64 {
    match value {
        Value::Stamp(micros) => *micros,
        Value::Date(days) => days.saturating_mul(DAY),
        _ => 0,
    }
}

fn unknown(unit: &str) -> Error {
    Error::new(
        "22023",
        format!("unit \"{unit}\" not recognized for type timestamp with time zone"),
    )
    .raised("timestamp.c", 5215, "timestamptz_part_common")
}

fn trunc(_: &Cx<'_>, args: &[Value]) -> Result<Value, Error> {
    let micros = stamp(&args[1]);
    let unit = str_of(args, 0).to_ascii_lowercase();
    let (year, month, _) = datetime::civil(micros.div_euclid(DAY));
    let first = |year, month| datetime::days_of(year, month, 1).unwrap_or(0) * DAY;
    let step = match unit.as_str() {
        "second" => 1_000_000,
        "minute" => 60_000_000,
        "hour" => 3_600_000_000,
        "day" => DAY,
        "week" => {
            return Ok(Value::Stamp(
                (micros.div_euclid(DAY) + 5).div_euclid(7) * 7 * DAY - 5 * DAY,
            ));
        }
        "month" => return Ok(Value::Stamp(first(year, month))),
        "quarter" => return Ok(Value::Stamp(first(year, (month - 1) / 3 * 3 + 1))),
        "year" => return Ok(Value::Stamp(first(year, 1))),
        other => return Err(unknown(other)),
    };
    Ok(Value::Stamp(micros.div_euclid(step) * step))
}

fn part(args: &[Value], exact: bool) -> Result<Value, Error> {
    let unit = str_of(args, 0).to_ascii_lowercase();
    let micros_value = |micros: i64| {
        let scaled = Decimal::from(micros)
            .div(Decimal::from(1_000_000))
            .and_then(|n| n.round(6));
        scaled.map_or(Value::Null, Value::Num)
    };
    let number = match &args[1] {
        Value::Interval(Interval { months, days, micros }) => match unit.as_str() {
            "epoch" => micros_value(Interval::of(*months, *days, *micros).micros_in_all()),
            "year" => Value::Num(i64::from(months / 12).into()),
            "month" => Value::Num(i64::from(months % 12).into()),
            "day" => Value::Num(i64::from(*days).into()),
            "hour" => Value::Num((micros / 3_600_000_000).into()),
            "minute" => Value::Num((micros / 60_000_000 % 60).into()),
            "second" => micros_value(micros % 60_000_000),
            other => return Err(unknown(other)),
        },
        value => {
            let micros = stamp(value);
            let (day, clock) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
            let (year, month, date) = datetime::civil(day);
            let whole = |n: i64| Value::Num(n.into());
            match unit.as_str() {
                "epoch" => micros_value(micros.saturating_add(EPOCH * 1_000_000)),
                "year" => whole(year),
                "month" => whole(month.into()),
                "day" => whole(date.into()),
                "quarter" => whole((i64::from(month) - 1) / 3 + 1),
                "hour" => whole(clock / 3_600_000_000),
                "minute" => whole(clock / 60_000_000 % 60),
                "second" => micros_value(clock % 60_000_000),
                "dow" => whole((day + 6).rem_euclid(7)),
                "isodow" => whole((day + 5).rem_euclid(7) + 1),
                "doy" => whole(day - datetime::days_of(year, 1, 1).unwrap_or(0) + 1),
                other => return Err(unknown(other)),
            }
        }
    };
    Ok(if exact {
        number
    } else {
        number.as_float().map_or(Value::Null, Value::Float)
    })
}

fn since(from: i64, value: &Value) -> Value {
    let to = stamp(value);
    let micros = from.saturating_sub(to);
    let days = i32::try_from(micros / DAY).unwrap_or(i32::MAX);
    Value::Interval(Interval::of(0, days, micros % DAY))
}

/// The commonest of the patterns.
fn shown(args: &[Value]) -> String {
    let micros = stamp(&args[0]);
    let (day, clock) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    let (year, month, date) = datetime::civil(day);
    let mut out = String::new();
    let mut rest = str_of(args, 1);
    let hour = clock / 3_600_000_000;
    let marks: [(&str, String); 11] = [
        ("YYYY", format!("{year:04}")),
        ("YY", format!("{:02}", year % 100)),
        ("MM", format!("{month:02}")),
        ("DD", format!("{date:02}")),
        ("HH24", format!("{hour:02}")),
        ("HH12", format!("{:02}", (hour + 11) % 12 + 1)),
        ("HH", format!("{:02}", (hour + 11) % 12 + 1)),
        ("MI", format!("{:02}", clock / 60_000_000 % 60)),
        ("SS", format!("{:02}", clock / 1_000_000 % 60)),
        ("MS", format!("{:03}", clock / 1000 % 1000)),
        ("US", format!("{:06}", clock % 1_000_000)),
    ];
    while let Some(c) = rest.chars().next() {
        let known = marks.iter().find(|(mark, _)| {
            rest.get(..mark.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(mark))
        });
        match known {
            Some((mark, text)) => {
                out.push_str(text);
                rest = &rest[mark.len()..];
            }
            None => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}
