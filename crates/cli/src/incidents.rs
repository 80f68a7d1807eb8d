//! `decnet incidents`: what one attacker did, as far as it hangs together.

use store::{Filter, Incident, Store};
use time::OffsetDateTime;

use crate::args::{self, IncidentsCommand};
use crate::context::Context;
use crate::exit::{Code, Coded as _, Failure, Result};
use crate::feed::clean;
use crate::findings;
use crate::output::{ago, say};
use crate::query::{all, since};

pub async fn incidents(cx: &Context, asked: &args::Incidents) -> Result {
    let store = cx.record().await?;
    match &asked.command {
        Some(IncidentsCommand::Show { id }) => show(cx, &store, id).await,
        Some(IncidentsCommand::List) | None => list(cx, &store, asked).await,
    }
}

async fn list(cx: &Context, store: &Store, asked: &args::Incidents) -> Result {
    let now = OffsetDateTime::now_utc();
    let filter = Filter {
        since: since(&asked.recent)?,
        attacker: asked.attacker.map(Into::into),
        ..Filter::default()
    };
    let rows = all(asked.recent.limit, async |page| {
        store.incidents().list(&filter, &page).await
    })
    .await?;
    let header = ["INCIDENT", "LAST", "SEVERITY", "SCORE", "SOURCE", "FINDINGS", "STAGES"];
    let cells = |row: &Incident| {
        vec![
            row.id.clone(),
            ago(row.last_at, now),
            row.severity.clone(),
            row.score.to_string(),
            clean(&row.source),
            row.findings.len().to_string(),
            stages(row),
        ]
    };
    cx.out.list(&rows, &header, cells, "nothing hangs together yet")
}

fn stages(row: &Incident) -> String {
    row.stages
        .iter()
        .map(|stage| clean(stage))
        .collect::<Vec<_>>()
        .join(" > ")
}

async fn show(cx: &Context, store: &Store, id: &str) -> Result {
    let found = store.incidents().get(id).await.or_exit(Code::Unreachable)?;
    let incident = found.ok_or_else(|| {
        Failure::new(Code::Invalid, format!("there is no incident `{id}`")).help("`decnet incidents` lists them")
    })?;
    let mut parts = Vec::new();
    for id in &incident.findings {
        parts.extend(store.findings().get(id).await.or_exit(Code::Unreachable)?);
    }
    if cx.out.json {
        let mut value = serde_json::to_value(&incident)?;
        value["parts"] = serde_json::to_value(&parts)?;
        return cx.out.value(&value);
    }
    let now = OffsetDateTime::now_utc();
    say!(
        "{}  {} {}  {}",
        incident.id,
        incident.severity,
        incident.score,
        clean(&incident.source)
    )?;
    say!(
        "  first {}, last {}",
        ago(incident.first_at, now),
        ago(incident.last_at, now)
    )?;
    say!("  stages  {}", stages(&incident))?;
    for finding in &parts {
        say!("\n{}  {}", finding.id, findings::line(finding))?;
        let report = finding
            .detail
            .pointer("/narrative/report")
            .and_then(|text| text.as_str());
        if let Some(report) = report {
            say!("  {}", clean(report))?;
        }
    }
    Ok(())
}
