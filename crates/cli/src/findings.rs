//! `decnet findings`: what the rules found.

use store::{Filter, Finding, Store};
use time::OffsetDateTime;

use crate::args::{self, FindingsCommand};
use crate::context::Context;
use crate::exit::{Code, Coded as _, Failure, Result};
use crate::feed::clean;
use crate::output::{ago, say};
use crate::query::{all, since};

const SEVERITIES: [&str; 5] = ["info", "low", "medium", "high", "critical"];

pub async fn findings(cx: &Context, asked: &args::Findings) -> Result {
    let store = cx.record().await?;
    match &asked.command {
        Some(FindingsCommand::Show { id }) => show(cx, &store, id).await,
        Some(FindingsCommand::Ack { id }) => acknowledge(&store, id).await,
        Some(FindingsCommand::List) | None => list(cx, &store, asked).await,
    }
}

/// One finding for a person.
pub fn line(finding: &Finding) -> String {
    format!(
        "{} {}% {} [{}] {}",
        finding.severity,
        finding.confidence,
        clean(&finding.rule),
        finding.mitre.iter().map(|id| clean(id)).collect::<Vec<_>>().join(" "),
        clean(&finding.reason)
    )
}

async fn list(cx: &Context, store: &Store, asked: &args::Findings) -> Result {
    if let Some(severity) = &asked.severity
        && !SEVERITIES.contains(&severity.as_str())
    {
        return Err(Failure::new(Code::Usage, format!("`{severity}` is no severity"))
            .help(format!("there are {}", SEVERITIES.join(", ")))
            .into());
    }
    let now = OffsetDateTime::now_utc();
    let filter = Filter {
        since: since(&asked.recent)?,
        attacker: asked.attacker.map(Into::into),
        kind: asked.severity.clone(),
        service: asked.rule.clone(),
        ..Filter::default()
    };
    let rows = all(asked.recent.limit, async |page| {
        store.findings().list(&filter, &page).await
    })
    .await?;
    let header = [
        "FINDING",
        "LAST",
        "SEVERITY",
        "SURE",
        "SOURCE",
        "RULE",
        "TECHNIQUES",
        "REASON",
        "",
    ];
    let cells = |row: &Finding| {
        vec![
            row.id.clone(),
            ago(row.last_at, now),
            row.severity.clone(),
            format!("{}%", row.confidence),
            clean(&row.source),
            clean(&row.rule),
            row.mitre.iter().map(|id| clean(id)).collect::<Vec<_>>().join(" "),
            clean(&row.reason),
            row.acknowledged_at.map_or("", |_| "seen").to_owned(),
        ]
    };
    cx.out.list(
        &rows,
        &header,
        cells,
        "nothing found yet: `decnet up` and `decnet detector` judge what attackers do",
    )
}

async fn show(cx: &Context, store: &Store, id: &str) -> Result {
    let found = store.findings().get(id).await.or_exit(Code::Unreachable)?;
    let finding = found.ok_or_else(|| unknown(id))?;
    if cx.out.json {
        return cx.out.value(&finding);
    }
    say!("{}  {}", finding.id, line(&finding))?;
    let now = OffsetDateTime::now_utc();
    say!(
        "  first {}, last {}",
        ago(finding.first_at, now),
        ago(finding.last_at, now)
    )?;
    let text = |pointer: &str| finding.detail.pointer(pointer).and_then(|value| value.as_str());
    for (name, pointer) in [
        ("stage", "/stage"),
        ("next", "/predicted_next/stage"),
        ("watch", "/predicted_next/watch"),
        ("do", "/mitigation"),
    ] {
        if let Some(value) = text(pointer) {
            say!("  {name:<7} {}", clean(value))?;
        }
    }
    let parts = finding.detail.get("breakdown").and_then(|parts| parts.as_array());
    for part in parts.into_iter().flatten() {
        let id = part.get("id").and_then(|id| id.as_str()).unwrap_or_default();
        let value = part.get("value").and_then(serde_json::Value::as_i64).unwrap_or(0);
        say!("  {value:>+7} {}", clean(id))?;
    }
    Ok(())
}

async fn acknowledge(store: &Store, id: &str) -> Result {
    if store.findings().acknowledge(id).await.or_exit(Code::Unreachable)? {
        say!("{id} is noted as seen to")
    } else {
        Err(unknown(id).into())
    }
}

fn unknown(id: &str) -> Failure {
    Failure::new(Code::Invalid, format!("there is no finding `{id}`")).help("`decnet findings` lists them")
}
