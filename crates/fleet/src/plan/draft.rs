//! What each decky is to be: archetype, distro, OS family and services, from the request, from what it was, or drawn.

use std::collections::{BTreeMap, BTreeSet};

use model::fleet::DeckySpec;
use model::machine::{Port, Proto};

use super::Ground;
use super::settings::Settings;
use crate::Catalogue;
use crate::catalogue::{Archetype, Distro, OsFamily, Service};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::draw::Seed;
use crate::request::{Distros, Request, Services, Wanted};

/// A random decky runs at most this many.
const MOST_DRAWN: u64 = 3;
/// Draws until a set no other decky has is given up for.
const DRAWS: usize = 21;

pub(super) struct Draft<'a> {
    pub(super) wanted: &'a Wanted,
    /// The decky of that name as last planned.
    pub(super) before: Option<&'a DeckySpec>,
    pub(super) identity: Seed,
    pub(super) archetype: Option<&'a Archetype>,
    pub(super) distro: &'a Distro,
    pub(super) family: &'a OsFamily,
    pub(super) services: Vec<&'a Service>,
    pub(super) settings: Settings,
}

/// One for each decky of which all is known; what is unknown is told.
pub(super) fn all<'a>(
    catalogue: &'a Catalogue,
    request: &'a Request,
    ground: &Ground<'a>,
    found: &mut Diagnostics,
) -> Vec<Draft<'a>> {
    let before: BTreeMap<_, _> = ground.existing.iter().map(|decky| (&decky.name, decky)).collect();
    let mut drafter = Drafter {
        catalogue,
        draws: ground.draws(&request.options),
        used: BTreeSet::new(),
        found,
    };
    let mut drafts = Vec::with_capacity(request.deckies.len());
    for (n, wanted) in request.deckies.iter().enumerate() {
        let name = wanted.identity_seed.as_deref().unwrap_or(wanted.name.as_str());
        drafts.extend(drafter.draft(n, wanted, before.get(&wanted.name).copied(), ground.identity(name)));
    }
    drafts
}

struct Drafter<'a, 'f> {
    catalogue: &'a Catalogue,
    draws: Seed,
    /// Sets of services deckies before this one have.
    used: BTreeSet<BTreeSet<&'a str>>,
    found: &'f mut Diagnostics,
}

// === impl Drafter ===

impl<'a> Drafter<'a, '_> {
    fn draft(
        &mut self,
        n: usize,
        wanted: &'a Wanted,
        before: Option<&'a DeckySpec>,
        identity: Seed,
    ) -> Option<Draft<'a>> {
        let archetype = match wanted.archetype.as_deref().map(|slug| self.catalogue.archetype(slug)) {
            Some(archetype) => self.told(archetype, wanted, "archetype").map(Some),
            None => Some(None),
        };
        let explicit = wanted
            .nmap_os
            .as_deref()
            .map(|slug| (self.catalogue.os_family(slug), "nmap_os"));
        let default = || archetype.flatten().map_or("linux", |archetype| &archetype.os_family);
        let (family, key) = explicit.unwrap_or_else(|| (self.catalogue.os_family(default()), "archetype"));
        let family = self.told(family, wanted, key);
        let distro = self.distro(n, wanted, before, archetype.flatten());
        let services = self.services(wanted, before, archetype.flatten());
        let settings = services
            .as_ref()
            .map(|services| Settings::read(wanted, services, self.found));
        Some(Draft {
            wanted,
            before,
            identity,
            archetype: archetype?,
            distro: distro?,
            family: family?,
            services: services?,
            settings: settings?,
        })
    }

    fn distro(
        &mut self,
        n: usize,
        wanted: &Wanted,
        before: Option<&DeckySpec>,
        archetype: Option<&Archetype>,
    ) -> Option<&'a Distro> {
        let pool: Vec<&str> = match (&wanted.distros, archetype) {
            (Distros::Named(slugs), _) if !slugs.is_empty() => slugs.iter().map(String::as_str).collect(),
            (Distros::Dealt, Some(archetype)) => archetype.distros.iter().map(String::as_str).collect(),
            _ => self
                .catalogue
                .distros_in_order()
                .iter()
                .map(|distro| distro.slug.as_str())
                .collect(),
        };
        for slug in &pool {
            self.told(self.catalogue.distro(slug), wanted, "distro")?;
        }
        let was = before
            .map(|before| before.distro.as_str())
            .filter(|slug| pool.contains(slug));
        let slug = match (&wanted.distros, was) {
            // Named ones are dealt by place in the list, so that a list says what it seems to say.
            (Distros::Named(_), _) | (Distros::Dealt, None) => pool.get(n % pool.len().max(1)).copied(),
            (_, Some(was)) => Some(was),
            (Distros::Random, None) => self
                .draws
                .stream(&format!("distro\0{}", wanted.name))
                .pick(&pool)
                .copied(),
        };
        self.catalogue.distro(slug?).ok()
    }

    fn services(
        &mut self,
        wanted: &'a Wanted,
        before: Option<&DeckySpec>,
        archetype: Option<&'a Archetype>,
    ) -> Option<Vec<&'a Service>> {
        let services = match (&wanted.services, archetype) {
            (Services::Named(slugs), _) => self.named(slugs, wanted),
            (Services::Archetype, Some(archetype)) => self.of_archetype(archetype, wanted),
            // An archetype that does not exist is an error already told.
            (Services::Archetype, None) if wanted.archetype.is_some() => None,
            _ => Some(self.as_before(before).unwrap_or_else(|| self.drawn(wanted))),
        }?;
        self.used.insert(set(&services));
        Some(services)
    }

    fn named(&mut self, slugs: &[String], wanted: &Wanted) -> Option<Vec<&'a Service>> {
        let mut services: Vec<&Service> = Vec::new();
        let mut sound = true;
        for slug in slugs {
            match self.told(self.catalogue.service(slug), wanted, "services") {
                Some(service) if services.iter().any(|other| other.slug == service.slug) => self.found.push(
                    Diagnostic::warning("W_SERVICE_TWICE", format!("`{slug}` is listed twice"))
                        .at(wanted.place("services"))
                        .help("remove one"),
                ),
                Some(service) => services.push(service),
                None => sound = false,
            }
        }
        if let Some((a, b, port)) = conflict(&services) {
            let proto = if port.proto == Proto::Udp { "udp" } else { "tcp" };
            let what = format!(
                "decky `{}`: `{}` and `{}` both need port {}/{proto}",
                wanted.name, a.slug, b.slug, port.port
            );
            self.found.push(
                Diagnostic::error("E_PORT_CONFLICT", what)
                    .at(wanted.place("services"))
                    .help(format!("keep `{}` or `{}`", a.slug, b.slug)),
            );
            sound = false;
        }
        if services.is_empty() && sound {
            self.found.push(
                Diagnostic::error("E_NO_SERVICES", format!("decky `{}` runs nothing", wanted.name))
                    .at(wanted.place("services"))
                    .help(format!("available: {}", self.catalogue.service_slugs().join(", "))),
            );
            sound = false;
        }
        sound.then_some(services)
    }

    fn of_archetype(&mut self, archetype: &'a Archetype, wanted: &Wanted) -> Option<Vec<&'a Service>> {
        let (built, missing) = self.catalogue.services_of(archetype);
        if built.is_empty() {
            let works = self
                .catalogue
                .archetypes()
                .filter(|a| !self.catalogue.services_of(a).0.is_empty());
            let works: Vec<&str> = works.map(|archetype| archetype.slug.as_str()).collect();
            let what = format!(
                "archetype `{}`: none of its services is built yet ({})",
                archetype.slug,
                missing.join(", ")
            );
            self.found.push(
                Diagnostic::error("E_ARCHETYPE_NOT_BUILT", what)
                    .at(wanted.place("archetype"))
                    .help(format!("archetypes that work: {}", works.join(", "))),
            );
            return None;
        }
        if !missing.is_empty() {
            let what = format!(
                "archetype `{}` goes without {}: not built yet",
                archetype.slug,
                missing.join(", ")
            );
            self.found.push(
                Diagnostic::warning("W_ARCHETYPE_PARTIAL", what)
                    .at(wanted.place("archetype"))
                    .help(format!("its deckies run {}", built.join(", "))),
            );
        }
        let services = built
            .into_iter()
            .map(|slug| self.told(self.catalogue.service(slug), wanted, "archetype"));
        services.collect()
    }

    /// What a drawn decky ran before, when all of it still exists and goes together.
    fn as_before(&self, before: Option<&DeckySpec>) -> Option<Vec<&'a Service>> {
        let slugs = before?.machine.services.iter().map(|service| &service.slug);
        let services: Vec<_> = slugs
            .map(|slug| self.catalogue.service(slug).ok())
            .collect::<Option<_>>()?;
        (!services.is_empty() && conflict(&services).is_none()).then_some(services)
    }

    /// One to three that go together, unlike those of any decky before where that can be had.
    fn drawn(&self, wanted: &Wanted) -> Vec<&'a Service> {
        let pool: Vec<&Service> = self.catalogue.services().collect();
        let mut stream = self.draws.stream(&format!("services\0{}", wanted.name));
        let mut fits = Vec::new();
        for _ in 0..DRAWS {
            let size = stream.between(1, MOST_DRAWN.min(pool.len() as u64));
            let drawn = stream.subset(&pool, size as usize);
            if conflict(&drawn).is_some() {
                continue;
            }
            if !self.used.contains(&set(&drawn)) {
                return drawn;
            }
            fits = drawn;
        }
        if fits.is_empty() { stream.subset(&pool, 1) } else { fits }
    }

    fn told<T>(&mut self, sought: Result<T, Diagnostic>, wanted: &Wanted, key: &'static str) -> Option<T> {
        sought
            .map_err(|unknown| self.found.push(unknown.at(wanted.place(key))))
            .ok()
    }
}

fn set<'a>(services: &[&'a Service]) -> BTreeSet<&'a str> {
    services.iter().map(|service| service.slug.as_str()).collect()
}

/// Two services that need the same port of the same protocol (deploy.md §3.6).
fn conflict<'a>(services: &[&'a Service]) -> Option<(&'a Service, &'a Service, Port)> {
    let mut bound: BTreeMap<(u16, Proto), &Service> = BTreeMap::new();
    for service in services {
        for port in &service.ports {
            match bound.insert((port.port, port.proto), service) {
                Some(other) if other.slug != service.slug => return Some((other, service, *port)),
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_over_udp_is_another_port() {
        let service = |slug: &str, proto| Service {
            slug: slug.into(),
            label: String::new(),
            description: String::new(),
            ports: vec![Port {
                port: 53,
                proto,
                tls: false,
            }],
            hello: crate::catalogue::Hello {
                send: String::new(),
                expect: "x".to_owned(),
            },
            shell: false,
            config: Vec::new(),
            personas: Vec::new(),
        };
        let (a, b, c) = (
            service("a", Proto::Tcp),
            service("b", Proto::Udp),
            service("c", Proto::Tcp),
        );
        assert!(conflict(&[&a, &b]).is_none());
        let (first, second, port) = conflict(&[&a, &b, &c]).unwrap();
        assert_eq!((first.slug.as_str(), second.slug.as_str(), port.port), ("a", "c", 53));
    }
}
