//! Packets in, observations out: everything of this crate put together.
//!
//! A [`Watch`] holds what is known of sources, connections and first words, all of it within hard caps. It is fed the
//! packets of one capture, or of one part of a capture that holds all packets of the sources in it: then several can
//! work side by side and share nothing. Time is that of the packets; at quiet times [`Watch::advance`] tells it.

mod deckies;
mod details;
mod link_local;
mod observation;
mod repeats;
mod segments;
mod stacks;
mod syns;
mod talk;
#[cfg(test)]
mod tests;
mod tries;
mod udp;

use std::time::Duration;

pub use deckies::{Deckies, Decky, Role};
pub use details::{
    Asked, Flow, HostChange, Http2Settings, HttpRequest, LinkLocalLeak, PortTries, QuicHello, QuicProbe, Repeat,
    ScannerSeen, SshBanner, SshKex, Syn, TlsCertificate, TlsHello, TlsSession, Tried,
};
pub use observation::{Details, Observation};
pub use stacks::Stack;

use crate::{
    flow::{Flows, Summaries},
    fragment::Reassembler,
    ip::Ip,
    link::{Link, LinkType},
    packet::{Malformed, Net, Packet, Transport},
    source::{self, Sources},
    time::Time,
};
use link_local::Neighbours;
use repeats::Repeats;
use segments::Talks;
use stacks::Stacks;
use tries::Tries;
use udp::Datagrams;

/// The hard caps of a [`Watch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections in which both sides had their part, and others.
    pub flows: usize,
    pub half_open: usize,
    /// Connections whose first words are being put together, and bytes held of all of them.
    pub talks: usize,
    pub held: usize,
    pub sources: usize,
    /// Things told that are remembered.
    pub repeats: usize,
    /// Windows of connections that are gathered.
    pub summaries: usize,
    /// Senders of datagrams whose hello is being put together.
    pub datagrams: usize,
    /// Hardware addresses.
    pub neighbours: usize,
}

/// What it did and could not do, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub packets: u64,
    pub bytes: u64,
    pub observations: u64,
    /// Packets that concern no machine that is watched.
    pub foreign: u64,
    /// Packets that could not be read, by [`Malformed`].
    pub malformed: [u64; Malformed::COUNT],
    /// Datagrams whose fragments did not come together, for whatever reason.
    pub lost_datagrams: u64,
    /// Connections, sources, talks and tellings forgotten for want of room.
    pub evicted_flows: u64,
    pub evicted_half_open: u64,
    pub evicted_sources: u64,
    pub evicted_talks: u64,
    pub evicted_repeats: u64,
    /// Things not told again, and tries of ports not told at all.
    pub suppressed: u64,
}

/// Looks at packets and tells what they show.
#[derive(Debug)]
pub struct Watch {
    deckies: Deckies,
    fragments: Reassembler,
    flows: Flows<segments::Heard>,
    summaries: Summaries,
    sources: Sources,
    stacks: Stacks,
    talks: Talks,
    datagrams: Datagrams,
    neighbours: Neighbours,
    repeats: Repeats,
    tries: Tries,
    counters: Counters,
    /// When what is over was looked for last.
    swept: Time,
}

/// What is over is looked for this often.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

// === impl Watch ===

impl Watch {
    /// For these machines; for everyone's packets when none is named.
    pub fn new(limits: &Limits, deckies: Deckies) -> Self {
        Self {
            deckies,
            fragments: Reassembler::default(),
            flows: Flows::new(limits.flows, limits.half_open),
            summaries: Summaries::new(limits.summaries),
            sources: Sources::new(source::Limits::of(limits.sources)),
            stacks: Stacks::new(),
            talks: Talks::new(limits.talks, limits.held),
            datagrams: Datagrams::new(limits.datagrams),
            neighbours: Neighbours::new(limits.neighbours),
            repeats: Repeats::new(limits.repeats),
            tries: Tries::default(),
            counters: Counters::default(),
            swept: Time::default(),
        }
    }

    /// From now on these machines are watched.
    pub fn watch(&mut self, deckies: Deckies) {
        self.deckies = deckies;
    }

    /// Takes a packet: `captured` of the `length` bytes it had.
    #[inline]
    pub fn packet(&mut self, at: Time, link: LinkType, captured: &[u8], length: usize, out: &mut Vec<Observation>) {
        self.counters.packets += 1;
        self.counters.bytes += length as u64;
        if at.since(self.swept) >= SWEEP_EVERY {
            self.advance(at, out);
        }
        let packet = match Packet::read(link, captured, length) {
            Ok(packet) => packet,
            Err(fault) => return self.counters.malformed[fault as usize] += 1,
        };
        if let Some(fault) = packet.fault {
            self.counters.malformed[fault as usize] += 1;
        }
        match &packet.net {
            Net::Arp(arp) => self.neighbours.arp(arp),
            Net::Ip(ip, transport) => {
                if ip.is_v6() {
                    self.link_local(at, &packet.link, ip, transport, out);
                }
                if !self.concerns(ip.source, ip.destination) {
                    return self.counters.foreign += 1;
                }
                match transport {
                    Transport::Fragment => self.fragment(at, &packet.link, ip, out),
                    whole => self.whole(at, &packet.link, ip, whole, out),
                }
            }
        }
    }

    /// Takes a piece of a datagram, and looks into the datagram that it completes.
    fn fragment(&mut self, at: Time, link: &Link, ip: &Ip<'_>, out: &mut Vec<Observation>) {
        let Some(payload) = self.fragments.take(at, ip) else {
            return;
        };
        let ip = ip.reassembled(&payload);
        let (transport, fault) = Transport::read(&ip);
        if let Some(fault) = fault {
            self.counters.malformed[fault as usize] += 1;
        }
        self.whole(at, link, &ip, &transport, out);
    }

    fn whole(&mut self, at: Time, link: &Link, ip: &Ip<'_>, transport: &Transport<'_>, out: &mut Vec<Observation>) {
        match transport {
            Transport::Tcp(tcp) => self.segment(at, link, ip, tcp, out),
            Transport::Udp(udp) => self.datagram(at, ip, udp, out),
            Transport::Icmp(_) | Transport::Fragment | Transport::Other => {}
        }
    }

    /// Tells what is over by `now`; to be called when no packet comes for a while.
    pub fn advance(&mut self, now: Time, out: &mut Vec<Observation>) {
        self.swept = now;
        while let Some(ended) = self.flows.expired(now) {
            self.ended(now, ended, out);
        }
        while let Some((key, summary)) = self.summaries.expired(now) {
            self.tell_summary(&key, &summary, out);
        }
        self.tell_tries(out);
        self.repeats.expire(now, out);
    }

    /// Tells all that is still open: the capture has ended.
    pub fn finish(&mut self, out: &mut Vec<Observation>) {
        let now = self.swept;
        while let Some(ended) = self.flows.flush() {
            self.ended(now, ended, out);
        }
        while let Some((key, summary)) = self.summaries.flush() {
            self.tell_summary(&key, &summary, out);
        }
        self.tell_tries(out);
        self.repeats.flush(out);
    }

    pub fn counters(&self) -> Counters {
        let (suppressed, evicted_repeats) = self.repeats.counts();
        let (evicted_flows, evicted_half_open) = self.flows.evicted();
        Counters {
            lost_datagrams: self.fragments.dropped().total(),
            evicted_flows,
            evicted_half_open,
            evicted_sources: self.sources.evicted(),
            evicted_talks: self.talks.evicted() + self.datagrams.evicted(),
            evicted_repeats,
            suppressed: suppressed + self.tries.untold(),
            ..self.counters
        }
    }

    fn concerns(&self, source: std::net::IpAddr, destination: std::net::IpAddr) -> bool {
        self.deckies.is_empty() || self.deckies.get(source).is_some() || self.deckies.get(destination).is_some()
    }
}

// === impl Limits ===

impl Default for Limits {
    /// As fingerprint.md §12 has them; below 256 MiB all together, whatever comes.
    fn default() -> Self {
        Self {
            flows: 131_072,
            half_open: 65_536,
            talks: 32_768,
            held: 32 << 20,
            sources: 65_536,
            repeats: 262_144,
            summaries: 65_536,
            datagrams: 4_096,
            neighbours: 16_384,
        }
    }
}

impl Limits {
    /// For one of `parts` that share the work.
    pub fn shared(self, parts: usize) -> Self {
        let share = |all: usize| (all / parts.max(1)).max(64);
        Self {
            flows: share(self.flows),
            half_open: share(self.half_open),
            talks: share(self.talks),
            held: share(self.held),
            sources: share(self.sources),
            repeats: share(self.repeats),
            summaries: share(self.summaries),
            datagrams: share(self.datagrams),
            neighbours: self.neighbours,
        }
    }
}
