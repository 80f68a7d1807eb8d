//! UPDATE, and which rows are meant.

use std::collections::HashSet;
use std::rc::Rc;

use super::delete::{followed, without};
use super::returning::{give, returning, scope_of};
use super::rule::{Taken, demand};
use super::{Changed, assigned, blamed, columns_of, default_of, full, places, table_of};
use crate::ast::{Expr, From, Item, Limited, Path};
use crate::bind::{Binder, Scope};
use crate::error::Error;
use crate::eval::{Env, eval};
use crate::exec;
use crate::store::{Relation, Row, weight};
use crate::types::Type;
use crate::value::Value;

pub(crate) struct Update<'a> {
    pub(crate) table: &'a Path,
    pub(crate) alias: Option<&'a str>,
    pub(crate) set: &'a [(String, Expr)],
    /// FROM of UPDATE, USING of DELETE.
    pub(crate) from: &'a [From],
    pub(crate) filter: Option<&'a Expr>,
    pub(crate) limited: &'a Limited,
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
    binder.clause.set("WHERE");
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
    limited(binder, &scope, update.limited, &mut found)?;
    Ok((scope, found))
}

/// Leaves of the rows meant those that come first, as many as there may be.
fn limited(binder: &Binder<'_, '_>, scope: &Scope<'_>, limited: &Limited, found: &mut Vec<Meant>) -> Result<(), Error> {
    let cx = binder.cx;
    if !limited.order.is_empty() {
        binder.clause.set("ORDER BY");
        let (nodes, sorts) = binder.ordered(&limited.order, scope)?;
        let mut keyed = Vec::with_capacity(found.len());
        for meant in found.drain(..) {
            let env = Env {
                row: &meant.1,
                up: None,
            };
            let keys = nodes.iter().map(|node| eval(cx, node, &env));
            keyed.push((keys.collect::<Result<Vec<_>, _>>()?, meant));
        }
        keyed.sort_by(|(a, _), (b, _)| exec::compare(&sorts, a, b));
        found.extend(keyed.into_iter().map(|(_, meant)| meant));
    }
    if let Some(limit) = &limited.limit {
        let typed = binder.implicit(binder.expr(limit, &Scope::default())?, Type::INT8)?;
        let count = eval(cx, &typed.node, &Env { row: &[], up: None })?.as_int();
        found.truncate(count.and_then(|count| usize::try_from(count).ok()).unwrap_or(0));
    }
    Ok(())
}

pub(crate) fn update(binder: &Binder<'_, '_>, update: &Update<'_>) -> Result<Changed, Error> {
    let cx = binder.cx;
    let relation = table_of(binder, update.table)?;
    let columns = columns_of(&relation);
    let names: Vec<String> = update.set.iter().map(|(name, _)| name.clone()).collect();
    let (scope, found) = meant(binder, &relation, update)?;
    binder.clause.set("SET");
    let places = places(&relation, &names).map_err(|error| binder.in_clause(error))?;
    let mut nodes = Vec::new();
    for ((_, expr), at) in update.set.iter().zip(&places) {
        nodes.push(match expr {
            Expr::Default => default_of(binder, &columns[*at])?,
            expr => assigned(binder, binder.expr(expr, &scope)?, &columns[*at])
                .map_err(|error| blamed(binder, &relation, &columns[*at], 1, error))?,
        });
    }
    let returned = returning(binder, &relation, update.returning)?;
    let mut changed: Vec<(usize, Row)> = Vec::new();
    let mut matched = 0;
    for (at, row) in found {
        let mut new = row[..columns.len()].to_vec();
        for (node, place) in nodes.iter().zip(&places) {
            new[*place] = eval(cx, node, &Env { row: &row, up: None })
                .map_err(|error| blamed(binder, &relation, &columns[*place], matched as usize + 1, error))?;
        }
        demand(binder, &relation, &new)?;
        matched += 1;
        // MySQL leaves alone, and does not count, what would stay as it is.
        if !binder.is_mysql() || exec::key(&new) != exec::key(&row[..columns.len()]) {
            changed.push((at, new.into()));
        }
    }
    cx.state.matched.set(matched);
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
        if binder.is_mysql() {
            let rows = Rc::make_mut(&mut table.rows);
            for (at, row) in &changed {
                if let Some(place) = rows.get_mut(*at) {
                    *place = row.clone();
                }
            }
            crate::mysql::table::clustered(table, 0);
        } else {
            moved(Rc::make_mut(&mut table.rows), &changed);
        }
    }
    drop(cluster);
    give(
        cx,
        &relation,
        changed.into_iter().map(|(_, row)| row).collect(),
        returned,
    )
}

/// As a new version of a row goes to the end.
fn moved(rows: &mut Vec<Row>, changed: &[(usize, Row)]) {
    let places: HashSet<usize> = changed.iter().map(|(at, _)| *at).collect();
    let mut at = 0;
    rows.retain(|_| {
        at += 1;
        !places.contains(&(at - 1))
    });
    rows.extend(changed.iter().map(|(_, row)| row.clone()));
}

/// Finds out the types of parameters in what an UPDATE or DELETE sets and asks for.
pub(crate) fn typed(
    binder: &Binder<'_, '_>,
    relation: &Relation,
    alias: Option<&str>,
    set: &[(String, Expr)],
    (filter, limited): (Option<&Expr>, &Limited),
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
    binder.ordered(&limited.order, &scope)?;
    if let Some(limit) = &limited.limit {
        binder.implicit(binder.expr(limit, &Scope::default())?, Type::INT8)?;
    }
    Ok(())
}
