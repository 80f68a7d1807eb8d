//! Postfix as Debian ships it, with logins by Dovecot: a mail server for the machine's own users, and one that relays
//! for everybody (decoys.md §5.10).
//!
//! [`core`] is the conversation without sockets or files; [`session`] carries it. Mail for users of the machine goes to
//! their mailboxes. None leaves the machine.

pub mod act;
mod address;
mod body;
pub mod core;
mod envelope;
mod features;
mod sasl;
mod session;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{FutureExt, LocalBoxFuture};
use model::machine::ServiceSpec;
use time::OffsetDateTime;

use self::act::{Config, Link, World};
use super::mail::{self, login::Policy};
use super::tls::{Profile, Tls};
use super::{Context, Entry, Service};
use crate::conn::Conn;
use crate::machine::Machine;

pub(super) const SMTP: Entry = Entry {
    slug: "smtp",
    title: "/usr/lib/postfix/sbin/master\0-w",
    run_as: &[],
    furnish: Some(furnish),
    build,
};

pub(super) const RELAY: Entry = Entry {
    slug: "smtp_relay",
    ..SMTP
};

/// The port where mail clients hand mail in.
const SUBMISSION: u16 = 587;
/// A greylisted recipient is taken after so long.
const GREY: Duration = Duration::from_secs(300);
const MAX_GREY: usize = 10_000;
/// Bytes of mail this process puts into mailboxes. What comes after is kept as evidence alone.
const MAX_DELIVERED: usize = 256 << 20;

/// Source, sender and recipient, and when they first came.
type Greylist = HashMap<(IpAddr, String, String), Instant>;

struct Smtp {
    machine: Arc<Machine>,
    config: Rc<Config>,
    product: String,
    policy: Policy,
    tls: Option<Tls>,
    grey: Option<RefCell<Greylist>>,
    /// Number of the last message's file.
    inode: Cell<u32>,
    room: Cell<usize>,
}

fn build(cx: Context) -> Result<Rc<dyn Service>, String> {
    let hostname = hostname(&cx.machine);
    let keys = &cx.machine.spec().keys;
    let tls = (!keys.tls_cert.is_empty()).then(|| Tls::new(Profile::Postfix, &keys.tls_cert, &keys.tls_key));
    let banner = cx
        .spec
        .text("banner")
        .unwrap_or("$myhostname ESMTP Postfix (Debian/GNU)");
    let draw = cx.machine.draw("mail/inode");
    Ok(Rc::new(Smtp {
        config: Rc::new(Config {
            banner: banner.trim_start_matches("220 ").replace("$myhostname", &hostname),
            destinations: destinations(&cx.machine),
            relays: cx.spec.slug == RELAY.slug,
            modern: cx.spec.flag("modern").unwrap_or(true),
            hostname,
        }),
        product: cx.spec.text("product").unwrap_or("Postfix 3.7.11").to_owned(),
        policy: Policy::of(&cx.spec)?,
        tls: tls.transpose()?,
        grey: cx.spec.flag("greylist").unwrap_or(false).then(RefCell::default),
        inode: Cell::new(0x2_0000 + u32::from_be_bytes([0, draw[0] & 7, draw[1], draw[2]])),
        room: Cell::new(MAX_DELIVERED),
        machine: cx.machine,
    }))
}

fn hostname(machine: &Machine) -> String {
    match (machine.hostname(), &machine.spec().domain[..]) {
        (host, "") => host.to_owned(),
        (host, domain) => format!("{host}.{domain}"),
    }
}

/// The names whose mail is for users of the machine.
fn destinations(machine: &Machine) -> Vec<String> {
    let domain = &machine.spec().domain;
    let mut names = vec![hostname(machine), machine.hostname().to_owned(), "localhost".into()];
    if !domain.is_empty() {
        names.extend([domain.clone(), format!("localhost.{domain}")]);
    }
    names.dedup();
    names
}

/// What the package and the operator put under `/etc`, where it is not there yet.
fn furnish(machine: &Machine, spec: &ServiceSpec) -> io::Result<()> {
    let networks = if spec.slug == RELAY.slug {
        "0.0.0.0/0 [::]/0"
    } else {
        "127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128"
    };
    let main = format!(
        "smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)\nbiff = no\nappend_dot_mydomain = no\n\
         readme_directory = no\ncompatibility_level = 3.6\n\
         smtpd_tls_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem\n\
         smtpd_tls_key_file=/etc/ssl/private/ssl-cert-snakeoil.key\nsmtpd_tls_security_level=may\n\
         smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = private/auth\n\
         smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination\n\
         myhostname = {}\nalias_maps = hash:/etc/aliases\nalias_database = hash:/etc/aliases\nmydestination = {}\n\
         relayhost = \nmynetworks = {networks}\nmail_spool_directory = /var/mail/\nmailbox_size_limit = 0\n\
         recipient_delimiter = +\ninet_interfaces = all\ninet_protocols = all\n",
        hostname(machine),
        destinations(machine).join(", "),
    );
    let aliases = "# See man 5 aliases for format\npostmaster:    root\n".to_owned();
    std::fs::create_dir_all(machine.path("/etc/postfix"))?;
    std::fs::create_dir_all(machine.path(mail::SPOOL))?;
    let files = [
        ("/etc/postfix/main.cf", main),
        ("/etc/aliases", aliases),
        ("/etc/mailname", format!("{}\n", hostname(machine))),
    ];
    for (path, text) in files {
        let path = machine.path(path);
        if !path.exists() {
            std::fs::write(&path, text)?;
        }
    }
    Ok(())
}

// === impl Smtp ===

impl Smtp {
    /// Whether there is room in the mailboxes for so many bytes; takes it.
    fn take_room(&self, bytes: usize) -> bool {
        let left = self.room.get().checked_sub(bytes);
        self.room.set(left.unwrap_or_else(|| self.room.get()));
        left.is_some()
    }
}

impl Service for Smtp {
    fn product(&self) -> String {
        self.product.clone()
    }

    fn serve(self: Rc<Self>, conn: Conn) -> LocalBoxFuture<'static, ()> {
        session::converse(self, conn).boxed_local()
    }
}

/// The machine as one connection sees it.
struct View<'a> {
    smtp: &'a Smtp,
    peer: IpAddr,
}

// === impl View ===

impl<'a> View<'a> {
    fn of(smtp: &'a Smtp, link: &Link) -> Self {
        Self { smtp, peer: link.peer }
    }
}

impl World for View<'_> {
    fn mailbox(&self, name: &str) -> Option<String> {
        mail::mailbox(&self.smtp.machine, name)
    }

    fn is_greylisted(&self, sender: &str, recipient: &str) -> bool {
        let Some(grey) = &self.smtp.grey else { return false };
        let mut grey = grey.borrow_mut();
        if grey.len() >= MAX_GREY {
            grey.retain(|_, first| first.elapsed() < GREY);
        }
        if grey.len() >= MAX_GREY {
            grey.clear();
        }
        let key = (self.peer, sender.to_lowercase(), recipient.to_lowercase());
        grey.entry(key).or_insert_with(Instant::now).elapsed() < GREY
    }

    /// Microseconds and the number of a file, as the product's are.
    fn queue_id(&self) -> String {
        let inode = self.smtp.inode.get().wrapping_add(1);
        self.smtp.inode.set(inode);
        format!("{:05X}{inode:X}", OffsetDateTime::now_utc().microsecond())
    }
}
