//! The information schema and the tables of accounts, made up from what there is.

use crate::catalog::Rows;
use crate::cx::Cx;
use crate::store::Kind;
use crate::types::Type;
use crate::value::Value;

use super::{grants, relations, variables};

/// Databases of the server itself, in the order they are listed.
pub(crate) const OWN: [&str; 4] = ["information_schema", "mysql", "performance_schema", "sys"];
pub(super) const CATALOG: &str = "def";
pub(super) const CHARSET: &str = "utf8mb4";
const COLLATIONS: [(&str, &str, i64, &str); 6] = [
    ("utf8mb4_general_ci", "utf8mb4", 45, "UTF-8 Unicode"),
    ("utf8mb4_bin", "utf8mb4", 46, ""),
    ("utf8mb4_unicode_ci", "utf8mb4", 224, ""),
    ("utf8mb3_general_ci", "utf8mb3", 33, "UTF-8 Unicode"),
    ("latin1_swedish_ci", "latin1", 8, "cp1252 West European"),
    ("binary", "binary", 63, "Binary pseudo charset"),
];
const ENGINES: [(&str, &str, &str, &str); 7] = [
    ("CSV", "YES", "Stores tables as CSV files", "NO"),
    ("MRG_MyISAM", "YES", "Collection of identical MyISAM tables", "NO"),
    (
        "MEMORY",
        "YES",
        "Hash based, stored in memory, useful for temporary tables",
        "NO",
    ),
    (
        "MyISAM",
        "YES",
        "Non-transactional engine with good performance and small data footprint",
        "NO",
    ),
    (
        "SEQUENCE",
        "YES",
        "Generated tables filled with sequential values",
        "YES",
    ),
    (
        "InnoDB",
        "DEFAULT",
        "Supports transactions, row-level locking, foreign keys and encryption for tables",
        "YES",
    ),
    ("PERFORMANCE_SCHEMA", "YES", "Performance Schema", "NO"),
];

/// The name of a collation, and of the character set it is of.
pub(super) fn collation_of(id: u8) -> Option<(&'static str, &'static str)> {
    let found = COLLATIONS.iter().find(|(_, _, known, _)| *known == i64::from(id));
    found.map(|(collation, charset, ..)| (*collation, *charset))
}

/// The type of a column of the server's own tables, from how it is declared.
pub(crate) fn type_of(declared: &str) -> Type {
    let word = declared.split(['(', ' ']).next().unwrap_or("");
    match word {
        "tinyint" | "smallint" | "int" | "mediumint" | "year" => Type::INT4,
        "bigint" => Type::INT8,
        "decimal" => Type::NUMERIC,
        "double" | "float" => Type::FLOAT8,
        "datetime" | "timestamp" => Type::TIMESTAMP,
        "time" => Type::TIME,
        "date" => Type::DATE,
        "longblob" | "blob" | "varbinary" => Type::BYTEA,
        _ => Type::TEXT,
    }
}

pub(crate) fn collation(cx: &Cx<'_>) -> &'static str {
    if cx.state.persona.dialect.is_mariadb() {
        "utf8mb4_general_ci"
    } else {
        "utf8mb4_0900_ai_ci"
    }
}

/// Databases the user may see.
pub(crate) fn schemas(cx: &Cx<'_>) -> Vec<String> {
    let user = cx.state.user.get();
    let all = cx.is_superuser();
    let own = cx.with_database(|database| {
        let schemas = database.schemas.iter();
        schemas
            .filter(|schema| schema.oid > crate::store::INFORMATION_SCHEMA && (all || schema.owner == user))
            .map(|schema| schema.name.clone())
            .collect::<Vec<_>>()
    });
    let mut names = own.unwrap_or_default();
    names.extend(
        OWN.iter()
            .filter(|name| all || **name == "information_schema")
            .map(ToString::to_string),
    );
    names.sort();
    names
}

pub(crate) fn fill(cx: &Cx<'_>, rows: &mut Rows<'_>) {
    let text = |text: &str| Value::text(text);
    match (rows.listed.schema, rows.listed.name) {
        ("information_schema", "SCHEMATA") => {
            for name in schemas(cx) {
                let (charset, collation) = if name == "information_schema" {
                    ("utf8mb3", "utf8mb3_general_ci")
                } else {
                    (CHARSET, collation(cx))
                };
                rows.add([
                    ("CATALOG_NAME", text(CATALOG)),
                    ("SCHEMA_NAME", name.into()),
                    ("DEFAULT_CHARACTER_SET_NAME", text(charset)),
                    ("DEFAULT_COLLATION_NAME", text(collation)),
                ]);
            }
        }
        ("information_schema", "TABLES") => relations::tables(cx, rows),
        ("information_schema", "COLUMNS") => relations::columns(cx, rows),
        ("information_schema", "STATISTICS") => relations::statistics(cx, rows),
        ("information_schema", "KEY_COLUMN_USAGE") => relations::key_columns(cx, rows),
        ("information_schema", "TABLE_CONSTRAINTS") => relations::constraints(cx, rows),
        ("information_schema", "VIEWS") => {
            relations::each(cx, |schema, _, relation| {
                if let Kind::View { text: body, .. } = &relation.kind {
                    rows.add([
                        ("TABLE_CATALOG", text(CATALOG)),
                        ("TABLE_SCHEMA", text(schema)),
                        ("TABLE_NAME", text(&relation.name)),
                        ("VIEW_DEFINITION", text(body)),
                        ("CHECK_OPTION", text("NONE")),
                        ("IS_UPDATABLE", text("YES")),
                        ("DEFINER", text("root@localhost")),
                        ("SECURITY_TYPE", text("DEFINER")),
                    ]);
                }
            });
        }
        ("information_schema", "ENGINES") => {
            for (name, support, comment, transactions) in ENGINES {
                rows.add([
                    ("ENGINE", text(name)),
                    ("SUPPORT", text(support)),
                    ("COMMENT", text(comment)),
                    ("TRANSACTIONS", text(transactions)),
                    ("XA", text(if name == "InnoDB" { "YES" } else { "NO" })),
                    ("SAVEPOINTS", text(transactions)),
                ]);
            }
        }
        ("information_schema", "CHARACTER_SETS") => {
            for (collation, charset, _, about) in COLLATIONS.iter().filter(|(.., about)| !about.is_empty()) {
                let width = match *charset {
                    "utf8mb4" => 4,
                    "utf8mb3" => 3,
                    _ => 1,
                };
                rows.add([
                    ("CHARACTER_SET_NAME", text(charset)),
                    ("DEFAULT_COLLATE_NAME", text(collation)),
                    ("DESCRIPTION", text(about)),
                    ("MAXLEN", Value::Int(width)),
                ]);
            }
        }
        ("information_schema", "COLLATIONS") => {
            for (collation, charset, id, about) in COLLATIONS {
                rows.add([
                    ("COLLATION_NAME", text(collation)),
                    ("CHARACTER_SET_NAME", text(charset)),
                    ("ID", Value::Int(id)),
                    ("IS_DEFAULT", text(if about.is_empty() { "" } else { "Yes" })),
                    ("IS_COMPILED", text("Yes")),
                    ("SORTLEN", Value::Int(1)),
                ]);
            }
        }
        ("information_schema", "PLUGINS") => {
            for (name, kind) in [
                ("binlog", "STORAGE ENGINE"),
                ("mysql_native_password", "AUTHENTICATION"),
                ("InnoDB", "STORAGE ENGINE"),
                ("MyISAM", "STORAGE ENGINE"),
                ("PERFORMANCE_SCHEMA", "STORAGE ENGINE"),
            ] {
                rows.add([
                    ("PLUGIN_NAME", text(name)),
                    ("PLUGIN_VERSION", text("1.0")),
                    ("PLUGIN_STATUS", text("ACTIVE")),
                    ("PLUGIN_TYPE", text(kind)),
                    ("PLUGIN_LICENSE", text("GPL")),
                    ("LOAD_OPTION", text("FORCE")),
                ]);
            }
        }
        ("information_schema", "GLOBAL_VARIABLES" | "SESSION_VARIABLES") => {
            for (name, value) in variables::all(cx.state) {
                rows.add([
                    ("VARIABLE_NAME", name.to_uppercase().into()),
                    ("VARIABLE_VALUE", value.into()),
                ]);
            }
        }
        ("information_schema", "GLOBAL_STATUS" | "SESSION_STATUS") => {
            for (name, value) in variables::status(cx.state, cx.host.now()) {
                rows.add([("VARIABLE_NAME", name.into()), ("VARIABLE_VALUE", value.into())]);
            }
        }
        ("information_schema", "PROCESSLIST") => {
            let query = cx.state.query.borrow().clone();
            rows.add([
                ("ID", cx.state.persona.pid.into()),
                ("USER", grants::user(cx).into()),
                (
                    "HOST",
                    format!("{}:{}", cx.state.persona.client_address, cx.state.persona.client_port).into(),
                ),
                ("DB", cx.state.schema.borrow().clone().into()),
                ("COMMAND", text("Query")),
                ("TIME", Value::Int(0)),
                ("STATE", text("starting")),
                ("INFO", query.into()),
                (
                    "PROGRESS",
                    Value::Num(crate::decimal::Decimal::parse("0.000").unwrap_or_else(|| 0.into())),
                ),
            ]);
        }
        ("information_schema", "USER_PRIVILEGES") => grants::user_privileges(cx, rows),
        ("information_schema", "SCHEMA_PRIVILEGES") => grants::schema_privileges(cx, rows),
        ("mysql", "user" | "global_priv" | "db") => grants::accounts(cx, rows),
        _ => {}
    }
}
