//! The services a machine can run. Adding one is a file here, a line in [`TABLE`] and a folder in
//! `templates/services/`.

mod containers;
mod database;
pub mod docker;
pub mod dovecot;
pub mod elasticsearch;
pub mod ftp;
mod golang;
pub mod http;
pub mod k8s;
pub mod mail;
pub mod mongodb;
pub mod mysql;
pub mod postgres;
pub mod redis;
mod scram;
pub mod smtp;
pub mod ssh;
pub mod telnet;
mod tls;

use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use model::machine::ServiceSpec;

use crate::conn::Conn;
use crate::machine::Machine;
use crate::report::{Place, Reporter};

/// One line of the table.
pub struct Entry {
    pub slug: &'static str,
    /// What `ps` shows for the process that serves it, unless the persona names another (`title`). A NUL parts
    /// arguments as in a real command line; a product that rewrites its title, as sshd does, has spaces.
    pub title: &'static str,
    /// Users of the machine to serve as, once the ports are bound: the first that exists, the first of all being made
    /// when none does. Empty: root. What only root may read must come from the spec or be read before.
    pub run_as: &'static [&'static str],
    /// What installing the product would have put on the machine; runs as root, before the service gives root up.
    pub furnish: Option<fn(&Machine, &ServiceSpec) -> std::io::Result<()>>,
    pub build: fn(Context) -> Result<Rc<dyn Service>, String>,
}

/// A service of one machine, for as long as its process lives.
pub trait Service {
    /// What it claims to be, for the record: `OpenSSH 9.2p1 Debian 2+deb12u7`.
    fn product(&self) -> String;

    /// Holds one conversation, from accept to close.
    fn serve(self: Rc<Self>, conn: Conn) -> LocalBoxFuture<'static, ()>;
}

/// What a service is built from.
#[derive(Clone)]
pub struct Context {
    pub machine: Arc<Machine>,
    pub spec: Arc<ServiceSpec>,
    pub reporter: Reporter,
    /// The service itself, for reports that belong to no connection.
    pub place: Place,
}

pub const TABLE: &[Entry] = &[
    docker::ENTRY,
    dovecot::IMAP,
    dovecot::POP3,
    elasticsearch::ENTRY,
    ftp::ENTRY,
    http::HTTP,
    http::HTTPS,
    k8s::ENTRY,
    mongodb::ENTRY,
    mysql::ENTRY,
    postgres::ENTRY,
    redis::ENTRY,
    smtp::SMTP,
    smtp::RELAY,
    ssh::ENTRY,
    telnet::ENTRY,
];

pub fn entry(slug: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.slug == slug)
}
