//! Databases, roles and schemas.

use super::super::{Rows, names};
use crate::cx::Cx;
use crate::store::{Database, PUBLIC, SUPERUSER};
use crate::value::Value;

pub(super) fn databases(cx: &Cx<'_>, rows: &mut Rows<'_>) {
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

pub(super) fn roles(cx: &Cx<'_>, rows: &mut Rows<'_>) {
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

pub(super) fn namespaces(database: &Database, rows: &mut Rows<'_>) {
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
