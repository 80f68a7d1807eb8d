//! RETURNING.

use super::{Changed, columns_of};
use crate::ast::Item;
use crate::bind::{Binder, Scope};
use crate::cx::Cx;
use crate::error::Error;
use crate::eval::{Env, eval};
use crate::plan::{Column, Node};
use crate::store::{Relation, Row};
use crate::types::Type;
use crate::value::Value;

/// The table alone, its hidden column behind the rest.
pub(super) fn scope_of(relation: &Relation, alias: &str) -> Scope<'static> {
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

pub(super) fn returning(binder: &Binder<'_, '_>, relation: &Relation, items: &[Item]) -> Result<Returning, Error> {
    let scope = scope_of(relation, &relation.name);
    let (mut out, mut columns) = (Vec::new(), Vec::new());
    for item in items {
        binder.item(item, &scope, &mut out, &mut columns)?;
    }
    Ok((out.into_iter().map(|typed| typed.node).collect(), columns))
}

pub(super) fn give(
    cx: &Cx<'_>,
    relation: &Relation,
    changed: Vec<Row>,
    (nodes, columns): Returning,
) -> Result<Changed, Error> {
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

/// The columns RETURNING gives; none when it is not there.
pub(crate) fn returned(
    binder: &Binder<'_, '_>,
    relation: &Relation,
    items: &[Item],
) -> Result<Option<Vec<Column>>, Error> {
    let (_, columns) = returning(binder, relation, items)?;
    Ok((!items.is_empty()).then_some(columns))
}
