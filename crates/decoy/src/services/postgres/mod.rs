//! PostgreSQL as Debian ships it, over bait that is this machine's alone (decoys.md §5.18).
//!
//! [`core`] is a conversation without sockets; [`session`] drives it, one task a connection. What is asked in SQL is
//! answered by the `sql` crate, over a copy of the server for each address that comes in.

mod bait;
mod core;
mod furnish;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod record;
mod scram;
mod session;
mod wire;

use std::rc::Rc;

use self::core::{Method, Settings};
use self::session::Postgres;
use super::{Context, Entry, Service};

pub(super) const ENTRY: Entry = Entry {
    slug: "postgres",
    title: "/usr/lib/postgresql/15/bin/postgres\0-D\0/var/lib/postgresql/15/main\0-c\0config_file=/etc/postgresql/15/main/postgresql.conf",
    run_as: &["postgres"],
    furnish: Some(furnish::furnish),
    build,
};

fn build(cx: Context) -> Result<Rc<dyn Service>, String> {
    let (over_tls, plain) = match cx.spec.text("auth") {
        // A password in the clear is what TLS is for; without it, an MD5 answer can still be guessed at.
        None | Some("bait") => (Method::Password, Method::Md5),
        Some("scram-sha-256") => (Method::Scram, Method::Scram),
        Some("md5") => (Method::Md5, Method::Md5),
        Some("password") => (Method::Password, Method::Password),
        Some(other) => {
            return Err(format!(
                "auth is {other:?}; it can be bait, scram-sha-256, md5 or password"
            ));
        }
    };
    let (open, closed) = match cx.spec.text("login_mode") {
        None | Some("accounts") => (false, false),
        Some("never") => (false, true),
        Some("always") => (true, false),
        Some(other) => return Err(format!("login_mode is {other:?}; it can be accounts, never or always")),
    };
    let keys = &cx.machine.spec().keys;
    let settings = Settings {
        over_tls,
        plain,
        tls: !keys.tls_cert.is_empty(),
        open,
        closed,
        secret: cx.machine.draw("postgres/secret"),
    };
    Ok(Rc::new(Postgres::new(cx, settings)?))
}
