//! Live capture: the kernel's own ring with the kernel's times, else libpcap.
//!
//! libpcap is no dependency: it is looked for on the machine only when the ring cannot be had (kernels of sandboxes lack
//! it). What it cannot do is share a capture between several sockets.

mod filter;
mod libpcap;
mod ring;
mod sys;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

pub use filter::{Instruction, Program};

use crate::error::Error;
use crate::packet::{Packet, link};
use libpcap::Libpcap;
use sys::Ring;

/// How to capture.
#[derive(Clone, Debug)]
pub struct Config {
    pub interface: String,
    /// Bytes kept of each packet, at most.
    pub snaplen: u32,
    /// Bytes of the ring: what may pass while nobody reads.
    pub ring: usize,
    /// The hosts whose packets are wanted; none for all packets there are.
    pub hosts: Option<BTreeSet<Ipv4Addr>>,
    /// The capture is inside this one of the hosts: what it sends to another is left to be captured there.
    pub inside: Option<Ipv4Addr>,
    /// Sockets of one group share the interface's packets, each peer's to one of them.
    pub group: Option<u16>,
}

/// An open capture. Ends with its drop.
#[derive(Debug)]
pub struct Live {
    config: Config,
    way: Way,
    counters: Counters,
}

/// Counted since the capture was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets handed on.
    pub taken: u64,
    /// Packets the filter let through, lost ones among them.
    pub seen: u64,
    /// Packets lost because nobody read in time.
    pub dropped: u64,
}

#[derive(Debug)]
enum Way {
    Ring(Ring),
    Libpcap(Libpcap),
}

// === impl Config ===

impl Config {
    /// A whole ClientHello with today's key shares fits, and so does a page of headers.
    pub const SNAPLEN: u32 = 4_096;
    pub const RING: usize = 32 << 20;

    /// All packets of an interface, with the usual sizes.
    pub fn new(interface: impl Into<String>) -> Self {
        Self {
            interface: interface.into(),
            snaplen: Self::SNAPLEN,
            ring: Self::RING,
            hosts: None,
            inside: None,
            group: None,
        }
    }

    fn filter(&self) -> Program {
        match (&self.hosts, self.inside) {
            (Some(hosts), Some(inside)) => Program::inside(inside, hosts, self.snaplen),
            (Some(hosts), None) => Program::hosts(hosts, self.snaplen),
            (None, _) => Program::everything(self.snaplen),
        }
    }
}

// === impl Live ===

impl Live {
    /// Opens a capture in the network namespace of the calling thread; it may then be used from any other.
    ///
    /// Needs CAP_NET_RAW.
    pub fn open(config: &Config) -> Result<Self, Error> {
        let filter = config.filter();
        let spread = config.hosts.clone().unwrap_or_default();
        let group = config.group.map(|group| (group, Program::by_peer(&spread)));
        let ring = Ring::open(&config.interface, config.ring, &filter, group.as_ref());
        let way = match ring {
            Ok(ring) => Way::Ring(ring),
            Err(error) if group.is_some() || !lacks_ring(&error) => return Err(refused(&config.interface, &error)),
            Err(error) => Libpcap::open(&config.interface, config.snaplen, config.ring, &filter)
                .map(Way::Libpcap)
                .map_err(|why| Error::Live {
                    interface: config.interface.clone(),
                    reason: format!("the kernel gives no ring ({error}), and {why}"),
                })?,
        };
        Ok(Self {
            config: config.clone(),
            way,
            counters: Counters::default(),
        })
    }

    /// Hands on what has come, after waiting at most `patience` for something to come; how many packets.
    pub fn read(&mut self, patience: Duration, take: impl FnMut(Packet<'_>)) -> Result<u64, Error> {
        let read = match &mut self.way {
            Way::Ring(ring) => ring.read(patience, take),
            Way::Libpcap(libpcap) => libpcap.read(patience, take),
        };
        let taken = read.map_err(|error| self.stopped(error))?;
        self.counters.taken += taken;
        Ok(taken)
    }

    /// From now on these hosts' packets are wanted.
    pub fn watch(&mut self, hosts: &BTreeSet<Ipv4Addr>) -> Result<(), Error> {
        self.config.hosts = Some(hosts.clone());
        let filter = self.config.filter();
        let set = match &mut self.way {
            Way::Ring(ring) => ring.filter(&filter).and_then(|()| match self.config.group {
                Some(_) => ring.spread(&Program::by_peer(hosts)),
                None => Ok(()),
            }),
            Way::Libpcap(libpcap) => libpcap.filter(&filter),
        };
        set.map_err(|error| self.stopped(error))
    }

    pub fn counters(&mut self) -> Result<Counters, Error> {
        let counted = match &mut self.way {
            Way::Ring(ring) => ring.count(),
            Way::Libpcap(libpcap) => libpcap.count(),
        };
        let (seen, dropped) = counted.map_err(|error| self.stopped(error))?;
        self.counters.seen = seen;
        self.counters.dropped = dropped;
        Ok(self.counters)
    }

    /// `af_packet` or `libpcap`.
    pub fn way(&self) -> &'static str {
        match self.way {
            Way::Ring(_) => "af_packet",
            Way::Libpcap(_) => "libpcap",
        }
    }

    fn stopped(&self, source: io::Error) -> Error {
        Error::Stopped {
            interface: self.config.interface.clone(),
            source,
        }
    }
}

/// Whether the kernel has no such ring, rather than no such interface, or no wish to give us one.
fn lacks_ring(error: &io::Error) -> bool {
    let codes = [
        libc::ENOPROTOOPT,
        libc::EOPNOTSUPP,
        libc::EAFNOSUPPORT,
        libc::EINVAL,
        libc::ENOMEM,
    ];
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

fn refused(interface: &str, error: &io::Error) -> Error {
    let reason = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => "it takes CAP_NET_RAW: run as root".to_owned(),
        Some(libc::ENODEV) => "there is no such interface; `ip link` lists them".to_owned(),
        _ => error.to_string(),
    };
    Error::Live {
        interface: interface.to_owned(),
        reason,
    }
}

/// The link type of frames from hardware of this kind (ARPHRD numbers).
fn link_type(hardware: u16) -> u16 {
    match hardware {
        libc::ARPHRD_NONE | libc::ARPHRD_PPP | libc::ARPHRD_TUNNEL | libc::ARPHRD_IPGRE => link::RAW,
        _ => link::ETHERNET,
    }
}
