//! The catalogue as tables: what `services`, `distros` and `archetypes` list.

use model::machine::Port;
use serde::Serialize;

use super::{Catalogue, PackageManager};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServiceRow {
    pub slug: String,
    pub label: String,
    pub description: String,
    pub ports: Vec<Port>,
    /// It can be deployed now.
    pub available: bool,
    /// Once per fleet, never part of a decky.
    pub singleton: bool,
    /// Keys an operator may set.
    pub config: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DistroRow {
    pub slug: String,
    pub display: String,
    pub image: String,
    pub package_manager: PackageManager,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArchetypeRow {
    pub slug: String,
    pub display: String,
    pub description: String,
    /// All of them, in order.
    pub services: Vec<String>,
    /// Those of them that are not built yet.
    pub missing: Vec<String>,
    /// At least one of its services exists.
    pub available: bool,
    pub distros: Vec<String>,
    pub os_family: String,
}

// === impl Catalogue ===

impl Catalogue {
    /// Every service known, sorted by slug.
    pub fn service_rows(&self) -> Vec<ServiceRow> {
        let built = self.services().map(|service| ServiceRow {
            slug: service.slug.clone(),
            label: service.label.clone(),
            description: service.description.clone(),
            ports: service.ports.clone(),
            available: true,
            singleton: false,
            config: service.config.iter().map(|field| field.key.clone()).collect(),
        });
        let upcoming = self.upcoming().map(|service| ServiceRow {
            slug: service.slug.clone(),
            label: service.label.clone(),
            description: String::new(),
            ports: service.ports.clone(),
            available: false,
            singleton: service.singleton,
            config: Vec::new(),
        });
        let mut rows: Vec<_> = built.chain(upcoming).collect();
        rows.sort_by(|a, b| a.slug.cmp(&b.slug));
        rows
    }

    pub fn distro_rows(&self) -> Vec<DistroRow> {
        self.distros()
            .map(|distro| DistroRow {
                slug: distro.slug.clone(),
                display: distro.display.clone(),
                image: distro.image.clone(),
                package_manager: distro.package_manager,
            })
            .collect()
    }

    pub fn archetype_rows(&self) -> Vec<ArchetypeRow> {
        self.archetypes()
            .map(|archetype| {
                let (built, missing) = self.services_of(archetype);
                ArchetypeRow {
                    slug: archetype.slug.clone(),
                    display: archetype.display.clone(),
                    description: archetype.description.clone(),
                    services: archetype.services.clone(),
                    available: !built.is_empty(),
                    missing: missing.into_iter().map(str::to_owned).collect(),
                    distros: archetype.distros.clone(),
                    os_family: archetype.os_family.clone(),
                }
            })
            .collect()
    }
}
