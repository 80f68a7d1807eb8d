//! Reading the record: `decnet events | attackers | credentials`.

use std::time::Duration;

use intel::Network;
use serde::Serialize;
use store::{Attacker, AttackerSort, Credential, Filter, Footprint, Listing, OriginFilter, Page, Reuse, Store};
use time::OffsetDateTime;

use crate::args;
use crate::context::Context;
use crate::exit::{Code, Coded as _, Failure, Result};
use crate::feed::{self, clean};
use crate::findings;
use crate::habits;
use crate::hashcat;
use crate::output::{ago, say};
use crate::portrait;
use crate::when;

/// How often `--follow` looks for what is new.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Events of one address from which its habits are read, the newest.
pub const DEEDS: u32 = 10_000;
const EMPTY: &str = "nothing yet: attack a decky, or look with fewer filters (`decnet status` tells their addresses)";

pub async fn events(cx: &Context, asked: &args::Events) -> Result {
    let store = cx.record().await?;
    let mut filter = filter(&asked.filter)?;
    filter.kind.clone_from(&asked.kind);
    filter.session.clone_from(&asked.session);
    filter.origin = OriginFilter::All;
    let last = store.events().last().await.or_exit(Code::Unreachable)?;
    let mut rows = all(asked.filter.limit, async |page| {
        store.events().list(&filter, &page).await
    })
    .await?;
    rows.reverse();
    if cx.out.json && !asked.follow {
        return cx.out.value(&rows.iter().map(|row| &row.event).collect::<Vec<_>>());
    }
    if rows.is_empty() && !asked.follow {
        cx.out.note(EMPTY);
    }
    for row in &rows {
        show(cx, &row.event)?;
    }
    if asked.follow {
        follow(cx, &store, &filter, last).await
    } else {
        Ok(())
    }
}

async fn follow(cx: &Context, store: &Store, filter: &Filter, mut last: i64) -> Result {
    loop {
        let rows = store
            .events()
            .follow(last, filter, Page::MAX)
            .await
            .or_exit(Code::Unreachable)?;
        for row in &rows {
            show(cx, &row.event)?;
            last = row.n;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

fn show(cx: &Context, event: &model::Event) -> Result {
    if cx.out.json {
        return say!("{}", serde_json::to_string(event)?);
    }
    match feed::line(event, cx.out.colour) {
        Some(line) => say!("{line}"),
        None => Ok(()),
    }
}

pub async fn attackers(cx: &Context, asked: &args::Attackers) -> Result {
    let store = cx.record().await?;
    if let Some(args::AttackersCommand::Show { ip }) = asked.command {
        return attacker(cx, &store, ip).await;
    }
    let filter = filter(&asked.filter)?;
    let list = async |page: Page| store.attackers().list(&filter, AttackerSort::Recent, &page).await;
    let rows = all(asked.filter.limit, list).await?;
    let now = OffsetDateTime::now_utc();
    let header = [
        "ATTACKER",
        "FIRST SEEN",
        "LAST SEEN",
        "EVENTS",
        "LOGINS",
        "COMMANDS",
        "FILES",
        "DECKIES",
        "SERVICES",
    ];
    let cells = |row: &Attacker| {
        vec![
            row.ip.to_string(),
            ago(row.first_seen, now),
            ago(row.last_seen, now),
            row.events.to_string(),
            row.logins.to_string(),
            row.commands.to_string(),
            row.files.to_string(),
            joined(&row.deckies),
            joined(&row.services),
        ]
    };
    cx.out.list(&rows, &header, cells, EMPTY)
}

/// Everything known of one address.
#[derive(Serialize)]
struct Portrait {
    #[serde(flatten)]
    attacker: Attacker,
    /// Where files of this machine tell.
    network: Option<Network>,
    fingerprints: Footprint,
    habits: profile::Habits,
    tried: Vec<Credential>,
    sessions: Vec<store::Session>,
    commands_run: Vec<store::Command>,
    files_left: Vec<store::Artifact>,
    /// ATT&CK ids of what the rules found.
    techniques: std::collections::BTreeSet<String>,
    findings: Vec<store::Finding>,
}

async fn attacker(cx: &Context, store: &Store, ip: std::net::IpAddr) -> Result {
    let found = store.attackers().get(ip).await.or_exit(Code::Unreachable)?;
    let attacker = found.ok_or_else(|| {
        Failure::new(Code::Invalid, format!("{ip} has not been here")).help("`decnet attackers` lists who has")
    })?;
    let filter = Filter {
        attacker: Some(ip.into()),
        ..Filter::default()
    };
    let events = all(DEEDS, async |page| store.events().list(&filter, &page).await).await?;
    let portrait = Portrait {
        habits: habits::of(ip, &events),
        attacker,
        network: cx.asns().of(ip),
        fingerprints: store.attackers().footprint(ip).await.or_exit(Code::Unreachable)?,
        tried: all(200, async |page| store.credentials().list(&filter, &page).await).await?,
        sessions: all(200, async |page| store.sessions().list(&filter, &page).await).await?,
        commands_run: all(200, async |page| store.commands().list(&filter, &page).await).await?,
        files_left: all(200, async |page| store.artifacts().list(&filter, &page).await).await?,
        techniques: store.findings().techniques(ip).await.or_exit(Code::Unreachable)?,
        findings: all(200, async |page| store.findings().list(&filter, &page).await).await?,
    };
    if cx.out.json {
        return cx.out.value(&portrait);
    }
    let seen = &portrait.attacker;
    let now = OffsetDateTime::now_utc();
    say!(
        "{}  first {}, last {}",
        seen.ip,
        ago(seen.first_seen, now),
        ago(seen.last_seen, now)
    )?;
    say!(
        "{} events on {} over {}",
        seen.events,
        joined(&seen.deckies),
        joined(&seen.services)
    )?;
    if let Some(Network { asn, name, prefix }) = &portrait.network {
        let name = name.as_deref().map(clean).unwrap_or_default();
        say!("  network   AS{asn} {name} ({prefix})")?;
    }
    for line in portrait::lines(&portrait.fingerprints, now) {
        say!("{line}")?;
    }
    for line in habits::lines(&portrait.habits) {
        say!("{line}")?;
    }
    for row in &portrait.findings {
        say!("  found   {}", findings::line(row))?;
    }
    if !portrait.techniques.is_empty() {
        say!("  attack  {}", joined(&portrait.techniques))?;
    }
    for row in &portrait.tried {
        let who = clean(row.principal.as_deref().unwrap_or("-"));
        let worked = if row.successes > 0 { "worked" } else { "refused" };
        say!(
            "  tried   {who} {} on {} {} ({worked}, {}x)",
            clean(&row.secret.secret_printable),
            row.decky,
            row.service,
            row.attempts
        )?;
    }
    for row in &portrait.sessions {
        say!(
            "  session {} on {}, {}",
            row.sid,
            row.decky,
            row.mode.as_deref().unwrap_or("-")
        )?;
    }
    for row in &portrait.commands_run {
        say!("  ran     {}", clean(&row.command))?;
    }
    for row in &portrait.files_left {
        let path = row.seen.first().map_or("-", |seen| seen.path.as_str());
        say!("  left    {} ({} bytes, sha256 {})", clean(path), row.size, row.sha256)?;
    }
    Ok(())
}

pub async fn credentials(cx: &Context, asked: &args::Credentials) -> Result {
    if let Some(args::CredentialsCommand::Export(asked)) = &asked.command {
        return hashcat::export(cx, asked).await;
    }
    let store = cx.record().await?;
    let filter = filter(&asked.filter)?;
    let now = OffsetDateTime::now_utc();
    if asked.reused {
        let rows = all(asked.filter.limit, async |page| {
            store.credentials().reuse(&filter, &page).await
        })
        .await?;
        let header = [
            "USER",
            "SECRET",
            "TRIES",
            "WORKED",
            "ATTACKERS",
            "DECKIES",
            "SERVICES",
            "LAST SEEN",
        ];
        let cells = |row: &Reuse| {
            vec![
                clean(row.principal.as_deref().unwrap_or("-")),
                clean(&row.secret.secret_printable),
                row.attempts.to_string(),
                row.successes.to_string(),
                joined(&row.attackers),
                joined(&row.deckies),
                joined(&row.services),
                ago(row.last_seen, now),
            ]
        };
        return cx.out.list(&rows, &header, cells, "no secret has been seen twice yet");
    }
    let rows = all(asked.filter.limit, async |page| {
        store.credentials().list(&filter, &page).await
    })
    .await?;
    let header = [
        "USER",
        "SECRET",
        "KIND",
        "TRIES",
        "WORKED",
        "ATTACKER",
        "DECKY",
        "SERVICE",
        "LAST SEEN",
    ];
    let cells = |row: &Credential| {
        vec![
            clean(row.principal.as_deref().unwrap_or("-")),
            clean(&row.secret.secret_printable),
            row.secret.secret_kind.to_string(),
            row.attempts.to_string(),
            row.successes.to_string(),
            row.attacker_ip.clone(),
            row.decky.clone(),
            row.service.clone(),
            ago(row.last_seen, now),
        ]
    };
    cx.out.list(&rows, &header, cells, EMPTY)
}

/// The filter a command line asks for.
pub fn filter(asked: &args::Filter) -> Result<Filter> {
    narrowed(&asked.narrow)
}

pub fn narrowed(asked: &args::Narrow) -> Result<Filter> {
    let now = OffsetDateTime::now_utc();
    let moment = |text: &Option<String>| text.as_deref().map(|text| when::parse(text, now)).transpose();
    Ok(Filter {
        since: moment(&asked.since)?,
        until: moment(&asked.until)?,
        attacker: asked.attacker.map(Into::into),
        decky: asked.decky.as_ref().map(ToString::to_string),
        service: asked.service.clone(),
        ..Filter::default()
    })
}

/// The newest `limit` rows, over as many pages as it takes.
/// From when on a listing is asked for.
pub fn since(asked: &args::Recent) -> Result<Option<OffsetDateTime>> {
    let now = OffsetDateTime::now_utc();
    let moment = asked.since.as_deref().map(|text| when::parse(text, now));
    moment.transpose()
}

pub async fn all<T>(limit: u32, list: impl AsyncFn(Page) -> store::Result<Listing<T>>) -> Result<Vec<T>> {
    let mut rows = Vec::new();
    let mut after = None;
    while rows.len() < limit as usize {
        let left = limit as u64 - rows.len() as u64;
        let page = Page {
            limit: left.min(Page::MAX),
            after,
            ..Page::default()
        };
        let listing = list(page).await.or_exit(Code::Unreachable)?;
        rows.extend(listing.rows);
        after = listing.next;
        if after.is_none() {
            break;
        }
    }
    Ok(rows)
}

fn joined(set: &std::collections::BTreeSet<String>) -> String {
    set.iter().cloned().collect::<Vec<_>>().join(" ")
}
