//! The `decnet` command: arguments in, exit codes out. What is done is done by the crates below.
#![forbid(unsafe_code)]

mod args;
mod campaigns;
mod catalogue;
mod cluster;
mod context;
mod crew;
mod decisions;
mod deploy;
mod detection;
mod drill;
mod exit;
mod feed;
mod findings;
mod fingerprint;
mod graph;
mod grid;
mod habits;
mod hashcat;
mod http;
mod identities;
mod images;
mod incidents;
mod laboratory;
mod output;
mod plan;
mod portrait;
mod probe;
mod progress;
mod prose;
mod query;
mod rulebook;
mod sessions;
mod simulate;
mod status;
mod traversals;
mod up;
mod when;

use args::{Cli, Command};
use clap::{CommandFactory as _, Parser as _};
use context::Context;
use exit::Result;
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// Events are many small pieces: with the C library's, allocating took a quarter of the time of storing them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let cli = Cli::parse();
    logs(&cli.global);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let ended = runtime.block_on(run(cli));
        runtime.shutdown_timeout(std::time::Duration::from_secs(2));
        ended
    });
    if let Err(error) = ended {
        std::process::exit(exit::report(&error));
    }
}

async fn run(cli: Cli) -> Result {
    let cx = Context::new(cli.global);
    match cli.command {
        Command::Services => catalogue::services(&cx),
        Command::Distros => catalogue::distros(&cx),
        Command::Archetypes => catalogue::archetypes(&cx),
        Command::Up(asked) => up::up(&cx, &asked).await,
        Command::Deploy(asked) => deploy::deploy(&cx, &asked).await,
        Command::Redeploy(asked) => deploy::redeploy(&cx, &asked).await,
        Command::Teardown(asked) => deploy::teardown(&cx, &asked).await,
        Command::Status(asked) => status::status(&cx, &asked).await,
        Command::Images(asked) => images::images(&cx, &asked).await,
        Command::Events(asked) => query::events(&cx, &asked).await,
        Command::Attackers(asked) => query::attackers(&cx, &asked).await,
        Command::Traversals(asked) => traversals::traversals(&cx, &asked).await,
        Command::Credentials(asked) => query::credentials(&cx, &asked).await,
        Command::Probe(asked) => probe::probe(&cx, &asked).await,
        Command::Collect => crew::alone(&cx, crew::Part::Collect, None).await,
        Command::Ingest(asked) => crew::alone(&cx, crew::Part::Ingest, asked.log_target.as_deref()).await,
        Command::Sniffer => crew::alone(&cx, crew::Part::Sniff, None).await,
        Command::Detector => crew::alone(&cx, crew::Part::Detect, None).await,
        Command::Api(asked) => http::api(&cx, &asked).await,
        Command::Openapi => cx.out.value(&api::document()),
        Command::Findings(asked) => findings::findings(&cx, &asked).await,
        Command::Responder => crew::alone(&cx, crew::Part::Respond, None).await,
        Command::Explainer => crew::alone(&cx, crew::Part::Explain, None).await,
        Command::Incidents(asked) => incidents::incidents(&cx, &asked).await,
        Command::Decisions(asked) => decisions::decisions(&cx, &asked).await,
        Command::Clusterer => crew::alone(&cx, crew::Part::Identify, None).await,
        Command::CampaignClusterer => crew::alone(&cx, crew::Part::Campaigns, None).await,
        Command::Attribution => crew::alone(&cx, crew::Part::Attribute, None).await,
        Command::ReuseCorrelate(asked) => crew::alone(&cx, crew::Part::Reuse(asked.min_targets), None).await,
        Command::Identities(asked) => identities::identities(&cx, &asked).await,
        Command::Campaigns(asked) => campaigns::campaigns(&cx, &asked).await,
        Command::Sessions(asked) => sessions::sessions(&cx, &asked).await,
        Command::Cluster(asked) => cluster::cluster(&cx, &asked),
        Command::Drill(asked) => drill::drill(&cx, &asked).await,
        Command::Simulate(args::Simulate::Campaign(asked)) => simulate::campaign(&cx, &asked).await,
        Command::Fingerprint(asked) => fingerprint::fingerprint(&cx, &asked),
        Command::Scan(asked) => detection::scan(&cx, &asked).await,
        Command::Watch(asked) => detection::watch(&cx, &asked).await,
        Command::Hunt(asked) => detection::hunt(&cx, &asked).await,
        Command::Check(asked) => detection::check(&cx, &asked),
        Command::Rules(asked) => rulebook::rules(&cx, &asked),
        Command::Lab(asked) => laboratory::lab(&cx, &asked),
        Command::Mock(asked) => laboratory::mock(&cx, &asked).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "decnet", &mut script);
            output::print(format_args!("{}", String::from_utf8_lossy(&script)))
        }
    }
}

/// Logs go to stderr, warnings only unless asked for more; `RUST_LOG` has the last word.
fn logs(global: &args::Global) {
    let level = match global.verbose {
        0 => "warn",
        1 => "info",
        _ => "debug,sqlx=info,hyper=info",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(!output::is_plain(global) && std::io::stderr().is_terminal())
        .log_internal_errors(false)
        .without_time()
        .init();
}
