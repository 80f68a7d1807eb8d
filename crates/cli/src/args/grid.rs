//! What makes a grid stand, looks after it and takes it down.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use model::Name;

use super::Engine;

#[derive(Debug, Args)]
pub struct Up {
    /// Remove the grid on the way out.
    #[arg(long)]
    pub ephemeral: bool,
    /// Deckies to deploy when none stand.
    #[arg(long, short = 'n', default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub deckies: u16,
    /// Deploy this plan instead of the mixed default.
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Driver::Bridge)]
    pub driver: Driver,
    /// Network of the grid. Default: the first free /24 of 10.213.0.0/16.
    #[arg(long)]
    pub subnet: Option<String>,
    /// Draws the same grid again.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Send every event as RFC 5424 to `udp://`, `tcp://` or `tls://HOST:PORT` as well.
    #[arg(long, value_name = "URL")]
    pub log_target: Option<String>,
    /// Loopback port of the API; 0 serves none.
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    pub api_port: u16,
    #[command(flatten)]
    pub probing: Probing,
}

/// Whom to ask back, and how fast.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Probing attackers back")]
pub struct Probing {
    /// Attackers' machines may be asked back. Nothing is ever sent to one without it, or without being told by hand.
    #[arg(long, env = "DECNET_PROBE_CONSENT")]
    pub consent: bool,
    /// Private or other special networks that may be asked all the same; repeat it for several.
    #[arg(
        long = "probe-allow",
        value_name = "CIDR",
        env = "DECNET_PROBE_ALLOW",
        value_delimiter = ','
    )]
    pub allow: Vec<String>,
    /// Networks that are never asked.
    #[arg(
        long = "probe-deny",
        value_name = "CIDR",
        env = "DECNET_PROBE_DENY",
        value_delimiter = ','
    )]
    pub deny: Vec<String>,
    /// Targets begun a second.
    #[arg(long = "probe-rate", value_name = "N", default_value_t = 2.0)]
    pub rate: f64,
    /// Connections open at a time.
    #[arg(long = "probe-sockets", value_name = "N", default_value_t = 50)]
    pub sockets: u16,
    /// Minutes one target rests between two turns.
    #[arg(long = "probe-cooldown", value_name = "MINUTES", default_value_t = 60)]
    pub cooldown: u32,
    /// Send from this address of the host.
    #[arg(long = "probe-source", value_name = "IP")]
    pub source: Option<IpAddr>,
}

#[derive(Debug, Args)]
pub struct Probe {
    /// Ask this one now. It must have connected to a decky, or lie in a network of --probe-allow.
    pub ip: Option<IpAddr>,
    /// Only these probes: jarm, hassh, tcpfp, tls_certificate, icmp_error, icmp6_error, ipv6_leak.
    #[arg(long, value_delimiter = ',', value_name = "PROBES")]
    pub only: Vec<String>,
    /// Show the account of what was sent and what was refused instead, newest first.
    #[arg(long, conflicts_with = "only")]
    pub audit: bool,
    #[command(flatten)]
    pub probing: Probing,
}

#[derive(Debug, Args)]
pub struct Deploy {
    /// One process on this host, or agents on several.
    #[arg(long, short, value_enum, default_value_t = Mode::Unihost)]
    pub mode: Mode,
    /// How many, when there is no --config.
    #[arg(long, short = 'n', value_parser = clap::value_parser!(u16).range(1..))]
    pub deckies: Option<u16>,
    /// A plan in INI.
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["deckies", "services", "archetype", "distro"])]
    pub config: Option<PathBuf>,
    /// Link to the network the deckies are to appear on.
    #[arg(long, short)]
    pub interface: Option<String>,
    #[arg(long, value_enum, default_value_t = Driver::Macvlan)]
    pub driver: Driver,
    /// Short for --driver ipvlan.
    #[arg(long, conflicts_with = "driver")]
    pub ipvlan: bool,
    #[arg(long)]
    pub subnet: Option<String>,
    #[arg(long)]
    pub gateway: Option<Ipv4Addr>,
    /// First address to give out.
    #[arg(long)]
    pub ip_start: Option<Ipv4Addr>,
    /// How addresses are given out. Default: one after the other.
    #[arg(long, value_enum)]
    pub ip_strategy: Option<IpStrategy>,
    #[arg(long, value_delimiter = ',')]
    pub services: Vec<String>,
    #[arg(long)]
    pub randomize_services: bool,
    #[arg(long, value_delimiter = ',')]
    pub distro: Vec<String>,
    #[arg(long)]
    pub randomize_distros: bool,
    #[arg(long, short)]
    pub archetype: Option<String>,
    /// Minutes between rotations of services.
    #[arg(long, value_name = "MINUTES")]
    pub mutate_interval: Option<u32>,
    /// Draws the same grid again.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Keep deckies the plan does not name. Without it they are removed.
    #[arg(long)]
    pub additive: bool,
    /// All or nothing: one decky's failure takes the whole operation back.
    #[arg(long)]
    pub atomic: bool,
    /// More deckies than the limit of 10 allows.
    #[arg(long)]
    pub force_limit: bool,
    /// Take an address although something answers on it.
    #[arg(long)]
    pub force_ip: bool,
    /// What deckies may start towards the world.
    #[arg(long, value_enum, default_value_t = Containment::Strict)]
    pub containment: Containment,
    /// Run deckies although their egress wall could not be built. Dangerous.
    #[arg(long)]
    pub allow_uncontained: bool,
    /// Make the network anew where it has to change, even with deckies on it.
    #[arg(long)]
    pub recreate_network: bool,
    /// Make base images anew.
    #[arg(long)]
    pub no_cache: bool,
    /// Only read the plan and say what is wrong with it.
    #[arg(long)]
    pub check: bool,
    /// Say what would be done, do nothing.
    #[arg(long)]
    pub dry_run: bool,
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct Redeploy {
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct Status {
    /// Again every two seconds, until interrupted.
    #[arg(long, short)]
    pub watch: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct TeardownWhat {
    /// Everything: deckies, network, walls, helper links, images we made.
    #[arg(long)]
    pub all: bool,
    /// One decky.
    #[arg(long, value_name = "NAME")]
    pub id: Option<Name>,
}

#[derive(Debug, Args)]
pub struct Teardown {
    #[command(flatten)]
    pub what: TeardownWhat,
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Debug, Subcommand)]
pub enum Images {
    /// The images the deckies run on.
    List,
    /// Make or fetch them: local, else pulled, else built with debootstrap.
    Build {
        /// Distros of the catalogue.
        #[arg(default_value = "debian")]
        distros: Vec<String>,
        #[arg(long)]
        no_cache: bool,
    },
    /// Write those we made into a file, for a machine without a registry.
    Export { file: PathBuf },
    /// Read a file written by `export`.
    Import { file: PathBuf },
    /// Remove those we made.
    Remove,
}

#[derive(Debug, Args)]
pub struct Api {
    /// A loopback address.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,
    #[arg(long, default_value_t = 8000)]
    pub port: u16,
    #[command(flatten)]
    pub engine: Engine,
}

#[derive(Debug, Subcommand)]
pub enum Simulate {
    /// Play campaigns against the grid as real traffic, each address a throw-away host beside the deckies.
    ///
    /// Sessions follow one another in the order of their starts, without the pauses. What is recorded counts as what any
    /// attacker does. The language: wiki/Clustering.md.
    Campaign(SimulateCampaign),
}

#[derive(Debug, Args)]
pub struct SimulateCampaign {
    /// Campaigns in YAML; several make one corpus.
    #[arg(required = true, value_name = "FILE.yaml")]
    pub files: Vec<PathBuf>,
    /// Plays the campaigns out the same way again.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

#[derive(Debug, Args)]
pub struct Drill {
    /// Only this decky.
    #[arg(long)]
    pub decky: Option<Name>,
    /// How long the last hop may take, seconds.
    #[arg(long, default_value_t = 20)]
    pub timeout: u64,
}

#[derive(Debug, Args)]
pub struct Ingest {
    /// Send every event as RFC 5424 to `udp://`, `tcp://` or `tls://HOST:PORT` as well.
    #[arg(long, value_name = "URL")]
    pub log_target: Option<String>,
}

/// Services of deckies at which a secret was tried, from which on it is told.
pub const MIN_TARGETS: usize = 2;

#[derive(Debug, Args)]
pub struct ReuseCorrelate {
    /// Tell of a secret from so many services of deckies on at which it was tried.
    #[arg(short, long, value_name = "N", default_value_t = MIN_TARGETS, value_parser = at_least_two)]
    pub min_targets: usize,
}

fn at_least_two(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n @ 2..) => Ok(n),
        _ => Err("give a number of 2 or more".to_owned()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Driver {
    Bridge,
    Macvlan,
    Ipvlan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    Unihost,
    Swarm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IpStrategy {
    Sequential,
    Scattered,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Containment {
    Strict,
    Open,
}

// === impl Driver ===

impl From<Driver> for model::fleet::Driver {
    fn from(driver: Driver) -> Self {
        match driver {
            Driver::Bridge => Self::Bridge,
            Driver::Macvlan => Self::Macvlan,
            Driver::Ipvlan => Self::Ipvlan,
        }
    }
}

impl From<Containment> for model::fleet::Egress {
    fn from(containment: Containment) -> Self {
        match containment {
            Containment::Strict => Self::Strict,
            Containment::Open => Self::Open,
        }
    }
}
