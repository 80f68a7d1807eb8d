//! The connection itself: who speaks, how, and in a transaction or not.

use super::call::Call;
use crate::services::redis::client::{Closing, Mute, Transaction};
use crate::services::redis::record::Record;
use crate::services::redis::reply::{Answer, Bytes, Fault, OK, Reply};

/// Keys one client may watch.
const WATCHED_MAX: usize = 10_000;

pub(super) fn ping(call: &mut Call<'_>) -> Answer {
    if call.count() > 2 {
        return Err(Fault::err("wrong number of arguments for 'ping' command"));
    }
    let client = call.client()?;
    if client.resp == 2 && client.is_subscriber() {
        return Ok(Reply::Array(Reply::bulks([b"pong", call.arg(1)])));
    }
    Ok(call.args.get(1).map_or(Reply::Status("PONG"), Reply::bulk))
}

pub(super) fn echo(call: &mut Call<'_>) -> Answer {
    Ok(Reply::bulk(call.arg(1)))
}

pub(super) fn quit(call: &mut Call<'_>) -> Answer {
    call.client()?.closing = Closing::AfterReply;
    Ok(OK)
}

pub(super) fn reset(call: &mut Call<'_>) -> Answer {
    let id = call.id;
    call.server.unsubscribe_all(id);
    let user = call.server.acl.is_open().then(|| b"default".to_vec());
    let client = call.client()?;
    client.transaction = None;
    client.watched.clear();
    client.stale = false;
    client.monitor = false;
    client.tracking = None;
    client.mute = Mute::No;
    client.no_evict = false;
    client.name.clear();
    (client.db, client.resp, client.user) = (0, 2, user);
    Ok(Reply::Status("RESET"))
}

pub(super) fn auth(call: &mut Call<'_>) -> Answer {
    match call.count() {
        2 if call.server.acl.user(b"default").is_some_and(|user| user.nopass) => {
            let secret = call.arg(1).to_vec();
            call.server.record(
                call.id,
                Record::Login {
                    user: None,
                    secret,
                    accepted: false,
                },
            );
            Err(Fault::err(
                "AUTH <password> called without any password configured for the default user. \
                 Are you sure your configuration is correct?",
            ))
        }
        2 => log_in(call, None, call.arg(1)).map(|()| OK),
        3 => log_in(call, Some(call.arg(1)), call.arg(2)).map(|()| OK),
        _ => Err(Fault::syntax()),
    }
}

pub(super) fn hello(call: &mut Call<'_>) -> Answer {
    let mut resp = None;
    let mut at = 1;
    if call.count() > 1 {
        let not_a_number = || Fault::err("Protocol version is not an integer or out of range");
        let wanted = call.int(1).map_err(|_| not_a_number())?;
        if !(2..=3).contains(&wanted) {
            return Err(Fault::coded("NOPROTO unsupported protocol version"));
        }
        resp = Some(wanted as u8);
        at = 2;
    }
    let (mut login, mut name) = (None, None);
    while at < call.count() {
        match call.word(at).as_slice() {
            b"auth" if at + 2 < call.count() => {
                login = Some((call.arg(at + 1), call.arg(at + 2)));
                at += 2;
            }
            b"setname" if at + 1 < call.count() => {
                name = Some(check_name(call.arg(at + 1))?);
                at += 1;
            }
            _ => {
                return Err(Fault::err(
                    [b"Syntax error in HELLO option '", call.arg(at), b"'"].concat(),
                ));
            }
        }
        at += 1;
    }
    if let Some((user, password)) = login {
        log_in(call, Some(user), password)?;
    }
    if call.server.is_stranger(call.id) {
        return Err(Fault::coded(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH \
             <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the \
             same time",
        ));
    }
    let version = call.server.persona.version.clone();
    let role = if call.server.master.is_some() {
        "replica"
    } else {
        "master"
    };
    let client = call.client()?;
    client.resp = resp.unwrap_or(client.resp);
    if let Some(name) = name {
        client.name = name;
    }
    Ok(Reply::Map(vec![
        Reply::bulk("server"),
        Reply::bulk("redis"),
        Reply::bulk("version"),
        Reply::bulk(version),
        Reply::bulk("proto"),
        Reply::Int(client.resp.into()),
        Reply::bulk("id"),
        Reply::Int(client.id as i64),
        Reply::bulk("mode"),
        Reply::bulk("standalone"),
        Reply::bulk("role"),
        Reply::bulk(role),
        Reply::bulk("modules"),
        Reply::Array(Vec::new()),
    ]))
}

pub(super) fn multi(call: &mut Call<'_>) -> Answer {
    let client = call.client()?;
    if client.transaction.is_some() {
        return Err(Fault::err("MULTI calls can not be nested"));
    }
    client.transaction = Some(Transaction::begin());
    Ok(OK)
}

pub(super) fn exec(call: &mut Call<'_>) -> Answer {
    call.server.run_transaction(call.id)
}

pub(super) fn discard(call: &mut Call<'_>) -> Answer {
    let client = call.client()?;
    client
        .transaction
        .take()
        .ok_or_else(|| Fault::err("DISCARD without MULTI"))?;
    client.watched.clear();
    client.stale = false;
    Ok(OK)
}

pub(super) fn watch(call: &mut Call<'_>) -> Answer {
    let keys = &call.args[1..];
    let db = call.db_at();
    keys.iter().for_each(|key| call.server.drop_expired(db, key));
    let client = call.client()?;
    if client.transaction.is_some() {
        return Err(Fault::err("WATCH inside MULTI is not allowed"));
    }
    for key in keys {
        let watched = (db, key.clone());
        if client.watched.len() < WATCHED_MAX && !client.watched.contains(&watched) {
            client.watched.push(watched);
        }
    }
    Ok(OK)
}

pub(super) fn unwatch(call: &mut Call<'_>) -> Answer {
    let client = call.client()?;
    client.watched.clear();
    client.stale = false;
    Ok(OK)
}

/// A name that can stand in CLIENT LIST.
pub(super) fn check_name(name: &[u8]) -> Result<Bytes, Fault> {
    if name.iter().any(|b| !(b'!'..=b'~').contains(b)) {
        return Err(Fault::err(
            "Client names cannot contain spaces, newlines or special characters.",
        ));
    }
    Ok(name.to_vec())
}

fn log_in(call: &mut Call<'_>, user: Option<&[u8]>, password: &[u8]) -> Result<(), Fault> {
    let name = user.unwrap_or(b"default");
    let accepted = call.server.acl.accepts(name, password);
    let record = Record::Login {
        user: user.map(<[u8]>::to_vec),
        secret: password.to_vec(),
        accepted,
    };
    call.server.record(call.id, record);
    if !accepted {
        return Err(Fault::coded(
            "WRONGPASS invalid username-password pair or user is disabled.",
        ));
    }
    call.client()?.user = Some(name.to_vec());
    Ok(())
}
