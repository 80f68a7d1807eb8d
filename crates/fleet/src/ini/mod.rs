//! Fleets from a file: the INI dialect of deploy.md §4, read leniently and judged completely.
//!
//! ```
//! let catalogue = fleet::Catalogue::builtin()?;
//! let text = "[web]\namount = 3\nservices = ssh, http\n[web.ssh]\npassword = letmein\n";
//! let (fleet, found) = fleet::ini::parse(text, "lab.ini", &catalogue);
//! assert!(found.is_empty());
//! let names: Vec<_> = fleet.deckies.iter().map(|decky| decky.name.as_str()).collect();
//! assert_eq!(names, ["web-01", "web-02", "web-03"]);
//! # Ok::<(), fleet::Diagnostics>(())
//! ```
//!
//! What can only be judged with the network at hand (addresses, names in use, ports) is told by [`crate::plan()`].

mod custom;
mod decky;
mod general;
mod lines;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use model::Name;

pub use custom::CustomService;
pub use general::General;

use crate::Catalogue;
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::request::{Options, Request, Wanted};
use lines::Section;

/// In bytes; larger texts are refused unread.
pub const MAX_SIZE: usize = 512 * 1024;

/// A fleet as the file asks for it.
#[derive(Clone, Debug, Default)]
pub struct IniFleet {
    pub general: General,
    pub deckies: Vec<Wanted>,
    /// Services from images of the operator's own. They are read and judged; no machine can run one yet.
    pub custom: Vec<CustomService>,
}

/// Sections of one file.
const MAX_SECTIONS: usize = 10_000;
/// Words of one list.
const MAX_WORDS: usize = 100;

/// Everything the file says, and everything that is wrong with it.
pub fn parse(text: &str, file: &str, catalogue: &Catalogue) -> (IniFleet, Diagnostics) {
    let mut found = Diagnostics::default();
    if let Some(refused) = refused(text, file) {
        found.push(refused);
        return (IniFleet::default(), found);
    }
    let custom = custom::names(text);
    let takes_settings = |name: &str| settings::service_of(name, catalogue, &custom).is_some();
    let sections = lines::read(text, file, takes_settings, &mut found);
    if sections.len() > MAX_SECTIONS {
        let what = format!("the file has more than {MAX_SECTIONS} sections");
        let help = "use `amount` for many like deckies";
        found.push(
            Diagnostic::error("E_TOO_LARGE", what)
                .at([Place::file(file)])
                .help(help),
        );
        return (IniFleet::default(), found);
    }
    let mut reader = Reader {
        catalogue,
        fleet: IniFleet::default(),
        groups: BTreeMap::new(),
        unread: BTreeSet::new(),
        found,
    };
    reader.sections(&sections, file);
    let Reader { fleet, mut found, .. } = reader;
    found.sort();
    (fleet, found)
}

/// The same from bytes as they lie in a file.
pub fn parse_bytes(bytes: &[u8], file: &str, catalogue: &Catalogue) -> (IniFleet, Diagnostics) {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(text, file, catalogue),
        Err(error) => {
            let line = bytes[..error.valid_up_to()]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count()
                + 1;
            let wrong = Diagnostic::error("E_NOT_TEXT", "the file is not UTF-8 text")
                .at([Place::file(file).line(line, 1)])
                .help("save it as UTF-8");
            (IniFleet::default(), wrong.into())
        }
    }
}

fn refused(text: &str, file: &str) -> Option<Diagnostic> {
    let (code, what, help) = if text.len() > MAX_SIZE {
        let what = format!("the file has {} bytes, more than {MAX_SIZE}", text.len());
        (
            "E_TOO_LARGE",
            what,
            "use `amount` for many like deckies, or several files with --additive",
        )
    } else if text.trim().is_empty() {
        (
            "E_EMPTY",
            "the file is empty".to_owned(),
            "describe a decky: `[web-01]` and under it `services = ssh, http`",
        )
    } else {
        return None;
    };
    Some(Diagnostic::error(code, what).at([Place::file(file)]).help(help))
}

/// A decky's section and what came of it.
struct Group {
    place: Place,
    /// In `IniFleet::deckies`.
    members: std::ops::Range<usize>,
}

struct Reader<'a> {
    catalogue: &'a Catalogue,
    fleet: IniFleet,
    /// By the section's name.
    groups: BTreeMap<Name, Group>,
    /// Names of decky sections that could not be used: their settings need no further word.
    unread: BTreeSet<String>,
    found: Diagnostics,
}

// === impl Reader ===

impl Reader<'_> {
    fn sections(&mut self, sections: &[Section], file: &str) {
        let sections = self.distinct(sections);
        if sections.is_empty() {
            if !self.found.has_errors() {
                let what = "the file has no sections";
                let help = "describe a decky: `[web-01]` and under it `services = ssh, http`";
                self.found.push(
                    Diagnostic::error("E_NO_SECTIONS", what)
                        .at([Place::file(file)])
                        .help(help),
                );
            }
            return;
        }
        let (custom, sections): (Vec<&Section>, Vec<&Section>) = sections
            .into_iter()
            .partition(|section| custom::name_of(&section.name).is_some());
        custom.into_iter().for_each(|section| self.custom(section));
        let names: BTreeSet<String> = self.fleet.custom.iter().map(|service| service.name.clone()).collect();
        let mut settings = Vec::new();
        for section in sections {
            match settings::service_of(&section.name, self.catalogue, &names) {
                Some((decky, slug)) => settings.push((section, decky, slug)),
                None if section.name.eq_ignore_ascii_case("general") => self.general(section),
                None => self.decky(section),
            }
        }
        if self.fleet.deckies.is_empty() && self.unread.is_empty() {
            let what = "the file asks for no deckies";
            let help = "add a section for each: `[web-01]` and under it `services = ssh, http`";
            self.found.push(
                Diagnostic::error("E_NO_DECKIES", what)
                    .at([Place::file(file)])
                    .help(help),
            );
        }
        // A group's settings first: those of one of its members stand above them.
        settings.sort_by_key(|(_, decky, _)| !self.is_group(decky));
        for (section, decky, slug) in settings {
            self.settings(section, decky, &slug);
        }
        self.unused_custom();
    }

    /// Sections that may be read, each name once.
    fn distinct<'s>(&mut self, sections: &'s [Section]) -> Vec<&'s Section> {
        let mut first: BTreeMap<&str, &Section> = BTreeMap::new();
        let mut distinct = Vec::new();
        for section in sections {
            if section.name == "DEFAULT" {
                self.found.push(
                    Diagnostic::error(
                        "E_RESERVED_SECTION",
                        "[DEFAULT] is reserved: nothing is shared between sections",
                    )
                    .at([section.place.clone()])
                    .help("use `amount` for like deckies, or repeat the keys"),
                );
            } else if let Some(first) = first.get(section.name.as_str()) {
                self.found.push(
                    Diagnostic::error("E_DUPLICATE_SECTION", format!("[{}] is there twice", section.name))
                        .at([first.place.clone(), section.place.clone()])
                        .help("merge the two, or rename one"),
                );
            } else {
                first.insert(&section.name, section);
                distinct.push(section);
            }
        }
        distinct
    }

    /// A key nobody reads.
    fn unknown_key(&mut self, section: &Section, entry: &lines::Entry, known: &[&str]) {
        self.found.push(
            Diagnostic::warning(
                "W_KEY",
                format!("[{}] has no key `{}`; it is ignored", section.name, entry.key),
            )
            .at([entry.place.clone()])
            .help(crate::nearest::suggestion(&entry.key, known.iter().copied())),
        );
    }

    /// What stands between commas, empty pieces left out; a list too long to be meant is told and cut.
    fn words<'t>(&mut self, entry: &lines::Entry, value: &'t str) -> Vec<&'t str> {
        let mut words = value.split(',').map(str::trim).filter(|word| !word.is_empty());
        let first = words.by_ref().take(MAX_WORDS).collect();
        if words.next().is_some() {
            let what = format!("`{}` lists more than {MAX_WORDS} things", entry.key);
            self.wrong("E_LIST", what, entry, "shorten the list");
        }
        first
    }

    fn wrong(&mut self, code: &'static str, what: impl Into<String>, entry: &lines::Entry, help: impl Into<String>) {
        self.found
            .push(Diagnostic::error(code, what).at([entry.place.clone()]).help(help));
    }
}

// === impl IniFleet ===

impl IniFleet {
    /// The request it makes together with what flags say; flags stand above the file.
    pub fn request(self, flags: Options, mutate_interval: Option<u32>) -> Request {
        let general = self.general;
        let mut deckies = self.deckies;
        for decky in &mut deckies {
            decky.mutate_interval = mutate_interval.or(decky.mutate_interval).or(general.mutate_interval);
        }
        let options = Options {
            site: flags.site.or(general.site),
            domain: flags.domain.or(general.domain),
            resolvers: if flags.resolvers.is_empty() {
                general.resolvers
            } else {
                flags.resolvers
            },
            ip_start: flags.ip_start.or(general.ip_start),
            ip_strategy: flags.ip_strategy.or(general.ip_strategy),
            exclude: general.exclude.into_iter().chain(flags.exclude).collect(),
            ..flags
        };
        Request { deckies, options }
    }
}

#[cfg(test)]
mod tests;
