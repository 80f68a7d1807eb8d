//! What the rules found.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, TransactionTrait};
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::entity::finding::{ActiveModel, Column, Entity, Model};
use crate::page::{By, contains, is};
use crate::value::{from_json, micros, moment, now, to_json};
use crate::{Cursor, Filter, Listing, Page, Result, Store};

#[derive(Clone, Copy, Debug)]
pub struct Findings<'a> {
    pub(crate) store: &'a Store,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// `F-` and 16 hex digits; the same finding found again has the same.
    pub id: String,
    pub rule: String,
    /// `detection` or `notice`.
    pub class: String,
    /// `info`, `low`, `medium`, `high`, `critical`.
    pub severity: String,
    /// 0 to 100.
    pub confidence: u8,
    /// An address, an agent, a user; empty when it is many.
    pub source: String,
    pub attacker_ip: Option<IpAddr>,
    pub stage: Option<String>,
    /// ATT&CK ids.
    pub mitre: Vec<String>,
    pub reason: String,
    #[serde(with = "time::serde::rfc3339")]
    pub first_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_at: OffsetDateTime,
    /// When somebody said that they had seen to it.
    #[serde(with = "time::serde::rfc3339::option")]
    pub acknowledged_at: Option<OffsetDateTime>,
    /// The whole finding as the engine tells it.
    pub detail: Value,
}

// === impl Findings ===

impl Findings<'_> {
    /// Stores findings, replacing what is known of them where they are at least as sure as before. Returns the ids of
    /// those that are new or whose severity changed.
    pub async fn put(&self, findings: &[Finding]) -> Result<Vec<String>> {
        if findings.is_empty() {
            return Ok(Vec::new());
        }
        let writing = self.store.writer().begin().await?;
        let ids = findings.iter().map(|finding| finding.id.as_str());
        let known: HashMap<String, Model> = Entity::find()
            .filter(Column::Id.is_in(ids))
            .all(&writing)
            .await?
            .into_iter()
            .map(|model| (model.id.clone(), model))
            .collect();
        let mut changed = Vec::new();
        let mut replace = OnConflict::column(Column::Id);
        replace.update_columns([
            Column::Class,
            Column::Severity,
            Column::Confidence,
            Column::Stage,
            Column::Mitre,
            Column::Reason,
            Column::LastAt,
            Column::Detail,
        ]);
        let mut ask_again = replace.clone();
        ask_again.update_column(Column::Answered);
        for finding in findings {
            let before = known.get(&finding.id);
            let weaker = before.is_some_and(|before| {
                before.confidence > i32::from(finding.confidence) || before.last_at > micros(finding.last_at)
            });
            if weaker {
                continue;
            }
            let is_news = before.is_none_or(|before| before.severity != finding.severity);
            if is_news {
                changed.push(finding.id.clone());
            }
            let how = if is_news { &ask_again } else { &replace };
            Entity::insert(finding.row()?)
                .on_conflict(how.clone())
                .exec_without_returning(&writing)
                .await?;
        }
        writing.commit().await?;
        Ok(changed)
    }

    /// `since` and `until` speak of the time last added to; `kind` is a severity, `service` a rule.
    pub async fn list(&self, filter: &Filter, page: &Page) -> Result<Listing<Finding>> {
        let narrowed = Condition::all()
            .add(filter.time(Column::LastAt))
            .add_option(filter.attacker(Column::AttackerIp))
            .add_option(is(Column::Severity, filter.kind.as_ref()))
            .add_option(is(Column::Rule, filter.service.as_ref()))
            .add_option(
                filter
                    .text
                    .as_deref()
                    .map(|text| contains([Column::Reason, Column::Rule, Column::Source, Column::Mitre], text)),
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
        Listing::cut(page, rows, cursor).try_map(Finding::from_model)
    }

    /// With what a model wrote about it, where one did.
    pub async fn get(&self, id: &str) -> Result<Option<Finding>> {
        let row = Entity::find_by_id(id).one(self.store.reader()).await?;
        let Some(mut finding) = row.map(Finding::from_model).transpose()? else {
            return Ok(None);
        };
        let written = self.store.narratives().of(id).await?;
        if let Some(narrative) = written.filter(|narrative| narrative.status == "ok") {
            finding.detail["narrative"] = json!(narrative);
        }
        Ok(Some(finding))
    }

    /// ATT&CK ids of all that was found of an address.
    pub async fn techniques(&self, ip: IpAddr) -> Result<BTreeSet<String>> {
        let rows = Entity::find()
            .filter(Column::AttackerIp.eq(ip.to_canonical().to_string()))
            .all(self.store.reader())
            .await?;
        let mut techniques = BTreeSet::new();
        for row in rows {
            let ids: Vec<String> = from_json(|| format!("the finding `{}`", row.id), &row.mitre)?;
            techniques.extend(ids);
        }
        Ok(techniques)
    }

    /// Notes that somebody has seen to it. False when there is no such finding.
    pub async fn acknowledge(&self, id: &str) -> Result<bool> {
        let done = Entity::update_many()
            .set(ActiveModel {
                acknowledged_at: Set(Some(now())),
                ..Default::default()
            })
            .filter(Column::Id.eq(id))
            .exec(self.store.writer())
            .await?;
        Ok(done.rows_affected > 0)
    }
}

// === impl Finding ===

impl Finding {
    fn row(&self) -> Result<ActiveModel> {
        Ok(ActiveModel {
            id: Set(self.id.clone()),
            rule: Set(self.rule.clone()),
            class: Set(self.class.clone()),
            severity: Set(self.severity.clone()),
            confidence: Set(self.confidence.into()),
            source: Set(self.source.clone()),
            attacker_ip: Set(self.attacker_ip.map(|ip| ip.to_canonical().to_string())),
            stage: Set(self.stage.clone()),
            mitre: Set(to_json("techniques", &self.mitre)?),
            reason: Set(self.reason.clone()),
            first_at: Set(micros(self.first_at)),
            last_at: Set(micros(self.last_at)),
            acknowledged_at: Set(self.acknowledged_at.map(micros)),
            detail: Set(to_json("a finding", &self.detail)?),
            answered: Set(None),
        })
    }

    pub(crate) fn from_model(row: Model) -> Result<Self> {
        let what = || format!("the finding `{}`", row.id);
        Ok(Self {
            confidence: u8::try_from(row.confidence).unwrap_or_default().min(100),
            attacker_ip: row.attacker_ip.as_deref().and_then(|ip| ip.parse().ok()),
            mitre: from_json(what, &row.mitre)?,
            detail: from_json(what, &row.detail)?,
            first_at: moment(row.first_at),
            last_at: moment(row.last_at),
            acknowledged_at: row.acknowledged_at.map(moment),
            id: row.id,
            rule: row.rule,
            class: row.class,
            severity: row.severity,
            source: row.source,
            stage: row.stage,
            reason: row.reason,
        })
    }
}
