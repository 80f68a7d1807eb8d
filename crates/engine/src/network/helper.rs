//! The link by which the host reaches machines on macvlan or ipvlan, which by their nature it cannot (deploy.md §6.4).

use std::net::{IpAddr, Ipv4Addr};

use model::fleet::Driver;
use sha2::{Digest as _, Sha256};

use super::decide::driver_name;
use super::host::{Host, failed};
use crate::error::Error;
use crate::labels::Scope;

/// Makes the helper stand with a route to each of `deckies` and to nothing else.
pub(crate) async fn up(
    host: &Host,
    scope: &Scope,
    driver: Driver,
    parent: &str,
    deckies: &[Ipv4Addr],
) -> Result<(), Error> {
    let name = name(scope, driver);
    for other in names(scope).into_iter().filter(|other| *other != name) {
        host.remove(&other).await?;
    }
    let view = host.view().await?;
    let parent_index = view.index(parent)?;
    let own = view.addresses.iter().find_map(|&(index, ip, _)| match ip {
        IpAddr::V4(ip) if index == parent_index => Some(ip),
        _ => None,
    });
    let own = own.ok_or_else(|| Error::NoAddress {
        interface: parent.to_owned(),
        subnet: None,
    })?;
    let index = match host.index(&name).await? {
        Some(index) => index,
        None => {
            let add = host.add_child(&name, parent_index, driver).await;
            add.map_err(|e| failed(&format!("adding the link {name} on {parent}"), e))?;
            host.index(&name).await?.ok_or_else(|| Error::Answer {
                doing: format!("adding the link {name}"),
                reason: "it is not there afterwards".to_owned(),
            })?
        }
    };
    quiet(&name).map_err(Error::io(format!("setting up the link {name}")))?;
    host.add_address(index, own).await?;
    host.set_up(index).await?;
    let routes = host.view().await?.routes;
    let stale = routes
        .iter()
        .filter(|r| r.by == index && r.to.prefix_len() == 32 && !deckies.contains(&r.to.addr()));
    for route in stale {
        host.remove_route(index, route.to.addr()).await?;
    }
    for decky in deckies {
        host.add_route(index, *decky, own).await?;
    }
    Ok(())
}

/// Removes the helper, and with it its address and routes.
pub(crate) async fn down(host: &Host, scope: &Scope) -> Result<(), Error> {
    for name in names(scope) {
        host.remove(&name).await?;
    }
    Ok(())
}

pub(crate) fn names(scope: &Scope) -> [String; 2] {
    [name(scope, Driver::Macvlan), name(scope, Driver::Ipvlan)]
}

/// At most 15 bytes, as the kernel wants it.
fn name(scope: &Scope, driver: Driver) -> String {
    let driver = driver_name(driver);
    if *scope == Scope::fleet() {
        return format!("decnet_{driver}0");
    }
    format!(
        "dn{}{}",
        hex::encode(&Sha256::digest(scope.as_str())[..3]),
        &driver[..3]
    )
}

/// The host's address is on two links now: only the one it is asked for on answers.
fn quiet(link: &str) -> std::io::Result<()> {
    for (key, value) in [("arp_ignore", "1"), ("arp_announce", "2")] {
        std::fs::write(format!("/proc/sys/net/ipv4/conf/{link}/{key}"), value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_fit_the_kernel_and_differ_by_scope() {
        for scope in [Scope::fleet(), Scope::named("a-rather-long-name-of-a-scope")] {
            assert!(names(&scope).iter().all(|name| name.len() <= 15), "{:?}", names(&scope));
        }
        assert_eq!(names(&Scope::fleet())[0], "decnet_macvlan0");
        assert_ne!(names(&Scope::named("a")), names(&Scope::named("b")));
    }
}
