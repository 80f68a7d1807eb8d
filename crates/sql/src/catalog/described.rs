//! What is the same in every server: types, languages, access methods.

use super::{Rows, all, settings};
use crate::cx::Cx;
use crate::store::{PG_CATALOG, SUPERUSER};
use crate::types;
use crate::value::Value;

/// Number, catalogue and text.
pub(super) const DESCRIPTIONS: &[(u32, &str, &str)] = &[
    (11, "pg_namespace", "system catalog schema"),
    (99, "pg_namespace", "reserved schema for TOAST tables"),
    (2200, "pg_namespace", "standard public schema"),
    (13_559, "pg_extension", "PL/pgSQL procedural language"),
    (1, "pg_database", "default template for new databases"),
    (4, "pg_database", "unmodifiable empty database"),
    (5, "pg_database", "default administrative connection database"),
];

/// Functions of the product that its own tables name.
pub(super) const HANDLERS: &[(u32, &str)] = &[
    (3, "heap_tableam_handler"),
    (330, "bthandler"),
    (331, "hashhandler"),
    (332, "gisthandler"),
    (333, "ginhandler"),
    (334, "spghandler"),
    (335, "brinhandler"),
    (1242, "boolin"),
    (1299, "now"),
    (13_560, "plpgsql_call_handler"),
    (13_561, "plpgsql_inline_handler"),
    (13_562, "plpgsql_validator"),
];

/// Whether the relation is one of these; its rows are put in then.
pub(super) fn fill(cx: &Cx<'_>, rows: &mut Rows<'_>) -> bool {
    match rows.listed.name {
        "pg_type" => built_in_types(rows),
        "pg_am" => access_methods(rows),
        "pg_language" => languages(rows),
        "pg_tablespace" => {
            for (oid, name) in [(1663u32, "pg_default"), (1664, "pg_global")] {
                rows.add([
                    ("oid", oid.into()),
                    ("spcname", name.into()),
                    ("spcowner", SUPERUSER.into()),
                ]);
            }
        }
        "pg_collation" => collations(rows),
        "pg_settings" => {
            for setting in settings::all() {
                let value = settings::plain(cx.state, &setting.name.to_ascii_lowercase());
                let changed = cx
                    .state
                    .settings
                    .borrow()
                    .get(&setting.name.to_ascii_lowercase())
                    .cloned();
                let source = if changed.is_some() { "session" } else { setting.source };
                let optional = |text: &'static str| (!text.is_empty()).then_some(text);
                let choices =
                    optional(setting.choices).map(|all| Value::Array(all.split(',').map(Value::from).collect()));
                rows.add([
                    ("name", setting.name.into()),
                    ("setting", changed.or(value).into()),
                    ("unit", optional(setting.unit).into()),
                    ("category", setting.category.into()),
                    ("short_desc", setting.description.into()),
                    ("context", setting.context.into()),
                    ("vartype", setting.kind.into()),
                    ("source", source.into()),
                    ("min_val", optional(setting.least).into()),
                    ("max_val", optional(setting.most).into()),
                    ("enumvals", choices.unwrap_or(Value::Null)),
                    ("boot_val", optional(setting.boot).into()),
                    (
                        "reset_val",
                        settings::plain(cx.state, &setting.name.to_ascii_lowercase()).into(),
                    ),
                    ("pending_restart", false.into()),
                ]);
            }
        }
        "pg_description" | "pg_shdescription" => {
            let shared = rows.listed.name == "pg_shdescription";
            for (oid, class, text) in DESCRIPTIONS
                .iter()
                .filter(|(_, class, _)| (*class == "pg_database") == shared)
            {
                let class = all()
                    .iter()
                    .find(|listed| listed.name == *class)
                    .map(|listed| listed.oid);
                rows.add([
                    ("objoid", (*oid).into()),
                    ("classoid", class.into()),
                    ("description", (*text).into()),
                ]);
            }
        }
        "pg_available_extensions" => {
            for (name, version, comment) in EXTENSIONS {
                let installed = (*name == "plpgsql").then_some(*version);
                rows.add([
                    ("name", (*name).into()),
                    ("default_version", (*version).into()),
                    ("installed_version", installed.into()),
                    ("comment", (*comment).into()),
                ]);
            }
        }
        "pg_init_privs" => {
            for (oid, acl) in [(PG_CATALOG, "postgres"), (2200, "pg_database_owner")] {
                let items = [format!("{acl}=UC/{acl}"), format!("=U/{acl}")];
                rows.add([
                    ("objoid", oid.into()),
                    ("classoid", 2615u32.into()),
                    ("privtype", "i".into()),
                    ("initprivs", Value::Array(items.into_iter().map(Value::from).collect())),
                ]);
            }
        }
        _ => return false,
    }
    // Types of clients' tables stand beside the product's own.
    rows.listed.name != "pg_type"
}

/// Extensions that come with the server's own package.
pub(crate) const EXTENSIONS: &[(&str, &str, &str)] = &[
    ("adminpack", "2.1", "administrative functions for PostgreSQL"),
    ("citext", "1.6", "data type for case-insensitive character strings"),
    (
        "dblink",
        "1.2",
        "connect to other PostgreSQL databases from within a database",
    ),
    ("file_fdw", "1.0", "foreign-data wrapper for flat file access"),
    ("hstore", "1.8", "data type for storing sets of (key, value) pairs"),
    (
        "pg_stat_statements",
        "1.10",
        "track planning and execution statistics of all SQL statements executed",
    ),
    (
        "pg_trgm",
        "1.6",
        "text similarity measurement and index searching based on trigrams",
    ),
    ("pgcrypto", "1.3", "cryptographic functions"),
    ("plpgsql", "1.0", "PL/pgSQL procedural language"),
    (
        "postgres_fdw",
        "1.1",
        "foreign-data wrapper for remote PostgreSQL servers",
    ),
    (
        "tablefunc",
        "1.0",
        "functions that manipulate whole tables, including crosstab",
    ),
    ("unaccent", "1.1", "text search dictionary that removes accents"),
    ("uuid-ossp", "1.1", "generate universally unique identifiers (UUIDs)"),
];

fn built_in_types(rows: &mut Rows<'_>) {
    for info in types::all() {
        let field = |at: usize| info.fields.get(at).copied().unwrap_or("");
        let number = |at: usize| Value::Int(field(at).parse().unwrap_or(0));
        rows.add([
            ("oid", info.ty.0.into()),
            ("typname", field(1).into()),
            ("typnamespace", PG_CATALOG.into()),
            ("typowner", SUPERUSER.into()),
            ("typlen", number(2)),
            ("typbyval", (field(3) == "t").into()),
            ("typtype", field(4).into()),
            ("typcategory", field(5).into()),
            ("typispreferred", (field(6) == "t").into()),
            ("typisdefined", true.into()),
            ("typdelim", field(7).into()),
            ("typelem", number(8)),
            ("typarray", number(9)),
            ("typalign", field(10).into()),
            ("typstorage", field(11).into()),
            ("typcollation", number(12)),
            ("typtypmod", Value::Int(-1)),
        ]);
    }
}

fn access_methods(rows: &mut Rows<'_>) {
    let all: [(u32, &str, u32, &str); 7] = [
        (2, "heap", 3, "t"),
        (403, "btree", 330, "i"),
        (405, "hash", 331, "i"),
        (783, "gist", 332, "i"),
        (2742, "gin", 333, "i"),
        (4000, "spgist", 334, "i"),
        (3580, "brin", 335, "i"),
    ];
    for (oid, name, handler, kind) in all {
        rows.add([
            ("oid", oid.into()),
            ("amname", name.into()),
            ("amhandler", handler.into()),
            ("amtype", kind.into()),
        ]);
    }
}

fn languages(rows: &mut Rows<'_>) {
    let all: [(u32, &str, bool, bool, u32, u32, u32); 4] = [
        (12, "internal", false, false, 0, 0, 2246),
        (13, "c", false, false, 0, 0, 2247),
        (14, "sql", false, true, 0, 0, 2248),
        (13_563, "plpgsql", true, true, 13_560, 13_561, 13_562),
    ];
    for (oid, name, procedural, trusted, call, inline, validator) in all {
        rows.add([
            ("oid", oid.into()),
            ("lanname", name.into()),
            ("lanowner", SUPERUSER.into()),
            ("lanispl", procedural.into()),
            ("lanpltrusted", trusted.into()),
            ("lanplcallfoid", call.into()),
            ("laninline", inline.into()),
            ("lanvalidator", validator.into()),
        ]);
    }
}

fn collations(rows: &mut Rows<'_>) {
    let all: [(u32, &str, &str, i64); 4] = [
        (100, "default", "d", -1),
        (950, "C", "c", -1),
        (951, "POSIX", "c", -1),
        (12_341, "C.utf8", "c", 6),
    ];
    for (oid, name, provider, encoding) in all {
        let locale = (provider == "c").then_some(name);
        rows.add([
            ("oid", oid.into()),
            ("collname", name.into()),
            ("collnamespace", PG_CATALOG.into()),
            ("collowner", SUPERUSER.into()),
            ("collprovider", provider.into()),
            ("collisdeterministic", true.into()),
            ("collencoding", Value::Int(encoding)),
            ("collcollate", locale.into()),
            ("collctype", locale.into()),
        ]);
    }
}
