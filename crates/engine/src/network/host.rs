//! The host's own network, read and changed over netlink.

use std::net::{IpAddr, Ipv4Addr};

use futures_util::TryStreamExt as _;
use ipnet::Ipv4Net;
use model::fleet::Driver;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::link::{IpVlanMode, LinkAttribute, LinkFlags, LinkMessage, MacVlanMode};
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteScope};
use rtnetlink::{Handle, LinkIpVlan, LinkMacVlan, LinkUnspec, RouteMessageBuilder};
use tokio_util::task::AbortOnDropHandle;

use crate::error::Error;

/// The routing table of plain `ip route`.
const MAIN_TABLE: u32 = 254;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub index: u32,
    pub name: String,
    pub is_up: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `0.0.0.0/0` is the default route.
    pub to: Ipv4Net,
    pub via: Option<Ipv4Addr>,
    /// Link the route leaves by.
    pub by: u32,
}

/// The host's network at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    pub links: Vec<Link>,
    /// Link, address, length of its prefix.
    pub addresses: Vec<(u32, IpAddr, u8)>,
    /// IPv4, main table.
    pub routes: Vec<Route>,
}

/// A netlink connection. Lives as long as it is used.
pub(crate) struct Host {
    netlink: Handle,
    _connection: AbortOnDropHandle<()>,
}

// === impl Host ===

impl Host {
    pub(crate) fn open() -> Result<Self, Error> {
        let (connection, netlink, _) = rtnetlink::new_connection().map_err(Error::io("opening a netlink socket"))?;
        Ok(Self {
            netlink,
            _connection: AbortOnDropHandle::new(tokio::spawn(connection)),
        })
    }

    pub(crate) async fn view(&self) -> Result<View, Error> {
        let reading = |e| failed("reading the host's network", e);
        let links: Vec<LinkMessage> = self
            .netlink
            .link()
            .get()
            .execute()
            .try_collect()
            .await
            .map_err(reading)?;
        let addresses: Vec<_> = self
            .netlink
            .address()
            .get()
            .execute()
            .try_collect()
            .await
            .map_err(reading)?;
        let every = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let routes: Vec<RouteMessage> = self
            .netlink
            .route()
            .get(every)
            .execute()
            .try_collect()
            .await
            .map_err(reading)?;
        Ok(View {
            links: links.iter().filter_map(link).collect(),
            addresses: addresses
                .iter()
                .filter_map(|message| {
                    // `Local` is ours on a point-to-point link, where `Address` is the peer's.
                    let own = |a: &AddressAttribute| match a {
                        AddressAttribute::Local(ip) => Some(*ip),
                        _ => None,
                    };
                    let plain = |a: &AddressAttribute| match a {
                        AddressAttribute::Address(ip) => Some(*ip),
                        _ => None,
                    };
                    let ip = message.attributes.iter().find_map(own);
                    let ip = ip.or_else(|| message.attributes.iter().find_map(plain))?;
                    Some((message.header.index, ip, message.header.prefix_len))
                })
                .collect(),
            routes: routes.iter().filter_map(route).collect(),
        })
    }

    pub(crate) async fn index(&self, name: &str) -> Result<Option<u32>, Error> {
        Ok(self
            .view()
            .await?
            .links
            .into_iter()
            .find(|link| link.name == name)
            .map(|link| link.index))
    }

    /// Makes a link of `driver`'s kind on top of `parent`.
    pub(crate) async fn add_child(&self, name: &str, parent: u32, driver: Driver) -> Result<(), rtnetlink::Error> {
        let link = match driver {
            Driver::Ipvlan => LinkIpVlan::new(name, parent, IpVlanMode::L2).build(),
            Driver::Macvlan | Driver::Bridge => LinkMacVlan::new(name, parent, MacVlanMode::Bridge).build(),
        };
        self.netlink.link().add(link).execute().await
    }

    pub(crate) async fn set_up(&self, index: u32) -> Result<(), Error> {
        let up = LinkUnspec::new_with_index(index).up().build();
        self.netlink
            .link()
            .set(up)
            .execute()
            .await
            .map_err(|e| failed("bringing a link up", e))
    }

    /// Removes a link; that there is none of that name is no error.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), Error> {
        let Some(index) = self.index(name).await? else {
            return Ok(());
        };
        self.netlink
            .link()
            .del(index)
            .execute()
            .await
            .map_err(|e| failed(&format!("removing the link {name}"), e))
    }

    pub(crate) async fn add_address(&self, index: u32, ip: Ipv4Addr) -> Result<(), Error> {
        let add = self.netlink.address().add(index, ip.into(), 32).execute().await;
        unless_exists(add).map_err(|e| failed(&format!("adding the address {ip}"), e))
    }

    /// Makes the host reach `to` by that link.
    pub(crate) async fn add_route(&self, index: u32, to: Ipv4Addr, from: Ipv4Addr) -> Result<(), Error> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(to, 32)
            .output_interface(index)
            .pref_source(from)
            .scope(RouteScope::Link)
            .build();
        let add = self.netlink.route().add(route).replace().execute().await;
        unless_exists(add).map_err(|e| failed(&format!("adding a route to {to}"), e))
    }

    /// Has the kernel ask who has `ip`, without sending it anything.
    pub(crate) async fn resolve(&self, index: u32, ip: Ipv4Addr) -> Result<(), Error> {
        let ask = self.netlink.neighbours().add(index, ip.into());
        let ask = ask.state(NeighbourState::None).flags(NeighbourFlags::Use).replace();
        ask.execute()
            .await
            .map_err(|e| failed(&format!("asking who has {ip}"), e))
    }

    /// Addresses on that link whose owner answered.
    pub(crate) async fn neighbours(&self, index: u32) -> Result<Vec<Ipv4Addr>, Error> {
        let all: Vec<NeighbourMessage> = self
            .netlink
            .neighbours()
            .get()
            .set_address_family(AddressFamily::Inet)
            .execute()
            .try_collect()
            .await
            .map_err(|e| failed("reading the host's neighbours", e))?;
        Ok(all
            .iter()
            .filter(|n| n.header.ifindex == index)
            .filter_map(neighbour)
            .collect())
    }

    pub(crate) async fn remove_route(&self, index: u32, to: Ipv4Addr) -> Result<(), Error> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(to, 32)
            .output_interface(index)
            .scope(RouteScope::Link)
            .build();
        match self.netlink.route().del(route).execute().await {
            Err(error) if errno(&error) != Some(nix::errno::Errno::ESRCH) => {
                Err(failed(&format!("removing the route to {to}"), error))
            }
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Host")
    }
}

pub(crate) fn errno(error: &rtnetlink::Error) -> Option<nix::errno::Errno> {
    match error {
        rtnetlink::Error::NetlinkError(message) => {
            Some(nix::errno::Errno::from_raw(message.to_io().raw_os_error().unwrap_or(0)))
        }
        _ => None,
    }
}

pub(crate) fn failed(doing: &str, error: rtnetlink::Error) -> Error {
    match errno(&error) {
        Some(errno) => Error::Io {
            doing: doing.to_owned(),
            source: errno.into(),
        },
        None => Error::Answer {
            doing: doing.to_owned(),
            reason: error.to_string(),
        },
    }
}

fn unless_exists(done: Result<(), rtnetlink::Error>) -> Result<(), rtnetlink::Error> {
    match done {
        Err(error) if errno(&error) == Some(nix::errno::Errno::EEXIST) => Ok(()),
        other => other,
    }
}

fn neighbour(message: &NeighbourMessage) -> Option<Ipv4Addr> {
    if matches!(
        message.header.state,
        NeighbourState::Incomplete | NeighbourState::Failed | NeighbourState::None
    ) {
        return None;
    }
    message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => Some(*ip),
        _ => None,
    })
}

fn link(message: &LinkMessage) -> Option<Link> {
    let name = message.attributes.iter().find_map(|a| match a {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })?;
    Some(Link {
        index: message.header.index,
        name,
        is_up: message.header.flags.contains(LinkFlags::Up),
    })
}

fn route(message: &RouteMessage) -> Option<Route> {
    let mut route = Route {
        to: Ipv4Net::default(),
        via: None,
        by: 0,
    };
    let mut table = u32::from(message.header.table);
    let mut to = Ipv4Addr::UNSPECIFIED;
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(ip)) => to = *ip,
            RouteAttribute::Gateway(RouteAddress::Inet(ip)) => route.via = Some(*ip),
            RouteAttribute::Oif(index) => route.by = *index,
            RouteAttribute::Table(id) => table = *id,
            _ => {}
        }
    }
    route.to = Ipv4Net::new(to, message.header.destination_prefix_length).ok()?;
    (table == MAIN_TABLE && message.header.address_family == AddressFamily::Inet).then_some(route)
}
