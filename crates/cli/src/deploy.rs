//! `decnet deploy | redeploy | teardown`.

use engine::Docker;
use engine::apply::{Change, Item, Options};
use fleet::{Catalogue, Flags};
use model::fleet::FleetSpec;
use serde::Serialize;
use store::Store;

use crate::args::{self, IpStrategy, Mode};
use crate::context::Context;
use crate::exit::{Code, Coded as _, Failure, Result};
use crate::grid::{self, engine_failed};
use crate::plan::{self, Asked, NetworkWish, Source};
use crate::progress::Bar;

pub async fn deploy(cx: &Context, asked: &args::Deploy) -> Result {
    if asked.mode == Mode::Swarm {
        return Err(Failure::new(Code::Invalid, "agents on other hosts are not built yet")
            .help("leave --mode out")
            .into());
    }
    let catalogue = cx.catalogue()?;
    let wanted = Asked {
        source: source(cx, &catalogue, asked)?,
        network: wish(asked)?,
        options: options(asked),
    };
    if asked.check || asked.dry_run {
        return look(cx, &catalogue, wanted, asked).await;
    }
    grid::need_root()?;
    let docker = grid::docker().await?;
    let store = cx.store().await?;
    let bar = Bar::start(cx.out);
    bar.say("planning");
    let fleet = wanted.plan(cx, &catalogue, &store, Some(&docker)).await?;
    let settings = Options {
        atomic: asked.atomic,
        prune: !asked.additive,
        allow_uncontained: asked.allow_uncontained,
        may_cut: asked.recreate_network,
        ..Options::default()
    };
    stand(cx, &catalogue, &docker, &store, fleet, &settings, Some(asked.yes), bar).await
}

/// Makes a fleet stand: keys, difference, consent, action. Without `consent` nobody is asked.
#[allow(
    clippy::too_many_arguments,
    reason = "each is a different thing, and they meet here alone"
)]
pub async fn stand(
    cx: &Context,
    catalogue: &Catalogue,
    docker: &Docker,
    store: &Store,
    fleet: FleetSpec,
    settings: &Options,
    consent: Option<bool>,
    bar: Bar,
) -> Result {
    bar.say("making keys");
    let fleet = plan::forge(catalogue, fleet).await?;
    let (hand, distros) = (grid::hand(cx, docker, store)?, grid::distros(catalogue));
    if let Some(yes) = consent {
        let items = hand
            .plan(&fleet, &distros, settings.prune)
            .await
            .map_err(engine_failed)?;
        let lost: Vec<_> = items
            .iter()
            .filter(|item| is_loss(item))
            .map(|item| item.name.to_string())
            .collect();
        if !lost.is_empty() {
            bar.hide(|| grid::confirm(&format!("What is on {} will be lost.", lost.join(", ")), yes))?;
        }
    }
    let outcome = hand
        .apply(&fleet, &distros, settings, &bar.progress())
        .await
        .map_err(engine_failed)?;
    plan::remember(store, &fleet.network).await?;
    grid::told(cx, &outcome, &bar, "dealt with")
}

pub async fn redeploy(cx: &Context, asked: &args::Redeploy) -> Result {
    grid::need_root()?;
    let catalogue = cx.catalogue()?;
    let (docker, store) = (grid::docker().await?, cx.record().await?);
    let Some(fleet) = stored(&store).await? else {
        return Err(Failure::new(Code::Invalid, "the database knows of no deckies")
            .help("`decnet deploy` makes some")
            .into());
    };
    let bar = Bar::start(cx.out);
    stand(
        cx,
        &catalogue,
        &docker,
        &store,
        fleet,
        &Options::default(),
        Some(asked.yes),
        bar,
    )
    .await
}

/// The fleet the database has.
pub async fn stored(store: &Store) -> Result<Option<FleetSpec>> {
    let rows = store.deckies().list().await.or_exit(Code::Unreachable)?;
    let network = plan::network_that_stands(store).await?;
    let deckies: Vec<_> = rows.into_iter().map(|row| row.spec).collect();
    Ok(network
        .filter(|_| !deckies.is_empty())
        .map(|network| FleetSpec { network, deckies }))
}

pub async fn teardown(cx: &Context, asked: &args::Teardown) -> Result {
    grid::need_root()?;
    let (docker, store) = (grid::docker().await?, cx.store().await?);
    let hand = grid::hand(cx, &docker, &store)?;
    let question = match &asked.what.id {
        Some(name) => format!("Remove `{name}` and all that is on it?"),
        None => "Remove every decky, the network and the images we made?".to_owned(),
    };
    grid::confirm(&question, asked.yes)?;
    let bar = Bar::start(cx.out);
    let outcome = match &asked.what.id {
        Some(name) => hand.teardown(name, &bar.progress()).await,
        None => hand.teardown_all(&bar.progress()).await,
    };
    grid::told(cx, &outcome.map_err(engine_failed)?, &bar, "removed")
}

/// `--check` and `--dry-run`: everything up to doing it, as far as this machine allows.
async fn look(cx: &Context, catalogue: &Catalogue, wanted: Asked, asked: &args::Deploy) -> Result {
    let docker = Docker::connect().await.ok();
    if docker.is_none() {
        cx.out
            .note("note: Docker does not answer, so what stands is not compared");
    }
    let scratch = tempfile::tempdir()?;
    let kept = cx.state_dir().join("decnet.db").exists() || cx.global.database.is_some();
    let store = if kept {
        cx.store().await?
    } else {
        scratch_store(&scratch).await?
    };
    let fleet = wanted.plan(cx, catalogue, &store, docker.as_ref()).await?;
    if asked.check {
        cx.out.note(&format!(
            "the plan is sound: {} deckies on {}",
            fleet.deckies.len(),
            fleet.network.subnet
        ));
        return Ok(());
    }
    let items = match &docker {
        Some(docker) => {
            let hand = grid::hand(cx, docker, &store)?;
            hand.plan(&fleet, &grid::distros(catalogue), !asked.additive)
                .await
                .map_err(engine_failed)?
        }
        None => Vec::new(),
    };
    show(cx, &fleet, &items)
}

async fn scratch_store(scratch: &tempfile::TempDir) -> Result<Store> {
    let url = format!("sqlite://{}?mode=rwc", scratch.path().join("scratch.db").display());
    Store::open(&url).await.or_exit(Code::Unreachable)
}

/// One line of a dry run.
#[derive(Serialize)]
struct Line {
    decky: String,
    change: Option<Change>,
    why: &'static str,
    ip: String,
    hostname: String,
    distro: String,
    services: Vec<String>,
}

fn show(cx: &Context, fleet: &FleetSpec, items: &[Item]) -> Result {
    let mut lines: Vec<Line> = fleet
        .deckies
        .iter()
        .map(|decky| {
            let item = items.iter().find(|item| item.name == decky.name);
            Line {
                decky: decky.name.to_string(),
                change: item.map(|item| item.change),
                why: item.map_or("", |item| item.why),
                ip: decky.ip.to_string(),
                hostname: decky.machine.hostname.clone(),
                distro: decky.distro.clone(),
                services: decky
                    .machine
                    .services
                    .iter()
                    .map(|service| service.slug.clone())
                    .collect(),
            }
        })
        .collect();
    let gone = items.iter().filter(|item| item.change == Change::Delete);
    lines.extend(gone.map(|item| Line {
        decky: item.name.to_string(),
        change: Some(item.change),
        why: item.why,
        ip: String::new(),
        hostname: String::new(),
        distro: String::new(),
        services: Vec::new(),
    }));
    let cells = |line: &Line| {
        let change = line
            .change
            .map_or(String::new(), |change| format!("{change:?}").to_lowercase());
        let services = line.services.join(" ");
        vec![
            line.decky.clone(),
            change,
            line.ip.clone(),
            line.hostname.clone(),
            line.distro.clone(),
            services,
            line.why.into(),
        ]
    };
    cx.out.list(
        &lines,
        &["DECKY", "WOULD", "ADDRESS", "HOST NAME", "DISTRO", "SERVICES", "WHY"],
        cells,
        "nothing to do",
    )
}

fn is_loss(item: &Item) -> bool {
    matches!(item.change, Change::Delete | Change::Recreate) && item.container.is_some()
}

fn source(cx: &Context, catalogue: &Catalogue, asked: &args::Deploy) -> Result<Source> {
    if let Some(file) = &asked.config {
        return Ok(Source::File(plan::read(cx, catalogue, file)?, asked.mutate_interval));
    }
    let Some(count) = asked.deckies else {
        return Err(Failure::new(Code::Invalid, "how many deckies?")
            .help("give --deckies N or --config FILE")
            .into());
    };
    Ok(Source::Flags(Flags {
        count: count.into(),
        services: asked.services.clone(),
        randomize_services: asked.randomize_services,
        distros: asked.distro.clone(),
        randomize_distros: asked.randomize_distros,
        archetype: asked.archetype.clone(),
        nmap_os: None,
        egress: asked.containment.into(),
        mutate_interval: asked.mutate_interval,
    }))
}

fn wish(asked: &args::Deploy) -> Result<NetworkWish> {
    let driver = if asked.ipvlan {
        model::fleet::Driver::Ipvlan
    } else {
        asked.driver.into()
    };
    let subnet = asked.subnet.as_deref().map(plan::subnet).transpose()?;
    Ok(NetworkWish {
        driver,
        interface: asked.interface.clone(),
        subnet,
        gateway: asked.gateway,
    })
}

fn options(asked: &args::Deploy) -> fleet::Options {
    fleet::Options {
        seed: asked.seed,
        ip_start: asked.ip_start,
        ip_strategy: asked.ip_strategy.map(|strategy| match strategy {
            IpStrategy::Sequential => fleet::request::IpStrategy::Sequential,
            IpStrategy::Scattered => fleet::request::IpStrategy::Scattered,
        }),
        force_ip: asked.force_ip,
        additive: asked.additive,
        limit: if asked.force_limit {
            fleet::Options::MAX_LIMIT
        } else {
            fleet::Options::LIMIT
        },
        ..fleet::Options::default()
    }
}
