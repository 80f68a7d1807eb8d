//! `decnet status`.

use std::net::Ipv4Addr;
use std::time::Duration;

use engine::apply::{Health, Status};
use model::fleet::NetworkSpec;
use runtime::Beat;
use serde::Serialize;
use store::Store;
use time::OffsetDateTime;

use crate::args;
use crate::context::Context;
use crate::exit::{Code, Coded as _, Failure, Result};
use crate::grid::{self, engine_failed};
use crate::output::{ago, print, say};
use crate::plan;

const AGAIN: Duration = Duration::from_secs(2);
/// A worker silent for this long is not running.
const SILENT: time::Duration = time::Duration::seconds(90);

#[derive(Serialize)]
struct Answer {
    network: Option<NetworkSpec>,
    deckies: Vec<Row>,
    workers: Vec<Beat>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    health: Health,
    state: Option<&'static str>,
    container: String,
    ip: Option<Ipv4Addr>,
    mac: String,
    hostname: String,
    distro: String,
    services: Vec<String>,
    /// What it lets in with.
    logins: Vec<Login>,
    last_error: Option<String>,
}

#[derive(Serialize)]
struct Login {
    user: String,
    password: String,
}

pub async fn status(cx: &Context, asked: &args::Status) -> Result {
    let store = cx.record().await?;
    loop {
        let answer = answer(cx, &store).await?;
        if asked.watch && !cx.out.json {
            print(format_args!("\x1b[H\x1b[2J"))?;
        }
        show(cx, &answer)?;
        if !asked.watch {
            let all_up = answer.deckies.iter().all(|row| row.health == Health::Up);
            // The table has said it; only the code is left to give.
            return if all_up {
                Ok(())
            } else {
                Err(Failure::new(Code::Partial, "").into())
            };
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

async fn answer(cx: &Context, store: &Store) -> Result<Answer> {
    let docker = grid::docker().await?;
    let deckies = grid::hand(cx, &docker, store)?.status().await.map_err(engine_failed)?;
    let now = OffsetDateTime::now_utc();
    let beats = workers::presence::last_beats(store).await.or_exit(Code::Unreachable)?;
    Ok(Answer {
        network: plan::network_that_stands(store).await?,
        deckies: deckies.into_iter().map(Row::of).collect(),
        workers: beats.into_iter().filter(|beat| now - beat.at < SILENT).collect(),
    })
}

fn show(cx: &Context, answer: &Answer) -> Result {
    if cx.out.json {
        return cx.out.value(answer);
    }
    let cells = |row: &Row| {
        let health = format!("{:?}", row.health).to_lowercase();
        let ip = row.ip.map_or_else(String::new, |ip| ip.to_string());
        let error = row.last_error.clone().unwrap_or_default();
        vec![
            row.name.clone(),
            health,
            ip,
            row.hostname.clone(),
            row.distro.clone(),
            row.services.join(" "),
            error,
        ]
    };
    let header = ["DECKY", "HEALTH", "ADDRESS", "HOST NAME", "DISTRO", "SERVICES", ""];
    cx.out.list(
        &answer.deckies,
        &header,
        cells,
        "no deckies: `decnet up` or `decnet deploy` makes some",
    )?;
    if answer.workers.is_empty() {
        cx.out.note("no workers are running: `decnet up` runs them all");
        return Ok(());
    }
    say!()?;
    let now = OffsetDateTime::now_utc();
    let cells = |beat: &Beat| {
        let state = format!("{:?}", beat.state).to_lowercase();
        let error = beat.last_error.clone().unwrap_or_default();
        vec![
            beat.worker.clone(),
            state,
            ago(beat.at, now),
            beat.backlog.to_string(),
            error,
        ]
    };
    cx.out.list(
        &answer.workers,
        &["WORKER", "STATE", "LAST BEAT", "WAITING", ""],
        cells,
        "",
    )
}

// === impl Row ===

impl Row {
    fn of(status: Status) -> Self {
        let spec = status.row.as_ref().map(|row| &row.spec);
        let machine = spec.map(|spec| &spec.machine);
        let text = |of: Option<&String>| of.cloned().unwrap_or_default();
        let logins = machine
            .into_iter()
            .flat_map(|machine| &machine.users)
            .map(|user| Login {
                user: user.name.clone(),
                password: user.password.clone(),
            });
        Self {
            health: status.health,
            state: status.row.as_ref().map(|row| row.state.as_str()),
            ip: spec.map(|spec| spec.ip),
            mac: text(spec.map(|spec| &spec.mac)),
            hostname: text(machine.map(|machine| &machine.hostname)),
            distro: text(spec.map(|spec| &spec.distro)),
            services: machine
                .into_iter()
                .flat_map(|machine| &machine.services)
                .map(|service| service.slug.clone())
                .collect(),
            logins: logins.collect(),
            last_error: status.row.as_ref().and_then(|row| row.last_error.clone()),
            name: status.name.to_string(),
            container: status.container,
        }
    }
}
