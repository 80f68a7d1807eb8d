//! What a decky can be: distros, archetypes, OS families, services, names, addresses and passwords, as data
//! (deploy.md §2, §3). The files are `templates/`.

mod check;
mod load;
mod rows;
mod schema;

use std::collections::BTreeMap;
use std::path::Path;

pub use load::{Source, Sources, read_overrides};
pub use rows::{ArchetypeRow, DistroRow, ServiceRow};
pub use schema::{
    Archetype, CertificateStyle, ConfigField, Debootstrap, Distro, FieldType, Hello, HostnameStyle, Hostnames,
    OsFamily, Ouis, PackageManager, Patterns, Persona, Scope, Service, Upcoming, Userland,
};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::nearest::suggestion;

/// A complete, consistent catalogue. Slugs are lower case; look-ups fold case.
#[derive(Clone, Debug)]
pub struct Catalogue {
    distros: BTreeMap<String, Distro>,
    archetypes: BTreeMap<String, Archetype>,
    os_families: BTreeMap<String, OsFamily>,
    services: BTreeMap<String, Service>,
    upcoming: BTreeMap<String, Upcoming>,
    pub ouis: Ouis,
    pub hostnames: Hostnames,
    pub passwords: Vec<String>,
}

/// What is known of a service's name.
#[derive(Clone, Copy, Debug)]
pub enum Known<'a> {
    /// It exists and can be deployed.
    Built(&'a Service),
    /// Its name and ports are known, no more.
    Upcoming(&'a Upcoming),
}

// === impl Catalogue ===

impl Catalogue {
    /// What comes with the product.
    pub fn builtin() -> Result<Self, Diagnostics> {
        load::load(load::builtin(), Sources::new())
    }

    /// The same, with the files of a folder in place of those of the same name, or beside them.
    pub fn with_overrides(dir: &Path) -> Result<Self, Diagnostics> {
        Self::from_sources(read_overrides(dir)?)
    }

    /// The same, from files already read.
    pub fn from_sources(overrides: Sources) -> Result<Self, Diagnostics> {
        load::load(load::builtin(), overrides)
    }

    pub fn distro(&self, slug: &str) -> Result<&Distro, Diagnostic> {
        find(&self.distros, slug).ok_or_else(|| unknown("E_DISTRO", "distro", slug, self.distros.keys()))
    }

    pub fn archetype(&self, slug: &str) -> Result<&Archetype, Diagnostic> {
        find(&self.archetypes, slug).ok_or_else(|| unknown("E_ARCHETYPE", "archetype", slug, self.archetypes.keys()))
    }

    pub fn os_family(&self, slug: &str) -> Result<&OsFamily, Diagnostic> {
        find(&self.os_families, slug).ok_or_else(|| unknown("E_OS", "OS family", slug, self.os_families.keys()))
    }

    /// The sysctls of a family with its extras; an unknown family has those of `linux` (deploy.md §2.4).
    pub fn sysctls(&self, family: &str) -> BTreeMap<String, String> {
        let family = find(&self.os_families, family).or_else(|| self.os_families.get("linux"));
        family
            .map(|family| {
                let all = family.sysctls.iter().chain(&family.extra);
                all.map(|(key, value)| (key.clone(), value.clone())).collect()
            })
            .unwrap_or_default()
    }

    /// A service by any name people know, built or not; `-` is as good as `_`.
    pub fn known(&self, slug: &str) -> Option<Known<'_>> {
        let slug = &slug.replace('-', "_");
        find(&self.services, slug)
            .map(Known::Built)
            .or_else(|| find(&self.upcoming, slug).map(Known::Upcoming))
    }

    /// A service that can be part of a decky now.
    pub fn service(&self, slug: &str) -> Result<&Service, Diagnostic> {
        match self.known(slug) {
            Some(Known::Built(service)) => Ok(service),
            Some(Known::Upcoming(service)) if service.singleton => Err(Diagnostic::error(
                "E_SERVICE_SINGLETON",
                format!("`{}` runs once per fleet, never on a decky", service.slug),
            )
            .help(format!(
                "remove it; services of a decky: {}",
                self.service_slugs().join(", ")
            ))),
            Some(Known::Upcoming(service)) => Err(Diagnostic::error(
                "E_SERVICE_NOT_BUILT",
                format!(
                    "service `{}` ({}) is known, but not built yet",
                    service.slug, service.label
                ),
            )
            .help(format!("available: {}", self.service_slugs().join(", ")))),
            None => Err(unknown(
                "E_SERVICE",
                "service",
                slug,
                self.services.keys().chain(self.upcoming.keys()),
            )),
        }
    }

    /// Names of the services a decky can have, sorted.
    pub fn service_slugs(&self) -> Vec<&str> {
        self.services.keys().map(String::as_str).collect()
    }

    /// As they are dealt to deckies in turn.
    pub fn distros_in_order(&self) -> Vec<&Distro> {
        let mut all: Vec<&Distro> = self.distros.values().collect();
        all.sort_by_key(|distro| distro.order);
        all
    }

    pub fn distros(&self) -> impl ExactSizeIterator<Item = &Distro> {
        self.distros.values()
    }

    pub fn archetypes(&self) -> impl ExactSizeIterator<Item = &Archetype> {
        self.archetypes.values()
    }

    pub fn os_families(&self) -> impl ExactSizeIterator<Item = &OsFamily> {
        self.os_families.values()
    }

    pub fn services(&self) -> impl ExactSizeIterator<Item = &Service> {
        self.services.values()
    }

    pub fn upcoming(&self) -> impl ExactSizeIterator<Item = &Upcoming> {
        self.upcoming.values()
    }

    /// The archetype's services that exist, and those that do not yet.
    pub fn services_of<'a>(&self, archetype: &'a Archetype) -> (Vec<&'a str>, Vec<&'a str>) {
        archetype
            .services
            .iter()
            .map(String::as_str)
            .partition(|slug| self.services.contains_key(*slug))
    }
}

fn find<'a, T>(all: &'a BTreeMap<String, T>, slug: &str) -> Option<&'a T> {
    all.get(slug).or_else(|| all.get(&slug.to_ascii_lowercase()))
}

fn unknown<'a>(code: &'static str, what: &str, given: &str, known: impl IntoIterator<Item = &'a String>) -> Diagnostic {
    Diagnostic::error(code, format!("there is no {what} `{given}`"))
        .help(suggestion(given, known.into_iter().map(String::as_str)))
}

#[cfg(test)]
mod tests;
