//! Operators, as MySQL takes what stands beside them.

use super::coerce::{NUMBER, called, is_null, is_string, number, whole, words};
use crate::bind::{Binder, Typed};
use crate::cx::Cx;
use crate::datetime::DAY;
use crate::error::Error;
use crate::plan::{Apply, Node};
use crate::text;
use crate::types::Type;
use crate::value::Value;

const FOLDED: Apply = |_, args| {
    Ok(match &args[0] {
        Value::Text(text) => text.trim_end_matches(' ').to_lowercase().into(),
        value => value.clone(),
    })
};
/// The smallest differences there are in MySQL's decimals after a division.
const PLACES: u32 = 4;

// === impl Binder ===

impl Binder<'_, '_> {
    /// Text without its case, as texts are compared.
    pub(crate) fn folded(&self, typed: Typed) -> Typed {
        called(FOLDED, self.worded(typed).node, Type::TEXT)
    }

    /// Both sides of an operator as MySQL takes them, and the operator as the engine calls it.
    pub(crate) fn mysql_operated(&self, op: &str, left: Typed, right: Typed, at: usize) -> Result<Typed, Error> {
        let compares = matches!(op, "=" | "<>" | "<" | ">" | "<=" | ">=");
        match op {
            "<=>" => {
                let (left, right) = self.compared(left, right);
                let node = Node::Distinct(Box::new(left.node), Box::new(right.node), false);
                return Ok(Typed::new(node, Type::BOOL));
            }
            "xor" => {
                let (left, right) = (self.truth(left), self.truth(right));
                let apply: Apply = |_, args| Ok(Value::Bool(args[0].is_true() != args[1].is_true()));
                let args = vec![left, right];
                return Ok(Typed::new(
                    Node::Call {
                        apply,
                        strict: true,
                        args,
                    },
                    Type::BOOL,
                ));
            }
            "/" | "div" | "%" => return Ok(self.divided(op, left, right)),
            "->" | "->>" => return Ok(Typed::new(Node::Const(Value::Null), Type::TEXT)),
            "+" | "-" if left.ty == Type::INTERVAL => return self.operated_as(op, left, self.momentary(right), at),
            "+" | "-" if right.ty == Type::INTERVAL => {
                return Ok(self.moved(op, left, right));
            }
            _ => {}
        }
        if compares {
            let (left, right) = self.compared(left, right);
            return self.operated_as(op, left, right, at);
        }
        match op {
            "~~" | "~~*" | "!~~" | "!~~*" | "~*" | "!~*" => {
                let (left, right) = (self.worded(left), self.worded(right));
                self.operated_as(op, left, right, at)
            }
            "&" | "|" | "#" | "<<" | ">>" => {
                let whole = |typed| called(|_, args| Ok(whole(&args[0])), self.numeric(typed).node, Type::INT8);
                let (left, right) = (whole(left), whole(right));
                let right = if matches!(op, "<<" | ">>") {
                    Typed::new(right.node, Type::INT4)
                } else {
                    right
                };
                self.operated_as(op, left, right, at)
            }
            _ => {
                let wide = |typed: Typed| match typed.ty {
                    Type::INT2 | Type::INT4 => Typed::new(typed.node, Type::INT8),
                    _ => typed,
                };
                let (left, right) = (wide(self.numeric(left)), wide(self.numeric(right)));
                self.operated_as(op, left, right, at)
            }
        }
    }

    /// A moment moved by a span. A day moved by days is a day, and a text stays one.
    fn moved(&self, op: &str, left: Typed, right: Typed) -> Typed {
        let (apply, ty): (Apply, Type) = match (left.ty, op) {
            (Type::DATE, "+") => (|_, args| Ok(moved(&args[0], &args[1], 1.0)), Type::DATE),
            (Type::DATE, _) => (|_, args| Ok(moved(&args[0], &args[1], -1.0)), Type::DATE),
            (Type::TIMESTAMP, "+") => (|_, args| Ok(moved(&args[0], &args[1], 1.0)), Type::TIMESTAMP),
            (Type::TIMESTAMP, _) => (|_, args| Ok(moved(&args[0], &args[1], -1.0)), Type::TIMESTAMP),
            (_, "+") => (|cx, args| Ok(moved_text(cx, args, 1.0)), Type::TEXT),
            (_, _) => (|cx, args| Ok(moved_text(cx, args, -1.0)), Type::TEXT),
        };
        let left = if ty == Type::TEXT { self.worded(left) } else { left };
        let args = vec![left.node, right.node];
        Typed::new(
            Node::Call {
                apply,
                strict: true,
                args,
            },
            ty,
        )
    }

    fn compared(&self, left: Typed, right: Typed) -> (Typed, Typed) {
        let (left, right) = if left.ty == right.ty {
            (left, right)
        } else {
            (self.counted(left), self.counted(right))
        };
        if is_null(&left) || is_null(&right) {
            let ty = if left.ty == Type::UNKNOWN { right.ty } else { left.ty };
            let ty = if ty == Type::UNKNOWN { Type::TEXT } else { ty };
            return (Typed::new(left.node, ty), Typed::new(right.node, ty));
        }
        let dated = |ty: Type| ty.is_date();
        match (left.ty, right.ty) {
            (Type::RECORD, _) | (_, Type::RECORD) => (left, right),
            (a, b) if is_string(a) && is_string(b) => {
                if a == Type::BYTEA || b == Type::BYTEA {
                    return (self.worded(left), self.worded(right));
                }
                (self.folded(left), self.folded(right))
            }
            (a, b) if dated(a) && (dated(b) || is_string(b)) || dated(b) && is_string(a) => {
                (self.momentary(left), self.momentary(right))
            }
            (a, b) if a.is_number() && b.is_number() => (left, right),
            (a, b) if a == b => (left, right),
            _ => {
                let float = |typed| {
                    let typed = self.numeric(typed);
                    called(NUMBER, typed.node, Type::FLOAT8)
                };
                (float(left), float(right))
            }
        }
    }

    /// By nothing, it is NULL.
    fn divided(&self, op: &str, left: Typed, right: Typed) -> Typed {
        let (left, right) = (self.numeric(left), self.numeric(right));
        let floats = [left.ty, right.ty]
            .iter()
            .any(|ty| matches!(*ty, Type::FLOAT4 | Type::FLOAT8));
        let both_whole = left.ty.is_integer() && right.ty.is_integer();
        let (apply, ty): (Apply, Type) = match op {
            "/" if floats => (|_, args| Ok(quotient(args, |a, b| Value::Float(a / b))), Type::FLOAT8),
            "/" => (
                |_, args| {
                    let (Some(a), Some(b)) = (args[0].as_num(), args[1].as_num()) else {
                        return Ok(Value::Null);
                    };
                    let places = a.scale() + PLACES;
                    let result = a.div(b).and_then(|n| n.round(places));
                    Ok(result.map_or(Value::Null, Value::Num))
                },
                Type::NUMERIC,
            ),
            "div" => (
                |_, args| Ok(quotient(args, |a, b| Value::Int((a / b).trunc() as i64))),
                Type::INT8,
            ),
            _ if both_whole => (
                |_, args| {
                    Ok(match (args[0].as_int(), args[1].as_int()) {
                        (Some(a), Some(b)) if b != 0 => Value::Int(a.wrapping_rem(b)),
                        _ => Value::Null,
                    })
                },
                Type::INT8,
            ),
            _ => (|_, args| Ok(quotient(args, |a, b| Value::Float(a % b))), Type::FLOAT8),
        };
        Typed::new(
            Node::Call {
                apply,
                strict: true,
                args: vec![left.node, right.node],
            },
            ty,
        )
    }
}

fn moved(from: &Value, by: &Value, times: f64) -> Value {
    let (at, whole) = match from {
        Value::Date(day) => (day.saturating_mul(DAY), true),
        Value::Stamp(at) => (*at, false),
        _ => return Value::Null,
    };
    let Value::Interval(by) = by else { return Value::Null };
    match by.times(times).after(at) {
        None => Value::Null,
        Some(at) if whole && by.micros == 0 => Value::Date(at.div_euclid(DAY)),
        Some(at) => Value::Stamp(at),
    }
}

fn moved_text(cx: &Cx<'_>, args: &[Value], times: f64) -> Value {
    let text = args[0].as_str().unwrap_or("").trim();
    let Ok(Value::Stamp(at)) = text::input(Type::TIMESTAMP, text, cx) else {
        return Value::Null;
    };
    let from = if text.len() <= "2000-01-01".len() {
        Value::Date(at.div_euclid(DAY))
    } else {
        Value::Stamp(at)
    };
    words(&moved(&from, &args[1], times))
}

fn quotient(args: &[Value], reckon: fn(f64, f64) -> Value) -> Value {
    match (number(&args[0]), number(&args[1])) {
        (Some(a), Some(b)) if b != 0.0 => reckon(a, b),
        _ => Value::Null,
    }
}
