//! MongoDB over collections that are this machine's alone (decoys.md §5.20).
//!
//! [`wire`] reads messages, [`server`] answers them without sockets, [`session`] carries both, one task a connection.
//! Each address that comes in has a copy of the databases to itself.

mod bait;
mod bson;
mod collections;
mod commands;
mod documents;
mod expression;
mod filter;
mod find;
mod furnish;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod info;
mod login;
mod pipeline;
mod record;
mod server;
mod session;
mod store;
#[cfg(test)]
mod tests;
mod update;
mod wire;

use std::rc::Rc;

use super::{Context, Entry, Service};

pub(super) const ENTRY: Entry = Entry {
    slug: "mongodb",
    title: "/usr/bin/mongod\0--config\0/etc/mongod.conf",
    run_as: &["mongodb"],
    furnish: Some(furnish::furnish),
    build,
};

fn build(cx: Context) -> Result<Rc<dyn Service>, String> {
    Ok(Rc::new(session::MongoDb::new(&cx)?))
}
