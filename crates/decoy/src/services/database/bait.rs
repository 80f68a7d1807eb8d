//! A company's rows, as statements that fill its tables.

use super::company::Company;

/// A moment so many seconds ago, in a dialect.
pub(in crate::services) type Ago = fn(u64) -> String;

/// Statements that fill the tables: customers, staff, orders and keys.
pub(in crate::services) fn rows(company: &Company, ago: Ago) -> Vec<String> {
    vec![
        customers(company, ago),
        staff(company, ago),
        orders(company, ago),
        keys(company, ago),
    ]
}

fn insert(into: &str, rows: impl Iterator<Item = String>) -> String {
    let rows: Vec<String> = rows.collect();
    format!("insert into {into} values {}", rows.join(", "))
}

fn customers(company: &Company, ago: Ago) -> String {
    let rows = company.customers.iter().map(|one| {
        let created = ago(one.created);
        format!(
            "('{}', '{}', '{}', '{}', {created})",
            one.name, one.email, one.phone, one.city
        )
    });
    insert("customers (name, email, phone, city, created_at)", rows)
}

fn staff(company: &Company, ago: Ago) -> String {
    let rows = company.staff.iter().map(|one| {
        let login = ago(one.last_login);
        format!(
            "('{}', '{}', '{}', '{}', {login})",
            one.name, one.email, one.hash, one.role
        )
    });
    insert("users (username, email, password_hash, role, last_login)", rows)
}

fn orders(company: &Company, ago: Ago) -> String {
    let rows = company.orders.iter().map(|one| {
        let (whole, cents, created) = (one.cents / 100, one.cents % 100, ago(one.created));
        format!("({}, {whole}.{cents:02}, '{}', {created})", one.customer, one.status)
    });
    insert("orders (customer_id, total, status, created_at)", rows)
}

fn keys(company: &Company, ago: Ago) -> String {
    let rows = company
        .keys
        .iter()
        .map(|one| format!("('{}', '{}', {})", one.name, one.key, ago(one.created)));
    insert("api_keys (name, token, created_at)", rows)
}
