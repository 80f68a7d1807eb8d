//! Functions by name and what they take.

mod array;
mod date;
mod describe;
mod encode;
mod file;
mod number;
mod quote;
mod string;
mod system;

use crate::bind::Typed;
use crate::cast;
use crate::cx::Cx;
use crate::dialect::Dialect;
use crate::error::Error;
use crate::mysql::function as mysql;
use crate::plan::{Apply, Node};
use crate::text::fits;
use crate::types::Type;
use crate::value::Value;

/// Takes whatever there is.
pub(crate) const ANY: Type = Type(2276);
const ANYARRAY: Type = Type(2277);
const ANYELEMENT: Type = Type(2283);

pub(crate) struct Function {
    name: &'static str,
    args: &'static [Type],
    /// The last argument may come more than once.
    variadic: bool,
    result: Type,
    /// NULL where an argument is.
    pub(crate) strict: bool,
    /// Gives a set, as an array.
    pub(crate) set: bool,
    pub(crate) apply: Apply,
}

pub(crate) struct Resolved {
    pub(crate) function: &'static Function,
    pub(crate) args: Vec<Type>,
    pub(crate) result: Type,
}

pub(crate) const fn function(name: &'static str, args: &'static [Type], result: Type, apply: Apply) -> Function {
    Function {
        name,
        args,
        variadic: false,
        result,
        strict: true,
        set: false,
        apply,
    }
}

// === impl Function ===

impl Function {
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name == name
    }

    pub(crate) const fn lenient(mut self) -> Self {
        self.strict = false;
        self
    }

    pub(crate) const fn variadic(mut self) -> Self {
        self.variadic = true;
        self
    }

    const fn set(mut self) -> Self {
        self.set = true;
        self
    }

    /// What the arguments are taken as, and how well that fits; none when it does not.
    fn fits(&self, types: &[Type], lenient: bool) -> Option<(Vec<Type>, u32)> {
        let enough = if self.variadic {
            types.len() + 1 >= self.args.len()
        } else {
            types.len() == self.args.len()
        };
        if !enough {
            return None;
        }
        let element = types.iter().zip(self.args).find_map(|(ty, wanted)| match *wanted {
            ANYARRAY => ty.element(),
            ANYELEMENT if *ty != Type::UNKNOWN => Some(*ty),
            _ => None,
        });
        let mut score = 0;
        let mut taken = Vec::new();
        for (at, ty) in types.iter().enumerate() {
            let wanted = *self.args.get(at).or(self.args.last())?;
            let wanted = match wanted {
                ANYARRAY => element.map_or(Type::TEXT_ARRAY, Type::array),
                ANYELEMENT => element.unwrap_or(Type::TEXT),
                wanted => wanted,
            };
            score += match wanted {
                ANY => 1,
                wanted if wanted == *ty => 8,
                wanted if *ty == Type::UNKNOWN => match wanted.category() {
                    'S' => 5,
                    _ if wanted.is_preferred() => 3,
                    _ => 2,
                },
                wanted if cast::is_implicit(*ty, wanted) => {
                    if wanted.is_preferred() {
                        4
                    } else {
                        3
                    }
                }
                _ if lenient => u32::from(wanted.category() == 'S'),
                _ => return None,
            };
            taken.push(wanted);
        }
        Some((taken, score))
    }
}

fn tables() -> [&'static [Function]; 7] {
    [
        array::TABLE,
        date::TABLE,
        describe::TABLE,
        file::TABLE,
        number::TABLE,
        string::TABLE,
        system::TABLE,
    ]
}

pub(crate) fn resolve(dialect: Dialect, name: &str, types: &[Type]) -> Option<Resolved> {
    let own = mysql::TABLE.iter().filter(|function| function.name == name);
    let engine = tables().into_iter().flatten().filter(|function| function.name == name);
    let named: Vec<&Function> = match dialect {
        Dialect::Postgres => engine.collect(),
        Dialect::Mysql { .. } => {
            let own: Vec<_> = own.collect();
            if own.is_empty() && mysql::SHARED.contains(&name) {
                engine.collect()
            } else {
                own
            }
        }
    };
    let fitting = named
        .into_iter()
        .filter_map(|function| Some((function, function.fits(types, dialect.is_mysql())?)));
    let (function, (args, _)) = fitting.max_by_key(|(_, (_, score))| *score)?;
    let element = types.iter().zip(function.args).find_map(|(ty, wanted)| match *wanted {
        ANYARRAY => ty.element(),
        ANYELEMENT if *ty != Type::UNKNOWN => Some(*ty),
        _ => None,
    });
    let result = match function.result {
        ANYARRAY => element.map_or(Type::TEXT_ARRAY, Type::array),
        ANYELEMENT => element.unwrap_or(Type::TEXT),
        result => result,
    };
    Some(Resolved { function, args, result })
}

/// Whether there is a function of that name at all.
pub(crate) fn exists(name: &str) -> bool {
    tables().into_iter().flatten().any(|function| function.name == name)
}

/// The columns of what gives rows of several.
pub(crate) fn columns(name: &str) -> &'static [(&'static str, Type)] {
    match name {
        "pg_options_to_table" => &[("option_name", Type::TEXT), ("option_value", Type::TEXT)],
        "aclexplode" => &[
            ("grantor", Type::OID),
            ("grantee", Type::OID),
            ("privilege_type", Type::TEXT),
            ("is_grantable", Type::BOOL),
        ],
        "pg_ls_logdir" | "pg_ls_waldir" | "pg_ls_tmpdir" => &[
            ("name", Type::TEXT),
            ("size", Type::INT8),
            ("modification", Type::TIMESTAMPTZ),
        ],
        "pg_stat_file" => &[
            ("size", Type::INT8),
            ("access", Type::TIMESTAMPTZ),
            ("modification", Type::TIMESTAMPTZ),
            ("change", Type::TIMESTAMPTZ),
            ("creation", Type::TIMESTAMPTZ),
            ("isdir", Type::BOOL),
        ],
        _ => &[],
    }
}

pub(crate) const GREATEST: Apply = |_, args| {
    let all = args.iter().filter(|arg| !arg.is_null());
    Ok(all.max_by(|a, b| a.order(b)).cloned().unwrap_or(Value::Null))
};
pub(crate) const LEAST: Apply = |_, args| {
    let all = args.iter().filter(|arg| !arg.is_null());
    Ok(all.min_by(|a, b| a.order(b)).cloned().unwrap_or(Value::Null))
};

/// Refuses a whole number too large for its type.
pub(crate) fn fitting(node: Node, ty: Type) -> Node {
    let apply: Apply = match ty {
        Type::INT2 => |_, args| within(&args[0], Type::INT2),
        _ => |_, args| within(&args[0], Type::INT4),
    };
    Node::Call {
        apply,
        strict: true,
        args: vec![node],
    }
}

fn within(value: &Value, ty: Type) -> Result<Value, Error> {
    match value {
        Value::Int(n) if !fits(ty, *n) => Err(Error::new("22003", format!("{} out of range", ty.title()))),
        value => Ok(value.clone()),
    }
}

pub(crate) fn next_of(cx: &Cx<'_>, sequence: u32) -> Result<Value, Error> {
    system::next_of(cx, sequence)
}

/// A call of a function a client made: told, and answered as far as one that gives text can be.
pub(crate) fn made(name: &str, language: &str, body: &[String]) -> Typed {
    let code = format!("{name} ({language}): {}", body.join(", "));
    Typed::new(
        Node::Call {
            apply: |cx, args| {
                cx.exec("function_call", args[0].as_str().unwrap_or(""));
                Ok(Value::Null)
            },
            strict: true,
            args: vec![Node::Const(code.into())],
        },
        Type::TEXT,
    )
}

pub(crate) fn str_of(args: &[Value], at: usize) -> &str {
    args.get(at).and_then(Value::as_str).unwrap_or("")
}

pub(crate) fn int_of(args: &[Value], at: usize) -> i64 {
    args.get(at).and_then(Value::as_int).unwrap_or(0)
}

fn oid_of(args: &[Value], at: usize) -> u32 {
    u32::try_from(int_of(args, at)).unwrap_or(0)
}

pub(crate) fn quoted_ident(name: &str) -> String {
    quote::quote_ident(name)
}

pub(crate) fn quoted_literal(text: &str) -> String {
    quote::quote_literal(text)
}

pub(crate) use file::{absolute, refused as file_error, write as write_file};
