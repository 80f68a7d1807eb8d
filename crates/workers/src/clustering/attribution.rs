//! Identities to how well what they show hangs together over time (clustering.md §21).

use std::collections::{BTreeMap, HashMap};

use bus::{Pattern, Subject};
use profile::{Attribution, Kind, Measured, State, attribution, suspects};
use runtime::{Cx, Summary, Worker};
use serde_json::{Value, json};
use store::{AttributionState, AttributionWriting, Session, Store, Trace};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::{Config, lead, notices, outbox};
use crate::Error;

/// Identities of one writing.
const AT_ONCE: u64 = 100;
/// Addresses of an identity that are looked at.
const ADDRESSES: usize = 1_000;
/// Sessions of an identity that are looked at, the latest.
const SESSIONS: u64 = 500;
/// Of a suspicion (clustering.md §21).
const SUSPICION: f64 = 0.6;

/// Kinds of marks, and what their change over time is called.
const OF_MARKS: [(&str, &str); 4] = [
    ("ja3", "tls.ja3"),
    ("ja4", "tls.ja4"),
    ("ja4_quic", "quic.ja4"),
    ("hassh", "ssh.hassh"),
];

/// The worker `attribution`: keeps for each identity how everything it shows held, and tells when that changes.
pub struct Attributor {
    store: Store,
    config: Config,
    /// Generation and id of the identity looked at last.
    read_up_to: (i64, Option<Uuid>),
    /// By which primitives several hands were suspected, so that it is told once.
    suspected: HashMap<Uuid, Vec<String>>,
}

/// A primitive of one identity.
struct Judged {
    told: Attribution,
    /// Seconds since 1970.
    last: i64,
}

// === impl Attributor ===

impl Attributor {
    pub fn new(store: Store, config: Config) -> Self {
        Self {
            store,
            config,
            read_up_to: (-1, None),
            suspected: HashMap::new(),
        }
    }

    /// What is to be written of one identity.
    async fn look(&mut self, identity: Uuid, writing: &mut AttributionWriting) -> Result<(), Error> {
        let groups = self.store.identities();
        let mut rows = groups.merged(identity).await?;
        let members = groups.members(&rows).await?.into_iter().take(ADDRESSES);
        let ips: Vec<String> = members.map(|(ip, _)| ip).collect();
        let traces = self.store.traces().of(&ips).await?;
        let sessions = self.store.sessions().of(&ips, SESSIONS).await?;
        let before = self.store.attributions().of(&rows).await?;
        rows.retain(|row| *row != identity && before.iter().any(|state| state.identity == *row));
        writing.gone.append(&mut rows);
        let before: BTreeMap<&str, &AttributionState> = before
            .iter()
            .filter(|state| state.identity == identity)
            .map(|state| (state.primitive.as_str(), state))
            .collect();
        let judged = judge(&traces, &sessions);
        // What it showed only with those it was parted from is no longer its own: its rows are written anew.
        let parted = before.keys().any(|primitive| !judged.contains_key(primitive));
        writing.gone.extend(parted.then_some(identity));
        for (primitive, judged) in &judged {
            let old = before.get(primitive).copied();
            let new = state(identity, primitive, judged, old);
            if old.is_none_or(|old| old.state != new.state) {
                writing.notices.push(changed(&new, old));
            }
            if parted || old != Some(&new) {
                writing.states.push(new);
            }
        }
        writing.notices.extend(self.suspect(identity, &judged));
        Ok(())
    }

    /// Several hands behind one identity, when that is new.
    fn suspect(&mut self, identity: Uuid, judged: &BTreeMap<&'static str, Judged>) -> Option<store::Notice> {
        let states = judged.iter().map(|(primitive, judged)| (*primitive, judged.told.state));
        let Some(primitives) = suspects(states) else {
            self.suspected.remove(&identity);
            return None;
        };
        let names: Vec<String> = primitives.into_iter().map(str::to_owned).collect();
        let known = self.suspected.insert(identity, names.clone());
        if known.as_ref() == Some(&names) {
            return None;
        }
        let last = judged.values().map(|judged| judged.last).max().unwrap_or_default();
        let payload = json!({
            "identity_uuid": identity,
            "evidence_summary": format!("two values take turns in {}", names.join(", ")),
            "primitives": names,
            "confidence": SUSPICION,
            "ts": written(last),
        });
        Some(notices::notice(&Subject::ATTRIBUTION_MULTI_ACTOR_SUSPECTED, payload))
    }
}

impl Worker for Attributor {
    const NAME: &'static str = "attribution";
    const WAKE: &'static [Pattern] = &[Pattern::fixed("identity.>")];
    const TICK: std::time::Duration = std::time::Duration::from_secs(60);
    type Error = Error;

    async fn work(&mut self, cx: &Cx) -> Result<Summary, Error> {
        let mut summary = Summary::default();
        while lead(&self.store, Self::NAME, &self.config).await?.is_some() {
            outbox::publish(&self.store, Self::NAME, cx).await?;
            let (generation, after) = self.read_up_to;
            let page = self.store.identities().since(generation, after, AT_ONCE).await?;
            let Some(last) = page.last() else {
                return Ok(summary);
            };
            let mut writing = AttributionWriting::default();
            for group in page.iter().filter(|group| group.canonical == group.id) {
                self.look(group.id, &mut writing).await?;
                cx.alive();
            }
            if !writing.is_empty() {
                // Reading them may have taken longer than the lease.
                let Some(lease) = lead(&self.store, Self::NAME, &self.config).await? else {
                    break;
                };
                let now = OffsetDateTime::now_utc();
                self.store.attributions().write(&lease, &writing, now).await?;
                outbox::publish(&self.store, Self::NAME, cx).await?;
            }
            self.read_up_to = (last.generation, Some(last.id));
            summary.done += writing.states.len() as u64;
            if cx.is_cancelled() {
                summary.left = 1;
                return Ok(summary);
            }
        }
        // Another leads: whoever takes over begins with the store.
        self.read_up_to = (-1, None);
        self.suspected.clear();
        Ok(summary)
    }
}

/// What these addresses showed and these sessions were like, taken together; what was never shown is left out.
fn judge(traces: &[Trace], sessions: &[Session]) -> BTreeMap<&'static str, Judged> {
    let mut series: BTreeMap<&'static str, (Kind, Vec<Measured>)> = BTreeMap::new();
    let mut add = |primitive, kind, at: OffsetDateTime, value: Value| {
        let at = at.unix_timestamp();
        series
            .entry(primitive)
            .or_insert((kind, Vec::new()))
            .1
            .push(Measured { at, value });
    };
    for mark in traces.iter().flat_map(|trace| &trace.marks) {
        let Some((_, primitive)) = OF_MARKS.iter().find(|(kind, _)| *kind == mark.kind) else {
            continue;
        };
        // A mark is known by its first and its last time.
        add(primitive, Kind::Hash, mark.first_seen, mark.value.clone().into());
        if mark.last_seen != mark.first_seen {
            add(primitive, Kind::Hash, mark.last_seen, mark.value.clone().into());
        }
    }
    for session in sessions {
        let at = session.started_at;
        if let Some(term) = session.term.as_ref().filter(|term| !term.is_empty()) {
            add("terminal.type", Kind::Categorical, at, term.clone().into());
            // A terminal of no size is one nobody looks at.
            if let (Some(cols @ 1..), Some(rows @ 1..)) = (session.cols, session.rows) {
                add("terminal.size", Kind::Categorical, at, format!("{cols}x{rows}").into());
            }
        }
        if let Some(ms) = session.duration_ms {
            add("session.duration_ms", Kind::Numeric, at, ms.into());
        }
    }
    let judged = series.into_iter().map(|(primitive, (kind, mut series))| {
        series.sort_by_key(|measured| measured.at);
        let last = series.last().map_or(0, |last| last.at);
        let told = attribution(kind, &series);
        (primitive, Judged { told, last })
    });
    judged.collect()
}

fn state(identity: Uuid, primitive: &str, judged: &Judged, old: Option<&AttributionState>) -> AttributionState {
    let last = at(judged.last);
    let name = name(judged.told.state);
    let since = old.filter(|old| old.state == name).map(|old| old.last_change_ts);
    AttributionState {
        identity,
        primitive: primitive.to_owned(),
        current_value: judged.told.current_value.clone(),
        state: name.to_owned(),
        confidence: judged.told.confidence,
        observation_count: judged.told.observation_count as i64,
        last_change_ts: since.unwrap_or(last),
        last_observation_ts: last,
    }
}

fn changed(new: &AttributionState, old: Option<&AttributionState>) -> store::Notice {
    let payload = json!({
        "identity_uuid": new.identity,
        "primitive": new.primitive,
        "old_state": old.map(|old| &old.state),
        "new_state": new.state,
        "current_value": new.current_value,
        "confidence": new.confidence,
        "observation_count": new.observation_count,
        "ts": written(new.last_observation_ts.unix_timestamp()),
    });
    notices::notice(&Subject::ATTRIBUTION_STATE_CHANGED, payload)
}

fn name(state: State) -> &'static str {
    match state {
        State::Unknown => "unknown",
        State::Stable => "stable",
        State::Drifting => "drifting",
        State::Conflicted => "conflicted",
        State::MultiActor => "multi_actor",
    }
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn written(seconds: i64) -> String {
    at(seconds).format(&Rfc3339).unwrap_or_default()
}

impl std::fmt::Debug for Attributor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attributor")
            .field("read_up_to", &self.read_up_to)
            .finish_non_exhaustive()
    }
}
