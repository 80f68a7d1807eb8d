//! What operators said of pairs: the same, or not.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::Serialize;
use time::OffsetDateTime;

use crate::entity::pin::{ActiveModel, Column, Entity};
use crate::value::{micros, moment};
use crate::{Level, Result, Store};

#[derive(Clone, Copy, Debug)]
pub struct Pins<'a> {
    pub(crate) store: &'a Store,
}

/// A pair and what was said of it. Addresses, or ids of identities; `a` is the smaller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pin {
    pub a: String,
    pub b: String,
    pub same: bool,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

// === impl Pins ===

impl Pins<'_> {
    pub async fn list(&self, level: Level) -> Result<Vec<Pin>> {
        let rows = Entity::find()
            .filter(Column::Level.eq(level.as_str()))
            .order_by_asc(Column::A)
            .order_by_asc(Column::B)
            .all(self.store.reader())
            .await?;
        let pin = |row: crate::entity::pin::Model| Pin {
            a: row.a,
            b: row.b,
            same: row.same,
            at: moment(row.at),
        };
        Ok(rows.into_iter().map(pin).collect())
    }

    /// Says of two whether they are the same; what was said of them before is forgotten.
    pub async fn set(&self, level: Level, a: &str, b: &str, same: bool, now: OffsetDateTime) -> Result<()> {
        let (a, b) = (a.min(b), a.max(b));
        let row = ActiveModel {
            level: Set(level.as_str().to_owned()),
            a: Set(a.to_owned()),
            b: Set(b.to_owned()),
            same: Set(same),
            at: Set(micros(now)),
        };
        let replace = OnConflict::columns([Column::Level, Column::A, Column::B])
            .update_columns([Column::Same, Column::At])
            .to_owned();
        Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(self.store.writer())
            .await?;
        Ok(())
    }

    /// Whether something had been said of them.
    pub async fn remove(&self, level: Level, a: &str, b: &str) -> Result<bool> {
        let key = (level.as_str().to_owned(), a.min(b).to_owned(), a.max(b).to_owned());
        let done = Entity::delete_by_id(key).exec(self.store.writer()).await?;
        Ok(done.rows_affected > 0)
    }
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Campaign => "campaign",
        }
    }
}
