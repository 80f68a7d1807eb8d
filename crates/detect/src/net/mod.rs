//! Detections on packets and flows (detect.md §6). One file each.

pub(crate) mod arp_sweep;
pub(crate) mod beacon;
pub(crate) mod boundary;
pub(crate) mod burst;
pub(crate) mod decoy;
pub(crate) mod distributed;
pub(crate) mod evidence;
pub(crate) mod exfil;
pub(crate) mod flood;
pub(crate) mod intel;
pub(crate) mod lateral;
pub(crate) mod low_slow;
pub(crate) mod sensitive;
pub(crate) mod slow_scan;
pub(crate) mod sweep;
pub(crate) mod telemetry;

use std::collections::BTreeSet;

use serde_json::{Map as JsonMap, Value};

use crate::finding::{LIST, Target};
use crate::table::Caps;

/// Sources, and entries of all of them together.
pub(crate) const SOURCES: Caps = Caps {
    keys: 100_000,
    entries: 600_000,
};
/// Pairs of source and target, or of source and port.
pub(crate) const PAIRS: Caps = Caps {
    keys: 200_000,
    entries: 600_000,
};

/// Distinct targets, in their own order.
pub(crate) fn targets(all: impl Iterator<Item = Target>) -> Vec<Target> {
    all.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The ports aimed at, and what else there is to say.
pub(crate) fn evidence_map<const N: usize>(
    all: impl Iterator<Item = Target>,
    more: [(&str, Value); N],
) -> JsonMap<String, Value> {
    let ports: BTreeSet<u16> = all.map(|target| target.port).filter(|&port| port != 0).collect();
    let mut map = JsonMap::new();
    for (key, value) in more {
        map.insert(key.to_owned(), value);
    }
    map.insert("port_count".to_owned(), ports.len().into());
    map.insert(
        "ports".to_owned(),
        ports.into_iter().take(LIST).map(Value::from).collect(),
    );
    map
}
