//! INSERT, UPDATE, DELETE and TRUNCATE.

use std::collections::HashSet;
use std::rc::Rc;

use crate::ast::{Body, Expr, From, Item, Path, Query, Source};
use crate::bind::{Binder, Scope, Typed};
use crate::cast;
use crate::catalog;
use crate::cx::Cx;
use crate::error::Error;
use crate::eval::{Env, eval};
use crate::exec;
use crate::plan::{Column, Node};
use crate::store::{self, DefaultValue, Relation, Row, Rule, Table, weight};
use crate::text;
use crate::types::Type;
use crate::value::Value;

/// Rows changed, and what RETURNING gives of them.
pub(crate) struct Changed {
    pub(crate) count: usize,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
}

/// Rows one table may hold.
const MOST_ROWS: usize = 200_000;

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
        columns.iter().position(|column| column.name == *name).ok_or_else(|| {
            let message = format!("column \"{name}\" of relation \"{}\" does not exist", relation.name);
            Error::new("42703", message).raised("parse_target.c", 1066, "checkInsertTargets")
        })
    });
    places.collect()
}

fn assigned(binder: &Binder<'_, '_>, typed: Typed, column: &store::Column) -> Result<Node, Error> {
    let from = typed.ty;
    let taken = binder.cast(typed, column.ty, column.modifier, cast::is_assignable, false)?;
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

/// Keys there are, constraint by constraint.
struct Taken(Vec<(String, Vec<usize>, HashSet<Vec<u8>>)>);

// === impl Taken ===

impl Taken {
    fn of(relation: &Relation) -> Result<Self, Error> {
        let Some(table) = relation.table() else {
            return Ok(Self(Vec::new()));
        };
        let unique = table
            .constraints
            .iter()
            .filter_map(|constraint| match &constraint.rule {
                Rule::Unique { columns, .. } => Some((constraint.name.clone(), columns.clone())),
                _ => None,
            });
        let sets = unique.map(|(name, columns)| {
            let keys = table.rows.iter().filter_map(|row| key_of(row, &columns)).collect();
            (name, columns, keys)
        });
        Ok(Self(sets.collect()))
    }

    fn take(&mut self, cx: &Cx<'_>, relation: &Relation, row: &[Value]) -> Result<(), Error> {
        for (name, columns, keys) in &self.0 {
            if key_of(row, columns).is_some_and(|key| keys.contains(&key)) {
                let message = format!("duplicate key value violates unique constraint \"{name}\"");
                let detail = format!("{} already exists.", shown_key(cx, relation, row, columns));
                return Err(about(
                    cx,
                    relation,
                    None,
                    Some(name),
                    Error::new("23505", message).detail(detail),
                ));
            }
        }
        for (_, columns, keys) in &mut self.0 {
            keys.extend(key_of(row, columns));
        }
        Ok(())
    }
}

/// None where a part of it is NULL.
fn key_of(row: &[Value], columns: &[usize]) -> Option<Vec<u8>> {
    let parts: Vec<&Value> = columns.iter().filter_map(|at| row.get(*at)).collect();
    (!parts.iter().any(|part| part.is_null())).then(|| exec::key(parts))
}

fn shown_key(cx: &Cx<'_>, relation: &Relation, row: &[Value], columns: &[usize]) -> String {
    let all = columns_of(relation);
    let names: Vec<&str> = columns
        .iter()
        .filter_map(|at| all.get(*at))
        .map(|column| column.name.as_str())
        .collect();
    let values: Vec<String> = columns
        .iter()
        .filter_map(|at| Some(text::output(all.get(*at)?.ty, row.get(*at)?, cx)))
        .collect();
    format!("Key ({})=({})", names.join(", "), values.join(", "))
}

/// Failing rows as errors show them.
fn shown_row(cx: &Cx<'_>, relation: &Relation, row: &[Value]) -> String {
    let shown = columns_of(relation).iter().zip(row).map(|(column, value)| match value {
        Value::Null => "null".to_owned(),
        value => text::output(column.ty, value, cx),
    });
    format!("Failing row contains ({}).", shown.collect::<Vec<_>>().join(", "))
}

fn demand(binder: &Binder<'_, '_>, relation: &Relation, row: &[Value]) -> Result<(), Error> {
    let cx = binder.cx;
    let Some(table) = relation.table() else { return Ok(()) };
    for (column, value) in table.columns.iter().zip(row) {
        if column.not_null && value.is_null() {
            let message = format!(
                "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
                column.name, relation.name
            );
            let error = Error::new("23502", message).detail(shown_row(cx, relation, row));
            return Err(about(cx, relation, Some(&column.name), None, error));
        }
    }
    for constraint in &table.constraints {
        match &constraint.rule {
            Rule::Unique { .. } => {}
            Rule::Check { expr, .. } => {
                let scope = scope_of(relation, &relation.name);
                let condition = binder.condition(expr, &scope, "CHECK")?;
                if matches!(eval(cx, &condition, &Env { row, up: None })?, Value::Bool(false)) {
                    let message = format!(
                        "new row for relation \"{}\" violates check constraint \"{}\"",
                        relation.name, constraint.name
                    );
                    let error = Error::new("23514", message).detail(shown_row(cx, relation, row));
                    let error = error.raised("execMain.c", 2015, "ExecConstraints");
                    return Err(about(cx, relation, None, Some(&constraint.name), error));
                }
            }
            Rule::Foreign {
                columns,
                table: other,
                others,
                ..
            } => {
                let Some(key) = key_of(row, columns) else { continue };
                let other = cx
                    .with_database(|database| database.relations.get(other).cloned())
                    .flatten();
                let found = other.as_ref().is_none_or(|other| {
                    let rows = other.table().map_or(&[][..], |table| &table.rows);
                    rows.iter().any(|row| key_of(row, others).as_ref() == Some(&key))
                });
                if !found {
                    let message = format!(
                        "insert or update on table \"{}\" violates foreign key constraint \"{}\"",
                        relation.name, constraint.name
                    );
                    let name = other.map_or(String::new(), |other| other.name.clone());
                    let detail = format!(
                        "{} is not present in table \"{name}\".",
                        shown_key(cx, relation, row, columns)
                    );
                    let error = Error::new("23503", message).detail(detail);
                    return Err(about(cx, relation, None, Some(&constraint.name), error));
                }
            }
        }
    }
    Ok(())
}

/// The table alone, its hidden column behind the rest.
fn scope_of(relation: &Relation, alias: &str) -> Scope<'static> {
    let mut scope = Scope::default();
    let columns = (1..)
        .zip(columns_of(relation))
        .map(|(place, column)| crate::bind::Placed {
            column: Column {
                name: column.name.clone(),
                ty: column.ty,
                modifier: column.modifier,
                table: relation.oid,
                place,
            },
            at: usize::try_from(place).unwrap_or(1) - 1,
            hidden: false,
        });
    let mut columns: Vec<_> = columns.collect();
    columns.push(crate::bind::Placed {
        column: Column {
            name: "tableoid".into(),
            ty: Type::OID,
            modifier: -1,
            table: relation.oid,
            place: -6,
        },
        at: columns.len(),
        hidden: true,
    });
    scope.tables.push(crate::bind::Named {
        alias: alias.to_owned(),
        columns,
    });
    scope
}

type Returning = (Vec<Node>, Vec<Column>);

fn returning(binder: &Binder<'_, '_>, relation: &Relation, items: &[Item]) -> Result<Returning, Error> {
    let scope = scope_of(relation, &relation.name);
    let (mut out, mut columns) = (Vec::new(), Vec::new());
    for item in items {
        binder.item(item, &scope, &mut out, &mut columns)?;
    }
    Ok((out.into_iter().map(|typed| typed.node).collect(), columns))
}

fn give(cx: &Cx<'_>, relation: &Relation, changed: Vec<Row>, (nodes, columns): Returning) -> Result<Changed, Error> {
    let mut rows = Vec::new();
    if !nodes.is_empty() {
        for row in &changed {
            let whole: Vec<Value> = row.iter().cloned().chain([relation.oid.into()]).collect();
            let env = Env { row: &whole, up: None };
            rows.push(
                nodes
                    .iter()
                    .map(|node| eval(cx, node, &env))
                    .collect::<Result<Row, Error>>()?,
            );
        }
    }
    Ok(Changed {
        count: changed.len(),
        columns,
        rows,
    })
}

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
fn meant(
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

fn without(relation: &Relation, places: &HashSet<usize>) -> Relation {
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
fn followed(
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

/// The columns RETURNING gives; none when it is not there.
pub(crate) fn returned(
    binder: &Binder<'_, '_>,
    relation: &Relation,
    items: &[Item],
) -> Result<Option<Vec<Column>>, Error> {
    let (_, columns) = returning(binder, relation, items)?;
    Ok((!items.is_empty()).then_some(columns))
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
