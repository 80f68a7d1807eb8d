//! Arrays.

use super::{ANYARRAY, ANYELEMENT, Function, function, int_of, str_of};
use crate::cx::Cx;
use crate::error::Error;
use crate::text;
use crate::types::Type;
use crate::value::Value;

const T: Type = Type::TEXT;
const I: Type = Type::INT4;

pub(super) const TABLE: &[Function] = &[
    function("unnest", &[ANYARRAY], ANYELEMENT, |_, a| Ok(a[0].clone())).set(),
    function("array_length", &[ANYARRAY, I], I, |_, a| {
        Ok(first(a, 1, a[0].items().len() as i64))
    }),
    function("array_upper", &[ANYARRAY, I], I, |_, a| {
        Ok(first(a, 1, a[0].items().len() as i64))
    }),
    function("array_lower", &[ANYARRAY, I], I, |_, a| Ok(first(a, 1, 1))),
    function("array_ndims", &[ANYARRAY], I, |_, a| {
        Ok(if a[0].items().is_empty() {
            Value::Null
        } else {
            Value::Int(1)
        })
    }),
    function("cardinality", &[ANYARRAY], I, |_, a| Ok(a[0].items().len().into())),
    function("array_append", &[ANYARRAY, ANYELEMENT], ANYARRAY, |_, a| {
        Ok(Value::Array(a[0].items().iter().chain(&a[1..2]).cloned().collect()))
    })
    .lenient(),
    function("array_prepend", &[ANYELEMENT, ANYARRAY], ANYARRAY, |_, a| {
        Ok(Value::Array(a[..1].iter().chain(a[1].items()).cloned().collect()))
    })
    .lenient(),
    function("array_cat", &[ANYARRAY, ANYARRAY], ANYARRAY, |_, a| {
        Ok(Value::Array(a[0].items().iter().chain(a[1].items()).cloned().collect()))
    })
    .lenient(),
    function("array_remove", &[ANYARRAY, ANYELEMENT], ANYARRAY, |_, a| match &a[0] {
        Value::Array(items) => Ok(Value::Array(
            items.iter().filter(|item| item.order(&a[1]).is_ne()).cloned().collect(),
        )),
        _ => Ok(Value::Null),
    })
    .lenient(),
    function("array_position", &[ANYARRAY, ANYELEMENT], I, |_, a| {
        let at = a[0].items().iter().position(|item| item.order(&a[1]).is_eq());
        Ok(at.map(|at| at + 1).into())
    }),
    function("array_to_string", &[ANYARRAY, T], T, |cx, a| join(cx, a, None)),
    function("array_to_string", &[ANYARRAY, T, T], T, |cx, a| {
        join(cx, a, Some(str_of(a, 2)))
    }),
    function("string_to_array", &[T, T], Type::TEXT_ARRAY, |_, a| {
        let text = str_of(a, 0);
        let parts: Vec<Value> = match str_of(a, 1) {
            _ if text.is_empty() => Vec::new(),
            "" => vec![text.into()],
            by => text.split(by).map(Value::from).collect(),
        };
        Ok(Value::Array(parts.into()))
    }),
    function("generate_subscripts", &[ANYARRAY, I], I, |_, a| {
        Ok(Value::Array((1..=a[0].items().len()).map(Value::from).collect()))
    })
    .set(),
];

fn first(args: &[Value], at: usize, value: i64) -> Value {
    let dimension = int_of(args, at) == 1 && !args[0].items().is_empty();
    if dimension { Value::Int(value) } else { Value::Null }
}

fn join(cx: &Cx<'_>, args: &[Value], null: Option<&str>) -> Result<Value, Error> {
    let shown = args[0].items().iter().filter_map(|item| match item {
        Value::Null => null.map(str::to_owned),
        item => Some(text::output(T, item, cx)),
    });
    Ok(shown.collect::<Vec<_>>().join(str_of(args, 1)).into())
}
