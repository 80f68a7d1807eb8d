//! Who works together: `decnet campaigns`.

use std::collections::HashMap;

use cluster::{Edge, Features, Joint, Settings};
use serde::Serialize;
use store::{Level, Store};
use uuid::Uuid;
use workers::clustering::{Known, pins};

use crate::args;
use crate::context::Context;
use crate::exit::{Code, Coded as _, Failure, Result};
use crate::graph::Picture;
use crate::identities::{counting, everybody, list, list_pins, pin, portrait, show, unpin};
use crate::output::{print, say};
use crate::query::all;

pub async fn campaigns(cx: &Context, asked: &args::Campaigns) -> Result {
    let store = cx.record().await?;
    match &asked.command {
        None => list(cx, &store, Level::Campaign, asked.limit).await,
        Some(args::CampaignsCommand::Show { id, graph: None }) => show_campaign(cx, &store, *id).await,
        Some(args::CampaignsCommand::Show { id, graph: Some(form) }) => draw_campaign(cx, &store, *id, *form).await,
        Some(args::CampaignsCommand::Explain { a, b }) => explain_campaign(cx, &store, *a, *b).await,
        Some(args::CampaignsCommand::Pin { a, b, verdict }) => {
            for id in [a, b] {
                counting(&store, Level::Identity, *id).await?;
            }
            pin(cx, &store, Level::Campaign, [a, b].map(Uuid::to_string), *verdict).await
        }
        Some(args::CampaignsCommand::Unpin { a, b }) => {
            unpin(cx, &store, Level::Campaign, [a, b].map(Uuid::to_string)).await
        }
        Some(args::CampaignsCommand::Pins) => list_pins(cx, &store, Level::Campaign).await,
    }
}

async fn show_campaign(cx: &Context, store: &Store, id: Uuid) -> Result {
    let portrait = portrait(store, Level::Campaign, id).await?;
    show(cx, &portrait, "identities")
}

async fn draw_campaign(cx: &Context, store: &Store, id: Uuid, form: args::Graph) -> Result {
    let of = portrait(store, Level::Campaign, id).await?.of;
    let settings = Settings::default();
    let features = everybodys_features(cx, store, &settings).await?;
    let pins = pins(store, Level::Campaign).await.or_exit(Code::Unreachable)?;
    let mut found = cluster::campaigns(&features, &pins, &settings);
    let place = |id: &str| of.iter().position(|member| member == id).map(|place| place as u32);
    found.joints = found
        .joints
        .into_iter()
        .filter_map(|joint| {
            let (a, b) = (&features[joint.a as usize].id, &features[joint.b as usize].id);
            let (a, b) = (place(a)?, place(b)?);
            Some(Joint { a, b, ..joint })
        })
        .collect();
    let names: Vec<&str> = of.iter().map(String::as_str).collect();
    print(format_args!("{}", Picture::of_campaign(&found, &names).draw(form)))
}

/// All identities: how rare a value is among them decides what it is worth.
async fn everybodys_features(cx: &Context, store: &Store, settings: &Settings) -> Result<Vec<Features>> {
    let known = everybody(cx, store).await?;
    let by_ip: HashMap<&str, &Known> = known
        .iter()
        .map(|known| (known.observation.id.as_str(), known))
        .collect();
    let mut features = Vec::new();
    for group in all(u32::MAX, async |page| store.identities().list(&page).await).await? {
        let groups = store.identities();
        let rows = groups.merged(group.id).await.or_exit(Code::Unreachable)?;
        let of = groups.members(&rows).await.or_exit(Code::Unreachable)?;
        let members = of.iter().filter_map(|(ip, _)| by_ip.get(ip.as_str()));
        let members = members.map(|known| (&known.observation, &known.activity));
        features.push(Features::of(group.id.to_string(), members, settings.profile));
    }
    Ok(features)
}

#[derive(Serialize)]
struct EdgeReport {
    joins: bool,
    weight: f64,
    #[serde(flatten)]
    edge: Edge,
}

async fn explain_campaign(cx: &Context, store: &Store, a: Uuid, b: Uuid) -> Result {
    let (a, b) = (
        counting(store, Level::Identity, a).await?.id,
        counting(store, Level::Identity, b).await?.id,
    );
    let settings = Settings::default();
    let features = everybodys_features(cx, store, &settings).await?;
    let place = |id: Uuid| features.iter().position(|features| features.id == id.to_string());
    let (Some(x), Some(y)) = (place(a), place(b)) else {
        return Err(Failure::new(Code::Invalid, format!("{a} or {b} has just been merged; ask again")).into());
    };
    let edge = cluster::edge(&features, x, y, &settings);
    let report = EdgeReport {
        joins: edge.joins(),
        weight: edge.weight(),
        edge,
    };
    if cx.out.json {
        return cx.out.value(&report);
    }
    let verb = if report.joins {
        "work together"
    } else {
        "are not seen to work together, by themselves"
    };
    say!("{a} and {b} {verb}: {:.2} of 1", report.weight)?;
    for (name, score) in [
        ("hand-over", edge.handoff),
        ("infrastructure", edge.infra),
        ("typing", edge.keystroke),
        ("time", edge.temporal),
        ("cohort", edge.cohort),
    ] {
        say!("  {name:<15} {score:.2}")?;
    }
    Ok(())
}
