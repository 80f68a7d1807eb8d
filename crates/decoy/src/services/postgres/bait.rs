//! The superuser, the application's own account, and a company's database.

use std::cell::RefCell;
use std::rc::Rc;

use sha2::{Digest, Sha256};
use sql::{Cluster, Host, Persona, Session, parse};

use super::super::database::bait::rows;
use super::super::database::company::{Company, Draw};
use super::core::Method;
use super::scram;

/// What careless operators set for the superuser, and those who guess try first.
const PASSWORDS: [&str; 8] = [
    "postgres",
    "password",
    "123456",
    "admin",
    "postgres123",
    "Password1",
    "qwerty",
    "changeme",
];

const SCHEMA: &str = "create table customers (id serial primary key, name varchar(120) not null, email text not null unique, phone varchar(32), city text, created_at timestamptz not null default now());
create table users (id serial primary key, username varchar(64) not null unique, email text not null, password_hash text not null, role text not null default 'user', active boolean not null default true, last_login timestamptz);
create table orders (id bigserial primary key, customer_id integer not null references customers(id) on delete cascade, total numeric(10,2) not null, status text not null default 'new', created_at timestamptz not null default now());
create index orders_customer_id_idx on orders(customer_id);
create table api_keys (id serial primary key, name text not null, token text not null, created_at timestamptz not null default now())";

/// What the machine's server holds, and who gets in.
pub(super) struct Bait<'a> {
    pub(super) seed: [u8; 32],
    pub(super) company: &'a Company,
    /// Of the superuser; none is one of those guessed first.
    pub(super) password: Option<&'a str>,
    pub(super) method: Method,
}

/// A server with the bait in it.
pub(super) fn cluster(bait: &Bait<'_>, persona: &Persona, host: &dyn Host) -> Result<Cluster, String> {
    let mut cluster = Cluster::new();
    let company = bait.company;
    let application = company.application;
    let guessed = Draw::new(bait.seed).one(&PASSWORDS);
    let kept = |user: &str, password: &str| match bait.method {
        Method::Scram => {
            let salt = Sha256::digest([&bait.seed, user.as_bytes()].concat());
            scram::text(&scram::verifier(password.as_bytes(), &salt[..16]))
        }
        _ => scram::md5_stored(user, password.as_bytes()),
    };
    cluster.set_password("postgres", Some(kept("postgres", bait.password.unwrap_or(guessed))));
    let owner = cluster.add_role(application, Some(kept(application, &company.own)));
    cluster.add_database(application, owner);
    let cluster = Rc::new(RefCell::new(cluster));
    let session = Session::new(cluster.clone(), persona.clone(), application, application);
    let mut session = session.ok_or("the bait's own database is missing")?;
    let mut run = |text: &str| -> Result<(), String> {
        for parsed in parse::statements(text).map_err(|error| error.message.clone())? {
            session
                .execute(host, text, &parsed, (&[], Vec::new()))
                .map_err(|error| error.message.clone())?;
        }
        Ok(())
    };
    run(SCHEMA)?;
    for statement in rows(company, ago) {
        run(&statement)?;
    }
    drop(session);
    let mut made = cluster.borrow().clone();
    made.settle();
    Ok(made)
}

fn ago(seconds: u64) -> String {
    format!("now() - interval '{seconds} seconds'")
}
