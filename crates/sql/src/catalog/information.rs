//! The information schema.

use super::{Rows, all, names};
use crate::cx::Cx;
use crate::store::{Column, Database, DefaultValue, Kind, Relation, Rule};
use crate::types::Type;
use crate::value::Value;

pub(super) fn fill(cx: &Cx<'_>, rows: &mut Rows<'_>) -> bool {
    let Some(database) = cx.cluster.borrow().by_oid(cx.state.database).cloned() else {
        return false;
    };
    match rows.listed.name {
        "schemata" => {
            for schema in &database.schemas {
                rows.add([
                    ("catalog_name", database.name.as_str().into()),
                    ("schema_name", schema.name.as_str().into()),
                    ("schema_owner", names::role(cx, schema.owner).into()),
                ]);
            }
        }
        "tables" => tables(&database, rows),
        "columns" => columns(cx, &database, rows),
        "views" => {
            for relation in database.relations.values() {
                if let Kind::View { text, .. } = &relation.kind {
                    rows.add(named(&database, relation).into_iter().chain([
                        ("view_definition", format!(" {text};").into()),
                        ("check_option", "NONE".into()),
                        ("is_updatable", "NO".into()),
                        ("is_insertable_into", "NO".into()),
                    ]));
                }
            }
        }
        "sequences" => {
            for relation in database.relations.values() {
                if let Kind::Sequence(sequence) = &relation.kind {
                    rows.add([
                        ("sequence_catalog", database.name.as_str().into()),
                        ("sequence_schema", schema(&database, relation)),
                        ("sequence_name", relation.name.as_str().into()),
                        ("data_type", sequence.ty.title().into()),
                        ("start_value", sequence.start.to_string().into()),
                        ("minimum_value", "1".into()),
                        ("maximum_value", sequence.most().to_string().into()),
                        ("increment", "1".into()),
                        ("cycle_option", "NO".into()),
                    ]);
                }
            }
        }
        "table_constraints" | "key_column_usage" | "referential_constraints" | "constraint_column_usage" => {
            constraints(&database, rows);
        }
        "information_schema_catalog_name" => rows.add([("catalog_name", database.name.as_str().into())]),
        "enabled_roles" | "applicable_roles" => rows.add([("role_name", names::role(cx, cx.state.user.get()).into())]),
        _ => return false,
    }
    true
}

fn schema(database: &Database, relation: &Relation) -> Value {
    database.schema_name(relation.schema).unwrap_or("").into()
}

fn named(database: &Database, relation: &Relation) -> [(&'static str, Value); 3] {
    [
        ("table_catalog", database.name.as_str().into()),
        ("table_schema", schema(database, relation)),
        ("table_name", relation.name.as_str().into()),
    ]
}

fn tables(database: &Database, rows: &mut Rows<'_>) {
    let kind = |table: bool| if table { "BASE TABLE" } else { "VIEW" };
    let answer = |yes: bool| if yes { "YES" } else { "NO" };
    for relation in database.relations.values() {
        if !matches!(relation.kind, Kind::Table(_) | Kind::View { .. }) {
            continue;
        }
        let table = relation.table().is_some();
        rows.add(named(database, relation).into_iter().chain([
            ("table_type", kind(table).into()),
            ("is_insertable_into", answer(table).into()),
            ("is_typed", "NO".into()),
        ]));
    }
    for listed in all() {
        let table = listed.kind == "r";
        rows.add([
            ("table_catalog", database.name.as_str().into()),
            ("table_schema", listed.schema.into()),
            ("table_name", listed.name.into()),
            ("table_type", kind(table).into()),
            ("is_insertable_into", answer(table).into()),
            ("is_typed", "NO".into()),
        ]);
    }
}

fn columns(cx: &Cx<'_>, database: &Database, rows: &mut Rows<'_>) {
    for relation in database.relations.values() {
        let columns: &[Column] = match &relation.kind {
            Kind::Table(table) => &table.columns,
            Kind::View { columns, .. } => columns,
            _ => continue,
        };
        for (at, column) in columns.iter().enumerate() {
            let default = column.default.as_ref().map(|default| match &default.value {
                DefaultValue::Serial(sequence) => {
                    format!("nextval('{}'::regclass)", names::relation_name(cx, *sequence))
                }
                DefaultValue::Expr(expr) => names::expr_text(expr, Some(column.ty)),
            });
            let shown = shape(database, column.ty, column.modifier, column.not_null, &column.name, at);
            let default = [("column_default", default.into())];
            rows.add(named(database, relation).into_iter().chain(shown).chain(default));
        }
    }
    for listed in all() {
        for (at, ((name, ty), required)) in listed.columns.iter().zip(&listed.required).enumerate() {
            let own = [
                ("table_catalog", Value::from(database.name.as_str())),
                ("table_schema", listed.schema.into()),
                ("table_name", listed.name.into()),
            ];
            rows.add(own.into_iter().chain(shape(database, *ty, -1, *required, name, at)));
        }
    }
}

fn shape(
    database: &Database,
    ty: Type,
    modifier: i32,
    required: bool,
    name: &str,
    at: usize,
) -> Vec<(&'static str, Value)> {
    let title = if ty.element().is_some() { "ARRAY" } else { ty.title() };
    let bits = match ty {
        Type::INT2 => Some(16i64),
        Type::INT4 => Some(32),
        Type::INT8 => Some(64),
        Type::FLOAT4 => Some(24),
        Type::FLOAT8 => Some(53),
        _ => None,
    };
    let mut shown = vec![
        ("column_name", name.into()),
        ("ordinal_position", (at + 1).into()),
        ("is_nullable", if required { "NO" } else { "YES" }.into()),
        ("data_type", title.into()),
        ("udt_catalog", database.name.as_str().into()),
        ("udt_schema", "pg_catalog".into()),
        ("udt_name", ty.name().into()),
        ("dtd_identifier", (at + 1).to_string().into()),
        ("is_self_referencing", "NO".into()),
        ("is_identity", "NO".into()),
        ("identity_cycle", "NO".into()),
        ("is_generated", "NEVER".into()),
        ("is_updatable", "YES".into()),
        ("numeric_precision", bits.into()),
        ("numeric_precision_radix", bits.map(|_| 2i64).into()),
        ("numeric_scale", bits.filter(|_| ty.is_integer()).map(|_| 0i64).into()),
    ];
    if matches!(ty, Type::VARCHAR | Type::BPCHAR) && modifier >= 4 {
        shown.push(("character_maximum_length", Value::Int(i64::from(modifier) - 4)));
    }
    if ty.is_text() && ty != Type::CHAR {
        let most = if modifier >= 4 {
            (i64::from(modifier) - 4) * 4
        } else {
            1 << 30
        };
        shown.push(("character_octet_length", Value::Int(most)));
    }
    if ty == Type::NUMERIC && modifier >= 4 {
        shown.extend([
            (
                "numeric_precision",
                Value::Int(i64::from((modifier - 4) >> 16 & 0xffff)),
            ),
            ("numeric_precision_radix", Value::Int(10)),
            ("numeric_scale", Value::Int(i64::from((modifier - 4) & 0xffff))),
        ]);
    }
    if matches!(ty, Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::TIME) {
        shown.push(("datetime_precision", Value::Int(6)));
    }
    shown
}

fn constraints(database: &Database, rows: &mut Rows<'_>) {
    let view = rows.listed.name;
    for relation in database.relations.values() {
        let Some(table) = relation.table() else { continue };
        for constraint in &table.constraints {
            let head = [
                ("constraint_catalog", Value::from(database.name.as_str())),
                ("constraint_schema", schema(database, relation)),
                ("constraint_name", constraint.name.as_str().into()),
            ];
            let (kind, columns) = match &constraint.rule {
                Rule::Unique {
                    columns, primary: true, ..
                } => ("PRIMARY KEY", columns.as_slice()),
                Rule::Unique { columns, .. } => ("UNIQUE", columns.as_slice()),
                Rule::Foreign { columns, .. } => ("FOREIGN KEY", columns.as_slice()),
                Rule::Check { .. } => ("CHECK", &[][..]),
            };
            match view {
                "table_constraints" => rows.add(head.into_iter().chain(named(database, relation)).chain([
                    ("constraint_type", kind.into()),
                    ("is_deferrable", "NO".into()),
                    ("initially_deferred", "NO".into()),
                    ("enforced", "YES".into()),
                ])),
                "key_column_usage" | "constraint_column_usage" => {
                    let (target, places) = match &constraint.rule {
                        Rule::Foreign { table, others, .. } if view == "constraint_column_usage" => {
                            (database.relations.get(table), others.as_slice())
                        }
                        _ => (Some(relation), columns),
                    };
                    let Some(target) = target else { continue };
                    let all = target.table().map_or(&[][..], |table| &table.columns);
                    for (n, column) in places.iter().filter_map(|at| all.get(*at)).enumerate() {
                        rows.add(head.clone().into_iter().chain(named(database, target)).chain([
                            ("column_name", Value::from(column.name.as_str())),
                            ("ordinal_position", (n + 1).into()),
                        ]));
                    }
                }
                _ => {
                    let Rule::Foreign { index, on_delete, .. } = &constraint.rule else {
                        continue;
                    };
                    let unique = database.relations.get(index).map(|index| index.name.clone());
                    let action = if *on_delete == 'c' { "CASCADE" } else { "NO ACTION" };
                    rows.add(head.into_iter().chain([
                        ("unique_constraint_catalog", Value::from(database.name.as_str())),
                        ("unique_constraint_schema", schema(database, relation)),
                        ("unique_constraint_name", unique.into()),
                        ("match_option", "NONE".into()),
                        ("update_rule", "NO ACTION".into()),
                        ("delete_rule", action.into()),
                    ]));
                }
            }
        }
    }
}
