//! What is known of each source of SYNs, within hard caps: how its numbers run, which tool it shows, and whether it is
//! still the host that it was.

mod host;

use std::net::IpAddr;

pub use host::{Changes, Reason};

use crate::{
    flow::Flow,
    ip::Ip,
    lru::Lru,
    scanner::{self, Report, marks_of_stray},
    series::{Observation, Scopes, Tracker},
    stack::{Signature, coarse_os},
    tcp::{Options, Tcp},
    time::Time,
};
use host::Host;

/// Many sources, in the order of their last packet.
#[derive(Debug)]
pub struct Sources {
    table: Lru<IpAddr, Source>,
    scopes: Scopes,
}

/// The caps of [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub sources: usize,
    /// Series per destination and per destination port, together.
    pub scoped: usize,
    /// Openings remembered to know retransmissions by.
    pub recent: usize,
}

/// What a SYN shows of its source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    pub series: Observation,
    pub report: Report,
    /// In what it is another host than before.
    pub changes: Changes,
    /// Label of the coarse table.
    pub os: &'static str,
}

#[derive(Debug)]
struct Source {
    numbers: Tracker,
    marks: scanner::Source,
    host: Option<Host>,
}

// === impl Sources ===

impl Sources {
    pub fn new(limits: Limits) -> Self {
        Self {
            table: Lru::new(limits.sources),
            scopes: Scopes::new(limits.scoped, limits.recent),
        }
    }

    /// Sources and series forgotten for want of room.
    pub fn evicted(&self) -> u64 {
        self.table.evicted() + self.scopes.evicted()
    }

    /// Takes a SYN.
    pub fn syn(&mut self, at: Time, ip: &Ip<'_>, tcp: &Tcp<'_>, options: &Options, signature: &Signature) -> Shown {
        let source = self.table.entry(ip.source, || Source::new(ip, tcp)).value;
        let series = source.numbers.observe(&mut self.scopes, at, ip, tcp, signature);
        let os = coarse_os(signature, options);
        if series.retransmission {
            return Shown {
                series,
                report: Report::default(),
                changes: Changes::default(),
                os,
            };
        }
        let now = Host::of(at, ip, tcp, options, signature, os);
        Shown {
            series,
            report: source.marks.syn(at, ip, tcp, options, signature),
            changes: match &mut source.host {
                Some(host) => host.follow(now, series.host_change),
                none => {
                    *none = Some(now);
                    Changes::default()
                }
            },
            os,
        }
    }

    /// Takes a packet that belongs to no connection.
    pub fn stray(&mut self, ip: &Ip<'_>, tcp: &Tcp<'_>) -> Report {
        let marks = marks_of_stray(tcp);
        if marks.is_empty() {
            return Report::default();
        }
        let source = self.table.entry(ip.source, || Source::new(ip, tcp));
        source.value.marks.stray(marks)
    }

    /// Takes a connection of `client` that came to its end.
    pub fn ended(&mut self, client: IpAddr, flow: &Flow) -> Report {
        self.table
            .get(&client)
            .map_or_else(Report::default, |source| source.marks.ended(flow))
    }
}

// === impl Source ===

impl Source {
    fn new(ip: &Ip<'_>, tcp: &Tcp<'_>) -> Self {
        Self {
            numbers: Tracker::default(),
            marks: scanner::Source::new(ip, tcp),
            host: None,
        }
    }
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self::of(65_536)
    }
}

impl Limits {
    /// As many series and openings as sources.
    pub const fn of(sources: usize) -> Self {
        Self {
            sources,
            scoped: sources,
            recent: sources,
        }
    }
}
