//! `decnet up`: the whole grid in one process.

use std::fmt::Write as _;
use std::time::Duration;

use bus::Pattern;
use engine::apply::Options;
use engine::{Docker, Lock};
use model::fleet::{DeckySpec, FleetSpec};
use owo_colors::OwoColorize as _;
use store::{Filter, OriginFilter, Page, Store};

use crate::args;
use crate::context::{Context, refused};
use crate::crew::{self, Part};
use crate::deploy::{stand, stored};
use crate::exit::{Code, Coded as _, Failure, Result, report};
use crate::feed;
use crate::grid::{self, engine_failed};
use crate::http;
use crate::output::{Closed, heard, say};
use crate::plan::{self, Asked, NetworkWish, Source};
use crate::probe;
use crate::progress::Bar;

/// A small company's corner: what the default grid is dealt from, in turns.
const MIX: &[(&str, &str)] = &[
    ("web", "ssh, http, https"),
    ("files", "ssh, ftp"),
    ("cache", "ssh, redis"),
    ("gateway", "telnet, http"),
    ("app", "ssh, ftp, http, https, redis"),
];

/// The floor under missed wakes of the feed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub async fn up(cx: &Context, asked: &args::Up) -> Result {
    grid::need_root()?;
    let log_to = crew::log_target(asked.log_target.as_deref())?;
    let probing = probe::config(&asked.probing, &[])?;
    let catalogue = cx.catalogue()?;
    let docker = grid::docker().await?;
    let store = cx.store().await?;
    let known = stored(&store).await?;
    let stood_before = known.is_some();
    let fleet = match known {
        Some(fleet) => fleet,
        None => first(cx, asked, &catalogue, &store, &docker).await?,
    };
    let place = watching(cx).await?;
    let bar = Bar::start(cx.out);
    match stand(cx, &catalogue, &docker, &store, fleet, &Options::default(), None, bar).await {
        // What stands is watched: an intruder may have taken the rest down, and it comes back by itself.
        Err(error) if stood_before && stands_partly(&error) => {
            report(&error);
        }
        stood => stood?,
    }

    let bus = crew::bus(cx, "up").await?;
    let mut news = bus
        .subscribe(&Pattern::fixed("logs.ingested"))
        .await
        .or_exit(Code::Unreachable)?;
    let mut crew = crew::crew(
        cx,
        &bus,
        &store,
        Some(&docker),
        &[
            Part::Collect,
            Part::Ingest,
            Part::Sniff,
            Part::Identify,
            Part::Campaigns,
            Part::Attribute,
            Part::Reuse(args::MIN_TARGETS),
        ],
    );
    crew::detect(cx, &mut crew, &store)?;
    crew::respond(cx, &mut crew, &store)?;
    crew::explain(cx, &mut crew, &store)?;
    if asked.api_port != 0 {
        let address = (std::net::Ipv4Addr::LOCALHOST, asked.api_port).into();
        // The grid is worth more than its API.
        if let Err(error) = http::serve(cx, &mut crew, &store, address, &args::Engine::default()).await {
            cx.out.note(&format!("warning: no API is served: {error}"));
        }
    }
    crew::forward(&mut crew, &store, log_to);
    probe::join(&mut crew, &store, probing);
    let mut last = store.events().last().await.or_exit(Code::Unreachable)?;
    let filter = Filter {
        origin: OriginFilter::All,
        ..Filter::default()
    };
    if let Some(fleet) = stored(&store).await? {
        heard(welcome(cx, &fleet))?;
    }
    let ended = loop {
        tokio::select! {
            ended = crew.ended() => break Some(ended),
            () = crew::stop_asked() => break None,
            _ = news.next() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        last = match show_new(cx, &store, &filter, last).await {
            Ok(last) => last,
            // Nobody watches any more: as if told to stop, so that the workers end in order.
            Err(error) if error.is::<Closed>() => break None,
            Err(error) => return Err(error),
        };
    };
    cx.out.note("stopping");
    crew.stop().await;
    bus.close().await;
    place.remove().map_err(engine_failed)?;
    if asked.ephemeral {
        let bar = Bar::start(cx.out);
        let hand = grid::hand(cx, &docker, &store)?;
        let outcome = hand.teardown_all(&bar.progress()).await.map_err(engine_failed)?;
        grid::told(cx, &outcome, &bar, "removed")?;
    } else {
        cx.out
            .note("the deckies stay up: `decnet up` watches them again, `decnet teardown --all` removes them");
    }
    crew::sickness(ended)
}

/// Two that watch one grid would take each other's word for what the walls stop.
async fn watching(cx: &Context) -> Result<Lock> {
    Lock::watch(&grid::paths(cx), "decnet up")
        .await
        .map_err(|error| match error {
            engine::Error::Locked { holder, .. } => {
                Failure::new(Code::Conflict, format!("the grid is watched already, by {holder}"))
                    .help("`decnet events --follow` shows what happens; end the other one to watch here")
                    .into()
            }
            other => engine_failed(other),
        })
}

fn stands_partly(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Failure>()
        .is_some_and(|failure| failure.code == Code::Partial)
}

/// The grid a first `up` deploys.
async fn first(
    cx: &Context,
    asked: &args::Up,
    catalogue: &fleet::Catalogue,
    store: &Store,
    docker: &Docker,
) -> Result<FleetSpec> {
    let file = match &asked.config {
        Some(file) => plan::read(cx, catalogue, file)?,
        None => {
            let (file, found) = fleet::ini::parse(&mixed(asked.deckies), "the default grid", catalogue);
            if found.has_errors() {
                return Err(refused(&found, ""));
            }
            Box::new(file)
        }
    };
    let subnet = asked.subnet.as_deref().map(plan::subnet).transpose()?;
    let network = NetworkWish {
        driver: asked.driver.into(),
        interface: None,
        subnet,
        gateway: None,
    };
    let limit = fleet::Options::MAX_LIMIT;
    let options = fleet::Options {
        seed: asked.seed,
        limit,
        ..fleet::Options::default()
    };
    let wanted = Asked {
        source: Source::File(file, None),
        network,
        options,
    };
    wanted.plan(cx, catalogue, store, Some(docker)).await
}

fn mixed(count: u16) -> String {
    let mut plan = String::new();
    for n in 0..usize::from(count) {
        let (name, services) = MIX[n % MIX.len()];
        let number = n / MIX.len() + 1;
        let _ = write!(plan, "[{name}-{number:02}]\nservices = {services}\ndistro = debian\n");
    }
    plan
}

async fn show_new(cx: &Context, store: &Store, filter: &Filter, mut last: i64) -> Result<i64> {
    loop {
        // A store that is busy for a moment is no reason to end the grid.
        let Ok(rows) = store.events().follow(last, filter, Page::MAX).await else {
            return Ok(last);
        };
        for row in &rows {
            last = row.n;
            if cx.out.json {
                say!("{}", serde_json::to_string(&row.event)?)?;
            } else if let Some(line) = feed::line(&row.event, cx.out.colour) {
                say!("{line}")?;
            }
        }
        if rows.len() < usize::try_from(Page::MAX).unwrap_or(usize::MAX) {
            return Ok(last);
        }
    }
}

/// What stands, and what to try on it.
fn welcome(cx: &Context, fleet: &FleetSpec) -> Result {
    if cx.out.json {
        cx.out.note("ready");
        return Ok(());
    }
    say!()?;
    for decky in &fleet.deckies {
        let services: Vec<_> = decky
            .machine
            .services
            .iter()
            .map(|service| service.slug.as_str())
            .collect();
        say!(
            "  {:<14} {:<16} {:<18} {}",
            decky.name.to_string(),
            decky.ip,
            decky.machine.hostname,
            services.join(" ")
        )?;
    }
    if let Some(example) = example(&fleet.deckies) {
        let example = if cx.out.colour {
            example.bold().to_string()
        } else {
            example
        };
        say!("\n  attack:  {example}")?;
    }
    say!("\nready: what attackers do appears below; Ctrl-C stops watching")
}

fn example(deckies: &[DeckySpec]) -> Option<String> {
    let runs_ssh = |decky: &&DeckySpec| decky.machine.services.iter().any(|service| service.slug == "ssh");
    let decky = deckies.iter().find(runs_ssh)?;
    let user = decky.machine.users.iter().find(|user| !user.password.is_empty())?;
    Some(format!(
        "ssh {}@{}       (this decky's password for {}: {})",
        user.name, decky.ip, user.name, user.password
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_grid_is_a_sound_plan_whatever_its_size() {
        let catalogue = fleet::Catalogue::builtin().unwrap();
        for count in [1, 5, 12, 500] {
            let (file, found) = fleet::ini::parse(&mixed(count), "mix", &catalogue);
            assert!(found.is_empty(), "{found}");
            assert_eq!(file.deckies.len(), usize::from(count));
        }
    }
}
