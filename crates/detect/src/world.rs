//! What detectors share: which addresses are ours, which are trusted, and whom a source has been in touch with.

use ipnet::IpNet;

use crate::addr::{Addr, HomeNets, Net, Scope};
use crate::config::Config;
use crate::event::{Attempt, Outcome, Proto, Resolved};
use crate::intel::Intel;
use crate::table::{Caps, Held, Map, Table};
use crate::time::{Span, Time};

/// Hosts of one net remembered per source; more than enough to know that it is many.
const HOSTS_PER_NET: usize = 16;
/// Hosts of one net from which on a source's visits to busy public ports count as looking around.
pub(crate) const NET_IS_SCANNED: usize = 8;
/// Hosts in all from which on every visit counts.
pub(crate) const ALL_IS_SCANNED: usize = 64;
const MAX_PAIRS: usize = 200_000;
const MAX_DECOYS: usize = 100_000;

const COMMON_TCP: [u16; 9] = [25, 80, 443, 465, 587, 853, 993, 8080, 8443];
const COMMON_UDP: [u16; 4] = [53, 123, 443, 3478];

pub(crate) struct World {
    pub(crate) home: HomeNets,
    decoys: Nets,
    /// Decoys met in events, by address.
    named_decoys: Map<Addr, String>,
    trusted_scanners: Nets,
    contacted: Table<(Addr, Net), Hosts>,
    pub(crate) intel: Intel,
}

/// A set of addresses and nets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nets(Vec<IpNet>);

/// When each host of a net was last contacted.
#[derive(Default)]
struct Hosts(Vec<(Addr, Time)>);

/// Whether an attempt says something about looking around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    Evidence,
    /// Evidence because the source goes through the target's net; what was held back of that net is too.
    NetIsScanned,
    /// Only if the source turns out to go through the target's net.
    IfNetIsScanned,
    Nothing,
}

// === impl World ===

impl World {
    pub(crate) fn new(config: &Config, intel: Intel) -> Self {
        Self {
            home: HomeNets::new(config.home_nets.clone()),
            decoys: Nets(config.decoys.clone()),
            named_decoys: Map::default(),
            trusted_scanners: Nets(config.trusted_scanners.clone()),
            contacted: Table::new(Caps {
                keys: MAX_PAIRS,
                entries: MAX_PAIRS * 4,
            }),
            intel,
        }
    }

    pub(crate) fn is_decoy(&self, addr: Addr) -> bool {
        self.named_decoys.contains_key(&addr) || self.decoys.contains(addr)
    }

    /// The decoy's name, or its address.
    pub(crate) fn decoy_name(&self, addr: Addr) -> String {
        self.named_decoys
            .get(&addr)
            .cloned()
            .unwrap_or_else(|| addr.to_string())
    }

    pub(crate) fn know_decoy(&mut self, addr: Addr, name: &str) {
        if self.named_decoys.len() < MAX_DECOYS || self.named_decoys.contains_key(&addr) {
            self.named_decoys.insert(addr, name.to_owned());
        }
    }

    pub(crate) fn is_trusted_scanner(&self, addr: Addr) -> bool {
        self.trusted_scanners.contains(addr)
    }

    /// Learns from an attempt, before detectors see it.
    pub(crate) fn learn(&mut self, attempt: &Attempt) {
        if is_common(attempt.proto, attempt.dport) && self.home.scope(attempt.dst) == Scope::Public {
            let (dst, at) = (attempt.dst, attempt.at);
            self.contacted
                .update(&(attempt.src, dst.net()), Hosts::default, |hosts| hosts.touch(dst, at));
        }
    }

    /// The source was in touch with at least eight hosts of this net since then.
    pub(crate) fn goes_through(&self, src: Addr, net: Net, since: Time) -> bool {
        self.contacted
            .peek(&(src, net))
            .is_some_and(|hosts| hosts.since(since) >= NET_IS_SCANNED)
    }

    /// What an attempt is worth to rules about attempts as such.
    pub(crate) fn worth(&self, attempt: &Attempt, window: Span) -> Worth {
        if self.is_familiar(attempt, window) {
            return Worth::Nothing;
        }
        self.unless_common(attempt, window)
    }

    /// What a failed attempt is worth; those that did not fail are worth nothing.
    pub(crate) fn worth_failed(&self, resolved: &Resolved, window: Span) -> Worth {
        let attempt = &resolved.attempt;
        if !resolved.outcome.failed() || self.is_familiar(attempt, window) {
            return Worth::Nothing;
        }
        if resolved.outcome == Outcome::Rejected || resolved.replies_visible {
            return Worth::Evidence;
        }
        self.unless_common(attempt, window)
    }

    fn is_familiar(&self, attempt: &Attempt, window: Span) -> bool {
        attempt
            .familiar_since
            .is_some_and(|since| since < attempt.at.minus(window))
    }

    fn unless_common(&self, attempt: &Attempt, window: Span) -> Worth {
        let exempt = is_common(attempt.proto, attempt.dport) && self.home.is_public(attempt.dst);
        if !exempt {
            Worth::Evidence
        } else if self.goes_through(attempt.src, attempt.dst.net(), attempt.at.minus(window)) {
            Worth::NetIsScanned
        } else {
            Worth::IfNetIsScanned
        }
    }
}

fn is_common(proto: Proto, port: u16) -> bool {
    match proto {
        Proto::Tcp => COMMON_TCP.contains(&port),
        Proto::Udp => COMMON_UDP.contains(&port),
        _ => false,
    }
}

// === impl Nets ===

impl Nets {
    pub(crate) fn new(nets: Vec<IpNet>) -> Self {
        Self(nets)
    }

    pub(crate) fn contains(&self, addr: Addr) -> bool {
        !self.0.is_empty() && self.0.iter().any(|net| net.contains(&addr.ip()))
    }
}

// === impl Hosts ===

impl Hosts {
    fn touch(&mut self, host: Addr, at: Time) {
        if let Some(held) = self.0.iter_mut().find(|(known, _)| *known == host) {
            held.1 = at;
            return;
        }
        if self.0.len() == HOSTS_PER_NET
            && let Some(oldest) = (0..self.0.len()).min_by_key(|&index| self.0[index].1)
        {
            self.0.swap_remove(oldest);
        }
        self.0.push((host, at));
    }

    fn since(&self, since: Time) -> usize {
        self.0.iter().filter(|(_, at)| *at >= since).count()
    }
}

impl Held for Hosts {
    fn entries(&self) -> usize {
        self.0.len()
    }
    fn is_hot(&self) -> bool {
        self.0.len() * 2 >= NET_IS_SCANNED
    }
}
