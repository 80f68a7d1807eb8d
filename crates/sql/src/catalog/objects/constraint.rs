//! Constraints, and what depends on what.

use super::super::Rows;
use super::{PG_ATTRDEF, PG_CLASS, PG_CONSTRAINT, PG_NAMESPACE, PG_TYPE, tables};
use crate::store::{Database, Kind, Rule};
use crate::value::Value;

pub(super) fn constraints(database: &Database, rows: &mut Rows<'_>) {
    let numbers = |places: &[usize]| Value::Array(places.iter().map(|at| Value::Int(*at as i64 + 1)).collect());
    for (relation, table) in tables(database) {
        for constraint in &table.constraints {
            let mut fields = vec![
                ("oid", constraint.oid.into()),
                ("conname", constraint.name.as_str().into()),
                ("connamespace", relation.schema.into()),
                ("convalidated", true.into()),
                ("conrelid", relation.oid.into()),
                ("conislocal", true.into()),
                ("connoinherit", true.into()),
                ("confupdtype", " ".into()),
                ("confdeltype", " ".into()),
                ("confmatchtype", " ".into()),
            ];
            match &constraint.rule {
                Rule::Unique {
                    columns,
                    index,
                    primary,
                } => fields.extend([
                    ("contype", if *primary { "p" } else { "u" }.into()),
                    ("conindid", (*index).into()),
                    ("conkey", numbers(columns)),
                ]),
                Rule::Check { .. } => fields.extend([("contype", "c".into())]),
                Rule::Foreign {
                    columns,
                    table,
                    others,
                    index,
                    on_delete,
                    on_update,
                } => fields.extend([
                    ("contype", "f".into()),
                    ("conindid", (*index).into()),
                    ("confrelid", (*table).into()),
                    ("conkey", numbers(columns)),
                    ("confkey", numbers(others)),
                    ("confupdtype", on_update.to_string().into()),
                    ("confdeltype", on_delete.to_string().into()),
                    ("confmatchtype", "s".into()),
                ]),
            }
            rows.add(fields);
        }
    }
}

pub(super) fn dependencies(database: &Database, rows: &mut Rows<'_>) {
    let mut add = |class: u32, object: u32, part: usize, on_class: u32, on: u32, on_part: usize, kind: &'static str| {
        rows.add([
            ("classid", class.into()),
            ("objid", object.into()),
            ("objsubid", part.into()),
            ("refclassid", on_class.into()),
            ("refobjid", on.into()),
            ("refobjsubid", on_part.into()),
            ("deptype", kind.into()),
        ]);
    };
    for relation in database.relations.values() {
        if !matches!(relation.kind, Kind::Index(_)) {
            add(PG_CLASS, relation.oid, 0, PG_NAMESPACE, relation.schema, 0, "n");
        }
        match &relation.kind {
            Kind::Sequence(sequence) => {
                if let Some((table, at)) = sequence.owned_by {
                    add(PG_CLASS, relation.oid, 0, PG_CLASS, table, at + 1, "a");
                }
            }
            Kind::Index(index) => {
                let table = database
                    .relations
                    .get(&index.table)
                    .and_then(|relation| relation.table());
                let behind = table.and_then(|table| {
                    let mut all = table.constraints.iter();
                    all.find(|one| matches!(one.rule, Rule::Unique { index, .. } if index == relation.oid))
                });
                match behind {
                    Some(constraint) => add(PG_CLASS, relation.oid, 0, PG_CONSTRAINT, constraint.oid, 0, "i"),
                    None => {
                        for at in &index.columns {
                            add(PG_CLASS, relation.oid, 0, PG_CLASS, index.table, at + 1, "a");
                        }
                    }
                }
            }
            Kind::Table(table) => {
                add(PG_TYPE, table.row_type, 0, PG_CLASS, relation.oid, 0, "i");
                add(PG_TYPE, table.row_type - 1, 0, PG_TYPE, table.row_type, 0, "i");
                for (at, column) in table.columns.iter().enumerate() {
                    if let Some(default) = &column.default {
                        add(PG_ATTRDEF, default.oid, 0, PG_CLASS, relation.oid, at + 1, "a");
                        if let crate::store::DefaultValue::Serial(sequence) = default.value {
                            add(PG_ATTRDEF, default.oid, 0, PG_CLASS, sequence, 0, "n");
                        }
                    }
                }
                for constraint in &table.constraints {
                    match &constraint.rule {
                        Rule::Unique { columns, .. } => {
                            for at in columns {
                                add(PG_CONSTRAINT, constraint.oid, 0, PG_CLASS, relation.oid, at + 1, "a");
                            }
                        }
                        Rule::Check { .. } => add(PG_CONSTRAINT, constraint.oid, 0, PG_CLASS, relation.oid, 0, "a"),
                        Rule::Foreign {
                            columns,
                            table,
                            others,
                            index,
                            ..
                        } => {
                            for at in columns {
                                add(PG_CONSTRAINT, constraint.oid, 0, PG_CLASS, relation.oid, at + 1, "a");
                            }
                            add(PG_CONSTRAINT, constraint.oid, 0, PG_CLASS, *index, 0, "n");
                            for at in others {
                                add(PG_CONSTRAINT, constraint.oid, 0, PG_CLASS, *table, at + 1, "n");
                            }
                        }
                    }
                }
            }
            Kind::View { .. } => {}
        }
    }
}
