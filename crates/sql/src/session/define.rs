//! Statements about what there is carried out.

use super::Answer;
use crate::ast::{CopyTarget, RoleOptions, Statement};
use crate::bind::Binder;
use crate::catalog;
use crate::change;
use crate::cx::Cx;
use crate::error::Error;
use crate::schema;
use crate::schema::table::CreateTable;
use crate::store::{Function, PUBLIC};

pub(super) fn no_language(language: &str) -> Error {
    let error = Error::new("42704", format!("language \"{language}\" does not exist"));
    error.raised("functioncmds.c", 1092, "CreateFunction")
}

pub(super) fn defined(binder: &Binder<'_, '_>, statement: &Statement) -> Result<Answer, Error> {
    let cx = binder.cx;
    let tag = match statement {
        Statement::CreateTable {
            table,
            columns,
            constraints,
            if_not_exists,
            temporary,
            query,
        } => {
            let create = CreateTable {
                table,
                columns,
                constraints,
                if_not_exists: *if_not_exists,
                temporary: *temporary,
                query: query.as_deref(),
            };
            match schema::table::create_table(binder, &create)? {
                Some(count) => return Ok(Answer::Done(format!("SELECT {count}"))),
                None => "CREATE TABLE",
            }
        }
        Statement::CreateView {
            view,
            query,
            text,
            replace,
        } => {
            schema::create::create_view(binder, view, query, text, *replace)?;
            "CREATE VIEW"
        }
        Statement::CreateIndex {
            name,
            table,
            columns,
            unique,
            if_not_exists,
        } => {
            schema::create::create_index(binder, name.as_deref(), table, columns, (*unique, *if_not_exists))?;
            "CREATE INDEX"
        }
        Statement::CreateSequence { name, if_not_exists } => {
            schema::create::create_sequence(binder, name, *if_not_exists)?;
            "CREATE SEQUENCE"
        }
        Statement::CreateSchema { name, if_not_exists } => {
            schema::create::create_schema(cx, name, *if_not_exists)?;
            "CREATE SCHEMA"
        }
        Statement::CreateDatabase(name) => {
            schema::create::create_database(cx, name)?;
            "CREATE DATABASE"
        }
        Statement::CreateRole { name, options } => {
            role(cx, name, options, true)?;
            "CREATE ROLE"
        }
        Statement::AlterRole { name, options } => {
            role(cx, name, options, false)?;
            "ALTER ROLE"
        }
        Statement::CreateFunction {
            name,
            language,
            body,
            procedure,
        } => {
            function(cx, &name.name, language, body)?;
            if *procedure {
                "CREATE PROCEDURE"
            } else {
                "CREATE FUNCTION"
            }
        }
        Statement::CreateExtension { name, if_not_exists } => {
            extension(cx, name, *if_not_exists)?;
            "CREATE EXTENSION"
        }
        Statement::AlterTable {
            table,
            if_exists,
            actions,
        } => {
            if !*if_exists || cx.relation(table.schema.as_deref(), &table.name).is_some() {
                schema::alter::alter(binder, table, actions)?;
            }
            "ALTER TABLE"
        }
        Statement::Drop {
            kind,
            names,
            if_exists,
            cascade,
        } => {
            use crate::ast::DropKind;
            schema::drop::drop(binder, *kind, names, *if_exists, *cascade)?;
            match kind {
                DropKind::Table => "DROP TABLE",
                DropKind::View => "DROP VIEW",
                DropKind::Index => "DROP INDEX",
                DropKind::Sequence => "DROP SEQUENCE",
                DropKind::Schema => "DROP SCHEMA",
                DropKind::Database => "DROP DATABASE",
                DropKind::Role => "DROP ROLE",
                DropKind::Function => "DROP FUNCTION",
                DropKind::Extension => "DROP EXTENSION",
                DropKind::Type => "DROP TYPE",
            }
        }
        Statement::Copy {
            target: CopyTarget::Std,
            ..
        } => "COPY 0",
        _ => return Err(Error::new("0A000", "this statement is not supported here")),
    };
    Ok(Answer::Done(tag.to_owned()))
}

fn role(cx: &Cx<'_>, name: &str, options: &RoleOptions, new: bool) -> Result<(), Error> {
    let own = catalog::names::role(cx, cx.state.user.get());
    let name = if name == "current_user" { own.as_str() } else { name };
    if let Some(Some(password)) = &options.password {
        cx.exec(
            if new { "create_role" } else { "alter_role" },
            format!("{name}: {password}"),
        );
    }
    let may = cx.is_superuser()
        || cx
            .cluster
            .borrow()
            .roles
            .iter()
            .any(|role| role.oid == cx.state.user.get() && role.createrole);
    if !may && own != name {
        let message = if new {
            "permission denied to create role"
        } else {
            "permission denied"
        };
        return Err(Error::new("42501", message).raised("user.c", 318, "CreateRole"));
    }
    let known = cx.cluster.borrow().role(name).is_some();
    if new && known {
        return Err(Error::new("42710", format!("role \"{name}\" already exists")).raised("user.c", 345, "CreateRole"));
    }
    if new && name.starts_with("pg_") {
        return Err(Error::new("42939", format!("role name \"{name}\" is reserved"))
            .detail("Role names starting with \"pg_\" are reserved."));
    }
    if !new && !known {
        return Err(Error::new("42704", format!("role \"{name}\" does not exist")).raised("user.c", 735, "AlterRole"));
    }
    let mut cluster = cx.cluster.borrow_mut();
    if !cluster.writes(256) {
        return Err(change::full());
    }
    if new {
        cluster.add_role(name, None);
        if let Some(role) = cluster.roles.last_mut() {
            role.login = false;
        }
    }
    let Some(role) = cluster.roles.iter_mut().find(|role| role.name == name) else {
        return Ok(());
    };
    let set = |to: &mut bool, from: Option<bool>| *to = from.unwrap_or(*to);
    set(&mut role.login, options.login);
    set(&mut role.superuser, options.superuser);
    set(&mut role.createdb, options.createdb);
    set(&mut role.createrole, options.createrole);
    set(&mut role.replication, options.replication);
    if let Some(password) = &options.password {
        role.password.clone_from(password);
    }
    Ok(())
}

fn function(cx: &Cx<'_>, name: &str, language: &str, body: &[String]) -> Result<(), Error> {
    cx.exec("create_function", format!("{name} ({language}): {}", body.join(", ")));
    let known = ["sql", "internal", "c"].contains(&language)
        || cx.with_database(|database| database.extensions.iter().any(|(_, known, _)| known == language)) == Some(true);
    if !known {
        return Err(no_language(language));
    }
    if !cx.is_superuser() && ["internal", "c"].contains(&language) {
        return Err(Error::new(
            "42501",
            format!("permission denied for language {language}"),
        ));
    }
    if language == "c" {
        let library = body.first().map_or("", String::as_str);
        let found = cx.host.read(&crate::function::absolute(cx, library));
        let error = match found {
            Err(_) => Error::new(
                "58P01",
                format!("could not access file \"{library}\": No such file or directory"),
            )
            .raised("dfmgr.c", 560, "expand_dynamic_library_name"),
            Ok(bytes) if !bytes.starts_with(b"\x7fELF") => Error::new(
                "58P01",
                format!("could not load library \"{library}\": {library}: invalid ELF header"),
            )
            .raised("dfmgr.c", 240, "internal_load_library"),
            Ok(_) => Error::new(
                "42883",
                format!("incompatible library \"{library}\": missing magic block"),
            )
            .hint("Extension libraries are required to use the PG_MODULE_MAGIC macro.")
            .raised("dfmgr.c", 296, "internal_load_library"),
        };
        return Err(error);
    }
    let mut cluster = cx.cluster.borrow_mut();
    let oid = cluster.new_oid();
    if !cluster.writes(body.iter().map(String::len).sum::<usize>() + 256) {
        return Err(change::full());
    }
    let owner = cx.state.user.get();
    if let Some(database) = cluster.by_oid_mut(cx.state.database) {
        database.functions.retain(|function| function.name != name);
        database.functions.push(Function {
            oid,
            schema: PUBLIC,
            name: name.to_owned(),
            owner,
            language: language.to_owned(),
            body: body.to_vec(),
        });
    }
    Ok(())
}

fn extension(cx: &Cx<'_>, name: &str, if_not_exists: bool) -> Result<(), Error> {
    cx.exec("create_extension", name);
    if cx.with_database(|database| database.extensions.iter().any(|(_, known, _)| known == name)) == Some(true) {
        if if_not_exists {
            let message = format!("extension \"{name}\" already exists, skipping");
            cx.notice(
                "NOTICE",
                Error::new("42710", message).raised("extension.c", 1787, "CreateExtension"),
            );
            return Ok(());
        }
        return Err(
            Error::new("42710", format!("extension \"{name}\" already exists")).raised(
                "extension.c",
                1793,
                "CreateExtension",
            ),
        );
    }
    let Some((_, version, _)) = catalog::extensions().iter().find(|(known, ..)| *known == name) else {
        let file = format!("/usr/share/postgresql/15/extension/{name}.control");
        let message = format!("extension \"{name}\" is not available");
        return Err(Error::new("0A000", message)
            .detail(format!(
                "Could not open extension control file \"{file}\": No such file or directory."
            ))
            .hint("The extension must first be installed on the system where PostgreSQL is running.")
            .raised("extension.c", 540, "parse_extension_control_file"));
    };
    if !cx.is_superuser() {
        return Err(
            Error::new("42501", format!("permission denied to create extension \"{name}\""))
                .hint("Must be superuser to create this extension.")
                .raised("extension.c", 1000, "execute_extension_script"),
        );
    }
    let mut cluster = cx.cluster.borrow_mut();
    let oid = cluster.new_oid();
    if let Some(database) = cluster.by_oid_mut(cx.state.database) {
        database.extensions.push((oid, name.to_owned(), (*version).to_owned()));
    }
    Ok(())
}
