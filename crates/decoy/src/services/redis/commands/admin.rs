//! The server itself: what it tells, saving, replication, modules.

use super::call::Call;
use crate::services::redis::client::Closing;
use crate::services::redis::number;
use crate::services::redis::record::Record;
use crate::services::redis::reply::{Answer, Fault, OK, Reply};
use crate::services::redis::server::Master;

pub(super) fn info(call: &mut Call<'_>) -> Answer {
    let wanted: Vec<String> = call.args[1..]
        .iter()
        .map(|section| String::from_utf8_lossy(section).to_ascii_lowercase())
        .collect();
    Ok(Reply::Text(call.server.info(&wanted).into()))
}

pub(super) fn time(call: &mut Call<'_>) -> Answer {
    let now = call.server.now;
    Ok(Reply::Array(Reply::bulks([
        (now / 1_000_000).to_string(),
        (now % 1_000_000).to_string(),
    ])))
}

pub(super) fn lolwut(call: &mut Call<'_>) -> Answer {
    if call.count() >= 3 && call.is(1, "version") {
        call.int(2)?;
    }
    Ok(Reply::Text(
        format!("Redis ver. {}\n", call.server.persona.version).into(),
    ))
}

pub(super) fn role(call: &mut Call<'_>) -> Answer {
    Ok(Reply::Array(match &call.server.master {
        None => vec![Reply::bulk("master"), Reply::Int(0), Reply::Array(Vec::new())],
        Some(master) => vec![
            Reply::bulk("slave"),
            Reply::bulk(&master.host),
            Reply::Int(master.port.into()),
            Reply::bulk("connect"),
            Reply::Int(-1),
        ],
    }))
}

pub(super) fn replicaof(call: &mut Call<'_>) -> Answer {
    if call.is(1, "no") && call.is(2, "one") {
        call.server.master = None;
        return Ok(OK);
    }
    let port = number::integer(call.arg(2)).and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| Fault::err("Invalid master port"))?;
    let host = call.arg(1).to_vec();
    if call
        .server
        .master
        .as_ref()
        .is_some_and(|master| master.host == host && master.port == port)
    {
        return Ok(Reply::Status("OK Already connected to specified master"));
    }
    call.server.record(
        call.id,
        Record::ReplicaOf {
            host: host.clone(),
            port,
        },
    );
    let since = call.server.now;
    call.server.master = Some(Master { host, port, since });
    Ok(OK)
}

pub(super) fn wait(call: &mut Call<'_>) -> Answer {
    if call.server.master.is_some() {
        return Err(Fault::err(
            "WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a \
             replica is configured to be writable (which is not the default) writes to replicas are just local and are \
             not propagated.",
        ));
    }
    let wanted = call.int(1)?;
    let ms = number::integer(call.arg(2)).ok_or_else(|| Fault::err("timeout is not an integer or out of range"))?;
    if ms < 0 {
        return Err(Fault::err("timeout is negative"));
    }
    if wanted <= 0 {
        return Ok(Reply::Int(0));
    }
    let until = (ms > 0).then(|| call.now_ms().saturating_add(ms));
    call.wait(Vec::new(), until, call.args.to_vec(), Reply::Int(0))
}

pub(super) fn monitor(call: &mut Call<'_>) -> Answer {
    call.client()?.monitor = true;
    Ok(OK)
}

pub(super) fn slowlog(call: &mut Call<'_>) -> Answer {
    match (call.word(1).as_slice(), call.count()) {
        (b"help", 2) => call.help(),
        (b"reset", 2) => {
            call.server.slowlog.clear();
            Ok(OK)
        }
        (b"len", 2) => Ok(Reply::int(call.server.slowlog.len())),
        (b"get", 2 | 3) => {
            let count = if call.count() == 3 { call.int(2)? } else { 10 };
            if count < -1 {
                return Err(Fault::err("count should be greater than or equal to -1"));
            }
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            Ok(Reply::Array(call.server.slowlog.newest(count)))
        }
        _ => call.bad_subcommand(),
    }
}

pub(super) fn latency(call: &mut Call<'_>) -> Answer {
    match (call.word(1).as_slice(), call.count()) {
        (b"help", 2) => call.help(),
        (b"history", 3) | (b"latest", 2) => Ok(Reply::Array(Vec::new())),
        (b"graph", 3) => {
            Err(Fault::err([b"No samples available for event '", call.arg(2), b"'"].concat()))
        }
        (b"reset", _) => Ok(Reply::Int(0)),
        (b"histogram", _) => Ok(Reply::Map(Vec::new())),
        (b"doctor", 2) if call.server.config.number("latency-monitor-threshold") > 0 => Ok(Reply::Text(
            "Dave, no latency spike was observed during the lifetime of this Redis instance, not in the slightest bit. \
             I honestly think you ought to sit down calmly, take a stress pill, and think things over.\n"
                .into(),
        )),
        (b"doctor", 2) => Ok(Reply::Text(
            "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You may use \
             \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it. If we weren't in a deep \
             space mission I'd suggest to take a look at https://redis.io/topics/latency-monitor.\n"
                .into(),
        )),
        _ => call.bad_subcommand(),
    }
}

pub(super) fn memory(call: &mut Call<'_>) -> Answer {
    match (call.word(1).as_slice(), call.count()) {
        (b"help", 2) => call.help(),
        (b"usage", 3..) => {
            let mut at = 3;
            while at < call.count() {
                if !call.is(at, "samples") || at + 1 >= call.count() {
                    return Err(Fault::syntax());
                }
                if call.int(at + 1)? < 0 {
                    return Err(Fault::syntax());
                }
                at += 2;
            }
            let weight = call.peek(call.arg(2)).map(|item| item.weight());
            Ok(weight.map_or(Reply::Null, |weight| Reply::int(weight.next_multiple_of(8))))
        }
        (b"doctor", 2) if call.server.weight() < 5 << 20 => Ok(Reply::Text(
            "Hi Sam, this instance is empty or is using very little memory, my issues detector can't be used in these \
             conditions. Please, leave for your mission on Earth and fill it with some data. The new Sam and I will be \
             back to our programming as soon as I finished rebooting.\n"
                .into(),
        )),
        (b"doctor", 2) => Ok(Reply::Text(
            "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n"
                .into(),
        )),
        (b"malloc-stats", 2) => Ok(Reply::Text(call.server.malloc_stats().into())),
        (b"purge", 2) => Ok(OK),
        (b"stats", 2) => Ok(call.server.memory_stats()),
        _ => call.bad_subcommand(),
    }
}

pub(super) fn module(call: &mut Call<'_>) -> Answer {
    match (call.word(1).as_slice(), call.count()) {
        (b"help", 2) => call.help(),
        (b"list", 2) => Ok(Reply::Array(Vec::new())),
        (b"load" | b"loadex", 3..) => {
            let (path, args) = (call.arg(2).to_vec(), call.args[3..].to_vec());
            call.server.record(call.id, Record::Module { path, args });
            Err(Fault::err("Error loading the extension. Please check the server logs."))
        }
        (b"unload", 3) => Err(Fault::err("Error unloading module: no such module with that name")),
        _ => call.bad_subcommand(),
    }
}

pub(super) fn save(call: &mut Call<'_>) -> Answer {
    if call.server.saves.background.is_some() {
        return Err(Fault::err("Background save already in progress"));
    }
    if call.server.write_snapshot(call.id) {
        Ok(OK)
    } else {
        Err(Fault(b"ERR".to_vec()))
    }
}

pub(super) fn bgsave(call: &mut Call<'_>) -> Answer {
    match (call.count(), call.word(1).as_slice()) {
        (1, _) | (2, b"schedule") => {}
        _ => return Err(Fault::syntax()),
    }
    if call.server.saves.background.is_some() {
        return Err(Fault::err("Background save already in progress"));
    }
    call.server.begin_background_save(call.id);
    Ok(Reply::Status("Background saving started"))
}

pub(super) fn bgrewriteaof(call: &mut Call<'_>) -> Answer {
    call.server.saves.forks += 1;
    Ok(Reply::Status("Background append only file rewriting started"))
}

pub(super) fn lastsave(call: &mut Call<'_>) -> Answer {
    Ok(Reply::Int(call.server.saves.last))
}

/// The product would end, and systemd start it again: all clients lose it, the data stay.
pub(super) fn shutdown(call: &mut Call<'_>) -> Answer {
    let (mut nosave, mut save, mut abort, mut at) = (false, false, false, 1);
    while at < call.count() {
        match call.word(at).as_slice() {
            b"nosave" => nosave = true,
            b"save" => save = true,
            b"now" | b"force" => {}
            b"abort" => abort = true,
            _ => return Err(Fault::syntax()),
        }
        at += 1;
    }
    if (abort && call.count() > 2) || (nosave && save) {
        return Err(Fault::syntax());
    }
    if abort {
        return Err(Fault::err("No shutdown in progress."));
    }
    if save || (!nosave && !call.server.config.get("save").is_empty()) {
        let saved = call.server.write_snapshot(call.id);
        if !saved {
            return Err(Fault::err("Errors trying to SHUTDOWN. Check logs."));
        }
    }
    for client in call.server.clients.values_mut() {
        client.closing = Closing::Now;
    }
    Ok(Reply::Silent)
}

/// A replica that asks for the data. We are no source for anyone: the link ends as it does on a broken transfer.
pub(super) fn sync(call: &mut Call<'_>) -> Answer {
    if call.server.master.is_some() {
        return Err(Fault::coded(
            "NOMASTERLINK Can't SYNC while not connected with my master",
        ));
    }
    call.client()?.closing = Closing::Now;
    Ok(Reply::Silent)
}

pub(super) fn replconf(call: &mut Call<'_>) -> Answer {
    if call.count().is_multiple_of(2) {
        return Err(Fault::syntax());
    }
    for at in (1..call.count()).step_by(2) {
        match call.word(at).as_slice() {
            b"listening-port" => drop(call.int(at + 1)?),
            b"ip-address" | b"capa" | b"rdb-only" | b"rdb-filter-only" => {}
            b"ack" | b"getack" => return Ok(Reply::Silent),
            _ => return Err(Fault::err([b"Unrecognized REPLCONF option: ", call.arg(at)].concat())),
        }
    }
    Ok(OK)
}

pub(super) fn failover(call: &mut Call<'_>) -> Answer {
    if call.server.master.is_some() {
        return Err(Fault::err("FAILOVER is not valid when server is a replica."));
    }
    if call.count() > 1 && call.is(1, "abort") {
        return Err(Fault::err("No failover in progress."));
    }
    Err(Fault::err("FAILOVER requires connected replicas."))
}

pub(super) fn cluster(call: &mut Call<'_>) -> Answer {
    if call.is(1, "help") && call.count() == 2 && call.server.config.flag("cluster-enabled") {
        return call.help();
    }
    Err(Fault::err("This instance has cluster support disabled"))
}

pub(super) fn migrate(call: &mut Call<'_>) -> Answer {
    let mut at = 6;
    while at < call.count() {
        match call.word(at).as_slice() {
            b"copy" | b"replace" => {}
            b"auth" if at + 1 < call.count() => at += 1,
            b"auth2" if at + 2 < call.count() => at += 2,
            b"keys" if call.arg(3).is_empty() => break,
            b"keys" => {
                return Err(Fault::err(
                    "When using MIGRATE KEYS option, the key argument must be set to the empty string",
                ));
            }
            _ => return Err(Fault::syntax()),
        }
        at += 1;
    }
    call.int(5)?;
    call.int(4)?;
    let keys = if at < call.count() {
        &call.args[at + 1..]
    } else {
        &call.args[3..4]
    };
    if !keys.iter().any(|key| call.exists(key)) {
        return Ok(Reply::Status("NOKEY"));
    }
    Err(Fault::coded("IOERR error or timeout connecting to the client"))
}
