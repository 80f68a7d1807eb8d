//! Every command, by name.

pub(super) mod call;

mod admin;
mod bits;
mod clients;
mod config;
mod connection;
mod debug;
mod dump;
mod groups;
mod hashes;
mod introspect;
mod keys;
mod lists;
mod pubsub;
mod scan;
mod sets;
mod sort;
mod streams;
mod strings;
mod xinfo;
mod zranges;
mod zsets;

use call::Call;

use super::reply::Answer;

pub(super) type Handler = fn(&mut Call<'_>) -> Answer;

pub(super) fn handler(name: &str) -> Option<Handler> {
    of_values(name)
        .or_else(|| of_collections(name))
        .or_else(|| of_server(name))
}

fn of_values(name: &str) -> Option<Handler> {
    Some(match name {
        "append" => strings::append,
        "bitcount" => bits::bitcount,
        "bitfield" => bits::bitfield,
        "bitfield_ro" => bits::bitfield_ro,
        "bitop" => bits::bitop,
        "bitpos" => bits::bitpos,
        "copy" => keys::copy,
        "dbsize" => keys::dbsize,
        "decr" => strings::decr,
        "decrby" => strings::decrby,
        "del" | "unlink" => keys::del,
        "dump" => dump::dump,
        "exists" => keys::exists,
        "expire" => keys::expire,
        "expireat" => keys::expireat,
        "expiretime" => keys::expiretime,
        "flushall" => keys::flushall,
        "flushdb" => keys::flushdb,
        "get" => strings::get,
        "getbit" => bits::getbit,
        "getdel" => strings::getdel,
        "getex" => strings::getex,
        "getrange" | "substr" => strings::getrange,
        "getset" => strings::getset,
        "incr" => strings::incr,
        "incrby" => strings::incrby,
        "incrbyfloat" => strings::incrbyfloat,
        "keys" => keys::keys,
        "lcs" => strings::lcs,
        "mget" => strings::mget,
        "move" => keys::move_key,
        "mset" => strings::mset,
        "msetnx" => strings::msetnx,
        "object" => introspect::object,
        "persist" => keys::persist,
        "pexpire" => keys::pexpire,
        "pexpireat" => keys::pexpireat,
        "pexpiretime" => keys::pexpiretime,
        "psetex" => strings::psetex,
        "pttl" => keys::pttl,
        "randomkey" => keys::randomkey,
        "rename" => keys::rename,
        "renamenx" => keys::renamenx,
        "restore" | "restore-asking" => dump::restore,
        "scan" => scan::scan,
        "select" => keys::select,
        "set" => strings::set,
        "setbit" => bits::setbit,
        "setex" => strings::setex,
        "setnx" => strings::setnx,
        "setrange" => strings::setrange,
        "sort" => sort::sort,
        "sort_ro" => sort::sort_ro,
        "strlen" => strings::strlen,
        "swapdb" => keys::swapdb,
        "touch" => keys::touch,
        "ttl" => keys::ttl,
        "type" => keys::kind,
        _ => return None,
    })
}

fn of_collections(name: &str) -> Option<Handler> {
    Some(match name {
        "blmove" => lists::blmove,
        "blmpop" => lists::blmpop,
        "blpop" => lists::blpop,
        "brpop" => lists::brpop,
        "brpoplpush" => lists::brpoplpush,
        "bzmpop" => zsets::bzmpop,
        "bzpopmax" => zsets::bzpopmax,
        "bzpopmin" => zsets::bzpopmin,
        "hdel" => hashes::hdel,
        "hexists" => hashes::hexists,
        "hget" => hashes::hget,
        "hgetall" => hashes::hgetall,
        "hincrby" => hashes::hincrby,
        "hincrbyfloat" => hashes::hincrbyfloat,
        "hkeys" => hashes::hkeys,
        "hlen" => hashes::hlen,
        "hmget" => hashes::hmget,
        "hmset" => hashes::hmset,
        "hrandfield" => hashes::hrandfield,
        "hscan" => scan::hscan,
        "hset" => hashes::hset,
        "hsetnx" => hashes::hsetnx,
        "hstrlen" => hashes::hstrlen,
        "hvals" => hashes::hvals,
        "lindex" => lists::lindex,
        "linsert" => lists::linsert,
        "llen" => lists::llen,
        "lmove" => lists::lmove,
        "lmpop" => lists::lmpop,
        "lpop" => lists::lpop,
        "lpos" => lists::lpos,
        "lpush" => lists::lpush,
        "lpushx" => lists::lpushx,
        "lrange" => lists::lrange,
        "lrem" => lists::lrem,
        "lset" => lists::lset,
        "ltrim" => lists::ltrim,
        "rpop" => lists::rpop,
        "rpoplpush" => lists::rpoplpush,
        "rpush" => lists::rpush,
        "rpushx" => lists::rpushx,
        "sadd" => sets::sadd,
        "scard" => sets::scard,
        "sdiff" => sets::sdiff,
        "sdiffstore" => sets::sdiffstore,
        "sinter" => sets::sinter,
        "sintercard" => sets::sintercard,
        "sinterstore" => sets::sinterstore,
        "sismember" => sets::sismember,
        "smembers" => sets::smembers,
        "smismember" => sets::smismember,
        "smove" => sets::smove,
        "spop" => sets::spop,
        "srandmember" => sets::srandmember,
        "srem" => sets::srem,
        "sscan" => scan::sscan,
        "sunion" => sets::sunion,
        "sunionstore" => sets::sunionstore,
        "xack" => groups::xack,
        "xadd" => streams::xadd,
        "xautoclaim" => groups::xautoclaim,
        "xclaim" => groups::xclaim,
        "xdel" => streams::xdel,
        "xgroup" => groups::xgroup,
        "xinfo" => xinfo::xinfo,
        "xlen" => streams::xlen,
        "xpending" => groups::xpending,
        "xrange" => streams::xrange,
        "xread" => streams::xread,
        "xreadgroup" => groups::xreadgroup,
        "xrevrange" => streams::xrevrange,
        "xsetid" => streams::xsetid,
        "xtrim" => streams::xtrim,
        "zadd" => zsets::zadd,
        "zcard" => zsets::zcard,
        "zcount" => zranges::zcount,
        "zdiff" => zranges::zdiff,
        "zdiffstore" => zranges::zdiffstore,
        "zincrby" => zsets::zincrby,
        "zinter" => zranges::zinter,
        "zintercard" => zranges::zintercard,
        "zinterstore" => zranges::zinterstore,
        "zlexcount" => zranges::zlexcount,
        "zmpop" => zsets::zmpop,
        "zmscore" => zsets::zmscore,
        "zpopmax" => zsets::zpopmax,
        "zpopmin" => zsets::zpopmin,
        "zrandmember" => zsets::zrandmember,
        "zrange" => zranges::zrange,
        "zrangebylex" => zranges::zrangebylex,
        "zrangebyscore" => zranges::zrangebyscore,
        "zrangestore" => zranges::zrangestore,
        "zrank" => zsets::zrank,
        "zrem" => zsets::zrem,
        "zremrangebylex" => zranges::zremrangebylex,
        "zremrangebyrank" => zranges::zremrangebyrank,
        "zremrangebyscore" => zranges::zremrangebyscore,
        "zrevrange" => zranges::zrevrange,
        "zrevrangebylex" => zranges::zrevrangebylex,
        "zrevrangebyscore" => zranges::zrevrangebyscore,
        "zrevrank" => zsets::zrevrank,
        "zscan" => scan::zscan,
        "zscore" => zsets::zscore,
        "zunion" => zranges::zunion,
        "zunionstore" => zranges::zunionstore,
        _ => return None,
    })
}

fn of_server(name: &str) -> Option<Handler> {
    Some(match name {
        "acl" => introspect::acl,
        "auth" => connection::auth,
        "bgrewriteaof" => admin::bgrewriteaof,
        "bgsave" => admin::bgsave,
        "client" => clients::client,
        "cluster" | "asking" | "readonly" | "readwrite" => admin::cluster,
        "command" => introspect::command,
        "config" => config::config,
        "debug" => debug::debug,
        "discard" => connection::discard,
        "echo" => connection::echo,
        "exec" => connection::exec,
        "failover" => admin::failover,
        "hello" => connection::hello,
        "info" => admin::info,
        "lastsave" => admin::lastsave,
        "latency" => admin::latency,
        "lolwut" => admin::lolwut,
        "memory" => admin::memory,
        "migrate" => admin::migrate,
        "module" => admin::module,
        "monitor" => admin::monitor,
        "multi" => connection::multi,
        "ping" => connection::ping,
        "psubscribe" => pubsub::psubscribe,
        "psync" | "sync" => admin::sync,
        "publish" => pubsub::publish,
        "pubsub" => pubsub::pubsub,
        "punsubscribe" => pubsub::punsubscribe,
        "quit" => connection::quit,
        "replconf" => admin::replconf,
        "replicaof" | "slaveof" => admin::replicaof,
        "reset" => connection::reset,
        "role" => admin::role,
        "save" => admin::save,
        "shutdown" => admin::shutdown,
        "slowlog" => admin::slowlog,
        "spublish" => pubsub::spublish,
        "ssubscribe" => pubsub::ssubscribe,
        "subscribe" => pubsub::subscribe,
        "sunsubscribe" => pubsub::sunsubscribe,
        "time" => admin::time,
        "unsubscribe" => pubsub::unsubscribe,
        "unwatch" => connection::unwatch,
        "wait" => admin::wait,
        "watch" => connection::watch,
        _ => return None,
    })
}
