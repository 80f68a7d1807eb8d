//! What was found and what came in last (detect.md §16), and both as Detress answers it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use detect::{Class, Finding, FlowRecord, Severity, Time};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::problem::{Fault, Problem};
use crate::routes::Shared;

const MOST: usize = 1_000;

/// Each as text: an empty one is as good as none.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    limit: Option<String>,
    severity: Option<String>,
    class: Option<String>,
    since: Option<String>,
}

/// What findings are wanted.
struct Wanted {
    limit: usize,
    severity: Option<Severity>,
    class: Option<Class>,
    since: Option<Time>,
}

pub(crate) async fn alerts(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, Problem> {
    let found = wanted(&shared, &asked)?;
    Ok(Json(json!({ "total": found.len(), "data": found })))
}

/// A bare list, the oldest first.
pub(crate) async fn legacy(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, Problem> {
    let found = wanted(&shared, &asked)?;
    let list: Vec<Value> = found
        .iter()
        .rev()
        .enumerate()
        .map(|(place, finding)| as_detress(place + 1, finding))
        .collect();
    Ok(Json(list.into()))
}

pub(crate) async fn traffic(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, Problem> {
    let limit = limit(&asked, 100)?;
    let records = shared.api.judge.traffic();
    let list: Vec<Value> = records.iter().take(limit).map(record).collect();
    Ok(Json(json!({ "total": list.len(), "data": list })))
}

fn wanted(shared: &Shared, asked: &Asked) -> Result<Vec<Finding>, Problem> {
    let wanted = Wanted::read(asked)?;
    let all = shared.api.judge.alerts().into_iter();
    Ok(all.filter(|finding| wanted.is(finding)).take(wanted.limit).collect())
}

fn limit(asked: &Asked, usual: usize) -> Result<usize, Problem> {
    let Some(text) = given(&asked.limit) else {
        return Ok(usual);
    };
    let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| refused("limit", &format!("must be from 1 to {MOST}")))
}

fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref()
        .filter(|text| !matches!(*text, "" | "null" | "undefined"))
}

fn refused(key: &str, detail: &str) -> Problem {
    Problem::values(vec![Fault::new(format!("?{key}"), detail)])
}

fn as_detress(id: usize, finding: &Finding) -> Value {
    let target = finding.targets.first();
    let level = match finding.severity {
        Severity::Critical | Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low | Severity::Info => "low",
    };
    json!({
        "id": id, "timestamp": finding.trigger_ts, "level": level, "category": finding.category,
        "message": finding.reason(), "src_ip": finding.source.ip(), "dst_ip": target.map(|target| target.ip),
        "dst_port": target.map(|target| target.port).filter(|&port| port != 0),
    })
}

fn record(record: &FlowRecord) -> Value {
    let port = |port: u16| Some(port).filter(|&port| port != 0);
    json!({
        "timestamp": record.at, "src_ip": record.src, "dst_ip": record.dst, "src_port": port(record.sport),
        "dst_port": port(record.dport), "protocol": record.proto.name().to_uppercase(), "size": record.out,
    })
}

// === impl Wanted ===

impl Wanted {
    fn read(asked: &Asked) -> Result<Self, Problem> {
        let severity = match given(&asked.severity) {
            None => None,
            Some(name) => {
                let severity = Severity::parse(name);
                Some(severity.ok_or_else(|| refused("severity", "must be info, low, medium, high or critical"))?)
            }
        };
        let class = match given(&asked.class) {
            None => None,
            Some("detection") => Some(Class::Detection),
            Some("notice") => Some(Class::Notice),
            Some(_) => return Err(refused("class", "must be detection or notice")),
        };
        let since = match given(&asked.since) {
            None => None,
            Some(text) => Some(Time::parse_rfc3339(text).ok_or_else(|| refused("since", "must be RFC 3339"))?),
        };
        Ok(Self {
            limit: limit(asked, 50)?,
            severity,
            class,
            since,
        })
    }

    fn is(&self, finding: &Finding) -> bool {
        self.severity.is_none_or(|severity| finding.severity == severity)
            && self.class.is_none_or(|class| finding.class == class)
            && self.since.is_none_or(|since| finding.last_ts >= since)
    }
}
