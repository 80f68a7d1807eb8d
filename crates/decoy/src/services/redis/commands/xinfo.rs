//! XINFO: what streams, groups and consumers are like.

use super::call::Call;
use super::streams::entry_reply;
use crate::services::redis::reply::{Answer, Fault, Reply};
use crate::services::redis::stream::{Group, Stream, StreamId};

pub(super) fn xinfo(call: &mut Call<'_>) -> Answer {
    let no_key = || Fault::err("no such key");
    let (key, now) = (call.arg(2), call.now_ms());
    match (call.word(1).as_slice(), call.count()) {
        (b"help", 2) => call.help(),
        (b"stream", 3) => call.read::<Stream>(key)?.map(summary).ok_or_else(no_key),
        (b"stream", 4 | 6) if call.is(3, "full") => {
            let count = match call.count() {
                4 => 10,
                _ if !call.is(4, "count") => return call.bad_subcommand(),
                _ => call.int(5)?.max(0) as usize,
            };
            let count = if count == 0 { usize::MAX } else { count };
            call.read::<Stream>(key)?
                .map(|stream| full(stream, count, now))
                .ok_or_else(no_key)
        }
        (b"groups", 3) => {
            let stream = call.read::<Stream>(key)?.ok_or_else(no_key)?;
            Ok(Reply::Array(
                stream
                    .groups
                    .iter()
                    .map(|(name, group)| group_row(stream, name, group))
                    .collect(),
            ))
        }
        (b"consumers", 4) => {
            let name = call.arg(3);
            let stream = call.read::<Stream>(key)?.ok_or_else(no_key)?;
            let missing = || {
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
            };
            let group = stream.groups.get(name).ok_or_else(missing)?;
            let rows = group.consumers.iter().map(|(name, consumer)| {
                let pending = group
                    .pending
                    .values()
                    .filter(|pending| pending.consumer == *name)
                    .count();
                map([
                    ("name", Reply::bulk(name)),
                    ("pending", Reply::int(pending)),
                    ("idle", Reply::Int((now - consumer.seen).max(0))),
                ])
            });
            Ok(Reply::Array(rows.collect()))
        }
        _ => call.bad_subcommand(),
    }
}

fn summary(stream: &Stream) -> Reply {
    let mut rows = head(stream);
    rows.push(("groups", Reply::int(stream.groups.len())));
    rows.push(("first-entry", stream.first().map_or(Reply::Null, entry_reply)));
    rows.push(("last-entry", stream.newest().map_or(Reply::Null, entry_reply)));
    map(rows)
}

fn full(stream: &Stream, count: usize, now: i64) -> Reply {
    let mut rows = head(stream);
    let entries = stream.range(StreamId::MIN, StreamId::MAX).take(count).map(entry_reply);
    rows.push(("entries", Reply::Array(entries.collect())));
    let groups = stream.groups.iter().map(|(name, group)| {
        let pending = group.pending.iter().take(count).map(|(id, pending)| {
            Reply::Array(vec![
                Reply::Bulk(id.bytes()),
                Reply::bulk(&pending.consumer),
                Reply::Int(pending.delivered),
                Reply::Int(pending.count as i64),
            ])
        });
        let consumers = group.consumers.iter().map(|(name, consumer)| {
            let own = group.pending.iter().filter(|(_, pending)| pending.consumer == *name);
            let shown = own.clone().take(count).map(|(id, pending)| {
                Reply::Array(vec![
                    Reply::Bulk(id.bytes()),
                    Reply::Int(pending.delivered),
                    Reply::Int(pending.count as i64),
                ])
            });
            map([
                ("name", Reply::bulk(name)),
                ("seen-time", Reply::Int(consumer.seen.min(now))),
                ("pel-count", Reply::int(own.count())),
                ("pending", Reply::Array(shown.collect())),
            ])
        });
        map([
            ("name", Reply::bulk(name)),
            ("last-delivered-id", Reply::Bulk(group.last.bytes())),
            (
                "entries-read",
                group.read.map_or(Reply::Null, |read| Reply::Int(read as i64)),
            ),
            (
                "lag",
                stream.lag(group).map_or(Reply::Null, |lag| Reply::Int(lag as i64)),
            ),
            ("pel-count", Reply::int(group.pending.len())),
            ("pel", Reply::Array(pending.collect())),
            ("consumers", Reply::Array(consumers.collect())),
        ])
    });
    rows.push(("groups", Reply::Array(groups.collect())));
    map(rows)
}

fn head(stream: &Stream) -> Vec<(&'static str, Reply)> {
    let nodes = stream.len().div_ceil(100);
    vec![
        ("length", Reply::int(stream.len())),
        ("radix-tree-keys", Reply::int(nodes)),
        ("radix-tree-nodes", Reply::int(nodes + 1)),
        ("last-generated-id", Reply::Bulk(stream.last.bytes())),
        ("max-deleted-entry-id", Reply::Bulk(stream.max_deleted.bytes())),
        ("entries-added", Reply::Int(stream.added as i64)),
        (
            "recorded-first-entry-id",
            Reply::Bulk(stream.first().map_or(StreamId::MIN, |(id, _)| id).bytes()),
        ),
    ]
}

fn group_row(stream: &Stream, name: &[u8], group: &Group) -> Reply {
    map([
        ("name", Reply::bulk(name)),
        ("consumers", Reply::int(group.consumers.len())),
        ("pending", Reply::int(group.pending.len())),
        ("last-delivered-id", Reply::Bulk(group.last.bytes())),
        (
            "entries-read",
            group.read.map_or(Reply::Null, |read| Reply::Int(read as i64)),
        ),
        (
            "lag",
            stream.lag(group).map_or(Reply::Null, |lag| Reply::Int(lag as i64)),
        ),
    ])
}

fn map(rows: impl IntoIterator<Item = (&'static str, Reply)>) -> Reply {
    Reply::Map(
        rows.into_iter()
            .flat_map(|(name, value)| [Reply::bulk(name), value])
            .collect(),
    )
}
