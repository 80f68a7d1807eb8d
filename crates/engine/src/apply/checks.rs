//! What must be so before anything is changed.

use std::collections::BTreeMap;
use std::path::Path;

use model::fleet::FleetSpec;

use super::{Options, Paths};
use crate::docker::{Docker, limit};
use crate::error::Error;

/// Space the engine's directory and ours must have.
const DISK: u64 = 2 << 30;
/// Share of its limit a machine is reckoned to use, in percent.
const MEMORY_SHARE: u64 = 60;

pub(super) async fn run(docker: &Docker, paths: &Paths, desired: &FleetSpec, options: &Options) -> Result<(), Error> {
    sound(desired)?;
    let info = docker
        .call("asking Docker about itself", limit::LOOK, || docker.api.info())
        .await?;
    std::fs::create_dir_all(&paths.state_dir).map_err(Error::io(format!("making {}", paths.state_dir.display())))?;
    let engine = info.docker_root_dir.unwrap_or_else(|| "/var/lib/docker".to_owned());
    for place in [Path::new(&engine), &paths.state_dir] {
        disk(place)?;
    }
    if options.overcommit { Ok(()) } else { memory(desired) }
}

/// No two deckies of one name, address or MAC; every address in the subnet.
fn sound(desired: &FleetSpec) -> Result<(), Error> {
    let subnet = desired.network.subnet;
    let mut seen = BTreeMap::new();
    for spec in &desired.deckies {
        let name = spec.name.to_string();
        for what in [
            format!("name `{name}`"),
            format!("address {}", spec.ip),
            format!("MAC address {}", spec.mac),
        ] {
            if let Some(other) = seen.insert(what.clone(), name.clone()) {
                return Err(Error::Twice {
                    what,
                    first: other,
                    second: name,
                });
            }
        }
        if !subnet.contains(&spec.ip) || Some(spec.ip) == desired.network.gateway {
            return Err(Error::BadAddress {
                decky: name,
                ip: spec.ip,
                subnet,
            });
        }
    }
    Ok(())
}

fn disk(place: &Path) -> Result<(), Error> {
    // An engine elsewhere has its disk elsewhere.
    let Ok(space) = nix::sys::statvfs::statvfs(place) else {
        return Ok(());
    };
    let free = space.blocks_available() * space.fragment_size();
    if free < DISK {
        return Err(Error::DiskFull {
            place: place.to_owned(),
            free_mib: free >> 20,
            needed_mib: DISK >> 20,
        });
    }
    Ok(())
}

fn memory(desired: &FleetSpec) -> Result<(), Error> {
    let limits: u64 = desired
        .deckies
        .iter()
        .map(|spec| u64::from(spec.limits.memory_mib))
        .sum();
    let needed_mib = limits * MEMORY_SHARE / 100;
    let total_mib = total_memory_mib(&std::fs::read_to_string("/proc/meminfo").unwrap_or_default());
    match total_mib {
        Some(total_mib) if needed_mib > total_mib => Err(Error::MemoryFull { needed_mib, total_mib }),
        _ => Ok(()),
    }
}

fn total_memory_mib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? >> 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fleet, spec};

    #[test]
    fn two_of_a_kind_and_addresses_out_of_place_are_named() {
        assert!(sound(&fleet(&[spec("a", 5), spec("b", 6)])).is_ok());
        let says = |deckies: &[model::fleet::DeckySpec]| sound(&fleet(deckies)).unwrap_err().to_string();
        let same = says(&[spec("a", 5), spec("b", 5)]);
        assert!(
            same.contains("`a`") && same.contains("`b`") && same.contains("10.1.0.5"),
            "{same}"
        );
        let mut outside = spec("a", 5);
        outside.ip = "10.2.0.5".parse().unwrap();
        assert!(says(&[outside]).contains("10.2.0.5"));
        assert!(says(&[spec("a", 1)]).contains("10.1.0.1"), "the gateway's");
    }

    #[test]
    fn more_memory_than_there_is_is_refused() {
        let mut greedy = spec("a", 5);
        greedy.limits.memory_mib = u32::MAX;
        let error = memory(&fleet(&[greedy])).unwrap_err();
        assert!(error.to_string().contains("--overcommit"), "{error}");
        assert_eq!(total_memory_mib("MemTotal:       2048 kB\n"), Some(2));
    }
}
