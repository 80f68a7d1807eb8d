//! Requests into complete deckies. What a decky already is stays, unless the request or another decky forbids it.

mod address;
mod draft;
mod machine;
mod naming;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use model::Name;
use model::fleet::{DeckySpec, Driver, Egress, FleetSpec, Limits, NetworkSpec};
use model::machine::MachineSpec;
use time::OffsetDateTime;

use crate::Catalogue;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::draw::{InstallSecret, Seed};
use crate::request::{Options, Request};
use draft::Draft;

/// What is there already, found out by the caller.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// What identities and draws are kept apart by, `fleet`.
    pub scope: &'a str,
    pub network: &'a NetworkSpec,
    /// This host's own addresses.
    pub host: &'a [Ipv4Addr],
    /// Addresses at which something answers. Probe those a plan gave to new deckies and plan again with what was
    /// found, until nothing new is.
    pub taken: &'a BTreeSet<Ipv4Addr>,
    /// The scope's deckies as last planned.
    pub existing: &'a [DeckySpec],
    pub secret: &'a InstallSecret,
    pub now: OffsetDateTime,
}

/// A fleet, and what the operator should know of it.
#[derive(Clone, Debug)]
pub struct Planned {
    /// New deckies lack their keys: see [`crate::identity`].
    pub fleet: FleetSpec,
    pub warnings: Diagnostics,
}

/// The whole fleet, or everything that is wrong with the request.
pub fn plan(catalogue: &Catalogue, request: &Request, ground: &Ground<'_>) -> Result<Planned, Diagnostics> {
    let mut found = Diagnostics::default();
    let kept = kept(request, ground);
    counted(request, kept.len(), &mut found);
    let drafts = draft::all(catalogue, request, ground, &mut found);
    let addresses = address::allocate(&drafts, &kept, &request.options, ground, &mut found);
    let names = naming::all(catalogue, &drafts, &kept, &request.options, ground, &mut found);
    let mut deckies = Vec::with_capacity(drafts.len());
    for ((draft, ip), named) in drafts.iter().zip(&addresses).zip(names) {
        let machine = machine::build(catalogue, draft, &named, &request.options, ground);
        // A decky without an address is an error already told.
        if let Some(ip) = *ip {
            deckies.push(assemble(draft, ip, named.mac, machine, catalogue, ground.now));
        }
    }
    visible(&drafts, ground, &mut found);
    let (mut deckies, warnings) = found.and(deckies)?;
    deckies.splice(0..0, kept.into_iter().cloned());
    let fleet = FleetSpec {
        network: ground.network.clone(),
        deckies,
    };
    Ok(Planned { fleet, warnings })
}

/// Deckies the request does not speak of, which an additive plan leaves alone.
fn kept<'a>(request: &Request, ground: &Ground<'a>) -> Vec<&'a DeckySpec> {
    let asked: BTreeSet<&Name> = request.deckies.iter().map(|wanted| &wanted.name).collect();
    let stays = |decky: &&DeckySpec| request.options.additive && !asked.contains(&decky.name);
    ground.existing.iter().filter(stays).collect()
}

fn counted(request: &Request, kept: usize, found: &mut Diagnostics) {
    let total = request.deckies.len() + kept;
    let limit = request.options.limit.min(Options::MAX_LIMIT);
    if request.deckies.is_empty() {
        found.push(
            Diagnostic::error("E_NO_DECKIES", "no deckies are asked for")
                .help("add a section for each decky, `[web-01]`, or say how many with --deckies"),
        );
    }
    if total > limit {
        let help = if total > Options::MAX_LIMIT {
            "ask for fewer"
        } else {
            "ask for fewer, or insist with --force-limit"
        };
        found.push(
            Diagnostic::error(
                "E_LIMIT",
                format!("the fleet would have {total} deckies; {limit} is the limit"),
            )
            .help(help),
        );
    }
    let mut seen = BTreeMap::new();
    for wanted in &request.deckies {
        if let Some(first) = seen.insert(&wanted.name, wanted) {
            found.push(
                Diagnostic::error("E_NAME_TAKEN", format!("two deckies are called `{}`", wanted.name))
                    .at(first.place("").into_iter().chain(wanted.place("")))
                    .help("rename one of them"),
            );
        }
    }
}

/// What the operator chose and ought to know the price of.
fn visible(drafts: &[Draft<'_>], ground: &Ground<'_>, found: &mut Diagnostics) {
    if ground.network.driver == Driver::Ipvlan {
        found.push(
            Diagnostic::warning("W_IPVLAN", "with ipvlan every decky shows the host's hardware address")
                .help("use macvlan where the network allows it"),
        );
    }
    for draft in drafts.iter().filter(|draft| draft.wanted.egress == Egress::Open) {
        let what = format!(
            "decky `{}` may attack anyone: nothing holds its connections back",
            draft.wanted.name
        );
        found.push(
            Diagnostic::warning("W_OPEN", what)
                .at(draft.wanted.place("containment"))
                .help("use containment `strict` unless the network around it is closed"),
        );
    }
}

fn assemble(
    draft: &Draft<'_>,
    ip: Ipv4Addr,
    mac: String,
    machine: MachineSpec,
    catalogue: &Catalogue,
    now: OffsetDateTime,
) -> DeckySpec {
    let mut decky = DeckySpec {
        name: draft.wanted.name.clone(),
        ip,
        mac,
        distro: draft.distro.slug.clone(),
        image: draft.distro.image.clone(),
        archetype: draft.archetype.map(|archetype| archetype.slug.clone()),
        nmap_os: draft.family.slug.clone(),
        sysctls: catalogue.sysctls(&draft.family.slug),
        machine,
        egress: draft.wanted.egress,
        limits: limits(draft),
        mutate_interval: draft.wanted.mutate_interval,
        last_mutated: Some(now),
    };
    if let Some(before) = draft.before {
        decky.last_mutated = before.last_mutated;
        let changed = decky.spec_hash() != before.spec_hash();
        decky.machine.generation = before.machine.generation + u64::from(changed);
    }
    decky
}

/// A machine without a shell needs less (deploy.md §7.6).
fn limits(draft: &Draft<'_>) -> Limits {
    if draft.services.iter().any(|service| service.shell) {
        return Limits::default();
    }
    Limits {
        memory_mib: 128,
        cpus: 0.25,
        pids: 64,
        nofile: 1024,
    }
}

// === impl Ground ===

impl Ground<'_> {
    /// Who the decky of that name is.
    fn identity(&self, name: &str) -> Seed {
        self.secret.identity(self.scope, name)
    }

    /// What draws follow from.
    fn draws(&self, options: &Options) -> Seed {
        options
            .seed
            .map_or_else(|| self.secret.draws(self.scope), Seed::from_number)
    }

    /// Where packets leave the subnet: on a bridge without one said, Docker takes the first address.
    fn gateway(&self) -> Option<Ipv4Addr> {
        let first = || address::usable(self.network.subnet).map(|range| range.first);
        let bridged = self.network.driver == Driver::Bridge;
        self.network.gateway.or_else(|| bridged.then(first).flatten())
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
