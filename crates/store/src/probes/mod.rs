//! What was asked back of attackers' machines, what they answered, and what was refused (fingerprint.md §16).

mod record;
mod rotation;

use std::net::IpAddr;

use model::Fields;
use sea_orm::sea_query::{Expr, ExprTrait as _, NullOrdering, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::entity::{attacker, probe, probe_history, probe_state, probe_target};
use crate::page::By;
use crate::value::{from_json, micros, moment};
use crate::{Cursor, Error, Filter, Listing, Page, Result, Store};

#[derive(Clone, Copy, Debug)]
pub struct Probes<'a> {
    pub(crate) store: &'a Store,
}

/// One probe of one port of one attacker: the row that accounts for it, sent or refused.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Probe {
    /// UUIDv7; recording is idempotent on it.
    pub id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub attacker_ip: IpAddr,
    /// Absent where the probe goes to no port.
    pub port: Option<u16>,
    pub probe: String,
    pub outcome: ProbeOutcome,
    /// Why it was refused, or what went wrong.
    pub reason: Option<String>,
    /// What stays the same as long as the server does.
    pub hash: Option<String>,
    pub duration_ms: u64,
    /// As in the event of its kind.
    pub fields: Fields,
    /// Kind of the event an answer is told as, when it is recorded; not kept.
    #[serde(skip)]
    pub event: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeOutcome {
    Answered,
    /// Sent, and nothing came back that says anything.
    Silent,
    /// Sent, and something came back that is not what it should be.
    Failed,
    /// Not sent: the rules forbid it.
    Refused,
}

/// What an endpoint answers with, until it answers with something else.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProbeState {
    pub probe: String,
    pub port: Option<u16>,
    pub hash: String,
    /// Of this hash.
    #[serde(with = "time::serde::rfc3339")]
    pub first_seen: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen: OffsetDateTime,
    pub rotation_count: i64,
    pub load_balanced: bool,
    pub fields: Fields,
    /// Oldest first, the present one last.
    pub history: Vec<ProbePeriod>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProbePeriod {
    pub hash: String,
    #[serde(with = "time::serde::rfc3339")]
    pub first_seen: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen: OffsetDateTime,
}

/// What an answer changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing to compare, or recorded before.
    None,
    /// Of an address that is no attacker: only the account of it is kept.
    NoAttackerRow,
    FirstSighting,
    Unchanged,
    LoadBalanced,
    Rotated {
        old_hash: String,
        rotation_count: i64,
    },
}

/// An attacker that may be probed now, as far as the record says.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
struct CandidateRow {
    ip: String,
    handshakes: i64,
    last_at: Option<i64>,
}

/// Somebody to ask back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub ip: IpAddr,
    /// Connections that came about; 0 means that the address may be a lie.
    pub handshakes: i64,
    pub probed_at: Option<OffsetDateTime>,
}

// === impl Probes ===

impl Probes<'_> {
    /// Attackers that proved their address and were seen since `seen_since`, whose turn it is: those never asked
    /// first, then those due for longest.
    pub async fn candidates(
        &self,
        seen_since: OffsetDateTime,
        now: OffsetDateTime,
        limit: u64,
    ) -> Result<Vec<Candidate>> {
        let due = Expr::col((probe_target::Entity, probe_target::Column::DueAt));
        let select = candidate()
            .filter(attacker::Column::Handshakes.gt(0))
            .filter(attacker::Column::LastSeen.gte(micros(seen_since)))
            .filter(
                Condition::any()
                    .add(due.clone().is_null())
                    .add(due.clone().lte(micros(now))),
            )
            .order_by_with_nulls(due, sea_orm::Order::Asc, NullOrdering::First)
            .order_by_desc(attacker::Column::LastSeen)
            .limit(limit);
        let rows = select.into_model::<CandidateRow>().all(self.store.reader()).await?;
        rows.into_iter().map(CandidateRow::read).collect()
    }

    /// What the record says of one address, due or not; none when it is no attacker.
    pub async fn candidate(&self, ip: IpAddr) -> Result<Option<Candidate>> {
        let select = candidate().filter(attacker::Column::Ip.eq(ip.to_canonical().to_string()));
        let row = select.into_model::<CandidateRow>().one(self.store.reader()).await?;
        row.map(CandidateRow::read).transpose()
    }

    /// Notes when an address was asked, if it was, and when its next turn is.
    pub async fn schedule(&self, ip: IpAddr, asked: Option<OffsetDateTime>, due: OffsetDateTime) -> Result<()> {
        let row = probe_target::ActiveModel {
            attacker_ip: Set(ip.to_canonical().to_string()),
            last_at: Set(asked.map(micros)),
            due_at: Set(micros(due)),
        };
        let mut replace = OnConflict::column(probe_target::Column::AttackerIp);
        replace.update_column(probe_target::Column::DueAt);
        if asked.is_some() {
            replace.update_column(probe_target::Column::LastAt);
        }
        probe_target::Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(self.store.writer())
            .await?;
        Ok(())
    }

    /// Accounts for probes, compares their answers with the ones before and stores an event of each answer, in one
    /// transaction. The changes are in the order of the probes.
    pub async fn record(&self, probes: &[Probe]) -> Result<Vec<Change>> {
        record::record(self.store, probes).await
    }

    /// The account of what was sent and what was refused.
    pub async fn list(&self, filter: &Filter, page: &Page) -> Result<Listing<Probe>> {
        let narrowed = Condition::all()
            .add(filter.time(probe::Column::At))
            .add_option(filter.attacker(probe::Column::AttackerIp))
            .add_option(crate::page::is(probe::Column::Probe, filter.kind.as_ref()));
        let by = By {
            at: probe::Column::At,
            tie: probe::Column::Id,
        };
        let rows = page
            .of(probe::Entity::find().filter(narrowed), by)
            .all(self.store.reader())
            .await?;
        Listing::cut(page, rows, |row| Cursor::new(row.at, row.id)).try_map(Probe::from_model)
    }

    pub(crate) async fn states(&self, ip: IpAddr) -> Result<Vec<ProbeState>> {
        let (ip, reader) = (ip.to_string(), self.store.reader());
        let rows = probe_state::Entity::find()
            .filter(probe_state::Column::AttackerIp.eq(&ip))
            .order_by_asc(probe_state::Column::Probe)
            .order_by_asc(probe_state::Column::Port)
            .all(reader)
            .await?;
        let history = probe_history::Entity::find()
            .filter(probe_history::Column::AttackerIp.eq(&ip))
            .order_by_asc(probe_history::Column::N)
            .all(reader)
            .await?;
        let of = |state: probe_state::Model| {
            let mine = history
                .iter()
                .filter(|period| period.probe == state.probe && period.port == state.port);
            ProbeState {
                port: port(Some(state.port)),
                hash: state.hash,
                first_seen: moment(state.first_seen),
                last_seen: moment(state.last_seen),
                rotation_count: state.rotations,
                load_balanced: state.load_balanced,
                fields: serde_json::from_str(&state.detail).unwrap_or_default(),
                history: mine.map(ProbePeriod::from_model).collect(),
                probe: state.probe,
            }
        };
        Ok(rows.into_iter().map(of).collect())
    }
}

fn candidate() -> sea_orm::Select<attacker::Entity> {
    let target: sea_orm::RelationDef = attacker::Entity::belongs_to(probe_target::Entity)
        .from(attacker::Column::Ip)
        .to(probe_target::Column::AttackerIp)
        .into();
    attacker::Entity::find()
        .select_only()
        .column(attacker::Column::Ip)
        .column(attacker::Column::Handshakes)
        .column(probe_target::Column::LastAt)
        .join(JoinType::LeftJoin, target)
}

fn port(port: Option<i32>) -> Option<u16> {
    port.and_then(|port| u16::try_from(port).ok()).filter(|&port| port > 0)
}

fn address(ip: &str) -> Result<IpAddr> {
    ip.parse().map_err(|_| Error::Corrupt {
        what: format!("the attacker `{ip}`"),
        reason: "it is no address".to_owned(),
    })
}

// === impl Probe ===

impl Probe {
    fn from_model(row: probe::Model) -> Result<Self> {
        let what = || format!("the probe `{}`", row.id);
        Ok(Self {
            attacker_ip: address(&row.attacker_ip)?,
            port: port(row.port),
            outcome: ProbeOutcome::parse(&row.outcome).ok_or_else(|| Error::Corrupt {
                what: what(),
                reason: format!("no outcome is called `{}`", row.outcome),
            })?,
            fields: from_json(what, &row.detail)?,
            id: row.id,
            at: moment(row.at),
            probe: row.probe,
            reason: row.reason,
            hash: row.hash,
            duration_ms: u64::try_from(row.duration_ms).unwrap_or_default(),
            event: None,
        })
    }
}

// === impl ProbeOutcome ===

impl ProbeOutcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Silent => "silent",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Answered, Self::Silent, Self::Failed, Self::Refused]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }
}

// === impl ProbePeriod ===

impl ProbePeriod {
    fn from_model(row: &probe_history::Model) -> Self {
        Self {
            hash: row.hash.clone(),
            first_seen: moment(row.first_seen),
            last_seen: moment(row.last_seen),
        }
    }
}

// === impl CandidateRow ===

impl CandidateRow {
    fn read(self) -> Result<Candidate> {
        Ok(Candidate {
            ip: address(&self.ip)?,
            handshakes: self.handshakes,
            probed_at: self.last_at.map(moment),
        })
    }
}
