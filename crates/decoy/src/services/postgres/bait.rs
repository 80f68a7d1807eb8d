//! A company's database: customers, staff who log in, orders, keys of interfaces, made from the machine's seed.

use std::cell::RefCell;
use std::rc::Rc;

use sha2::{Digest, Sha256};
use sql::{Cluster, Host, Persona, Session, parse};

use super::core::Method;
use super::scram::{self, Verifier};

const APPLICATIONS: [&str; 8] = [
    "shop",
    "crm",
    "billing",
    "inventory",
    "portal",
    "intranet",
    "orders",
    "tickets",
];
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
const FIRST: [&str; 24] = [
    "Anna", "Ben", "Clara", "David", "Elena", "Frank", "Grace", "Henry", "Iris", "Jonas", "Karen", "Luca", "Maria",
    "Noah", "Olga", "Paul", "Quinn", "Rosa", "Simon", "Tara", "Udo", "Vera", "Walter", "Yara",
];
const LAST: [&str; 24] = [
    "Adler", "Becker", "Costa", "Dahl", "Evans", "Fischer", "Garcia", "Hansen", "Ivanov", "Jensen", "Keller", "Lang",
    "Meyer", "Novak", "Olsen", "Petit", "Quist", "Rossi", "Schmidt", "Thomas", "Unger", "Vogel", "Weber", "Zeller",
];
const CITIES: [&str; 10] = [
    "Aachen", "Bergen", "Cork", "Dresden", "Essen", "Ghent", "Leeds", "Lyon", "Parma", "Turku",
];
const STATES: [&str; 5] = ["new", "paid", "paid", "shipped", "cancelled"];
const KEYS: [&str; 6] = ["payments", "mailer", "backup", "monitoring", "warehouse", "partner-api"];

const SCHEMA: &str = "create table customers (id serial primary key, name varchar(120) not null, email text not null unique, phone varchar(32), city text, created_at timestamptz not null default now());
create table users (id serial primary key, username varchar(64) not null unique, email text not null, password_hash text not null, role text not null default 'user', active boolean not null default true, last_login timestamptz);
create table orders (id bigserial primary key, customer_id integer not null references customers(id) on delete cascade, total numeric(10,2) not null, status text not null default 'new', created_at timestamptz not null default now());
create index orders_customer_id_idx on orders(customer_id);
create table api_keys (id serial primary key, name text not null, key text not null, created_at timestamptz not null default now())";

/// Numbers that are the seed's alone.
struct Draw {
    seed: [u8; 32],
    turn: u64,
}

// === impl Draw ===

impl Draw {
    fn below(&mut self, most: u64) -> u64 {
        self.turn += 1;
        let hash = Sha256::new()
            .chain_update(self.seed)
            .chain_update(self.turn.to_le_bytes())
            .finalize();
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hash[..8]);
        u64::from_le_bytes(bytes) % most.max(1)
    }

    fn one<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }

    fn letters(&mut self, count: usize) -> String {
        const ALL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        (0..count)
            .map(|_| char::from(ALL[self.below(ALL.len() as u64) as usize]))
            .collect()
    }
}

/// What the machine's server holds, and who gets in.
pub(super) struct Bait<'a> {
    pub(super) seed: [u8; 32],
    pub(super) domain: &'a str,
    /// Of the superuser; none is one of those guessed first.
    pub(super) password: Option<&'a str>,
    pub(super) method: Method,
}

/// A server with the bait in it. Days before now are the moments in it.
pub(super) fn cluster(bait: &Bait<'_>, persona: &Persona, host: &dyn Host) -> Result<Cluster, String> {
    let mut draw = Draw {
        seed: bait.seed,
        turn: 0,
    };
    let mut cluster = Cluster::new();
    let guessed = draw.one(&PASSWORDS);
    let application = draw.one(&APPLICATIONS);
    let own = draw.letters(14);
    let kept = |user: &str, password: &str| match bait.method {
        Method::Scram => Verifier::new(
            password.as_bytes(),
            &Sha256::digest([&bait.seed, user.as_bytes()].concat())[..16],
        )
        .text(),
        _ => scram::md5_stored(user, password.as_bytes()),
    };
    cluster.set_password("postgres", Some(kept("postgres", bait.password.unwrap_or(guessed))));
    let owner = cluster.add_role(application, Some(kept(application, &own)));
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
    let customers = 40 + draw.below(60);
    run(&people(&mut draw, customers))?;
    run(&staff(&mut draw, bait.domain))?;
    run(&orders(&mut draw, customers))?;
    run(&keys(&mut draw))?;
    drop(session);
    let made = cluster.borrow().clone();
    Ok(made)
}

/// A moment up to so many days ago.
fn ago(draw: &mut Draw, days: u64) -> String {
    format!(
        "now() - interval '{} days {} seconds'",
        draw.below(days),
        draw.below(86_400)
    )
}

fn people(draw: &mut Draw, count: u64) -> String {
    let rows = (0..count).map(|n| {
        let (first, last) = (draw.one(&FIRST), draw.one(&LAST));
        let mail = format!("{}.{}{n}@example.com", first.to_lowercase(), last.to_lowercase());
        let phone = format!("+49 {} {:07}", 100 + draw.below(900), draw.below(10_000_000));
        format!(
            "('{first} {last}', '{mail}', '{phone}', '{}', {})",
            draw.one(&CITIES),
            ago(draw, 900)
        )
    });
    let rows: Vec<String> = rows.collect();
    format!(
        "insert into customers (name, email, phone, city, created_at) values {}",
        rows.join(", ")
    )
}

fn staff(draw: &mut Draw, domain: &str) -> String {
    let domain = if domain.is_empty() { "example.com" } else { domain };
    let mut rows = vec![("admin".to_owned(), "admin")];
    for n in 0..6 + draw.below(8) {
        let name = format!(
            "{}{}",
            draw.one(&FIRST).to_lowercase(),
            draw.one(&LAST)[..1].to_lowercase()
        );
        rows.push((format!("{name}{n}"), if n % 5 == 0 { "manager" } else { "user" }));
    }
    let rows = rows.into_iter().map(|(name, role)| {
        let hash = format!("$2y$10${}", draw.letters(53));
        format!("('{name}', '{name}@{domain}', '{hash}', '{role}', {})", ago(draw, 30))
    });
    let rows: Vec<String> = rows.collect();
    format!(
        "insert into users (username, email, password_hash, role, last_login) values {}",
        rows.join(", ")
    )
}

fn orders(draw: &mut Draw, customers: u64) -> String {
    let rows = (0..150 + draw.below(150)).map(|_| {
        format!(
            "({}, {}.{:02}, '{}', {})",
            1 + draw.below(customers),
            3 + draw.below(900),
            draw.below(100),
            draw.one(&STATES),
            ago(draw, 400)
        )
    });
    let rows: Vec<String> = rows.collect();
    format!(
        "insert into orders (customer_id, total, status, created_at) values {}",
        rows.join(", ")
    )
}

fn keys(draw: &mut Draw) -> String {
    let rows: Vec<String> = KEYS
        .iter()
        .map(|name| format!("('{name}', '{}', {})", draw.letters(40), ago(draw, 500)))
        .collect();
    format!(
        "insert into api_keys (name, key, created_at) values {}",
        rows.join(", ")
    )
}
