//! Numbers.

use super::{ANYELEMENT, Function, function, int_of};
use crate::cx::Cx;
use crate::decimal::Decimal;
use crate::error::Error;
use crate::types::Type;
use crate::value::Value;

const F: Type = Type::FLOAT8;
const N: Type = Type::NUMERIC;
const I: Type = Type::INT4;

pub(super) const TABLE: &[Function] = &[
    function("abs", &[I], I, |_, a| Ok(Value::Int(int_of(a, 0).saturating_abs()))),
    function("abs", &[Type::INT8], Type::INT8, |_, a| {
        Ok(Value::Int(int_of(a, 0).saturating_abs()))
    }),
    function("abs", &[N], N, |_, a| {
        num(a, |n| Some(if n.is_negative() { n.neg() } else { n }))
    }),
    function("abs", &[F], F, |_, a| float(a, f64::abs)),
    function("ceil", &[N], N, |_, a| num(a, |n| n.neg().floor().map(Decimal::neg))),
    function("ceil", &[F], F, |_, a| float(a, f64::ceil)),
    function("ceiling", &[N], N, |_, a| num(a, |n| n.neg().floor().map(Decimal::neg))),
    function("ceiling", &[F], F, |_, a| float(a, f64::ceil)),
    function("floor", &[N], N, |_, a| num(a, Decimal::floor)),
    function("floor", &[F], F, |_, a| float(a, f64::floor)),
    function("round", &[N], N, |_, a| num(a, |n| n.round(0))),
    function("round", &[F], F, |_, a| float(a, f64::round_ties_even)),
    function("round", &[N, I], N, |_, a| {
        let scale = u32::try_from(int_of(a, 1)).unwrap_or(0);
        num(a, |n| n.round(scale))
    }),
    function("trunc", &[N], N, |_, a| num(a, |n| n.trunc(0))),
    function("trunc", &[F], F, |_, a| float(a, f64::trunc)),
    function("trunc", &[N, I], N, |_, a| {
        let scale = u32::try_from(int_of(a, 1)).unwrap_or(0);
        num(a, |n| n.trunc(scale))
    }),
    function("sign", &[F], F, |_, a| {
        float(a, |n| if n == 0.0 { 0.0 } else { n.signum() })
    }),
    function("sqrt", &[F], F, |_, a| match a[0].as_float() {
        Some(n) if n < 0.0 => {
            Err(Error::new("2201F", "cannot take square root of a negative number").raised("float.c", 1491, "dsqrt"))
        }
        _ => float(a, f64::sqrt),
    }),
    function("power", &[F, F], F, power),
    function("pow", &[F, F], F, power),
    function("exp", &[F], F, |_, a| float(a, f64::exp)),
    function("ln", &[F], F, |_, a| float(a, f64::ln)),
    function("log", &[F], F, |_, a| float(a, f64::log10)),
    function("pi", &[], F, |_, _| Ok(Value::Float(std::f64::consts::PI))),
    function("degrees", &[F], F, |_, a| float(a, f64::to_degrees)),
    function("radians", &[F], F, |_, a| float(a, f64::to_radians)),
    function("sin", &[F], F, |_, a| float(a, f64::sin)),
    function("cos", &[F], F, |_, a| float(a, f64::cos)),
    function("mod", &[Type::INT8, Type::INT8], Type::INT8, |_, a| {
        match int_of(a, 1) {
            0 => Err(Error::new("22012", "division by zero")),
            by => Ok(Value::Int(int_of(a, 0).wrapping_rem(by))),
        }
    }),
    function("random", &[], F, |cx, _| {
        Ok(Value::Float((cx.host.random() >> 11) as f64 / (1u64 << 53) as f64))
    }),
    function("generate_series", &[I, I], I, |cx, a| {
        series(cx, int_of(a, 0), int_of(a, 1), 1)
    })
    .set(),
    function("generate_series", &[I, I, I], I, |cx, a| {
        series(cx, int_of(a, 0), int_of(a, 1), int_of(a, 2))
    })
    .set(),
    function("generate_series", &[Type::INT8, Type::INT8], Type::INT8, |cx, a| {
        series(cx, int_of(a, 0), int_of(a, 1), 1)
    })
    .set(),
    function("hashtext", &[Type::TEXT], I, |_, a| {
        let text = a[0].as_str().unwrap_or("");
        let hash = text.bytes().fold(0x811c_9dc5u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        Ok(Value::Int(i64::from(hash as i32)))
    }),
    function("num_nulls", &[ANYELEMENT], I, |_, a| {
        Ok(a.iter().filter(|arg| arg.is_null()).count().into())
    })
    .variadic()
    .lenient(),
];

fn num(args: &[Value], op: impl Fn(Decimal) -> Option<Decimal>) -> Result<Value, Error> {
    let number = args[0].as_num().and_then(op);
    number
        .map(Value::Num)
        .ok_or_else(|| Error::new("22003", "value overflows numeric format"))
}

fn float(args: &[Value], op: fn(f64) -> f64) -> Result<Value, Error> {
    Ok(args[0].as_float().map_or(Value::Null, |n| Value::Float(op(n))))
}

fn power(_: &Cx<'_>, args: &[Value]) -> Result<Value, Error> {
    Ok(match (args[0].as_float(), args[1].as_float()) {
        (Some(base), Some(power)) => Value::Float(base.powf(power)),
        _ => Value::Null,
    })
}

fn series(cx: &Cx<'_>, from: i64, to: i64, step: i64) -> Result<Value, Error> {
    if step == 0 {
        return Err(Error::new("22023", "step size cannot equal zero").raised(
            "int.c",
            1496,
            "generate_series_step_int4",
        ));
    }
    let mut all = Vec::new();
    let mut at = Some(from);
    while let Some(n) = at.filter(|n| if step > 0 { *n <= to } else { *n >= to }) {
        cx.step(1)?;
        cx.hold(size_of::<Value>())?;
        all.push(Value::Int(n));
        at = n.checked_add(step);
    }
    Ok(Value::Array(all.into()))
}
