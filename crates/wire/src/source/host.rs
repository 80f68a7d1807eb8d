//! Whether a source is the host that it was a SYN before: several behind one address, or a tool beside the system.

use std::{net::IpAddr, time::Duration};

use crate::{
    ip::Ip,
    stack::Signature,
    tcp::{Options, Tcp},
    time::Time,
};

/// What is another than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The signature of its stack.
    Stack,
    /// The system by the coarse table.
    Os,
    InitialTtl,
    Mtu,
    /// The clock of its timestamps, which had run on steadily towards this destination.
    Clock,
    /// Its source ports, which had gone up step by step towards this destination.
    Ports,
}

/// Reasons, each once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Changes(u8);

/// How a source looked with its last SYN.
#[derive(Clone, Copy, Debug)]
pub(super) struct Host {
    at: Time,
    os: &'static str,
    initial_ttl: u8,
    mss: Option<u16>,
    destination: (IpAddr, u16),
    port: u16,
    timestamp: Option<u32>,
    /// SYNs in a row whose timestamp, and whose port, followed from the one before.
    clock_agreed: u8,
    ports_agreed: u8,
}

/// So many in a row are no chance.
const CLOCK_SURE: u8 = 3;
const PORTS_SURE: u8 = 4;
/// The fastest clock that timestamps are drawn from, with which another host's may not be confused.
const FASTEST_HZ: u64 = 1_500;
/// Over so long a time, or after so long a time, nothing follows from anything.
const GRACE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);
/// Systems go up by a few ports; others of theirs may be taken.
const PORT_STEP: u16 = 64;
/// From here on a system may begin anew at the start of its range.
const LAST_PORTS: u16 = 60_000;

// === impl Host ===

impl Host {
    pub(super) fn of(
        at: Time,
        ip: &Ip<'_>,
        tcp: &Tcp<'_>,
        options: &Options,
        signature: &Signature,
        os: &'static str,
    ) -> Self {
        Self {
            at,
            os,
            initial_ttl: signature.initial_ttl(),
            mss: signature.mss,
            destination: (ip.destination, tcp.destination_port),
            port: tcp.source_port,
            timestamp: options.timestamps.map(|(own, _)| own).filter(|&own| own != 0),
            clock_agreed: 0,
            ports_agreed: 0,
        }
    }

    /// Takes the source's next SYN.
    pub(super) fn follow(&mut self, now: Self, other_stack: bool) -> Changes {
        let before = std::mem::replace(self, now);
        let mut changes = Changes::default();
        if other_stack {
            changes.add(Reason::Stack);
            for (differs, reason) in [
                (before.os != now.os, Reason::Os),
                (before.initial_ttl != now.initial_ttl, Reason::InitialTtl),
                (before.mss != now.mss, Reason::Mtu),
            ] {
                if differs {
                    changes.add(reason);
                }
            }
            return changes;
        }
        match before.clock_goes_on(&now) {
            Some(true) => self.clock_agreed = before.clock_agreed.saturating_add(1),
            Some(false) if before.clock_agreed >= CLOCK_SURE => changes.add(Reason::Clock),
            Some(false) => {}
            None => self.clock_agreed = before.clock_agreed,
        }
        match before.ports_go_on(&now) {
            Some(true) => self.ports_agreed = before.ports_agreed.saturating_add(1),
            Some(false) if before.ports_agreed >= PORTS_SURE => changes.add(Reason::Ports),
            Some(false) => {}
            None => self.ports_agreed = before.ports_agreed,
        }
        changes
    }

    /// Systems add a secret offset for each destination, so others tell nothing.
    fn clock_goes_on(&self, next: &Self) -> Option<bool> {
        let (was, is) = (self.timestamp?, next.timestamp?);
        let passed = next.at.since(self.at);
        if self.destination.0 != next.destination.0 || passed > LONGEST {
            return None;
        }
        let ticks = i64::from(is.wrapping_sub(was).cast_signed());
        let most = |time: Duration| (time.as_millis() as u64 * FASTEST_HZ / 1_000).cast_signed();
        Some(ticks >= -most(GRACE) && ticks <= most(passed + GRACE))
    }

    fn ports_go_on(&self, next: &Self) -> Option<bool> {
        if self.destination != next.destination || next.at.since(self.at) > LONGEST {
            return None;
        }
        let begins_anew = self.port >= LAST_PORTS && next.port < self.port;
        Some(begins_anew || (1..=PORT_STEP).contains(&next.port.wrapping_sub(self.port)))
    }
}

// === impl Changes ===

impl Changes {
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Reason> {
        Reason::ALL
            .into_iter()
            .filter(move |&reason| self.0 & (1 << reason as u8) != 0)
    }

    fn add(&mut self, reason: Reason) {
        self.0 |= 1 << reason as u8;
    }
}

// === impl Reason ===

impl Reason {
    const ALL: [Self; 6] = [
        Self::Stack,
        Self::Os,
        Self::InitialTtl,
        Self::Mtu,
        Self::Clock,
        Self::Ports,
    ];

    /// As it stands in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stack => "sig_diff",
            Self::Os => "os_sig",
            Self::InitialTtl => "ttl",
            Self::Mtu => "mtu",
            Self::Clock => "tstamp",
            Self::Ports => "port",
        }
    }
}
