//! How values are taken for one another: MySQL refuses nothing that could somehow be compared.

use crate::bind::{Binder, Typed};
use crate::error::Error;
use crate::plan::{Apply, Node};
use crate::store::Column;
use crate::text;
use crate::types::Type;
use crate::value::Value;

/// Whatever there is, as a condition.
const TRUTH: Apply = |_, args| {
    Ok(match &args[0] {
        Value::Null => Value::Null,
        Value::Bool(b) => Value::Bool(*b),
        value => Value::Bool(number(value).is_some_and(|n| n != 0.0)),
    })
};
pub(super) const NUMBER: Apply = |_, args| Ok(number(&args[0]).map_or(Value::Null, Value::Float));

/// The number a value stands for: that at the front of a text.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Null => None,
        Value::Bool(b) => Some(f64::from(u8::from(*b))),
        Value::Text(text) => Some(leading(text)),
        Value::Bytes(bytes) => Some(leading(&String::from_utf8_lossy(bytes))),
        Value::Stamp(_) | Value::Date(_) | Value::Time(_) => {
            let shown = super::output::text(Type::TEXT, value)?;
            let digits: String = String::from_utf8_lossy(&shown)
                .chars()
                .filter(char::is_ascii_digit)
                .collect();
            digits.parse().ok()
        }
        value => value.as_float(),
    }
}

fn leading(text: &str) -> f64 {
    let text = text.trim_start();
    let mut end = 0;
    let (mut dot, mut exponent, mut digits) = (false, false, false);
    for (at, c) in text.char_indices() {
        match c {
            '0'..='9' => digits = true,
            '+' | '-' if at == 0 || text[..at].ends_with(['e', 'E']) => {}
            '.' if !dot && !exponent => dot = true,
            'e' | 'E' if digits && !exponent => exponent = true,
            _ => break,
        }
        end = at + c.len_utf8();
    }
    let mut number = &text[..end];
    loop {
        if let Ok(parsed) = number.parse() {
            return parsed;
        }
        match number.char_indices().next_back() {
            Some((at, _)) => number = &number[..at],
            None => return 0.0,
        }
    }
}

pub(super) fn called(apply: Apply, node: Node, ty: Type) -> Typed {
    Typed::new(
        Node::Call {
            apply,
            strict: true,
            args: vec![node],
        },
        ty,
    )
}

pub(super) fn is_string(ty: Type) -> bool {
    ty.is_text() || ty == Type::UNKNOWN || ty == Type::BYTEA
}

pub(super) fn is_null(typed: &Typed) -> bool {
    matches!(typed.node, Node::Const(Value::Null))
}

// === impl Binder ===

impl Binder<'_, '_> {
    pub(crate) fn is_mysql(&self) -> bool {
        self.cx.state.persona.dialect.is_mysql()
    }

    pub(crate) fn truth(&self, typed: Typed) -> Node {
        if typed.ty == Type::BOOL {
            typed.node
        } else {
            called(TRUTH, typed.node, Type::BOOL).node
        }
    }

    /// What is true or false, as the number it is.
    pub(crate) fn counted(&self, typed: Typed) -> Typed {
        if typed.ty != Type::BOOL {
            return typed;
        }
        let apply: Apply = |_, args| {
            Ok(match &args[0] {
                Value::Bool(b) => Value::Int((*b).into()),
                value => value.clone(),
            })
        };
        Typed {
            set: typed.set,
            ..called(apply, typed.node, Type::INT4)
        }
    }

    pub(super) fn numeric(&self, typed: Typed) -> Typed {
        let typed = self.counted(typed);
        match typed.ty {
            ty if ty.is_number() => typed,
            _ if is_null(&typed) => Typed::new(typed.node, Type::INT8),
            _ => called(NUMBER, typed.node, Type::FLOAT8),
        }
    }

    /// As text, however it came.
    pub(crate) fn worded(&self, typed: Typed) -> Typed {
        let typed = self.counted(typed);
        if typed.ty.is_text() {
            return typed;
        }
        if typed.ty == Type::UNKNOWN && matches!(typed.node, Node::Const(_)) {
            return Typed::new(typed.node, Type::TEXT);
        }
        let apply: Apply = |_, args| Ok(words(&args[0]));
        Typed {
            set: typed.set,
            ..called(apply, typed.node, Type::TEXT)
        }
    }

    /// As a moment; NULL where it is none.
    pub(super) fn momentary(&self, typed: Typed) -> Typed {
        match typed.ty {
            Type::TIMESTAMP => typed,
            Type::DATE => called(
                |_, args| {
                    Ok(match &args[0] {
                        Value::Date(day) => Value::Stamp(day.saturating_mul(crate::datetime::DAY)),
                        value => value.clone(),
                    })
                },
                typed.node,
                Type::TIMESTAMP,
            ),
            _ => {
                let text = self.worded(typed);
                called(
                    |cx, args| {
                        Ok(text::input(Type::TIMESTAMP, args[0].as_str().unwrap_or(""), cx).unwrap_or(Value::Null))
                    },
                    text.node,
                    Type::TIMESTAMP,
                )
            }
        }
    }

    /// What has several kinds, as the one that holds them all.
    pub(crate) fn mysql_alike(&self, all: Vec<Typed>) -> (Vec<Typed>, Type) {
        let all: Vec<Typed> = all.into_iter().map(|typed| self.counted(typed)).collect();
        let mut ty = Type::UNKNOWN;
        for typed in all.iter().filter(|typed| !is_null(typed)) {
            let own = if typed.ty == Type::UNKNOWN {
                Type::TEXT
            } else {
                typed.ty
            };
            ty = match ty {
                Type::UNKNOWN => own,
                ty if ty == own => ty,
                ty => crate::operator::common(ty, own)
                    .filter(|common| !common.is_text() || (ty.is_text() && own.is_text()))
                    .unwrap_or(Type::TEXT),
            };
        }
        if ty == Type::UNKNOWN {
            ty = Type::TEXT;
        }
        let all = all.into_iter().map(|typed| self.lenient(typed, ty)).collect();
        (all, ty)
    }

    /// As that type, whatever becomes of it.
    pub(crate) fn lenient(&self, typed: Typed, to: Type) -> Typed {
        if typed.ty == to || is_null(&typed) {
            return Typed::new(typed.node, to);
        }
        if matches!(typed.node, Node::Param(_)) && typed.ty == Type::UNKNOWN {
            return Typed::new(typed.node, to);
        }
        match to {
            _ if to.is_text() => Typed::new(self.worded(typed).node, to),
            Type::BYTEA => called(|_, args| Ok(bytes(&args[0])), typed.node, to),
            Type::BOOL => Typed::new(self.truth(typed), to),
            Type::TIMESTAMP => self.momentary(typed),
            Type::DATE => {
                let moment = self.momentary(typed);
                called(
                    |_, args| {
                        Ok(match &args[0] {
                            Value::Stamp(at) => Value::Date(at.div_euclid(crate::datetime::DAY)),
                            value => value.clone(),
                        })
                    },
                    moment.node,
                    to,
                )
            }
            _ if to.is_integer() => {
                let number = self.numeric(typed);
                called(|_, args| Ok(whole(&args[0])), number.node, to)
            }
            Type::FLOAT4 | Type::FLOAT8 => {
                let number = self.numeric(typed);
                called(NUMBER, number.node, to)
            }
            Type::NUMERIC => {
                let number = self.numeric(typed);
                called(
                    |_, args| Ok(args[0].as_num().map_or(Value::Null, Value::Num)),
                    number.node,
                    to,
                )
            }
            _ => Typed::new(typed.node, to),
        }
    }
}

// === impl Binder ===

impl Binder<'_, '_> {
    /// As a column takes it: what does not fit is refused, as in strict mode.
    pub(crate) fn mysql_assigned(&self, typed: Typed, column: &Column) -> Result<Option<Typed>, Error> {
        let named = |mut error: Error| {
            error.column = Some(column.name.clone());
            error
        };
        let typed = self.counted(typed);
        let to = column.ty;
        let text = typed.ty.is_text() || typed.ty == Type::UNKNOWN;
        let strict = (text && (to.is_number() || to.is_date())) || (typed.ty.is_number() && to.is_number());
        let typed = if typed.ty == to || is_null(&typed) || strict {
            typed
        } else {
            self.lenient(typed, to)
        };
        self.cast(typed, to, column.modifier, |_, _| true, false).map_err(named)
    }
}

pub(super) fn whole(value: &Value) -> Value {
    match value {
        Value::Int(n) => Value::Int(*n),
        Value::Null => Value::Null,
        value => Value::Int(number(value).unwrap_or(0.0).round() as i64),
    }
}

/// A value as MySQL shows it.
pub(crate) fn words(value: &Value) -> Value {
    match super::output::text(Type::TEXT, value) {
        None => Value::Null,
        Some(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
    }
}

fn bytes(value: &Value) -> Value {
    super::output::text(Type::TEXT, value).map_or(Value::Null, |bytes| Value::Bytes(bytes.into()))
}

#[cfg(test)]
mod tests {
    use super::leading;

    #[test]
    fn the_number_of_a_text_is_the_one_at_its_front() {
        for (text, wanted) in [
            ("12abc", 12.0),
            (" -1.5e2x", -150.0),
            ("1e", 1.0),
            ("abc", 0.0),
            ("", 0.0),
            (".5", 0.5),
            ("-", 0.0),
        ] {
            assert_eq!(leading(text), wanted, "{text}");
        }
    }
}
