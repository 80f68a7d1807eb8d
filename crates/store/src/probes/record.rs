//! Writing what probes brought.

use model::{Endpoint, Event, EventId, Fields, Name, Origin, Report};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel as _,
    QueryFilter, QueryOrder, QuerySelect,
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::rotation::{Period, TURNS, Verdict, judge};
use super::{Change, Probe, ProbeOutcome};
use crate::entity::{attacker, probe, probe_history, probe_state};
use crate::value::{count, micros, moment, to_json};
use crate::{Error, LOCAL, Result, Store, connect, ingest};

/// In the place of a decky.
const PROBER: &str = "decnet-prober";
/// In the place of a machine's boot.
const NO_BOOT: &str = "00000000";
/// Periods that are looked back on: those in which [`TURNS`] values can have taken turns, and some.
const LOOKED_BACK: u64 = 4 * TURNS as u64;

pub(super) async fn record(store: &Store, probes: &[Probe]) -> Result<Vec<Change>> {
    let transaction = connect::begin(store.writer()).await?;
    connect::alone(&transaction).await?;
    let (mut changes, mut events) = (Vec::with_capacity(probes.len()), Vec::new());
    for probe in probes {
        let change = record_one(&transaction, probe).await?;
        if let Some(kind) = event_kind(probe) {
            events.push(event(probe, probe.id, kind, probe.fields.clone())?);
        }
        if let (
            Change::Rotated {
                old_hash,
                rotation_count,
            },
            Some(hash),
        ) = (&change, &probe.hash)
        {
            let fields = Fields::from_iter([
                ("attacker_ip".to_owned(), probe.attacker_ip.to_string().into()),
                ("port".to_owned(), probe.port.into()),
                ("probe_type".to_owned(), probe.probe.clone().into()),
                ("old_hash".to_owned(), old_hash.clone().into()),
                ("new_hash".to_owned(), hash.clone().into()),
                ("rotation_count".to_owned(), (*rotation_count).into()),
            ]);
            events.push(event(probe, following(probe.id), "fingerprint_rotated", fields)?);
        }
        changes.push(change);
    }
    ingest::own_events(&transaction, &events).await?;
    transaction.commit().await?;
    Ok(changes)
}

async fn record_one(transaction: &DatabaseTransaction, given: &Probe) -> Result<Change> {
    if probe::Entity::find_by_id(given.id).one(transaction).await?.is_some() {
        return Ok(Change::None);
    }
    let row = probe::ActiveModel {
        id: Set(given.id),
        at: Set(micros(given.at)),
        attacker_ip: Set(given.attacker_ip.to_canonical().to_string()),
        port: Set(given.port.map(i32::from)),
        probe: Set(given.probe.clone()),
        outcome: Set(given.outcome.as_str().to_owned()),
        reason: Set(given.reason.clone()),
        hash: Set(given.hash.clone()),
        duration_ms: Set(count(given.duration_ms)),
        detail: Set(to_json("a probe's fields", &given.fields)?),
    };
    probe::Entity::insert(row).exec_without_returning(transaction).await?;
    match (&given.hash, given.outcome) {
        (Some(hash), ProbeOutcome::Answered) => compare(transaction, given, hash).await,
        _ => Ok(Change::None),
    }
}

async fn compare(transaction: &DatabaseTransaction, given: &Probe, hash: &str) -> Result<Change> {
    let ip = given.attacker_ip.to_canonical().to_string();
    if attacker::Entity::find_by_id(&ip).one(transaction).await?.is_none() {
        return Ok(Change::NoAttackerRow);
    }
    let (port, at) = (given.port.map_or(0, i32::from), micros(given.at));
    let key = (ip.clone(), port, given.probe.clone());
    let state = probe_state::Entity::find_by_id(key).one(transaction).await?;
    let history = history(transaction, &ip, port, &given.probe).await?;
    let periods: Vec<_> = history
        .iter()
        .map(|row| Period {
            hash: row.hash.clone(),
            first_seen: row.first_seen,
            last_seen: row.last_seen,
        })
        .collect();
    let load_balanced = state.as_ref().is_some_and(|state| state.load_balanced);
    let verdict = judge(&periods, load_balanced, hash, at);
    let rotations = state.as_ref().map_or(0, |state| state.rotations) + i64::from(verdict == Verdict::Rotated);
    let last = history.last().filter(|_| verdict == Verdict::Unchanged);
    let first_seen = last.map_or(at, |row| row.first_seen);
    let detail = to_json("a probe's fields", &given.fields)?;
    let new = probe_state::Model {
        attacker_ip: ip.clone(),
        port,
        probe: given.probe.clone(),
        hash: hash.to_owned(),
        first_seen,
        last_seen: state.as_ref().map_or(at, |state| Ord::max(state.last_seen, at)),
        rotations,
        load_balanced: match verdict {
            Verdict::LoadBalanced => true,
            Verdict::Rotated => false,
            _ => load_balanced,
        },
        detail,
    };
    write_state(transaction, new, state.is_some()).await?;
    match last {
        Some(row) => {
            let mut change = row.clone().into_active_model();
            change.last_seen = Set(Ord::max(row.last_seen, at));
            probe_history::Entity::update(change).exec(transaction).await?;
        }
        None => {
            let row = probe_history::ActiveModel {
                attacker_ip: Set(ip.clone()),
                port: Set(port),
                probe: Set(given.probe.clone()),
                n: Set(history.last().map_or(0, |row| row.n + 1)),
                hash: Set(hash.to_owned()),
                first_seen: Set(at),
                last_seen: Set(at),
            };
            probe_history::Entity::insert(row)
                .exec_without_returning(transaction)
                .await?;
        }
    }
    if verdict == Verdict::Rotated {
        count_rotation(transaction, &ip, at).await?;
    }
    Ok(match verdict {
        Verdict::FirstSighting => Change::FirstSighting,
        Verdict::Unchanged => Change::Unchanged,
        Verdict::LoadBalanced => Change::LoadBalanced,
        Verdict::Rotated => Change::Rotated {
            old_hash: state.map(|state| state.hash).unwrap_or_default(),
            rotation_count: rotations,
        },
    })
}

/// The endpoint's newest periods, oldest first.
async fn history(
    transaction: &DatabaseTransaction,
    ip: &str,
    port: i32,
    probe: &str,
) -> Result<Vec<probe_history::Model>> {
    let mut rows = probe_history::Entity::find()
        .filter(probe_history::Column::AttackerIp.eq(ip))
        .filter(probe_history::Column::Port.eq(port))
        .filter(probe_history::Column::Probe.eq(probe))
        .order_by_desc(probe_history::Column::N)
        .limit(LOOKED_BACK)
        .all(transaction)
        .await?;
    rows.reverse();
    Ok(rows)
}

async fn write_state(transaction: &DatabaseTransaction, state: probe_state::Model, is_there: bool) -> Result<()> {
    let row = state.into_active_model().reset_all();
    if is_there {
        probe_state::Entity::update(row).exec(transaction).await?;
    } else {
        probe_state::Entity::insert(row)
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

async fn count_rotation(transaction: &DatabaseTransaction, ip: &str, at: i64) -> Result<()> {
    attacker::Entity::update_many()
        .col_expr(
            attacker::Column::RotationCount,
            ExprTrait::add(Expr::col(attacker::Column::RotationCount), 1),
        )
        .col_expr(attacker::Column::LastRotationAt, Expr::val(at))
        .filter(attacker::Column::Ip.eq(ip))
        .exec(transaction)
        .await?;
    Ok(())
}

fn event_kind(probe: &Probe) -> Option<&'static str> {
    match probe.outcome {
        ProbeOutcome::Failed => Some("prober_error"),
        ProbeOutcome::Answered => probe.event,
        ProbeOutcome::Silent | ProbeOutcome::Refused => None,
    }
}

fn event(probe: &Probe, id: Uuid, kind: &'static str, mut fields: Fields) -> Result<Event> {
    let port = probe.port.map_or_else(|| "-".to_owned(), |port| port.to_string());
    fields.insert("target_ip".to_owned(), probe.attacker_ip.to_string().into());
    fields.insert("target_port".to_owned(), port.into());
    if let Some(reason) = &probe.reason {
        fields.insert("error".to_owned(), reason.clone().into());
    }
    let decky = Name::new(PROBER).map_err(|error| Error::Value {
        what: "the prober's name",
        reason: error.to_string(),
    })?;
    Ok(Event {
        decky,
        host: LOCAL.to_owned(),
        boot: NO_BOOT.to_owned(),
        seq: 0,
        report: Report {
            id: EventId(id),
            at: moment(micros(probe.at)),
            service: "prober".into(),
            kind: kind.into(),
            src: None,
            dst: Some(Endpoint {
                ip: probe.attacker_ip.to_canonical(),
                port: probe.port.unwrap_or_default(),
            }),
            session: None,
            // The grid asked; nobody attacked.
            origin: Origin::Internal,
            fields,
        },
    })
}

/// The id of what follows from the one with this id: always the same.
fn following(id: Uuid) -> Uuid {
    let mut digest = [0; 16];
    digest.copy_from_slice(&Sha256::digest(id.as_bytes())[..16]);
    uuid::Builder::from_custom_bytes(digest).into_uuid()
}
