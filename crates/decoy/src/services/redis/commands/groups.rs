//! Consumer groups of streams.

use super::call::Call;
use super::streams::{ReadOptions, bound, by_key, entry_reply, invalid_id};
use crate::services::redis::number;
use crate::services::redis::reply::{Answer, Bytes, Fault, OK, Reply};
use crate::services::redis::stream::{Consumer, Entry, Group, Pending, Stream, StreamId};
use crate::services::redis::value::Value;

pub(super) fn xgroup(call: &mut Call<'_>) -> Answer {
    match (call.word(1).as_slice(), call.count()) {
        (b"help", 2) => call.help(),
        (b"create", 5..=8) => create(call),
        (b"setid", 5 | 7) => {
            let read = entries_read(call, 5)?;
            let (key, name, id) = (call.arg(2), call.arg(3), call.arg(4));
            let stream = existing(call)?;
            let id = start_id(stream, id)?;
            let group = stream.groups.get_mut(name).ok_or_else(|| no_group(key, name))?;
            group.last = id;
            group.read = read;
            call.changed('t', "xgroup-setid", call.arg(2));
            Ok(OK)
        }
        (b"destroy", 4) => {
            let name = call.arg(3);
            let gone = existing(call)?.groups.remove(name).is_some();
            if gone {
                call.changed('t', "xgroup-destroy", call.arg(2));
            }
            Ok(Reply::Int(gone.into()))
        }
        (b"createconsumer", 5) => {
            let (key, name, consumer, now) = (call.arg(2), call.arg(3), call.arg(4), call.now_ms());
            let stream = existing(call)?;
            let group = stream.groups.get_mut(name).ok_or_else(|| no_group(key, name))?;
            let new = !group.consumers.contains_key(consumer);
            if new {
                group.consumers.insert(consumer.to_vec(), Consumer { seen: now });
                call.changed('t', "xgroup-createconsumer", call.arg(2));
            }
            Ok(Reply::Int(new.into()))
        }
        (b"delconsumer", 5) => {
            let (key, name, consumer) = (call.arg(2), call.arg(3), call.arg(4));
            let stream = existing(call)?;
            let group = stream.groups.get_mut(name).ok_or_else(|| no_group(key, name))?;
            let before = group.pending.len();
            group.pending.retain(|_, pending| pending.consumer != consumer);
            let gone = before - group.pending.len();
            if group.consumers.remove(consumer).is_some() {
                call.changed('t', "xgroup-delconsumer", call.arg(2));
            }
            Ok(Reply::int(gone))
        }
        _ => call.bad_subcommand(),
    }
}

pub(super) fn xreadgroup(call: &mut Call<'_>) -> Answer {
    let options = ReadOptions::read(call, 1, true)?;
    let (name, consumer) = options.group.map_or((&[][..], &[][..]), |(name, consumer)| {
        (call.arg(name), call.arg(consumer))
    });
    let (keys, ids, now) = (options.keys(call), options.ids(call), call.now_ms());
    let mut from = Vec::with_capacity(keys.len());
    for (key, id) in keys.iter().zip(ids) {
        let known = call
            .read::<Stream>(key)?
            .is_some_and(|stream| stream.groups.contains_key(name));
        if !known {
            return Err(no_group_in(key, name, "in XREADGROUP with GROUP option"));
        }
        from.push(match &id[..] {
            b">" => None,
            b"$" => {
                return Err(Fault::err(
                    "The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer \
                     by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty \
                     result set.",
                ));
            }
            id => Some(StreamId::parse(id, 0).ok_or_else(invalid_id)?),
        });
    }
    let mut found = Vec::new();
    for (key, from) in keys.iter().zip(&from) {
        let Some(stream) = call.edit::<Stream>(key)? else {
            continue;
        };
        let entries = match from {
            None => read_new(stream, name, consumer, &options, now),
            Some(after) => Some(read_history(stream, name, consumer, *after, options.count)),
        };
        if let Some(entries) = entries {
            found.extend([Reply::bulk(key), Reply::Array(entries)]);
            call.changed('t', "xreadgroup", key);
        }
    }
    if !found.is_empty() {
        return by_key(call, found);
    }
    match options.block {
        None => Ok(Reply::NullArray),
        Some(until) => call.wait(keys.to_vec(), until, call.args.to_vec(), Reply::NullArray),
    }
}

pub(super) fn xack(call: &mut Call<'_>) -> Answer {
    let (key, name) = (call.arg(1), call.arg(2));
    let ids: Option<Vec<StreamId>> = call.args[3..].iter().map(|id| StreamId::parse(id, 0)).collect();
    let Some(group) = call.edit::<Stream>(key)?.and_then(|stream| stream.groups.get_mut(name)) else {
        return Ok(Reply::Int(0));
    };
    let ids = ids.ok_or_else(invalid_id)?;
    let acked = ids.iter().filter(|id| group.pending.remove(id).is_some()).count();
    Ok(Reply::int(acked))
}

pub(super) fn xpending(call: &mut Call<'_>) -> Answer {
    let (key, name, now) = (call.arg(1), call.arg(2), call.now_ms());
    let mut at = 3;
    let mut idle = 0;
    if call.is(3, "idle") {
        idle = call.int(4)?;
        at = 5;
    }
    let range = match call.count() - at.min(call.count()) {
        0 if at == 3 => None,
        3 | 4 => {
            let count = call.int(at + 2)?.max(0) as usize;
            Some((bound(call.arg(at), true)?, bound(call.arg(at + 1), false)?, count))
        }
        _ => return Err(Fault::syntax()),
    };
    let consumer = call.args.get(at + 3);
    let group = call.read::<Stream>(key)?.and_then(|stream| stream.groups.get(name));
    let group = group.ok_or_else(|| no_group_in(key, name, ""))?;
    let Some((low, high, count)) = range else {
        return Ok(pending_summary(group));
    };
    let found = group.pending.iter().filter(|(id, pending)| {
        (low..=high).contains(id)
            && now - pending.delivered >= idle
            && consumer.is_none_or(|consumer| pending.consumer == *consumer)
    });
    let rows = found.take(count).map(|(id, pending)| {
        Reply::Array(vec![
            Reply::Bulk(id.bytes()),
            Reply::bulk(&pending.consumer),
            Reply::Int((now - pending.delivered).max(0)),
            Reply::Int(pending.count as i64),
        ])
    });
    Ok(Reply::Array(rows.collect()))
}

pub(super) fn xclaim(call: &mut Call<'_>) -> Answer {
    let (key, name, consumer, now) = (call.arg(1), call.arg(2), call.arg(3), call.now_ms());
    let known = call
        .edit::<Stream>(key)?
        .is_some_and(|stream| stream.groups.contains_key(name));
    if !known {
        return Err(no_group_in(key, name, ""));
    }
    let wrong = || Fault::err("Invalid min-idle-time argument for XCLAIM");
    let min_idle = number::integer(call.arg(4)).ok_or_else(wrong)?.max(0);
    let (mut ids, mut at) = (Vec::new(), 5);
    while let Some(id) = call.args.get(at).and_then(|id| StreamId::parse(id, 0)) {
        ids.push(id);
        at += 1;
    }
    let (mut delivered, mut retries, mut force, mut just_id) = (now, None, false, false);
    while at < call.count() {
        let more = at + 1 < call.count();
        match call.word(at).as_slice() {
            b"force" => force = true,
            b"justid" => just_id = true,
            b"idle" if more => {
                delivered = now
                    - call
                        .int(at + 1)
                        .map_err(|_| Fault::err("Invalid IDLE option argument for XCLAIM"))?;
                at += 1;
            }
            b"time" if more => {
                delivered = call
                    .int(at + 1)
                    .map_err(|_| Fault::err("Invalid TIME option argument for XCLAIM"))?;
                at += 1;
            }
            b"retrycount" if more => {
                let count = call
                    .int(at + 1)
                    .map_err(|_| Fault::err("Invalid RETRYCOUNT option argument for XCLAIM"))?;
                retries = Some(count.max(0) as u64);
                at += 1;
            }
            b"lastid" if more => at += 1,
            _ => {
                return Err(Fault::err(
                    [b"Unrecognized XCLAIM option '", call.arg(at), b"'"].concat(),
                ));
            }
        }
        at += 1;
    }
    let delivered = if delivered < 0 || delivered > now {
        now
    } else {
        delivered
    };
    let Some(stream) = call.edit::<Stream>(key)? else {
        return Ok(Reply::Array(Vec::new()));
    };
    let mut claimed = Vec::new();
    for id in ids {
        let entry = stream.get(id).cloned();
        let Some(group) = stream.groups.get_mut(name) else {
            break;
        };
        let Some(entry) = entry else {
            group.pending.remove(&id);
            continue;
        };
        let old = group.pending.get(&id);
        if old.is_none() && !force || old.is_some_and(|old| min_idle > 0 && now - old.delivered < min_idle) {
            continue;
        }
        let count = retries.unwrap_or(old.map_or(0, |old| old.count) + u64::from(!just_id));
        group.pending.insert(
            id,
            Pending {
                consumer: consumer.to_vec(),
                delivered,
                count,
            },
        );
        claimed.push(shown(id, &entry, just_id));
    }
    touch_consumer(stream, name, consumer, now);
    call.changed('t', "xclaim", key);
    Ok(Reply::Array(claimed))
}

pub(super) fn xautoclaim(call: &mut Call<'_>) -> Answer {
    let (key, name, consumer, now) = (call.arg(1), call.arg(2), call.arg(3), call.now_ms());
    let wrong = || Fault::err("Invalid min-idle-time argument for XAUTOCLAIM");
    let min_idle = number::integer(call.arg(4)).ok_or_else(wrong)?.max(0);
    let start = bound(call.arg(5), true)?;
    let (mut count, mut just_id, mut at) = (100, false, 6);
    while at < call.count() {
        match call.word(at).as_slice() {
            b"count" if at + 1 < call.count() => {
                let given = number::integer(call.arg(at + 1)).filter(|n| (1..i64::MAX / 160).contains(n));
                count = given.ok_or_else(|| Fault::err("COUNT must be > 0"))? as usize;
                at += 1;
            }
            b"justid" => just_id = true,
            _ => return Err(Fault::syntax()),
        }
        at += 1;
    }
    let known = call
        .edit::<Stream>(key)?
        .is_some_and(|stream| stream.groups.contains_key(name));
    if !known {
        return Err(no_group_in(key, name, ""));
    }
    let Some(stream) = call.edit::<Stream>(key)? else {
        return Ok(Reply::Null);
    };
    let seen: Vec<(StreamId, i64)> = stream
        .groups
        .get(name)
        .into_iter()
        .flat_map(|group| {
            group
                .pending
                .range(start..)
                .map(|(id, pending)| (*id, pending.delivered))
        })
        .collect();
    let (mut claimed, mut gone, mut next) = (Vec::new(), Vec::new(), StreamId::MIN);
    for (n, (id, delivered)) in seen.into_iter().enumerate() {
        if claimed.len() + gone.len() == count || n == count.saturating_mul(10) {
            next = id;
            break;
        }
        if min_idle > 0 && now - delivered < min_idle {
            continue;
        }
        let entry = stream.get(id).cloned();
        let Some(group) = stream.groups.get_mut(name) else {
            break;
        };
        let Some(entry) = entry else {
            group.pending.remove(&id);
            gone.push(Reply::Bulk(id.bytes()));
            continue;
        };
        if let Some(pending) = group.pending.get_mut(&id) {
            *pending = Pending {
                consumer: consumer.to_vec(),
                delivered: now,
                count: pending.count + u64::from(!just_id),
            };
        }
        claimed.push(shown(id, &entry, just_id));
    }
    touch_consumer(stream, name, consumer, now);
    call.changed('t', "xautoclaim", key);
    Ok(Reply::Array(vec![
        Reply::Bulk(next.bytes()),
        Reply::Array(claimed),
        Reply::Array(gone),
    ]))
}

pub(super) fn no_group_in(key: &[u8], name: &[u8], context: &str) -> Fault {
    let context = if context.is_empty() {
        String::new()
    } else {
        format!(" {context}")
    };
    Fault::coded(
        [
            b"NOGROUP No such key '",
            key,
            b"' or consumer group '",
            name,
            b"'",
            context.as_bytes(),
        ]
        .concat(),
    )
}

fn no_group(key: &[u8], name: &[u8]) -> Fault {
    Fault::coded(
        [
            b"NOGROUP No such consumer group '",
            name,
            b"' for key name '",
            key,
            b"'",
        ]
        .concat(),
    )
}

fn create(call: &mut Call<'_>) -> Answer {
    let (mut make, mut read, mut at) = (false, None, 5);
    while at < call.count() {
        match call.word(at).as_slice() {
            b"mkstream" => make = true,
            b"entriesread" if at + 1 < call.count() => {
                read = entries_read(call, at)?;
                at += 1;
            }
            _ => return call.bad_subcommand(),
        }
        at += 1;
    }
    let (key, name, id) = (call.arg(2), call.arg(3), call.arg(4));
    if call.edit::<Stream>(key)?.is_none() {
        if !make {
            return Err(no_key());
        }
        StreamId::parse(id, 0)
            .or((id == b"$").then_some(StreamId::MIN))
            .ok_or_else(invalid_id)?;
        call.put(key, Value::Stream(Box::default()));
    }
    let stream = existing(call)?;
    let last = start_id(stream, id)?;
    if stream.groups.contains_key(name) {
        return Err(Fault::coded("BUSYGROUP Consumer Group name already exists"));
    }
    stream.groups.insert(
        name.to_vec(),
        Group {
            last,
            read,
            ..Group::default()
        },
    );
    call.changed('t', "xgroup-create", key);
    Ok(OK)
}

fn entries_read(call: &Call<'_>, at: usize) -> Result<Option<u64>, Fault> {
    if at >= call.count() {
        return Ok(None);
    }
    if !call.is(at, "entriesread") {
        return Err(Fault::syntax());
    }
    match call.int(at + 1)? {
        -1 => Ok(None),
        n if n >= 0 => Ok(Some(n as u64)),
        _ => Err(Fault::err("value for ENTRIESREAD must be positive or -1")),
    }
}

fn start_id(stream: &Stream, text: &[u8]) -> Result<StreamId, Fault> {
    match text {
        b"$" => Ok(stream.last),
        _ => StreamId::parse(text, 0).ok_or_else(invalid_id),
    }
}

fn no_key() -> Fault {
    Fault::err(
        "The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM \
         option to create an empty stream automatically.",
    )
}

fn existing<'c>(call: &'c mut Call<'_>) -> Result<&'c mut Stream, Fault> {
    let key = call.arg(2);
    call.edit::<Stream>(key)?.ok_or_else(no_key)
}

fn touch_consumer(stream: &mut Stream, name: &[u8], consumer: &[u8], now: i64) {
    if let Some(group) = stream.groups.get_mut(name) {
        group.consumers.entry(consumer.to_vec()).or_default().seen = now;
    }
}

/// Entries nobody of the group has read; none when there are none.
fn read_new(stream: &mut Stream, name: &[u8], consumer: &[u8], options: &ReadOptions, now: i64) -> Option<Vec<Reply>> {
    touch_consumer(stream, name, consumer, now);
    let after = stream.groups.get(name)?.last;
    let entries: Vec<(StreamId, Entry)> = stream
        .range(after.next()?, StreamId::MAX)
        .take(options.count)
        .map(|(id, entry)| (id, entry.clone()))
        .collect();
    let last = entries.last()?.0;
    let before = stream.groups.get(name)?.read.or_else(|| stream.read_up_to(after));
    let read = before
        .map(|read| read + entries.len() as u64)
        .or_else(|| stream.read_up_to(last));
    let group = stream.groups.get_mut(name)?;
    (group.last, group.read) = (last, read);
    if !options.noack {
        for (id, _) in &entries {
            group.pending.insert(
                *id,
                Pending {
                    consumer: consumer.to_vec(),
                    delivered: now,
                    count: 1,
                },
            );
        }
    }
    Some(entries.iter().map(|(id, entry)| entry_reply((*id, entry))).collect())
}

/// What that consumer was given and has not acknowledged.
fn read_history(stream: &mut Stream, name: &[u8], consumer: &[u8], after: StreamId, count: usize) -> Vec<Reply> {
    let Some(group) = stream.groups.get(name) else {
        return Vec::new();
    };
    let own = group
        .pending
        .iter()
        .filter(|(id, pending)| **id > after && pending.consumer == consumer)
        .take(count);
    own.map(|(id, _)| match stream.get(*id) {
        Some(entry) => entry_reply((*id, entry)),
        None => Reply::Array(vec![Reply::Bulk(id.bytes()), Reply::NullArray]),
    })
    .collect()
}

fn shown(id: StreamId, entry: &Entry, just_id: bool) -> Reply {
    if just_id {
        Reply::Bulk(id.bytes())
    } else {
        entry_reply((id, entry))
    }
}

fn pending_summary(group: &Group) -> Reply {
    let (Some(first), Some(last)) = (group.pending.keys().next(), group.pending.keys().next_back()) else {
        return Reply::Array(vec![Reply::Int(0), Reply::Null, Reply::Null, Reply::NullArray]);
    };
    let mut counts: std::collections::BTreeMap<&Bytes, usize> = Default::default();
    group
        .pending
        .values()
        .for_each(|pending| *counts.entry(&pending.consumer).or_default() += 1);
    let rows = counts
        .iter()
        .map(|(name, count)| Reply::Array(vec![Reply::bulk(name), Reply::bulk(count.to_string())]));
    Reply::Array(vec![
        Reply::int(group.pending.len()),
        Reply::Bulk(first.bytes()),
        Reply::Bulk(last.bytes()),
        Reply::Array(rows.collect()),
    ])
}
