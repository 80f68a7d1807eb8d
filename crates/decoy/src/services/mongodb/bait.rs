//! The company's data as an application would have put it into collections.

use super::super::database::company::{Company, Draw};
use super::bson::{Bson, Doc, document};
use super::store::Store;
use crate::machine::Machine;

const DAY: u64 = 86_400;
const EVENTS: u64 = 240;
/// What careless operators set for `admin`, and those who guess try first.
const PASSWORDS: [&str; 8] = [
    "admin", "password", "123456", "mongodb", "mongo", "admin123", "root", "changeme",
];
const KINDS: [&str; 6] = [
    "login",
    "logout",
    "order.created",
    "order.paid",
    "password.changed",
    "export",
];

/// What opens `admin` when nothing is configured.
pub(super) fn guessed(machine: &Machine) -> String {
    Draw::new(machine.draw("mongodb/password")).one(&PASSWORDS).to_owned()
}

/// Databases with the company in them. `series` is the product's, as 4.4; `now` is in milliseconds since 1970.
pub(super) fn store(company: &Company, series: &str, seed: [u8; 32], now: i64) -> Result<Store, String> {
    let mut made = Making {
        store: Store::default(),
        draw: Draw::new(seed),
        now,
    };
    let application = company.application;
    let backup = format!("{application}_backup");
    made.system(series)?;
    for database in [application, &backup] {
        // A backup is older: it lacks what came last.
        let age = if database == application { 0 } else { 30 * DAY };
        let customers = company
            .customers
            .iter()
            .enumerate()
            .filter(|(_, customer)| customer.created >= age);
        let customers: Vec<Doc> = customers
            .map(|(n, customer)| {
                document! {
                    "_id": made.id(customer.created), "number": n as i32 + 1, "name": &customer.name,
                    "email": &customer.email, "phone": &customer.phone, "city": customer.city,
                    "createdAt": made.moment(customer.created),
                }
            })
            .collect();
        made.fill(database, "customers", customers)?;
        let orders = company.orders.iter().filter(|order| order.created >= age);
        let orders: Vec<Doc> = orders
            .map(|order| {
                document! {
                    "_id": made.id(order.created), "customer": order.customer as i32, "total": order.cents as f64 / 100.0,
                    "status": order.status, "createdAt": made.moment(order.created),
                }
            })
            .collect();
        made.fill(database, "orders", orders)?;
    }
    let users: Vec<Doc> = company
        .staff
        .iter()
        .map(|person| {
            document! {
                "_id": made.id(person.last_login + 200 * DAY), "username": &person.name, "email": &person.email,
                "password": &person.hash, "role": person.role, "lastLogin": made.moment(person.last_login),
            }
        })
        .collect();
    made.fill(application, "users", users)?;
    let keys: Vec<Doc> = company
        .keys
        .iter()
        .map(|key| {
            document! {"_id": made.id(key.created), "name": key.name, "key": &key.key, "createdAt": made.moment(key.created)}
        })
        .collect();
    made.fill(application, "apiKeys", keys)?;
    let events: Vec<Doc> = (0..EVENTS)
        .map(|n| {
            let ago = (EVENTS - n) * 900 + made.draw.below(800);
            let who = &company.staff[made.draw.below(company.staff.len() as u64) as usize].name;
            document! {
                "_id": made.id(ago), "type": made.draw.one(&KINDS), "user": who,
                "ip": format!("10.{}.{}.{}", made.draw.below(4), made.draw.below(250), 2 + made.draw.below(250)), "at": made.moment(ago),
            }
        })
        .collect();
    made.fill("analytics", "events", events)?;
    made.store.settle();
    Ok(made.store)
}

struct Making {
    store: Store,
    draw: Draw,
    now: i64,
}

// === impl Making ===

impl Making {
    /// What the product itself keeps.
    fn system(&mut self, series: &str) -> Result<(), String> {
        let version = document! {"_id": "featureCompatibilityVersion", "version": series};
        self.fill("admin", "system.version", vec![version])?;
        self.fill("config", "system.sessions", Vec::new())?;
        let began = Bson::Date(self.now - 9 * DAY as i64 * 1000);
        let log = document! {"_id": "startup", "hostname": "localhost", "startTime": began};
        self.fill("local", "startup_log", vec![log])
    }

    fn moment(&self, ago: u64) -> Bson {
        Bson::Date(self.now - ago as i64 * 1000)
    }

    /// An identifier of what was made then.
    fn id(&mut self, ago: u64) -> Bson {
        let mut id = [0; 12];
        let second = (self.now / 1000 - ago as i64) as u32;
        id[..4].copy_from_slice(&second.to_be_bytes());
        id[4..].iter_mut().for_each(|byte| *byte = self.draw.below(256) as u8);
        Bson::Id(id)
    }

    fn fill(&mut self, database: &str, name: &str, docs: Vec<Doc>) -> Result<(), String> {
        let mut uuid = [0; 16];
        uuid.iter_mut().for_each(|byte| *byte = self.draw.below(256) as u8);
        let told = |fault: super::filter::Fault| fault.text;
        self.store.ready(database, name, uuid).map_err(told)?;
        for doc in docs {
            self.store.insert(database, name, doc).map_err(told)?;
        }
        // Each collection counts for itself: bait is not bounded by what a client may write.
        self.store.settle();
        Ok(())
    }
}
