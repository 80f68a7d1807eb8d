//! Keys whatever they hold: existence, expiry, names, databases.

use super::call::Call;
use crate::services::redis::glob;
use crate::services::redis::reply::{Answer, Bytes, Fault, OK, Reply};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Millis,
}

pub(super) fn del(call: &mut Call<'_>) -> Answer {
    let gone = call.args[1..].iter().filter(|key| call.delete(key, "del")).count();
    Ok(Reply::int(gone))
}

pub(super) fn exists(call: &mut Call<'_>) -> Answer {
    Ok(Reply::int(
        call.args[1..].iter().filter(|key| call.look(key).is_some()).count(),
    ))
}

pub(super) fn expire(call: &mut Call<'_>) -> Answer {
    expire_at(call, Unit::Seconds, false)
}

pub(super) fn pexpire(call: &mut Call<'_>) -> Answer {
    expire_at(call, Unit::Millis, false)
}

pub(super) fn expireat(call: &mut Call<'_>) -> Answer {
    expire_at(call, Unit::Seconds, true)
}

pub(super) fn pexpireat(call: &mut Call<'_>) -> Answer {
    expire_at(call, Unit::Millis, true)
}

pub(super) fn ttl(call: &mut Call<'_>) -> Answer {
    time_left(call, |at, now| ((at - now).max(0) + 500) / 1000)
}

pub(super) fn pttl(call: &mut Call<'_>) -> Answer {
    time_left(call, |at, now| (at - now).max(0))
}

pub(super) fn expiretime(call: &mut Call<'_>) -> Answer {
    time_left(call, |at, _| (at + 500) / 1000)
}

pub(super) fn pexpiretime(call: &mut Call<'_>) -> Answer {
    time_left(call, |at, _| at)
}

pub(super) fn persist(call: &mut Call<'_>) -> Answer {
    let key = call.arg(1);
    if call.peek(key).is_none_or(|item| item.expires.is_none()) {
        return Ok(Reply::Int(0));
    }
    call.db().expire(key, None);
    call.changed('g', "persist", key);
    Ok(Reply::Int(1))
}

pub(super) fn kind(call: &mut Call<'_>) -> Answer {
    let key = call.arg(1);
    Ok(Reply::Status(
        call.peek(key).map_or("none", |item| item.value.type_name()),
    ))
}

pub(super) fn touch(call: &mut Call<'_>) -> Answer {
    exists(call)
}

pub(super) fn rename(call: &mut Call<'_>) -> Answer {
    move_name(call, true).map(|_| OK)
}

pub(super) fn renamenx(call: &mut Call<'_>) -> Answer {
    move_name(call, false)
}

pub(super) fn copy(call: &mut Call<'_>) -> Answer {
    let (from, to) = (call.arg(1), call.arg(2));
    let (mut db, mut replace) = (call.db_at(), false);
    let mut at = 3;
    while at < call.count() {
        match call.word(at).as_slice() {
            b"replace" => replace = true,
            b"db" if at + 1 < call.count() => {
                let wanted = call.int(at + 1)?;
                let there = usize::try_from(wanted).ok().filter(|db| *db < call.server.dbs.len());
                db = there.ok_or_else(|| Fault::err("DB index is out of range"))?;
                at += 1;
            }
            _ => return Err(Fault::syntax()),
        }
        at += 1;
    }
    if db == call.db_at() && from == to {
        return Err(Fault::err("source and destination objects are the same"));
    }
    let Some((value, expires)) = call.look(from).map(|item| (item.value.clone(), item.expires)) else {
        return Ok(Reply::Int(0));
    };
    call.server.drop_expired(db, to);
    if call.server.dbs[db].get(to).is_some() && !replace {
        return Ok(Reply::Int(0));
    }
    let now = call.now_ms();
    call.server.dbs[db].put(to, value, expires, now);
    call.server.touch(db, to, Some(call.id));
    call.server.notify('g', "copy_to", db, to);
    call.server.filled.push_back((db, to.to_vec()));
    call.server.saves.dirty += 1;
    Ok(Reply::Int(1))
}

pub(super) fn move_key(call: &mut Call<'_>) -> Answer {
    let key = call.arg(1);
    let wanted = call
        .int(2)
        .map_err(|_| Fault::err("value is not an integer or out of range"))?;
    let there = usize::try_from(wanted).ok().filter(|db| *db < call.server.dbs.len());
    let db = there.ok_or_else(|| Fault::err("DB index is out of range"))?;
    if db == call.db_at() {
        return Err(Fault::err("source and destination objects are the same"));
    }
    call.server.drop_expired(db, key);
    if !call.exists(key) || call.server.dbs[db].get(key).is_some() {
        return Ok(Reply::Int(0));
    }
    let Some(item) = call.db().remove(key) else {
        return Ok(Reply::Int(0));
    };
    let now = call.now_ms();
    call.server.dbs[db].put(key, item.value, item.expires, now);
    call.server.filled.push_back((db, key.to_vec()));
    call.server.touch(db, key, Some(call.id));
    call.changed('g', "move_from", key);
    call.server.notify('g', "move_to", db, key);
    Ok(Reply::Int(1))
}

pub(super) fn randomkey(call: &mut Call<'_>) -> Answer {
    let db = call.db_at();
    loop {
        let mut random = call.random_source();
        let Some(key) = call.server.dbs[db].pick(&mut random).map(|(key, _)| key.clone()) else {
            return Ok(Reply::Null);
        };
        if call.exists(&key) {
            return Ok(Reply::Bulk(key));
        }
    }
}

pub(super) fn dbsize(call: &mut Call<'_>) -> Answer {
    Ok(Reply::int(call.db().len()))
}

pub(super) fn keys(call: &mut Call<'_>) -> Answer {
    let (pattern, now) = (call.arg(1), call.now_ms());
    let there = call
        .db()
        .iter()
        .filter(|(key, item)| glob::matches(pattern, key) && !item.is_over(now));
    Ok(Reply::Array(there.map(|(key, _)| Reply::bulk(key)).collect()))
}

pub(super) fn select(call: &mut Call<'_>) -> Answer {
    let wanted = call
        .int(1)
        .map_err(|_| Fault::err("value is not an integer or out of range"))?;
    let db = usize::try_from(wanted).ok().filter(|db| *db < call.server.dbs.len());
    call.client()?.db = db.ok_or_else(|| Fault::err("DB index is out of range"))?;
    Ok(OK)
}

pub(super) fn swapdb(call: &mut Call<'_>) -> Answer {
    let first = call.int(1).map_err(|_| Fault::err("invalid first DB index"))?;
    let second = call.int(2).map_err(|_| Fault::err("invalid second DB index"))?;
    let place = |n: i64| usize::try_from(n).ok().filter(|n| *n < call.server.dbs.len());
    let (Some(a), Some(b)) = (place(first), place(second)) else {
        return Err(Fault::err("DB index is out of range"));
    };
    call.server.dbs.swap(a, b);
    for db in [a, b] {
        call.server.touch_all(db);
        let keys: Vec<Bytes> = call.server.dbs[db].iter().map(|(key, _)| key.clone()).collect();
        call.server.filled.extend(keys.into_iter().map(|key| (db, key)));
    }
    call.server.saves.dirty += 1;
    Ok(OK)
}

pub(super) fn flushdb(call: &mut Call<'_>) -> Answer {
    let db = call.db_at();
    flush(call, db..db + 1)
}

pub(super) fn flushall(call: &mut Call<'_>) -> Answer {
    let all = 0..call.server.dbs.len();
    flush(call, all)
}

/// When a key with that argument expires, in milliseconds since the epoch.
pub(super) fn deadline(call: &Call<'_>, at: usize, unit: Unit, absolute: bool) -> Result<i64, Fault> {
    let given = call.int(at)?;
    let name = String::from_utf8_lossy(&call.word(0)).into_owned();
    let invalid = || Fault::err(format!("invalid expire time in '{name}' command"));
    if given <= 0 {
        return Err(invalid());
    }
    let ms = if unit == Unit::Seconds {
        given.checked_mul(1000).ok_or_else(invalid)?
    } else {
        given
    };
    if absolute {
        Ok(ms)
    } else {
        ms.checked_add(call.now_ms()).ok_or_else(invalid)
    }
}

fn flush(call: &mut Call<'_>, dbs: std::ops::Range<usize>) -> Answer {
    match (call.count(), call.word(1).as_slice()) {
        (1, _) | (2, b"sync" | b"async") => {}
        _ => return Err(Fault::syntax()),
    }
    for db in dbs {
        call.server.saves.dirty += call.server.dbs[db].len() as u64;
        call.server.touch_all(db);
        call.server.dbs[db].clear();
    }
    Ok(OK)
}

fn expire_at(call: &mut Call<'_>, unit: Unit, absolute: bool) -> Answer {
    let (mut nx, mut xx, mut gt, mut lt) = (false, false, false, false);
    let given = call.int(2);
    for at in 3..call.count() {
        match call.word(at).as_slice() {
            b"nx" => nx = true,
            b"xx" => xx = true,
            b"gt" => gt = true,
            b"lt" => lt = true,
            _ => return Err(Fault::err([b"Unsupported option ", call.arg(at)].concat())),
        }
    }
    if nx && (xx || gt || lt) {
        return Err(Fault::err(
            "NX and XX, GT or LT options at the same time are not compatible",
        ));
    }
    if gt && lt {
        return Err(Fault::err("GT and LT options at the same time are not compatible"));
    }
    let name = String::from_utf8_lossy(&call.word(0)).into_owned();
    let invalid = || Fault::err(format!("invalid expire time in '{name}' command"));
    let given = given?;
    let ms = if unit == Unit::Seconds {
        given.checked_mul(1000).ok_or_else(invalid)?
    } else {
        given
    };
    let when = if absolute {
        ms
    } else {
        ms.checked_add(call.now_ms()).ok_or_else(invalid)?
    };
    let key = call.arg(1);
    let Some(current) = call.peek(key).map(|item| item.expires) else {
        return Ok(Reply::Int(0));
    };
    let refused = (nx && current.is_some())
        || (xx && current.is_none())
        || (gt && current.is_none_or(|current| when <= current))
        || (lt && current.is_some_and(|current| when >= current));
    if refused {
        return Ok(Reply::Int(0));
    }
    if when <= call.now_ms() {
        call.delete(key, "del");
    } else {
        call.db().expire(key, Some(when));
        call.changed('g', "expire", key);
    }
    Ok(Reply::Int(1))
}

fn time_left(call: &mut Call<'_>, shown: fn(i64, i64) -> i64) -> Answer {
    let (key, now) = (call.arg(1), call.now_ms());
    Ok(Reply::Int(match call.peek(key) {
        None => -2,
        Some(item) => item.expires.map_or(-1, |at| shown(at, now)),
    }))
}

/// How many names moved, 0 or 1; the new name's old value goes only with `over`.
fn move_name(call: &mut Call<'_>, over: bool) -> Answer {
    let (from, to) = (call.arg(1), call.arg(2));
    if !call.exists(from) {
        return Err(Fault::err("no such key"));
    }
    if from == to {
        return Ok(Reply::Int(i64::from(over)));
    }
    if call.exists(to) && !over {
        return Ok(Reply::Int(0));
    }
    let Some(item) = call.db().remove(from) else {
        return Ok(Reply::Int(0));
    };
    let now = call.now_ms();
    call.db().put(to, item.value, item.expires, now);
    call.changed('g', "rename_from", from);
    call.changed('g', "rename_to", to);
    Ok(Reply::Int(1))
}
