//! Databases, roles, relations and what belongs to them.

use std::rc::Rc;

use super::{Listed, Rows, all, names};
use crate::cx::Cx;
use crate::store::{Column, Database, Kind, PG_CATALOG, PUBLIC, Relation, Rule, SUPERUSER, Table};
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

fn has_index(database: &Database, table: u32) -> bool {
    let mut relations = database.relations.values();
    relations.any(|relation| matches!(&relation.kind, Kind::Index(index) if index.table == table))
}

fn has_foreign(table: &Table) -> bool {
    table
        .constraints
        .iter()
        .any(|constraint| matches!(constraint.rule, Rule::Foreign { .. }))
}

fn databases(cx: &Cx<'_>, rows: &mut Rows<'_>) {
    let cluster = cx.cluster.borrow();
    for database in &cluster.databases {
        let acl = database
            .template
            .then(|| Value::Array(["=c/postgres", "postgres=CTc/postgres"].map(Value::from).into()));
        let locale = cx.state.persona.locale.as_str();
        rows.add([
            ("oid", database.oid.into()),
            ("datname", database.name.as_str().into()),
            ("datdba", database.owner.into()),
            ("encoding", Value::Int(6)),
            ("datlocprovider", "c".into()),
            ("datistemplate", database.template.into()),
            ("datallowconn", database.allows_connections.into()),
            ("datconnlimit", Value::Int(-1)),
            ("datfrozenxid", Value::Int(717)),
            ("datminmxid", Value::Int(1)),
            ("dattablespace", 1663u32.into()),
            ("datcollate", locale.into()),
            ("datctype", locale.into()),
            ("datacl", acl.unwrap_or(Value::Null)),
        ]);
    }
}

fn roles(cx: &Cx<'_>, rows: &mut Rows<'_>) {
    let view = rows.listed.name;
    let cluster = cx.cluster.borrow();
    let shown = matches!(view, "pg_authid" | "pg_shadow");
    for role in &cluster.roles {
        let password = if shown {
            Value::from(role.password.clone())
        } else {
            "********".into()
        };
        if view == "pg_roles" || view == "pg_authid" {
            rows.add([
                ("oid", role.oid.into()),
                ("rolname", role.name.as_str().into()),
                ("rolsuper", role.superuser.into()),
                ("rolinherit", true.into()),
                ("rolcreaterole", role.createrole.into()),
                ("rolcreatedb", role.createdb.into()),
                ("rolcanlogin", role.login.into()),
                ("rolreplication", role.replication.into()),
                ("rolbypassrls", (role.oid == SUPERUSER).into()),
                ("rolconnlimit", Value::Int(-1)),
                ("rolpassword", password),
            ]);
        } else if role.login {
            rows.add([
                ("usename", role.name.as_str().into()),
                ("usesysid", role.oid.into()),
                ("usecreatedb", role.createdb.into()),
                ("usesuper", role.superuser.into()),
                ("userepl", role.replication.into()),
                ("usebypassrls", (role.oid == SUPERUSER).into()),
                ("passwd", password),
            ]);
        }
    }
    if view == "pg_roles" || view == "pg_authid" {
        for (oid, name) in names::ROLES {
            rows.add([
                ("oid", (*oid).into()),
                ("rolname", (*name).into()),
                ("rolsuper", false.into()),
                ("rolinherit", true.into()),
                ("rolcreaterole", false.into()),
                ("rolcreatedb", false.into()),
                ("rolcanlogin", false.into()),
                ("rolreplication", false.into()),
                ("rolbypassrls", false.into()),
                ("rolconnlimit", Value::Int(-1)),
                ("rolpassword", if shown { Value::Null } else { "********".into() }),
            ]);
        }
    }
}

fn namespaces(database: &Database, rows: &mut Rows<'_>) {
    for schema in &database.schemas {
        let owner = match schema.oid {
            PUBLIC => Some("pg_database_owner"),
            99 => None,
            oid if oid < 16_384 => Some("postgres"),
            _ => None,
        };
        let acl = owner.map(|owner| {
            Value::Array(
                [format!("{owner}=UC/{owner}"), format!("=U/{owner}")]
                    .map(Value::from)
                    .into(),
            )
        });
        rows.add([
            ("oid", schema.oid.into()),
            ("nspname", schema.name.as_str().into()),
            ("nspowner", schema.owner.into()),
            ("nspacl", acl.unwrap_or(Value::Null)),
        ]);
    }
}

fn schema_of(listed: &Listed) -> u32 {
    if listed.schema == "pg_catalog" {
        PG_CATALOG
    } else {
        crate::store::INFORMATION_SCHEMA
    }
}

fn classes(database: &Database, rows: &mut Rows<'_>) {
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

fn attributes(database: &Database, rows: &mut Rows<'_>) {
    for listed in all() {
        for (at, ((name, ty), required)) in listed.columns.iter().zip(&listed.required).enumerate() {
            let column = Column {
                name: (*name).into(),
                ty: *ty,
                modifier: -1,
                not_null: *required,
                default: None,
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
                own = super::sequence_columns();
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

fn defaults(database: &Database, rows: &mut Rows<'_>) {
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

fn row_types(database: &Database, rows: &mut Rows<'_>) {
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

fn indexes(database: &Database, rows: &mut Rows<'_>) {
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

fn constraints(database: &Database, rows: &mut Rows<'_>) {
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

fn dependencies(database: &Database, rows: &mut Rows<'_>) {
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

fn sequences(database: &Database, rows: &mut Rows<'_>) {
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
