//! INSERT, and rows put into a table however they come.

use std::rc::Rc;

use super::returning::{give, returning};
use super::rule::{Taken, demand};
use super::{Changed, assigned, blamed, columns_of, default_of, full, places, table_of};
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
    let rows = prepared(binder, insert)?;
    let returned = returning(binder, &relation, insert.returning)?;
    let added = add(binder, &relation, rows, insert.ignore)?;
    give(binder.cx, &relation, added, returned)
}

/// The rows as they would lie in the table.
pub(crate) fn prepared(binder: &Binder<'_, '_>, insert: &Insert<'_>) -> Result<Vec<Row>, Error> {
    let relation = table_of(binder, insert.table)?;
    let columns = columns_of(&relation);
    binder.clause.set("INSERT INTO");
    let places = places(&relation, insert.columns).map_err(|error| binder.in_clause(error))?;
    let defaults: Vec<Node> = columns
        .iter()
        .map(|column| default_of(binder, column))
        .collect::<Result<_, _>>()?;
    let lines = match insert.source {
        Source::Defaults => vec![Vec::new()],
        Source::Query(query) => match &query.body {
            Body::Values(rows) if query.order.is_empty() && query.limit.is_none() && query.with.is_empty() => {
                values(binder, &relation, &places, rows)?
            }
            _ => queried(binder, columns, &places, query)?,
        },
    };
    let none = Env { row: &[], up: None };
    let mut rows: Vec<Row> = Vec::with_capacity(lines.len());
    for (number, line) in lines.into_iter().enumerate() {
        let mut row = Vec::with_capacity(columns.len());
        for (at, default) in defaults.iter().enumerate() {
            let given = places.iter().position(|place| *place == at).and_then(|at| line.get(at));
            let given = given.and_then(Option::as_ref);
            if binder.is_mysql() && given.is_none() {
                crate::mysql::table::defaulted(&columns[at])?;
            }
            let value = eval(binder.cx, given.unwrap_or(default), &none)
                .map_err(|error| blamed(binder, &relation, &columns[at], number + 1, error))?;
            row.push(if binder.is_mysql() && given.is_some() {
                crate::mysql::table::counted(binder.cx, &columns[at], value)?
            } else {
                value
            });
        }
        rows.push(row.into());
    }
    Ok(rows)
}

/// MySQL's REPLACE, and INSERT ... ON DUPLICATE KEY UPDATE: how many rows that touched.
pub(crate) fn put(binder: &Binder<'_, '_>, path: &Path, row: Row, set: &[(String, Expr)]) -> Result<usize, Error> {
    let relation = table_of(binder, path)?;
    let rules: Vec<Vec<usize>> = relation.table().map_or(Vec::new(), |table| {
        let rules = table
            .constraints
            .iter()
            .filter_map(|constraint| match &constraint.rule {
                store::Rule::Unique { columns, .. } => Some(columns.clone()),
                _ => None,
            });
        rules.collect()
    });
    let clash = |other: &Row| {
        rules.iter().any(|columns| {
            let key = super::rule::key_of(&row, columns);
            key.is_some() && key == super::rule::key_of(other, columns)
        })
    };
    let rows = relation.table().map_or(&[][..], |table| &table.rows);
    let clashing: Vec<usize> = rows
        .iter()
        .enumerate()
        .filter(|(_, other)| clash(other))
        .map(|(at, _)| at)
        .collect();
    let Some(first) = clashing.first().copied() else {
        add(binder, &relation, vec![row], false)?;
        return Ok(1);
    };
    let mut changed = row.clone();
    if !set.is_empty() {
        changed = updated(binder, &relation, &rows[first], &row, set)?;
    }
    demand(binder, &relation, &changed)?;
    let mut cluster = binder.cx.cluster.borrow_mut();
    if !cluster.writes(weight(&changed)) {
        return Err(full());
    }
    let database = cluster.by_oid_mut(binder.cx.state.database);
    if let Some(table) = database.and_then(|database| database.table_mut(relation.oid)) {
        let rows = Rc::make_mut(&mut table.rows);
        rows[first] = changed;
        if set.is_empty() {
            for at in clashing.iter().skip(1).rev() {
                rows.remove(*at);
            }
        }
    }
    Ok(if set.is_empty() { clashing.len() + 1 } else { 2 })
}

/// A row after ON DUPLICATE KEY UPDATE; `VALUES(c)` speaks of the row that could not go in.
fn updated(
    binder: &Binder<'_, '_>,
    relation: &Relation,
    old: &Row,
    new: &Row,
    set: &[(String, Expr)],
) -> Result<Row, Error> {
    let columns = columns_of(relation);
    let width = columns.len() + 1;
    let mut scope = super::returning::scope_of(relation, &relation.name);
    let mut beside = super::returning::scope_of(relation, "values()");
    for named in &mut beside.tables {
        for placed in &mut named.columns {
            placed.at += width;
            placed.hidden = true;
        }
    }
    scope.tables.append(&mut beside.tables);
    let mut both: Vec<crate::value::Value> = old.iter().cloned().collect();
    both.push(relation.oid.into());
    both.extend(new.iter().cloned());
    both.push(relation.oid.into());
    let names: Vec<String> = set.iter().map(|(name, _)| name.clone()).collect();
    let mut row = old.to_vec();
    for ((_, expr), at) in set.iter().zip(places(relation, &names)?) {
        let node = assigned(binder, binder.expr(expr, &scope)?, &columns[at])?;
        row[at] = eval(binder.cx, &node, &Env { row: &both, up: None })?;
    }
    Ok(row.into())
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
    relation: &Relation,
    places: &[usize],
    rows: &[Vec<Expr>],
) -> Result<Vec<Line>, Error> {
    let columns = columns_of(relation);
    let scope = Scope::default();
    binder.clause.set("VALUES");
    let lines = rows.iter().enumerate().map(|(number, row)| {
        // MySQL wants as many as there are columns, or none.
        let few = binder.is_mysql() && !row.is_empty() && row.len() < places.len();
        if row.len() > places.len() || few {
            let mut error = too_many(!few);
            error.context = binder.is_mysql().then(|| format!("row {}", number + 1));
            return Err(error);
        }
        let line = row.iter().zip(places).map(|(expr, at)| match expr {
            Expr::Default => Ok(None),
            expr => {
                let node = assigned(binder, binder.expr(expr, &scope)?, &columns[*at]).map(Some);
                node.map_err(|error| blamed(binder, relation, &columns[*at], number + 1, error))
            }
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
    let few = binder.is_mysql() && plan.columns.len() < places.len();
    if plan.columns.len() > places.len() || few {
        return Err(too_many(!few));
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
        let before = table.rows.len();
        Rc::make_mut(&mut table.rows).extend(added.iter().cloned());
        if binder.is_mysql() {
            crate::mysql::table::clustered(table, before);
        }
    }
    Ok(added)
}
