//! The series of one source.

use std::net::IpAddr;

use super::{
    IdClass, IsnClass, Legacy, MAX_SAMPLES, Sample, Verdict, classify_ids, classify_isns, recent::Recent,
    samples::Samples,
};
use crate::{ip::Ip, lru::Lru, stack::Signature, tcp::Tcp, time::Time};

/// Takes the SYNs of one source, tells how its numbers run. Retransmitted SYNs add nothing.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    stack: u64,
    /// SYNs of this stack that were not retransmissions.
    count: u32,
    samples: Samples,
    /// Made with the first verdict.
    judged: Option<Box<Judged>>,
    labels: (Legacy, Legacy),
}

/// What the trackers of all sources share, within hard caps.
///
/// Once a source came again a series is also kept for each of its destinations and destination ports, since most
/// systems count per destination or per socket.
#[derive(Debug)]
pub struct Scopes {
    scoped: Lru<Scoped, Samples>,
    recent: Recent,
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
    /// Takes a SYN.
    pub fn observe(
        &mut self,
        scopes: &mut Scopes,
        at: Time,
        ip: &Ip<'_>,
        tcp: &Tcp<'_>,
        signature: &Signature,
    ) -> Observation {
        let ends = (ip.source, ip.destination, tcp.source_port, tcp.destination_port);
        let retransmission = scopes.recent.seen(at, (ends, tcp.sequence));
        let stack = signature.stack_key();
        let keys = [
            Scoped::Destination(ip.source, ip.destination),
            Scoped::Port(ip.source, tcp.destination_port),
        ];
        let is_first = self.count == 0;
        let host_change = !is_first && self.stack != stack;
        if host_change {
            *self = Self {
                labels: self.labels,
                ..Self::default()
            };
            for key in &keys {
                scopes.scoped.remove(key);
            }
        }
        self.stack = stack;
        if !retransmission {
            let sample = Sample {
                at,
                isn: tcp.sequence,
                id: ip.id.unwrap_or_default(),
            };
            self.count = self.count.saturating_add(1);
            self.samples.push(sample);
            if !is_first {
                for key in keys {
                    scopes.scoped.entry(key, Samples::default).value.push(sample);
                }
            }
            if self.is_due() {
                let (destination, port) = (scopes.scoped.peek(&keys[0]), scopes.scoped.peek(&keys[1]));
                self.judge(at, destination, port);
            }
        }
        let transition = self.relabel(ip.is_v6());
        let judged = self.judged.as_deref().copied().unwrap_or_default();
        Observation {
            retransmission,
            host_change,
            ids: (!ip.is_v6()).then_some(judged.ids),
            isns: judged.isns,
            transition,
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

// === impl Scopes ===

impl Scopes {
    /// At most so many series, and openings remembered to know retransmissions by.
    pub fn new(series: usize, recent: usize) -> Self {
        Self {
            scoped: Lru::new(series),
            recent: Recent::new(recent),
        }
    }

    /// Series forgotten for want of room.
    pub fn evicted(&self) -> u64 {
        self.scoped.evicted()
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
