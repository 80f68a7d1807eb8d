//! What needs no grid: corpora, captures, logs, rules.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use model::Name;

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
    /// Only tell; store nothing in the database.
    #[arg(long)]
    pub no_record: bool,
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
pub enum Profile {
    Strict,
    Compat,
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
