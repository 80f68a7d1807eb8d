//! UPDATE, and which rows are meant.

use std::collections::HashSet;
use std::rc::Rc;

use super::delete::{followed, without};
use super::returning::{give, returning, scope_of};
use super::rule::{Taken, demand};
use super::{Changed, assigned, columns_of, default_of, full, places, table_of};
use crate::ast::{Expr, From, Item, Path};
use crate::bind::{Binder, Scope};
use crate::error::Error;
use crate::eval::{Env, eval};
use crate::exec;
use crate::store::{Relation, Row, weight};
use crate::value::Value;

pub(crate) struct Update<'a> {
    pub(crate) table: &'a Path,
    pub(crate) alias: Option<&'a str>,
    pub(crate) set: &'a [(String, Expr)],
    /// FROM of UPDATE, USING of DELETE.
    pub(crate) from: &'a [From],
    pub(crate) filter: Option<&'a Expr>,
    pub(crate) returning: &'a [Item],
}

/// The place of a row, and it with those beside it.
type Meant = (usize, Vec<Value>);

/// The rows that are meant.
pub(super) fn meant(
    binder: &Binder<'_, '_>,
    relation: &Relation,
    update: &Update<'_>,
) -> Result<(Scope<'static>, Vec<Meant>), Error> {
    let cx = binder.cx;
    let mut scope = scope_of(relation, update.alias.unwrap_or(&relation.name));
    let mut start = columns_of(relation).len() + 1;
    let mut sources = Vec::new();
    for item in update.from {
        let source = binder.source_of(item, &mut scope, start)?;
        start += source.width;
        sources.push(source);
    }
    let filter = update
        .filter
        .map(|filter| binder.condition(filter, &scope, "WHERE"))
        .transpose()?;
    let mut found = Vec::new();
    for (at, row) in relation.table().map_or(&[][..], |table| &table.rows).iter().enumerate() {
        cx.step(1)?;
        let whole: Vec<Value> = row.iter().cloned().chain([relation.oid.into()]).collect();
        let mut beside = vec![whole];
        for source in &sources {
            beside = exec::beside(cx, beside, source, &[], None)?;
        }
        for row in beside {
            let wanted = match &filter {
                None => true,
                Some(filter) => eval(cx, filter, &Env { row: &row, up: None })?.is_true(),
            };
            if wanted {
                found.push((at, row));
                break;
            }
        }
    }
    Ok((scope, found))
}

pub(crate) fn update(binder: &Binder<'_, '_>, update: &Update<'_>) -> Result<Changed, Error> {
    let cx = binder.cx;
    let relation = table_of(binder, update.table)?;
    let columns = columns_of(&relation);
    let names: Vec<String> = update.set.iter().map(|(name, _)| name.clone()).collect();
    let places = places(&relation, &names)?;
    let (scope, found) = meant(binder, &relation, update)?;
    let mut nodes = Vec::new();
    for ((_, expr), at) in update.set.iter().zip(&places) {
        nodes.push(match expr {
            Expr::Default => default_of(binder, &columns[*at])?,
            expr => assigned(binder, binder.expr(expr, &scope)?, &columns[*at])?,
        });
    }
    let returned = returning(binder, &relation, update.returning)?;
    let mut changed: Vec<(usize, Row)> = Vec::new();
    for (at, row) in found {
        let mut new = row[..columns.len()].to_vec();
        for (node, place) in nodes.iter().zip(&places) {
            new[*place] = eval(cx, node, &Env { row: &row, up: None })?;
        }
        demand(binder, &relation, &new)?;
        changed.push((at, new.into()));
    }
    let kept = Relation::clone(&relation);
    let rest = without(&kept, &changed.iter().map(|(at, _)| *at).collect());
    let mut taken = Taken::of(&rest)?;
    for (_, row) in &changed {
        taken.take(cx, &relation, row)?;
    }
    let gone: Vec<(Row, Option<Row>)> = changed
        .iter()
        .filter_map(|(at, new)| Some((relation.table()?.rows.get(*at)?.clone(), Some(new.clone()))))
        .collect();
    followed(binder, &relation, &gone, 0)?;
    let mut cluster = cx.cluster.borrow_mut();
    if !cluster.writes(changed.iter().map(|(_, row)| weight(row)).sum()) {
        return Err(full());
    }
    let database = cluster.by_oid_mut(cx.state.database);
    if let Some(table) = database.and_then(|database| database.table_mut(relation.oid)) {
        let rows = Rc::make_mut(&mut table.rows);
        // As a new version of a row goes to the end.
        let places: HashSet<usize> = changed.iter().map(|(at, _)| *at).collect();
        let mut at = 0;
        rows.retain(|_| {
            at += 1;
            !places.contains(&(at - 1))
        });
        rows.extend(changed.iter().map(|(_, row)| row.clone()));
    }
    drop(cluster);
    give(
        cx,
        &relation,
        changed.into_iter().map(|(_, row)| row).collect(),
        returned,
    )
}

/// Finds out the types of parameters in what an UPDATE or DELETE sets and asks for.
pub(crate) fn typed(
    binder: &Binder<'_, '_>,
    relation: &Relation,
    alias: Option<&str>,
    set: &[(String, Expr)],
    filter: Option<&Expr>,
) -> Result<(), Error> {
    let scope = scope_of(relation, alias.unwrap_or(&relation.name));
    let columns = columns_of(relation);
    for (name, expr) in set {
        let at = places(relation, std::slice::from_ref(name))?[0];
        if *expr != Expr::Default {
            assigned(binder, binder.expr(expr, &scope)?, &columns[at])?;
        }
    }
    if let Some(filter) = filter {
        binder.condition(filter, &scope, "WHERE")?;
    }
    Ok(())
}
