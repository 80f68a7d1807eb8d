//! Openings: the stack behind each, and what its source is like.

use std::net::IpAddr;

use super::{
    Watch,
    details::{HostChange, ScannerSeen, Syn},
    observation::{Details, Observation},
    repeats::Matter,
};
use crate::{
    ip::Ip,
    link::Link,
    scanner::Report,
    source::Shown,
    stack::{Context, Signature},
    tcp::Tcp,
    time::Time,
};

// === impl Watch ===

impl Watch {
    /// Takes the opening of a connection between these.
    pub(super) fn syn(&mut self, at: Time, link: &Link, ip: &Ip<'_>, tcp: &Tcp<'_>, out: &mut Vec<Observation>) {
        let ends = self.deckies.ends(ip.source, ip.destination);
        if !ends.is_by_peer() {
            return;
        }
        let options = tcp.options();
        let signature = Signature::with_options(ip, tcp, &options, Context::Syn);
        let shown = self.sources.syn(at, ip, tcp, &options, &signature);
        let matter = |kind| Matter {
            kind,
            source: ip.source,
            destination: ip.destination,
            role: ends.role(),
            decky: ends.decky(),
        };
        let told = |details: Details| Observation {
            at,
            source: (ip.source, tcp.source_port),
            destination: (ip.destination, tcp.destination_port),
            role: ends.role(),
            decky: ends.decky().cloned(),
            details,
        };
        let Shown {
            series,
            report,
            changes,
            os,
        } = shown;
        let ids = series.ids.as_ref().map(|(ids, _)| ids.legacy);
        let detail = (os, signature.kinds.as_slice(), ids, series.isns.0.legacy);
        // What is told of a source's tools is told with the SYN that showed them.
        let shows_more = report.new_tool && !report.hits.is_empty();
        let is_first = self.repeats.is_first(at, matter("tcp_syn_fingerprint"), detail, out);
        if is_first || shows_more {
            let stack = self.stacks.of(&signature);
            let mut syn = Syn::new(ip, tcp, signature, stack, options, series, os);
            syn.scan = report;
            syn.mac = link.source.filter(|mac| self.neighbours.is_of(*mac, ip.source));
            out.push(told(syn.into()));
        }
        if !changes.is_empty() && self.repeats.is_first(at, matter("host_change"), changes, out) {
            let change = HostChange {
                reasons: changes.iter().map(|reason| reason.name()).collect(),
                stack_sig: signature.stack_sig(),
            };
            out.push(told(change.into()));
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
        let Some(hit) = report.hits.best().filter(|_| report.new_tool) else {
            return;
        };
        let ends = self.deckies.ends(source.0, destination.0);
        if !ends.is_by_peer() {
            return;
        }
        out.push(Observation {
            at,
            source,
            destination,
            role: ends.role(),
            decky: ends.decky().cloned(),
            details: ScannerSeen {
                scanner: hit.tool.name(),
                scanner_confidence: hit.confidence,
                scanner_evidence: hit.evidence,
                tool_change: report.tool_change,
            }
            .into(),
        });
    }
}
