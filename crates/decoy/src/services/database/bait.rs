//! A company's database: customers, staff who log in, orders, keys of interfaces, made from the machine's seed.

use sha2::{Digest, Sha256};

pub(in crate::services) const APPLICATIONS: [&str; 8] = [
    "shop",
    "crm",
    "billing",
    "inventory",
    "portal",
    "intranet",
    "orders",
    "tickets",
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

/// Numbers that are the seed's alone.
pub(in crate::services) struct Draw {
    seed: [u8; 32],
    turn: u64,
    /// A moment that many days and seconds ago, in the dialect at hand.
    ago: fn(u64, u64) -> String,
}

// === impl Draw ===

impl Draw {
    pub(in crate::services) fn new(seed: [u8; 32], ago: fn(u64, u64) -> String) -> Self {
        Self { seed, turn: 0, ago }
    }

    pub(in crate::services) fn below(&mut self, most: u64) -> u64 {
        self.turn += 1;
        let hash = Sha256::new()
            .chain_update(self.seed)
            .chain_update(self.turn.to_le_bytes())
            .finalize();
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hash[..8]);
        u64::from_le_bytes(bytes) % most.max(1)
    }

    pub(in crate::services) fn one<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }

    pub(in crate::services) fn letters(&mut self, count: usize) -> String {
        const ALL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        (0..count)
            .map(|_| char::from(ALL[self.below(ALL.len() as u64) as usize]))
            .collect()
    }
}

/// Statements that fill the tables: customers, staff, orders and keys.
pub(in crate::services) fn rows(draw: &mut Draw, domain: &str) -> Vec<String> {
    let customers = 40 + draw.below(60);
    vec![
        people(draw, customers),
        staff(draw, domain),
        orders(draw, customers),
        keys(draw),
    ]
}

/// A moment up to so many days ago.
fn ago(draw: &mut Draw, days: u64) -> String {
    let (days, seconds) = (draw.below(days), draw.below(86_400));
    (draw.ago)(days, seconds)
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
        "insert into api_keys (name, token, created_at) values {}",
        rows.join(", ")
    )
}
