//! What the databases of a machine hold: one company's customers, staff, orders and keys, made from the machine's seed.

use sha2::{Digest, Sha256};

use crate::machine::Machine;

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
const DAY: u64 = 86_400;

/// One company, the same in every service of a machine. Times are seconds before the service's start.
pub(in crate::services) struct Company {
    /// The application whose data it is; databases and indices are called after it.
    pub(in crate::services) application: &'static str,
    /// The application's own password.
    pub(in crate::services) own: String,
    pub(in crate::services) customers: Vec<Customer>,
    pub(in crate::services) staff: Vec<Person>,
    pub(in crate::services) orders: Vec<Order>,
    pub(in crate::services) keys: Vec<Key>,
}

pub(in crate::services) struct Customer {
    pub(in crate::services) name: String,
    pub(in crate::services) email: String,
    pub(in crate::services) phone: String,
    pub(in crate::services) city: &'static str,
    pub(in crate::services) created: u64,
}

/// Somebody who logs in to the application.
pub(in crate::services) struct Person {
    pub(in crate::services) name: String,
    pub(in crate::services) email: String,
    pub(in crate::services) hash: String,
    pub(in crate::services) role: &'static str,
    pub(in crate::services) last_login: u64,
}

pub(in crate::services) struct Order {
    /// The number of the customer, from 1.
    pub(in crate::services) customer: u64,
    pub(in crate::services) cents: u64,
    pub(in crate::services) status: &'static str,
    pub(in crate::services) created: u64,
}

/// Of another party's interface.
pub(in crate::services) struct Key {
    pub(in crate::services) name: &'static str,
    pub(in crate::services) key: String,
    pub(in crate::services) created: u64,
}

/// Numbers that are the seed's alone.
pub(in crate::services) struct Draw {
    seed: [u8; 32],
    turn: u64,
}

// === impl Company ===

impl Company {
    /// The machine's.
    pub(in crate::services) fn of(machine: &Machine) -> Self {
        Self::new(machine.draw("bait/company"), &machine.spec().domain)
    }

    /// `domain` is that of the staff's addresses; empty for none of its own.
    pub(in crate::services) fn new(seed: [u8; 32], domain: &str) -> Self {
        let mut draw = Draw::new(seed);
        let application = draw.one(&APPLICATIONS);
        let own = draw.letters(14);
        let count = 40 + draw.below(60);
        Self {
            application,
            own,
            customers: (0..count).map(|n| Customer::drawn(&mut draw, n)).collect(),
            staff: staff(&mut draw, domain),
            orders: (0..150 + draw.below(150))
                .map(|_| Order::drawn(&mut draw, count))
                .collect(),
            keys: KEYS.iter().map(|name| Key::drawn(&mut draw, name)).collect(),
        }
    }
}

impl Customer {
    fn drawn(draw: &mut Draw, number: u64) -> Self {
        let (first, last) = (draw.one(&FIRST), draw.one(&LAST));
        Self {
            name: format!("{first} {last}"),
            email: format!("{}.{}{number}@example.com", first.to_lowercase(), last.to_lowercase()),
            phone: format!("+49 {} {:07}", 100 + draw.below(900), draw.below(10_000_000)),
            city: draw.one(&CITIES),
            created: draw.ago(900),
        }
    }
}

impl Order {
    fn drawn(draw: &mut Draw, customers: u64) -> Self {
        Self {
            customer: 1 + draw.below(customers),
            cents: (3 + draw.below(900)) * 100 + draw.below(100),
            status: draw.one(&STATES),
            created: draw.ago(400),
        }
    }
}

impl Key {
    fn drawn(draw: &mut Draw, name: &'static str) -> Self {
        Self {
            name,
            key: draw.letters(40),
            created: draw.ago(500),
        }
    }
}

fn staff(draw: &mut Draw, domain: &str) -> Vec<Person> {
    let domain = if domain.is_empty() { "example.com" } else { domain };
    let mut names = vec![("admin".to_owned(), "admin")];
    for n in 0..6 + draw.below(8) {
        let name = format!(
            "{}{}",
            draw.one(&FIRST).to_lowercase(),
            draw.one(&LAST)[..1].to_lowercase()
        );
        names.push((format!("{name}{n}"), if n % 5 == 0 { "manager" } else { "user" }));
    }
    let people = names.into_iter().map(|(name, role)| Person {
        email: format!("{name}@{domain}"),
        hash: format!("$2y$10${}", draw.letters(53)),
        role,
        last_login: draw.ago(30),
        name,
    });
    people.collect()
}

// === impl Draw ===

impl Draw {
    pub(in crate::services) fn new(seed: [u8; 32]) -> Self {
        Self { seed, turn: 0 }
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

    /// Up to so many days, in seconds.
    fn ago(&mut self, days: u64) -> u64 {
        self.below(days) * DAY + self.below(DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_company_is_its_seed_s_alone_and_the_same_each_time() {
        let [one, again, other] = [[1; 32], [1; 32], [2; 32]].map(|seed| Company::new(seed, "acme.example"));
        let shown = |company: &Company| {
            let people = company.customers.iter().map(|customer| customer.email.clone());
            let keys = company.keys.iter().map(|key| key.key.clone());
            people.chain(keys).chain([company.own.clone()]).collect::<Vec<_>>()
        };
        assert_eq!(shown(&one), shown(&again));
        assert_ne!(shown(&one), shown(&other));
        assert!(one.staff.iter().all(|person| person.email.ends_with("@acme.example")));
        let customers = one.customers.len() as u64;
        assert!(one.orders.iter().all(|order| (1..=customers).contains(&order.customer)));
    }
}
