//! The command line.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use model::Name;
use uuid::Uuid;

/// A deception grid: decoy machines that real attackers cannot tell from real ones, and a record of what they do.
#[derive(Debug, Parser)]
#[command(name = "decnet", version, propagate_version = true, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub global: Global,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Where the grid keeps its database, state file, artifacts and images.
    #[arg(
        long,
        global = true,
        env = "DECNET_STATE_DIR",
        default_value = "/var/lib/decnet",
        value_name = "DIR"
    )]
    pub state_dir: PathBuf,
    /// Database; `postgres://...` for several hosts. Default: SQLite in the state folder.
    #[arg(
        long,
        global = true,
        env = "DECNET_DB_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database: Option<String>,
    /// NATS server that connects workers of several processes. Default: none, everything in one process.
    #[arg(
        long,
        global = true,
        env = "DECNET_NATS_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub nats: Option<String>,
    /// Templates that replace built-in ones of the same path.
    #[arg(long, global = true, env = "DECNET_TEMPLATES", value_name = "DIR")]
    pub templates: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress and no notes, only the answer.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// No colour, not even on a terminal.
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Say more on stderr; twice for everything.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole grid in this process: deploy a few deckies if none stand, watch, show what attackers do.
    Up(Up),
    /// Make the deckies of a plan stand; those that did not change are left alone.
    Deploy(Deploy),
    /// Make what the database says stand again, after a reboot or when containers were lost.
    Redeploy(Redeploy),
    /// What stands, and how it is.
    Status(Status),
    /// Take deckies away.
    Teardown(Teardown),
    /// Services a decky can run.
    Services,
    /// Systems a decky can claim to be.
    Distros,
    /// Kinds of machine, with the services that belong to them.
    Archetypes,
    /// Base images of the deckies.
    #[command(subcommand)]
    Images(Images),
    /// What happened, newest last.
    Events(Events),
    /// Who came: one row an address.
    Attackers(Attackers),
    /// What they tried to log in with.
    Credentials(Credentials),
    /// Shells they had, recorded.
    Sessions(Sessions),
    /// The same hands behind one or more addresses.
    Identities(Identities),
    /// Identities that work together.
    Campaigns(Campaigns),
    /// Who belongs together, for a corpus of your own: no grid is needed.
    #[command(subcommand)]
    Cluster(Cluster),
    /// Attack every decky yourself, signed, and see each hop of the path from decoy to database.
    Drill(Drill),
    /// Ask an attacker's machine back: TLS, SSH, TCP and ICMP fingerprints. Without an address: a worker that asks each
    /// in turn (needs --nats and --consent).
    Probe(Probe),
    /// Worker: what deckies say, onto the bus (needs --nats).
    Collect,
    /// Worker: events from the bus into the database (needs --nats).
    Ingest(Ingest),
    /// Worker: what the wire of the deckies shows of their peers (needs --nats).
    Sniffer,
    /// Worker: events in the database through the detection rules (needs --nats).
    Detector,
    /// Judge agents' tool calls and take in metadata over HTTP, on this host alone.
    Api(Api),
    /// The description of that API for programs (OpenAPI 3.1).
    Openapi,
    /// What the rules found.
    Findings(Findings),
    /// Worker: which addresses are the same hands (needs --nats).
    Clusterer,
    /// Worker: which identities work together (needs --nats).
    CampaignClusterer,
    /// What a capture file shows of those in it: stacks, clients, tools.
    Fingerprint(Fingerprint),
    /// Judge captures, logs, flow records or tool calls; ends with 1 on ALERT, 0 on CLEAR, 2 when something is wrong.
    Scan(Scan),
    /// Judge an interface's packets as they pass, and tell what is found as it is found (needs CAP_NET_RAW).
    Watch(Watch),
    /// Hunt through a log, each finding with the steps that led to it; ends like `scan`.
    Hunt(Hunt),
    /// Judge agents' tool calls one by one; ends with 1 when any was flagged or blocked.
    Check(Check),
    /// The rules of the detection engine.
    #[command(subcommand)]
    Rules(Rules),
    /// Inputs with known verdicts.
    #[command(subcommand)]
    Lab(Lab),
    /// A demonstration: ordinary requests, and now and then an attack.
    Mock(Mock),
    /// Shell completions on stdout.
    Completions { shell: clap_complete::Shell },
}

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

/// Which rows.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filters")]
pub struct Filter {
    #[arg(long, value_name = "IP")]
    pub attacker: Option<IpAddr>,
    #[arg(long, value_name = "NAME")]
    pub decky: Option<Name>,
    #[arg(long, value_name = "SLUG")]
    pub service: Option<String>,
    /// `10m`, `2h`, `7d` ago, or RFC 3339.
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// At most that many rows, the newest.
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
}

#[derive(Debug, Args)]
pub struct Events {
    /// Go on with what comes.
    #[arg(long, short)]
    pub follow: bool,
    #[arg(long)]
    pub kind: Option<String>,
    #[arg(long)]
    pub session: Option<String>,
    #[command(flatten)]
    pub filter: Filter,
}

#[derive(Debug, Args)]
pub struct Attackers {
    #[command(subcommand)]
    pub command: Option<AttackersCommand>,
    #[command(flatten)]
    pub filter: Filter,
}

#[derive(Debug, Subcommand)]
pub enum AttackersCommand {
    /// Everything known of one address.
    Show { ip: IpAddr },
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

#[derive(Debug, Args)]
pub struct Findings {
    #[command(subcommand)]
    pub command: Option<FindingsCommand>,
    /// info, low, medium, high or critical.
    #[arg(long, value_name = "SEVERITY")]
    pub severity: Option<String>,
    /// Id of a rule.
    #[arg(long, value_name = "ID")]
    pub rule: Option<String>,
    #[arg(long, value_name = "IP")]
    pub attacker: Option<IpAddr>,
    /// `10m`, `2h`, `7d` ago, or RFC 3339.
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// At most that many, the newest.
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
}

#[derive(Debug, Subcommand)]
pub enum FindingsCommand {
    /// The same as without a word.
    List,
    /// All of one: evidence, parts of its confidence, what to expect next.
    Show { id: String },
    /// Note that somebody has seen to it.
    Ack { id: String },
}

#[derive(Debug, Args)]
pub struct Credentials {
    /// Only secrets seen on several deckies or from several addresses.
    #[arg(long)]
    pub reused: bool,
    #[command(flatten)]
    pub filter: Filter,
}

#[derive(Debug, Args)]
pub struct Sessions {
    #[command(subcommand)]
    pub command: Option<SessionsCommand>,
    #[command(flatten)]
    pub filter: Filter,
}

#[derive(Debug, Subcommand)]
pub enum SessionsCommand {
    /// Play a session back as it was.
    Replay {
        id: String,
        #[arg(long, default_value_t = 1.0)]
        speed: f64,
        /// Longest pause, seconds.
        #[arg(long, default_value_t = 2.0)]
        idle: f64,
        /// Only the text, at once, without terminal control.
        #[arg(long)]
        plain: bool,
        /// As an asciicast v2 file on stdout.
        #[arg(long, conflicts_with = "plain")]
        cast: bool,
    },
}

#[derive(Debug, Args)]
pub struct Identities {
    #[command(subcommand)]
    pub command: Option<IdentitiesCommand>,
    /// At most that many, those that changed last first.
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
}

#[derive(Debug, Subcommand)]
pub enum IdentitiesCommand {
    /// One identity: its addresses and what they share.
    Show {
        /// Its id, or an address of it.
        id: String,
        /// Draw what holds it together instead.
        #[arg(long, value_enum)]
        graph: Option<Graph>,
    },
    /// Why two addresses are of one identity, or why not.
    Explain { a: IpAddr, b: IpAddr },
    /// Say of two addresses that they are the same hands, or not. It outweighs all evidence until `unpin`.
    Pin {
        a: IpAddr,
        b: IpAddr,
        #[arg(long, value_enum)]
        verdict: Verdict,
    },
    /// Take back what was said of two addresses.
    Unpin { a: IpAddr, b: IpAddr },
    /// What was said of which addresses.
    Pins,
}

#[derive(Debug, Args)]
pub struct Campaigns {
    #[command(subcommand)]
    pub command: Option<CampaignsCommand>,
    /// At most that many, those that changed last first.
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
}

#[derive(Debug, Subcommand)]
pub enum CampaignsCommand {
    /// One campaign: its identities.
    Show { id: Uuid },
    /// What speaks for two identities working together.
    Explain { a: Uuid, b: Uuid },
    /// Say of two identities that they work together, or do not. It outweighs all evidence until `unpin`.
    Pin {
        a: Uuid,
        b: Uuid,
        #[arg(long, value_enum)]
        verdict: Verdict,
    },
    /// Take back what was said of two identities.
    Unpin { a: Uuid, b: Uuid },
    /// What was said of which identities.
    Pins,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Graph {
    /// For Graphviz.
    Dot,
    Svg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Verdict {
    Same,
    NotTheSame,
}

#[derive(Debug, Subcommand)]
pub enum Cluster {
    /// Cluster campaigns and observations, and compare with the truth where it is known.
    ///
    /// Several files make one corpus. The language of campaigns and the form of observations: wiki/Clustering.md.
    Run(ClusterRun),
    /// Write a corpus as mixed as what the internet sends, with its truth, for `run`.
    Mixed(ClusterMixed),
}

#[derive(Debug, Args)]
pub struct ClusterRun {
    /// Campaigns in YAML, or observations as lines of JSON.
    #[arg(required = true, value_name = "FILE.yaml|OBSERVATIONS.ndjson")]
    pub files: Vec<PathBuf>,
    /// Plays the campaigns out the same way again.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Rules that hold up on real data, or those of the Python DECNET for comparison.
    #[arg(long, value_enum, default_value_t = Profile::Strict)]
    pub profile: Profile,
    /// Each observation with its label and its truth.
    #[arg(long)]
    pub labels: bool,
    /// Values that link nobody, beside those known: lines `family<TAB>value<TAB>name`.
    #[arg(long, value_name = "FILE")]
    pub commodity: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ClusterMixed {
    /// How many observations.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    pub rows: u32,
    /// Share of actors, 0 to 1, that show the JA3 of one popular client.
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = share)]
    pub popular_ja3: f64,
    /// Draws the same corpus again.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
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

#[derive(Debug, Args)]
pub struct Fingerprint {
    /// pcap or pcapng, plain, gzip'd or zstd'd; `-` for standard input.
    #[arg(long, short, value_name = "FILE")]
    pub file: PathBuf,
    /// A machine of ours in the capture: only what concerns those named is told, by their names, and nothing they began
    /// themselves counts as an attacker's. Without any, everyone is looked at.
    #[arg(long, value_name = "IP=NAME")]
    pub decky: Vec<NamedDecky>,
}

/// `IP=NAME`.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedDecky {
    pub ip: IpAddr,
    pub name: Name,
}

/// How the detection engine is set up. Later ones win: defaults, /etc/decnet/detect.yaml, ./decnet.yaml, --config,
/// DECNET_* variables, flags.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Detection")]
pub struct Engine {
    /// Settings in YAML.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Rules of a file or folder instead of those added on this machine.
    #[arg(long, value_name = "PATH")]
    pub rules: Option<PathBuf>,
    /// Findings below this confidence raise no alarm.
    #[arg(long, value_name = "0-100", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub min_confidence: Option<u8>,
    /// Only these rules, by id or short name.
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    pub only: Vec<String>,
    /// One setting, as `sweep.threshold=20`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Watch {
    /// By name or number; the first that is not the loopback, when none is named.
    #[arg(long, short, value_name = "INTERFACE", env = "DECNET_CAPTURE_INTERFACE")]
    pub interface: Option<String>,
    /// Show the interfaces there are.
    #[arg(long)]
    pub list_interfaces: bool,
    #[command(flatten)]
    pub engine: Engine,
}

#[derive(Debug, Args)]
pub struct Scan {
    /// What to read; `-` is standard input. Recognised by its content, gzip'd or zstd'd or plain.
    #[arg(long, short, required = true, value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// pcap, zeek, http, events or tools, when the content is not to decide.
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
    /// A cut, broken or empty input is an error.
    #[arg(long)]
    pub strict: bool,
    /// Notices raise the alarm as well.
    #[arg(long)]
    pub strict_notices: bool,
    /// Append what was found to this file, as JSON lines.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    #[command(flatten)]
    pub engine: Engine,
}

#[derive(Debug, Args)]
pub struct Hunt {
    #[arg(long, short, value_name = "LOG")]
    pub file: PathBuf,
    #[command(flatten)]
    pub engine: Engine,
}

#[derive(Debug, Args)]
pub struct Check {
    /// Calls as JSON lines of ts, agent_id, tool_name, arguments; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub replay: PathBuf,
    #[command(flatten)]
    pub engine: Engine,
}

#[derive(Debug, Subcommand)]
pub enum Rules {
    /// All of them, built in and added.
    List,
    /// Add a file of ours or of Sigma: all of its rules or none.
    Add { file: PathBuf },
    /// Take a rule away.
    Remove { id: String },
    /// Run the tests that rules carry.
    Test(RulesTest),
    /// Read rule files and say what is wrong with them.
    #[command(alias = "validate")]
    Lint {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct RulesTest {
    /// A file or folder instead of the rules added on this machine.
    pub file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Lab {
    /// Write samples; the same bytes on every machine.
    Generate {
        /// All when none is named.
        names: Vec<String>,
        #[arg(long, default_value = ".", value_name = "DIR")]
        out: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct Mock {
    /// All eight attacks once.
    #[arg(long, conflicts_with = "reset")]
    pub once: bool,
    /// Take away what the demonstration made.
    #[arg(long)]
    pub reset: bool,
    /// Seconds between cycles.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub interval: u64,
    /// Always the same, at a fixed time.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Where the requests go. Default: mock.jsonl in the state folder.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Driver {
    Bridge,
    Macvlan,
    Ipvlan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    Strict,
    Compat,
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

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share is a number from 0 to 1".to_owned())
}

// === impl NamedDecky ===

impl std::str::FromStr for NamedDecky {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (ip, name) = text.split_once('=').ok_or("it is IP=NAME, as in 10.0.0.2=web-01")?;
        let ip = ip.parse().map_err(|_| format!("`{ip}` is no address"))?;
        let name = name.parse().map_err(|error| format!("`{name}`: {error}"))?;
        Ok(Self { ip, name })
    }
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

impl Global {
    /// The database's address: the given one, else SQLite in the state folder.
    pub fn database_url(&self) -> String {
        let default = || format!("sqlite://{}?mode=rwc", self.state_dir.join("decnet.db").display());
        self.database.clone().unwrap_or_else(default)
    }
}
