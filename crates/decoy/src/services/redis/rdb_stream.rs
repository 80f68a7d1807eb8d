//! Streams in RDB files: entries packed under the name of the first, then the groups.

use super::listpack::Listpack;
use super::rdb::Writer;
use super::stream::{Entry, Stream, StreamId};

/// Entries one pack holds (`stream-node-max-entries`).
const NODE: usize = 100;
const SAME_FIELDS: i64 = 2;

pub(super) fn write(out: &mut Writer, stream: &Stream) {
    let entries: Vec<(StreamId, &Entry)> = stream.range(StreamId::MIN, StreamId::MAX).collect();
    out.length(entries.chunks(NODE).count() as u64);
    for node in entries.chunks(NODE) {
        let (master, first) = node[0];
        out.string(&raw(master));
        out.string(&pack(node, master, first));
    }
    out.length(stream.len() as u64);
    for id in [
        stream.last,
        stream.first().map_or(StreamId::MIN, |(id, _)| id),
        stream.max_deleted,
    ] {
        out.length(id.ms);
        out.length(id.seq);
    }
    out.length(stream.added);
    out.length(stream.groups.len() as u64);
    for (name, group) in &stream.groups {
        out.string(name);
        out.length(group.last.ms);
        out.length(group.last.seq);
        out.length(group.read.unwrap_or(u64::MAX));
        out.length(group.pending.len() as u64);
        for (id, pending) in &group.pending {
            out.out.extend_from_slice(&raw(*id));
            out.out.extend_from_slice(&pending.delivered.to_le_bytes());
            out.length(pending.count);
        }
        out.length(group.consumers.len() as u64);
        for (name, consumer) in &group.consumers {
            out.string(name);
            out.out.extend_from_slice(&consumer.seen.to_le_bytes());
            let own: Vec<_> = group
                .pending
                .iter()
                .filter(|(_, pending)| pending.consumer == *name)
                .collect();
            out.length(own.len() as u64);
            own.iter().for_each(|(id, _)| out.out.extend_from_slice(&raw(**id)));
        }
    }
}

fn pack(node: &[(StreamId, &Entry)], master: StreamId, first: &Entry) -> Vec<u8> {
    let mut pack = Listpack::new();
    pack.push_int(node.len() as i64);
    pack.push_int(0);
    pack.push_int(first.len() as i64);
    first.iter().for_each(|(field, _)| pack.push(field));
    pack.push_int(0);
    for (id, entry) in node {
        let same = entry.len() == first.len() && entry.iter().zip(first).all(|(a, b)| a.0 == b.0);
        pack.push_int(if same { SAME_FIELDS } else { 0 });
        pack.push_int(id.ms.wrapping_sub(master.ms) as i64);
        pack.push_int(id.seq.wrapping_sub(master.seq) as i64);
        if !same {
            pack.push_int(entry.len() as i64);
        }
        for (field, value) in *entry {
            if !same {
                pack.push(field);
            }
            pack.push(value);
        }
        let parts = if same { entry.len() + 3 } else { 2 * entry.len() + 4 };
        pack.push_int(parts as i64);
    }
    pack.finish()
}

fn raw(id: StreamId) -> Vec<u8> {
    [id.ms.to_be_bytes(), id.seq.to_be_bytes()].concat()
}
