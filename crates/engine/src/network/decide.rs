//! What to do about the network a fleet wants, given the one it has (deploy.md §6.3).

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use model::fleet::{Driver, NetworkSpec};

/// The network of a scope as the engine has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    pub id: String,
    pub name: String,
    pub driver: String,
    pub parent: Option<String>,
    pub subnet: Option<Ipv4Net>,
    pub gateway: Option<Ipv4Addr>,
    /// Running machines attached to it, ours or not.
    pub endpoints: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Create,
    Reuse,
    /// Remove what is there, detaching what is on it, and create.
    Replace,
    /// Replacing would cut running machines off, and nobody allowed that.
    Refuse {
        was: String,
        wanted: String,
    },
}

/// `may_cut`: whether running machines may be detached for a network that has to change.
pub(crate) fn decide(existing: Option<&Network>, wanted: &NetworkSpec, may_cut: bool) -> Decision {
    let Some(existing) = existing else {
        return Decision::Create;
    };
    if existing.fits(wanted) {
        return Decision::Reuse;
    }
    if existing.endpoints.is_empty() || may_cut {
        return Decision::Replace;
    }
    Decision::Refuse {
        was: existing.describe(),
        wanted: describe(wanted),
    }
}

pub(crate) fn driver_name(driver: Driver) -> &'static str {
    match driver {
        Driver::Bridge => "bridge",
        Driver::Macvlan => "macvlan",
        Driver::Ipvlan => "ipvlan",
    }
}

// === impl Network ===

impl Network {
    /// The kind, when it is one a fleet can have.
    pub fn kind(&self) -> Option<Driver> {
        [Driver::Bridge, Driver::Macvlan, Driver::Ipvlan]
            .into_iter()
            .find(|driver| driver_name(*driver) == self.driver)
    }

    fn fits(&self, wanted: &NetworkSpec) -> bool {
        self.driver == driver_name(wanted.driver)
            && self.parent == wanted.parent
            && self.subnet == Some(wanted.subnet.trunc())
            && (self.gateway == wanted.gateway || wanted.gateway.is_none())
    }

    fn describe(&self) -> String {
        let subnet = self
            .subnet
            .map_or_else(|| "no subnet".to_owned(), |subnet| subnet.to_string());
        text(&self.driver, &subnet, self.parent.as_deref(), self.gateway)
    }
}

fn describe(spec: &NetworkSpec) -> String {
    text(
        driver_name(spec.driver),
        &spec.subnet.trunc().to_string(),
        spec.parent.as_deref(),
        spec.gateway,
    )
}

fn text(driver: &str, subnet: &str, parent: Option<&str>, gateway: Option<Ipv4Addr>) -> String {
    let mut text = format!("{driver} {subnet}");
    if let Some(parent) = parent {
        text += &format!(" on {parent}");
    }
    if let Some(gateway) = gateway {
        text += &format!(" by {gateway}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(driver: Driver, subnet: &str) -> NetworkSpec {
        NetworkSpec {
            name: "lan".to_owned(),
            driver,
            parent: (driver != Driver::Bridge).then(|| "eth0".to_owned()),
            subnet: subnet.parse().unwrap(),
            gateway: Some("10.1.0.1".parse().unwrap()),
        }
    }

    fn existing(driver: &str, subnet: &str, endpoints: usize) -> Network {
        Network {
            id: "1".to_owned(),
            name: "lan".to_owned(),
            driver: driver.to_owned(),
            parent: (driver != "bridge").then(|| "eth0".to_owned()),
            subnet: subnet.parse().ok(),
            gateway: Some("10.1.0.1".parse().unwrap()),
            endpoints: (0..endpoints).map(|n| n.to_string()).collect(),
        }
    }

    #[test]
    fn the_table_of_what_to_do_row_by_row() {
        let macvlan = wanted(Driver::Macvlan, "10.1.0.0/24");
        let ask = |network: Option<Network>, may_cut| decide(network.as_ref(), &macvlan, may_cut);
        assert_eq!(ask(None, false), Decision::Create);
        assert_eq!(ask(Some(existing("macvlan", "10.1.0.0/24", 3)), false), Decision::Reuse);
        assert_eq!(
            ask(Some(existing("macvlan", "10.1.0.0/25", 0)), false),
            Decision::Replace
        );
        assert!(matches!(
            ask(Some(existing("macvlan", "10.1.0.0/25", 1)), false),
            Decision::Refuse { .. }
        ));
        assert_eq!(
            ask(Some(existing("macvlan", "10.1.0.0/25", 1)), true),
            Decision::Replace
        );
        assert_eq!(
            ask(Some(existing("ipvlan", "10.1.0.0/24", 0)), false),
            Decision::Replace
        );
        assert!(matches!(
            ask(Some(existing("ipvlan", "10.1.0.0/24", 2)), false),
            Decision::Refuse { .. }
        ));
        assert_eq!(ask(Some(existing("ipvlan", "10.1.0.0/24", 2)), true), Decision::Replace);
    }

    #[test]
    fn a_refusal_names_both() {
        let refusal = decide(
            Some(&existing("bridge", "10.9.0.0/24", 1)),
            &wanted(Driver::Macvlan, "10.1.0.0/24"),
            false,
        );
        let Decision::Refuse { was, wanted } = refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!(was, "bridge 10.9.0.0/24 by 10.1.0.1");
        assert_eq!(wanted, "macvlan 10.1.0.0/24 on eth0 by 10.1.0.1");
    }

    #[test]
    fn an_unstated_gateway_fits_any() {
        let open = NetworkSpec {
            gateway: None,
            ..wanted(Driver::Macvlan, "10.1.0.0/24")
        };
        assert_eq!(
            decide(Some(&existing("macvlan", "10.1.0.0/24", 0)), &open, false),
            Decision::Reuse
        );
    }
}
