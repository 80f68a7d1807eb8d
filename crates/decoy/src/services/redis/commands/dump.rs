//! DUMP and RESTORE.

use super::call::Call;
use crate::services::redis::number;
use crate::services::redis::rdb;
use crate::services::redis::rdb_read::{self, ReadError};
use crate::services::redis::reply::{Answer, Fault, OK, Reply};

pub(super) fn dump(call: &mut Call<'_>) -> Answer {
    let compress = call.server.config.flag("rdbcompression");
    let item = call.look(call.arg(1));
    Ok(item.map_or(Reply::Null, |item| Reply::Bulk(rdb::dump(&item.value, compress))))
}

pub(super) fn restore(call: &mut Call<'_>) -> Answer {
    let (mut replace, mut absolute, mut at) = (false, false, 4);
    while at < call.count() {
        let more = call.count() - at - 1;
        match call.word(at).as_slice() {
            b"replace" => replace = true,
            b"absttl" => absolute = true,
            b"idletime" if more >= 1 => {
                if call.int(at + 1)? < 0 {
                    return Err(Fault::err("Invalid IDLETIME value, must be >= 0"));
                }
                at += 1;
            }
            b"freq" if more >= 1 => {
                if !(0..=255).contains(&call.int(at + 1)?) {
                    return Err(Fault::err("Invalid FREQ value, must be >= 0 and <= 255"));
                }
                at += 1;
            }
            _ => return Err(Fault::syntax()),
        }
        at += 1;
    }
    let key = call.arg(1);
    if call.exists(key) && !replace {
        return Err(Fault::coded("BUSYKEY Target key name already exists."));
    }
    let ttl = number::integer(call.arg(2)).ok_or_else(Fault::not_an_integer)?;
    if ttl < 0 {
        return Err(Fault::err("Invalid TTL value, must be >= 0"));
    }
    let (hash, zset, set, seed) = (call.small("hash"), call.small("zset"), call.small_set(), call.random());
    let value = rdb_read::restore(call.arg(3), hash, zset, set, seed).map_err(|error| match error {
        ReadError::Footer => Fault::err("DUMP payload version or checksum are wrong"),
        ReadError::Content => Fault::err("Bad data format"),
    })?;
    let now = call.now_ms();
    let expires = (ttl > 0).then(|| if absolute { ttl } else { ttl.saturating_add(now) });
    if expires.is_some_and(|at| at < now) {
        call.delete(key, "del");
        return Ok(OK);
    }
    call.db().put(key, value, expires, now);
    call.changed('g', "restore", key);
    Ok(OK)
}
