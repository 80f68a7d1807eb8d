//! What can go wrong, in the words of whoever runs the grid.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::Ipv4Net;

/// How a caller should treat an error; the command line turns it into an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What was asked for is wrong, or names something that is not there.
    Invalid,
    /// The engine, the kernel or the disk does not do its part.
    Runtime,
    /// Something else holds what is needed: a lock, a name, an address.
    Conflict,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "Docker does not answer at {at} ({reason}): start it with `systemctl start docker`, \
         or install it with `apt-get install docker.io`"
    )]
    Unreachable { at: String, reason: String },
    #[error("no permission to talk to Docker at {at}: run as root, or as a member of the group that owns the socket")]
    Denied { at: String },
    #[error("Docker {version} at {at} is too old: API {floor} or newer is needed")]
    TooOld {
        at: String,
        version: String,
        floor: &'static str,
    },
    #[error("{doing}: Docker answered {status}: {message}")]
    Docker {
        doing: String,
        status: u16,
        message: String,
    },
    #[error("{doing}: no answer from Docker within {} s", limit.as_secs())]
    TimedOut { doing: String, limit: Duration },
    #[error("{doing}: {reason}")]
    Transport { doing: String, reason: String },
    #[error("{doing}: {reason}")]
    Answer { doing: String, reason: String },
    #[error("{doing}: {source}")]
    Io { doing: String, source: std::io::Error },
    #[error("there is no image {reference} here: `decnet images build` makes or fetches it")]
    NoImage { reference: String },
    #[error("there are no images of ours to write: `decnet images build` makes them")]
    NothingToExport,
    #[error("the image {image} cannot be had: pulling it failed ({pull}), and so did building it ({build})")]
    Unobtainable { image: String, pull: String, build: String },
    #[error("`{distro}` cannot be built from packages here; only Debian, Ubuntu and Kali can")]
    NotBuildable { distro: String },
    #[error("no decoy binary at {}: {source}; build it, or say where it is with DECNET_DECOY", path.display())]
    NoDecoy { path: PathBuf, source: std::io::Error },
    #[error("this host has no default route to tell the network by: say which with --interface")]
    NoDefaultRoute,
    #[error("there is no link `{interface}` here; there are: {known}")]
    NoSuchLink { interface: String, known: String },
    #[error("`{interface}` has no IPv4 address{}: give it one, or choose another with --interface",
        subnet.as_ref().map(|s| format!(" in {s}")).unwrap_or_default())]
    NoAddress { interface: String, subnet: Option<String> },
    #[error("`{interface}` is in more than one subnet ({choices}): say which with --subnet")]
    ManyAddresses { interface: String, choices: String },
    #[error("the gateway {gateway} is not in the subnet {subnet}: correct --gateway or --subnet")]
    GatewayOutside { gateway: Ipv4Addr, subnet: Ipv4Net },
    #[error("the subnet {subnet} is taken: {by} uses {theirs}; choose another with --subnet")]
    SubnetTaken {
        subnet: Ipv4Net,
        by: String,
        theirs: Ipv4Net,
    },
    #[error("no private /24 in 10.0.0.0/8 is free on this host: choose a subnet with --subnet")]
    NoFreeSubnet,
    #[error("there is a network `{name}` that is not ours: remove it with `docker network rm {name}`")]
    NetworkName { name: String },
    #[error("the network is {was}, wanted is {wanted}, and machines run on it: --recreate-network detaches them")]
    NetworkDrift { was: String, wanted: String },
    #[error("a {driver} network needs a parent link: say which with --interface")]
    NoParent { driver: &'static str },
    #[error("this kernel has no {kind}: choose another with --driver (bridge needs nothing special)")]
    NoLinkKind { kind: &'static str },
    #[error(
        "`{parent}` is in use by another kind of network and takes no {kind}: \
             choose another link with --interface, or another kind with --driver"
    )]
    ParentBusy { parent: String, kind: &'static str },
    #[error("the scope `{scope}` is being changed by {holder}: wait for it to end")]
    Locked { scope: String, holder: String },
    #[error("the state file {} cannot be used: {reason}; the one before it is beside it as .bak", path.display())]
    BadMirror { path: PathBuf, reason: String },
    #[error("there is no decky `{name}`")]
    NoDecky { name: String },
    #[error("there is no distro `{slug}` in the catalogue")]
    NoDistro { slug: String },
    #[error("`{first}` and `{second}` both have the {what}")]
    Twice {
        what: String,
        first: String,
        second: String,
    },
    #[error("`{decky}` cannot have the address {ip}: it is the gateway's, or not in {subnet}")]
    BadAddress {
        decky: String,
        ip: Ipv4Addr,
        subnet: Ipv4Net,
    },
    #[error("only {free_mib} MiB are free at {}, {needed_mib} are needed: make room there", place.display())]
    DiskFull {
        place: PathBuf,
        free_mib: u64,
        needed_mib: u64,
    },
    #[error(
        "the deckies may use {needed_mib} MiB of memory and this host has {total_mib}: \
             deploy fewer, lower their limits, or take the risk with --overcommit"
    )]
    MemoryFull { needed_mib: u64, total_mib: u64 },
    #[error("`{decky}` ended right after its start{}", after(words))]
    Ended { decky: String, words: String },
    #[error("none of the ports of `{decky}` opened within {} s{}", limit.as_secs(), after(words))]
    NothingOpen {
        decky: String,
        limit: Duration,
        words: String,
    },
    #[error(
        "the address of `{decky}`{} is in use on its network ({message}): give it another, or free that one",
        .address.map(|address| format!(", {address},")).unwrap_or_default()
    )]
    AddressInUse {
        decky: String,
        address: Option<Ipv4Addr>,
        message: String,
    },
    #[error("there is a container `{name}` that is not ours: rename the decky, or remove it with `docker rm {name}`")]
    ContainerName { name: String },
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("`{program}` is missing: install it with `apt-get install {package}`")]
    Tool {
        program: &'static str,
        package: &'static str,
    },
    #[error("{doing}: `{program}` failed: {stderr}")]
    Program {
        doing: String,
        program: &'static str,
        stderr: String,
    },
    #[error(
        "no wall around `{decky}`: {reason}; nothing was opened on it (root, nftables and a kernel with nf_tables are needed)"
    )]
    Wall { decky: String, reason: String },
    #[error("`{decky}` is not running")]
    NotRunning { decky: String },
    #[error("`{decky}` refused its spec: {reason}; the one before stays in force")]
    Refused { decky: String, reason: String },
    #[error("`{decky}` did not confirm generation {generation} within {} s", limit.as_secs())]
    Unconfirmed {
        decky: String,
        generation: u64,
        limit: Duration,
    },
}

// === impl Error ===

impl Error {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Docker { status: 409, .. } => Kind::Conflict,
            Self::Docker { status: 400 | 404, .. } => Kind::Invalid,
            Self::NoDefaultRoute
            | Self::NoSuchLink { .. }
            | Self::NoAddress { .. }
            | Self::ManyAddresses { .. }
            | Self::GatewayOutside { .. }
            | Self::NoParent { .. }
            | Self::NoImage { .. }
            | Self::NoDecky { .. }
            | Self::NoDistro { .. }
            | Self::Twice { .. }
            | Self::BadAddress { .. } => Kind::Invalid,
            Self::SubnetTaken { .. }
            | Self::NetworkName { .. }
            | Self::NetworkDrift { .. }
            | Self::ParentBusy { .. }
            | Self::Locked { .. }
            | Self::AddressInUse { .. }
            | Self::ContainerName { .. } => Kind::Conflict,
            _ => Kind::Runtime,
        }
    }

    /// With the address that is in use, where that is what is wrong.
    pub(crate) fn at(mut self, ip: Ipv4Addr) -> Self {
        if let Self::AddressInUse { address, .. } = &mut self {
            *address = Some(ip);
        }
        self
    }

    /// Whether the same call may succeed a little later.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Transport { .. }
                | Self::TimedOut { .. }
                | Self::Unreachable { .. }
                | Self::Docker {
                    status: 429 | 502 | 503 | 504,
                    ..
                }
        )
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Docker { status: 404, .. })
    }

    /// The thing already is as asked.
    pub(crate) fn is_unchanged(&self) -> bool {
        matches!(self, Self::Docker { status: 304, .. })
    }

    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Docker { status: 409, .. })
    }

    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

/// What a machine said, to be put after what happened to it.
fn after(words: &str) -> String {
    if words.is_empty() {
        String::new()
    } else {
        format!(": it said `{words}`")
    }
}
