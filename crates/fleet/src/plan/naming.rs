//! Hardware addresses and host names, unique in the scope.

use std::collections::{BTreeMap, BTreeSet};

use model::fleet::DeckySpec;

use super::Ground;
use super::draft::Draft;
use crate::Catalogue;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::hostname::{self, Naming};
use crate::mac;
use crate::request::Options;

/// What a decky is called on the wire.
pub(super) struct Named {
    pub(super) mac: String,
    pub(super) hostname: String,
    pub(super) domain: String,
}

/// One for each draft, in its order.
pub(super) fn all(
    catalogue: &Catalogue,
    drafts: &[Draft<'_>],
    kept: &[&DeckySpec],
    options: &Options,
    ground: &Ground<'_>,
    found: &mut Diagnostics,
) -> Vec<Named> {
    let macs = macs(catalogue, drafts, kept, found);
    let site = options.site.clone().unwrap_or_else(|| {
        let mut stream = ground.secret.draws(ground.scope).stream("site");
        stream.pick(&catalogue.hostnames.sites).cloned().unwrap_or_default()
    });
    let mut names = Names {
        used: kept
            .iter()
            .map(|decky| decky.machine.hostname.to_ascii_lowercase())
            .collect(),
        asked: BTreeMap::new(),
        found,
    };
    let asked: Vec<_> = drafts.iter().map(|draft| names.asked(draft)).collect();
    let before: Vec<_> = drafts
        .iter()
        .zip(&asked)
        .map(|(draft, asked)| names.before(draft, asked.is_some()))
        .collect();
    let naming = |n: usize| Naming {
        hostnames: &catalogue.hostnames,
        distro: drafts[n].distro,
        class: class(&drafts[n]),
        roles: drafts[n].archetype.map_or(&[][..], |archetype| &archetype.roles),
        site: &site,
        mac: &macs[n],
    };
    let mut all = Vec::with_capacity(drafts.len());
    for (n, (asked, before)) in asked.into_iter().zip(before).enumerate() {
        let naming = naming(n);
        let fresh = |names: &mut Names<'_, '_>| {
            let name = naming.draw(&drafts[n].identity, &names.used);
            names.used.insert(name.to_ascii_lowercase());
            (name, naming.domain().to_owned())
        };
        let is_asked = asked.is_some();
        let (hostname, domain) = asked.or(before).unwrap_or_else(|| fresh(&mut names));
        if is_asked && hostname.len() > naming.longest() {
            names.too_long(&drafts[n], naming.longest());
        }
        let domain = match &options.domain {
            Some(site) if domain.is_empty() || domain == naming.domain() => site.clone(),
            _ => domain,
        };
        all.push(Named {
            mac: macs[n].clone(),
            hostname,
            domain,
        });
    }
    all
}

fn class<'a>(draft: &Draft<'a>) -> &'a str {
    draft
        .archetype
        .map_or(&draft.family.hostname_class, |archetype| &archetype.hostname_class)
}

/// Still the same kind of machine as before: its name and card go on fitting.
fn is_same_kind(draft: &Draft<'_>, before: &DeckySpec) -> bool {
    before.archetype.as_deref() == draft.archetype.map(|archetype| archetype.slug.as_str())
        && before.nmap_os == draft.family.slug
}

// === hardware addresses ===

fn macs(catalogue: &Catalogue, drafts: &[Draft<'_>], kept: &[&DeckySpec], found: &mut Diagnostics) -> Vec<String> {
    let mut used: BTreeSet<String> = kept.iter().map(|decky| decky.mac.clone()).collect();
    let mut asked: BTreeMap<String, &Draft<'_>> = BTreeMap::new();
    let mut macs: Vec<Option<String>> = vec![None; drafts.len()];
    for (draft, slot) in drafts.iter().zip(&mut macs) {
        let Some(given) = &draft.wanted.mac else { continue };
        let place = draft.wanted.place("mac");
        let Some(mac) = mac::parse(given) else {
            let what = format!("`{given}` is no hardware address a machine can have");
            found.push(
                Diagnostic::error("E_MAC", what)
                    .at(place)
                    .help("write six bytes, `00:50:56:1a:2b:3c`"),
            );
            continue;
        };
        if let Some(first) = asked.insert(mac.clone(), draft) {
            let (a, b) = (&first.wanted.name, &draft.wanted.name);
            let what = format!("decky `{a}` and decky `{b}` both ask for {mac}");
            found.push(
                Diagnostic::error("E_MAC_TAKEN", what)
                    .at(first.wanted.place("mac"))
                    .at(place)
                    .help("change one"),
            );
        } else if !used.insert(mac.clone()) {
            let what = format!("another decky already has {mac}");
            found.push(
                Diagnostic::error("E_MAC_TAKEN", what)
                    .at(place)
                    .help("change it, or remove the line"),
            );
        }
        *slot = Some(mac);
    }
    for (draft, slot) in drafts.iter().zip(&mut macs).filter(|(_, slot)| slot.is_none()) {
        let before = draft.before.filter(|before| is_same_kind(draft, before));
        *slot = before
            .map(|before| before.mac.clone())
            .filter(|mac| used.insert(mac.clone()));
    }
    let fill = |(draft, slot): (&Draft<'_>, Option<String>)| {
        slot.unwrap_or_else(|| {
            let vendors = draft
                .archetype
                .map_or(&draft.family.vendors, |archetype| &archetype.vendors);
            let mac = mac::draw(&catalogue.ouis, vendors, &draft.identity, &used);
            used.insert(mac.clone());
            mac
        })
    };
    drafts.iter().zip(macs).map(fill).collect()
}

// === host names ===

struct Names<'a, 'f> {
    /// In lower case.
    used: BTreeSet<String>,
    asked: BTreeMap<String, &'a Draft<'a>>,
    found: &'f mut Diagnostics,
}

// === impl Names ===

impl<'a> Names<'a, '_> {
    /// The name the operator gave, in the decky's section or a service's.
    fn asked(&mut self, draft: &'a Draft<'a>) -> Option<(String, String)> {
        let given = draft.settings.hostname.as_deref()?;
        let place = draft.settings.place("hostname");
        let Some((name, domain)) = hostname::split(given) else {
            let what = format!("`{given}` is no host name");
            let help = "use letters, digits and inner hyphens, at most 63, and a domain after a dot if any";
            self.found
                .push(Diagnostic::error("E_HOSTNAME", what).at(place).help(help));
            return None;
        };
        if hostname::tells(given) {
            let what = format!("the host name `{given}` gives the machine away");
            self.found.push(
                Diagnostic::error("E_HOSTNAME", what)
                    .at(place)
                    .help("call it what its site would call it"),
            );
            return None;
        }
        let key = name.to_ascii_lowercase();
        if let Some(first) = self.asked.insert(key.clone(), draft) {
            let (a, b) = (&first.wanted.name, &draft.wanted.name);
            let what = format!("decky `{a}` and decky `{b}` both ask for the host name `{name}`");
            let places = first.settings.place("hostname").into_iter().chain(place);
            self.found.push(
                Diagnostic::error("E_HOSTNAME_TAKEN", what)
                    .at(places)
                    .help("change one"),
            );
        } else if !self.used.insert(key) {
            let what = format!("another decky is already called `{name}`");
            self.found.push(
                Diagnostic::error("E_HOSTNAME_TAKEN", what)
                    .at(place)
                    .help("change it, or remove the line"),
            );
        }
        Some((name, domain))
    }

    /// The name the decky had, unless it is now another kind of machine or another's.
    fn before(&mut self, draft: &Draft<'_>, is_asked: bool) -> Option<(String, String)> {
        let before = draft.before.filter(|before| !is_asked && is_same_kind(draft, before))?;
        let name = &before.machine.hostname;
        self.used
            .insert(name.to_ascii_lowercase())
            .then(|| (name.clone(), before.machine.domain.clone()))
    }

    fn too_long(&mut self, draft: &Draft<'_>, longest: usize) {
        let what = format!(
            "the host name of decky `{}` is longer than {longest} characters",
            draft.wanted.name
        );
        let help = "machines of that kind show a NetBIOS name: shorten it";
        self.found.push(
            Diagnostic::error("E_HOSTNAME", what)
                .at(draft.settings.place("hostname"))
                .help(help),
        );
    }
}
