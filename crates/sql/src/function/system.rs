//! The session, the server and its settings.

use super::{ANY, Function, function, int_of, oid_of, str_of};
use crate::catalog;
use crate::cx::{Act, Cx};
use crate::datetime::EPOCH;
use crate::error::Error;
use crate::types::Type;
use crate::value::Value;

const T: Type = Type::TEXT;
const I: Type = Type::INT4;
const L: Type = Type::INT8;
const B: Type = Type::BOOL;
const NAME: Type = Type::NAME;
const TZ: Type = Type::TIMESTAMPTZ;

pub(super) const TABLE: &[Function] = &[
    function("version", &[], T, |cx, _| {
        let persona = &cx.state.persona;
        Ok(format!("PostgreSQL {} {}", persona.version, persona.built).into())
    }),
    function("current_database", &[], NAME, |cx, _| Ok(database_name(cx).into())),
    function("current_catalog", &[], NAME, |cx, _| Ok(database_name(cx).into())),
    function("current_schema", &[], NAME, |cx, _| {
        Ok(schemas(cx, false).into_iter().next().unwrap_or(Value::Null))
    }),
    function("current_schemas", &[B], Type::NAME_ARRAY, |cx, a| {
        Ok(Value::Array(schemas(cx, a[0].is_true()).into()))
    }),
    function("current_user", &[], NAME, |cx, _| Ok(user_name(cx).into())),
    function("session_user", &[], NAME, |cx, _| Ok(user_name(cx).into())),
    function("user", &[], NAME, |cx, _| Ok(user_name(cx).into())),
    function("current_role", &[], NAME, |cx, _| Ok(user_name(cx).into())),
    function("getpgusername", &[], NAME, |cx, _| Ok(user_name(cx).into())),
    function("current_query", &[], T, |_, _| Ok(Value::Null)),
    function("current_setting", &[T], T, |cx, a| setting(cx, str_of(a, 0), false)),
    function("current_setting", &[T, B], T, |cx, a| {
        setting(cx, str_of(a, 0), a[1].is_true())
    }),
    function("set_config", &[T, T, B], T, |cx, a| {
        catalog::settings::set(cx, str_of(a, 0), Some(str_of(a, 1)))?;
        Ok(a[1].clone())
    }),
    function("pg_backend_pid", &[], I, |cx, _| Ok(cx.state.persona.pid.into())),
    function("pg_is_in_recovery", &[], B, |_, _| Ok(false.into())),
    function("pg_is_in_backup", &[], B, |_, _| Ok(false.into())),
    function("pg_is_wal_replay_paused", &[], B, |_, _| Ok(false.into())),
    function("pg_postmaster_start_time", &[], TZ, |cx, _| {
        Ok(Value::Stamp(cx.state.persona.started - EPOCH * 1_000_000))
    }),
    function("pg_conf_load_time", &[], TZ, |cx, _| {
        Ok(Value::Stamp(cx.state.persona.started - EPOCH * 1_000_000))
    }),
    function("pg_current_wal_lsn", &[], Type::PG_LSN, |_, _| Ok("0/1954B28".into())),
    function("inet_client_addr", &[], Type::INET, |cx, _| {
        Ok(address(&cx.state.persona.client_address))
    }),
    function("inet_server_addr", &[], Type::INET, |cx, _| {
        Ok(address(&cx.state.persona.server_address))
    }),
    function("inet_client_port", &[], I, |cx, _| {
        Ok(Value::Int(cx.state.persona.client_port.into()))
    }),
    function("inet_server_port", &[], I, |cx, _| {
        Ok(Value::Int(cx.state.persona.port.into()))
    }),
    function("txid_current", &[], L, |cx, _| {
        Ok(Value::Int(700 + cx.state.began.get() / 1_000_000 % 9_000))
    }),
    function("pg_my_temp_schema", &[], Type::OID, |_, _| Ok(Value::Int(0))),
    function("pg_sleep", &[Type::FLOAT8], Type::VOID, |cx, a| {
        cx.act(Act::Sleep(a[0].as_float().unwrap_or(0.0)));
        Ok("".into())
    }),
    function("pg_reload_conf", &[], B, |_, _| Ok(true.into())),
    function("pg_rotate_logfile", &[], B, |_, _| Ok(false.into())),
    function("pg_cancel_backend", &[I], B, |_, _| Ok(false.into())),
    function("pg_terminate_backend", &[I], B, |cx, a| {
        let message = format!("PID {} is not a PostgreSQL backend process", int_of(a, 0));
        cx.notice(
            "WARNING",
            Error::new("01000", message).raised("signalfuncs.c", 85, "pg_signal_backend"),
        );
        Ok(false.into())
    }),
    function("pg_advisory_lock", &[L], Type::VOID, |_, _| Ok("".into())),
    function("pg_advisory_unlock", &[L], B, |_, _| Ok(true.into())),
    function("pg_try_advisory_lock", &[L], B, |_, _| Ok(true.into())),
    function("pg_notify", &[T, T], Type::VOID, |_, _| Ok("".into())),
    function("gen_random_uuid", &[], Type::UUID, |cx, _| Ok(uuid(cx).into())),
    function("nextval", &[Type::REGCLASS], L, |cx, a| next_of(cx, oid_of(a, 0))),
    function("currval", &[Type::REGCLASS], L, |cx, a| {
        let drawn = cx.state.drawn.borrow().get(&oid_of(a, 0)).copied();
        drawn.map(Value::Int).ok_or_else(|| {
            let name = catalog::names::relation_name(cx, oid_of(a, 0));
            Error::new(
                "55000",
                format!("currval of sequence \"{name}\" is not yet defined in this session"),
            )
            .raised("sequence.c", 850, "currval_oid")
        })
    }),
    function("lastval", &[], L, |cx, _| {
        let drawn = cx.state.drawn.borrow().values().next_back().copied();
        drawn.map(Value::Int).ok_or_else(|| {
            Error::new("55000", "lastval is not yet defined in this session").raised("sequence.c", 880, "lastval")
        })
    }),
    function("setval", &[Type::REGCLASS, L], L, |cx, a| set_sequence(cx, a, true)),
    function("setval", &[Type::REGCLASS, L, B], L, |cx, a| {
        set_sequence(cx, a, a[2].is_true())
    }),
    function("pg_typeof", &[ANY], Type::REGTYPE, |_, a| {
        let ty = match &a[0] {
            Value::Bool(_) => Type::BOOL,
            Value::Int(n) if i32::try_from(*n).is_ok() => Type::INT4,
            Value::Int(_) => Type::INT8,
            Value::Float(_) => Type::FLOAT8,
            Value::Num(_) => Type::NUMERIC,
            Value::Stamp(_) => Type::TIMESTAMPTZ,
            Value::Date(_) => Type::DATE,
            _ => Type::TEXT,
        };
        Ok(ty.0.into())
    }),
    function("pg_column_size", &[ANY], I, |_, a| Ok(a[0].weight().into())),
    function("pg_stat_get_numscans", &[Type::OID], L, |_, _| Ok(Value::Int(0))),
    function("pg_blocking_pids", &[I], Type::INT4_ARRAY, |_, _| {
        Ok(Value::Array([].into()))
    }),
    function("pg_export_snapshot", &[], T, |_, _| Ok("00000003-0000001B-1".into())),
];

fn database_name(cx: &Cx<'_>) -> String {
    cx.with_database(|database| database.name.clone()).unwrap_or_default()
}

fn user_name(cx: &Cx<'_>) -> String {
    let cluster = cx.cluster.borrow();
    cluster.role_name(cx.state.user.get()).unwrap_or("").to_owned()
}

fn schemas(cx: &Cx<'_>, own: bool) -> Vec<Value> {
    let path = cx.search_path();
    let skip = usize::from(!own);
    let named = path.into_iter().skip(skip).map(|oid| {
        cx.with_database(|database| database.schema_name(oid).unwrap_or("").to_owned())
            .unwrap_or_default()
            .into()
    });
    named.collect()
}

fn address(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

fn setting(cx: &Cx<'_>, name: &str, missing: bool) -> Result<Value, Error> {
    match cx.setting(name) {
        Some(value) => Ok(value.into()),
        None if missing => Ok(Value::Null),
        None => Err(catalog::settings::unknown(name)),
    }
}

fn uuid(cx: &Cx<'_>) -> String {
    let (high, low) = (cx.host.random(), cx.host.random());
    let high = high & !0xf000 | 0x4000;
    let low = low & !(3 << 62) | 1 << 63;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

pub(super) fn next_of(cx: &Cx<'_>, oid: u32) -> Result<Value, Error> {
    let mut cluster = cx.cluster.borrow_mut();
    let database = cluster.by_oid_mut(cx.state.database);
    let Some(sequence) = database.and_then(|database| database.sequence_mut(oid)) else {
        drop(cluster);
        let name = catalog::names::relation_name(cx, oid);
        return Err(Error::new("42809", format!("\"{name}\" is not a sequence")).raised(
            "sequence.c",
            1164,
            "init_sequence",
        ));
    };
    match sequence.next() {
        Some(next) => {
            cx.state.drawn.borrow_mut().insert(oid, next);
            if cx.state.inserted.get() == 0 {
                cx.state.inserted.set(next);
            }
            Ok(Value::Int(next))
        }
        None => {
            let most = sequence.most();
            drop(cluster);
            let name = catalog::names::relation_name(cx, oid);
            let message = format!("nextval: reached maximum value of sequence \"{name}\" ({most})");
            Err(Error::new("2200H", message).raised("sequence.c", 723, "nextval_internal"))
        }
    }
}

fn set_sequence(cx: &Cx<'_>, args: &[Value], called: bool) -> Result<Value, Error> {
    let mut cluster = cx.cluster.borrow_mut();
    let database = cluster.by_oid_mut(cx.state.database);
    if let Some(sequence) = database.and_then(|database| database.sequence_mut(oid_of(args, 0))) {
        (sequence.last, sequence.called) = (int_of(args, 1), called);
    }
    Ok(args[1].clone())
}
