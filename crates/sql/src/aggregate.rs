//! One value out of many rows.

use std::collections::HashSet;

use crate::cx::Cx;
use crate::decimal::Decimal;
use crate::error::Error;
use crate::eval::{Env, all, eval};
use crate::exec::key;
use crate::plan::Aggregate;
use crate::types::Type;
use crate::value::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    CountRows,
    Count,
    Sum,
    SumFloat,
    SumNumeric,
    Average,
    AverageFloat,
    Min,
    Max,
    Array,
    String,
    And,
    Or,
    /// The first there is, in MySQL.
    First,
}

/// What the aggregate of that name over that type is, its result and the type its argument is taken as.
pub(crate) fn find(name: &str, arg: Option<Type>, star: bool) -> Option<(Kind, Type, Type)> {
    let ty = arg.unwrap_or(Type::TEXT);
    let plain = if ty == Type::UNKNOWN { Type::TEXT } else { ty };
    Some(match name {
        "count" if star => (Kind::CountRows, Type::INT8, plain),
        "count" => (Kind::Count, Type::INT8, plain),
        "sum" => match ty {
            Type::INT2 | Type::INT4 => (Kind::Sum, Type::INT8, ty),
            Type::FLOAT4 | Type::FLOAT8 => (Kind::SumFloat, ty, ty),
            Type::MONEY => (Kind::SumNumeric, Type::MONEY, ty),
            Type::INT8 | Type::NUMERIC => (Kind::SumNumeric, Type::NUMERIC, Type::NUMERIC),
            _ => return None,
        },
        "avg" => match ty {
            Type::FLOAT4 | Type::FLOAT8 => (Kind::AverageFloat, Type::FLOAT8, Type::FLOAT8),
            _ if ty.is_number() => (Kind::Average, Type::NUMERIC, Type::NUMERIC),
            _ => return None,
        },
        "min" => (Kind::Min, plain, plain),
        "max" => (Kind::Max, plain, plain),
        "group_concat" => (Kind::String, Type::TEXT, Type::TEXT),
        "array_agg" => (Kind::Array, plain.array(), plain),
        "string_agg" => (
            Kind::String,
            if ty == Type::BYTEA { ty } else { Type::TEXT },
            Type::TEXT,
        ),
        "bool_and" | "every" => (Kind::And, Type::BOOL, Type::BOOL),
        "bool_or" => (Kind::Or, Type::BOOL, Type::BOOL),
        _ => return None,
    })
}

pub(crate) fn is_aggregate(name: &str) -> bool {
    let all = [
        "group_concat",
        "count",
        "sum",
        "avg",
        "min",
        "max",
        "array_agg",
        "string_agg",
        "bool_and",
        "bool_or",
        "every",
    ];
    all.contains(&name)
}

pub(crate) fn reckon(
    cx: &Cx<'_>,
    aggregate: &Aggregate,
    rows: &[&[Value]],
    up: Option<&Env<'_>>,
) -> Result<Value, Error> {
    let mut taken: Vec<(Vec<Value>, Vec<Value>)> = Vec::new();
    for row in rows {
        cx.step(1)?;
        let env = Env { row, up };
        if let Some(filter) = &aggregate.filter
            && !eval(cx, filter, &env)?.is_true()
        {
            continue;
        }
        let sorted_by: Result<Vec<Value>, Error> =
            aggregate.order.iter().map(|(node, _)| eval(cx, node, &env)).collect();
        taken.push((all(cx, &aggregate.args, &env)?, sorted_by?));
    }
    if aggregate.kind == Kind::CountRows {
        return Ok(taken.len().into());
    }
    if aggregate.kind != Kind::Array {
        taken.retain(|(args, _)| args.first().is_some_and(|arg| !arg.is_null()));
    }
    if aggregate.distinct {
        let mut seen = HashSet::new();
        taken.retain(|(args, _)| seen.insert(key(args.iter())));
        taken.sort_by(|(a, _), (b, _)| a[0].order(&b[0]));
    }
    taken.sort_by(|(_, a), (_, b)| {
        let pairs = a.iter().zip(b).zip(&aggregate.order);
        let orders = pairs.map(|((a, b), (_, descending))| if *descending { b.order(a) } else { a.order(b) });
        orders
            .into_iter()
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let separator = taken.first().and_then(|(args, _)| args.get(1)).cloned();
    let values: Vec<Value> = taken
        .into_iter()
        .filter_map(|(args, _)| args.into_iter().next())
        .collect();
    reduced(cx, aggregate.kind, values, separator)
}

fn reduced(cx: &Cx<'_>, kind: Kind, values: Vec<Value>, separator: Option<Value>) -> Result<Value, Error> {
    if kind == Kind::Count {
        return Ok(values.len().into());
    }
    if values.is_empty() {
        return Ok(Value::Null);
    }
    let overflow = || Error::new("22003", "bigint out of range").raised("int8.c", 473, "int8pl");
    let count = values.len() as i64;
    let floats = || values.iter().filter_map(Value::as_float).sum::<f64>();
    let numbers = || {
        let mut numbers = values.iter().filter_map(Value::as_num);
        numbers.try_fold(Decimal::from(0), Decimal::add)
    };
    Ok(match kind {
        Kind::Sum => {
            let sum = values.iter().filter_map(Value::as_int).try_fold(0i64, i64::checked_add);
            Value::Int(sum.ok_or_else(overflow)?)
        }
        Kind::SumFloat => Value::Float(floats()),
        Kind::AverageFloat => Value::Float(floats() / count as f64),
        Kind::SumNumeric => Value::Num(numbers().ok_or_else(overflow)?),
        Kind::Average => {
            let sum = numbers().and_then(|sum| sum.div(count.into()));
            Value::Num(sum.ok_or_else(overflow)?)
        }
        Kind::Min => values.into_iter().min_by(Value::order).unwrap_or(Value::Null),
        Kind::Max => values.into_iter().max_by(Value::order).unwrap_or(Value::Null),
        Kind::Array => Value::Array(values.into()),
        Kind::String => {
            let texts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            cx.hold(texts.iter().map(|text| text.len()).sum())?;
            texts
                .join(separator.as_ref().and_then(Value::as_str).unwrap_or(""))
                .into()
        }
        Kind::And => Value::Bool(values.iter().all(Value::is_true)),
        Kind::Or => Value::Bool(values.iter().any(Value::is_true)),
        Kind::First => values.into_iter().next().unwrap_or(Value::Null),
        Kind::CountRows | Kind::Count => Value::Null,
    })
}
