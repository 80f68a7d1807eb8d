//! Constraints of tables, and the indexes they bring.

use std::rc::Rc;

use super::{new_oid, put, relation_of};
use crate::ast::{self, ConstraintKind};
use crate::bind::Binder;
use crate::change;
use crate::cx::Cx;
use crate::error::Error;
use crate::store::{Constraint, Index, Kind, Relation, Rule};

pub(super) fn index_for(cx: &Cx<'_>, table: &Relation, name: &str, index: Index) -> Result<u32, Error> {
    let oid = new_oid(cx);
    put(
        cx,
        Relation {
            oid,
            schema: table.schema,
            name: name.to_owned(),
            owner: table.owner,
            temporary: table.temporary,
            kind: Kind::Index(index),
        },
    )
}

pub(super) fn constrain(binder: &Binder<'_, '_>, table: u32, constraint: &ast::Constraint) -> Result<(), Error> {
    let cx = binder.cx;
    let relation = relation_of(cx, table)?;
    let named = |columns: &[String], end: &str| {
        constraint.name.clone().unwrap_or_else(|| {
            if binder.is_mysql()
                && let Some(name) = crate::mysql::table::name_for(&relation, columns, end)
            {
                return name;
            }
            let middle = if end == "pkey" {
                String::new()
            } else {
                format!("{}_", columns.join("_"))
            };
            let base = format!("{}_{middle}{end}", relation.name);
            cx.with_database(|database| database.free_name(relation.schema, &base))
                .unwrap_or(base)
        })
    };
    let (name, rule) = match &constraint.kind {
        ConstraintKind::Primary(names) | ConstraintKind::Unique(names) => {
            let primary = matches!(constraint.kind, ConstraintKind::Primary(_));
            let columns = change::places(&relation, names)?;
            let name = named(names, if primary { "pkey" } else { "key" });
            let index = index_for(
                cx,
                &relation,
                &name,
                Index {
                    table,
                    columns: columns.clone(),
                    unique: true,
                    primary,
                },
            )?;
            (
                name,
                Rule::Unique {
                    columns,
                    index,
                    primary,
                },
            )
        }
        ConstraintKind::Check(expr, text) => {
            let columns = match expr {
                ast::Expr::Binary(_, left, _, _) => match &**left {
                    ast::Expr::Column(path, _) => path.last().cloned().into_iter().collect(),
                    _ => Vec::new(),
                },
                _ => Vec::new(),
            };
            let rule = Rule::Check {
                expr: Rc::new(expr.clone()),
                text: text.clone(),
            };
            (named(&columns, "check"), rule)
        }
        ConstraintKind::References {
            columns: names,
            table: other,
            others,
            on_delete,
            on_update,
        } => {
            let columns = change::places(&relation, names)?;
            let target = change::table_of(binder, other)?;
            let unique = target.table().map_or(&[][..], |table| &table.constraints);
            let wanted = if others.is_empty() {
                None
            } else {
                Some(change::places(&target, others)?)
            };
            let found = unique.iter().find_map(|one| match &one.rule {
                Rule::Unique {
                    columns,
                    index,
                    primary,
                } => {
                    let fits = wanted.as_ref().map_or(*primary, |wanted| wanted == columns);
                    fits.then(|| (columns.clone(), *index))
                }
                _ => None,
            });
            let Some((others, index)) = found else {
                let message = format!(
                    "there is no unique constraint matching given keys for referenced table \"{}\"",
                    target.name
                );
                return Err(Error::new("42830", message).raised("tablecmds.c", 11_655, "transformFkeyCheckAttrs"));
            };
            let rule = Rule::Foreign {
                columns,
                table: target.oid,
                others,
                index,
                on_delete: *on_delete,
                on_update: *on_update,
            };
            (named(names, "fkey"), rule)
        }
    };
    let oid = new_oid(cx);
    let mut cluster = cx.cluster.borrow_mut();
    let database = cluster.by_oid_mut(cx.state.database);
    if let Some(table) = database.and_then(|database| database.table_mut(table)) {
        if let Rule::Unique {
            columns, primary: true, ..
        } = &rule
        {
            for at in columns {
                table.columns[*at].not_null = true;
            }
        }
        table.constraints.push(Constraint { oid, name, rule });
    }
    Ok(())
}
