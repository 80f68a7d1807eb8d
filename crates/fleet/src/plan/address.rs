//! Who gets which address (deploy.md §5.3).

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use model::fleet::DeckySpec;

use super::Ground;
use super::draft::Draft;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::request::{IpRange, IpStrategy, Options};

/// Scattered draws that meet a taken address before the next free one after the last draw is taken.
const TRIES: usize = 1_000;

/// One address for each draft, in its order; none where an error says why.
pub(super) fn allocate(
    drafts: &[Draft<'_>],
    kept: &[&DeckySpec],
    options: &Options,
    ground: &Ground<'_>,
    found: &mut Diagnostics,
) -> Vec<Option<Ipv4Addr>> {
    let subnet = ground.network.subnet;
    let Some(usable) = usable(subnet) else {
        found.push(
            Diagnostic::error("E_SUBNET_SMALL", format!("{subnet} has no room for a decky"))
                .help("use a subnet of /30 or larger"),
        );
        return vec![None; drafts.len()];
    };
    let mut allocator = Allocator {
        range: usable,
        options,
        ground,
        given: BTreeMap::new(),
        reserved: reserved(ground),
        found,
    };
    allocator.reserved.extend(kept.iter().map(|decky| decky.ip));
    allocator.begin();
    let mut addresses: Vec<Option<Ipv4Addr>> = drafts.iter().map(|draft| allocator.explicit(draft, kept)).collect();
    for (draft, address) in drafts
        .iter()
        .zip(&mut addresses)
        .filter(|(draft, _)| draft.wanted.ip.is_none())
    {
        *address = allocator.as_before(draft);
    }
    let missing: Vec<usize> = (0..drafts.len())
        .filter(|&n| drafts[n].wanted.ip.is_none() && addresses[n].is_none())
        .collect();
    for (served, &n) in missing.iter().enumerate() {
        addresses[n] = allocator.next(&drafts[n]);
        if addresses[n].is_none() {
            allocator.shortage(missing.len(), served);
            break;
        }
    }
    addresses
}

/// Addresses a machine of the subnet can have.
pub(super) fn usable(subnet: Ipv4Net) -> Option<IpRange> {
    let (first, last) = (
        u32::from(subnet.network()).checked_add(1)?,
        u32::from(subnet.broadcast()).checked_sub(1)?,
    );
    (subnet.prefix_len() <= 30).then(|| IpRange {
        first: first.into(),
        last: last.into(),
    })
}

fn reserved(ground: &Ground<'_>) -> BTreeSet<Ipv4Addr> {
    ground.host.iter().copied().chain(ground.gateway()).collect()
}

struct Allocator<'a, 'f> {
    /// What is left to give out in order.
    range: IpRange,
    options: &'a Options,
    ground: &'a Ground<'a>,
    /// Who of this request has it.
    given: BTreeMap<Ipv4Addr, &'a Draft<'a>>,
    /// Not ours to give.
    reserved: BTreeSet<Ipv4Addr>,
    found: &'f mut Diagnostics,
}

// === impl Allocator ===

impl<'a> Allocator<'a, '_> {
    fn begin(&mut self) {
        let Some(start) = self.options.ip_start else { return };
        if self.range.contains(start) {
            self.range.first = start;
            return;
        }
        let what = format!("the first address {start} is not one of {}", self.ground.network.subnet);
        self.found.push(
            Diagnostic::error("E_IP_START", what)
                .help(format!("choose one from {} to {}", self.range.first, self.range.last)),
        );
    }

    /// The address the operator named, when nothing speaks against it.
    fn explicit(&mut self, draft: &'a Draft<'a>, kept: &[&DeckySpec]) -> Option<Ipv4Addr> {
        let ip = draft.wanted.ip?;
        if let Some(objection) = self.objection(draft, ip, kept) {
            self.found.push(objection);
            return None;
        }
        if let Some(first) = self.given.insert(ip, draft) {
            let (a, b) = (&first.wanted.name, &draft.wanted.name);
            self.found.push(
                Diagnostic::error(
                    "E_IP_DUPLICATE",
                    format!("decky `{a}` and decky `{b}` both ask for {ip}"),
                )
                .at(first.wanted.place("ip").into_iter().chain(draft.wanted.place("ip")))
                .help("remove one `ip =` line to have an address allocated"),
            );
        }
        if self.options.exclude.iter().any(|range| range.contains(ip)) {
            self.found.push(
                Diagnostic::warning("W_IP_EXCLUDED", format!("{ip} lies in a range that is excluded"))
                    .at(draft.wanted.place("ip"))
                    .help("another machine may be given it; choose one outside `exclude`"),
            );
        }
        Some(ip)
    }

    fn objection(&self, draft: &Draft<'_>, ip: Ipv4Addr, kept: &[&DeckySpec]) -> Option<Diagnostic> {
        let Ground {
            network, host, taken, ..
        } = self.ground;
        let (subnet, name) = (network.subnet, &draft.wanted.name);
        let remove = "choose another, or remove the line to have one allocated";
        let mine = draft.before.is_some_and(|before| before.ip == ip);
        let holder = kept.iter().find(|decky| decky.ip == ip);
        let (code, what, help) = if !subnet.contains(&ip) {
            (
                "E_IP_OUTSIDE",
                format!("{ip} of decky `{name}` is not in {subnet}"),
                remove,
            )
        } else if ip == subnet.network() {
            (
                "E_IP_NETWORK",
                format!("{ip} of decky `{name}` is the address of the network {subnet} itself"),
                remove,
            )
        } else if ip == subnet.broadcast() {
            (
                "E_IP_BROADCAST",
                format!("{ip} of decky `{name}` is the broadcast address of {subnet}"),
                remove,
            )
        } else if self.ground.gateway() == Some(ip) {
            (
                "E_IP_GATEWAY",
                format!("{ip} of decky `{name}` is the gateway's"),
                remove,
            )
        } else if host.contains(&ip) {
            (
                "E_IP_HOST",
                format!("{ip} of decky `{name}` is this host's own"),
                remove,
            )
        } else if let Some(holder) = holder {
            (
                "E_IP_DUPLICATE",
                format!("{ip} of decky `{name}` is that of decky `{}`", holder.name),
                remove,
            )
        } else if taken.contains(&ip) && !mine && !self.options.force_ip {
            (
                "E_IP_ANSWERS",
                format!("something answers at {ip}, which decky `{name}` asks for"),
                "choose another, or insist with --force-ip",
            )
        } else {
            return None;
        };
        Some(Diagnostic::error(code, what).at(draft.wanted.place("ip")).help(help))
    }

    /// The address the decky had, while it is still free to have.
    fn as_before(&mut self, draft: &'a Draft<'a>) -> Option<Ipv4Addr> {
        let ip = draft.before?.ip;
        let fits = usable(self.ground.network.subnet).is_some_and(|range| range.contains(ip));
        // What answers there is the decky itself.
        (fits && self.is_free(ip)).then(|| {
            self.given.insert(ip, draft);
            ip
        })
    }

    fn next(&mut self, draft: &'a Draft<'a>) -> Option<Ipv4Addr> {
        let ip = match self.options.ip_strategy.unwrap_or_default() {
            IpStrategy::Sequential => self.following(self.range.first),
            IpStrategy::Scattered => self.scattered(draft),
        }?;
        if self.options.ip_strategy.unwrap_or_default() == IpStrategy::Sequential {
            self.range.first = ip;
        }
        self.given.insert(ip, draft);
        Some(ip)
    }

    fn following(&self, start: Ipv4Addr) -> Option<Ipv4Addr> {
        let mut at = start;
        while at <= self.range.last {
            if self.can_give(at) {
                return Some(at);
            }
            // A whole excluded range is one step.
            let excluded = self.options.exclude.iter().find(|range| range.contains(at));
            at = u32::from(excluded.map_or(at, |range| range.last))
                .checked_add(1)?
                .into();
        }
        None
    }

    /// By the decky's name, so that others come and go without moving it.
    fn scattered(&self, draft: &Draft<'_>) -> Option<Ipv4Addr> {
        let (first, last) = (
            u64::from(u32::from(self.range.first)),
            u64::from(u32::from(self.range.last)),
        );
        let draws = self.ground.draws(self.options);
        let mut stream = draws.stream(&format!("ip\0{}", draft.wanted.name));
        let mut drawn = || Ipv4Addr::from(u32::try_from(stream.between(first, last)).unwrap_or_default());
        let mut at = drawn();
        for _ in 0..TRIES {
            if self.can_give(at) {
                return Some(at);
            }
            at = drawn();
        }
        self.following(at).or_else(|| self.following(self.range.first))
    }

    fn can_give(&self, ip: Ipv4Addr) -> bool {
        self.is_free(ip) && !self.ground.taken.contains(&ip)
    }

    fn is_free(&self, ip: Ipv4Addr) -> bool {
        let excluded = self.options.exclude.iter().any(|range| range.contains(ip));
        !self.reserved.contains(&ip) && !self.given.contains_key(&ip) && !excluded
    }

    fn shortage(&mut self, needed: usize, served: usize) {
        let subnet = self.ground.network.subnet;
        let what = format!("{subnet} has {served} free addresses of the {needed} needed");
        self.found.push(
            Diagnostic::error("E_IP_SHORTAGE", what)
                .help("ask for fewer deckies, start at a lower address, exclude less, or use a larger subnet"),
        );
    }
}
