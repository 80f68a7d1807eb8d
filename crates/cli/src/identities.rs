//! Who is behind it: `decnet identities`, and what `decnet campaigns` shows in the same way.

use std::net::IpAddr;

use cluster::{Evidence, Explanation, Link, Observation, Settings, Verdict};
use serde::Serialize;
use store::{AttributionState, Group, Level, Pin, Store};
use time::OffsetDateTime;
use uuid::Uuid;
use workers::clustering::{Known, pins, project};

use crate::args;
use crate::context::Context;
use crate::exit::{Code, Coded as _, Failure, Result};
use crate::feed::clean;
use crate::graph::Picture;
use crate::output::{ago, print, say};
use crate::query::all;

/// Addresses read at a time.
const PAGE: u64 = 1_000;
const EMPTY: &str = "nothing yet: `decnet up` groups whoever comes, within seconds";

pub async fn identities(cx: &Context, asked: &args::Identities) -> Result {
    let store = cx.record().await?;
    match &asked.command {
        None => list(cx, &store, Level::Identity, asked.limit).await,
        Some(args::IdentitiesCommand::Show { id, graph }) => {
            let id = identity_named(&store, id).await?;
            match graph {
                Some(form) => draw(cx, &store, id, *form).await,
                None => show_identity(cx, &store, id).await,
            }
        }
        Some(args::IdentitiesCommand::Explain { a, b }) => explain(cx, &store, *a, *b).await,
        Some(args::IdentitiesCommand::Pin { a, b, verdict }) => {
            let (a, b) = (seen(&store, *a).await?, seen(&store, *b).await?);
            pin(cx, &store, Level::Identity, [a, b], *verdict).await
        }
        Some(args::IdentitiesCommand::Unpin { a, b }) => {
            unpin(
                cx,
                &store,
                Level::Identity,
                [a, b].map(|ip| ip.to_canonical().to_string()),
            )
            .await
        }
        Some(args::IdentitiesCommand::Pins) => list_pins(cx, &store, Level::Identity).await,
    }
}

pub async fn list(cx: &Context, store: &Store, level: Level, limit: u32) -> Result {
    let rows = all(limit, async |page| store.groups(level).list(&page).await).await?;
    let now = OffsetDateTime::now_utc();
    let members = match level {
        Level::Identity => "ADDRESSES",
        Level::Campaign => "IDENTITIES",
    };
    let header = [
        "ID",
        members,
        "CONFIDENCE",
        "FIRST SEEN",
        "LAST SEEN",
        "PAYLOADS",
        "ENDPOINTS",
    ];
    let when = |at: Option<OffsetDateTime>| at.map_or_else(|| "-".to_owned(), |at| ago(at, now));
    let cells = |row: &Group| {
        vec![
            row.id.to_string(),
            row.members.to_string(),
            confidence(row),
            when(row.first_seen),
            when(row.last_seen),
            row.rollup.payload_hashes.len().to_string(),
            clean(&row.rollup.c2_endpoints.join(" ")),
        ]
    };
    cx.out.list(&rows, &header, cells, EMPTY)
}

fn confidence(row: &Group) -> String {
    row.confidence
        .map_or_else(|| "-".to_owned(), |confidence| format!("{confidence:.2}"))
}

// === One of them ===

#[derive(Serialize)]
pub struct Portrait {
    #[serde(flatten)]
    group: Group,
    /// Its own id, and those of all that were merged into it.
    rows: Vec<Uuid>,
    /// Addresses, or identities.
    pub of: Vec<String>,
    /// Of an identity: how what it showed held over time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attribution: Vec<AttributionState>,
}

pub async fn portrait(store: &Store, level: Level, id: Uuid) -> Result<Portrait> {
    let group = counting(store, level, id).await?;
    let groups = store.groups(level);
    let rows = groups.merged(group.id).await.or_exit(Code::Unreachable)?;
    let members = groups.members(&rows).await.or_exit(Code::Unreachable)?;
    let of: Vec<String> = members.into_iter().map(|(member, _)| member).collect();
    let attribution = match level {
        Level::Identity => store.attributions().of(&[group.id]).await.or_exit(Code::Unreachable)?,
        Level::Campaign => Vec::new(),
    };
    Ok(Portrait {
        group,
        rows,
        of,
        attribution,
    })
}

async fn show_identity(cx: &Context, store: &Store, id: Uuid) -> Result {
    let portrait = portrait(store, Level::Identity, id).await?;
    show(cx, &portrait, "addresses")
}

pub fn show(cx: &Context, portrait: &Portrait, what: &str) -> Result {
    if cx.out.json {
        return cx.out.value(portrait);
    }
    let group = &portrait.group;
    say!(
        "{}  {} {what}, confidence {}",
        group.id,
        group.members,
        confidence(group)
    )?;
    for member in &portrait.of {
        say!("  {member}")?;
    }
    let rollup = &group.rollup;
    for (name, values) in [
        ("ja3", &rollup.ja3_hashes),
        ("ja4", &rollup.ja4_hashes),
        ("hassh", &rollup.hassh_hashes),
        ("cert", &rollup.tls_cert_sha256),
        ("key", &rollup.ssh_pubkeys),
        ("payload", &rollup.payload_hashes),
        ("endpoint", &rollup.c2_endpoints),
    ] {
        for value in values {
            say!("  {name:<9} {}", clean(value))?;
        }
    }
    for held in &portrait.attribution {
        let value = match (held.current_value.as_str(), held.current_value.as_f64()) {
            (Some(text), _) => clean(text),
            (None, Some(number)) => format!("{number:.1}"),
            (None, None) => "-".to_owned(),
        };
        let (primitive, state) = (&held.primitive, held.state.replace('_', " "));
        say!("  {primitive:<19} {state} ({:.2}), now {value}", held.confidence)?;
    }
    Ok(())
}

async fn identity_named(store: &Store, name: &str) -> Result<Uuid> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let ip: IpAddr = name.parse().map_err(|_| {
        Failure::new(Code::Invalid, format!("`{name}` is no identity and no address"))
            .help("`decnet identities` lists them")
    })?;
    let ip = seen(store, ip).await?;
    let traces = store.traces().of(&[ip]).await.or_exit(Code::Unreachable)?;
    let identity = traces.first().and_then(|trace| trace.identity);
    identity.ok_or_else(|| {
        Failure::new(Code::Invalid, format!("{name} is in no identity yet"))
            .help("the worker `clusterer` looks at it within seconds; `decnet status` tells whether it runs")
            .into()
    })
}

/// The row that counts for an id.
pub async fn counting(store: &Store, level: Level, id: Uuid) -> Result<Group> {
    let found = store.groups(level).canonical(id).await.or_exit(Code::Unreachable)?;
    let (what, list) = match level {
        Level::Identity => ("identity", "identities"),
        Level::Campaign => ("campaign", "campaigns"),
    };
    found.ok_or_else(|| {
        Failure::new(Code::Invalid, format!("there is no {what} {id}"))
            .help(format!("`decnet {list}` lists them"))
            .into()
    })
}

/// The address as it is written in the store, if it was here.
async fn seen(store: &Store, ip: IpAddr) -> Result<String> {
    let known = store.attackers().get(ip).await.or_exit(Code::Unreachable)?;
    known.map(|attacker| attacker.ip.to_string()).ok_or_else(|| {
        Failure::new(Code::Invalid, format!("{ip} has not been here"))
            .help("`decnet attackers` lists who has")
            .into()
    })
}

// === Why ===

/// Everybody: how common a value is decides what it is worth.
pub async fn everybody(cx: &Context, store: &Store) -> Result<Vec<Known>> {
    let asns = cx.asns();
    let mut known = Vec::new();
    let mut last: Option<String> = None;
    loop {
        let page = store
            .traces()
            .addresses(last.as_deref(), PAGE)
            .await
            .or_exit(Code::Unreachable)?;
        let traces = store.traces().of(&page).await.or_exit(Code::Unreachable)?;
        known.extend(traces.iter().map(|trace| project(trace, &asns)));
        match page.last() {
            Some(ip) if page.len() as u64 == PAGE => last = Some(ip.clone()),
            _ => return Ok(known),
        }
    }
}

async fn draw(cx: &Context, store: &Store, id: Uuid, form: args::Graph) -> Result {
    let of = portrait(store, Level::Identity, id).await?.of;
    let traces = store.traces().of(&of).await.or_exit(Code::Unreachable)?;
    let asns = cx.asns();
    let observations: Vec<Observation> = traces.iter().map(|trace| project(trace, &asns).observation).collect();
    let pins = pins(store, Level::Identity).await.or_exit(Code::Unreachable)?;
    let settings = Settings::default();
    let evidence = Evidence::new(&observations, &pins, &settings);
    let names: Vec<&str> = observations.iter().map(|observation| observation.id.as_str()).collect();
    print(format_args!("{}", Picture::of_identity(&evidence, &names).draw(form)))
}

async fn explain(cx: &Context, store: &Store, a: IpAddr, b: IpAddr) -> Result {
    let (a, b) = (seen(store, a).await?, seen(store, b).await?);
    let observations: Vec<Observation> = everybody(cx, store)
        .await?
        .into_iter()
        .map(|known| known.observation)
        .collect();
    let place = |ip: &str| observations.iter().position(|observation| observation.id == ip);
    let (Some(x), Some(y)) = (place(&a), place(&b)) else {
        return Err(Failure::new(Code::Invalid, format!("{a} or {b} has just been removed")).into());
    };
    let pins = pins(store, Level::Identity).await.or_exit(Code::Unreachable)?;
    let settings = Settings::default();
    let told = Evidence::new(&observations, &pins, &settings).explain(x, y);
    if cx.out.json {
        return cx.out.value(&told);
    }
    let verb = if told.together {
        "are one identity"
    } else {
        "are not one identity"
    };
    say!("{a} and {b} {verb}")?;
    tell(&told, &observations)
}

fn tell(told: &Explanation, observations: &[Observation]) -> Result {
    for shared in &told.shared {
        let verdict = match &shared.verdict {
            Verdict::Joins => "joins them".to_owned(),
            Verdict::Common { name: Some(name) } => format!("is everybody's: {name}"),
            Verdict::Common { name: None } => "is everybody's".to_owned(),
            Verdict::Contested { differ } => {
                let differ: Vec<_> = differ.iter().map(ToString::to_string).collect();
                format!("joins nobody: its holders differ in {}", differ.join(", "))
            }
            Verdict::TooMany => "joins nobody: too many have it".to_owned(),
        };
        let holders = shared.holders;
        say!(
            "  both have {} {} ({holders} have it), which {verdict}",
            shared.family,
            clean(&shared.value)
        )?;
    }
    if told.shared.is_empty() {
        say!("  they share no value")?;
    }
    for step in &told.path {
        let by = match &step.link {
            Link::Value { family, value } => format!("{family} {}", clean(value)),
            Link::Pinned => "what an operator said".to_owned(),
        };
        say!(
            "  {} to {} by {by} ({:.1})",
            observations[step.from].id,
            observations[step.to].id,
            step.weight
        )?;
    }
    Ok(())
}

// === What operators say ===

pub async fn pin(cx: &Context, store: &Store, level: Level, [a, b]: [String; 2], verdict: args::Verdict) -> Result {
    if a == b {
        return Err(Failure::new(Code::Invalid, format!("{a} is itself: name two")).into());
    }
    let same = verdict == args::Verdict::Same;
    let now = OffsetDateTime::now_utc();
    store
        .pins()
        .set(level, &a, &b, same, now)
        .await
        .or_exit(Code::Unreachable)?;
    cx.out
        .note("said; the clusterer obeys within seconds, and takes apart what is together within a minute");
    Ok(())
}

pub async fn unpin(cx: &Context, store: &Store, level: Level, [a, b]: [String; 2]) -> Result {
    if !store.pins().remove(level, &a, &b).await.or_exit(Code::Unreachable)? {
        return Err(Failure::new(Code::Invalid, format!("nothing was said of {a} and {b}")).into());
    }
    cx.out.note("forgotten; the evidence decides again");
    Ok(())
}

pub async fn list_pins(cx: &Context, store: &Store, level: Level) -> Result {
    let rows = store.pins().list(level).await.or_exit(Code::Unreachable)?;
    let now = OffsetDateTime::now_utc();
    let cells = |pin: &Pin| {
        let said = if pin.same { "the same" } else { "not the same" };
        vec![pin.a.clone(), pin.b.clone(), said.to_owned(), ago(pin.at, now)]
    };
    cx.out.list(
        &rows,
        &["A", "B", "SAID", "WHEN"],
        cells,
        "nothing has been said of anybody",
    )
}
