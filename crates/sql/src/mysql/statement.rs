//! Statements of MySQL alone, carried out.

use std::rc::Rc;

use super::error::refuse;
use super::{coerce, create, file, grants, reckon, show, table, variables};
use crate::ast::{Mysql, Path, Show, Statement};
use crate::bind::{Binder, Scope, column};
use crate::change;
use crate::cx::Cx;
use crate::error::Error;
use crate::eval::{Env, eval};
use crate::exec;
use crate::schema;
use crate::session::Answer;
use crate::store::{Kind, Row};
use crate::types::Type;
use crate::value::Value;

pub(super) fn done(count: usize) -> Result<Answer, Error> {
    Ok(Answer::Done(format!("OK {count}")))
}

pub(crate) fn carried_out(binder: &Binder<'_, '_>, statement: &Mysql) -> Result<Answer, Error> {
    let cx = binder.cx;
    match statement {
        Mysql::Use(name) => {
            use_schema(cx, name)?;
            done(0)
        }
        Mysql::Show(listing) => shown(binder, listing),
        Mysql::Set(sets) => {
            for (name, value) in sets {
                let value = match value {
                    None => None,
                    Some(expr) => {
                        let typed = binder.expr(expr, &Scope::default())?;
                        Some(eval(cx, &typed.node, &Env { row: &[], up: None })?)
                    }
                };
                match name.strip_prefix('@').filter(|name| !name.starts_with('@')) {
                    Some(own) => reckon::keep(cx, own, value.unwrap_or(Value::Null)),
                    None => {
                        let value = value.map(|value| coerce::words(&value).as_str().unwrap_or("").to_owned());
                        variables::set(cx.state, name, value)?;
                    }
                }
            }
            done(0)
        }
        Mysql::Into(query, path, dump, lines) => file::written(binder, query, path, *dump, lines),
        Mysql::Keep(query, names) => {
            let plan = binder.query(query, None)?;
            let rows = exec::rows(cx, &plan, None)?;
            if plan.columns.len() != names.len() {
                return Err(refuse(
                    1222,
                    "The used SELECT statements have a different number of columns",
                ));
            }
            if rows.len() > 1 {
                return Err(refuse(1172, "Result consisted of more than one row"));
            }
            for (name, value) in names.iter().zip(rows.iter().flat_map(|row| row.iter())) {
                reckon::keep(cx, name, value.clone());
            }
            done(rows.len())
        }
        Mysql::Load {
            path,
            local,
            table,
            columns,
            lines,
        } => file::load(binder, path, *local, (table, columns), lines),
        Mysql::CreateDatabase {
            name,
            if_not_exists,
            replace,
        } => {
            let there = super::catalog::schemas(cx).iter().any(|known| known == name);
            if there && !if_not_exists && !replace {
                return Err(refuse(1007, format!("Can't create database '{name}'; database exists")));
            }
            if !cx.is_superuser() {
                return Err(grants::access(cx, name));
            }
            schema::create::create_schema(cx, name, true)?;
            done(1)
        }
        Mysql::DropDatabase(name, if_exists) => {
            let there = cx.with_database(|database| database.schema(name)).flatten();
            let Some(oid) = there.filter(|oid| *oid > crate::store::INFORMATION_SCHEMA) else {
                if super::catalog::OWN.contains(&name.as_str()) {
                    return Err(grants::access(cx, name));
                }
                return if *if_exists {
                    done(0)
                } else {
                    Err(refuse(
                        1008,
                        format!("Can't drop database '{name}'; database doesn't exist"),
                    ))
                };
            };
            let mut count = 0;
            let mut cluster = cx.cluster.borrow_mut();
            if let Some(database) = cluster.by_oid_mut(cx.state.database) {
                let gone = database.relations.values().filter(|relation| relation.schema == oid);
                count = gone
                    .filter(|relation| matches!(relation.kind, Kind::Table(_) | Kind::View { .. }))
                    .count();
                database.relations.retain(|_, relation| relation.schema != oid);
                database.schemas.retain(|schema| schema.oid != oid);
            }
            let mut current = cx.state.schema.borrow_mut();
            if current.as_deref() == Some(name) {
                *current = None;
            }
            done(count)
        }
        Mysql::Upsert { insert, set } => upsert(binder, insert, set),
        Mysql::Plugin(name, library) => {
            cx.exec("udf", format!("{name} from {library}"));
            let path = format!("/usr/lib/mysql/plugin/{library}");
            match cx.host.read(&path) {
                Ok(_) => done(0),
                Err(_) => Err(refuse(
                    1126,
                    format!(
                        "Can't open shared library '{library}' (errno: 2, cannot open shared object file: No such file or directory)"
                    ),
                )),
            }
        }
        Mysql::Account { verb, user, password } => account(cx, verb, user, password.as_deref()),
        Mysql::Explain(inner) => explain(binder, inner),
        Mysql::Kill(id) => {
            if *id == i64::from(cx.state.persona.pid) {
                return Err(refuse(1317, "Query execution was interrupted"));
            }
            Err(refuse(1094, format!("Unknown thread id: {id}")))
        }
        Mysql::Call(path) => {
            let current = cx.state.schema.borrow();
            let schema = path.schema.as_deref().or(current.as_deref());
            let schema = schema.ok_or_else(|| refuse(1046, "No database selected"))?;
            Err(refuse(1305, format!("PROCEDURE {schema}.{} does not exist", path.name)))
        }
        Mysql::Prepare(..) | Mysql::Execute(..) | Mysql::Immediate(..) | Mysql::Deallocate(_) => {
            Err(refuse(1295, super::prepared::WITHIN))
        }
        Mysql::Do(all) => {
            for expr in all {
                let typed = binder.expr(expr, &Scope::default())?;
                eval(cx, &typed.node, &Env { row: &[], up: None })?;
            }
            done(0)
        }
    }
}

pub(super) fn use_schema(cx: &Cx<'_>, name: &str) -> Result<(), Error> {
    let own = super::catalog::OWN.iter().find(|own| own.eq_ignore_ascii_case(name));
    let name = own.map_or_else(|| name.to_owned(), ToString::to_string);
    if super::catalog::schemas(cx).contains(&name) {
        *cx.state.schema.borrow_mut() = Some(name);
        return Ok(());
    }
    if cx.is_superuser() {
        return Err(refuse(1049, format!("Unknown database '{name}'")));
    }
    Err(grants::access(cx, &name))
}

fn text(name: &str) -> crate::plan::Column {
    column(name, Type::VARCHAR, -1, 0, 0)
}

fn listed(columns: Vec<crate::plan::Column>, rows: Vec<Vec<Value>>) -> Result<Answer, Error> {
    Ok(Answer::Rows {
        columns,
        rows: rows.into_iter().map(Row::from).collect(),
        tag: "SHOW".into(),
    })
}

fn shown(binder: &Binder<'_, '_>, listing: &Show) -> Result<Answer, Error> {
    let cx = binder.cx;
    let current = cx.state.schema.borrow().clone();
    if let Some(schema) = &listing.schema
        && !matches!(listing.what, "grants" | "create database")
        && !super::catalog::schemas(cx)
            .iter()
            .any(|known| known.eq_ignore_ascii_case(schema))
    {
        return Err(refuse(1049, format!("Unknown database '{schema}'")));
    }
    if let Some(path) = show::about(listing) {
        let own = crate::catalog::listed(cx, path.schema.as_deref(), &path.name);
        if own.is_none() && table::find(cx, path).is_none() {
            return Err(binder.missing(path));
        }
    }
    if let Some(query) = show::query(listing, current.as_deref())? {
        let parsed = crate::parse::first(&query, cx.state.persona.dialect)?;
        let Some(Statement::Query(query)) = parsed.map(|parsed| parsed.statement) else {
            return Err(refuse(1105, "Unknown error"));
        };
        let plan = binder.query(&query, None)?;
        let rows = exec::rows(cx, &plan, None)?;
        return Ok(Answer::Rows {
            columns: plan.columns,
            rows,
            tag: "SHOW".into(),
        });
    }
    match listing.what {
        "create table" | "create view" => {
            let path = listing.name.clone().unwrap_or_default();
            created(cx, &path)
        }
        "create database" => {
            let name = listing.schema.clone().unwrap_or_default();
            if !super::catalog::schemas(cx).contains(&name) {
                return Err(refuse(1049, format!("Unknown database '{name}'")));
            }
            let line = format!(
                "CREATE DATABASE `{name}` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE {} */",
                super::catalog::collation(cx)
            );
            listed(
                vec![text("Database"), text("Create Database")],
                vec![vec![name.into(), line.into()]],
            )
        }
        "grants" => {
            let Some((title, lines)) = grants::of(cx, listing.schema.as_deref()) else {
                let name = listing.schema.as_deref().unwrap_or("");
                return Err(refuse(
                    1141,
                    format!("There is no such grant defined for user '{name}' on host '%'"),
                ));
            };
            listed(
                vec![text(&title)],
                lines.into_iter().map(|line| vec![line.into()]).collect(),
            )
        }
        "warnings" | "errors" => listed(
            vec![text("Level"), column("Code", Type::INT4, -1, 0, 0), text("Message")],
            Vec::new(),
        ),
        "count" => listed(
            vec![column("@@session.warning_count", Type::INT8, -1, 0, 0)],
            vec![vec![Value::Int(0)]],
        ),
        "binary logs" => Err(refuse(1381, "You are not using binary logging")),
        "privileges" => listed(vec![text("Privilege"), text("Context"), text("Comment")], Vec::new()),
        "create user" => {
            let user = grants::user(cx);
            listed(
                vec![text(&format!("CREATE USER for {user}@%"))],
                vec![vec![format!("CREATE USER `{user}`@`%`").into()]],
            )
        }
        _ => listed(vec![text("File"), text("Position")], Vec::new()),
    }
}

fn created(cx: &Cx<'_>, path: &Path) -> Result<Answer, Error> {
    if let Some(relation) = table::find(cx, path) {
        if let Some(line) = table::create(cx, &relation) {
            return listed(
                vec![text("Table"), text("Create Table")],
                vec![vec![relation.name.as_str().into(), line.into()]],
            );
        }
        if let Kind::View { text: body, .. } = &relation.kind {
            let line = format!(
                "CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW {} AS {body}",
                create::shown(&Path {
                    schema: None,
                    ..path.clone()
                })
            );
            return listed(
                vec![
                    text("View"),
                    text("Create View"),
                    text("character_set_client"),
                    text("collation_connection"),
                ],
                vec![vec![
                    relation.name.as_str().into(),
                    line.into(),
                    "utf8mb4".into(),
                    "utf8mb4_general_ci".into(),
                ]],
            );
        }
    }
    let Some(own) = crate::catalog::listed(cx, path.schema.as_deref(), &path.name) else {
        return Err(refuse(1105, "Unknown error"));
    };
    let lines: Vec<String> = own
        .columns
        .iter()
        .zip(&own.declared)
        .enumerate()
        .map(|(at, ((name, _), declared))| {
            let null = if own.is_required(at) {
                " NOT NULL"
            } else {
                " DEFAULT NULL"
            };
            format!("  `{name}` {declared}{null}")
        })
        .collect();
    let line = format!(
        "CREATE TABLE `{}` (\n{}\n) ENGINE=Aria DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_bin",
        own.name,
        lines.join(",\n")
    );
    listed(
        vec![text("Table"), text("Create Table")],
        vec![vec![own.name.into(), line.into()]],
    )
}

/// Rows put in where their keys are free; where not, those there give way, or are changed.
fn upsert(binder: &Binder<'_, '_>, insert: &Statement, set: &[(String, crate::ast::Expr)]) -> Result<Answer, Error> {
    let Statement::Insert {
        table, columns, source, ..
    } = insert
    else {
        return done(0);
    };
    let insert = change::insert::Insert {
        table,
        columns,
        source,
        ignore: false,
        returning: &[],
    };
    let rows = change::insert::prepared(binder, &insert)?;
    let mut count = 0;
    for row in rows {
        count += change::insert::put(binder, table, row, set)?;
    }
    done(count)
}

fn account(cx: &Cx<'_>, verb: &str, user: &str, password: Option<&str>) -> Result<Answer, Error> {
    if !cx.is_superuser() {
        return Err(refuse(
            1227,
            "Access denied; you need (at least one of) the CREATE USER privilege(s) for this operation",
        ));
    }
    let hash = password.map(|password| {
        if password.starts_with('*') && password.len() == 41 {
            password.to_owned()
        } else {
            super::native_hash(password.as_bytes())
        }
    });
    let mut cluster = cx.cluster.borrow_mut();
    let there = cluster.role(user).is_some();
    let failed = |what: &str| Err(refuse(1396, format!("Operation {what} failed for '{user}'@'%'")));
    match (verb, there) {
        ("create", true) => return failed("CREATE USER"),
        ("create", false) => {
            if cluster.roles.len() < 100 {
                cluster.add_role(user, Some(hash.unwrap_or_default()));
            }
        }
        ("drop", false) => return failed("DROP USER"),
        ("drop", true) => cluster.roles.retain(|role| role.name != user),
        ("alter", false) => return failed("ALTER USER"),
        ("grant" | "revoke", false) => {
            return Err(refuse(1133, "Can't find any matching row in the user table"));
        }
        _ => {
            if let Some(hash) = hash {
                cluster.set_password(user, Some(hash));
            }
            if verb == "grant" {
                cluster
                    .roles
                    .iter_mut()
                    .filter(|role| role.name == user)
                    .for_each(|role| role.superuser = true);
            }
        }
    }
    done(0)
}

fn explain(binder: &Binder<'_, '_>, inner: &Statement) -> Result<Answer, Error> {
    let int = |name: &str| column(name, Type::INT8, -1, 0, 0);
    let mut table = Value::Null;
    if let Statement::Query(query) = inner {
        let plan = binder.query(query, None)?;
        table = plan
            .columns
            .iter()
            .find(|column| column.table != 0)
            .and_then(|column| {
                binder
                    .cx
                    .with_database(|database| {
                        database
                            .relations
                            .get(&column.table)
                            .map(|relation| relation.name.clone())
                    })
                    .flatten()
            })
            .into();
    }
    let columns = vec![
        int("id"),
        text("select_type"),
        text("table"),
        text("type"),
        text("possible_keys"),
        text("key"),
        text("key_len"),
        text("ref"),
        int("rows"),
        text("Extra"),
    ];
    let extra = if table.is_null() { "No tables used" } else { "" };
    let (kind, count) = if table.is_null() {
        (Value::Null, Value::Null)
    } else {
        ("ALL".into(), Value::Int(1))
    };
    let row: Rc<[Value]> = Rc::from([
        Value::Int(1),
        "SIMPLE".into(),
        table,
        kind,
        Value::Null,
        Value::Null,
        Value::Null,
        Value::Null,
        count,
        extra.into(),
    ]);
    Ok(Answer::Rows {
        columns,
        rows: vec![row],
        tag: "EXPLAIN".into(),
    })
}
