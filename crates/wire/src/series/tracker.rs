//! The series of many sources.

use std::net::IpAddr;

use super::{
    IdClass, IsnClass, Legacy, MAX_SAMPLES, Sample, Verdict, classify_ids, classify_isns, recent::Recent,
    samples::Samples,
};
use crate::{ip::Ip, lru::Lru, stack::Signature, tcp::Tcp, time::Time};

/// Takes SYNs, tells how their source's numbers run.
///
/// A series is kept for each source, and once a source came again also for each of its destinations and destination
/// ports, since most systems count per destination or per socket. Retransmitted SYNs add nothing.
#[derive(Debug)]
pub struct Tracker {
    sources: Lru<IpAddr, Source>,
    scoped: Lru<Scoped, Samples>,
    recent: Recent,
}

/// The caps of a [`Tracker`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub sources: usize,
    /// Series per destination and per destination port, together.
    pub scoped: usize,
    /// Openings remembered to know retransmissions by.
    pub recent: usize,
}

/// What a SYN's source is like, with this SYN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// The SYN had been seen before; nothing was added.
    pub retransmission: bool,
    /// The source's stack is another than before: another host behind the address, or a tool. Its series begin anew.
    pub host_change: bool,
    /// Of IP identifications; `None` over IPv6.
    pub ids: Option<(Verdict<IdClass>, Scope)>,
    pub isns: (Verdict<IsnClass>, Scope),
    /// One of the two legacy labels is another than after the last SYN of this source.
    pub transition: bool,
}

/// Over what a series runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    #[default]
    Global,
    PerDestination,
    PerPort,
}

#[derive(Debug)]
struct Source {
    stack: u64,
    /// SYNs of this stack that were not retransmissions.
    count: u32,
    samples: Samples,
    /// Made with the first verdict.
    judged: Option<Box<Judged>>,
    labels: (Legacy, Legacy),
}

#[derive(Clone, Copy, Debug, Default)]
struct Judged {
    ids: (Verdict<IdClass>, Scope),
    isns: (Verdict<IsnClass>, Scope),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scoped {
    Destination(IpAddr, IpAddr),
    Port(IpAddr, u16),
}

/// A verdict needs as many.
const MIN_SAMPLES: u32 = 4;
/// Until a series is full it is judged at every SYN, then at every so many-th.
const JUDGE_EVERY: u32 = 8;

// === impl Tracker ===

impl Tracker {
    pub fn new(limits: Limits) -> Self {
        Self {
            sources: Lru::new(limits.sources),
            scoped: Lru::new(limits.scoped),
            recent: Recent::new(limits.recent),
        }
    }

    /// Sources and series forgotten for want of room.
    pub fn evicted(&self) -> u64 {
        self.sources.evicted() + self.scoped.evicted()
    }

    /// Takes a SYN.
    pub fn observe(&mut self, at: Time, ip: &Ip<'_>, tcp: &Tcp<'_>, signature: &Signature) -> Observation {
        let ends = (ip.source, ip.destination, tcp.source_port, tcp.destination_port);
        let retransmission = self.recent.seen(at, (ends, tcp.sequence));
        let stack = signature.stack_key();
        let used = self.sources.entry(ip.source, || Source::new(stack));
        let (source, new) = (used.value, used.new);
        let scopes = [
            Scoped::Destination(ip.source, ip.destination),
            Scoped::Port(ip.source, tcp.destination_port),
        ];
        let host_change = source.stack != stack;
        if host_change {
            *source = Source {
                labels: source.labels,
                ..Source::new(stack)
            };
            for scope in &scopes {
                self.scoped.remove(scope);
            }
        }
        if !retransmission {
            let sample = Sample {
                at,
                isn: tcp.sequence,
                id: ip.id.unwrap_or_default(),
            };
            source.count = source.count.saturating_add(1);
            source.samples.push(sample);
            if !new {
                for scope in scopes {
                    self.scoped.entry(scope, Samples::default).value.push(sample);
                }
            }
            if source.is_due() {
                let (destination, port) = (self.scoped.peek(&scopes[0]), self.scoped.peek(&scopes[1]));
                source.judge(at, destination, port);
            }
        }
        let transition = source.relabel(ip.is_v6());
        let judged = source.judged.as_deref().copied().unwrap_or_default();
        Observation {
            retransmission,
            host_change,
            ids: (!ip.is_v6()).then_some(judged.ids),
            isns: judged.isns,
            transition,
        }
    }
}

/// The verdict of the first scope that shows a rule; if none does, the one over all.
fn best<C: Copy + Default>(
    now: Time,
    scopes: &[(Scope, Option<&Samples>); 3],
    judge: fn(&[Sample]) -> Verdict<C>,
    structured: fn(C) -> bool,
) -> (Verdict<C>, Scope) {
    let verdicts = scopes.map(|(scope, samples)| {
        (
            samples.map(|samples| samples.judged(now, judge)).unwrap_or_default(),
            scope,
        )
    });
    verdicts
        .into_iter()
        .find(|(verdict, _)| structured(verdict.class))
        .unwrap_or(verdicts[0])
}

// === impl Source ===

impl Source {
    fn new(stack: u64) -> Self {
        Self {
            stack,
            count: 0,
            samples: Samples::default(),
            judged: None,
            labels: Default::default(),
        }
    }

    fn is_due(&self) -> bool {
        let full = MAX_SAMPLES as u32;
        self.count >= MIN_SAMPLES && (self.count <= full || self.count.is_multiple_of(JUDGE_EVERY))
    }

    fn judge(&mut self, now: Time, destination: Option<&Samples>, port: Option<&Samples>) {
        let scopes = [
            (Scope::Global, Some(&self.samples)),
            (Scope::PerDestination, destination),
            (Scope::PerPort, port),
        ];
        let judged = Judged {
            ids: best(now, &scopes, classify_ids, IdClass::is_structured),
            isns: best(now, &scopes, classify_isns, IsnClass::is_structured),
        };
        **self.judged.get_or_insert_default() = judged;
    }

    /// Takes the labels of the last verdict; true when they are others than before.
    fn relabel(&mut self, v6: bool) -> bool {
        let labels = self.judged.as_ref().map_or_else(Default::default, |judged| {
            (
                if v6 { Legacy::Unknown } else { judged.ids.0.legacy },
                judged.isns.0.legacy,
            )
        });
        std::mem::replace(&mut self.labels, labels) != labels
    }
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            sources: 65_536,
            scoped: 65_536,
            recent: 65_536,
        }
    }
}

// === impl Scope ===

impl Scope {
    /// As it stands in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::PerDestination => "per_dst",
            Self::PerPort => "per_flow",
        }
    }
}
