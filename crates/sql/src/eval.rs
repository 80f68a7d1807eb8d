//! Values of expressions, over a row and those around it.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::cast;
use crate::cx::Cx;
use crate::error::Error;
use crate::exec;
use crate::plan::{Node, Plan};
use crate::value::Value;

/// The row at hand, and that of the query around.
pub(crate) struct Env<'a> {
    pub(crate) row: &'a [Value],
    pub(crate) up: Option<&'a Self>,
}

// === impl Env ===

impl Env<'_> {
    fn column(&self, up: usize, at: usize) -> Value {
        let mut env = Some(self);
        for _ in 0..up {
            env = env.and_then(|env| env.up);
        }
        env.and_then(|env| env.row.get(at)).cloned().unwrap_or(Value::Null)
    }
}

pub(crate) fn eval(cx: &Cx<'_>, node: &Node, env: &Env<'_>) -> Result<Value, Error> {
    match node {
        Node::Const(value) => Ok(value.clone()),
        Node::Column { up, at } => Ok(env.column(*up, *at)),
        Node::Param(at) => Ok(cx.params.borrow().get(*at).cloned().unwrap_or(Value::Null)),
        Node::Call { apply, strict, args } => {
            cx.step(1)?;
            let args = all(cx, args, env)?;
            if *strict && args.iter().any(Value::is_null) {
                return Ok(Value::Null);
            }
            apply(cx, &args)
        }
        Node::And(parts) => join(cx, parts, env, false),
        Node::Or(parts) => join(cx, parts, env, true),
        Node::Not(inner) => Ok(match eval(cx, inner, env)? {
            Value::Bool(b) => Value::Bool(!b),
            _ => Value::Null,
        }),
        Node::IsNull(inner, not) => {
            let value = eval(cx, inner, env)?;
            let null = match &value {
                Value::Row(items) => items.iter().all(Value::is_null),
                value => value.is_null(),
            };
            Ok(Value::Bool(null != *not))
        }
        Node::IsBool(inner, wanted, not) => {
            let value = eval(cx, inner, env)?;
            let found = match (wanted, &value) {
                (None, value) => value.is_null(),
                (Some(wanted), Value::Bool(b)) => b == wanted,
                _ => false,
            };
            Ok(Value::Bool(found != *not))
        }
        Node::Distinct(left, right, distinct) => {
            let (left, right) = (eval(cx, left, env)?, eval(cx, right, env)?);
            Ok(Value::Bool(left.order(&right).is_ne() == *distinct))
        }
        Node::Case { whens, otherwise } => {
            for (condition, value) in whens {
                if eval(cx, condition, env)?.is_true() {
                    return eval(cx, value, env);
                }
            }
            eval(cx, otherwise, env)
        }
        Node::Coalesce(parts) => {
            for part in parts {
                let value = eval(cx, part, env)?;
                if !value.is_null() {
                    return Ok(value);
                }
            }
            Ok(Value::Null)
        }
        Node::Cast {
            inner,
            from,
            to,
            modifier,
            explicit,
        } => {
            let value = eval(cx, inner, env)?;
            cast::cast(cx, value, *from, *to, *modifier, *explicit)
        }
        Node::In(left, list, not) => {
            let left = eval(cx, left, env)?;
            let list = all(cx, list, env)?;
            Ok(among(&left, &list, *not))
        }
        Node::Quantified {
            apply,
            left,
            array,
            all,
        } => quantified(cx, *apply, (left, array), *all, env),
        Node::Next(sequence) => crate::function::next_of(cx, *sequence),
        _ => compound(cx, node, env),
    }
}

fn compound(cx: &Cx<'_>, node: &Node, env: &Env<'_>) -> Result<Value, Error> {
    match node {
        Node::Scalar(plan) => {
            let rows = exec::rows(cx, plan, Some(env))?;
            match rows.len() {
                0 => Ok(Value::Null),
                1 => Ok(rows[0].first().cloned().unwrap_or(Value::Null)),
                _ => Err(Error::new(
                    "21000",
                    "more than one row returned by a subquery used as an expression",
                )
                .raised("nodeSubplan.c", 408, "ExecScanSubPlan")),
            }
        }
        Node::Exists(plan) => Ok(Value::Bool(!exec::rows(cx, plan, Some(env))?.is_empty())),
        Node::ArrayOf(plan) => Ok(Value::Array(firsts(cx, plan, env)?.into())),
        Node::InQuery(left, plan, not) => {
            let left = eval(cx, left, env)?;
            let list = match &left {
                Value::Row(_) => {
                    let rows = exec::rows(cx, plan, Some(env))?;
                    rows.iter().map(|row| Value::Row(row.clone())).collect()
                }
                _ => firsts(cx, plan, env)?,
            };
            Ok(among(&left, &list, *not))
        }
        Node::Array(items) => Ok(Value::Array(all(cx, items, env)?.into())),
        Node::Row(items) => Ok(Value::Row(all(cx, items, env)?.into())),
        Node::Index { array, at, first } => {
            let (array, at) = (eval(cx, array, env)?, eval(cx, at, env)?);
            let at = at.as_int().and_then(|at| usize::try_from(at - first).ok());
            Ok(match (&array, at) {
                (Value::Text(text), Some(at)) => text.chars().nth(at).map(String::from).into(),
                (array, Some(at)) => array.items().get(at).cloned().unwrap_or(Value::Null),
                _ => Value::Null,
            })
        }
        Node::Slice { array, low, high } => {
            let array = eval(cx, array, env)?;
            let bound = |node: &Option<Box<Node>>, otherwise: i64| match node {
                None => Ok(otherwise),
                Some(node) => Ok(eval(cx, node, env)?.as_int().unwrap_or(0)),
            };
            let items = array.items();
            let low = bound(low, 1)?.max(1) as usize - 1;
            let high = bound(high, items.len() as i64)?.clamp(0, items.len() as i64) as usize;
            Ok(Value::Array(items.get(low..high).unwrap_or(&[]).into()))
        }
        _ => Ok(Value::Null),
    }
}

pub(crate) fn all(cx: &Cx<'_>, nodes: &[Node], env: &Env<'_>) -> Result<Vec<Value>, Error> {
    nodes.iter().map(|node| eval(cx, node, env)).collect()
}

fn firsts(cx: &Cx<'_>, plan: &Rc<Plan>, env: &Env<'_>) -> Result<Vec<Value>, Error> {
    let rows = exec::rows(cx, plan, Some(env))?;
    Ok(rows
        .iter()
        .map(|row| row.first().cloned().unwrap_or(Value::Null))
        .collect())
}

/// AND and OR, with what is not known; `decides` is the value that ends it.
fn join(cx: &Cx<'_>, parts: &[Node], env: &Env<'_>, decides: bool) -> Result<Value, Error> {
    let mut known = true;
    for part in parts {
        match eval(cx, part, env)? {
            Value::Bool(b) if b == decides => return Ok(Value::Bool(b)),
            Value::Bool(_) => {}
            _ => known = false,
        }
    }
    Ok(if known { Value::Bool(!decides) } else { Value::Null })
}

fn among(left: &Value, list: &[Value], not: bool) -> Value {
    if list.is_empty() {
        return Value::Bool(not);
    }
    if left.is_null() {
        return Value::Null;
    }
    if list
        .iter()
        .any(|one| !one.is_null() && one.order(left) == Ordering::Equal)
    {
        return Value::Bool(!not);
    }
    if list.iter().any(Value::is_null) {
        Value::Null
    } else {
        Value::Bool(not)
    }
}

fn quantified(
    cx: &Cx<'_>,
    apply: crate::plan::Apply,
    (left, array): (&Node, &Node),
    every: bool,
    env: &Env<'_>,
) -> Result<Value, Error> {
    let (left, array) = (eval(cx, left, env)?, eval(cx, array, env)?);
    if array.is_null() {
        return Ok(Value::Null);
    }
    let mut known = true;
    for item in array.items() {
        cx.step(1)?;
        let found = if left.is_null() || item.is_null() {
            Value::Null
        } else {
            apply(cx, &[left.clone(), item.clone()])?
        };
        match found {
            Value::Bool(b) if b != every => return Ok(Value::Bool(b)),
            Value::Bool(_) => {}
            _ => known = false,
        }
    }
    Ok(if known { Value::Bool(every) } else { Value::Null })
}
