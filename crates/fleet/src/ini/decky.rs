//! `[<decky>]`: one machine, or `amount` like ones.

use std::collections::BTreeMap;

use model::Name;
use model::fleet::Egress;

use super::lines::{Entry, Section};
use super::{Group, Reader};
use crate::diagnostic::Diagnostic;
use crate::request::{Distros, Options, Services, Wanted};

const KEYS: [&str; 11] = [
    "ip",
    "services",
    "archetype",
    "nmap_os",
    "amount",
    "mutate_interval",
    "hostname",
    "mac",
    "distro",
    "identity_seed",
    "containment",
];

const MAX_AMOUNT: usize = 100;

/// What only one machine can have.
const SINGLE: [&str; 4] = ["ip", "hostname", "mac", "identity_seed"];

// === impl Reader ===

impl Reader<'_> {
    pub(super) fn decky(&mut self, section: &Section) {
        let Some(name) = self.name(section) else {
            self.unread.insert(section.name.to_lowercase());
            return;
        };
        let entries = section.by_key(&mut self.found);
        let mut wanted = Wanted::named(name.clone());
        wanted.places.insert("", section.place.clone());
        let mut amount = 1;
        for entry in entries.values() {
            let value = entry.plain();
            if value.is_empty() {
                self.empty_value(section, entry);
                continue;
            }
            if let Some(key) = KEYS.iter().find(|key| **key == entry.key) {
                wanted.places.insert(key, entry.place.clone());
            }
            match entry.key.as_str() {
                "amount" => amount = self.amount(entry, value),
                _ => self.decky_key(section, entry, value, &mut wanted),
            }
        }
        if wanted.services == Services::Random && wanted.archetype.is_some() {
            wanted.services = Services::Archetype;
        }
        if amount > 1 {
            self.single(section, &entries, amount, &mut wanted);
        }
        self.expand(name, wanted, amount);
    }

    fn decky_key(&mut self, section: &Section, entry: &Entry, value: &str, wanted: &mut Wanted) {
        let text = || Some(value.to_owned());
        match entry.key.as_str() {
            "ip" => wanted.ip = self.address(entry, value),
            "services" => self.services(entry, value, wanted),
            "archetype" => wanted.archetype = Some(value.to_lowercase()),
            "nmap_os" => wanted.nmap_os = Some(value.to_lowercase()),
            "mutate_interval" => wanted.mutate_interval = self.minutes(entry, value),
            "hostname" => wanted.hostname = text(),
            "mac" => wanted.mac = text(),
            "identity_seed" => wanted.identity_seed = text(),
            "distro" => {
                let slugs = self.words(entry, value);
                wanted.distros = Distros::Named(slugs.into_iter().map(str::to_lowercase).collect());
            }
            "containment" => self.containment(entry, value, wanted),
            "published_ports" => self.found.push(
                Diagnostic::warning(
                    "W_PUBLISHED_PORTS",
                    "`published_ports` has no effect: a decky has its own address",
                )
                .at([entry.place.clone()])
                .help("remove the line"),
            ),
            _ => self.unknown_key(section, entry, &KEYS),
        }
    }

    fn services(&mut self, entry: &Entry, value: &str, wanted: &mut Wanted) {
        if value.split(',').any(|piece| piece.trim().is_empty()) {
            self.found.push(
                Diagnostic::warning("W_SERVICE_EMPTY", "a service name is empty; it is left out")
                    .at([entry.place.clone()])
                    .help("remove the comma too many"),
            );
        }
        let mut slugs: Vec<String> = self.words(entry, value).into_iter().map(str::to_lowercase).collect();
        let custom: Vec<_> = self
            .fleet
            .custom
            .iter_mut()
            .filter(|service| slugs.contains(&service.name))
            .collect();
        for service in custom {
            service.used = true;
            slugs.retain(|slug| *slug != service.name);
            let what = format!(
                "`{}` is a service from an image of your own: these cannot run yet",
                service.name
            );
            self.found.push(
                Diagnostic::error("E_CUSTOM_NOT_BUILT", what)
                    .at([entry.place.clone(), service.place.clone()])
                    .help("remove it from `services`"),
            );
        }
        if !slugs.is_empty() {
            wanted.services = Services::Named(slugs);
        }
    }

    fn containment(&mut self, entry: &Entry, value: &str, wanted: &mut Wanted) {
        match value.to_lowercase().as_str() {
            "strict" => wanted.egress = Egress::Strict,
            "open" => wanted.egress = Egress::Open,
            "sinkhole" | "limited" => {
                let what = format!("containment `{value}` is known, but not built yet");
                self.wrong(
                    "E_CONTAINMENT",
                    what,
                    entry,
                    "use `strict`, or `open` to let everything out",
                );
            }
            _ => {
                let what = format!("there is no containment `{value}`");
                self.wrong(
                    "E_CONTAINMENT",
                    what,
                    entry,
                    "use `strict`, or `open` to let everything out",
                );
            }
        }
    }

    fn amount(&mut self, entry: &Entry, value: &str) -> usize {
        match value.parse::<usize>() {
            Ok(amount @ 1..=MAX_AMOUNT) => return amount,
            Ok(0) | Err(_) => {
                self.wrong(
                    "E_AMOUNT",
                    format!("`{value}` is no number of deckies"),
                    entry,
                    "write a whole number from 1",
                );
            }
            Ok(_) => {
                let what = format!("{value} deckies are more than a section can make");
                self.wrong(
                    "E_AMOUNT",
                    what,
                    entry,
                    format!("write at most {MAX_AMOUNT}, or use several sections"),
                );
            }
        }
        1
    }

    fn single(&mut self, section: &Section, entries: &BTreeMap<&str, &Entry>, amount: usize, wanted: &mut Wanted) {
        wanted.ip = None;
        (wanted.hostname, wanted.mac, wanted.identity_seed) = (None, None, None);
        for key in SINGLE {
            let Some(entry) = entries.get(key) else { continue };
            let what = format!("the {amount} deckies of [{}] cannot share one `{key}`", section.name);
            let places = [Some(*entry), entries.get("amount").copied()].into_iter().flatten();
            self.found.push(
                Diagnostic::error("E_AMOUNT_SINGLE", what)
                    .at(places.map(|entry| entry.place.clone()))
                    .help(format!("remove `{key}`, or give each its own section")),
            );
        }
    }

    fn expand(&mut self, name: Name, wanted: Wanted, amount: usize) {
        let start = self.fleet.deckies.len();
        // Whoever asks for more is told by the plan; memory stays bounded.
        let room = (Options::MAX_LIMIT + 1).saturating_sub(start);
        let names = (1..=amount).map(|n| {
            if amount == 1 {
                name.to_string()
            } else {
                format!("{name}-{n:02}")
            }
        });
        for text in names.take(room) {
            match Name::new(&*text) {
                Ok(name) => self.member(name, &wanted),
                Err(_) => {
                    let what = format!("`{text}` would be longer than {} characters", Name::MAX);
                    let place = wanted.places.get("").cloned();
                    self.found.push(
                        Diagnostic::error("E_NAME", what)
                            .at(place)
                            .help("shorten the section's name"),
                    );
                    break;
                }
            }
        }
        let place = wanted.places.get("").cloned().unwrap_or_else(|| crate::Place::file(""));
        let members = start..self.fleet.deckies.len();
        self.groups.insert(name, Group { place, members });
    }

    fn member(&mut self, name: Name, wanted: &Wanted) {
        if let Some(other) = self.fleet.deckies.iter().find(|other| other.name == name) {
            let what = format!("two sections make a decky called `{name}`");
            let places = [other.places.get(""), wanted.places.get("")]
                .into_iter()
                .flatten()
                .cloned();
            self.found.push(
                Diagnostic::error("E_NAME_TAKEN", what)
                    .at(places)
                    .help("rename one of them"),
            );
            return;
        }
        self.fleet.deckies.push(Wanted { name, ..wanted.clone() });
    }

    /// The section's name in the one form names have.
    fn name(&mut self, section: &Section) -> Option<Name> {
        let place = section.place.clone();
        let Ok(name) = Name::normalise(&section.name) else {
            let help = match suggested(&section.name) {
                Some(name) => format!("call it `[{name}]`"),
                None => "use letters, digits and inner hyphens, at most 63".to_owned(),
            };
            let what = format!("`{}` cannot be a decky's name", section.name);
            self.found
                .push(Diagnostic::error("E_NAME", what).at([place]).help(help));
            return None;
        };
        if let Some(other) = self.groups.get(&name) {
            let what = format!("two sections are both called `{name}`: case, `_` and `.` make no difference");
            let places = [other.place.clone(), place];
            self.found.push(
                Diagnostic::error("E_NAME_TAKEN", what)
                    .at(places)
                    .help("rename one of them"),
            );
            return None;
        }
        if name.as_str() != section.name {
            let what = format!("[{}] becomes decky `{name}`", section.name);
            self.found.push(
                Diagnostic::warning("W_NAME", what)
                    .at([place])
                    .help(format!("write `[{name}]` to say it as it is")),
            );
        }
        Some(name)
    }
}

/// The nearest usable name.
fn suggested(given: &str) -> Option<Name> {
    let mapped = given.chars().map(|c| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    });
    let mut name: String = mapped.take(Name::MAX).collect();
    while name.contains("--") {
        name = name.replace("--", "-");
    }
    Name::new(name.trim_matches('-')).ok()
}
