//! Calls that wait for somebody's decision. Undecided after ten minutes they are blocked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, State};
use detect::Call;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::check::{Answer, Said};
use crate::problem::{Fault, Problem};
use crate::routes::{Body, Shared};

const PATIENCE: Duration = Duration::from_secs(600);
/// Decided ones are remembered for those who asked.
const REMEMBERED: Duration = Duration::from_secs(3600);
const MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Pending(Mutex<BTreeMap<Uuid, Waiting>>);

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Waiting {
    check_id: Uuid,
    agent_id: String,
    tool_name: String,
    confidence: detect::Confidence,
    reason: Option<String>,
    decision: Said,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
    #[serde(skip)]
    since: Instant,
}

pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let held = shared.pending.lock();
    let waiting: Vec<&Waiting> = held.values().filter(|waiting| waiting.now() == Said::Pending).collect();
    Json(json!({ "total": waiting.len(), "data": waiting }))
}

pub(crate) async fn decision(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Json<Waiting>, Problem> {
    let held = shared.pending.lock();
    let waiting = find(&held, &id)?;
    Ok(Json(Waiting {
        decision: waiting.now(),
        ..waiting.clone()
    }))
}

pub(crate) async fn decide(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<Waiting>, Problem> {
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let mut faults = Vec::new();
    let decision = match text("decision") {
        Some("allow") => Said::Allow,
        Some("block") => Said::Block,
        _ => {
            faults.push(Fault::new("/decision", "must be `allow` or `block`"));
            Said::Block
        }
    };
    let by = text("decided_by").filter(|by| !by.trim().is_empty());
    if by.is_none() {
        faults.push(Fault::new("/decided_by", "must say who decides"));
    }
    if !faults.is_empty() {
        return Err(Problem::structure(faults));
    }
    let mut held = shared.pending.lock();
    let id = find(&held, &id)?.check_id;
    let waiting = held.get_mut(&id).ok_or_else(|| unknown(&id.to_string()))?;
    if waiting.now() != Said::Pending {
        let detail = "somebody has decided it already, or nobody did in time";
        return Err(Problem::new(
            axum::http::StatusCode::CONFLICT,
            "conflict.decided",
            detail,
        ));
    }
    (waiting.decision, waiting.decided_by) = (decision, by.map(str::to_owned));
    Ok(Json(waiting.clone()))
}

fn find<'a>(held: &'a BTreeMap<Uuid, Waiting>, id: &str) -> Result<&'a Waiting, Problem> {
    let found = Uuid::parse_str(id).ok().and_then(|id| held.get(&id));
    found.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(format!("no check `{id}` waits for a decision"))
}

// === impl Pending ===

impl Pending {
    /// Keeps a call until it is decided; when there are too many the oldest goes, and is as good as blocked.
    pub(crate) fn put(&self, call: &Call, answer: &Answer) {
        let mut held = self.lock();
        held.retain(|_, waiting| waiting.since.elapsed() < REMEMBERED);
        if held.len() >= MAX {
            held.pop_first();
        }
        let waiting = Waiting {
            check_id: answer.check_id,
            agent_id: call.agent.clone(),
            tool_name: call.name.clone(),
            confidence: answer.confidence,
            reason: answer.reason.clone(),
            decision: Said::Pending,
            decided_by: None,
            since: Instant::now(),
        };
        held.insert(answer.check_id, waiting);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Waiting ===

impl Waiting {
    fn now(&self) -> Said {
        if self.decision == Said::Pending && self.since.elapsed() > PATIENCE {
            Said::Block
        } else {
            self.decision
        }
    }
}
