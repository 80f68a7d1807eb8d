//! The superuser, the application's own account, and a company's database.

use std::cell::RefCell;
use std::rc::Rc;

use sql::mysql::{Client, native_hash};
use sql::{Cluster, Host, Persona};

use super::super::database::bait::rows;
use super::super::database::company::{Company, Draw};

/// What careless operators set for the superuser, and those who guess try first.
const PASSWORDS: [&str; 8] = [
    "root", "password", "123456", "admin", "mysql", "root123", "toor", "changeme",
];
const SCHEMA: &str = "create table customers (id int unsigned not null auto_increment primary key, name varchar(120) not null, email varchar(190) not null, phone varchar(32), city varchar(64), created_at datetime not null default current_timestamp(), unique key email (email));
create table users (id int unsigned not null auto_increment primary key, username varchar(64) not null, email varchar(190) not null, password_hash varchar(255) not null, role varchar(16) not null default 'user', active tinyint(1) not null default 1, last_login datetime, unique key username (username));
create table orders (id bigint unsigned not null auto_increment primary key, customer_id int unsigned not null, total decimal(10,2) not null, status varchar(16) not null default 'new', created_at datetime not null default current_timestamp(), constraint orders_ibfk_1 foreign key (customer_id) references customers (id) on delete cascade);
create index customer_id on orders (customer_id);
create table api_keys (id int unsigned not null auto_increment primary key, name varchar(64) not null, token varchar(64) not null, created_at datetime not null default current_timestamp())";

/// What the machine's server holds, and who gets in.
pub(super) struct Bait<'a> {
    pub(super) seed: [u8; 32],
    pub(super) company: &'a Company,
    /// Of the superuser; none is one of those guessed first.
    pub(super) password: Option<&'a str>,
}

/// A server with the bait in it.
pub(super) fn cluster(bait: &Bait<'_>, persona: &Persona, host: &dyn Host) -> Result<Cluster, String> {
    let mut cluster = Cluster::mysql();
    let company = bait.company;
    let application = company.application;
    let guessed = Draw::new(bait.seed).one(&PASSWORDS);
    let root = bait.password.unwrap_or(guessed);
    cluster.set_password("root", Some(native_hash(root.as_bytes())));
    let owner = cluster.add_role(application, Some(native_hash(company.own.as_bytes())));
    cluster.add_schema(application, owner);
    let cluster = Rc::new(RefCell::new(cluster));
    let mut client =
        Client::new(cluster.clone(), persona.clone(), application).ok_or("the bait's own account is missing")?;
    client
        .use_schema(host, application)
        .map_err(|refusal| refusal.message)?;
    let mut statements: Vec<String> = SCHEMA.split(";\n").map(str::to_owned).collect();
    statements.extend(rows(company, ago));
    for statement in statements {
        client.first(host, &statement).map_err(|refusal| refusal.message)?;
    }
    drop(client);
    let mut made = cluster.borrow().clone();
    made.settle();
    Ok(made)
}

fn ago(seconds: u64) -> String {
    format!("now() - interval {seconds} second")
}
