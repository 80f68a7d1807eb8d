//! Redis 7.0 as Debian 12 ships it, open to the network as careless operators leave it (decoys.md §5.21).
//!
//! [`server`] is the whole product without a socket, clock or disk; [`session`] drives it, one task a connection.

mod acl;
mod bait;
mod client;
mod commands;
mod config;
mod db;
mod dict;
mod digest;
mod disk;
mod dispatch;
mod furnish;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod geohash;
mod glob;
mod hyperloglog;
mod info;
mod keyspace;
mod listpack;
mod longdouble;
mod lzf;
mod number;
mod persist;
mod rdb;
mod rdb_read;
mod rdb_stream;
mod record;
mod reply;
mod request;
mod script;
mod server;
mod session;
mod slowlog;
mod stats;
mod stream;
mod table;
mod value;
mod zset;

use std::rc::Rc;

use super::{Context, Entry, Service};

pub(super) const ENTRY: Entry = Entry {
    slug: "redis",
    title: "/usr/bin/redis-server 0.0.0.0:6379",
    run_as: &["redis"],
    furnish: Some(furnish::furnish),
    build,
};

fn build(cx: Context) -> Result<Rc<dyn Service>, String> {
    Ok(Rc::new(session::Redis::new(&cx)?))
}
