//! Relations and their columns.

use super::super::{Listed, Rows, all, sequence_columns};
use super::tables;
use crate::store::{Column, Database, Kind, PG_CATALOG, Rule, SUPERUSER, Table};
use crate::value::Value;

pub(super) fn has_index(database: &Database, table: u32) -> bool {
    let mut relations = database.relations.values();
    relations.any(|relation| matches!(&relation.kind, Kind::Index(index) if index.table == table))
}

pub(super) fn has_foreign(table: &Table) -> bool {
    table
        .constraints
        .iter()
        .any(|constraint| matches!(constraint.rule, Rule::Foreign { .. }))
}

fn schema_of(listed: &Listed) -> u32 {
    if listed.schema == "pg_catalog" {
        PG_CATALOG
    } else {
        crate::store::INFORMATION_SCHEMA
    }
}

pub(super) fn classes(database: &Database, rows: &mut Rows<'_>) {
    for listed in all() {
        rows.add([
            ("oid", listed.oid.into()),
            ("relname", listed.name.into()),
            ("relnamespace", schema_of(listed).into()),
            ("reltype", listed.row_type.into()),
            ("relowner", SUPERUSER.into()),
            ("relam", if listed.kind == "r" { 2u32 } else { 0 }.into()),
            ("relhasindex", (listed.kind == "r").into()),
            ("relhasrules", (listed.kind == "v").into()),
            ("relpersistence", "p".into()),
            ("relkind", listed.kind.into()),
            ("relnatts", listed.columns.len().into()),
            ("relispopulated", true.into()),
            ("relreplident", "n".into()),
            ("reltuples", Value::Float(-1.0)),
        ]);
    }
    for relation in database.relations.values() {
        let table = relation.table();
        let access = match relation.kind {
            Kind::Table(_) => 2u32,
            Kind::Index(_) => 403,
            _ => 0,
        };
        let natts = match &relation.kind {
            Kind::Table(table) => table.columns.len(),
            Kind::View { columns, .. } => columns.len(),
            Kind::Sequence(_) => 3,
            Kind::Index(index) => index.columns.len(),
        };
        let pages = match &relation.kind {
            Kind::Table(_) | Kind::View { .. } => 0,
            _ => 1,
        };
        let analyzed = table.map_or(0.0, |table| {
            if table.rows.is_empty() {
                -1.0
            } else {
                table.rows.len() as f64
            }
        });
        let checks = table.map_or(0, |table| {
            table
                .constraints
                .iter()
                .filter(|constraint| matches!(constraint.rule, Rule::Check { .. }))
                .count()
        });
        rows.add([
            ("oid", relation.oid.into()),
            ("relname", relation.name.as_str().into()),
            ("relnamespace", relation.schema.into()),
            ("reltype", table.map_or(0, |table| table.row_type).into()),
            ("relowner", relation.owner.into()),
            ("relam", access.into()),
            ("relfilenode", relation.oid.into()),
            ("relpages", Value::Int(pages)),
            ("reltuples", Value::Float(analyzed)),
            ("relhasindex", has_index(database, relation.oid).into()),
            ("relpersistence", if relation.temporary { "t" } else { "p" }.into()),
            ("relkind", relation.letter().into()),
            ("relnatts", natts.into()),
            ("relchecks", checks.into()),
            ("relhasrules", (relation.letter() == "v").into()),
            ("relhastriggers", table.is_some_and(has_foreign).into()),
            ("relispopulated", true.into()),
            ("relreplident", if table.is_some() { "d" } else { "n" }.into()),
        ]);
    }
}

fn attribute(rows: &mut Rows<'_>, table: u32, place: usize, column: &Column) {
    let ty = column.ty;
    let info = crate::types::all().iter().find(|info| info.ty == ty);
    let field = |at: usize| info.and_then(|info| info.fields.get(at)).copied().unwrap_or("");
    rows.add([
        ("attrelid", table.into()),
        ("attname", column.name.as_str().into()),
        ("atttypid", ty.0.into()),
        ("attstattarget", Value::Int(-1)),
        ("attlen", Value::Int(ty.width().into())),
        ("attnum", place.into()),
        ("attcacheoff", Value::Int(-1)),
        ("atttypmod", Value::Int(column.modifier.into())),
        ("attbyval", (field(3) == "t").into()),
        ("attalign", field(10).into()),
        ("attstorage", field(11).into()),
        ("attcollation", Value::Int(field(12).parse().unwrap_or(0))),
        ("attnotnull", column.not_null.into()),
        ("atthasdef", column.default.is_some().into()),
        ("attislocal", true.into()),
    ]);
}

pub(super) fn attributes(database: &Database, rows: &mut Rows<'_>) {
    for listed in all() {
        for (at, ((name, ty), required)) in listed.columns.iter().zip(&listed.required).enumerate() {
            let column = Column {
                name: (*name).into(),
                ty: *ty,
                modifier: -1,
                not_null: *required,
                default: None,
                declared: String::new(),
            };
            attribute(rows, listed.oid, at + 1, &column);
        }
    }
    for relation in database.relations.values() {
        let own;
        let columns: &[Column] = match &relation.kind {
            Kind::Table(table) => &table.columns,
            Kind::View { columns, .. } => columns,
            Kind::Sequence(_) => {
                own = sequence_columns();
                &own
            }
            Kind::Index(index) => {
                let table = database
                    .relations
                    .get(&index.table)
                    .and_then(|relation| relation.table());
                let all = table.map_or(&[][..], |table| &table.columns);
                let taken = index.columns.iter().filter_map(|at| all.get(*at)).cloned();
                own = taken
                    .map(|column| Column {
                        default: None,
                        not_null: false,
                        ..column
                    })
                    .collect();
                &own
            }
        };
        for (at, column) in columns.iter().enumerate() {
            attribute(rows, relation.oid, at + 1, column);
        }
    }
}

pub(super) fn defaults(database: &Database, rows: &mut Rows<'_>) {
    for (relation, table) in tables(database) {
        for (at, column) in table.columns.iter().enumerate() {
            if let Some(default) = &column.default {
                rows.add([
                    ("oid", default.oid.into()),
                    ("adrelid", relation.oid.into()),
                    ("adnum", (at + 1).into()),
                    ("adbin", format!("{{DEFAULT {}}}", default.oid).into()),
                ]);
            }
        }
    }
}

pub(super) fn row_types(database: &Database, rows: &mut Rows<'_>) {
    for (relation, table) in tables(database) {
        for array in [false, true] {
            let name = if array {
                format!("_{}", relation.name)
            } else {
                relation.name.clone()
            };
            rows.add([
                ("oid", if array { table.row_type - 1 } else { table.row_type }.into()),
                ("typname", name.into()),
                ("typnamespace", relation.schema.into()),
                ("typowner", relation.owner.into()),
                ("typlen", Value::Int(-1)),
                ("typtype", if array { "b" } else { "c" }.into()),
                ("typcategory", if array { "A" } else { "C" }.into()),
                ("typisdefined", true.into()),
                ("typdelim", ",".into()),
                ("typrelid", if array { 0 } else { relation.oid }.into()),
                ("typelem", if array { table.row_type } else { 0 }.into()),
                ("typarray", if array { 0 } else { table.row_type - 1 }.into()),
                ("typalign", "d".into()),
                ("typstorage", "x".into()),
                ("typtypmod", Value::Int(-1)),
            ]);
        }
    }
}

pub(super) fn indexes(database: &Database, rows: &mut Rows<'_>) {
    for relation in database.relations.values() {
        let Kind::Index(index) = &relation.kind else { continue };
        let places = index
            .columns
            .iter()
            .map(|at| Value::Int(*at as i64 + 1))
            .collect::<Vec<_>>();
        let zeros = vec![Value::Int(0); places.len()];
        rows.add([
            ("indexrelid", relation.oid.into()),
            ("indrelid", index.table.into()),
            ("indnatts", places.len().into()),
            ("indnkeyatts", places.len().into()),
            ("indisunique", index.unique.into()),
            ("indisprimary", index.primary.into()),
            ("indimmediate", true.into()),
            ("indisvalid", true.into()),
            ("indisready", true.into()),
            ("indislive", true.into()),
            ("indkey", Value::Array(places.into())),
            ("indcollation", Value::Array(zeros.clone().into())),
            ("indclass", Value::Array(zeros.clone().into())),
            ("indoption", Value::Array(zeros.into())),
        ]);
    }
}

pub(super) fn sequences(database: &Database, rows: &mut Rows<'_>) {
    for relation in database.relations.values() {
        if let Kind::Sequence(sequence) = &relation.kind {
            rows.add([
                ("seqrelid", relation.oid.into()),
                ("seqtypid", sequence.ty.0.into()),
                ("seqstart", sequence.start.into()),
                ("seqincrement", Value::Int(1)),
                ("seqmax", sequence.most().into()),
                ("seqmin", Value::Int(1)),
                ("seqcache", Value::Int(1)),
            ]);
        }
    }
}
