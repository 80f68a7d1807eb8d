//! INSERT, and rows put into a table however they come.

use std::rc::Rc;

use super::returning::{give, returning};
use super::rule::{Taken, demand};
use super::{Changed, assigned, columns_of, default_of, full, places, table_of};
use crate::ast::{Body, Expr, Item, Path, Query, Source};
use crate::bind::{Binder, Scope, Typed};
use crate::error::Error;
use crate::eval::{Env, eval};
use crate::exec;
use crate::plan::Node;
use crate::store::{self, Relation, Row, weight};
use crate::types::Type;

/// Rows one table may hold.
const MOST_ROWS: usize = 200_000;

pub(crate) struct Insert<'a> {
    pub(crate) table: &'a Path,
    pub(crate) columns: &'a [String],
    pub(crate) source: &'a Source,
    pub(crate) ignore: bool,
    pub(crate) returning: &'a [Item],
}

pub(crate) fn insert(binder: &Binder<'_, '_>, insert: &Insert<'_>) -> Result<Changed, Error> {
    let relation = table_of(binder, insert.table)?;
    let columns = columns_of(&relation);
    let places = places(&relation, insert.columns)?;
    let defaults: Vec<Node> = columns
        .iter()
        .map(|column| default_of(binder, column))
        .collect::<Result<_, _>>()?;
    let lines = match insert.source {
        Source::Defaults => vec![Vec::new()],
        Source::Query(query) => match &query.body {
            Body::Values(rows) if query.order.is_empty() && query.limit.is_none() && query.with.is_empty() => {
                values(binder, columns, &places, rows)?
            }
            _ => queried(binder, columns, &places, query)?,
        },
    };
    let none = Env { row: &[], up: None };
    let mut rows: Vec<Row> = Vec::with_capacity(lines.len());
    for line in lines {
        let mut row = Vec::with_capacity(columns.len());
        for (at, default) in defaults.iter().enumerate() {
            let given = places.iter().position(|place| *place == at).and_then(|at| line.get(at));
            row.push(eval(
                binder.cx,
                given.and_then(Option::as_ref).unwrap_or(default),
                &none,
            )?);
        }
        rows.push(row.into());
    }
    let returned = returning(binder, &relation, insert.returning)?;
    let added = add(binder, &relation, rows, insert.ignore)?;
    give(binder.cx, &relation, added, returned)
}

type Line = Vec<Option<Node>>;

fn too_many(more: bool) -> Error {
    let message = if more {
        "INSERT has more expressions than target columns"
    } else {
        "INSERT has more target columns than expressions"
    };
    Error::new("42601", message).raised("analyze.c", 983, "transformInsertRow")
}

fn values(
    binder: &Binder<'_, '_>,
    columns: &[store::Column],
    places: &[usize],
    rows: &[Vec<Expr>],
) -> Result<Vec<Line>, Error> {
    let scope = Scope::default();
    let lines = rows.iter().map(|row| {
        if row.len() > places.len() {
            return Err(too_many(true));
        }
        let line = row.iter().zip(places).map(|(expr, at)| match expr {
            Expr::Default => Ok(None),
            expr => assigned(binder, binder.expr(expr, &scope)?, &columns[*at]).map(Some),
        });
        line.collect()
    });
    lines.collect()
}

fn queried(
    binder: &Binder<'_, '_>,
    columns: &[store::Column],
    places: &[usize],
    query: &Query,
) -> Result<Vec<Line>, Error> {
    let plan = binder.query_open(query, None, &[])?;
    if plan.columns.len() > places.len() {
        return Err(too_many(true));
    }
    let types: Vec<Type> = plan.columns.iter().map(|column| column.ty).collect();
    let rows = exec::rows(binder.cx, &plan, None)?;
    let lines = rows.into_iter().map(|row| {
        let line = row.iter().zip(&types).zip(places).map(|((value, ty), at)| {
            let typed = Typed::new(Node::Const(value.clone()), *ty);
            assigned(binder, typed, &columns[*at]).map(Some)
        });
        line.collect()
    });
    lines.collect()
}

/// Puts rows into a table, after what the table demands of them.
pub(crate) fn add(
    binder: &Binder<'_, '_>,
    relation: &Relation,
    rows: Vec<Row>,
    ignore: bool,
) -> Result<Vec<Row>, Error> {
    let cx = binder.cx;
    let mut added = Vec::with_capacity(rows.len());
    let mut taken = Taken::of(relation)?;
    for row in rows {
        demand(binder, relation, &row)?;
        match taken.take(cx, relation, &row) {
            Ok(()) => added.push(row),
            Err(_) if ignore => {}
            Err(error) => return Err(error),
        }
    }
    let mut cluster = cx.cluster.borrow_mut();
    let bytes = added.iter().map(|row| weight(row)).sum();
    if !cluster.writes(bytes) {
        return Err(full());
    }
    let database = cluster.by_oid_mut(cx.state.database);
    if let Some(table) = database.and_then(|database| database.table_mut(relation.oid)) {
        if table.rows.len() + added.len() > MOST_ROWS {
            return Err(full());
        }
        Rc::make_mut(&mut table.rows).extend(added.iter().cloned());
    }
    Ok(added)
}
