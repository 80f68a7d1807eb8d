//! Marks that show over several packets of one source.

use std::net::IpAddr;

use super::{Hits, Sweep, Tool, packet, sweep::Pairs};
use crate::{
    flow::{Flow, Handshake, Side},
    ip::Ip,
    stack::Signature,
    tcp::{Options, Tcp},
    time::Time,
};

/// What a packet adds to what is known of its source.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Report {
    pub hits: Hits,
    /// One of the hits is of a tool this source had not shown.
    pub new_tool: bool,
    /// And before it, this source had shown another program.
    pub tool_change: bool,
    pub sweep: Option<Sweep>,
}

/// Watches one source for marks of scanners.
#[derive(Clone, Debug)]
pub struct Source {
    /// Of the last SYN.
    last: Last,
    syns: u32,
    /// SYNs in a row from one source port to different places.
    same_port: u16,
    /// SYNs in a row from a source port one higher.
    port_steps: u16,
    /// SYNs in a row with one sequence number to different places.
    same_isn: u16,
    /// Pairs of sequence numbers with equal halves of their difference.
    equal_halves: u8,
    /// Pairs of sequence numbers that differ as addresses and ports do.
    mixed_in: u8,
    /// The TTL has jumped about.
    ttl_jumps: bool,
    established: u32,
    /// Connections that were opened and cut off without a byte.
    touched: u16,
    refused: u16,
    /// Tools it has shown, one bit each.
    tools: u16,
    /// The program of the last new one.
    family: Option<&'static str>,
    /// Made with its second SYN.
    pairs: Option<Box<Pairs>>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    ttl: u8,
    source_port: u16,
    isn: u32,
    destination: IpAddr,
    destination_port: u16,
}

/// So many SYNs from one source port are no chance.
const MANY_FROM_ONE_PORT: u16 = 10;
/// So many connections opened and cut off, or refused, of which the former at least one.
const MANY_TOUCHED: u16 = 5;

// === impl Source ===

impl Source {
    /// Of which this is the first packet; it is to be taken yet.
    pub fn new(ip: &Ip<'_>, tcp: &Tcp<'_>) -> Self {
        Self {
            last: Last::of(ip, tcp),
            syns: 0,
            same_port: 0,
            port_steps: 0,
            same_isn: 0,
            equal_halves: 0,
            mixed_in: 0,
            ttl_jumps: false,
            established: 0,
            touched: 0,
            refused: 0,
            tools: 0,
            family: None,
            pairs: None,
        }
    }

    /// Takes a SYN that is no retransmission.
    pub fn syn(&mut self, at: Time, ip: &Ip<'_>, tcp: &Tcp<'_>, options: &Options, signature: &Signature) -> Report {
        let mut hits = packet::marks_of_syn(ip, tcp, options, signature);
        let now = Last::of(ip, tcp);
        let mut sweep = None;
        if self.syns > 0 {
            self.follow(now);
            sweep = self.came(at, now);
        }
        self.syns = self.syns.saturating_add(1);
        self.add_marks(&mut hits, ip.is_v6());
        if sweep.is_some() {
            hits.add(Tool::FastSweep, 0.6, "ten places within ten seconds");
        }
        self.report(hits, sweep)
    }

    /// Takes a packet that belongs to no connection and bears these marks.
    pub(crate) fn stray(&mut self, marks: Hits) -> Report {
        self.report(marks, None)
    }

    /// Takes a connection of the source that came to its end.
    pub fn ended(&mut self, flow: &Flow) -> Report {
        match flow.handshake {
            Handshake::Established => {
                self.established = self.established.saturating_add(1);
                let cut_off = flow.reset_by == Some(Side::Client) && flow.client.bytes == 0;
                self.touched = self.touched.saturating_add(u16::from(cut_off));
            }
            Handshake::Refused => self.refused = self.refused.saturating_add(1),
            Handshake::SynOnly | Handshake::HalfOpen | Handshake::RstByClient | Handshake::Midstream => {}
        }
        let mut hits = Hits::default();
        if self.touched > 0 && self.touched.saturating_add(self.refused) >= MANY_TOUCHED {
            hits.add(Tool::NmapConnect, 0.7, "connections opened and cut off without a byte");
        }
        self.report(hits, None)
    }

    /// Compares a SYN with the one before.
    fn follow(&mut self, now: Last) {
        let before = std::mem::replace(&mut self.last, now);
        let elsewhere = (before.destination, before.destination_port) != (now.destination, now.destination_port);
        let row = |count: u16, goes_on: bool| if goes_on { count.saturating_add(1) } else { 0 };
        self.same_port = row(self.same_port, elsewhere && before.source_port == now.source_port);
        self.port_steps = row(self.port_steps, now.source_port.wrapping_sub(before.source_port) == 1);
        self.same_isn = row(self.same_isn, elsewhere && before.isn == now.isn);
        self.ttl_jumps |= before.destination == now.destination && before.ttl.abs_diff(now.ttl) > 1;
        let differs = before.isn ^ now.isn;
        if differs != 0 && differs >> 16 == differs & 0xffff {
            self.equal_halves = self.equal_halves.saturating_add(1);
        }
        let same_mixture = before.mixture().is_some() && before.mixture() == now.mixture();
        if differs != 0 && same_mixture {
            self.mixed_in = self.mixed_in.saturating_add(1);
        }
    }

    fn came(&mut self, at: Time, now: Last) -> Option<Sweep> {
        let low = match now.destination {
            IpAddr::V4(v4) => u64::from(v4.to_bits()),
            IpAddr::V6(v6) => v6.to_bits() as u64,
        };
        self.pairs.get_or_insert_default().came(at, (low, now.destination_port))
    }

    /// Adds the marks that this and earlier SYNs make together.
    fn add_marks(&self, hits: &mut Hits, v6: bool) {
        let nmap = hits.iter().any(|hit| hit.tool == Tool::NmapSyn);
        if nmap && self.ttl_jumps {
            hits.add(
                Tool::NmapSyn,
                0.95,
                "MSS 1460 alone, window a small multiple of 1024, TTL of each SYN another",
            );
        } else if nmap && self.same_isn > 0 {
            hits.add(
                Tool::NmapSyn,
                0.95,
                "MSS 1460 alone, window a small multiple of 1024, one sequence number for all",
            );
        }
        if self.equal_halves > 0 {
            let confidence = if self.equal_halves > 1 { 0.95 } else { 0.7 };
            hits.add(
                Tool::NmapSeq,
                confidence,
                "two sequence numbers differ by the same in both halves",
            );
        }
        if self.mixed_in > 0 && !v6 {
            hits.add(
                Tool::Unicornscan,
                0.95,
                "sequence number ^ destination ^ ports is one number",
            );
        }
        let bare = hits.iter().any(|hit| matches!(hit.tool, Tool::Hping | Tool::Raw));
        if bare && self.port_steps > 1 {
            hits.add(Tool::Hping, 0.9, "no options, source port one higher with each SYN");
        }
        if self.same_port >= MANY_FROM_ONE_PORT && self.established == 0 {
            hits.add(
                Tool::Stateless,
                0.7,
                "many places from one source port, no handshake completed",
            );
        }
    }

    fn report(&mut self, hits: Hits, sweep: Option<Sweep>) -> Report {
        let mut report = Report {
            hits,
            new_tool: false,
            tool_change: false,
            sweep,
        };
        for hit in hits.iter() {
            let bit = 1 << hit.tool as u16;
            if self.tools & bit != 0 {
                continue;
            }
            self.tools |= bit;
            report.new_tool = true;
            if let Some(family) = hit.tool.family() {
                let before = self.family.replace(family);
                report.tool_change |= before.is_some_and(|before| before != family);
            }
        }
        report
    }
}

// === impl Last ===

impl Last {
    fn of(ip: &Ip<'_>, tcp: &Tcp<'_>) -> Self {
        Self {
            ttl: ip.ttl,
            source_port: tcp.source_port,
            isn: tcp.sequence,
            destination: ip.destination,
            destination_port: tcp.destination_port,
        }
    }

    /// What unicornscan makes its sequence numbers of leaves its key (Ghiëtte, Blenn, Doerr: Remote Identification of
    /// Port Scan Toolchains, 2016).
    fn mixture(&self) -> Option<u32> {
        let IpAddr::V4(destination) = self.destination else {
            return None;
        };
        let ports = u32::from(self.source_port) << 16 | u32::from(self.destination_port);
        Some(self.isn ^ destination.to_bits() ^ ports)
    }
}
