//! MariaDB as Debian ships it, and MySQL, over bait that is this machine's alone (decoys.md §5.17).
//!
//! [`core`] is a conversation without sockets; [`session`] drives it, one task a connection. What is asked in SQL is
//! answered by the `sql` crate, over a copy of the server for each address that comes in.

mod bait;
mod core;
mod furnish;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod record;
mod session;
#[cfg(test)]
mod tests;
mod wire;

use std::rc::Rc;

use self::core::Method;
use self::session::Mysql;
use super::{Context, Entry, Service};

pub(super) const ENTRY: Entry = Entry {
    slug: "mysql",
    title: "/usr/sbin/mariadbd",
    run_as: &["mysql"],
    furnish: Some(furnish::furnish),
    build,
};

fn build(cx: Context) -> Result<Rc<dyn Service>, String> {
    let mariadb = cx.spec.text("family") != Some("mysql");
    let method = match cx.spec.text("auth") {
        // MySQL's own way shows the whole password; MariaDB's an answer that can still be guessed at.
        None | Some("bait") if mariadb => Method::Native,
        None | Some("bait" | "caching_sha2_password") => Method::Sha2,
        Some("mysql_native_password") => Method::Native,
        Some("mysql_clear_password") => Method::Clear,
        Some(other) => {
            return Err(format!(
                "auth is {other:?}; it can be bait, mysql_native_password, caching_sha2_password or mysql_clear_password"
            ));
        }
    };
    let (open, closed) = match cx.spec.text("login_mode") {
        None | Some("accounts") => (false, false),
        Some("never") => (false, true),
        Some("always") => (true, false),
        Some(other) => return Err(format!("login_mode is {other:?}; it can be accounts, never or always")),
    };
    Ok(Rc::new(Mysql::new(cx, mariadb, method, (open, closed))?))
}
