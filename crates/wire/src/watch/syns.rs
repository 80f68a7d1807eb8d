//! Openings: the stack behind each, and how its source's numbers run.

use std::net::IpAddr;

use super::{
    Watch,
    deckies::Ends,
    details::{HostChange, ScannerSeen, Syn},
    observation::{Details, Observation},
    repeats::Matter,
};
use crate::{
    ip::Ip,
    link::Link,
    lru::Lru,
    scanner::{self, Report},
    series::{self, Tracker},
    stack::{Context, Signature, coarse_os},
    tcp::Tcp,
    time::Time,
};

/// What is known of sources.
#[derive(Debug)]
pub(super) struct Sources {
    series: Tracker,
    pub(super) scanners: scanner::Watch,
    last: Lru<IpAddr, Last>,
}

/// How a source looked when it was last told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Last {
    os: &'static str,
    initial_ttl: u8,
    mss: Option<u16>,
}

// === impl Sources ===

impl Sources {
    pub(super) fn new(capacity: usize) -> Self {
        let limits = series::Limits {
            sources: capacity,
            scoped: capacity,
            recent: capacity,
        };
        Self {
            series: Tracker::new(limits),
            scanners: scanner::Watch::new(capacity),
            last: Lru::new(capacity),
        }
    }

    pub(super) fn evicted(&self) -> u64 {
        self.series.evicted() + self.scanners.evicted()
    }

    /// What of it is another than when it was told of last.
    fn changes(&mut self, source: IpAddr, now: Last, other_stack: bool) -> Vec<&'static str> {
        let used = self.last.entry(source, || now);
        let before = std::mem::replace(used.value, now);
        [
            (other_stack, "sig_diff"),
            (before.os != now.os, "os_sig"),
            (before.initial_ttl != now.initial_ttl, "ttl"),
            (before.mss != now.mss, "mtu"),
        ]
        .into_iter()
        .filter_map(|(differs, reason)| differs.then_some(reason))
        .collect()
    }
}

// === impl Watch ===

impl Watch {
    /// Takes the opening of a connection.
    pub(super) fn syn(&mut self, at: Time, link: &Link, ip: &Ip<'_>, tcp: &Tcp<'_>, out: &mut Vec<Observation>) {
        let ends = self.deckies.ends(ip.source, ip.destination);
        if matches!(ends, Ends::Outbound(_) | Ends::Foreign) {
            return;
        }
        let decky = match &ends {
            Ends::Inbound(decky) => Some(*decky),
            _ => None,
        };
        let options = tcp.options();
        let signature = Signature::with_options(ip, tcp, &options, Context::Syn);
        let series = self.sources.series.observe(at, ip, tcp, &signature);
        let report = if series.retransmission {
            Report::default()
        } else {
            self.sources.scanners.syn(at, ip, tcp, &options, &signature)
        };
        let tool = report.hits.best().map(|hit| hit.tool);
        let os = coarse_os(&signature, &options);
        let matter = Matter {
            kind: "tcp_syn_fingerprint",
            source: ip.source,
            destination: ip.destination,
            role: ends.role(),
            decky,
        };
        let ids = series.ids.as_ref().map(|(ids, _)| ids.legacy);
        let detail = (os, signature.kinds.as_slice(), ids, series.isns.0.legacy);
        // What is told of a source's tools is told with the SYN that showed them.
        let shows_more = report.new_tool && tool.is_some();
        if !self.repeats.is_first(at, matter, detail, out) && !shows_more {
            return;
        }
        let mut syn = Syn::new(ip, tcp, signature, options, series, os);
        syn.scan = report;
        syn.mac = link.source.filter(|mac| self.neighbours.is_of(*mac, ip.source));
        let now = Last {
            os,
            initial_ttl: signature.initial_ttl(),
            mss: signature.mss,
        };
        let reasons = self.sources.changes(ip.source, now, series.host_change);
        let told = |details: Details| Observation {
            at,
            source: (ip.source, tcp.source_port),
            destination: (ip.destination, tcp.destination_port),
            role: matter.role,
            decky: decky.cloned(),
            details,
        };
        out.push(told(syn.into()));
        self.counters.observations += 1;
        if series.host_change && !reasons.is_empty() {
            let stack_sig = signature.stack_sig();
            out.push(told(HostChange { reasons, stack_sig }.into()));
        }
    }

    /// Tells a tool that shows otherwise than by a SYN, once for each source.
    pub(super) fn scanner(
        &mut self,
        at: Time,
        source: (IpAddr, u16),
        destination: (IpAddr, u16),
        report: &Report,
        out: &mut Vec<Observation>,
    ) {
        let ends = self.deckies.ends(source.0, destination.0);
        let (Some(hit), Ends::Anyone | Ends::Inbound(_)) = (report.hits.best().filter(|_| report.new_tool), &ends)
        else {
            return;
        };
        out.push(Observation {
            at,
            source,
            destination,
            role: ends.role(),
            decky: self.deckies.get(destination.0).cloned(),
            details: ScannerSeen {
                scanner: hit.tool.name(),
                scanner_confidence: f64::from(hit.confidence),
                scanner_evidence: hit.evidence,
                tool_change: report.tool_change,
            }
            .into(),
        });
    }
}
