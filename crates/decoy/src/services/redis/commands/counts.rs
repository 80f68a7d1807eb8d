//! Distinct elements counted in little room: PFADD and its kin.

use super::call::Call;
use crate::services::redis::hyperloglog::{Broken, HyperLogLog};
use crate::services::redis::reply::{Answer, Bytes, Fault, OK, Reply};
use crate::services::redis::value::{Text, Value};

pub(super) fn pfadd(call: &mut Call<'_>) -> Answer {
    let key = call.arg(1);
    let held = held(call, key)?;
    let mut grown = held.is_none();
    let mut counter = held.unwrap_or_else(HyperLogLog::new);
    for element in &call.args[2..] {
        grown |= counter.add(element);
    }
    if grown {
        counter.forget();
        put(call, key, &counter)?;
        call.changed('$', "pfadd", key);
    }
    Ok(Reply::Int(grown.into()))
}

pub(super) fn pfcount(call: &mut Call<'_>) -> Answer {
    let key = call.arg(1);
    if call.count() > 2 {
        let keys = call.args[1..].to_vec();
        return Ok(Reply::Int(merged(call, &keys)?.count() as i64));
    }
    let Some(mut counter) = held(call, key)? else {
        return Ok(Reply::Int(0));
    };
    if let Some(count) = counter.cached() {
        return Ok(Reply::Int(count as i64));
    }
    let count = counter.count();
    put(call, key, &counter)?;
    call.server.saves.dirty += 1;
    Ok(Reply::Int(count as i64))
}

pub(super) fn pfmerge(call: &mut Call<'_>) -> Answer {
    let keys = call.args[1..].to_vec();
    let mut counter = merged(call, &keys)?;
    counter.forget();
    let to = call.arg(1);
    put(call, to, &counter)?;
    call.changed('$', "pfadd", to);
    Ok(OK)
}

pub(super) fn pfdebug(call: &mut Call<'_>) -> Answer {
    let key = call.arg(2);
    let Some(mut counter) = held(call, key)? else {
        return Err(Fault::err("The specified key does not exist"));
    };
    match call.word(1).as_slice() {
        b"getreg" => {
            counter.make_dense();
            put(call, key, &counter)?;
            let registers = counter.registers().iter();
            Ok(Reply::Array(registers.map(|rank| Reply::Int((*rank).into())).collect()))
        }
        b"decode" if counter.is_dense() => Err(Fault::err("HLL encoding is not sparse")),
        b"decode" => Ok(Reply::bulk(counter.runs())),
        b"encoding" => Ok(Reply::Status(if counter.is_dense() { "dense" } else { "sparse" })),
        b"todense" => {
            let converted = !counter.is_dense();
            counter.make_dense();
            put(call, key, &counter)?;
            Ok(Reply::Int(converted.into()))
        }
        _ => Err(Fault::err(
            [b"Unknown PFDEBUG subcommand '", call.arg(1), b"'"].concat(),
        )),
    }
}

pub(super) fn pfselftest(_: &mut Call<'_>) -> Answer {
    Ok(OK)
}

fn merged(call: &mut Call<'_>, keys: &[Bytes]) -> Result<HyperLogLog, Fault> {
    let mut all = HyperLogLog::new();
    for key in keys {
        if let Some(counter) = held(call, key)? {
            all.merge(&counter);
        }
    }
    Ok(all)
}

fn held(call: &mut Call<'_>, key: &[u8]) -> Result<Option<HyperLogLog>, Fault> {
    let Some(text) = call.read::<Text>(key)? else {
        return Ok(None);
    };
    HyperLogLog::read(&text.bytes).map(Some).map_err(|broken| {
        Fault::coded(match broken {
            Broken::Other => "WRONGTYPE Key is not a valid HyperLogLog string value.",
            Broken::Corrupt => "INVALIDOBJ Corrupted HLL object detected",
        })
    })
}

/// In place, so that a time to live stays.
fn put(call: &mut Call<'_>, key: &[u8], counter: &HyperLogLog) -> Result<(), Fault> {
    let text = call.edit_or::<Text>(key, |_| Value::text(""))?;
    *text = Text {
        bytes: counter.write(),
        grown: true,
    };
    let db = call.db_at();
    call.server.dbs[db].weigh(key);
    Ok(())
}
