//! vsftpd as Debian 12 ships it, with `write_enable=YES`, over the machine's own files (decoys.md §5.5).
//!
//! [`core`] is the control conversation without sockets or files; [`session`] drives it, one task a connection.

mod account;
pub mod address;
mod change;
pub mod core;
mod data;
mod files;
pub mod line;
pub mod listing;
mod message;
mod number;
pub mod reply;
mod session;
mod transfer;

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::{FutureExt, LocalBoxFuture};
use model::machine::ServiceSpec;

use self::core::Config;
use super::{Context, Entry, Service};
use crate::conn::Conn;
use crate::machine::Machine;

pub(super) const ENTRY: Entry = Entry {
    slug: "ftp",
    title: "/usr/sbin/vsftpd\0/etc/vsftpd.conf",
    run_as: &[],
    furnish: Some(furnish),
    build,
};

/// Names that may not log in, as the package lists them.
const BARRED: &[&str] = &[
    "root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp", "nobody",
];

/// Who gets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    Accounts,
    Never,
    Always,
}

struct Ftp {
    machine: Arc<Machine>,
    config: Config,
    product: String,
    policy: Policy,
    /// Sessions there are.
    clients: Cell<usize>,
    /// Bytes of uploads still to be kept in memory, of all sessions.
    room: Cell<usize>,
}

fn build(cx: Context) -> Result<Rc<dyn Service>, String> {
    // Modes of new files are reckoned a session at a time.
    nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    let product = cx.spec.text("product").unwrap_or("vsftpd 3.0.3").to_owned();
    let version = product.rsplit(' ').next().unwrap_or("3.0.3").to_owned();
    let banner = cx
        .spec
        .text("banner")
        .map_or_else(|| format!("(vsFTPd {version})"), str::to_owned);
    let policy = match cx.spec.text("login_mode") {
        None | Some("accounts") => Policy::Accounts,
        Some("never") => Policy::Never,
        Some("always") => Policy::Always,
        Some(other) => return Err(format!("login_mode is {other:?}; it can be accounts, never or always")),
    };
    let write_enable = cx.spec.flag("allow_upload").unwrap_or(true);
    Ok(Rc::new(Ftp {
        machine: cx.machine,
        config: Config {
            banner,
            version,
            write_enable,
        },
        product,
        policy,
        clients: Cell::new(0),
        room: Cell::new(transfer::MAX_KEPT),
    }))
}

/// What the package and the operator put under `/etc`, where it is not there yet.
fn furnish(machine: &Machine, spec: &ServiceSpec) -> io::Result<()> {
    let write_enable = if spec.flag("allow_upload").unwrap_or(true) {
        "YES"
    } else {
        "NO"
    };
    let config = format!(
        "listen=NO\nlisten_ipv6=YES\nanonymous_enable=NO\nlocal_enable=YES\nwrite_enable={write_enable}\n\
         dirmessage_enable=YES\nuse_localtime=YES\nxferlog_enable=YES\nconnect_from_port_20=YES\n\
         secure_chroot_dir=/var/run/vsftpd/empty\npam_service_name=vsftpd\n\
         rsa_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem\n\
         rsa_private_key_file=/etc/ssl/private/ssl-cert-snakeoil.key\nssl_enable=NO\n"
    );
    let barred = format!(
        "# /etc/ftpusers: list of users disallowed FTP access. See ftpusers(5).\n\n{}\n",
        BARRED.join("\n")
    );
    for (path, text) in [("/etc/ftpusers", barred), ("/etc/vsftpd.conf", config)] {
        let path = machine.path(path);
        if !path.exists() {
            std::fs::write(&path, text)?;
        }
    }
    Ok(())
}

impl Service for Ftp {
    fn product(&self) -> String {
        self.product.clone()
    }

    fn serve(self: Rc<Self>, conn: Conn) -> LocalBoxFuture<'static, ()> {
        session::converse(self, conn).boxed_local()
    }
}
