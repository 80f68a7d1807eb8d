//! Asks attackers' machines back: JARM, HASSHServer and host key, TCP stack, TLS certificate, ICMP errors, link-local
//! address (fingerprint.md §16).
//!
//! Whom it may ask is [`policy`]'s to say, when is [`schedule`]'s; both are pure. [`Prober`] does it: as a worker for
//! every attacker in turn, or for one address by hand. Every probe, and every refusal, leaves a row that accounts for
//! it; answers are compared with those before, so that a change shows.
#![forbid(unsafe_code)]

pub mod policy;
pub mod schedule;

mod air;
mod asking;
mod bucket;
mod error;
mod finding;
mod neighbours;
mod prober;
mod probes;
mod scan;
mod target;

pub use error::Error;
pub use prober::{Config, Prober, Rotation, Turned};
pub use probes::{PROBES, ProbeKind};
pub use target::Limits;

use std::collections::HashMap;

/// Ports of probes as `DECNET_PROBE_PORTS_<PROBE>` gives them: a comma list, the probe's name in capitals.
///
/// # Errors
/// When a list cannot be read.
pub fn ports_of(vars: impl Iterator<Item = (String, String)>) -> Result<HashMap<String, Vec<u16>>, Error> {
    const PREFIX: &str = "DECNET_PROBE_PORTS_";
    let mut all = HashMap::new();
    for (name, given) in vars {
        let Some(probe) = name.strip_prefix(PREFIX).map(str::to_lowercase) else {
            continue;
        };
        let ports: Result<Vec<u16>, _> = given.split(',').map(|port| port.trim().parse()).collect();
        match ports {
            Ok(ports) => all.insert(probe, ports),
            Err(_) => return Err(Error::Ports { probe, given }),
        };
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_given_by_the_name_of_their_probe() {
        let of = |name: &str, list: &str| ports_of([(name.to_owned(), list.to_owned())].into_iter());
        assert_eq!(of("DECNET_PROBE_PORTS_JARM", "443, 9443").unwrap()["jarm"], [443, 9443]);
        assert!(of("DECNET_OTHER", "x").unwrap().is_empty());
        assert!(of("DECNET_PROBE_PORTS_JARM", "443,x").is_err());
    }
}
