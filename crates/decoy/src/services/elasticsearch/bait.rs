//! The company's data as an application would have put it into indices.

use std::rc::Rc;

use super::super::database::company::{Company, Draw};
use super::json::{Json, object};
use super::store::{Index, Store};
use super::value;
use crate::machine::Machine;

const DAY: i64 = 86_400_000;
/// Lines of the application's log, each day of the last.
const LOG_DAYS: i64 = 3;
const LOG_LINES: u64 = 60;
const PATHS: [&str; 8] = [
    "/",
    "/login",
    "/api/orders",
    "/api/customers",
    "/static/app.js",
    "/cart",
    "/checkout",
    "/api/search?q=invoice",
];
/// What careless operators set for `elastic`, and those who guess try first.
const PASSWORDS: [&str; 8] = [
    "changeme",
    "elastic",
    "elasticsearch",
    "password",
    "123456",
    "admin",
    "elastic123",
    "Password1",
];
const LEVELS: [&str; 6] = ["INFO", "INFO", "INFO", "INFO", "WARN", "ERROR"];

/// What opens `elastic` when nothing is configured.
pub(super) fn guessed(machine: &Machine) -> String {
    Draw::new(machine.draw("elasticsearch/password"))
        .one(&PASSWORDS)
        .to_owned()
}

/// Indices with the company in them. `now` is in milliseconds since 1970.
pub(super) fn store(company: &Company, seed: [u8; 32], now: i64) -> Store {
    let mut store = Store::default();
    let mut draw = Draw::new(seed);
    let moment = |ago: u64| value::stamp(now - ago as i64 * 1000);
    let oldest = company
        .customers
        .iter()
        .map(|customer| customer.created)
        .max()
        .unwrap_or(0);
    let made = now - oldest as i64 * 1000 - DAY;
    let customers = company.customers.iter().enumerate().map(|(n, customer)| {
        object! {
            "id": n + 1, "name": &customer.name, "email": &customer.email, "phone": &customer.phone,
            "city": customer.city, "created_at": moment(customer.created),
        }
    });
    fill(&mut store, "customers", made, customers, &mut draw);
    let orders = company.orders.iter().enumerate().map(|(n, order)| {
        let customer = usize::try_from(order.customer).unwrap_or(1);
        let customer = &company.customers[(customer - 1).min(company.customers.len() - 1)];
        object! {
            "id": n + 1, "customer": &customer.email, "total": order.cents as f64 / 100.0, "status": order.status,
            "created_at": moment(order.created),
        }
    });
    fill(&mut store, "orders", made, orders, &mut draw);
    let users = company.staff.iter().map(|person| {
        object! {
            "username": &person.name, "email": &person.email, "password_hash": &person.hash, "role": person.role,
            "last_login": moment(person.last_login),
        }
    });
    fill(
        &mut store,
        &format!("{}-users", company.application),
        made,
        users,
        &mut draw,
    );
    for day in (0..LOG_DAYS).rev() {
        let midnight = now.div_euclid(DAY) * DAY - day * DAY;
        let date = value::stamp(midnight)[..10].replace('-', ".");
        let end = (now - midnight).clamp(1, DAY);
        let mut moments: Vec<i64> = (0..LOG_LINES)
            .map(|_| midnight + draw.below(end as u64) as i64)
            .collect();
        moments.sort_unstable();
        let lines: Vec<Json> = moments.into_iter().map(|at| line(company, at, &mut draw)).collect();
        let name = format!("{}-logs-{date}", company.application);
        fill(&mut store, &name, midnight, lines.into_iter(), &mut draw);
    }
    store.settle();
    store
}

fn line(company: &Company, at: i64, draw: &mut Draw) -> Json {
    let (level, path) = (draw.one(&LEVELS), draw.one(&PATHS));
    let status = if level == "ERROR" { 500 } else { 200 };
    let who = &company.staff[draw.below(company.staff.len() as u64) as usize].name;
    object! {
        "@timestamp": value::stamp(at), "level": level, "service": company.application, "user": who,
        "client_ip": format!("10.{}.{}.{}", draw.below(4), draw.below(250), 2 + draw.below(250)),
        "message": format!("GET {path} {status}"), "status": status, "took_ms": 2 + draw.below(900),
    }
}

fn fill(store: &mut Store, name: &str, made: i64, documents: impl Iterator<Item = Json>, draw: &mut Draw) {
    let index = Index::new(name, draw.letters(22), made);
    // A store that is only begun refuses nothing.
    let _ = store.create(index);
    for document in documents {
        let source: Rc<str> = document.to_string().into();
        let _ = store.put(name, draw.letters(20), source, document);
    }
}
