//! Databases, roles, relations and what belongs to them.

mod constraint;
mod relation;
mod server;

use std::rc::Rc;

use self::constraint::{constraints, dependencies};
use self::relation::{attributes, classes, defaults, has_foreign, has_index, indexes, row_types, sequences};
use self::server::{databases, namespaces, roles};
use super::{Rows, all, names};
use crate::cx::Cx;
use crate::store::{Database, Kind, PG_CATALOG, PUBLIC, Relation, SUPERUSER, Table};
use crate::types::Type;
use crate::value::Value;

const PG_TYPE: u32 = 1247;
const PG_CLASS: u32 = 1259;
const PG_ATTRDEF: u32 = 2604;
const PG_CONSTRAINT: u32 = 2606;
const PG_NAMESPACE: u32 = 2615;

/// Whether the relation is one of these; its rows are put in then.
pub(super) fn fill(cx: &Cx<'_>, rows: &mut Rows<'_>) -> bool {
    match rows.listed.name {
        "pg_database" => databases(cx, rows),
        "pg_authid" | "pg_roles" | "pg_shadow" | "pg_user" => roles(cx, rows),
        "pg_auth_members" => {
            for role in [3374u32, 3375, 3377] {
                rows.add([
                    ("roleid", role.into()),
                    ("member", 3373u32.into()),
                    ("grantor", SUPERUSER.into()),
                ]);
            }
        }
        _ => {
            let Some(database) = cx.cluster.borrow().by_oid(cx.state.database).cloned() else {
                return true;
            };
            return of_database(cx, &database, rows);
        }
    }
    true
}

fn of_database(cx: &Cx<'_>, database: &Database, rows: &mut Rows<'_>) -> bool {
    match rows.listed.name {
        "pg_namespace" => namespaces(database, rows),
        "pg_class" => classes(database, rows),
        "pg_attribute" => attributes(database, rows),
        "pg_attrdef" => defaults(database, rows),
        "pg_type" => row_types(database, rows),
        "pg_index" => indexes(database, rows),
        "pg_constraint" => constraints(database, rows),
        "pg_depend" => dependencies(database, rows),
        "pg_sequence" => sequences(database, rows),
        "pg_extension" => {
            for (oid, name, version) in &database.extensions {
                let own = name == "plpgsql";
                rows.add([
                    ("oid", (*oid).into()),
                    ("extname", name.as_str().into()),
                    ("extowner", SUPERUSER.into()),
                    ("extnamespace", if own { PG_CATALOG } else { PUBLIC }.into()),
                    ("extrelocatable", (!own).into()),
                    ("extversion", version.as_str().into()),
                ]);
            }
        }
        "pg_proc" => functions(database, rows),
        "pg_largeobject_metadata" => {
            for oid in database.large_objects.keys() {
                rows.add([("oid", (*oid).into()), ("lomowner", SUPERUSER.into())]);
            }
        }
        "pg_tables" => {
            for listed in all().iter().filter(|listed| listed.kind == "r") {
                rows.add([
                    ("schemaname", listed.schema.into()),
                    ("tablename", listed.name.into()),
                    ("tableowner", "postgres".into()),
                    ("hasindexes", true.into()),
                    ("hasrules", false.into()),
                    ("hastriggers", false.into()),
                    ("rowsecurity", false.into()),
                ]);
            }
            for (relation, table) in tables(database) {
                rows.add([
                    ("schemaname", database.schema_name(relation.schema).unwrap_or("").into()),
                    ("tablename", relation.name.as_str().into()),
                    ("tableowner", names::role(cx, relation.owner).into()),
                    ("hasindexes", has_index(database, relation.oid).into()),
                    ("hasrules", false.into()),
                    ("hastriggers", has_foreign(table).into()),
                    ("rowsecurity", false.into()),
                ]);
            }
        }
        "pg_indexes" => {
            for relation in database.relations.values() {
                if let Kind::Index(index) = &relation.kind
                    && let Some(table) = database.relations.get(&index.table)
                {
                    rows.add([
                        ("schemaname", database.schema_name(relation.schema).unwrap_or("").into()),
                        ("tablename", table.name.as_str().into()),
                        ("indexname", relation.name.as_str().into()),
                    ]);
                }
            }
        }
        "pg_views" => {
            for relation in database.relations.values() {
                if let Kind::View { text, .. } = &relation.kind {
                    rows.add([
                        ("schemaname", database.schema_name(relation.schema).unwrap_or("").into()),
                        ("viewname", relation.name.as_str().into()),
                        ("viewowner", names::role(cx, relation.owner).into()),
                        ("definition", format!(" {text};").into()),
                    ]);
                }
            }
        }
        "pg_sequences" => {
            for relation in database.relations.values() {
                if let Kind::Sequence(sequence) = &relation.kind {
                    let last = sequence.called.then_some(sequence.last);
                    rows.add([
                        ("schemaname", database.schema_name(relation.schema).unwrap_or("").into()),
                        ("sequencename", relation.name.as_str().into()),
                        ("sequenceowner", names::role(cx, relation.owner).into()),
                        ("data_type", sequence.ty.0.into()),
                        ("start_value", sequence.start.into()),
                        ("min_value", Value::Int(1)),
                        ("max_value", sequence.most().into()),
                        ("increment_by", Value::Int(1)),
                        ("cycle", false.into()),
                        ("cache_size", Value::Int(1)),
                        ("last_value", last.into()),
                    ]);
                }
            }
        }
        "pg_stat_user_tables" | "pg_stat_all_tables" | "pg_statio_user_tables" => {
            for (relation, table) in tables(database) {
                rows.add([
                    ("relid", relation.oid.into()),
                    ("schemaname", database.schema_name(relation.schema).unwrap_or("").into()),
                    ("relname", relation.name.as_str().into()),
                    ("seq_scan", Value::Int(12)),
                    ("n_tup_ins", table.rows.len().into()),
                    ("n_live_tup", table.rows.len().into()),
                    ("n_dead_tup", Value::Int(0)),
                ]);
            }
        }
        _ => return false,
    }
    true
}

fn tables(database: &Database) -> impl Iterator<Item = (&Rc<Relation>, &Table)> {
    let relations = database.relations.values();
    relations.filter_map(|relation| Some((relation, relation.table()?)))
}

fn functions(database: &Database, rows: &mut Rows<'_>) {
    for function in &database.functions {
        let language = match function.language.as_str() {
            "internal" => 12u32,
            "c" => 13,
            "sql" => 14,
            _ => 13_563,
        };
        rows.add([
            ("oid", function.oid.into()),
            ("proname", function.name.as_str().into()),
            ("pronamespace", function.schema.into()),
            ("proowner", function.owner.into()),
            ("prolang", language.into()),
            ("procost", Value::Float(100.0)),
            ("prokind", "f".into()),
            ("provolatile", "v".into()),
            ("proparallel", "u".into()),
            ("prorettype", Type::TEXT.0.into()),
            ("prosrc", function.body.last().cloned().unwrap_or_default().into()),
            (
                "probin",
                function.body.first().filter(|_| language == 13).cloned().into(),
            ),
        ]);
    }
}
