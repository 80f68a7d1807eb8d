//! What the shapes of the files cannot say: that they agree with each other.

use std::collections::BTreeSet;

use super::load::Sources;
use super::schema::{Archetype, ConfigField, Distro, FieldType, OsFamily, Patterns, Service};
use super::{Catalogue, Known};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};

/// The keys every family sets (deploy.md §2.4), under `net.ipv4.`.
const SYSCTLS: [&str; 10] = [
    "ip_default_ttl",
    "tcp_syn_retries",
    "tcp_timestamps",
    "tcp_window_scaling",
    "tcp_sack",
    "tcp_ecn",
    "ip_no_pmtu_disc",
    "tcp_fin_timeout",
    "icmp_ratelimit",
    "icmp_ratemask",
];

const STYLES: [&str; 4] = ["generic", "rhel", "minimal", "rolling"];

pub(super) fn all(catalogue: &Catalogue, sources: &Sources) -> Diagnostics {
    let mut check = Check {
        catalogue,
        sources,
        found: Diagnostics::default(),
    };
    catalogue.distros().for_each(|distro| check.distro(distro));
    catalogue.archetypes().for_each(|archetype| check.archetype(archetype));
    catalogue.os_families().for_each(|family| check.family(family));
    catalogue.services().for_each(|service| check.service(service));
    check.words();
    check.hostnames();
    check.ouis();
    check.found
}

struct Check<'a> {
    catalogue: &'a Catalogue,
    sources: &'a Sources,
    found: Diagnostics,
}

// === impl Check ===

impl Check<'_> {
    fn distro(&mut self, distro: &Distro) {
        let path = format!("distros/{}.yaml", distro.slug);
        if distro.image.trim().is_empty() {
            self.wrong(&path, "`image` is empty", "name an image, `debian:bookworm-slim`");
        }
        if distro.accounts.is_empty() {
            self.wrong(&path, "`accounts` is empty", "name at least one ordinary account");
        }
        for name in &distro.accounts {
            if !crate::accounts::is_account(name) || name == "root" {
                self.wrong(
                    &path,
                    &format!("`{name}` cannot be an ordinary account"),
                    "use lower-case letters and digits",
                );
            }
        }
    }

    fn archetype(&mut self, archetype: &Archetype) {
        let path = format!("archetypes/{}.yaml", archetype.slug);
        let mut bound = BTreeSet::new();
        for slug in &archetype.services {
            let (ports, singleton) = match self.catalogue.known(slug) {
                Some(Known::Built(service)) => (&service.ports, false),
                Some(Known::Upcoming(service)) => (&service.ports, service.singleton),
                None => {
                    self.wrong(
                        &path,
                        &format!("there is no service `{slug}`"),
                        "see services/ and services/upcoming.yaml",
                    );
                    continue;
                }
            };
            if singleton {
                self.wrong(
                    &path,
                    &format!("`{slug}` runs once per fleet, never on a decky"),
                    "remove it",
                );
            }
            for port in ports {
                if !bound.insert((port.port, port.proto)) {
                    self.wrong(
                        &path,
                        &format!("two of its services bind port {}", port.port),
                        "keep one of them",
                    );
                }
            }
        }
        for (what, empty) in [
            ("services", archetype.services.is_empty()),
            ("distros", archetype.distros.is_empty()),
            ("roles", archetype.roles.is_empty()),
            ("vendors", archetype.vendors.is_empty()),
        ] {
            if empty {
                self.wrong(&path, &format!("`{what}` is empty"), "name at least one");
            }
        }
        for slug in &archetype.distros {
            if let Err(unknown) = self.catalogue.distro(slug) {
                self.say(&path, unknown);
            }
        }
        if let Err(unknown) = self.catalogue.os_family(&archetype.os_family) {
            self.say(&path, unknown);
        }
        self.vendors(&path, &archetype.vendors);
        self.class(&path, &archetype.hostname_class);
    }

    fn family(&mut self, family: &OsFamily) {
        let path = format!("os_families/{}.yaml", family.slug);
        for key in SYSCTLS.map(|key| format!("net.ipv4.{key}")) {
            if !family.sysctls.contains_key(&key) {
                self.wrong(
                    &path,
                    &format!("`{key}` is missing"),
                    "every family sets the same ten keys",
                );
            }
        }
        if family.vendors.is_empty() {
            self.wrong(&path, "`vendors` is empty", "name at least one");
        }
        self.vendors(&path, &family.vendors);
        self.class(&path, &family.hostname_class);
    }

    fn service(&mut self, service: &Service) {
        let path = format!("services/{}/service.yaml", service.slug);
        if service.ports.is_empty() {
            self.wrong(&path, "`ports` is empty", "a service listens on at least one port");
        }
        if service.ports.iter().any(|port| port.port == 0) {
            self.wrong(&path, "port 0 is no port", "use 1-65535");
        }
        for distro in self.catalogue.distros() {
            if service.personas_on(&distro.slug).all(|persona| persona.weight == 0) {
                let what = format!("no persona fits distro `{}`", distro.slug);
                self.wrong(&path, &what, "add one, or one with `distros: []` for any");
            }
        }
        for slug in service.personas.iter().flat_map(|persona| &persona.distros) {
            if let Err(unknown) = self.catalogue.distro(slug) {
                self.say(&path, unknown);
            }
        }
        let mut keys = BTreeSet::new();
        for field in &service.config {
            for key in [&field.key].into_iter().chain(&field.aliases) {
                if !keys.insert(key.clone()) {
                    self.wrong(&path, &format!("two config fields answer to `{key}`"), "rename one");
                }
            }
            self.field(&path, field);
        }
    }

    fn field(&mut self, path: &str, field: &ConfigField) {
        let choice = matches!(field.kind, FieldType::Enum | FieldType::MultiEnum);
        if choice == field.options.is_empty() {
            let what = format!(
                "config `{}`: `options` belong to enum and multi_enum, and only there",
                field.key
            );
            self.wrong(path, &what, "add or remove `options`");
        }
        if field.kind != FieldType::Int && (field.min.is_some() || field.max.is_some()) {
            self.wrong(
                path,
                &format!("config `{}`: `min` and `max` belong to int", field.key),
                "remove them",
            );
        }
    }

    /// Draws take from these lists: none may be empty.
    fn words(&mut self) {
        let Catalogue {
            hostnames, passwords, ..
        } = self.catalogue;
        for (what, list) in [
            ("sites", &hostnames.sites),
            ("envs", &hostnames.envs),
            ("words", &hostnames.words),
        ] {
            if list.is_empty() {
                self.wrong("hostnames.yaml", &format!("`{what}` is empty"), "name at least one");
            }
        }
        if passwords.iter().all(|password| password.is_empty()) {
            self.wrong("passwords.yaml", "`passwords` is empty", "name at least one");
        }
        if !self.catalogue.os_families.contains_key("linux") {
            self.wrong(
                "os_families/linux.yaml",
                "the family `linux` is missing",
                "restore the file",
            );
        }
    }

    fn hostnames(&mut self) {
        let hostnames = &self.catalogue.hostnames;
        for style in STYLES {
            if !hostnames.linux.contains_key(style) {
                self.wrong(
                    "hostnames.yaml",
                    &format!("`linux` has no style `{style}`"),
                    "restore it",
                );
            }
        }
        let all: Vec<&Patterns> = hostnames.linux.values().chain(hostnames.classes.values()).collect();
        if all.iter().any(|patterns| patterns.patterns.is_empty()) {
            self.wrong("hostnames.yaml", "a list of `patterns` is empty", "name at least one");
        }
        for pattern in all.iter().flat_map(|patterns| &patterns.patterns) {
            if let Err(token) = crate::hostname::tokens(pattern) {
                let what = format!("pattern `{pattern}`: `{token}` means nothing");
                self.wrong(
                    "hostnames.yaml",
                    &what,
                    "the words a pattern may use are at the top of the file",
                );
            }
        }
    }

    fn ouis(&mut self) {
        let ouis = &self.catalogue.ouis;
        for prefix in ouis.groups.values().flatten() {
            // The first byte's low bits mean group and locally administered: no maker has those.
            if !matches!(crate::mac::oui(prefix), Some([first, _, _]) if first & 1 == 0) {
                self.wrong(
                    "oui.yaml",
                    &format!("`{prefix}` is no maker's prefix"),
                    "write three bytes, `00:14:22`",
                );
            }
        }
        if ouis.groups.values().any(Vec::is_empty) {
            self.wrong("oui.yaml", "a group is empty", "name at least one prefix");
        }
    }

    fn vendors(&mut self, path: &str, groups: &[String]) {
        for group in groups {
            if !self.catalogue.ouis.groups.contains_key(group) {
                self.wrong(
                    path,
                    &format!("oui.yaml has no group `{group}`"),
                    "name one of its groups",
                );
            }
        }
    }

    fn class(&mut self, path: &str, class: &str) {
        if class != "linux" && !self.catalogue.hostnames.classes.contains_key(class) {
            let what = format!("hostnames.yaml has no class `{class}`");
            self.wrong(path, &what, "use `linux` or one of its classes");
        }
    }

    fn wrong(&mut self, path: &str, what: &str, help: &str) {
        self.say(path, Diagnostic::error("E_TEMPLATE", what).help(help));
    }

    fn say(&mut self, path: &str, diagnostic: Diagnostic) {
        let shown = self.sources.get(path).map_or(path, |source| &source.shown);
        self.found.push(diagnostic.at([Place::file(shown)]));
    }
}
