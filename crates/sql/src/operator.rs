//! Operators: what they take, and what comes of it.

use std::cmp::Ordering;

use crate::cx::Cx;
use crate::datetime::{DAY, Interval};
use crate::error::Error;
use crate::pattern;
use crate::plan::Apply;
use crate::types::Type;
use crate::value::Value;

pub(crate) const EQUAL: Apply = |_, args| Ok(Value::Bool(args[0].order(&args[1]) == Ordering::Equal));

/// An operator found: what both sides are taken as, its result, and how it is reckoned.
pub(crate) struct Found {
    pub(crate) left: Type,
    pub(crate) right: Type,
    pub(crate) result: Type,
    pub(crate) apply: Apply,
}

fn comparison(op: &str) -> Option<Apply> {
    Some(match op {
        "=" => EQUAL,
        "<>" => |_, args| Ok(Value::Bool(args[0].order(&args[1]) != Ordering::Equal)),
        "<" => |_, args| Ok(Value::Bool(args[0].order(&args[1]) == Ordering::Less)),
        ">" => |_, args| Ok(Value::Bool(args[0].order(&args[1]) == Ordering::Greater)),
        "<=" => |_, args| Ok(Value::Bool(args[0].order(&args[1]) != Ordering::Greater)),
        ">=" => |_, args| Ok(Value::Bool(args[0].order(&args[1]) != Ordering::Less)),
        _ => return None,
    })
}

/// The type both sides of a comparison, or all parts of a list, are taken as.
pub(crate) fn common(left: Type, right: Type) -> Option<Type> {
    use crate::cast::is_implicit;
    if left == right {
        return Some(if left == Type::UNKNOWN { Type::TEXT } else { left });
    }
    if left == Type::UNKNOWN {
        return Some(right);
    }
    if right == Type::UNKNOWN {
        return Some(left);
    }
    if left.is_text() && right.is_text() {
        return Some(Type::TEXT);
    }
    if left.is_oid() && right.is_oid() {
        return Some(Type::OID);
    }
    if left.is_oid() && right.is_integer() || left.is_integer() && right.is_oid() {
        let number = if left.is_oid() { right } else { left };
        return Some(if number == Type::INT8 { Type::INT8 } else { Type::OID });
    }
    if left.is_reg() && right.is_text() {
        return Some(left);
    }
    if is_implicit(left, right) {
        Some(right)
    } else if is_implicit(right, left) {
        Some(left)
    } else {
        None
    }
}

pub(crate) fn find(op: &str, left: Type, right: Type) -> Option<Found> {
    if let Some(apply) = comparison(op) {
        let both = common(left, right)?;
        return Some(Found {
            left: both,
            right: both,
            result: Type::BOOL,
            apply,
        });
    }
    arithmetic(op, left, right)
        .or_else(|| dated(op, left, right))
        .or_else(|| textual(op, left, right))
}

fn found(left: Type, right: Type, result: Type, apply: Apply) -> Option<Found> {
    Some(Found {
        left,
        right,
        result,
        apply,
    })
}

fn arithmetic(op: &str, left: Type, right: Type) -> Option<Found> {
    let numeric = |ty: Type| ty.is_number() || ty == Type::UNKNOWN;
    if !numeric(left) || !numeric(right) || (left == Type::UNKNOWN && right == Type::UNKNOWN) {
        return None;
    }
    let mut both = common(left, right)?;
    let apply: Apply = match op {
        "+" => |_, args| reckon(args, i64::checked_add, |a, b| a.add(b), |a, b| a + b),
        "-" => |_, args| reckon(args, i64::checked_sub, |a, b| a.add(b.neg()), |a, b| a - b),
        "*" => |_, args| reckon(args, i64::checked_mul, |a, b| a.mul(b), |a, b| a * b),
        "/" => |_, args| {
            divisor(args)?;
            reckon(args, i64::checked_div, |a, b| a.div(b), |a, b| a / b)
        },
        "%" => |_, args| {
            divisor(args)?;
            reckon(args, i64::checked_rem, |a, b| a.rem(b), |a, b| a % b)
        },
        "^" => {
            both = Type::FLOAT8;
            |_, args| reckon(args, |_, _| None, |_, _| None, f64::powf)
        }
        "&" | "|" | "#" | "<<" | ">>" if both.is_integer() => {
            let apply: Apply = match op {
                "&" => |_, args| bits(args, |a, b| a & b),
                "|" => |_, args| bits(args, |a, b| a | b),
                "#" => |_, args| bits(args, |a, b| a ^ b),
                "<<" => |_, args| bits(args, |a, b| a.wrapping_shl(b as u32)),
                _ => |_, args| bits(args, |a, b| a.wrapping_shr(b as u32)),
            };
            return found(both, both, both, apply);
        }
        _ => return None,
    };
    found(both, both, both, apply)
}

fn bits(args: &[Value], op: fn(i64, i64) -> i64) -> Result<Value, Error> {
    Ok(match (args[0].as_int(), args[1].as_int()) {
        (Some(a), Some(b)) => Value::Int(op(a, b)),
        _ => Value::Null,
    })
}

fn divisor(args: &[Value]) -> Result<(), Error> {
    let zero = match &args[1] {
        Value::Int(n) => *n == 0,
        Value::Num(n) => n.is_zero(),
        Value::Float(n) => *n == 0.0,
        _ => false,
    };
    if zero {
        Err(Error::new("22012", "division by zero"))
    } else {
        Ok(())
    }
}

fn reckon(
    args: &[Value],
    int: fn(i64, i64) -> Option<i64>,
    num: fn(crate::decimal::Decimal, crate::decimal::Decimal) -> Option<crate::decimal::Decimal>,
    float: fn(f64, f64) -> f64,
) -> Result<Value, Error> {
    match (&args[0], &args[1]) {
        (Value::Int(a), Value::Int(b)) => int(*a, *b)
            .map(Value::Int)
            .ok_or_else(|| Error::new("22003", "bigint out of range")),
        (Value::Num(a), Value::Num(b)) => num(*a, *b).map(Value::Num).ok_or_else(|| {
            Error::new("22003", "value overflows numeric format").raised("numeric.c", 7606, "make_result_opt_error")
        }),
        (a, b) => Ok(match (a.as_float(), b.as_float()) {
            (Some(a), Some(b)) => Value::Float(float(a, b)),
            _ => Value::Null,
        }),
    }
}

fn dated(op: &str, left: Type, right: Type) -> Option<Found> {
    let later: Apply = |_, args| shift(&args[0], &args[1], 1.0);
    let earlier: Apply = |_, args| shift(&args[0], &args[1], -1.0);
    let interval = |ty: Type| matches!(ty, Type::INTERVAL | Type::UNKNOWN);
    let moment = |ty: Type| if ty == Type::DATE { Type::TIMESTAMP } else { ty };
    match (op, left, right) {
        ("+", Type::DATE, right) if right.is_integer() => found(left, Type::INT4, left, |_, args| days(args, 1)),
        ("-", Type::DATE, right) if right.is_integer() => found(left, Type::INT4, left, |_, args| days(args, -1)),
        ("-", Type::DATE, Type::DATE) => found(left, right, Type::INT4, |_, args| match (&args[0], &args[1]) {
            (Value::Date(a), Value::Date(b)) => Ok(Value::Int(a - b)),
            _ => Ok(Value::Null),
        }),
        ("-", left, right) if left.is_date() && right.is_date() => {
            let both = common(left, right)?;
            found(both, both, Type::INTERVAL, |_, args| match (&args[0], &args[1]) {
                (Value::Stamp(a), Value::Stamp(b)) => {
                    let micros = a.saturating_sub(*b);
                    let days = i32::try_from(micros / DAY).unwrap_or(i32::MAX);
                    Ok(Value::Interval(Interval::of(0, days, micros % DAY)))
                }
                _ => Ok(Value::Null),
            })
        }
        ("+", left, right) if left.is_date() && interval(right) => {
            found(moment(left), Type::INTERVAL, moment(left), later)
        }
        ("-", left, Type::INTERVAL) if left.is_date() => found(moment(left), Type::INTERVAL, moment(left), earlier),
        ("+", Type::INTERVAL, right) if right.is_date() => {
            found(Type::INTERVAL, moment(right), moment(right), |_, args| {
                shift(&args[1], &args[0], 1.0)
            })
        }
        ("+" | "-", Type::INTERVAL, right) if interval(right) => {
            let apply: Apply = if op == "+" {
                |_, args| spans(args, 1.0)
            } else {
                |_, args| spans(args, -1.0)
            };
            found(Type::INTERVAL, Type::INTERVAL, Type::INTERVAL, apply)
        }
        ("*", Type::INTERVAL, right) if right.is_number() => {
            found(left, Type::FLOAT8, left, |_, args| times(&args[0], &args[1]))
        }
        ("*", left, Type::INTERVAL) if left.is_number() => {
            found(Type::FLOAT8, right, right, |_, args| times(&args[1], &args[0]))
        }
        _ => None,
    }
}

fn days(args: &[Value], sign: i64) -> Result<Value, Error> {
    Ok(match (&args[0], args[1].as_int()) {
        (Value::Date(day), Some(n)) => Value::Date(day.saturating_add(sign * n)),
        _ => Value::Null,
    })
}

fn shift(moment: &Value, by: &Value, times: f64) -> Result<Value, Error> {
    match (moment, by) {
        (Value::Stamp(moment), Value::Interval(by)) => {
            by.times(times).after(*moment).map(Value::Stamp).ok_or_else(|| {
                Error::new("22008", "timestamp out of range").raised("timestamp.c", 3094, "timestamp_pl_interval")
            })
        }
        _ => Ok(Value::Null),
    }
}

fn spans(args: &[Value], sign: f64) -> Result<Value, Error> {
    Ok(match (&args[0], &args[1]) {
        (Value::Interval(a), Value::Interval(b)) => Value::Interval(a.plus(b.times(sign))),
        _ => Value::Null,
    })
}

fn times(span: &Value, by: &Value) -> Result<Value, Error> {
    Ok(match (span, by.as_float()) {
        (Value::Interval(span), Some(by)) => Value::Interval(span.times(by)),
        _ => Value::Null,
    })
}

fn textual(op: &str, left: Type, right: Type) -> Option<Found> {
    match op {
        "||" => return beside(left, right),
        "@>" | "<@" | "&&" => {
            let both = common(left, right).filter(|ty| ty.element().is_some())?;
            let apply: Apply = match op {
                "@>" => |_, args| Ok(Value::Bool(holds(&args[0], &args[1]))),
                "<@" => |_, args| Ok(Value::Bool(holds(&args[1], &args[0]))),
                _ => |_, args| {
                    let shared = |one: &Value| args[1].items().iter().any(|two| one.order(two).is_eq());
                    Ok(Value::Bool(args[0].items().iter().any(shared)))
                },
            };
            return found(both, both, Type::BOOL, apply);
        }
        _ => {}
    }
    if !left.is_text() || !right.is_text() {
        return None;
    }
    let apply: Apply = match op {
        "~" => |cx, args| matches(cx, args, false, true),
        "~*" => |cx, args| matches(cx, args, true, true),
        "!~" => |cx, args| matches(cx, args, false, false),
        "!~*" => |cx, args| matches(cx, args, true, false),
        "~~" => |cx, args| like(cx, args, false, true),
        "~~*" => |cx, args| like(cx, args, true, true),
        "!~~" => |cx, args| like(cx, args, false, false),
        "!~~*" => |cx, args| like(cx, args, true, false),
        "^@" => |_, args| {
            Ok(Value::Bool(
                args[0]
                    .as_str()
                    .unwrap_or("")
                    .starts_with(args[1].as_str().unwrap_or("")),
            ))
        },
        _ => return None,
    };
    found(Type::TEXT, Type::TEXT, Type::BOOL, apply)
}

fn holds(all: &Value, some: &Value) -> bool {
    let within = |one: &Value| all.items().iter().any(|two| one.order(two).is_eq());
    some.items().iter().all(within)
}

fn beside(left: Type, right: Type) -> Option<Found> {
    if left.element().is_some() || right.element().is_some() {
        let array = if left.element().is_some() { left } else { right };
        let element = array.element()?;
        if left.element().is_some() && right.element().is_some() || left == Type::UNKNOWN || right == Type::UNKNOWN {
            return found(array, array, array, |_, args| {
                Ok(Value::Array(
                    args[0].items().iter().chain(args[1].items()).cloned().collect(),
                ))
            });
        }
        let (left, right) = if left.element().is_some() {
            (array, element)
        } else {
            (element, array)
        };
        return found(left, right, array, |_, args| {
            let items = args.iter().flat_map(|arg| match arg {
                Value::Array(items) => items.to_vec(),
                one => vec![one.clone()],
            });
            Ok(Value::Array(items.collect()))
        });
    }
    if left == Type::BYTEA && right == Type::BYTEA {
        return found(left, right, left, |_, args| match (&args[0], &args[1]) {
            (Value::Bytes(a), Value::Bytes(b)) => Ok(Value::Bytes([&a[..], &b[..]].concat().into())),
            _ => Ok(Value::Null),
        });
    }
    if !left.is_text() && !right.is_text() {
        return None;
    }
    found(Type::TEXT, Type::TEXT, Type::TEXT, |cx, args| {
        let both = [args[0].as_str().unwrap_or(""), args[1].as_str().unwrap_or("")].concat();
        cx.hold(both.len())?;
        Ok(both.into())
    })
}

fn matches(cx: &Cx<'_>, args: &[Value], fold: bool, wanted: bool) -> Result<Value, Error> {
    let (text, pattern) = (args[0].as_str().unwrap_or(""), args[1].as_str().unwrap_or(""));
    let pattern = pattern::compile(pattern, fold)?;
    Ok(Value::Bool(pattern.find(text, cx)?.is_some() == wanted))
}

fn like(cx: &Cx<'_>, args: &[Value], fold: bool, wanted: bool) -> Result<Value, Error> {
    let (text, pattern) = (args[0].as_str().unwrap_or(""), args[1].as_str().unwrap_or(""));
    Ok(Value::Bool(pattern::like(text, pattern, fold, cx)? == wanted))
}
