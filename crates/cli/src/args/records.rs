//! What was recorded, and what was made of it.

use std::net::IpAddr;

use clap::{Args, Subcommand, ValueEnum};
use model::Name;
use uuid::Uuid;

/// Which rows.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filters")]
pub struct Filter {
    #[command(flatten)]
    pub narrow: Narrow,
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

/// The newest of a listing.
#[derive(Debug, Args)]
pub struct Recent {
    /// `10m`, `2h`, `7d` ago, or RFC 3339.
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// At most that many, the newest.
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
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
    #[command(flatten)]
    pub recent: Recent,
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
pub struct Traversals {
    /// Deckies an address must have been at.
    #[arg(long, short, default_value_t = 2, value_name = "N")]
    pub min_deckies: usize,
    #[command(flatten)]
    pub filter: Filter,
}

#[derive(Debug, Args)]
pub struct Incidents {
    #[command(subcommand)]
    pub command: Option<IncidentsCommand>,
    #[arg(long, value_name = "IP")]
    pub attacker: Option<IpAddr>,
    #[command(flatten)]
    pub recent: Recent,
}

#[derive(Debug, Subcommand)]
pub enum IncidentsCommand {
    /// The same as without a word.
    List,
    /// All of one: its findings in their order, with what is said of each.
    Show { id: String },
}

#[derive(Debug, Args)]
pub struct Decisions {
    #[command(subcommand)]
    pub command: Option<DecisionsCommand>,
    /// Only those that stand now.
    #[arg(long)]
    pub standing: bool,
    #[arg(long, value_enum)]
    pub action: Option<DecisionAction>,
    /// An address, an agent or a user.
    #[arg(long, value_name = "VALUE")]
    pub about: Option<String>,
    #[command(flatten)]
    pub recent: Recent,
}

#[derive(Debug, Subcommand)]
pub enum DecisionsCommand {
    /// The same as without a word.
    List,
    /// Decide about somebody; what stood about the same before ends.
    Add {
        #[command(flatten)]
        whom: Whom,
        #[arg(long, value_enum)]
        action: DecisionAction,
        /// How long it stands, `90s`, `10m`, `2h`, `7d`; without, until it is released.
        #[arg(long = "for", value_name = "TIME")]
        term: Option<String>,
        #[arg(long, default_value = "decided by hand")]
        reason: String,
    },
    /// End one that stands: its id, or whom it is about. What it followed from does not decide the same again for a day.
    Release {
        #[arg(value_name = "ID|VALUE")]
        which: String,
    },
    /// End all that stand.
    Flush,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Whom {
    #[arg(long)]
    pub ip: Option<IpAddr>,
    #[arg(long)]
    pub agent: Option<String>,
    #[arg(long)]
    pub user: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DecisionAction {
    Allow,
    Flag,
    Block,
    Shunt,
}

/// Which rows, all of them.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filters")]
pub struct Narrow {
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
}

#[derive(Debug, Args)]
pub struct Credentials {
    #[command(subcommand)]
    pub command: Option<CredentialsCommand>,
    /// Only secrets seen at several services or deckies, or from several addresses.
    #[arg(long)]
    pub reused: bool,
    #[command(flatten)]
    pub filter: Filter,
}

#[derive(Debug, Subcommand)]
pub enum CredentialsCommand {
    /// All answers to challenges, as lines a password is guessed from offline; what has no such line is counted.
    Export(CredentialsExport),
}

#[derive(Debug, Args)]
pub struct CredentialsExport {
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// Only lines of that mode: hashcat takes one at a time.
    #[arg(long, value_name = "NUMBER")]
    pub mode: Option<u32>,
    #[command(flatten)]
    pub filter: Narrow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    Hashcat,
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
    Show {
        id: Uuid,
        /// Draw what holds it together instead.
        #[arg(long, value_enum)]
        graph: Option<Graph>,
    },
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
