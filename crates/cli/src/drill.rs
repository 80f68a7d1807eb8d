//! `decnet drill`.

use std::time::Duration;

use ::drill::{Drill, Row};
use owo_colors::OwoColorize as _;

use crate::args;
use crate::context::Context;
use crate::deploy::stored;
use crate::exit::{Code, Failure, Result};
use crate::grid;
use crate::output::say;

pub async fn drill(cx: &Context, asked: &args::Drill) -> Result {
    grid::need_root()?;
    let catalogue = cx.catalogue()?;
    let (docker, store) = (grid::docker().await?, cx.record().await?);
    let nothing = || Failure::new(Code::Invalid, "there are no deckies to attack").help("`decnet up` makes some");
    let mut fleet = stored(&store).await?.ok_or_else(nothing)?;
    let all = fleet.deckies.clone();
    if let Some(name) = &asked.decky {
        fleet.deckies.retain(|decky| decky.name == *name);
        if fleet.deckies.is_empty() {
            let what = format!("there is no decky `{name}`");
            return Err(Failure::new(Code::Invalid, what)
                .help("`decnet status` lists them")
                .into());
        }
    }
    let patience = Duration::from_secs(asked.timeout);
    let run = Drill {
        docker: &docker,
        store: &store,
        catalogue: &catalogue,
        network: &fleet.network,
        patience,
    };
    let colour = cx.out.colour;
    let rows = run.run(&fleet.deckies, &all, |row| {
        if !cx.out.json {
            // The hops are tried whether or not somebody reads on.
            let _ = say!("{}", line(row, colour));
        }
    });
    let rows = rows
        .await
        .map_err(|error| Failure::new(Code::Unreachable, error.to_string()))?;
    if cx.out.json {
        cx.out.value(&rows)?;
    }
    let broken = rows.iter().filter(|row| !row.ok).count();
    if broken == 0 {
        cx.out
            .note("every hop works; the drill is marked as one and counted nowhere");
        return Ok(());
    }
    Err(Failure::new(Code::Partial, format!("{broken} of {} hops do not work", rows.len())).into())
}

fn line(row: &Row, colour: bool) -> String {
    let mark = if row.ok { "ok  " } else { "FAIL" };
    let mark = match (colour, row.ok) {
        (false, _) => mark.to_owned(),
        (true, true) => mark.green().to_string(),
        (true, false) => mark.red().bold().to_string(),
    };
    let hop = format!("{:?}", row.hop).to_lowercase();
    format!(
        "{mark}  {:<16} {:<8} {hop:<10} {}",
        row.decky.to_string(),
        row.service,
        row.detail
    )
    .trim_end()
    .to_owned()
}
