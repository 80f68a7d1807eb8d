//! Dovecot as Debian ships it, over the machine's own mailboxes (decoys.md §5.12, §5.13).
//!
//! [`imap`] and [`pop3`] hold conversations without sockets; [`session`] carries them, after a login in a thread with
//! the user's rights.

pub mod imap;
mod mime;
pub mod pop3;
mod session;

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::{FutureExt, LocalBoxFuture};
use model::machine::ServiceSpec;

use self::imap::Imap;
use self::pop3::Pop3;
use super::mail::{self, login::Policy, pack, talk::Talk};
use super::tls::{Profile, Tls};
use super::{Context, Entry, Service};
use crate::conn::Conn;
use crate::machine::Machine;

pub(super) const IMAP: Entry = Entry {
    slug: "imap",
    title: "/usr/sbin/dovecot\0-F",
    run_as: &[],
    furnish: Some(furnish),
    build,
};

pub(super) const POP3: Entry = Entry { slug: "pop3", ..IMAP };

pub(super) struct Dovecot {
    machine: Arc<Machine>,
    slug: String,
    greeting: String,
    product: String,
    policy: Policy,
    tls: Option<Tls>,
}

fn build(cx: Context) -> Result<Rc<dyn Service>, String> {
    let keys = &cx.machine.spec().keys;
    let tls = (!keys.tls_cert.is_empty()).then(|| Tls::new(Profile::Dovecot, &keys.tls_cert, &keys.tls_key));
    Ok(Rc::new(Dovecot {
        slug: cx.spec.slug.clone(),
        greeting: cx.spec.text("banner").unwrap_or("Dovecot (Debian) ready.").to_owned(),
        product: cx.spec.text("product").unwrap_or("Dovecot 2.3.19.1").to_owned(),
        policy: Policy::of(&cx.spec)?,
        tls: tls.transpose()?,
        machine: cx.machine,
    }))
}

/// What the operator put under `/etc`, and the mail of the machine's people.
fn furnish(machine: &Machine, _spec: &ServiceSpec) -> io::Result<()> {
    let path = machine.path("/etc/dovecot/conf.d/99-local.conf");
    if !path.exists() {
        std::fs::create_dir_all(machine.path("/etc/dovecot/conf.d"))?;
        let text = "disable_plaintext_auth = no\nauth_mechanisms = plain login\nmail_location = maildir:/var/mail/%u\n";
        std::fs::write(path, text)?;
    }
    std::fs::create_dir_all(machine.path(mail::SPOOL))?;
    pack::fill_all(machine)
}

impl Dovecot {
    fn talk(&self, tls: bool) -> Box<dyn Talk> {
        match &self.slug[..] {
            "pop3" => Box::new(Pop3::new(&self.greeting, tls)),
            _ => Box::new(Imap::new(&self.greeting, tls)),
        }
    }
}

impl Service for Dovecot {
    fn product(&self) -> String {
        self.product.clone()
    }

    fn serve(self: Rc<Self>, conn: Conn) -> LocalBoxFuture<'static, ()> {
        session::converse(self, conn).boxed_local()
    }
}
