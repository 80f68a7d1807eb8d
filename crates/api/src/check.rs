//! `POST /api/v1/check`: may an agent do this? (detect.md §9.4)

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use detect::{Call, Chain, Decision, Severity, Signal, Span, Time, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::judge::{Decided, now};
use crate::problem::{Fault, Problem};
use crate::routes::{Body, Shared};

const FIELDS: [&str; 9] = [
    "agent_id",
    "tool_name",
    "arguments",
    "session_id",
    "tenant",
    "environment",
    "signals",
    "blocking",
    "ts",
];
/// A call from further ahead is somebody's broken clock.
const AHEAD: Span = Span::seconds(24 * 3600);
const MAX_NAME: usize = 256;

/// What is answered.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Answer {
    pub(crate) decision: Said,
    pub(crate) check_id: Uuid,
    pub(crate) confidence: detect::Confidence,
    pub(crate) severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) would: Option<Decision>,
    pub(crate) findings: Vec<Chain>,
    pub(crate) latency_ms: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Said {
    Allow,
    Flag,
    Block,
    /// Somebody has to decide first.
    Pending,
}

/// A call, and whether it waits for somebody's decision.
struct Asked {
    call: Call,
    blocking: bool,
    /// When it was made, as the caller says.
    at: Option<Time>,
}

pub(crate) async fn check(State(shared): State<Arc<Shared>>, Body(body): Body) -> Result<Json<Answer>, Problem> {
    let began = Instant::now();
    let asked = asked(&body, shared.api.client_time)?;
    let judge = &shared.api.judge;
    let judged = std::panic::catch_unwind(AssertUnwindSafe(|| {
        judge.check(asked.at.unwrap_or_else(now), &asked.call)
    }));
    let verdict = judged.unwrap_or_else(|_| failed(shared.api.on_error));
    let mut answer = Answer::of(verdict, began);
    if answer.decision != Said::Allow {
        judge.note(answer.decided(&asked.call));
    }
    if asked.blocking && matches!(answer.decision, Said::Flag | Said::Block) {
        shared.pending.put(&asked.call, &answer);
        answer.decision = Said::Pending;
    }
    Ok(Json(answer))
}

/// What is said when judging failed; what failed is in the log.
fn failed(decision: Decision) -> Verdict {
    Verdict {
        decision,
        reason: Some("the call could not be judged".to_owned()),
        ..Verdict::allow()
    }
}

/// Every field that is wrong is named, not the first alone.
fn asked(body: &Value, client_time: bool) -> Result<Asked, Problem> {
    let Value::Object(map) = body else {
        return Err(Problem::structure(vec![Fault::new("", "must be an object")]));
    };
    let mut faults = Vec::new();
    for key in map.keys().filter(|key| !FIELDS.contains(&key.as_str())) {
        faults.push(Fault::new(pointer(key), "is not known"));
    }
    let mut text = |key: &str, wanted: bool| match map.get(key) {
        Some(Value::String(text)) if text.trim().is_empty() && wanted => {
            faults.push(Fault::new(pointer(key), "must not be empty"));
            String::new()
        }
        Some(Value::String(text)) if text.len() > MAX_NAME => {
            faults.push(Fault::new(pointer(key), format!("must be at most {MAX_NAME} bytes")));
            String::new()
        }
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) if !wanted => String::new(),
        None => {
            faults.push(Fault::new(pointer(key), "is missing"));
            String::new()
        }
        Some(_) => {
            faults.push(Fault::new(pointer(key), "must be text"));
            String::new()
        }
    };
    let (agent, name) = (text("agent_id", true), text("tool_name", true));
    let (session, tenant, _) = (
        text("session_id", false),
        text("tenant", false),
        text("environment", false),
    );
    let arguments = match map.get("arguments") {
        None | Some(Value::Null) => Value::Object(serde_json::Map::new()),
        Some(arguments @ Value::Object(_)) => arguments.clone(),
        Some(_) => {
            faults.push(Fault::new("/arguments", "must be an object"));
            Value::Null
        }
    };
    let blocking = match map.get("blocking") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(blocking)) => *blocking,
        Some(_) => {
            faults.push(Fault::new("/blocking", "must be true or false"));
            false
        }
    };
    let signals = signals(map.get("signals"), &mut faults);
    let at = match map.get("ts") {
        None | Some(Value::Null) => None,
        Some(_) if !client_time => {
            faults.push(Fault::new("/ts", "is taken only with `check.trust_client_time`"));
            None
        }
        Some(value) => {
            let at = moment(value).filter(|at| *at <= now().plus(AHEAD));
            if at.is_none() {
                faults.push(Fault::new(
                    "/ts",
                    "must be RFC 3339 or seconds since 1970, a day ahead at most",
                ));
            }
            at
        }
    };
    if !faults.is_empty() {
        return Err(Problem::structure(faults));
    }
    Ok(Asked {
        call: Call {
            agent,
            session,
            tenant,
            name,
            arguments,
            signals,
        },
        blocking,
        at,
    })
}

fn moment(value: &Value) -> Option<Time> {
    match value {
        Value::String(text) => Time::parse_rfc3339(text),
        other => other
            .as_f64()
            .filter(|seconds| (0.0..9e9).contains(seconds))
            .map(Time::from_seconds),
    }
}

fn signals(value: Option<&Value>, faults: &mut Vec<Fault>) -> Vec<Signal> {
    let items = match value {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(items)) => items,
        Some(_) => {
            faults.push(Fault::new("/signals", "must be a list"));
            return Vec::new();
        }
    };
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut signals = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match item {
            Value::String(level) => signals.push(Signal {
                id: String::new(),
                level: level.clone(),
            }),
            Value::Object(_) => signals.push(Signal {
                id: text(item, "id"),
                level: text(item, "level"),
            }),
            _ => faults.push(Fault::new(
                format!("/signals/{index}"),
                "must be text, or an object of id and level",
            )),
        }
    }
    signals
}

fn pointer(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

// === impl Answer ===

impl Answer {
    fn decided(&self, call: &Call) -> Decided {
        Decided {
            check: self.check_id,
            at: OffsetDateTime::now_utc(),
            agent: call.agent.clone(),
            tool: call.name.clone(),
            decision: match self.decision {
                Said::Allow => Decision::Allow,
                Said::Flag => Decision::Flag,
                Said::Block | Said::Pending => Decision::Block,
            },
            confidence: self.confidence,
            reason: self.reason.clone().unwrap_or_default(),
            rule: self.findings.first().map(|chain| chain.rule.clone()),
        }
    }

    fn of(verdict: Verdict, began: Instant) -> Self {
        Self {
            decision: match verdict.decision {
                Decision::Allow => Said::Allow,
                Decision::Flag => Said::Flag,
                Decision::Block => Said::Block,
            },
            check_id: Uuid::now_v7(),
            confidence: verdict.confidence,
            severity: verdict.severity,
            reason: verdict.reason,
            would: verdict.would,
            findings: verdict.findings,
            latency_ms: began.elapsed().as_secs_f64() * 1000.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_judged_is_decided_as_the_settings_say() {
        for decision in [Decision::Allow, Decision::Flag, Decision::Block] {
            let verdict = failed(decision);
            assert_eq!(verdict.decision, decision);
            assert!(
                verdict
                    .reason
                    .is_some_and(|reason| reason.contains("could not be judged"))
            );
        }
    }
}
