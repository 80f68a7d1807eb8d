//! Queries as a whole.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Binder, Grouping, Known, Scope, Typed};
use crate::aggregate;
use crate::ast::{self, Cte, Expr, Item, Order, Query, SetOp};
use crate::cast;
use crate::error::Error;
use crate::operator;
use crate::plan::{Body, Column, Common, Group, Node, Plan, Select, Sort};
use crate::types::Type;
use crate::value::Value;

/// A body understood, what it gives, and what it is sorted by.
struct Part {
    body: Body,
    columns: Vec<Column>,
    order: Vec<Sort>,
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
                let order = sorts(order, &columns)?;
                Ok(Part {
                    body: Body::Values(rows),
                    columns,
                    order,
                })
            }
            ast::Body::Query(query) => {
                let plan = self.query_open(query, up, known)?;
                let columns = plan.columns.clone();
                let order = sorts(order, &columns)?;
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
                let order = sorts(order, &columns)?;
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

    fn values(&self, rows: &[Vec<Expr>], up: Option<&Scope<'_>>) -> Result<(Vec<Vec<Node>>, Vec<Column>), Error> {
        let scope = Scope::within(up);
        let width = rows.first().map_or(0, Vec::len);
        if rows.iter().any(|row| row.len() != width) {
            return Err(Error::syntax("VALUES lists must all be the same length"));
        }
        let mut typed: Vec<Vec<Typed>> = Vec::new();
        for row in rows {
            let line = row.iter().map(|expr| match expr {
                Expr::Default => Ok(Typed::new(Node::Const(Value::Null), Type::VOID)),
                expr => self.expr(expr, &scope),
            });
            typed.push(line.collect::<Result<_, Error>>()?);
        }
        let mut columns = Vec::new();
        for at in 0..width {
            let mut ty = Type::UNKNOWN;
            for one in typed.iter().map(|row| &row[at]).filter(|one| one.ty != Type::VOID) {
                let both = (ty, one.ty) == (Type::UNKNOWN, Type::UNKNOWN);
                let common = if both { Some(ty) } else { operator::common(ty, one.ty) };
                ty = common.ok_or_else(|| {
                    let message = format!("VALUES types {} and {} cannot be matched", ty.title(), one.ty.title());
                    Error::new("42804", message).raised("parse_coerce.c", 1512, "select_common_type")
                })?;
            }
            columns.push(super::from::column(&format!("column{}", at + 1), ty, -1, 0, 0));
        }
        let rows = typed.into_iter().map(|row| {
            let line = row.into_iter().zip(&columns).map(|(one, column)| match one.ty {
                Type::VOID => Ok(one.node),
                _ if column.ty == Type::UNKNOWN => Ok(one.node),
                _ => Ok(self.implicit(one, column.ty)?.node),
            });
            line.collect::<Result<Vec<_>, Error>>()
        });
        Ok((rows.collect::<Result<_, Error>>()?, columns))
    }

    fn select(
        &self,
        select: &ast::Select,
        order: &[Order],
        up: Option<&Scope<'_>>,
        known: &[Known],
    ) -> Result<Part, Error> {
        let mut scope = Scope::within(up);
        scope.commons = known.to_vec();
        let (mut from, mut start) = (Vec::new(), 0);
        for item in &select.from {
            let source = self.source(item, &mut scope, start)?;
            start += source.width;
            from.push(source);
        }
        let filters = match &select.filter {
            None => Vec::new(),
            Some(filter) => {
                let parts = match self.condition(filter, &scope, "WHERE")? {
                    Node::And(parts) => parts,
                    one => vec![one],
                };
                let needs = |node: &Node| {
                    let mut last = 0;
                    node.visit(0, &mut |at| last = last.max(at + 1));
                    from.iter()
                        .position(|source| last > 0 && last <= source.start + source.width)
                        .map_or(0, |at| at + 1)
                };
                parts.into_iter().map(|node| (needs(&node), node)).collect()
            }
        };
        self.group(select, order, &scope)?;
        let (mut out, mut columns) = (Vec::new(), Vec::new());
        for item in &select.items {
            self.item(item, &scope, &mut out, &mut columns)?;
        }
        let seen = out.len();
        let having = match &select.having {
            Some(having) => Some(self.condition(having, &scope, "HAVING")?),
            None => None,
        };
        let mut sorted = Vec::new();
        for one in order {
            let at = self.sort_place(&one.expr, &select.items, &scope, &columns, &mut out, seen)?;
            sorted.push(Sort {
                at,
                descending: one.descending,
                nulls_first: one.nulls_first.unwrap_or(one.descending),
            });
        }
        let mut distinct_on = Vec::new();
        for expr in &select.distinct_on {
            distinct_on.push(self.sort_place(expr, &select.items, &scope, &columns, &mut out, seen)?);
        }
        let group = scope.grouping.borrow_mut().take().map(|grouping| Group {
            keys: grouping.keys.into_iter().map(|(_, typed)| typed.node).collect(),
            aggregates: grouping.aggregates,
            having,
        });
        let select = Select {
            from,
            filters,
            group,
            out: out.into_iter().map(|typed| (typed.node, typed.set)).collect(),
            seen,
            distinct: select.distinct,
            distinct_on,
        };
        Ok(Part {
            body: Body::Select(Box::new(select)),
            columns,
            order: sorted,
        })
    }

    /// Makes the scope a grouped one where the query is.
    fn group(&self, select: &ast::Select, order: &[Order], scope: &Scope<'_>) -> Result<(), Error> {
        let exprs = select.items.iter().filter_map(|item| match item {
            Item::Expr(expr, _) => Some(expr),
            Item::Star(..) => None,
        });
        let looked = exprs
            .clone()
            .chain(order.iter().map(|order| &order.expr))
            .chain(&select.having);
        if select.group.is_empty() && select.having.is_none() && !looked.into_iter().any(aggregates) {
            return Ok(());
        }
        let mut keys = Vec::new();
        for expr in &select.group {
            let meant = match expr {
                Expr::Number(text) => {
                    let at = text.parse::<usize>().unwrap_or(0);
                    let item = at.checked_sub(1).and_then(|at| exprs.clone().nth(at));
                    item.ok_or_else(|| {
                        Error::new("42P10", format!("GROUP BY position {text} is not in select list")).raised(
                            "parse_clause.c",
                            2052,
                            "findTargetlistEntrySQL92",
                        )
                    })?
                }
                Expr::Column(path, _) if path.len() == 1 && self.expr(expr, scope).is_err() => {
                    let named = select.items.iter().find_map(|item| match item {
                        Item::Expr(inner, Some(alias)) if *alias == path[0] => Some(inner),
                        _ => None,
                    });
                    named.unwrap_or(expr)
                }
                expr => expr,
            };
            keys.push((meant.clone(), self.known(self.expr(meant, scope)?)?));
        }
        *scope.grouping.borrow_mut() = Some(Grouping {
            keys,
            aggregates: Vec::new(),
        });
        Ok(())
    }

    pub(crate) fn item(
        &self,
        item: &Item,
        scope: &Scope<'_>,
        out: &mut Vec<Typed>,
        columns: &mut Vec<Column>,
    ) -> Result<(), Error> {
        match item {
            Item::Star(table, at) => {
                let tables = scope
                    .tables
                    .iter()
                    .filter(|named| table.as_ref().is_none_or(|table| named.alias == *table));
                let mut any = false;
                for placed in tables.flat_map(|named| &named.columns).filter(|placed| !placed.hidden) {
                    any = true;
                    let expr = Expr::Column(vec![placed.column.name.clone()], *at);
                    let node = match &*scope.grouping.borrow() {
                        None => Node::Column { up: 0, at: placed.at },
                        Some(_) => return self.expr(&expr, scope).map(|_| ()),
                    };
                    out.push(Typed {
                        modifier: placed.column.modifier,
                        ..Typed::new(node, placed.column.ty)
                    });
                    columns.push(placed.column.clone());
                }
                match table {
                    _ if any => Ok(()),
                    Some(table) => {
                        let message = format!("missing FROM-clause entry for table \"{table}\"");
                        Err(self
                            .fail("42P01", message, *at)
                            .raised("parse_relation.c", 3602, "errorMissingRTE"))
                    }
                    None if scope.tables.is_empty() => {
                        let message = "SELECT * with no tables specified is not valid";
                        Err(self
                            .fail("42601", message, *at)
                            .raised("parse_target.c", 1224, "ExpandAllTables"))
                    }
                    None => Ok(()),
                }
            }
            Item::Expr(expr, alias) => {
                let typed = self.expr(expr, scope)?;
                let name = alias.clone().unwrap_or_else(|| title(expr));
                let own = match (expr, &typed.node) {
                    (Expr::Column(..), Node::Column { up: 0, at }) if scope.grouping.borrow().is_none() => {
                        let all = scope.tables.iter().flat_map(|named| &named.columns);
                        all.into_iter()
                            .find(|placed| placed.at == *at)
                            .map(|placed| (placed.column.table, placed.column.place))
                    }
                    _ => None,
                };
                let (table, place) = own.unwrap_or((0, 0));
                columns.push(super::from::column(&name, typed.ty, typed.modifier, table, place));
                out.push(typed);
                Ok(())
            }
        }
    }

    /// Where what is sorted by stands among what is put out.
    fn sort_place(
        &self,
        expr: &Expr,
        items: &[Item],
        scope: &Scope<'_>,
        columns: &[Column],
        out: &mut Vec<Typed>,
        seen: usize,
    ) -> Result<usize, Error> {
        if let Some(at) = place_of(expr, &columns[..seen])? {
            return Ok(at);
        }
        let same = items
            .iter()
            .position(|item| matches!(item, Item::Expr(one, _) if one == expr));
        if let Some(at) = same.filter(|_| items.iter().all(|item| matches!(item, Item::Expr(..)))) {
            return Ok(at);
        }
        let typed = self.known(self.expr(expr, scope)?)?;
        out.push(typed);
        Ok(out.len() - 1)
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

/// A column put out, by number or name.
fn place_of(expr: &Expr, columns: &[Column]) -> Result<Option<usize>, Error> {
    match expr {
        Expr::Number(text) if !text.contains('.') => {
            let at = text.parse::<usize>().ok().and_then(|at| at.checked_sub(1));
            match at.filter(|at| *at < columns.len()) {
                Some(at) => Ok(Some(at)),
                None => Err(
                    Error::new("42P10", format!("ORDER BY position {text} is not in select list")).raised(
                        "parse_clause.c",
                        2052,
                        "findTargetlistEntrySQL92",
                    ),
                ),
            }
        }
        Expr::Column(path, _) if path.len() == 1 => Ok(columns.iter().position(|column| column.name == path[0])),
        _ => Ok(None),
    }
}

fn sorts(order: &[Order], columns: &[Column]) -> Result<Vec<Sort>, Error> {
    let sorts = order.iter().map(|one| match place_of(&one.expr, columns)? {
        Some(at) => Ok(Sort {
            at,
            descending: one.descending,
            nulls_first: one.nulls_first.unwrap_or(one.descending),
        }),
        None => match &one.expr {
            Expr::Column(path, _) => {
                let name = path.last().map_or("", String::as_str);
                Err(Error::new("42703", format!("column \"{name}\" does not exist")))
            }
            _ => Err(Error::new("0A000", "invalid UNION/INTERSECT/EXCEPT ORDER BY clause")
                .detail("Only result column names can be used, not expressions or functions.")
                .hint("Add the expression/function to every SELECT, or move the UNION into a FROM clause.")
                .raised("analyze.c", 1778, "transformSetOperationStmt")),
        },
    });
    sorts.collect()
}

/// What a column is called that nobody named.
fn title(expr: &Expr) -> String {
    match expr {
        Expr::Column(path, _) => path.last().cloned().unwrap_or_default(),
        Expr::Call(call) => match call.name.as_str() {
            "extract" => "extract".into(),
            name => name.to_owned(),
        },
        Expr::Cast(inner, ty) => match &**inner {
            Expr::Column(..) | Expr::Call(_) | Expr::Index(..) => title(inner),
            _ if ty.array => Type::named(&ty.name).map_or(ty.name.clone(), |ty| ty.name().to_owned()),
            _ => Type::named(&ty.name).map_or(ty.name.clone(), |ty| ty.name().to_owned()),
        },
        Expr::Case { otherwise, .. } => match otherwise.as_deref() {
            Some(otherwise @ (Expr::Column(..) | Expr::Call(_))) => title(otherwise),
            _ => "case".into(),
        },
        Expr::Index(array, ..) => title(array),
        Expr::Field(_, name) => name.clone(),
        Expr::Array(_) | Expr::ArrayQuery(_) => "array".into(),
        Expr::Exists(_) => "exists".into(),
        Expr::Row(_) => "row".into(),
        Expr::Scalar(query) => match &query.body {
            ast::Body::Select(select) => match select.items.first() {
                Some(Item::Expr(_, Some(alias))) => alias.clone(),
                Some(Item::Expr(expr, None)) => title(expr),
                _ => "?column?".into(),
            },
            _ => "column1".into(),
        },
        _ => "?column?".into(),
    }
}

/// Whether an aggregate is in it, not counting those of queries within.
fn aggregates(expr: &Expr) -> bool {
    let all = |exprs: &[Expr]| exprs.iter().any(aggregates);
    match expr {
        Expr::Call(call) => (aggregate::is_aggregate(&call.name) && !call.over) || all(&call.args),
        Expr::Unary(_, inner, _)
        | Expr::Not(inner)
        | Expr::IsNull(inner, _)
        | Expr::IsBool(inner, ..)
        | Expr::Cast(inner, _)
        | Expr::Field(inner, _)
        | Expr::InQuery(inner, ..)
        | Expr::Index(inner, ..) => aggregates(inner),
        Expr::Binary(_, left, right, _) | Expr::Distinct(left, right, _) | Expr::Quantified(left, _, _, right, _) => {
            aggregates(left) || aggregates(right)
        }
        Expr::Like { text, pattern, .. } => aggregates(text) || aggregates(pattern),
        Expr::Between(value, low, high, _) => aggregates(value) || aggregates(low) || aggregates(high),
        Expr::And(parts) | Expr::Or(parts) | Expr::Array(parts) | Expr::Row(parts) => all(parts),
        Expr::In(left, list, ..) => aggregates(left) || all(list),
        Expr::Case {
            operand,
            whens,
            otherwise,
        } => {
            operand.as_deref().is_some_and(aggregates)
                || otherwise.as_deref().is_some_and(aggregates)
                || whens
                    .iter()
                    .any(|(condition, value)| aggregates(condition) || aggregates(value))
        }
        _ => false,
    }
}
