//! What tables demand of their rows.

use std::collections::HashSet;

use super::returning::scope_of;
use super::{about, columns_of};
use crate::bind::Binder;
use crate::cx::Cx;
use crate::error::Error;
use crate::eval::{Env, eval};
use crate::exec;
use crate::store::{Relation, Rule};
use crate::text;
use crate::value::Value;

/// Keys there are, constraint by constraint.
pub(super) struct Taken(Vec<(String, Vec<usize>, HashSet<Vec<u8>>)>);

// === impl Taken ===

impl Taken {
    pub(super) fn of(relation: &Relation) -> Result<Self, Error> {
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

    pub(super) fn take(&mut self, cx: &Cx<'_>, relation: &Relation, row: &[Value]) -> Result<(), Error> {
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
pub(super) fn key_of(row: &[Value], columns: &[usize]) -> Option<Vec<u8>> {
    let parts: Vec<&Value> = columns.iter().filter_map(|at| row.get(*at)).collect();
    (!parts.iter().any(|part| part.is_null())).then(|| exec::key(parts))
}

pub(super) fn shown_key(cx: &Cx<'_>, relation: &Relation, row: &[Value], columns: &[usize]) -> String {
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

pub(super) fn demand(binder: &Binder<'_, '_>, relation: &Relation, row: &[Value]) -> Result<(), Error> {
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
