//! Which link, subnet and gateway a fleet takes, and what stands in its way: decisions over a view of the host
//! (deploy.md §6.1, §6.3). Nothing here touches anything.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;

use super::host::View;
use crate::error::Error;

/// Where a fleet on the real network belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub interface: String,
    pub subnet: Ipv4Net,
    pub gateway: Option<Ipv4Addr>,
    /// The host's address in that subnet.
    pub host: Ipv4Addr,
}

/// A subnet somebody else uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub subnet: Ipv4Net,
    /// What uses it, as a person would name it.
    pub by: String,
}

// === impl View ===

impl View {
    /// Fills in what was not said from the default route and the addresses of its link.
    pub fn detect(
        &self,
        interface: Option<&str>,
        subnet: Option<Ipv4Net>,
        gateway: Option<Ipv4Addr>,
    ) -> Result<Found, Error> {
        let index = match interface {
            Some(name) => self.index(name)?,
            None => self.default_routes().next().ok_or(Error::NoDefaultRoute)?.by,
        };
        let name = self.name(index).to_owned();
        let networks: Vec<(Ipv4Addr, Ipv4Net)> = self.networks(index).collect();
        let fitting: Vec<_> = networks
            .iter()
            .filter(|(_, net)| subnet.is_none_or(|s| s.contains(net) || net.contains(&s)))
            .collect();
        let &(host, own) = match fitting[..] {
            [only] => only,
            [] => {
                return Err(Error::NoAddress {
                    interface: name,
                    subnet: subnet.map(|s| s.to_string()),
                });
            }
            [..] => {
                return Err(Error::ManyAddresses {
                    interface: name,
                    choices: fitting
                        .iter()
                        .map(|(_, net)| net.to_string())
                        .collect::<Vec<_>>()
                        .join(", "),
                });
            }
        };
        let subnet = subnet.unwrap_or(own);
        let by_this_link = self.default_routes().filter(|route| route.by == index);
        let gateway = gateway.or_else(|| {
            by_this_link
                .filter_map(|route| route.via)
                .find(|via| subnet.contains(via))
        });
        if let Some(outside) = gateway.filter(|gateway| !subnet.contains(gateway)) {
            return Err(Error::GatewayOutside {
                gateway: outside,
                subnet,
            });
        }
        Ok(Found {
            interface: name,
            subnet,
            gateway,
            host,
        })
    }

    /// Subnets of the host's links and routes, but for those of `except` (links that belong to the network meant).
    pub fn taken(&self, except: &[String]) -> Vec<Taken> {
        let is_excepted = |index: u32| except.iter().any(|name| name == self.name(index));
        let links = self
            .links
            .iter()
            .filter(|link| !is_excepted(link.index))
            .flat_map(|link| {
                self.networks(link.index).map(|(_, subnet)| Taken {
                    subnet,
                    by: format!("the host's link {}", link.name),
                })
            });
        let routes = self
            .routes
            .iter()
            .filter(|route| route.to.prefix_len() > 0 && !is_excepted(route.by))
            .map(|route| Taken {
                subnet: route.to,
                by: format!("a route of the host by {}", self.name(route.by)),
            });
        links.chain(routes).collect()
    }

    pub fn index(&self, name: &str) -> Result<u32, Error> {
        self.links
            .iter()
            .find(|link| link.name == name)
            .map(|link| link.index)
            .ok_or_else(|| Error::NoSuchLink {
                interface: name.to_owned(),
                known: self
                    .links
                    .iter()
                    .map(|l| l.name.as_str())
                    .filter(|n| *n != "lo")
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }

    /// Every address of the host that something outside could mean, loopback left out.
    pub fn own_addresses(&self) -> Vec<IpAddr> {
        self.addresses
            .iter()
            .map(|(_, ip, _)| *ip)
            .filter(|ip| !ip.is_loopback())
            .collect()
    }

    fn default_routes(&self) -> impl Iterator<Item = &super::host::Route> {
        self.routes.iter().filter(|route| route.to.prefix_len() == 0)
    }

    fn name(&self, index: u32) -> &str {
        self.links
            .iter()
            .find(|link| link.index == index)
            .map_or("?", |link| &link.name)
    }

    /// IPv4 addresses of a link with the subnets they are in; loopback, link-local and single addresses left out.
    fn networks(&self, index: u32) -> impl Iterator<Item = (Ipv4Addr, Ipv4Net)> + '_ {
        self.addresses.iter().filter_map(move |&(of, ip, prefix)| match ip {
            IpAddr::V4(ip) if of == index && prefix < 32 && !ip.is_loopback() && !ip.is_link_local() => {
                Some((ip, Ipv4Net::new(ip, prefix).ok()?.trunc()))
            }
            _ => None,
        })
    }
}

/// The first of `taken` that shares an address with `subnet`.
pub(crate) fn overlap(subnet: Ipv4Net, taken: &[Taken]) -> Option<&Taken> {
    taken
        .iter()
        .find(|other| other.subnet.contains(&subnet) || subnet.contains(&other.subnet))
}

/// A private /24 nobody uses, for a bridge of our own.
pub(crate) fn free_subnet(taken: &[Taken]) -> Option<Ipv4Net> {
    (20..=250)
        .filter_map(|n| Ipv4Net::new(Ipv4Addr::new(10, n, 10, 0), 24).ok())
        .find(|s| overlap(*s, taken).is_none())
}

#[cfg(test)]
mod tests {
    use super::super::host::{Link, Route};
    use super::*;

    fn view() -> View {
        let link = |index, name: &str| Link {
            index,
            name: name.to_owned(),
            is_up: true,
        };
        View {
            links: vec![link(1, "lo"), link(2, "eth0"), link(3, "eth1"), link(4, "docker0")],
            addresses: vec![
                (1, "127.0.0.1".parse().unwrap(), 8),
                (2, "192.168.1.5".parse().unwrap(), 24),
                (3, "10.0.0.5".parse().unwrap(), 16),
                (3, "10.7.0.5".parse().unwrap(), 24),
                (4, "172.17.0.1".parse().unwrap(), 16),
            ],
            routes: vec![
                Route {
                    to: "0.0.0.0/0".parse().unwrap(),
                    via: Some("192.168.1.1".parse().unwrap()),
                    by: 2,
                },
                Route {
                    to: "10.50.0.0/16".parse().unwrap(),
                    via: Some("10.0.0.1".parse().unwrap()),
                    by: 3,
                },
            ],
        }
    }

    #[test]
    fn the_default_routes_link_its_subnet_and_gateway_are_taken() {
        let found = view().detect(None, None, None).unwrap();
        assert_eq!(
            (found.interface.as_str(), found.subnet.to_string().as_str()),
            ("eth0", "192.168.1.0/24")
        );
        assert_eq!(
            (found.gateway, found.host),
            (Some("192.168.1.1".parse().unwrap()), "192.168.1.5".parse().unwrap())
        );
    }

    #[test]
    fn a_gateway_of_another_link_is_not_taken() {
        let found = view().detect(Some("docker0"), None, None).unwrap();
        assert_eq!(found.gateway, None);
    }

    #[test]
    fn what_cannot_be_decided_is_an_error_that_says_what_to_give() {
        let says = |interface, subnet: Option<&str>, gateway: Option<&str>| {
            let subnet = subnet.map(|s| s.parse().unwrap());
            view()
                .detect(interface, subnet, gateway.map(|g| g.parse().unwrap()))
                .unwrap_err()
                .to_string()
        };
        let many = says(Some("eth1"), None, None);
        assert!(
            many.contains("10.0.0.0/16, 10.7.0.0/24") && many.contains("--subnet"),
            "{many}"
        );
        let none = says(Some("wlan0"), None, None);
        assert!(none.contains("eth0, eth1, docker0"), "{none}");
        assert!(says(None, None, Some("10.0.0.1")).contains("10.0.0.1"));
        let no_route = View {
            routes: Vec::new(),
            ..view()
        };
        assert!(
            no_route
                .detect(None, None, None)
                .unwrap_err()
                .to_string()
                .contains("--interface")
        );
        assert!(
            no_route.detect(Some("eth0"), None, None).is_ok(),
            "a default route is not needed then"
        );
    }

    #[test]
    fn a_given_subnet_chooses_among_many_addresses() {
        let found = view()
            .detect(Some("eth1"), Some("10.7.0.0/24".parse().unwrap()), None)
            .unwrap();
        assert_eq!(found.host, "10.7.0.5".parse::<Ipv4Addr>().unwrap());
        let found = view()
            .detect(Some("eth1"), Some("10.0.128.0/24".parse().unwrap()), None)
            .unwrap();
        assert_eq!(found.host, "10.0.0.5".parse::<Ipv4Addr>().unwrap());
    }

    #[test]
    fn overlap_is_by_address_and_not_by_text() {
        let taken = view().taken(&[]);
        let by = |subnet: &str| overlap(subnet.parse().unwrap(), &taken).map(|t| t.by.clone());
        assert_eq!(by("172.17.5.0/24").unwrap(), "the host's link docker0");
        assert_eq!(by("10.50.3.0/24").unwrap(), "a route of the host by eth1");
        assert_eq!(by("10.0.0.0/8").unwrap(), "the host's link eth1");
        assert_eq!(by("172.18.0.0/16"), None);
        assert!(overlap("192.168.1.0/24".parse().unwrap(), &view().taken(&["eth0".to_owned()])).is_none());
    }

    #[test]
    fn a_free_subnet_steps_over_taken_ones() {
        let taken = [Taken {
            subnet: "10.16.0.0/13".parse().unwrap(),
            by: "x".to_owned(),
        }];
        assert_eq!(free_subnet(&taken).unwrap().to_string(), "10.24.10.0/24");
        let all = [Taken {
            subnet: "10.0.0.0/8".parse().unwrap(),
            by: "x".to_owned(),
        }];
        assert_eq!(free_subnet(&all), None);
    }
}
