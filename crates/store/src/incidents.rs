//! Findings of one attacker put together.

use std::net::IpAddr;

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, Condition, EntityTrait, QueryFilter, TransactionTrait};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use crate::entity::incident::{ActiveModel, Column, Entity, Model};
use crate::page::{By, contains, is};
use crate::value::{from_json, micros, moment, to_json};
use crate::{Cursor, Filter, Listing, Page, Result, Store};

#[derive(Clone, Copy, Debug)]
pub struct Incidents<'a> {
    pub(crate) store: &'a Store,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Incident {
    /// `I-` and the digits of its first finding.
    pub id: String,
    /// `ip`, `mac`, `agent`, `user`.
    pub scope: String,
    pub source: String,
    pub attacker_ip: Option<IpAddr>,
    /// 0 to 99.
    pub score: u8,
    pub severity: String,
    /// In the order they were shown.
    pub stages: Vec<String>,
    pub findings: Vec<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub first_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_at: OffsetDateTime,
    /// The whole incident as the engine tells it.
    pub detail: Value,
}

// === impl Incidents ===

impl Incidents<'_> {
    /// Stores incidents, replacing what is known of them; what an earlier state of one says is passed over.
    pub async fn put(&self, incidents: &[Incident]) -> Result<()> {
        let writing = self.store.writer().begin().await?;
        let mut replace = OnConflict::column(Column::Id);
        replace.update_columns([
            Column::Score,
            Column::Severity,
            Column::Stages,
            Column::Findings,
            Column::FirstAt,
            Column::LastAt,
            Column::Detail,
        ]);
        for incident in incidents {
            let newer = ExprTrait::lte(Expr::col((Entity, Column::LastAt)), micros(incident.last_at));
            let replace = replace.clone().action_and_where(newer).to_owned();
            Entity::insert(incident.row()?)
                .on_conflict(replace)
                .exec_without_returning(&writing)
                .await?;
        }
        writing.commit().await?;
        Ok(())
    }

    /// `since` and `until` speak of the time last added to; `kind` is a severity.
    pub async fn list(&self, filter: &Filter, page: &Page) -> Result<Listing<Incident>> {
        let narrowed = Condition::all()
            .add(filter.time(Column::LastAt))
            .add_option(filter.attacker(Column::AttackerIp))
            .add_option(is(Column::Severity, filter.kind.as_ref()))
            .add_option(
                filter
                    .text
                    .as_deref()
                    .map(|text| contains([Column::Source, Column::Stages], text)),
            );
        let by = By {
            at: Column::LastAt,
            tie: Column::Id,
        };
        let rows = page
            .of(Entity::find().filter(narrowed), by)
            .all(self.store.reader())
            .await?;
        let cursor = |row: &Model| Cursor::new(row.last_at, row.id.as_str());
        Listing::cut(page, rows, cursor).try_map(Incident::from_model)
    }

    pub async fn get(&self, id: &str) -> Result<Option<Incident>> {
        let row = Entity::find_by_id(id).one(self.store.reader()).await?;
        row.map(Incident::from_model).transpose()
    }
}

// === impl Incident ===

impl Incident {
    fn row(&self) -> Result<ActiveModel> {
        Ok(ActiveModel {
            id: Set(self.id.clone()),
            scope: Set(self.scope.clone()),
            source: Set(self.source.clone()),
            attacker_ip: Set(self.attacker_ip.map(|ip| ip.to_canonical().to_string())),
            score: Set(self.score.into()),
            severity: Set(self.severity.clone()),
            stages: Set(to_json("stages", &self.stages)?),
            findings: Set(to_json("ids of findings", &self.findings)?),
            first_at: Set(micros(self.first_at)),
            last_at: Set(micros(self.last_at)),
            detail: Set(to_json("an incident", &self.detail)?),
        })
    }

    fn from_model(row: Model) -> Result<Self> {
        let what = || format!("the incident `{}`", row.id);
        Ok(Self {
            attacker_ip: row.attacker_ip.as_deref().and_then(|ip| ip.parse().ok()),
            score: u8::try_from(row.score).map_or(100, |score| Ord::min(score, 100)),
            stages: from_json(what, &row.stages)?,
            findings: from_json(what, &row.findings)?,
            detail: from_json(what, &row.detail)?,
            first_at: moment(row.first_at),
            last_at: moment(row.last_at),
            id: row.id,
            scope: row.scope,
            source: row.source,
            severity: row.severity,
        })
    }
}
