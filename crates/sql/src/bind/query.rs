//! Queries as a whole.

use std::cell::RefCell;
use std::rc::Rc;

use super::sort::sorts;
use super::{Binder, Known, Scope, Typed};
use crate::ast::{self, Cte, Expr, Order, Query, SetOp};
use crate::cast;
use crate::error::Error;
use crate::operator;
use crate::plan::{Body, Column, Common, Node, Plan, Sort};
use crate::types::Type;
use crate::value::Value;

/// A body understood, what it gives, and what it is sorted by.
pub(super) struct Part {
    pub(super) body: Body,
    pub(super) columns: Vec<Column>,
    pub(super) order: Vec<Sort>,
}

// === impl Binder ===

impl Binder<'_, '_> {
    /// A query whose columns all have types.
    pub(crate) fn query(&self, query: &Query, up: Option<&Scope<'_>>) -> Result<Plan, Error> {
        let plan = self.query_open(query, up, &[])?;
        let types: Vec<Type> = plan
            .columns
            .iter()
            .map(|column| {
                if column.ty == Type::UNKNOWN {
                    Type::TEXT
                } else {
                    column.ty
                }
            })
            .collect();
        self.as_types(plan, &types)
    }

    /// A query in which columns of plain strings have no type yet.
    pub(crate) fn query_open(&self, query: &Query, up: Option<&Scope<'_>>, known: &[Known]) -> Result<Plan, Error> {
        let mut known = known.to_vec();
        let mut with = Vec::new();
        for cte in &query.with {
            let one = self.common(cte, up, &known)?;
            with.push(one.common.clone());
            known.push(one);
        }
        let part = self.body(&query.body, &query.order, up, &known)?;
        let none = Scope::within(up);
        let count = |expr: &Option<Expr>| -> Result<Option<Node>, Error> {
            let Some(expr) = expr else { return Ok(None) };
            Ok(Some(self.implicit(self.expr(expr, &none)?, Type::INT8)?.node))
        };
        Ok(Plan {
            columns: part.columns,
            body: part.body,
            order: part.order,
            limit: count(&query.limit)?,
            offset: count(&query.offset)?,
            with,
        })
    }

    fn common(&self, cte: &Cte, up: Option<&Scope<'_>>, known: &[Known]) -> Result<Known, Error> {
        let rename = |columns: &[Column]| {
            let mut columns = columns.to_vec();
            for (column, name) in columns.iter_mut().zip(&cte.columns) {
                column.name.clone_from(name);
            }
            columns
        };
        let finish = |plan: Plan, step, columns| Known {
            name: cte.name.clone(),
            columns,
            common: Rc::new(Common {
                plan: RefCell::new(Some(Rc::new(plan))),
                step: RefCell::new(step),
                rows: RefCell::default(),
            }),
        };
        let mut inner = known.to_vec();
        let ast::Body::Set {
            op: SetOp::Union,
            all,
            left,
            right,
            ..
        } = &cte.query.body
        else {
            let mut plan = self.query_open(&cte.query, up, known)?;
            let types = settled(&plan.columns);
            plan = self.as_types(plan, &types)?;
            let columns = rename(&plan.columns);
            return Ok(finish(plan, None, columns));
        };
        if !cte.recursive {
            let plan = self.query_open(&cte.query, up, known)?;
            let types = settled(&plan.columns);
            let plan = self.as_types(plan, &types)?;
            let columns = rename(&plan.columns);
            return Ok(finish(plan, None, columns));
        }
        let first = self.plain(self.body(left, &[], up, known)?);
        let types = settled(&first.columns);
        let first = self.as_types(first, &types)?;
        let columns = rename(&first.columns);
        let known = finish(first, None, columns);
        inner.push(known.clone());
        let step = self.plain(self.body(right, &[], up, &inner)?);
        let step = self.as_types(step, &types)?;
        *known.common.step.borrow_mut() = Some((Rc::new(step), *all));
        Ok(known)
    }

    fn plain(&self, part: Part) -> Plan {
        Plan {
            columns: part.columns,
            body: part.body,
            order: part.order,
            limit: None,
            offset: None,
            with: Vec::new(),
        }
    }

    fn body(&self, body: &ast::Body, order: &[Order], up: Option<&Scope<'_>>, known: &[Known]) -> Result<Part, Error> {
        match body {
            ast::Body::Select(select) => self.select(select, order, up, known),
            ast::Body::Values(rows) => {
                let (rows, columns) = self.values(rows, up)?;
                let order = sorts(order, &columns, self.cx.state.persona.dialect)?;
                Ok(Part {
                    body: Body::Values(rows),
                    columns,
                    order,
                })
            }
            ast::Body::Query(query) => {
                let plan = self.query_open(query, up, known)?;
                let columns = plan.columns.clone();
                let order = sorts(order, &columns, self.cx.state.persona.dialect)?;
                Ok(Part {
                    body: Body::Query(Rc::new(plan)),
                    columns,
                    order,
                })
            }
            ast::Body::Set {
                op,
                all,
                left,
                right,
                at,
            } => {
                let left = self.plain(self.body(left, &[], up, known)?);
                let right = self.plain(self.body(right, &[], up, known)?);
                let word = match op {
                    SetOp::Union => "UNION",
                    SetOp::Intersect => "INTERSECT",
                    SetOp::Except => "EXCEPT",
                };
                if left.columns.len() != right.columns.len() {
                    let message = format!("each {word} query must have the same number of columns");
                    return Err(self.fail("42601", message, *at).raised(
                        "analyze.c",
                        2110,
                        "transformSetOperationTree",
                    ));
                }
                let mut types = Vec::new();
                for (one, two) in left.columns.iter().zip(&right.columns) {
                    let both = (one.ty, two.ty) == (Type::UNKNOWN, Type::UNKNOWN);
                    let ty = if both {
                        Some(Type::UNKNOWN)
                    } else {
                        operator::common(one.ty, two.ty)
                    };
                    types.push(ty.ok_or_else(|| {
                        let message = format!(
                            "{word} types {} and {} cannot be matched",
                            one.ty.title(),
                            two.ty.title()
                        );
                        Error::new("42804", message).raised("parse_coerce.c", 1512, "select_common_type")
                    })?);
                }
                let (left, right) = (self.as_types(left, &types)?, self.as_types(right, &types)?);
                let mut columns = left.columns.clone();
                columns
                    .iter_mut()
                    .for_each(|column| (column.table, column.place) = (0, 0));
                let order = sorts(order, &columns, self.cx.state.persona.dialect)?;
                Ok(Part {
                    body: Body::Set {
                        op: *op,
                        all: *all,
                        left: left.into(),
                        right: right.into(),
                    },
                    columns,
                    order,
                })
            }
        }
    }

    /// The same query with columns of those types.
    pub(crate) fn as_types(&self, mut plan: Plan, types: &[Type]) -> Result<Plan, Error> {
        self.retype(&mut plan, types, cast::is_implicit)?;
        Ok(plan)
    }

    pub(crate) fn retype(&self, plan: &mut Plan, types: &[Type], allowed: fn(Type, Type) -> bool) -> Result<(), Error> {
        let changes = plan.columns.iter().zip(types).any(|(column, ty)| column.ty != *ty);
        if !changes {
            return Ok(());
        }
        let from: Vec<Type> = plan.columns.iter().map(|column| column.ty).collect();
        let turn = |node: &mut Node, at: usize| -> Result<(), Error> {
            let (Some(from), Some(to)) = (from.get(at), types.get(at)) else {
                return Ok(());
            };
            let old = std::mem::replace(node, Node::Const(Value::Null));
            let typed = self.cast(Typed::new(old, *from), *to, -1, allowed, false)?;
            *node = typed.map_or(Node::Const(Value::Null), |typed| typed.node);
            Ok(())
        };
        match &mut plan.body {
            Body::Select(select) => {
                let seen = select.seen;
                for (at, (node, _)) in select.out[..seen].iter_mut().enumerate() {
                    turn(node, at)?;
                }
            }
            Body::Values(rows) => {
                for row in rows {
                    for (at, node) in row.iter_mut().enumerate() {
                        turn(node, at)?;
                    }
                }
            }
            Body::Set { left, right, .. } => {
                for side in [left, right] {
                    if let Some(side) = Rc::get_mut(side) {
                        self.retype(side, types, allowed)?;
                    }
                }
            }
            Body::Query(inner) => {
                if let Some(inner) = Rc::get_mut(inner) {
                    self.retype(inner, types, allowed)?;
                }
            }
        }
        for (column, ty) in plan.columns.iter_mut().zip(types) {
            if column.ty != *ty {
                (column.ty, column.modifier) = (*ty, -1);
            }
        }
        Ok(())
    }
}

fn settled(columns: &[Column]) -> Vec<Type> {
    let types = columns.iter().map(|column| {
        if column.ty == Type::UNKNOWN {
            Type::TEXT
        } else {
            column.ty
        }
    });
    types.collect()
}
