//! DROP.

use crate::ast::{DropKind, Path};
use crate::bind::Binder;
use crate::catalog;
use crate::cx::Cx;
use crate::error::Error;
use crate::store::{self, Kind, Rule};

pub(crate) fn drop(
    binder: &Binder<'_, '_>,
    kind: DropKind,
    names: &[Path],
    if_exists: bool,
    cascade: bool,
) -> Result<(), Error> {
    let cx = binder.cx;
    for path in names {
        let name = &path.name;
        let (found, word) = match kind {
            DropKind::Table => (drop_relation(cx, path, "table", cascade)?, "table"),
            DropKind::View => (drop_relation(cx, path, "view", cascade)?, "view"),
            DropKind::Index => (drop_relation(cx, path, "index", cascade)?, "index"),
            DropKind::Sequence => (drop_relation(cx, path, "sequence", cascade)?, "sequence"),
            DropKind::Schema => (drop_schema(cx, name, cascade)?, "schema"),
            DropKind::Database => (drop_database(cx, name)?, "database"),
            DropKind::Role => {
                let mut cluster = cx.cluster.borrow_mut();
                let before = cluster.roles.len();
                cluster
                    .roles
                    .retain(|role| role.name != *name || role.oid == store::SUPERUSER);
                (cluster.roles.len() < before, "role")
            }
            DropKind::Function => {
                let mut cluster = cx.cluster.borrow_mut();
                let Some(database) = cluster.by_oid_mut(cx.state.database) else {
                    continue;
                };
                let before = database.functions.len();
                database.functions.retain(|function| function.name != *name);
                (database.functions.len() < before, "function")
            }
            DropKind::Extension => {
                let mut cluster = cx.cluster.borrow_mut();
                let Some(database) = cluster.by_oid_mut(cx.state.database) else {
                    continue;
                };
                let before = database.extensions.len();
                database.extensions.retain(|(_, extension, _)| extension != name);
                (database.extensions.len() < before, "extension")
            }
            DropKind::Type => (false, "type"),
        };
        if found {
            continue;
        }
        let shown = if kind == DropKind::Function {
            format!("{name}()")
        } else {
            format!("\"{name}\"")
        };
        if if_exists {
            let message = format!("{word} {shown} does not exist, skipping");
            cx.notice(
                "NOTICE",
                Error::new("00000", message).raised("tablecmds.c", 1266, "DropErrorMsgNonExistent"),
            );
            continue;
        }
        let code = match kind {
            DropKind::Table | DropKind::View | DropKind::Sequence => "42P01",
            DropKind::Schema => "3F000",
            DropKind::Database => "3D000",
            DropKind::Function => "42883",
            _ => "42704",
        };
        return Err(Error::new(code, format!("{word} {shown} does not exist")).raised(
            "tablecmds.c",
            1256,
            "DropErrorMsgNonExistent",
        ));
    }
    Ok(())
}

fn drop_relation(cx: &Cx<'_>, path: &Path, word: &str, cascade: bool) -> Result<bool, Error> {
    if let Some(listed) = catalog::listed(cx, path.schema.as_deref(), &path.name) {
        let message = format!("permission denied: \"{}\" is a system catalog", listed.name);
        return Err(Error::new("42501", message).raised("tablecmds.c", 1618, "RangeVarCallbackForDropRelation"));
    }
    let Some(relation) = cx.relation(path.schema.as_deref(), &path.name) else {
        return Ok(false);
    };
    if relation.word() != word {
        return Err(
            Error::new("42809", format!("\"{}\" is not a {word}", path.name)).hint(format!(
                "Use DROP {} to remove a {}.",
                relation.word().to_uppercase(),
                relation.word()
            )),
        );
    }
    if relation.owner != cx.state.user.get() && !cx.is_superuser() {
        return Err(Error::new("42501", format!("must be owner of {word} {}", path.name)));
    }
    let referring = cx.with_database(|database| {
        let mut found = None;
        for other in database.relations.values().filter(|other| other.oid != relation.oid) {
            for constraint in other.table().map_or(&[][..], |table| &table.constraints) {
                if matches!(constraint.rule, Rule::Foreign { table, .. } if table == relation.oid) {
                    found.get_or_insert((constraint.name.clone(), other.name.clone()));
                }
            }
        }
        found
    });
    if let (Some(Some((constraint, table))), false) = (&referring, cascade) {
        let message = format!("cannot drop table {} because other objects depend on it", path.name);
        return Err(Error::new("2BP01", message)
            .detail(format!(
                "constraint {constraint} on table {table} depends on table {}",
                path.name
            ))
            .hint("Use DROP ... CASCADE to drop the dependent objects too.")
            .raised("dependency.c", 1204, "reportDependentObjects"));
    }
    let mut cluster = cx.cluster.borrow_mut();
    let freed = relation
        .table()
        .map_or(0, |table| table.rows.iter().map(|row| store::weight(row)).sum());
    cluster.frees(freed);
    if let Some(database) = cluster.by_oid_mut(cx.state.database) {
        database.relations.remove(&relation.oid);
        database.relations.retain(|_, other| match &other.kind {
            Kind::Index(index) => index.table != relation.oid,
            Kind::Sequence(sequence) => sequence.owned_by.is_none_or(|(table, _)| table != relation.oid),
            _ => true,
        });
        let others: Vec<u32> = database.relations.keys().copied().collect();
        for other in others {
            if let Some(table) = database.table_mut(other) {
                table
                    .constraints
                    .retain(|one| !matches!(one.rule, Rule::Foreign { table, .. } if table == relation.oid));
            }
        }
    }
    Ok(true)
}

fn drop_schema(cx: &Cx<'_>, name: &str, cascade: bool) -> Result<bool, Error> {
    let mut cluster = cx.cluster.borrow_mut();
    let Some(database) = cluster.by_oid_mut(cx.state.database) else {
        return Ok(false);
    };
    let Some(oid) = database.schema(name) else {
        return Ok(false);
    };
    let held = database.relations.values().any(|relation| relation.schema == oid);
    if held && !cascade {
        return Err(Error::new(
            "2BP01",
            format!("cannot drop schema {name} because other objects depend on it"),
        )
        .hint("Use DROP ... CASCADE to drop the dependent objects too."));
    }
    database.relations.retain(|_, relation| relation.schema != oid);
    database.schemas.retain(|schema| schema.oid != oid);
    Ok(true)
}

fn drop_database(cx: &Cx<'_>, name: &str) -> Result<bool, Error> {
    let mut cluster = cx.cluster.borrow_mut();
    let Some(database) = cluster.database(name) else {
        return Ok(false);
    };
    if database.oid == cx.state.database {
        return Err(Error::new("55006", "cannot drop the currently open database").raised(
            "dbcommands.c",
            1583,
            "dropdb",
        ));
    }
    if database.template {
        return Err(Error::new("42809", "cannot drop a template database").raised("dbcommands.c", 1588, "dropdb"));
    }
    cluster.databases.retain(|database| database.name != name);
    Ok(true)
}
