//! Who is at work in the server.

use super::Rows;
use crate::cx::Cx;
use crate::datetime::EPOCH;
use crate::value::Value;

/// Processes of the server itself, by how long after it they started, in microseconds.
const BACKGROUND: [(&str, i64); 5] = [
    ("checkpointer", 21_000),
    ("background writer", 21_400),
    ("walwriter", 38_000),
    ("autovacuum launcher", 38_500),
    ("logical replication launcher", 39_000),
];

/// Whether the relation is one of these; its rows are put in then.
pub(super) fn fill(cx: &Cx<'_>, rows: &mut Rows<'_>) -> bool {
    let persona = &cx.state.persona;
    let started = persona.started - EPOCH * 1_000_000;
    match rows.listed.name {
        "pg_stat_activity" => {
            for (n, (kind, after)) in (1u32..).zip(BACKGROUND) {
                rows.add([
                    (
                        "pid",
                        persona
                            .pid
                            .saturating_sub(persona.pid % 50 + 60)
                            .saturating_add(n)
                            .into(),
                    ),
                    ("backend_start", Value::Stamp(started + after)),
                    ("backend_type", kind.into()),
                    ("query", "".into()),
                ]);
            }
            let cluster = cx.cluster.borrow();
            let now = cx.state.began.get();
            rows.add([
                ("datid", cx.state.database.into()),
                (
                    "datname",
                    cluster
                        .by_oid(cx.state.database)
                        .map(|database| database.name.clone())
                        .into(),
                ),
                ("pid", persona.pid.into()),
                ("usesysid", cx.state.user.get().into()),
                ("usename", cluster.role_name(cx.state.user.get()).unwrap_or("").into()),
                ("application_name", cx.setting("application_name").into()),
                ("client_addr", persona.client_address.as_str().into()),
                ("client_port", Value::Int(persona.client_port.into())),
                ("backend_start", Value::Stamp(now - 40_000)),
                ("xact_start", Value::Stamp(now)),
                ("query_start", Value::Stamp(now)),
                ("state_change", Value::Stamp(now + 3)),
                ("state", "active".into()),
                ("backend_xmin", Value::Int(743)),
                ("query", cx.state.query.borrow().as_str().into()),
                ("backend_type", "client backend".into()),
            ]);
        }
        "pg_stat_database" => {
            for database in &cx.cluster.borrow().databases {
                rows.add([
                    ("datid", database.oid.into()),
                    ("datname", database.name.as_str().into()),
                    ("numbackends", Value::Int((database.oid == cx.state.database).into())),
                    ("xact_commit", Value::Int(i64::from(database.oid) * 37 % 5000)),
                    ("xact_rollback", Value::Int(i64::from(database.oid) % 17)),
                ]);
            }
        }
        "pg_stat_ssl" => rows.add([("pid", persona.pid.into()), ("ssl", true.into())]),
        _ => return false,
    }
    true
}
