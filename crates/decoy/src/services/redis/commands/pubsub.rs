//! Publish and subscribe.

use super::call::Call;
use crate::services::redis::client::ClientId;
use crate::services::redis::glob;
use crate::services::redis::reply::{Answer, Bytes, Fault, Reply};
use crate::services::redis::server::Server;

/// Subscriptions one client may hold.
const MOST: usize = 10_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Channel,
    Pattern,
    Shard,
}

pub(super) fn subscribe(call: &mut Call<'_>) -> Answer {
    begin(call, Kind::Channel)
}

pub(super) fn psubscribe(call: &mut Call<'_>) -> Answer {
    begin(call, Kind::Pattern)
}

pub(super) fn ssubscribe(call: &mut Call<'_>) -> Answer {
    begin(call, Kind::Shard)
}

pub(super) fn unsubscribe(call: &mut Call<'_>) -> Answer {
    end(call, Kind::Channel)
}

pub(super) fn punsubscribe(call: &mut Call<'_>) -> Answer {
    end(call, Kind::Pattern)
}

pub(super) fn sunsubscribe(call: &mut Call<'_>) -> Answer {
    end(call, Kind::Shard)
}

pub(super) fn publish(call: &mut Call<'_>) -> Answer {
    let heard = call.server.publish(call.arg(1), call.arg(2));
    Ok(Reply::int(heard))
}

pub(super) fn spublish(call: &mut Call<'_>) -> Answer {
    let (channel, message) = (call.arg(1), call.arg(2));
    let listeners: Vec<ClientId> = call.server.shards.get(channel).into_iter().flatten().copied().collect();
    for id in &listeners {
        if let Some(client) = call.server.client(*id) {
            client.push(Reply::bulks([b"smessage", channel, message]));
        }
    }
    Ok(Reply::int(listeners.len()))
}

pub(super) fn pubsub(call: &mut Call<'_>) -> Answer {
    let server = &*call.server;
    match (call.word(1).as_slice(), call.count()) {
        (b"help", 2) => call.help(),
        (word @ (b"channels" | b"shardchannels"), 2 | 3) => {
            let of = if word == b"channels" {
                &server.channels
            } else {
                &server.shards
            };
            let pattern = call.args.get(2);
            let shown = of
                .keys()
                .filter(|name| pattern.is_none_or(|pattern| glob::matches(pattern, name)));
            Ok(Reply::Array(shown.map(Reply::bulk).collect()))
        }
        (word @ (b"numsub" | b"shardnumsub"), _) => {
            let of = if word == b"numsub" {
                &server.channels
            } else {
                &server.shards
            };
            let listeners = |name: &Bytes| Reply::int(of.get(name).map_or(0, |ids| ids.len()));
            Ok(Reply::Array(
                call.args[2..]
                    .iter()
                    .flat_map(|name| [Reply::bulk(name), listeners(name)])
                    .collect(),
            ))
        }
        (b"numpat", 2) => Ok(Reply::int(server.patterns.len())),
        _ => call.bad_subcommand(),
    }
}

fn begin(call: &mut Call<'_>, kind: Kind) -> Answer {
    let id = call.id;
    for name in &call.args[1..] {
        let Some(client) = call.server.clients.get_mut(&id) else {
            break;
        };
        if client.subscriptions() + client.shards.len() >= MOST {
            return Err(Fault::err("too many subscriptions"));
        }
        let (held, all) = match kind {
            Kind::Channel => (&mut client.channels, &mut call.server.channels),
            Kind::Pattern => (&mut client.patterns, &mut call.server.patterns),
            Kind::Shard => (&mut client.shards, &mut call.server.shards),
        };
        held.insert(name.clone());
        all.entry(name.clone()).or_default().insert(id);
        say(call.server, id, kind.begun(), Reply::bulk(name), kind);
    }
    Ok(Reply::Silent)
}

fn end(call: &mut Call<'_>, kind: Kind) -> Answer {
    let id = call.id;
    let held: Vec<Bytes> = match call.server.clients.get(&id) {
        None => Vec::new(),
        Some(client) => match kind {
            Kind::Channel => client.channels.iter().cloned().collect(),
            Kind::Pattern => client.patterns.iter().cloned().collect(),
            Kind::Shard => client.shards.iter().cloned().collect(),
        },
    };
    let names = if call.count() == 1 {
        held
    } else {
        call.args[1..].to_vec()
    };
    if names.is_empty() {
        say(call.server, id, kind.ended(), Reply::Null, kind);
    }
    for name in names {
        drop_one(call.server, id, &name, kind);
        say(call.server, id, kind.ended(), Reply::Bulk(name), kind);
    }
    Ok(Reply::Silent)
}

fn drop_one(server: &mut Server, id: ClientId, name: &[u8], kind: Kind) {
    let Some(client) = server.clients.get_mut(&id) else {
        return;
    };
    let (held, all) = match kind {
        Kind::Channel => (&mut client.channels, &mut server.channels),
        Kind::Pattern => (&mut client.patterns, &mut server.patterns),
        Kind::Shard => (&mut client.shards, &mut server.shards),
    };
    held.remove(name);
    if let Some(ids) = all.get_mut(name) {
        ids.remove(&id);
        if ids.is_empty() {
            all.remove(name);
        }
    }
}

fn say(server: &mut Server, id: ClientId, what: &'static str, name: Reply, kind: Kind) {
    if let Some(client) = server.clients.get_mut(&id) {
        let count = if kind == Kind::Shard {
            client.shards.len()
        } else {
            client.subscriptions()
        };
        client.push(vec![Reply::bulk(what), name, Reply::int(count)]);
    }
}

// === impl Kind ===

impl Kind {
    fn begun(self) -> &'static str {
        match self {
            Self::Channel => "subscribe",
            Self::Pattern => "psubscribe",
            Self::Shard => "ssubscribe",
        }
    }

    fn ended(self) -> &'static str {
        match self {
            Self::Channel => "unsubscribe",
            Self::Pattern => "punsubscribe",
            Self::Shard => "sunsubscribe",
        }
    }
}
