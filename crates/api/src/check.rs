//! `POST /api/v1/check`: may an agent do this? (detect.md §9.4)

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use detect::{Call, Chain, Decision, Severity, Signal, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::problem::{Fault, Problem};
use crate::routes::{Body, Shared};

const FIELDS: [&str; 8] = [
    "agent_id",
    "tool_name",
    "arguments",
    "session_id",
    "tenant",
    "environment",
    "signals",
    "blocking",
];
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
}

pub(crate) async fn check(State(shared): State<Arc<Shared>>, Body(body): Body) -> Result<Json<Answer>, Problem> {
    let began = Instant::now();
    let asked = asked(&body)?;
    let verdict = shared.api.judge.check(&asked.call);
    let mut answer = Answer::of(verdict, began);
    if asked.blocking && matches!(answer.decision, Said::Flag | Said::Block) {
        shared.pending.put(&asked.call, &answer);
        answer.decision = Said::Pending;
    }
    Ok(Json(answer))
}

/// Every field that is wrong is named, not the first alone.
fn asked(body: &Value) -> Result<Asked, Problem> {
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
    })
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
