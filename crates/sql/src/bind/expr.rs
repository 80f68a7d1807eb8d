//! Expressions.

use super::{Binder, Scope, Typed};
use crate::ast::{Expr, TypeName};
use crate::cast;
use crate::decimal::Decimal;
use crate::error::Error;
use crate::operator;
use crate::plan::Node;
use crate::types::Type;
use crate::value::Value;

// === impl Binder ===

impl Binder<'_, '_> {
    pub(crate) fn expr(&self, expr: &Expr, scope: &Scope<'_>) -> Result<Typed, Error> {
        if let Some(typed) = grouped(expr, scope) {
            return Ok(typed);
        }
        match expr {
            Expr::Null => Ok(Typed::constant(Value::Null, Type::UNKNOWN)),
            Expr::Bool(b) => Ok(Typed::constant(Value::Bool(*b), Type::BOOL)),
            Expr::Number(text) => number(text, self.is_mysql()),
            Expr::String(text) => Ok(Typed::constant(Value::text(text), Type::UNKNOWN)),
            Expr::Bytes(bytes) => Ok(match std::str::from_utf8(bytes) {
                Ok(text) => Typed::constant(Value::text(text), Type::TEXT),
                Err(_) => Typed::constant(Value::Bytes(bytes.as_slice().into()), Type::BYTEA),
            }),
            Expr::Param(number) => self.param(*number),
            Expr::Default => Err(Error::syntax("DEFAULT is not allowed in this context")),
            Expr::Column(path, at) => self.column(path, *at, scope),
            Expr::Unary(op, operand, at) => self.unary(op, operand, *at, scope),
            Expr::Binary(op, left, right, at) => {
                let (left, right) = (self.expr(left, scope)?, self.expr(right, scope)?);
                self.operated(op, left, right, *at)
            }
            Expr::And(parts) => Ok(Typed::new(Node::And(self.conditions(parts, scope, "AND")?), Type::BOOL)),
            Expr::Or(parts) => Ok(Typed::new(Node::Or(self.conditions(parts, scope, "OR")?), Type::BOOL)),
            Expr::Not(inner) => {
                let inner = Box::new(self.condition(inner, scope, "NOT")?);
                Ok(Typed::new(Node::Not(inner), Type::BOOL))
            }
            Expr::IsNull(inner, not) => {
                let inner = Box::new(self.expr(inner, scope)?.node);
                Ok(Typed::new(Node::IsNull(inner, *not), Type::BOOL))
            }
            Expr::IsBool(inner, wanted, not) => {
                let inner = Box::new(self.condition(inner, scope, "IS")?);
                Ok(Typed::new(Node::IsBool(inner, *wanted, *not), Type::BOOL))
            }
            Expr::Distinct(left, right, distinct) => {
                let pair = vec![self.expr(left, scope)?, self.expr(right, scope)?];
                let (mut pair, _) = self.alike(pair, "IS DISTINCT FROM")?;
                let right = pair.pop().map(|typed| typed.node).unwrap_or(Node::Const(Value::Null));
                let left = pair.pop().map(|typed| typed.node).unwrap_or(Node::Const(Value::Null));
                Ok(Typed::new(
                    Node::Distinct(Box::new(left), Box::new(right), *distinct),
                    Type::BOOL,
                ))
            }
            Expr::Between(value, low, high, not) => {
                let value = self.expr(value, scope)?;
                let low = self.operated(">=", value.clone(), self.expr(low, scope)?, 0)?.node;
                let high = self.operated("<=", value, self.expr(high, scope)?, 0)?.node;
                let both = Node::And(vec![low, high]);
                let node = if *not { Node::Not(Box::new(both)) } else { both };
                Ok(Typed::new(node, Type::BOOL))
            }
            Expr::Cast(inner, ty) => self.cast_to(inner, ty, scope),
            Expr::Call(call) => self.call(call, scope),
            Expr::Like {
                text,
                pattern,
                not,
                fold,
            } => {
                let op = match (not, fold) {
                    (false, false) => "~~",
                    (true, false) => "!~~",
                    (false, true) => "~~*",
                    (true, true) => "!~~*",
                };
                let (text, pattern) = (self.expr(text, scope)?, self.expr(pattern, scope)?);
                self.operated(op, text, pattern, 0)
            }
            _ => self.compound(expr, scope),
        }
    }

    fn compound(&self, expr: &Expr, scope: &Scope<'_>) -> Result<Typed, Error> {
        match expr {
            Expr::In(left, list, not, at) if self.is_mysql() => {
                let left = self.expr(left, scope)?;
                let mut any = Vec::with_capacity(list.len());
                for one in list {
                    any.push(self.operated("=", left.clone(), self.expr(one, scope)?, *at)?.node);
                }
                let node = Node::Or(any);
                let node = if *not { Node::Not(Box::new(node)) } else { node };
                Ok(Typed::new(node, Type::BOOL))
            }
            Expr::In(left, list, not, at) => {
                let left = self.expr(left, scope)?;
                let mut ty = left.ty;
                let list: Vec<Typed> = list.iter().map(|one| self.expr(one, scope)).collect::<Result<_, _>>()?;
                for one in &list {
                    ty = operator::common(ty, one.ty).ok_or_else(|| self.no_operator("=", left.ty, one.ty, *at))?;
                }
                let list = list.into_iter().map(|one| Ok(self.implicit(one, ty)?.node));
                let list = list.collect::<Result<_, Error>>()?;
                let left = Box::new(self.implicit(left, ty)?.node);
                Ok(Typed::new(Node::In(left, list, *not), Type::BOOL))
            }
            Expr::InQuery(left, query, not) => {
                let left = self.expr(left, scope)?;
                let mut plan = self.query(query, Some(scope))?;
                let mut node = left.node;
                if let (Some(column), false) = (plan.columns.first(), left.ty == Type::RECORD) {
                    let ty = match operator::common(left.ty, column.ty) {
                        None if self.is_mysql() => Type::TEXT,
                        common => common.ok_or_else(|| self.no_operator("=", left.ty, column.ty, 0))?,
                    };
                    node = self.implicit(Typed { node, ..left }, ty)?.node;
                    plan = self.as_types(plan, &[ty])?;
                }
                Ok(Typed::new(Node::InQuery(Box::new(node), plan.into(), *not), Type::BOOL))
            }
            Expr::Quantified(left, op, all, right, at) => self.quantified((left, right), op, *all, *at, scope),
            Expr::Case {
                operand,
                whens,
                otherwise,
            } => self.case((operand.as_deref(), whens, otherwise.as_deref()), scope),
            Expr::Exists(query) => {
                let plan = self.query(query, Some(scope))?.into();
                Ok(Typed::new(Node::Exists(plan), Type::BOOL))
            }
            Expr::Scalar(query) => {
                let plan = self.query(query, Some(scope))?;
                let Some(column) = plan.columns.first() else {
                    return Err(Error::syntax("subquery must return only one column"));
                };
                if plan.columns.len() > 1 {
                    return Err(Error::syntax("subquery must return only one column"));
                }
                let (ty, modifier) = (column.ty, column.modifier);
                Ok(Typed {
                    modifier,
                    ..Typed::new(Node::Scalar(plan.into()), ty)
                })
            }
            Expr::ArrayQuery(query) => {
                let plan = self.query(query, Some(scope))?;
                let ty = plan.columns.first().map_or(Type::TEXT, |column| column.ty);
                Ok(Typed::new(Node::ArrayOf(plan.into()), ty.array()))
            }
            Expr::Array(items) => {
                if items.is_empty() {
                    let hint = "Explicitly cast to the desired type, for example ARRAY[]::integer[].";
                    return Err(Error::new("42P18", "cannot determine type of empty array").hint(hint));
                }
                let items = items
                    .iter()
                    .map(|item| self.expr(item, scope))
                    .collect::<Result<_, _>>()?;
                let (items, ty) = self.alike(items, "ARRAY")?;
                let ty = if ty.element().is_some() { ty } else { ty.array() };
                let nodes = items.into_iter().map(|typed| typed.node).collect();
                Ok(Typed::new(Node::Array(nodes), ty))
            }
            Expr::Row(items) => {
                let nodes = items.iter().map(|item| Ok(self.known(self.expr(item, scope)?)?.node));
                let nodes = nodes.collect::<Result<_, Error>>()?;
                Ok(Typed::new(Node::Row(nodes), Type::RECORD))
            }
            Expr::Index(array, low, high, slice) => self.index(array, (low.as_deref(), high.as_deref()), *slice, scope),
            Expr::Field(inner, _) => self.expr(inner, scope),
            _ => Err(Error::new("0A000", "this expression is not supported here")),
        }
    }

    fn conditions(&self, parts: &[Expr], scope: &Scope<'_>, what: &str) -> Result<Vec<Node>, Error> {
        parts.iter().map(|part| self.condition(part, scope, what)).collect()
    }

    #[allow(clippy::type_complexity)]
    fn case(
        &self,
        (operand, whens, otherwise): (Option<&Expr>, &[(Expr, Expr)], Option<&Expr>),
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let operand = operand.map(|operand| self.expr(operand, scope)).transpose()?;
        let (mut conditions, mut values) = (Vec::new(), Vec::new());
        for (condition, value) in whens {
            conditions.push(match &operand {
                None => self.condition(condition, scope, "CASE/WHEN")?,
                Some(operand) => {
                    self.operated("=", operand.clone(), self.expr(condition, scope)?, 0)?
                        .node
                }
            });
            values.push(self.expr(value, scope)?);
        }
        values.push(match otherwise {
            Some(otherwise) => self.expr(otherwise, scope)?,
            None => Typed::constant(Value::Null, Type::UNKNOWN),
        });
        let (mut values, ty) = self.alike(values, "CASE")?;
        let otherwise = values.pop().map_or(Node::Const(Value::Null), |typed| typed.node);
        let whens = conditions
            .into_iter()
            .zip(values.into_iter().map(|typed| typed.node))
            .collect();
        Ok(Typed::new(
            Node::Case {
                whens,
                otherwise: Box::new(otherwise),
            },
            ty,
        ))
    }

    fn index(
        &self,
        array: &Expr,
        (low, high): (Option<&Expr>, Option<&Expr>),
        slice: bool,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let array = self.expr(array, scope)?;
        let bound = |expr: &Expr| Ok::<_, Error>(Box::new(self.implicit(self.expr(expr, scope)?, Type::INT8)?.node));
        if slice {
            let (low, high) = (low.map(bound).transpose()?, high.map(bound).transpose()?);
            let ty = array.ty;
            let array = Box::new(array.node);
            return Ok(Typed::new(Node::Slice { array, low, high }, ty));
        }
        let (ty, first) = match array.ty {
            Type::NAME => (Type::CHAR, 0),
            Type::OIDVECTOR | Type::INT2VECTOR => (array.ty.element().unwrap_or(Type::OID), 0),
            ty => match ty.element() {
                Some(element) => (element, 1),
                None => {
                    let message = format!(
                        "cannot subscript type {} because it does not support subscripting",
                        ty.title()
                    );
                    return Err(Error::new("42804", message).raised(
                        "parse_node.c",
                        285,
                        "transformContainerSubscripts",
                    ));
                }
            },
        };
        let at = match low {
            Some(low) => bound(low)?,
            None => return Err(Error::syntax("syntax error at or near \"]\"")),
        };
        Ok(Typed::new(
            Node::Index {
                array: Box::new(array.node),
                at,
                first,
            },
            ty,
        ))
    }

    /// The type of that name and what its modifiers come to.
    pub(crate) fn type_of(&self, name: &TypeName) -> Result<(Type, i32), Error> {
        let Some(ty) = Type::named(&name.name) else {
            let message = format!("type \"{}\" does not exist", name.name);
            return Err(self.fail("42704", message, name.at));
        };
        let modifier = match (ty, name.modifiers.as_slice()) {
            (Type::VARCHAR | Type::BPCHAR, [length]) => length.saturating_add(4),
            (Type::NUMERIC, [precision]) => (precision << 16) + 4,
            (Type::NUMERIC, [precision, scale, ..]) => ((precision << 16) | scale) + 4,
            (Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::TIME, [precision]) => *precision,
            _ => -1,
        };
        Ok((if name.array { ty.array() } else { ty }, modifier))
    }

    fn cast_to(&self, inner: &Expr, name: &TypeName, scope: &Scope<'_>) -> Result<Typed, Error> {
        let (ty, modifier) = self.type_of(name)?;
        if let Expr::Array(items) = inner
            && items.is_empty()
        {
            return Ok(Typed::constant(Value::Array([].into()), ty));
        }
        let typed = self.expr(inner, scope)?;
        let from = typed.ty;
        let place = crate::lex::place(self.text, name.at);
        if self.is_mysql() {
            let typed = self.lenient(typed, ty);
            return Ok(self
                .cast(typed.clone(), ty, modifier, |_, _| true, true)?
                .unwrap_or(typed));
        }
        match self.cast(typed, ty, modifier, cast::is_explicit, true) {
            Ok(Some(typed)) => Ok(typed),
            Ok(None) => {
                let message = format!("cannot cast type {} to {}", from.title(), ty.title());
                Err(self
                    .fail("42846", message, name.at)
                    .raised("parse_expr.c", 2605, "transformTypeCast"))
            }
            Err(error) => Err(if error.place.is_none() && matches!(inner, Expr::String(_)) {
                let quote = self.text[..name.at.min(self.text.len())].rfind("::").unwrap_or(0);
                let before = &self.text[..quote];
                let start = before.trim_end().len();
                let literal = before[..start.saturating_sub(1)].rfind('\'').unwrap_or(start);
                error.at(crate::lex::place(self.text, literal))
            } else if error.place.is_none() {
                error.at(place)
            } else {
                error
            }),
        }
    }
}

/// An expression the query is grouped by.
fn grouped(expr: &Expr, scope: &Scope<'_>) -> Option<Typed> {
    let grouping = scope.grouping.borrow();
    let grouping = grouping.as_ref()?;
    let at = grouping.keys.iter().position(|(key, _)| same(key, expr))?;
    Some(Typed {
        node: Node::Column { up: 0, at },
        ..grouping.keys[at].1.clone()
    })
}

/// Whether two expressions say the same, wherever they stand.
fn same(one: &Expr, two: &Expr) -> bool {
    match (one, two) {
        (Expr::Column(a, _), Expr::Column(b, _)) => a == b,
        (Expr::Binary(op, a, b, _), Expr::Binary(other, c, d, _)) => op == other && same(a, c) && same(b, d),
        (Expr::Cast(a, to), Expr::Cast(b, other)) => to.name == other.name && same(a, b),
        (Expr::Call(a), Expr::Call(b)) => {
            a.name == b.name && a.args.len() == b.args.len() && a.args.iter().zip(&b.args).all(|(a, b)| same(a, b))
        }
        (a, b) => a == b,
    }
}

fn number(text: &str, floats: bool) -> Result<Typed, Error> {
    if floats
        && text.contains('e')
        && let Ok(n) = text.parse::<f64>()
    {
        return Ok(Typed::constant(Value::Float(n), Type::FLOAT8));
    }
    if let Ok(n) = text.parse::<i64>() {
        let ty = if i32::try_from(n).is_ok() {
            Type::INT4
        } else {
            Type::INT8
        };
        return Ok(Typed::constant(Value::Int(n), ty));
    }
    match Decimal::parse(text) {
        Some(n) => Ok(Typed::constant(Value::Num(n), Type::NUMERIC)),
        None => Err(Error::new("22003", "value overflows numeric format")),
    }
}
