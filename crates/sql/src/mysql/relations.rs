//! Tables, columns and keys in the information schema.

use super::catalog::{CATALOG, CHARSET, collation, schemas};
use super::table;
use crate::catalog::Rows;
use crate::cx::Cx;
use crate::store::{Database, Kind, Relation};
use crate::value::Value;

/// Relations clients made, by database and name.
pub(super) fn each(cx: &Cx<'_>, mut look: impl FnMut(&str, &Database, &Relation)) {
    let seen = schemas(cx);
    cx.with_database(|database| {
        let mut all: Vec<(&str, &Relation)> = database
            .relations
            .values()
            .filter(|relation| matches!(relation.kind, Kind::Table(_) | Kind::View { .. }))
            .filter_map(|relation| Some((database.schema_name(relation.schema)?, &**relation)))
            .filter(|(schema, _)| seen.iter().any(|name| name == schema))
            .collect();
        all.sort_by(|(a, one), (b, two)| (a, &one.name).cmp(&(b, &two.name)));
        for (schema, relation) in all {
            look(schema, database, relation);
        }
    });
}

pub(super) fn tables(cx: &Cx<'_>, rows: &mut Rows<'_>) {
    let text = |text: &str| Value::text(text);
    let started = Value::Stamp(cx.state.persona.started - crate::datetime::EPOCH * 1_000_000);
    let seen = schemas(cx);
    for listed in crate::catalog::of_mysql()
        .iter()
        .filter(|listed| seen.iter().any(|name| name == listed.schema))
    {
        let view = listed.kind == "v";
        let kind = match (listed.schema, view) {
            ("information_schema", _) => "SYSTEM VIEW",
            (_, true) => "VIEW",
            _ => "BASE TABLE",
        };
        rows.add([
            ("TABLE_CATALOG", text(CATALOG)),
            ("TABLE_SCHEMA", text(listed.schema)),
            ("TABLE_NAME", text(listed.name)),
            ("TABLE_TYPE", text(kind)),
            (
                "ENGINE",
                if view && listed.schema == "mysql" {
                    Value::Null
                } else {
                    text("Aria")
                },
            ),
            ("VERSION", Value::Int(11)),
            ("ROW_FORMAT", text("Page")),
            ("TABLE_ROWS", Value::Int(0)),
            ("TABLE_COLLATION", text("utf8mb3_bin")),
            ("CREATE_TIME", started.clone()),
            ("TABLE_COMMENT", text("")),
            ("TEMPORARY", text("N")),
        ]);
    }
    let mut made = Vec::new();
    each(cx, |schema, _, relation| {
        made.push((schema.to_owned(), relation.clone()))
    });
    for (schema, relation) in made {
        let Some(table) = relation.table() else {
            rows.add([
                ("TABLE_CATALOG", text(CATALOG)),
                ("TABLE_SCHEMA", schema.into()),
                ("TABLE_NAME", text(&relation.name)),
                ("TABLE_TYPE", text("VIEW")),
                ("TABLE_COMMENT", text("VIEW")),
            ]);
            continue;
        };
        let count = table.rows.len() as i64;
        rows.add([
            ("TABLE_CATALOG", text(CATALOG)),
            ("TABLE_SCHEMA", schema.into()),
            ("TABLE_NAME", text(&relation.name)),
            ("TABLE_TYPE", text("BASE TABLE")),
            ("ENGINE", text("InnoDB")),
            ("VERSION", Value::Int(10)),
            ("ROW_FORMAT", text("Dynamic")),
            ("TABLE_ROWS", Value::Int(count)),
            (
                "AVG_ROW_LENGTH",
                Value::Int(if count == 0 { 0 } else { 16_384 / count.max(1) }),
            ),
            ("DATA_LENGTH", Value::Int((count / 150 + 1) * 16_384)),
            ("MAX_DATA_LENGTH", Value::Int(0)),
            ("INDEX_LENGTH", Value::Int(16_384)),
            ("DATA_FREE", Value::Int(0)),
            ("AUTO_INCREMENT", table::next_number(cx, table).into()),
            ("CREATE_TIME", started.clone()),
            ("TABLE_COLLATION", text(collation(cx))),
            ("CREATE_OPTIONS", text("")),
            ("TABLE_COMMENT", text("")),
            ("MAX_INDEX_LENGTH", Value::Int(0)),
            ("TEMPORARY", text("N")),
        ]);
    }
}

pub(super) fn columns(cx: &Cx<'_>, rows: &mut Rows<'_>) {
    let text = |text: &str| Value::text(text);
    let seen = schemas(cx);
    let mut add = |schema: &str,
                   name: &str,
                   at: usize,
                   column: (&str, &str, bool),
                   key: &str,
                   default: Option<String>,
                   extra: &str| {
        let (own, declared, not_null) = column;
        let kind = declared.split(['(', ' ']).next().unwrap_or("");
        let words = ["char", "text", "enum", "set"].iter().any(|word| kind.contains(word));
        let width: Option<i64> = declared.split(['(', ')']).nth(1).and_then(|width| width.parse().ok());
        let width = width
            .filter(|_| kind.ends_with("char"))
            .or(kind.ends_with("text").then_some(65_535));
        rows.add([
            ("TABLE_CATALOG", text(CATALOG)),
            ("TABLE_SCHEMA", text(schema)),
            ("TABLE_NAME", text(name)),
            ("COLUMN_NAME", text(own)),
            ("ORDINAL_POSITION", Value::Int(at as i64 + 1)),
            ("COLUMN_DEFAULT", default.into()),
            ("IS_NULLABLE", text(if not_null { "NO" } else { "YES" })),
            ("DATA_TYPE", text(kind)),
            ("CHARACTER_MAXIMUM_LENGTH", width.into()),
            ("CHARACTER_OCTET_LENGTH", width.map(|width| width * 4).into()),
            ("CHARACTER_SET_NAME", words.then_some(CHARSET.to_owned()).into()),
            ("COLLATION_NAME", words.then_some(collation(cx).to_owned()).into()),
            ("COLUMN_TYPE", text(declared)),
            ("COLUMN_KEY", text(key)),
            ("EXTRA", text(extra)),
            ("PRIVILEGES", text("select,insert,update,references")),
            ("COLUMN_COMMENT", text("")),
            ("IS_GENERATED", text("NEVER")),
        ]);
    };
    for listed in crate::catalog::of_mysql()
        .iter()
        .filter(|listed| seen.iter().any(|name| name == listed.schema))
    {
        for (at, (name, _)) in listed.columns.iter().enumerate() {
            let declared = listed.declared.get(at).copied().unwrap_or("longtext");
            add(
                listed.schema,
                listed.name,
                at,
                (name, declared, listed.is_required(at)),
                "",
                None,
                "",
            );
        }
    }
    each(cx, |schema, database, relation| match &relation.kind {
        Kind::Table(table) => {
            let keys = table::all_keys(database, relation);
            for (at, column) in table.columns.iter().enumerate() {
                let auto = table::is_auto(column);
                let extra = if auto { "auto_increment" } else { "" };
                let default = table::default(column).or((!column.not_null).then(|| "NULL".to_owned()));
                let default = default.filter(|value| value != "NULL" || cx.state.persona.dialect.is_mariadb());
                let declared = table::declared(column);
                let own = (column.name.as_str(), declared.as_str(), column.not_null);
                add(
                    schema,
                    &relation.name,
                    at,
                    own,
                    table::key_of(&keys, at),
                    default,
                    extra,
                );
            }
        }
        Kind::View { columns, .. } => {
            for (at, column) in columns.iter().enumerate() {
                let declared = table::declared(column);
                add(
                    schema,
                    &relation.name,
                    at,
                    (&column.name, &declared, false),
                    "",
                    None,
                    "",
                );
            }
        }
        _ => {}
    });
}

pub(super) fn statistics(cx: &Cx<'_>, rows: &mut Rows<'_>) {
    let text = |text: &str| Value::text(text);
    each(cx, |schema, database, relation| {
        let Some(table) = relation.table() else { return };
        for key in table::all_keys(database, relation) {
            for (n, column) in key.columns.iter().filter_map(|at| table.columns.get(*at)).enumerate() {
                rows.add([
                    ("TABLE_CATALOG", text(CATALOG)),
                    ("TABLE_SCHEMA", text(schema)),
                    ("TABLE_NAME", text(&relation.name)),
                    ("NON_UNIQUE", Value::Int((!key.unique).into())),
                    ("INDEX_SCHEMA", text(schema)),
                    ("INDEX_NAME", text(&key.name)),
                    ("SEQ_IN_INDEX", Value::Int(n as i64 + 1)),
                    ("COLUMN_NAME", text(&column.name)),
                    ("COLLATION", text("A")),
                    ("CARDINALITY", table.rows.len().into()),
                    ("NULLABLE", text(if column.not_null { "" } else { "YES" })),
                    ("INDEX_TYPE", text("BTREE")),
                    ("COMMENT", text("")),
                    ("INDEX_COMMENT", text("")),
                    ("IGNORED", text("NO")),
                ]);
            }
        }
    });
}

pub(super) fn key_columns(cx: &Cx<'_>, rows: &mut Rows<'_>) {
    let text = |text: &str| Value::text(text);
    each(cx, |schema, _, relation| {
        let Some(table) = relation.table() else { return };
        for key in table::keys(table) {
            for (n, column) in key.columns.iter().filter_map(|at| table.columns.get(*at)).enumerate() {
                rows.add([
                    ("CONSTRAINT_CATALOG", text(CATALOG)),
                    ("CONSTRAINT_SCHEMA", text(schema)),
                    ("CONSTRAINT_NAME", text(&key.name)),
                    ("TABLE_CATALOG", text(CATALOG)),
                    ("TABLE_SCHEMA", text(schema)),
                    ("TABLE_NAME", text(&relation.name)),
                    ("COLUMN_NAME", text(&column.name)),
                    ("ORDINAL_POSITION", Value::Int(n as i64 + 1)),
                ]);
            }
        }
    });
}

pub(super) fn constraints(cx: &Cx<'_>, rows: &mut Rows<'_>) {
    let text = |text: &str| Value::text(text);
    each(cx, |schema, _, relation| {
        let Some(table) = relation.table() else { return };
        for key in table::keys(table) {
            let kind = if key.name == "PRIMARY" { "PRIMARY KEY" } else { "UNIQUE" };
            rows.add([
                ("CONSTRAINT_CATALOG", text(CATALOG)),
                ("CONSTRAINT_SCHEMA", text(schema)),
                ("CONSTRAINT_NAME", text(&key.name)),
                ("TABLE_SCHEMA", text(schema)),
                ("TABLE_NAME", text(&relation.name)),
                ("CONSTRAINT_TYPE", text(kind)),
            ]);
        }
    });
}
