//! Who is still to be told of which finding. A row is one telling; a crash in between loses none.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, TransactionTrait,
};
use time::{Duration, OffsetDateTime};

use crate::entity::{delivery, finding};
use crate::value::micros;
use crate::{Finding, Result, Store};

#[derive(Clone, Copy, Debug)]
pub struct Deliveries<'a> {
    pub(crate) store: &'a Store,
}

/// One telling that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// As it stands now.
    pub finding: Finding,
    pub to: String,
    /// At which the finding stood when it was to be told.
    pub severity: String,
    /// How often it was tried.
    pub tries: u32,
}

const WAITING: &str = "waiting";
const DONE: &str = "done";
const DEAD: &str = "dead";
/// Tellings that wait for one receiver; what comes beyond is dead at once.
const QUEUE: u64 = 10_000;

// === impl Deliveries ===

impl Deliveries<'_> {
    /// Findings that are new, or changed their severity, since it was last decided who is told of them.
    pub async fn unanswered(&self, limit: u64) -> Result<Vec<Finding>> {
        let rows = finding::Entity::find()
            .filter(finding::Column::Answered.is_null())
            .order_by_asc(finding::Column::LastAt)
            .limit(limit)
            .all(self.store.writer())
            .await?;
        rows.into_iter().map(Finding::from_model).collect()
    }

    /// These are to be told of the finding; returns those whose queue is full, who will never be.
    pub async fn plan(&self, finding: &Finding, to: &[String], now: OffsetDateTime) -> Result<Vec<String>> {
        let writing = self.store.writer().begin().await?;
        let mut full = Vec::new();
        for name in to {
            let waiting = delivery::Entity::find()
                .filter(delivery::Column::To.eq(name))
                .filter(delivery::Column::State.eq(WAITING))
                .count(&writing)
                .await?;
            let state = if waiting < QUEUE { WAITING } else { DEAD };
            if state == DEAD {
                full.push(name.clone());
            }
            let row = delivery::ActiveModel {
                finding: Set(finding.id.clone()),
                to: Set(name.clone()),
                severity: Set(finding.severity.clone()),
                state: Set(state.to_owned()),
                tries: Set(0),
                due_at: Set(micros(now)),
                error: Set((state == DEAD).then(|| "too many wait before it".to_owned())),
            };
            let once = OnConflict::columns([
                delivery::Column::Finding,
                delivery::Column::To,
                delivery::Column::Severity,
            ])
            .do_nothing()
            .to_owned();
            delivery::Entity::insert(row)
                .on_conflict(once)
                .exec_without_returning(&writing)
                .await?;
        }
        finding::Entity::update_many()
            .col_expr(finding::Column::Answered, Expr::val(finding.severity.as_str()))
            .filter(finding::Column::Id.eq(&finding.id))
            .exec(&writing)
            .await?;
        writing.commit().await?;
        Ok(full)
    }

    /// What is to be told to one receiver by now, oldest first.
    pub async fn due(&self, to: &str, now: OffsetDateTime, limit: u64) -> Result<Vec<Delivery>> {
        let rows = delivery::Entity::find()
            .filter(delivery::Column::To.eq(to))
            .filter(delivery::Column::State.eq(WAITING))
            .filter(delivery::Column::DueAt.lte(micros(now)))
            .order_by_asc(delivery::Column::DueAt)
            .limit(limit)
            .all(self.store.writer())
            .await?;
        let mut due = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(found) = finding::Entity::find_by_id(&row.finding)
                .one(self.store.writer())
                .await?
            else {
                continue;
            };
            due.push(Delivery {
                finding: Finding::from_model(found)?,
                to: row.to,
                severity: row.severity,
                tries: u32::try_from(row.tries).unwrap_or(0),
            });
        }
        Ok(due)
    }

    /// How many wait for one receiver.
    pub async fn waiting(&self, to: &str) -> Result<u64> {
        let waiting = delivery::Entity::find()
            .filter(delivery::Column::To.eq(to))
            .filter(delivery::Column::State.eq(WAITING));
        Ok(waiting.count(self.store.reader()).await?)
    }

    /// It was told.
    pub async fn told(&self, delivery: &Delivery) -> Result<()> {
        self.close(delivery, DONE, None).await
    }

    /// It will not be tried again.
    pub async fn give_up(&self, delivery: &Delivery, error: &str) -> Result<()> {
        self.close(delivery, DEAD, Some(error)).await
    }

    /// It is tried again then.
    pub async fn put_off(&self, delivery: &Delivery, error: &str, until: OffsetDateTime) -> Result<()> {
        self.of(delivery)
            .col_expr(
                delivery::Column::Tries,
                ExprTrait::add(Expr::col(delivery::Column::Tries), 1),
            )
            .col_expr(delivery::Column::DueAt, Expr::val(micros(until)))
            .col_expr(delivery::Column::Error, Expr::val(error))
            .exec(self.store.writer())
            .await?;
        Ok(())
    }

    /// Forgets what was settled that long ago.
    pub async fn forget(&self, age: Duration, now: OffsetDateTime) -> Result<u64> {
        let done = delivery::Entity::delete_many()
            .filter(delivery::Column::State.ne(WAITING))
            .filter(delivery::Column::DueAt.lt(micros(now - age)))
            .exec(self.store.writer())
            .await?;
        Ok(done.rows_affected)
    }

    async fn close(&self, delivery: &Delivery, state: &str, error: Option<&str>) -> Result<()> {
        self.of(delivery)
            .col_expr(delivery::Column::State, Expr::val(state))
            .col_expr(delivery::Column::Error, Expr::val(error.map(str::to_owned)))
            .exec(self.store.writer())
            .await?;
        Ok(())
    }

    fn of(&self, delivery: &Delivery) -> sea_orm::UpdateMany<delivery::Entity> {
        delivery::Entity::update_many()
            .filter(delivery::Column::Finding.eq(&delivery.finding.id))
            .filter(delivery::Column::To.eq(&delivery.to))
            .filter(delivery::Column::Severity.eq(&delivery.severity))
    }
}
