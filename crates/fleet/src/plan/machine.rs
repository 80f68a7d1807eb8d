//! The machine inside a decky: services with the products they claim, accounts, keys.

use std::collections::{BTreeMap, BTreeSet};

use model::machine::{Keys, MachineSpec, ServiceSpec};
use serde_json::Value;

use super::Ground;
use super::draft::Draft;
use super::naming::Named;
use crate::Catalogue;
use crate::catalogue::{Persona, Service};
use crate::identity::certificate_name;
use crate::request::Options;

/// What the engine leaves in a container and no other machine has.
const ENGINE_TRACES: [&str; 1] = ["/.dockerenv"];

pub(super) fn build(
    catalogue: &Catalogue,
    draft: &Draft<'_>,
    named: &Named,
    options: &Options,
    ground: &Ground<'_>,
) -> MachineSpec {
    let before = draft.before.map(|before| &before.machine);
    let resolvers = match &options.resolvers[..] {
        [] => ground.gateway().iter().map(ToString::to_string).collect(),
        said => said.iter().map(ToString::to_string).collect(),
    };
    let users = match before {
        Some(before) if draft.settings.accounts.is_empty() => before.users.clone(),
        _ => draft
            .settings
            .accounts
            .accounts(draft.distro, &catalogue.passwords, &draft.identity),
    };
    let mut machine = MachineSpec {
        generation: 1,
        hostname: named.hostname.clone(),
        domain: named.domain.clone(),
        distro: draft.distro.slug.clone(),
        seed: draft.identity.hex(),
        users,
        keys: Keys::default(),
        services: services(draft),
        unlink: ENGINE_TRACES.map(str::to_owned).to_vec(),
        resolvers,
    };
    machine.keys = keys(draft, &machine);
    machine
}

/// Those it had, as far as they still fit; what is missing is for [`crate::identity`] to make.
fn keys(draft: &Draft<'_>, machine: &MachineSpec) -> Keys {
    let before = draft
        .before
        .map(|before| &before.machine)
        .filter(|before| before.seed == machine.seed);
    let mut keys = before.map(|before| before.keys.clone()).unwrap_or_default();
    if let Some((cert, key)) = &draft.settings.tls {
        (keys.tls_cert, keys.tls_key) = (cert.clone(), key.clone());
    } else if before.is_some_and(|before| told(before) != told(machine)) {
        (keys.tls_cert, keys.tls_key) = Default::default();
    }
    keys
}

/// What a certificate follows from.
fn told(machine: &MachineSpec) -> (String, &str, Option<&Value>) {
    let brought = machine
        .services
        .iter()
        .find_map(|service| service.config.get("tls_cert"));
    (certificate_name(machine), &machine.distro, brought)
}

fn services(draft: &Draft<'_>) -> Vec<ServiceSpec> {
    let mut chosen = BTreeSet::new();
    let each = draft.services.iter().map(|service| {
        let persona = persona(draft, service, &chosen);
        chosen.extend(persona.map(|persona| persona.id.as_str()));
        ServiceSpec {
            slug: service.slug.clone(),
            ports: service.ports.clone(),
            config: draft.settings.services.get(&service.slug).cloned().unwrap_or_default(),
            persona: persona.map(values).unwrap_or_default(),
        }
    });
    each.collect()
}

/// The product asked for, else the one it was, else one another service of the machine claims too, else a drawn one.
fn persona<'a>(draft: &Draft<'a>, service: &'a Service, chosen: &BTreeSet<&str>) -> Option<&'a Persona> {
    let fitting: Vec<&Persona> = service.personas_on(&draft.distro.slug).collect();
    let asked = draft.settings.persona(&service.slug);
    let asked = asked.and_then(|id| fitting.iter().find(|persona| persona.id.starts_with(id)).copied());
    let before = draft
        .before
        .and_then(|before| before.machine.services.iter().find(|s| s.slug == service.slug));
    let was = before.and_then(|before| before.persona.get(PERSONA_ID)?.as_str());
    let named = |id: &str| fitting.iter().find(|persona| persona.id == id).copied();
    let shared = || {
        fitting
            .iter()
            .find(|persona| chosen.contains(persona.id.as_str()))
            .copied()
    };
    let drawn = || {
        let weighted: Vec<(&Persona, u32)> = fitting.iter().map(|persona| (*persona, persona.weight)).collect();
        draft
            .identity
            .stream(&format!("persona\0{}", service.slug))
            .weighted(&weighted)
    };
    asked.or_else(|| was.and_then(named)).or_else(shared).or_else(drawn)
}

/// Under this key a machine remembers which of a service's personas it is.
const PERSONA_ID: &str = "id";

fn values(persona: &Persona) -> BTreeMap<String, Value> {
    let mut values = persona.values.clone();
    values.insert(PERSONA_ID.to_owned(), Value::from(persona.id.as_str()));
    values
}
