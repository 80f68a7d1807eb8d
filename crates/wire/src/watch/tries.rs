//! Connections that came to nothing, gathered: which ports of a machine a source tried.
//!
//! One by one they show nothing, and a scan has thousands; together they are the scan. Who forges sources makes many of
//! one try each: those with most are told, and the rest is counted.

use std::{collections::BTreeMap, net::IpAddr};

use super::details::{PortTries, Tried};
use crate::time::Time;

#[derive(Debug, Default)]
pub(super) struct Tries {
    open: BTreeMap<(IpAddr, IpAddr), Vec<One>>,
    held: usize,
    untold: u64,
}

#[derive(Clone, Copy, Debug)]
struct One {
    at: Time,
    port: u16,
    refused: bool,
}

/// Held at most between two tellings.
const MAX: usize = 65_536;
/// Pairs of source and machine told of at once.
const TOLD: usize = 256;
/// Tries of one telling.
const PIECE: usize = 256;

// === impl Tries ===

impl Tries {
    pub(super) fn add(&mut self, at: Time, source: IpAddr, machine: IpAddr, port: u16, refused: bool) {
        if self.held >= MAX {
            self.untold += 1;
            return;
        }
        self.held += 1;
        self.open
            .entry((source, machine))
            .or_default()
            .push(One { at, port, refused });
    }

    /// What came together since this was last asked: source, machine, the last try, and all.
    pub(super) fn take(&mut self) -> Vec<(IpAddr, IpAddr, Time, PortTries)> {
        self.held = 0;
        let mut all: Vec<_> = std::mem::take(&mut self.open).into_iter().collect();
        // Sorted anew only where there are too many: the order of addresses is as good as any.
        if all.len() > TOLD {
            all.sort_by_key(|(_, tries)| std::cmp::Reverse(tries.len()));
            self.untold += all[TOLD..].iter().map(|(_, tries)| tries.len() as u64).sum::<u64>();
            all.truncate(TOLD);
        }
        let mut told = Vec::new();
        for ((source, machine), mut tries) in all {
            tries.sort_by_key(|one| one.at);
            for piece in tries.chunks(PIECE) {
                let last = piece.last().map_or(Time::default(), |one| one.at);
                told.push((
                    source,
                    machine,
                    last,
                    PortTries::of(piece.iter().map(|one| one.told(last))),
                ));
            }
        }
        told
    }

    /// Tries that were not told of.
    pub(super) fn untold(&self) -> u64 {
        self.untold
    }
}

impl One {
    fn told(&self, last: Time) -> Tried {
        Tried {
            port: self.port,
            ms_before: u64::try_from(last.since(self.at).as_millis()).unwrap_or(u64::MAX),
            refused: self.refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_is_told_whole_beside_a_flood_of_single_tries() {
        let mut tries = Tries::default();
        let machine: IpAddr = "192.0.2.10".parse().unwrap();
        for n in 0..10_000_u32 {
            let forged = std::net::Ipv4Addr::from(0x0b00_0000 + n).into();
            tries.add(Time::from_millis(n.into()), forged, machine, 80, true);
        }
        let eve: IpAddr = "203.0.113.7".parse().unwrap();
        for port in 1..=600 {
            tries.add(Time::from_millis(port.into()), eve, machine, port, true);
        }
        let told = tries.take();
        let scan: Vec<_> = told.iter().filter(|(source, ..)| *source == eve).collect();
        assert_eq!(
            scan.iter().map(|(.., tries)| tries.tries.len()).collect::<Vec<_>>(),
            [256, 256, 88]
        );
        assert_eq!((scan[0].2, scan[0].3.tries[0].ms_before), (Time::from_millis(256), 255));
        assert_eq!(told.len(), 3 + 255);
        assert_eq!(tries.untold(), 10_000 - 255);
        assert!(tries.take().is_empty());
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut tries = Tries::default();
        let host: IpAddr = "192.0.2.10".parse().unwrap();
        for n in 0..100_000_u64 {
            tries.add(Time::from_millis(n), host, host, n as u16, true);
        }
        assert_eq!(tries.held, MAX);
        assert_eq!(tries.untold(), 100_000 - MAX as u64);
    }
}
