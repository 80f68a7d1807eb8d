//! A throw-away host on a grid's network: a network namespace that exists for as long as somebody holds it, with one
//! link and one address. From it drills and simulations attack, as an attacker beside the deckies would.

use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use model::fleet::{DeckySpec, Driver, NetworkSpec};
use rtnetlink::packet_route::link::MacVlanMode;
use rtnetlink::{Handle, LinkMacVlan, LinkUnspec, LinkVeth};

use crate::error::Error;
use crate::netns::NetNs;

/// The link's name inside.
const LINK: &str = "eth0";
/// The kernel's word for "no such link".
const ENODEV: i32 = -19;

/// Visitors of this process so far.
static ENTERED: AtomicU16 = AtomicU16::new(0);

#[derive(Clone, Debug)]
pub struct Visitor {
    namespace: NetNs,
}

/// Addresses of a network that nobody has, the highest first: far from where plans give theirs out.
pub fn free_addresses<'a>(network: &NetworkSpec, deckies: &'a [DeckySpec]) -> impl Iterator<Item = Ipv4Addr> + use<'a> {
    let gateway = network.gateway;
    let first = network.subnet.hosts().next().map_or(0, u32::from);
    let last = u32::from(network.subnet.broadcast());
    let is_free = move |ip: &Ipv4Addr| Some(*ip) != gateway && deckies.iter().all(|decky| decky.ip != *ip);
    (first..last).rev().map(Ipv4Addr::from).filter(is_free)
}

// === impl Visitor ===

impl Visitor {
    /// A host at `ip`, behind `link` of this host: the grid's bridge, or the parent of its macvlan deckies.
    pub async fn enter(driver: Driver, link: &str, ip: Ipv4Addr, prefix: u8) -> Result<Self, Error> {
        let doing = || format!("putting a throw-away host on `{link}`");
        let namespace = NetNs::fresh().await.map_err(Error::io(doing()))?;
        let attached = attach(driver, link, &namespace).await;
        let settled = match attached {
            Ok(()) => namespace
                .visit(move || settle(ip, prefix))
                .await
                .map_err(Error::io(doing())),
            Err(error) => Err(Error::Answer {
                doing: doing(),
                reason: error.to_string(),
            }),
        };
        settled.map(|()| Self { namespace })
    }

    /// Connects from the visitor; the stream may then be used from anywhere.
    pub async fn connect(&self, to: SocketAddrV4, limit: Duration) -> std::io::Result<TcpStream> {
        self.namespace
            .visit(move || TcpStream::connect_timeout(&to.into(), limit))
            .await
    }
}

/// Makes the visitor's link outside and moves it in.
async fn attach(driver: Driver, link: &str, namespace: &NetNs) -> Result<(), rtnetlink::Error> {
    let (connection, handle, _) = rtnetlink::new_connection().map_err(|_| rtnetlink::Error::RequestFailed)?;
    let pump = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(connection));
    let there = index(&handle, link).await?;
    // Unique on this host, and within the kernel's 15 characters.
    let (process, number) = (std::process::id(), ENTERED.fetch_add(1, Ordering::Relaxed));
    let (outer, inner) = (format!("dv{process:x}.{number:x}"), format!("dw{process:x}.{number:x}"));
    match driver {
        Driver::Bridge => {
            handle
                .link()
                .add(LinkVeth::new(&outer, &inner).build())
                .execute()
                .await?;
            let outer = index(&handle, &outer).await?;
            handle
                .link()
                .set(LinkUnspec::new_with_index(outer).controller(there).up().build())
                .execute()
                .await?;
        }
        Driver::Macvlan | Driver::Ipvlan => {
            handle
                .link()
                .add(LinkMacVlan::new(&inner, there, MacVlanMode::Bridge).build())
                .execute()
                .await?;
        }
    }
    let inner = index(&handle, &inner).await?;
    let message = LinkUnspec::new_with_index(inner)
        .name(LINK)
        .setns_by_fd(namespace.descriptor())
        .build();
    handle.link().set(message).execute().await?;
    drop(pump);
    Ok(())
}

async fn index(handle: &Handle, link: &str) -> Result<u32, rtnetlink::Error> {
    let mut found = handle.link().get().match_name(link.to_owned()).execute();
    match found.try_next().await {
        Ok(Some(link)) => Ok(link.header.index),
        Ok(None) => Err(rtnetlink::Error::InvalidNla(format!("there is no link `{link}`"))),
        Err(rtnetlink::Error::NetlinkError(error)) if error.raw_code() == ENODEV => Err(rtnetlink::Error::InvalidNla(
            format!("there is no link `{link}`; is the grid up?"),
        )),
        Err(error) => Err(error),
    }
}

/// Inside: gives the link its address and brings it up.
fn settle(ip: Ipv4Addr, prefix: u8) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let settled: Result<(), rtnetlink::Error> = runtime.block_on(async {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(|_| rtnetlink::Error::RequestFailed)?;
        tokio::spawn(connection);
        let index = index(&handle, LINK).await?;
        handle.address().add(index, ip.into(), prefix).execute().await?;
        handle
            .link()
            .set(LinkUnspec::new_with_index(index).up().build())
            .execute()
            .await
    });
    settled.map_err(std::io::Error::other)
}
