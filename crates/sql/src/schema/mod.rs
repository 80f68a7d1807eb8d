//! CREATE, ALTER and DROP.

pub(crate) mod alter;
mod constraint;
pub(crate) mod create;
pub(crate) mod drop;
pub(crate) mod table;

use std::rc::Rc;

use crate::ast::Path;
use crate::change;
use crate::cx::Cx;
use crate::error::Error;
use crate::store::{Kind, MOST_RELATIONS, PUBLIC, Relation, Table};

fn exists(what: &str, name: &str) -> Error {
    let code = match what {
        "relation" => "42P07",
        "schema" => "42P06",
        "database" => "42P04",
        _ => "42710",
    };
    Error::new(code, format!("{what} \"{name}\" already exists"))
}

/// The schema new things go into.
fn schema_for(cx: &Cx<'_>, path: &Path) -> Result<u32, Error> {
    let schema = match &path.schema {
        None => cx.search_path().get(1).copied(),
        Some(name) => cx.with_database(|database| database.schema(name)).flatten(),
    };
    let Some(schema) = schema else {
        return Err(match &path.schema {
            Some(name) => Error::new("3F000", format!("schema \"{name}\" does not exist")),
            None => Error::new("3F000", "no schema has been selected to create in"),
        });
    };
    let owned = cx
        .with_database(|database| database.owner == cx.state.user.get())
        .unwrap_or(false);
    if schema < PUBLIC || (schema == PUBLIC && !owned && !cx.is_superuser()) {
        let name = cx.with_database(|database| database.schema_name(schema).unwrap_or("").to_owned());
        return Err(Error::new(
            "42501",
            format!("permission denied for schema {}", name.unwrap_or_default()),
        ));
    }
    Ok(schema)
}

fn put(cx: &Cx<'_>, relation: Relation) -> Result<u32, Error> {
    let oid = relation.oid;
    let mut cluster = cx.cluster.borrow_mut();
    if !cluster.writes(512) {
        return Err(change::full());
    }
    if let Some(database) = cluster.by_oid_mut(cx.state.database) {
        if database.relations.len() >= MOST_RELATIONS {
            return Err(change::full());
        }
        database.relations.insert(oid, Rc::new(relation));
    }
    Ok(oid)
}

fn new_oid(cx: &Cx<'_>) -> u32 {
    cx.cluster.borrow_mut().new_oid()
}

fn relation_of(cx: &Cx<'_>, oid: u32) -> Result<Rc<Relation>, Error> {
    let found = cx
        .with_database(|database| database.relations.get(&oid).cloned())
        .flatten();
    found.ok_or_else(|| Error::new("XX000", format!("could not open relation with OID {oid}")))
}

fn change_relation(cx: &Cx<'_>, oid: u32, change: impl FnOnce(&mut Relation)) {
    let mut cluster = cx.cluster.borrow_mut();
    if let Some(relation) = cluster
        .by_oid_mut(cx.state.database)
        .and_then(|database| database.relation_mut(oid))
    {
        change(relation);
    }
}

fn change_table(cx: &Cx<'_>, oid: u32, change: impl FnOnce(&mut Table)) {
    change_relation(cx, oid, |relation| {
        if let Kind::Table(table) = &mut relation.kind {
            change(table);
        }
    });
}
