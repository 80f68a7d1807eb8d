//! The way one address took from decky to decky (clustering.md §18).

use std::net::IpAddr;

use serde::Serialize;
use time::OffsetDateTime;

/// One event at a decky.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hop {
    #[serde(with = "time::serde::rfc3339")]
    pub timestamp: OffsetDateTime,
    pub decky: String,
    pub service: String,
    pub event_type: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Traversal {
    pub attacker_ip: IpAddr,
    pub decky_count: usize,
    /// In the order of the first contact.
    pub deckies: Vec<String>,
    /// The same, with arrows.
    pub path: String,
    #[serde(with = "time::serde::rfc3339")]
    pub first_seen: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen: OffsetDateTime,
    pub duration_seconds: f64,
    pub hop_count: usize,
    /// In order of time.
    pub hops: Vec<Hop>,
}

/// The way of `attacker_ip`, where it leads over `least` deckies or more.
pub fn traversal(attacker_ip: IpAddr, mut hops: Vec<Hop>, least: usize) -> Option<Traversal> {
    hops.sort_by_key(|hop| hop.timestamp);
    let mut deckies: Vec<String> = Vec::new();
    for hop in &hops {
        if !deckies.contains(&hop.decky) {
            deckies.push(hop.decky.clone());
        }
    }
    let (first_seen, last_seen) = (hops.first()?.timestamp, hops.last()?.timestamp);
    (deckies.len() >= least).then(|| Traversal {
        attacker_ip,
        decky_count: deckies.len(),
        path: deckies.join(" → "),
        deckies,
        first_seen,
        last_seen,
        duration_seconds: (last_seen - first_seen).as_seconds_f64(),
        hop_count: hops.len(),
        hops,
    })
}

// === impl Traversal ===

impl Traversal {
    /// `45s`, `1.5m`, `2.0h`.
    pub fn duration(&self) -> String {
        match self.duration_seconds {
            seconds if seconds < 60.0 => format!("{seconds:.0}s"),
            seconds if seconds < 3_600.0 => format!("{:.1}m", seconds / 60.0),
            seconds => format!("{:.1}h", seconds / 3_600.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(second: i64, decky: &str) -> Hop {
        Hop {
            timestamp: OffsetDateTime::from_unix_timestamp(1_780_000_000 + second).unwrap(),
            decky: decky.to_owned(),
            service: "ssh".to_owned(),
            event_type: "connect".to_owned(),
        }
    }

    fn way(hops: &[(i64, &str)], least: usize) -> Option<Traversal> {
        let hops = hops.iter().map(|(second, decky)| hop(*second, decky)).collect();
        traversal("203.0.113.7".parse().unwrap(), hops, least)
    }

    #[test]
    fn the_way_goes_by_first_contact_whatever_order_it_is_told_in() {
        let way = way(&[(90, "web-01"), (0, "web-01"), (30, "db-01"), (45, "web-01")], 2).unwrap();
        assert_eq!(way.path, "web-01 → db-01");
        assert_eq!((way.decky_count, way.hop_count), (2, 4));
        assert_eq!((way.duration_seconds, &*way.duration()), (90.0, "1.5m"));
        assert_eq!(way.hops[1].decky, "db-01");
    }

    #[test]
    fn who_stays_on_fewer_deckies_than_asked_for_goes_nowhere() {
        assert_eq!(way(&[(0, "web-01"), (9, "web-01")], 2), None);
        assert_eq!(way(&[(0, "web-01"), (9, "db-01")], 3), None);
        assert!(way(&[(0, "web-01"), (9, "db-01")], 2).is_some());
        assert_eq!(way(&[], 0), None);
    }

    #[test]
    fn a_duration_is_told_in_the_unit_that_fits() {
        let long = |seconds| way(&[(0, "a"), (seconds, "b")], 2).unwrap().duration();
        assert_eq!(
            [long(45), long(60), long(3_599), long(7_200)],
            ["45s", "1.0m", "60.0m", "2.0h"]
        );
    }
}
