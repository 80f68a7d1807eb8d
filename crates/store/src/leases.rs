//! One leader among several that could be: a row says who, and until when.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use time::{Duration, OffsetDateTime};

use crate::entity::lease::{ActiveModel, Column, Entity};
use crate::value::micros;
use crate::{Error, Result, Store};

#[derive(Clone, Copy, Debug)]
pub struct Leases<'a> {
    pub(crate) store: &'a Store,
}

/// The right to write for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub name: String,
    pub holder: String,
    pub until: OffsetDateTime,
    /// How often was written under this name; another number than one's own last means somebody else was at it.
    pub generation: i64,
}

// === impl Leases ===

impl Leases<'_> {
    /// Takes the lease of this name, or holds on to it, until `term` from now; none while somebody else has it.
    pub async fn take(&self, name: &str, holder: &str, term: Duration, now: OffsetDateTime) -> Result<Option<Lease>> {
        let until = now + term;
        let row = ActiveModel {
            name: Set(name.to_owned()),
            holder: Set(holder.to_owned()),
            until: Set(micros(until)),
            generation: Set(0),
        };
        let free = Column::Until.lte(micros(now)).or(Column::Holder.eq(holder));
        let replace = OnConflict::column(Column::Name)
            .update_columns([Column::Holder, Column::Until])
            .action_and_where(free)
            .to_owned();
        let done = Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(self.store.writer())
            .await?;
        if done == 0 {
            return Ok(None);
        }
        let row = Entity::find_by_id(name).one(self.store.writer()).await?;
        Ok(row.filter(|row| row.holder == holder).map(|row| Lease {
            name: row.name,
            holder: row.holder,
            until,
            generation: row.generation,
        }))
    }

    /// Gives it back before its time, for the next to take at once.
    pub async fn give_back(&self, lease: &Lease) -> Result<()> {
        Entity::update_many()
            .col_expr(Column::Until, Expr::val(0))
            .filter(Column::Name.eq(&lease.name))
            .filter(Column::Holder.eq(&lease.holder))
            .exec(self.store.writer())
            .await?;
        Ok(())
    }
}

/// Counts a writing under the lease. Nobody else writes between this and the end of the transaction.
pub(crate) async fn advance(transaction: &DatabaseTransaction, lease: &Lease, now: OffsetDateTime) -> Result<i64> {
    let lost = || Error::LeaseLost {
        name: lease.name.clone(),
    };
    let done = Entity::update_many()
        .col_expr(Column::Generation, ExprTrait::add(Expr::col(Column::Generation), 1))
        .filter(Column::Name.eq(&lease.name))
        .filter(Column::Holder.eq(&lease.holder))
        .filter(Column::Until.gt(micros(now)))
        .exec(transaction)
        .await?;
    if done.rows_affected == 0 {
        return Err(lost());
    }
    let row = Entity::find_by_id(&lease.name).one(transaction).await?;
    row.map(|row| row.generation).ok_or_else(lost)
}
