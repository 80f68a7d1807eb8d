//! Elasticsearch over indices that are this machine's alone (decoys.md §5.22).
//!
//! [`wire`] reads requests, [`node`] answers them without sockets, [`session`] carries both, one task a connection.
//! Each address that comes in has a copy of the indices to itself.

mod aggs;
mod bait;
mod call;
mod cat;
mod cluster;
mod docs;
mod encode;
mod furnish;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod indices;
mod json;
mod node;
mod order;
mod pit;
mod query;
mod record;
mod reply;
mod route;
mod scope;
mod search;
mod session;
mod source;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod value;
mod wire;

use std::rc::Rc;

use super::{Context, Entry, Service};

pub(super) const ENTRY: Entry = Entry {
    slug: "elasticsearch",
    title: "/usr/share/elasticsearch/jdk/bin/java\0-Xshare:auto\0-Des.networkaddress.cache.ttl=60\0-XX:+UseG1GC\0-Des.path.home=/usr/share/elasticsearch\0-Des.path.conf=/etc/elasticsearch\0-Des.distribution.flavor=default\0-cp\0/usr/share/elasticsearch/lib/*\0org.elasticsearch.bootstrap.Elasticsearch\0-p\0/var/run/elasticsearch/elasticsearch.pid\0--quiet",
    run_as: &["elasticsearch"],
    furnish: Some(furnish::furnish),
    build,
};

fn build(cx: Context) -> Result<Rc<dyn Service>, String> {
    Ok(Rc::new(session::Elasticsearch::new(&cx)?))
}
