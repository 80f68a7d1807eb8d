//! One type's values as another's.

use crate::cx::Cx;
use crate::datetime::{DAY, Interval};
use crate::decimal::Decimal;
use crate::error::Error;
use crate::text::{self, Names as _, fits};
use crate::types::Type;
use crate::value::Value;

/// Types every value of which is one of the other's too, in steps.
const NUMBERS: [Type; 6] = [
    Type::INT2,
    Type::INT4,
    Type::INT8,
    Type::NUMERIC,
    Type::FLOAT4,
    Type::FLOAT8,
];
const DATES: [Type; 3] = [Type::DATE, Type::TIMESTAMP, Type::TIMESTAMPTZ];

fn climbs(ladder: &[Type], from: Type, to: Type) -> bool {
    let place = |ty| ladder.iter().position(|one| *one == ty);
    place(from).zip(place(to)).is_some_and(|(from, to)| from < to)
}

/// Whether a value is taken as another type unasked.
pub(crate) fn is_implicit(from: Type, to: Type) -> bool {
    from == to
        || from == Type::UNKNOWN
        || climbs(&NUMBERS, from, to)
        || climbs(&DATES, from, to)
        || (from.is_text() && matches!(to, Type::TEXT | Type::VARCHAR | Type::BPCHAR) && from != Type::CHAR)
        || (from == Type::CHAR && to == Type::TEXT)
        || (from.is_text() && to == Type::NAME)
        || (from.is_integer() && to.is_oid() && !matches!(to, Type::XID | Type::CID))
        || (from.is_reg() && matches!(to, Type::OID | Type::INT8))
        || (from == Type::OID && (to.is_reg() || to == Type::INT8))
        || (from == Type::CIDR && to == Type::INET)
        || (from == Type::OIDVECTOR && to == Type::OID_ARRAY)
        || (from == Type::INT2VECTOR && to == Type::INT2_ARRAY)
        || (from.is_text() && to == Type::REGCLASS)
}

/// Whether a value is taken as the type of a column it is put into.
pub(crate) fn is_assignable(from: Type, to: Type) -> bool {
    is_implicit(from, to)
        || (from.is_number() && to.is_number())
        || to.is_text()
        || (from.is_date() && to.is_date())
        || (from.is_oid() && to.is_integer())
        || (from.is_oid() && to.is_oid())
        || (from.is_number() && to == Type::MONEY)
        || matches!((from, to), (Type::JSON, Type::JSONB) | (Type::JSONB, Type::JSON))
        || matches!((from.element(), to.element()), (Some(from), Some(to)) if is_assignable(from, to))
}

/// Whether CAST knows the way.
pub(crate) fn is_explicit(from: Type, to: Type) -> bool {
    is_assignable(from, to)
        || from.is_text()
        || matches!(
            (from, to),
            (Type::INT4, Type::BOOL) | (Type::BOOL, Type::INT4) | (Type::CHAR, Type::INT4) | (Type::INT4, Type::CHAR)
        )
        || (from.is_oid() && to.is_number())
        || (from == Type::INTERVAL && to == Type::TIME)
        || (from.is_date() && to == Type::TIME)
}

fn too_large(ty: Type) -> Error {
    let word = if ty == Type::OID { "OID" } else { ty.title() };
    Error::new("22003", format!("{word} out of range")).raised("int.c", 325, "i8toi4")
}

pub(crate) fn cast(
    cx: &Cx<'_>,
    value: Value,
    from: Type,
    to: Type,
    modifier: i32,
    explicit: bool,
) -> Result<Value, Error> {
    if value.is_null() {
        return Ok(value);
    }
    let value = if from == to {
        value
    } else {
        converted(cx, value, from, to)?
    };
    limited(value, to, modifier, explicit)
}

fn converted(cx: &Cx<'_>, value: Value, from: Type, to: Type) -> Result<Value, Error> {
    if let (Some(element), Some(wanted), Value::Array(items)) = (from.element(), to.element(), &value) {
        let items = items
            .iter()
            .map(|item| cast(cx, item.clone(), element, wanted, -1, false));
        return Ok(Value::Array(items.collect::<Result<Vec<_>, _>>()?.into()));
    }
    if let Value::Text(text) = &value {
        return text::input(to, text, cx);
    }
    if to.is_text() {
        let shown = match &value {
            Value::Bool(b) => if *b { "true" } else { "false" }.to_owned(),
            value => text::output(from, value, cx),
        };
        return text::input(to, &shown, cx);
    }
    Ok(match (value, to) {
        (value @ (Value::Int(_) | Value::Float(_) | Value::Num(_)), to) if to.is_integer() => {
            let number = value.as_int().filter(|n| fits(to, *n));
            Value::Int(number.ok_or_else(|| too_large(to))?)
        }
        (Value::Int(n), to) if to.is_oid() => {
            let sound = u32::try_from(n).is_ok() || i32::try_from(n).is_ok();
            if !sound {
                return Err(too_large(Type::OID));
            }
            Value::Int(i64::from(n as u32))
        }
        (Value::Int(n), Type::BOOL) => Value::Bool(n != 0),
        (Value::Bool(b), Type::INT4) => Value::Int(b.into()),
        (value, Type::FLOAT4 | Type::FLOAT8) => Value::Float(value.as_float().unwrap_or(0.0)),
        (value, Type::NUMERIC | Type::MONEY) => {
            let number: Option<Decimal> = value.as_num();
            Value::Num(number.ok_or_else(|| too_large(Type::NUMERIC))?)
        }
        (Value::Date(days), Type::TIMESTAMP | Type::TIMESTAMPTZ) => Value::Stamp(days.saturating_mul(DAY)),
        (Value::Stamp(micros), Type::DATE) => Value::Date(micros.div_euclid(DAY)),
        (Value::Stamp(micros), Type::TIME) => Value::Time(micros.rem_euclid(DAY)),
        (Value::Time(micros), Type::INTERVAL) => Value::Interval(Interval::of(0, 0, micros)),
        (Value::Interval(interval), Type::TIME) => Value::Time(interval.micros.rem_euclid(DAY)),
        (value, _) => value,
    })
}

/// Cuts or refuses what a length or precision does not allow.
fn limited(value: Value, ty: Type, modifier: i32, explicit: bool) -> Result<Value, Error> {
    if modifier < 0 {
        return Ok(value);
    }
    match (&value, ty) {
        (Value::Text(text), Type::VARCHAR | Type::BPCHAR) => {
            let most = usize::try_from(modifier - 4).unwrap_or(0);
            let long = text.chars().count();
            if long > most {
                let cut: String = text.chars().take(most).collect();
                let blank = text.chars().skip(most).all(|c| c == ' ');
                if !explicit && !blank {
                    let message = format!(
                        "value too long for type {}",
                        crate::catalog::names::format_type(ty, modifier)
                    );
                    return Err(Error::new("22001", message).raised("varchar.c", 632, "varchar"));
                }
                return Ok(cut.into());
            }
            if ty == Type::BPCHAR {
                return Ok(format!("{text}{}", " ".repeat((most - long).min(1 << 20))).into());
            }
            Ok(value)
        }
        (Value::Num(number), Type::NUMERIC) => {
            let (precision, scale) = ((modifier - 4) >> 16 & 0xffff, (modifier - 4) & 0xffff);
            let rounded = number.round(scale.unsigned_abs());
            match rounded {
                Some(rounded) if rounded.whole_digits() as i32 <= precision - scale => Ok(Value::Num(rounded)),
                _ => Err(Error::new("22003", "numeric field overflow")
                    .detail(format!(
                        "A field with precision {precision}, scale {scale} must round to an absolute value less than {}.",
                        match precision - scale {
                            0 => "1".to_owned(),
                            whole => format!("10^{whole}"),
                        }
                    ))
                    .raised("numeric.c", 7823, "apply_typmod")),
            }
        }
        _ => Ok(value),
    }
}

/// The moment a statement is carried out, for the words that mean it.
pub(crate) fn now(cx: &Cx<'_>) -> Value {
    Value::Stamp(cx.now())
}
