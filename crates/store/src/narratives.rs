//! Prose about findings. Whoever writes it has this and nothing else.

use sea_orm::sea_query::{OnConflict, Query};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;
use time::OffsetDateTime;

use crate::entity::finding;
use crate::entity::narrative::{ActiveModel, Column, Entity, Model};
use crate::value::micros;
use crate::{Finding, Result, Store};

#[derive(Clone, Copy, Debug)]
pub struct Narratives<'a> {
    pub(crate) store: &'a Store,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Narrative {
    /// `ok`, or why there is none: `offline`, `timeout`, `error`.
    pub status: String,
    pub model: String,
    pub hypothesis: String,
    pub report: String,
    /// It was written about another finding of the same.
    pub cached: bool,
    /// Of what it was written from.
    #[serde(skip)]
    pub digest: String,
}

const OK: &str = "ok";

// === impl Narratives ===

impl Narratives<'_> {
    /// Detections that nobody has written about, the newest first; and those where writing failed before then.
    pub async fn missing(&self, failed_before: OffsetDateTime, limit: u64) -> Result<Vec<Finding>> {
        let settled = Condition::any()
            .add(Column::Status.eq(OK))
            .add(Column::At.gt(micros(failed_before)));
        let written = Query::select()
            .column(Column::Finding)
            .from(Entity)
            .cond_where(settled)
            .take();
        let rows = finding::Entity::find()
            .filter(finding::Column::Class.eq("detection"))
            .filter(finding::Column::Id.not_in_subquery(written))
            .order_by_desc(finding::Column::LastAt)
            .limit(limit)
            .all(self.store.reader())
            .await?;
        rows.into_iter().map(Finding::from_model).collect()
    }

    /// What was written about the same, if anything was.
    pub async fn of_digest(&self, digest: &str) -> Result<Option<Narrative>> {
        let row = Entity::find()
            .filter(Column::Digest.eq(digest))
            .filter(Column::Status.eq(OK))
            .one(self.store.reader())
            .await?;
        Ok(row.map(Narrative::from))
    }

    pub async fn of(&self, finding: &str) -> Result<Option<Narrative>> {
        let row = Entity::find_by_id(finding).one(self.store.reader()).await?;
        Ok(row.map(Narrative::from))
    }

    pub async fn put(&self, finding: &str, narrative: &Narrative, now: OffsetDateTime) -> Result<()> {
        let row = ActiveModel {
            finding: Set(finding.to_owned()),
            digest: Set(narrative.digest.clone()),
            status: Set(narrative.status.clone()),
            model: Set(narrative.model.clone()),
            hypothesis: Set(narrative.hypothesis.clone()),
            report: Set(narrative.report.clone()),
            cached: Set(narrative.cached),
            at: Set(micros(now)),
        };
        let mut replace = OnConflict::column(Column::Finding);
        replace.update_columns([
            Column::Digest,
            Column::Status,
            Column::Model,
            Column::Hypothesis,
            Column::Report,
            Column::Cached,
            Column::At,
        ]);
        Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(self.store.writer())
            .await?;
        Ok(())
    }
}

impl From<Model> for Narrative {
    fn from(row: Model) -> Self {
        Self {
            status: row.status,
            model: row.model,
            hypothesis: row.hypothesis,
            report: row.report,
            cached: row.cached,
            digest: row.digest,
        }
    }
}
