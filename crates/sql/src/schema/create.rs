//! CREATE of all but tables.

use std::rc::Rc;

use super::constraint::index_for;
use super::table::sequence_for;
use super::{exists, new_oid, put, schema_for};
use crate::ast::{Path, Query};
use crate::bind::Binder;
use crate::change;
use crate::cx::Cx;
use crate::error::Error;
use crate::store::{self, Column, Index, Kind, Relation};
use crate::types::Type;

pub(crate) fn create_view(
    binder: &Binder<'_, '_>,
    view: &Path,
    query: &Query,
    text: &str,
    replace: bool,
) -> Result<(), Error> {
    let cx = binder.cx;
    let schema = schema_for(cx, view)?;
    let old = cx
        .with_database(|database| database.relation(schema, &view.name).map(|old| old.oid))
        .flatten();
    if old.is_some() && !replace {
        return Err(exists("relation", &view.name));
    }
    let plan = binder.query(query, None)?;
    let columns = plan.columns.iter().map(|column| Column {
        name: column.name.clone(),
        ty: column.ty,
        modifier: column.modifier,
        not_null: false,
        default: None,
        declared: String::new(),
    });
    let relation = Relation {
        oid: old.unwrap_or_else(|| new_oid(cx)),
        schema,
        name: view.name.clone(),
        owner: cx.state.user.get(),
        temporary: false,
        kind: Kind::View {
            query: Rc::new(query.clone()),
            text: text.to_owned(),
            columns: columns.collect(),
        },
    };
    put(cx, relation)?;
    Ok(())
}

pub(crate) fn create_index(
    binder: &Binder<'_, '_>,
    name: Option<&str>,
    table: &Path,
    columns: &[String],
    (unique, if_not_exists): (bool, bool),
) -> Result<(), Error> {
    let cx = binder.cx;
    let relation = change::table_of(binder, table)?;
    let named: Vec<String> = columns.iter().filter(|column| !column.is_empty()).cloned().collect();
    let places = change::places(&relation, &named)?;
    let name = match name {
        Some(name) => name.to_owned(),
        None => {
            let base = format!("{}_{}_idx", relation.name, named.join("_"));
            cx.with_database(|database| database.free_name(relation.schema, &base))
                .unwrap_or(base)
        }
    };
    if cx.with_database(|database| database.relation(relation.schema, &name).is_some()) == Some(true) {
        return if if_not_exists {
            Ok(())
        } else {
            Err(exists("relation", &name))
        };
    }
    let index = Index {
        table: relation.oid,
        columns: places,
        unique,
        primary: false,
    };
    index_for(cx, &relation, &name, index)?;
    Ok(())
}

pub(crate) fn create_sequence(binder: &Binder<'_, '_>, name: &Path, if_not_exists: bool) -> Result<(), Error> {
    let schema = schema_for(binder.cx, name)?;
    let there = binder
        .cx
        .with_database(|database| database.relation(schema, &name.name).is_some());
    if there == Some(true) {
        return if if_not_exists {
            Ok(())
        } else {
            Err(exists("relation", &name.name))
        };
    }
    sequence_for(binder.cx, schema, &name.name, Type::INT8)?;
    Ok(())
}

pub(crate) fn create_schema(cx: &Cx<'_>, name: &str, if_not_exists: bool) -> Result<(), Error> {
    let there = cx.with_database(|database| database.schema(name).is_some()) == Some(true);
    if there {
        return if if_not_exists {
            Ok(())
        } else {
            Err(exists("schema", name))
        };
    }
    if name.starts_with("pg_") {
        return Err(Error::new("42939", format!("unacceptable schema name \"{name}\""))
            .detail("The prefix \"pg_\" is reserved for system schemas."));
    }
    let mut cluster = cx.cluster.borrow_mut();
    let oid = cluster.new_oid();
    let room = cluster.writes(256);
    if let Some(database) = cluster.by_oid_mut(cx.state.database).filter(|_| room) {
        database.schemas.push(store::Schema {
            oid,
            name: name.to_owned(),
            owner: cx.state.user.get(),
        });
        return Ok(());
    }
    Err(change::full())
}

pub(crate) fn create_database(cx: &Cx<'_>, name: &str) -> Result<(), Error> {
    let allowed = cx.is_superuser()
        || cx
            .cluster
            .borrow()
            .roles
            .iter()
            .any(|role| role.oid == cx.state.user.get() && role.createdb);
    if !allowed {
        return Err(Error::new("42501", "permission denied to create database").raised(
            "dbcommands.c",
            892,
            "createdb",
        ));
    }
    if cx.cluster.borrow().database(name).is_some() {
        return Err(exists("database", name).raised("dbcommands.c", 1187, "createdb"));
    }
    let mut cluster = cx.cluster.borrow_mut();
    if !cluster.writes(64 << 10) {
        return Err(change::full());
    }
    cluster.add_database(name, cx.state.user.get());
    Ok(())
}
