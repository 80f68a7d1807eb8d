//! The journal of what is being done to the grid, so that a restart can finish or undo it.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::connect;
use crate::entity::{operation, operation_step};
use crate::value::{from_json, moment, now, to_json};
use crate::{Error, Result, Store};

#[derive(Clone, Copy, Debug)]
pub struct Operations<'a> {
    pub(crate) store: &'a Store,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Operation {
    pub id: Uuid,
    /// `deploy`, `teardown`, ...
    pub kind: String,
    /// What was to be done, as [`Operations::begin`] was given it.
    pub plan: Value,
    pub status: OperationStatus,
    pub error: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended_at: Option<OffsetDateTime>,
    /// What was done, in order.
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub step: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationStatus {
    Running,
    Done,
    Failed,
}

// === impl Operations ===

impl Operations<'_> {
    /// Notes the plan before the first step is taken.
    pub async fn begin<P: Serialize + ?Sized>(&self, id: Uuid, kind: &str, plan: &P) -> Result<()> {
        let at = now();
        let row = operation::ActiveModel {
            id: Set(id),
            kind: Set(kind.to_owned()),
            plan: Set(to_json("an operation's plan", plan)?),
            status: Set(OperationStatus::Running.as_str().to_owned()),
            error: Set(None),
            started_at: Set(at),
            updated_at: Set(at),
            ended_at: Set(None),
        };
        operation::Entity::insert(row)
            .exec_without_returning(self.store.writer())
            .await?;
        Ok(())
    }

    /// Notes a step: before it is taken or after, as the caller's recovery needs it.
    pub async fn step<S: Serialize + ?Sized>(&self, id: Uuid, step: &S) -> Result<()> {
        let (step, at) = (to_json("an operation's step", step)?, now());
        let transaction = connect::begin(self.store.writer()).await?;
        touch(&transaction, id, at).await?;
        let of_this = operation_step::Entity::find().filter(operation_step::Column::Operation.eq(id));
        let n = i64::try_from(of_this.count(&transaction).await?).unwrap_or(i64::MAX);
        let row = operation_step::ActiveModel {
            operation: Set(id),
            n: Set(n),
            at: Set(at),
            step: Set(step),
        };
        operation_step::Entity::insert(row)
            .exec_without_returning(&transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Ends the operation, with the reason when it failed.
    pub async fn finish(&self, id: Uuid, outcome: std::result::Result<(), &str>) -> Result<()> {
        let (status, at) = (OperationStatus::of(&outcome), now());
        let change = operation::ActiveModel {
            status: Set(status.as_str().to_owned()),
            error: Set(outcome.err().map(str::to_owned)),
            updated_at: Set(at),
            ended_at: Set(Some(at)),
            ..Default::default()
        };
        let done = operation::Entity::update_many()
            .set(change)
            .filter(operation::Column::Id.eq(id))
            .exec(self.store.writer())
            .await?;
        found(done.rows_affected, id)
    }

    /// Begun and not ended, oldest first: what a crash left behind.
    pub async fn unfinished(&self) -> Result<Vec<Operation>> {
        let running = operation::Entity::find()
            .filter(operation::Column::Status.eq(OperationStatus::Running.as_str()))
            .order_by_asc(operation::Column::StartedAt)
            .order_by_asc(operation::Column::Id);
        self.with_steps(running.all(self.store.reader()).await?).await
    }

    /// The newest ones, newest first.
    pub async fn latest(&self, limit: u64) -> Result<Vec<Operation>> {
        let newest = operation::Entity::find()
            .order_by_desc(operation::Column::StartedAt)
            .order_by_desc(operation::Column::Id)
            .limit(limit);
        self.with_steps(newest.all(self.store.reader()).await?).await
    }

    async fn with_steps(&self, rows: Vec<operation::Model>) -> Result<Vec<Operation>> {
        let mut operations = Vec::with_capacity(rows.len());
        for row in rows {
            let steps = operation_step::Entity::find()
                .filter(operation_step::Column::Operation.eq(row.id))
                .order_by_asc(operation_step::Column::N)
                .all(self.store.reader())
                .await?;
            operations.push(Operation::from_models(row, steps)?);
        }
        Ok(operations)
    }
}

/// Also serialises the numbering of steps: the row stays locked until the transaction ends.
async fn touch(transaction: &DatabaseTransaction, id: Uuid, at: i64) -> Result<()> {
    let done = operation::Entity::update_many()
        .col_expr(operation::Column::UpdatedAt, Expr::val(at))
        .filter(operation::Column::Id.eq(id))
        .exec(transaction)
        .await?;
    found(done.rows_affected, id)
}

fn found(rows: u64, id: Uuid) -> Result<()> {
    if rows == 0 {
        return Err(Error::Unknown {
            kind: "operation",
            id: id.to_string(),
        });
    }
    Ok(())
}

// === impl Operation ===

impl Operation {
    fn from_models(row: operation::Model, steps: Vec<operation_step::Model>) -> Result<Self> {
        let what = || format!("the operation `{}`", row.id);
        let steps = steps.into_iter().map(|step| {
            Ok(Step {
                at: moment(step.at),
                step: from_json(what, &step.step)?,
            })
        });
        Ok(Self {
            steps: steps.collect::<Result<_>>()?,
            plan: from_json(what, &row.plan)?,
            status: OperationStatus::parse(&row.status).ok_or_else(|| Error::Corrupt {
                what: what(),
                reason: format!("no status is called `{}`", row.status),
            })?,
            id: row.id,
            kind: row.kind,
            error: row.error,
            started_at: moment(row.started_at),
            updated_at: moment(row.updated_at),
            ended_at: row.ended_at.map(moment),
        })
    }
}

// === impl OperationStatus ===

impl OperationStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn of<T, E>(outcome: &std::result::Result<T, E>) -> Self {
        if outcome.is_ok() { Self::Done } else { Self::Failed }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Running, Self::Done, Self::Failed]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}
