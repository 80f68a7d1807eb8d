//! Which workers run in this process, over which bus.

use std::sync::Arc;

use bus::{Bus, NatsConfig};
use collector::Collector;
use engine::logs::Logs;
use engine::{Docker, Scope};
use intel::Asns;
use respond::{Channels, Responder};
use runtime::{Crew, Ended};
use siem::{Connector, Forwarder, Target};
use sniffer::Sniffer;
use store::{LOCAL, Store};
use workers::{
    Attributor, CampaignClusterer, Clusterer, Detector, Explainer, Guardian, Ingester, Presence, ReuseCorrelator,
    clustering,
};

use crate::args;
use crate::context::Context;
use crate::detection;
use crate::exit::{Code, Coded as _, Failure, Result};
use crate::grid;
use crate::prose;

/// Workers one process can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Reads what deckies say, and keeps them behind their walls: what has to be where the engine is.
    Collect,
    /// Writes events into the database, and the workers' beats with them.
    Ingest,
    /// Looks at the wire of the deckies.
    Sniff,
    /// Judges what attackers do.
    Detect,
    /// Tells others of what was found.
    Respond,
    /// Writes about what was found.
    Explain,
    /// Finds out which addresses are the same hands.
    Identify,
    /// Finds out who works together.
    Campaigns,
    /// Finds out whether what identities show hangs together.
    Attribute,
    /// Finds out which secrets are tried at that many services of deckies, or more.
    Reuse(usize),
}

/// The bus between workers: in this process, or the server `--nats` names.
pub async fn bus(cx: &Context, name: &str) -> Result<Bus> {
    match &cx.global.nats {
        None => Ok(Bus::in_process()),
        Some(url) => Bus::connect(NatsConfig::new(url.clone(), format!("{name}@{LOCAL}")))
            .await
            .or_exit(Code::Usage),
    }
}

/// Where `--log-target` sends every event as well.
pub fn log_target(url: Option<&str>) -> Result<Option<Connector>> {
    let Some(url) = url else { return Ok(None) };
    let target: Target = url.parse().or_exit(Code::Usage)?;
    Connector::new(target).map(Some).or_exit(Code::Usage)
}

/// Sends events on, from this process.
pub fn forward(crew: &mut Crew, store: &Store, to: Option<Connector>) {
    if let Some(connector) = to {
        let store = store.clone();
        crew.worker(move || Forwarder::new(store.clone(), connector.clone()));
    }
}

/// Judges events, from this process, by the settings and rules of this machine.
pub fn detect(cx: &Context, crew: &mut Crew, store: &Store) -> Result {
    let setup = detection::setup(cx, &args::Engine::default())?;
    let store = store.clone();
    crew.worker(move || Detector::new(store.clone(), setup.clone()));
    Ok(())
}

/// Tells others of what was found, from this process, by the settings of this machine.
pub fn respond(cx: &Context, crew: &mut Crew, store: &Store) -> Result {
    let setup = detection::setup(cx, &args::Engine::default())?;
    let channels = Channels::new(&setup.config, cx.state_dir(), store).or_exit(Code::Usage)?;
    for rule in setup.rules.iter().map(|definition| &definition.rule) {
        for name in rule.respond.iter().filter(|name| !channels.knows(name)) {
            cx.out.note(&format!(
                "warning: `{}` is to tell `{name}`, which is not set up",
                rule.id
            ));
        }
    }
    let store = store.clone();
    crew.runner(move || Responder::new(store.clone(), channels.clone()));
    Ok(())
}

/// Has a model write about what was found, from this process; false when the settings name none.
pub fn explain(cx: &Context, crew: &mut Crew, store: &Store) -> Result<bool> {
    let config = detection::setup(cx, &args::Engine::default())?.config;
    let Some(writer) = prose::writer(&config)?.map(Arc::new) else {
        return Ok(false);
    };
    let store = store.clone();
    crew.worker(move || Explainer::new(store.clone(), writer.clone()));
    Ok(true)
}

pub fn crew(cx: &Context, bus: &Bus, store: &Store, docker: Option<&Docker>, parts: &[Part]) -> Crew {
    let mut crew = Crew::new(bus.clone(), LOCAL);
    if let (Some(docker), true) = (docker, parts.contains(&Part::Collect)) {
        let (logs, kept) = (Logs::new(docker.clone(), Scope::fleet()), store.clone());
        let config = collector::Config {
            host: LOCAL.to_owned(),
            artifacts: cx.state_dir().join("artifacts"),
        };
        crew.runner(move || Collector::new(logs.clone(), kept.clone(), config.clone()));
        let (docker, kept, paths) = (docker.clone(), store.clone(), grid::paths(cx));
        crew.runner(move || Guardian::new(docker.clone(), kept.clone(), paths.clone(), LOCAL));
    }
    if let (Some(docker), true) = (docker, parts.contains(&Part::Sniff)) {
        let (docker, kept) = (docker.clone(), store.clone());
        crew.runner(move || Sniffer::new(docker.clone(), kept.clone(), LOCAL));
    }
    if parts.contains(&Part::Ingest) {
        let kept = store.clone();
        crew.runner(move || Ingester::new(kept.clone()));
        let kept = store.clone();
        crew.runner(move || Presence::new(kept.clone()));
    }
    let groups = |part: &Part| matches!(part, Part::Identify | Part::Campaigns);
    let grouping = clustering::Config {
        asns: Arc::new(if parts.iter().any(groups) {
            cx.asns()
        } else {
            Asns::default()
        }),
        ..clustering::Config::new(LOCAL)
    };
    if parts.contains(&Part::Identify) {
        let (kept, config) = (store.clone(), grouping.clone());
        crew.worker(move || Clusterer::new(kept.clone(), config.clone()));
    }
    if parts.contains(&Part::Campaigns) {
        let (kept, config) = (store.clone(), grouping.clone());
        crew.worker(move || CampaignClusterer::new(kept.clone(), config.clone()));
    }
    if parts.contains(&Part::Attribute) {
        let (kept, config) = (store.clone(), grouping.clone());
        crew.worker(move || Attributor::new(kept.clone(), config.clone()));
    }
    for part in parts {
        if let Part::Reuse(least) = *part {
            let (kept, config) = (store.clone(), grouping.clone());
            crew.worker(move || ReuseCorrelator::new(kept.clone(), config.clone(), least));
        }
    }
    crew
}

/// `decnet collect`, `ingest`, `clusterer` and such: one part in a process of its own.
pub async fn alone(cx: &Context, part: Part, log_to: Option<&str>) -> Result {
    let log_to = log_target(log_to)?;
    need_nats(cx)?;
    let docker = match part {
        Part::Collect | Part::Sniff => {
            grid::need_root()?;
            Some(grid::docker().await?)
        }
        Part::Ingest
        | Part::Detect
        | Part::Respond
        | Part::Explain
        | Part::Identify
        | Part::Campaigns
        | Part::Attribute
        | Part::Reuse(_) => None,
    };
    let store = cx.store().await?;
    let name = match part {
        Part::Collect => "collect",
        Part::Ingest => "ingest",
        Part::Sniff => "sniffer",
        Part::Detect => "detector",
        Part::Respond => "responder",
        Part::Explain => "explainer",
        Part::Identify => "clusterer",
        Part::Campaigns => "campaign-clusterer",
        Part::Attribute => "attribution",
        Part::Reuse(_) => "reuse-correlator",
    };
    let bus = bus(cx, name).await?;
    let mut crew = crew(cx, &bus, &store, docker.as_ref(), &[part]);
    if part == Part::Detect {
        detect(cx, &mut crew, &store)?;
    }
    if part == Part::Respond {
        respond(cx, &mut crew, &store)?;
    }
    if part == Part::Explain && !explain(cx, &mut crew, &store)? {
        let what = "the setting `llm.backend` names no model: findings have the template's prose";
        return Err(Failure::new(Code::Usage, what).into());
    }
    forward(&mut crew, &store, log_to);
    run(cx, name, crew, bus).await
}

/// A worker in a process of its own needs a bus that others are on as well.
pub fn need_nats(cx: &Context) -> Result {
    if cx.global.nats.is_some() {
        return Ok(());
    }
    Err(
        Failure::new(Code::Usage, "a worker alone needs a bus it shares with the others")
            .help("name the server with --nats nats://host:4222, or run all workers in one process with `decnet up`")
            .into(),
    )
}

/// Runs a crew until it is told to stop.
pub async fn run(cx: &Context, name: &str, mut crew: Crew, bus: Bus) -> Result {
    cx.out.note(&format!("{name} is ready; Ctrl-C stops it"));
    let ended = tokio::select! {
        ended = crew.ended() => Some(ended),
        () = stop_asked() => None,
    };
    crew.stop().await;
    bus.close().await;
    sickness(ended)
}

/// A worker that keeps failing ends the process, so that whoever supervises it starts it afresh.
pub fn sickness(ended: Option<Ended>) -> Result {
    match ended {
        Some(Ended::Sick(worker)) => Err(Failure::new(
            Code::Partial,
            format!("the worker `{worker}` keeps failing; its last error is above"),
        )
        .into()),
        _ => Ok(()),
    }
}

/// Ctrl-C, or a supervisor's SIGTERM.
pub async fn stop_asked() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
