//! `decnet simulate`.

use std::time::Instant;

use ::simulate::{Cast, Error, Scene, Stage};
use serde::Serialize;

use crate::args;
use crate::cluster;
use crate::context::Context;
use crate::deploy::stored;
use crate::exit::{Code, Failure, Result};
use crate::grid;
use crate::output::say;
use crate::progress::Bar;

#[derive(Serialize)]
struct Played<'s> {
    cast: &'s [Cast],
    scenes: &'s [Scene],
}

pub async fn campaign(cx: &Context, asked: &args::SimulateCampaign) -> Result {
    let files: Vec<String> = asked.files.iter().map(|file| file.display().to_string()).collect();
    let play = ::campaign::play(&cluster::corpus(cx, &files)?, asked.seed);
    grid::need_root()?;
    let (docker, store) = (grid::docker().await?, cx.record().await?);
    let nothing = || Failure::new(Code::Invalid, "there are no deckies to play on").help("`decnet up` makes some");
    let fleet = stored(&store).await?.ok_or_else(nothing)?;
    let stage = Stage::set(&docker, &store, &fleet, play).await.map_err(refused)?;
    if !stage.shows_tls() {
        cx.out
            .note("warning: no decky speaks https, so the corpus's TLS fingerprints are not shown");
    }
    let (bar, began, mut over) = (Bar::start(cx.out), Instant::now(), 0);
    let scenes = stage.play(|scene| {
        over += 1;
        bar.say(format!("session {over} of {}, on {}", stage.sessions(), scene.decky));
    });
    let scenes = scenes.await;
    drop(bar);
    if cx.out.json {
        cx.out.value(&Played {
            cast: stage.cast(),
            scenes: &scenes,
        })?;
    } else {
        for cast in stage.cast() {
            say!("{}", line(cast))?;
        }
    }
    judge(cx, &stage, &scenes, began)
}

fn judge(cx: &Context, stage: &Stage, scenes: &[Scene], began: Instant) -> Result {
    let mut wrong = scenes
        .iter()
        .filter_map(|scene| Some((scene, scene.wrong.as_ref()?)))
        .peekable();
    if let Some((scene, reason)) = wrong.peek() {
        let who = stage.cast()[scene.row].ip;
        let what = format!(
            "a session from {who} on {} did not go as written: {reason}",
            scene.decky
        );
        let help = match wrong.count() - 1 {
            0 => format!("the other {} went well", scenes.len() - 1),
            more => format!("nor did {more} others of {}; `--json` shows each", scenes.len()),
        };
        return Err(Failure::new(Code::Partial, what).help(help).into());
    }
    cx.out.note(&format!(
        "{} sessions from {} addresses in {:.0} s; `decnet identities` and `decnet campaigns` show what is made of them",
        scenes.len(),
        stage.cast().len(),
        began.elapsed().as_secs_f64(),
    ));
    Ok(())
}

fn line(cast: &Cast) -> String {
    format!(
        "{:<16} {:>3} sessions  {:<32} {}",
        cast.ip,
        cast.sessions,
        cast.actor.as_deref().unwrap_or_default(),
        cast.campaign.as_deref().unwrap_or_default(),
    )
    .trim_end()
    .to_owned()
}

fn refused(error: Error) -> anyhow::Error {
    match error {
        Error::Engine(error) => grid::engine_failed(error),
        Error::Store(error) => Failure::new(Code::Unreachable, error.to_string()).into(),
        Error::Full { .. } | Error::NoNetwork | Error::NoDoor => Failure::new(Code::Invalid, error.to_string()).into(),
    }
}
