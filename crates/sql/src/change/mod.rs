//! INSERT, UPDATE, DELETE and TRUNCATE.

pub(crate) mod delete;
pub(crate) mod insert;
pub(crate) mod returning;
mod rule;
pub(crate) mod update;

use std::rc::Rc;

use crate::ast::Path;
use crate::bind::{Binder, Scope, Typed};
use crate::cast;
use crate::catalog;
use crate::cx::Cx;
use crate::error::Error;
use crate::plan::{Column, Node};
use crate::store::{self, DefaultValue, Relation, Row};
use crate::value::Value;

/// Rows changed, and what RETURNING gives of them.
pub(crate) struct Changed {
    pub(crate) count: usize,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
}

pub(crate) fn full() -> Error {
    Error::new(
        "53100",
        "could not extend file \"base/16384/16397\": No space left on device",
    )
    .hint("Check free disk space.")
    .raised("md.c", 479, "mdextend")
}

/// Tells what a broken rule of a table is about.
fn about(cx: &Cx<'_>, relation: &Relation, column: Option<&str>, constraint: Option<&str>, mut error: Error) -> Error {
    error.schema = cx
        .with_database(|database| database.schema_name(relation.schema).map(str::to_owned))
        .flatten();
    error.table = Some(relation.name.clone());
    error.column = column.map(str::to_owned);
    error.constraint = constraint.map(str::to_owned);
    error
}

/// MySQL says which column of which row a value does not fit.
fn blamed(binder: &Binder<'_, '_>, relation: &Relation, column: &store::Column, row: usize, error: Error) -> Error {
    if !binder.is_mysql() || !error.code.starts_with("22") {
        return error;
    }
    let mut error = about(binder.cx, relation, Some(&column.name), None, error);
    error.context = Some(format!("row {row}"));
    error
}

fn denied(relation: &Relation) -> Error {
    Error::new(
        "42501",
        format!("permission denied for {} {}", relation.word(), relation.name),
    )
}

/// The table of that name, which the user may change.
pub(crate) fn table_of(binder: &Binder<'_, '_>, path: &Path) -> Result<Rc<Relation>, Error> {
    let cx = binder.cx;
    if let Some(listed) = catalog::listed(cx, path.schema.as_deref(), &path.name) {
        if let Some(error) = binder
            .is_mysql()
            .then(|| crate::mysql::grants::fixed(cx, listed))
            .flatten()
        {
            return Err(error);
        }
        let word = if listed.kind == "v" { "view" } else { "table" };
        return Err(Error::new(
            "42501",
            format!("permission denied for {word} {}", listed.name),
        ));
    }
    let relation = cx
        .relation(path.schema.as_deref(), &path.name)
        .ok_or_else(|| binder.missing(path))?;
    if relation.table().is_none() {
        let message = format!("cannot change {} \"{}\"", relation.word(), relation.name);
        return Err(Error::new("42809", message).raised("execMain.c", 1075, "CheckValidResultRel"));
    }
    if relation.owner != cx.state.user.get() && !cx.is_superuser() {
        return Err(denied(&relation));
    }
    Ok(relation)
}

fn columns_of(relation: &Relation) -> &[store::Column] {
    relation.table().map_or(&[], |table| &table.columns)
}

/// Places of the columns named; all of them when none is.
pub(crate) fn places(relation: &Relation, names: &[String]) -> Result<Vec<usize>, Error> {
    let columns = columns_of(relation);
    if names.is_empty() {
        return Ok((0..columns.len()).collect());
    }
    let places = names.iter().map(|name| {
        let found = columns.iter().position(|column| {
            column.name == *name || (!column.declared.is_empty() && column.name.eq_ignore_ascii_case(name))
        });
        found.ok_or_else(|| {
            let message = format!("column \"{name}\" of relation \"{}\" does not exist", relation.name);
            Error::new("42703", message).raised("parse_target.c", 1066, "checkInsertTargets")
        })
    });
    places.collect()
}

fn assigned(binder: &Binder<'_, '_>, typed: Typed, column: &store::Column) -> Result<Node, Error> {
    let from = typed.ty;
    let taken = if binder.is_mysql() {
        binder.mysql_assigned(typed, column)?
    } else {
        binder.cast(typed, column.ty, column.modifier, cast::is_assignable, false)?
    };
    taken.map(|typed| typed.node).ok_or_else(|| {
        let message = format!(
            "column \"{}\" is of type {} but expression is of type {}",
            column.name,
            column.ty.title(),
            from.title()
        );
        Error::new("42804", message)
            .hint("You will need to rewrite or cast the expression.")
            .raised("parse_target.c", 587, "transformAssignedExpr")
    })
}

/// The node of a column's default.
pub(crate) fn default_of(binder: &Binder<'_, '_>, column: &store::Column) -> Result<Node, Error> {
    match &column.default {
        None => Ok(Node::Const(Value::Null)),
        Some(default) => match &default.value {
            DefaultValue::Serial(sequence) => Ok(Node::Next(*sequence)),
            DefaultValue::Expr(expr) => assigned(binder, binder.expr(expr, &Scope::default())?, column),
        },
    }
}
