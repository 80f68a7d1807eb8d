//! What is to be published about what was written, written with it: a crash in between loses nothing.

use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::entity::outbox::{ActiveModel, Column, Entity};
use crate::value::{from_json, micros, moment, to_json};
use crate::{Result, Store};

/// Rows of one statement.
const AT_ONCE: usize = 500;

#[derive(Clone, Copy, Debug)]
pub struct Outbox<'a> {
    pub(crate) store: &'a Store,
}

/// A message that is to be published.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Makes two publications of it one.
    pub id: Uuid,
    pub subject: String,
    pub payload: Value,
}

/// One that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// Its place in the order of writing.
    pub n: i64,
    pub at: OffsetDateTime,
    pub notice: Notice,
}

// === impl Outbox ===

impl Outbox<'_> {
    /// What this worker wrote and nobody has published yet, in order.
    pub async fn waiting(&self, worker: &str, limit: u64) -> Result<Vec<Waiting>> {
        let rows = Entity::find()
            .filter(Column::Worker.eq(worker))
            .order_by_asc(Column::N)
            .limit(limit)
            .all(self.store.writer())
            .await?;
        let read = rows.into_iter().map(|row| {
            Ok(Waiting {
                n: row.n,
                at: moment(row.at),
                notice: Notice {
                    id: row.id,
                    payload: from_json(|| format!("message {} of the outbox", row.n), &row.payload)?,
                    subject: row.subject,
                },
            })
        });
        read.collect()
    }

    /// They were published, all up to this one.
    pub async fn published(&self, worker: &str, up_to: i64) -> Result<()> {
        Entity::delete_many()
            .filter(Column::Worker.eq(worker))
            .filter(Column::N.lte(up_to))
            .exec(self.store.writer())
            .await?;
        Ok(())
    }
}

pub(crate) async fn put(
    transaction: &DatabaseTransaction,
    worker: &str,
    notices: &[Notice],
    now: OffsetDateTime,
) -> Result<()> {
    for some in notices.chunks(AT_ONCE) {
        let row = |notice: &Notice| {
            Ok(ActiveModel {
                id: Set(notice.id),
                worker: Set(worker.to_owned()),
                subject: Set(notice.subject.clone()),
                payload: Set(to_json("a message", &notice.payload)?),
                at: Set(micros(now)),
                ..Default::default()
            })
        };
        let rows = some.iter().map(row).collect::<Result<Vec<_>>>()?;
        Entity::insert_many(rows).exec_without_returning(transaction).await?;
    }
    Ok(())
}
