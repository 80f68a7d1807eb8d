//! The command line.

mod grid;
mod offline;
mod records;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use self::grid::*;
pub use self::offline::*;
pub use self::records::*;

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
    /// Who went from decky to decky, and which way.
    Traversals(Traversals),
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
    /// Attack the grid as somebody else would, from many addresses, to see what is made of it.
    #[command(subcommand)]
    Simulate(Simulate),
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
    /// Worker: tells people and systems of what was found, and leads sources away where that is wanted (needs --nats).
    Responder,
    /// Worker: prose about what was found, by the model that the settings name (needs --nats).
    Explainer,
    /// What one attacker did, as far as it hangs together.
    Incidents(Incidents),
    /// Who may do what, until when, and why.
    Decisions(Decisions),
    /// Worker: which addresses are the same hands (needs --nats).
    Clusterer,
    /// Worker: which identities work together (needs --nats).
    CampaignClusterer,
    /// Worker: how what each identity shows held over time (needs --nats).
    Attribution,
    /// Worker: which secrets are tried in several places (needs --nats).
    ReuseCorrelate(ReuseCorrelate),
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

impl Global {
    /// The database's address: the given one, else SQLite in the state folder.
    pub fn database_url(&self) -> String {
        let default = || format!("sqlite://{}?mode=rwc", self.state_dir.join("decnet.db").display());
        self.database.clone().unwrap_or_else(default)
    }
}
