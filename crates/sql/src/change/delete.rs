//! DELETE and TRUNCATE, and what goes with the rows that are gone.

use std::collections::HashSet;
use std::rc::Rc;

use super::returning::{give, returning};
use super::rule::{key_of, shown_key};
use super::update::{Update, meant};
use super::{Changed, about, columns_of, table_of};
use crate::ast::Path;
use crate::bind::Binder;
use crate::error::Error;
use crate::store::{self, Relation, Row, Rule, Table, weight};
use crate::value::Value;

pub(super) fn without(relation: &Relation, places: &HashSet<usize>) -> Relation {
    let mut relation = relation.clone();
    if let store::Kind::Table(Table { rows, .. }) = &mut relation.kind {
        let kept = rows.iter().enumerate().filter(|(at, _)| !places.contains(at));
        *rows = Rc::new(kept.map(|(_, row)| row.clone()).collect());
    }
    relation
}

pub(crate) fn delete(binder: &Binder<'_, '_>, delete: &Update<'_>) -> Result<Changed, Error> {
    let cx = binder.cx;
    let relation = table_of(binder, delete.table)?;
    let (_, found) = meant(binder, &relation, delete)?;
    let returned = returning(binder, &relation, delete.returning)?;
    let all = relation.table().map_or(&[][..], |table| &table.rows);
    let gone: Vec<Row> = found.iter().filter_map(|(at, _)| all.get(*at)).cloned().collect();
    remove(binder, &relation, &gone, 0)?;
    give(cx, &relation, gone, returned)
}

/// How far deletions follow references.
const FAR: usize = 16;

fn remove(binder: &Binder<'_, '_>, relation: &Relation, gone: &[Row], depth: usize) -> Result<(), Error> {
    if gone.is_empty() {
        return Ok(());
    }
    let pairs: Vec<(Row, Option<Row>)> = gone.iter().map(|row| (row.clone(), None)).collect();
    let cx = binder.cx;
    {
        let mut cluster = cx.cluster.borrow_mut();
        cluster.frees(gone.iter().map(|row| weight(row)).sum());
        let database = cluster.by_oid_mut(cx.state.database);
        if let Some(table) = database.and_then(|database| database.table_mut(relation.oid)) {
            let dead: HashSet<*const Value> = gone.iter().map(|row| row.as_ptr()).collect();
            Rc::make_mut(&mut table.rows).retain(|row| !dead.contains(&row.as_ptr()));
        }
    }
    followed(binder, relation, &pairs, depth)
}

/// What refers to rows that are gone or changed goes with them, or forbids it.
pub(super) fn followed(
    binder: &Binder<'_, '_>,
    relation: &Relation,
    gone: &[(Row, Option<Row>)],
    depth: usize,
) -> Result<(), Error> {
    let cx = binder.cx;
    let referring = cx.with_database(|database| {
        let all = database.relations.values().filter_map(|other| {
            let table = other.table()?;
            let rules = table
                .constraints
                .iter()
                .filter_map(|constraint| match &constraint.rule {
                    Rule::Foreign {
                        columns,
                        table,
                        others,
                        on_delete,
                        ..
                    } if *table == relation.oid => {
                        Some((constraint.name.clone(), columns.clone(), others.clone(), *on_delete))
                    }
                    _ => None,
                });
            let rules: Vec<_> = rules.collect();
            (!rules.is_empty()).then(|| (other.clone(), rules))
        });
        all.collect::<Vec<_>>()
    });
    for (other, rules) in referring.unwrap_or_default() {
        for (name, columns, others, on_delete) in rules {
            let keys: HashSet<Vec<u8>> = gone
                .iter()
                .filter(|(old, new)| {
                    new.as_ref()
                        .is_none_or(|new| key_of(old, &others) != key_of(new, &others))
                })
                .filter_map(|(old, _)| key_of(old, &others))
                .collect();
            let rows = other.table().map_or(&[][..], |table| &table.rows);
            let hit: Vec<Row> = rows
                .iter()
                .filter(|row| key_of(row, &columns).is_some_and(|key| keys.contains(&key)))
                .cloned()
                .collect();
            let Some(first) = hit.first() else { continue };
            let deleted = gone.iter().all(|(_, new)| new.is_none());
            if on_delete == 'c' && deleted && depth < FAR {
                remove(binder, &other, &hit, depth + 1)?;
                continue;
            }
            let message = format!(
                "update or delete on table \"{}\" violates foreign key constraint \"{name}\" on table \"{}\"",
                relation.name, other.name
            );
            let key = shown_key(cx, &other, first, &columns);
            let values = key.split_once("=").map_or("", |(_, values)| values);
            let all = columns_of(relation);
            let names: Vec<&str> = others
                .iter()
                .filter_map(|at| all.get(*at))
                .map(|column| column.name.as_str())
                .collect();
            let detail = format!(
                "Key ({})={values} is still referenced from table \"{}\".",
                names.join(", "),
                other.name
            );
            let error = Error::new("23503", message).detail(detail);
            return Err(about(cx, &other, None, Some(&name), error));
        }
    }
    Ok(())
}

pub(crate) fn truncate(binder: &Binder<'_, '_>, tables: &[Path]) -> Result<(), Error> {
    for path in tables {
        let relation = table_of(binder, path).map_err(Error::unplaced)?;
        let mut cluster = binder.cx.cluster.borrow_mut();
        let database = cluster.by_oid_mut(binder.cx.state.database);
        if let Some(table) = database.and_then(|database| database.table_mut(relation.oid)) {
            table.rows = Rc::default();
        }
    }
    Ok(())
}
