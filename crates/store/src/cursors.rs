//! How far a follower has read, by its name.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entity::cursor::{ActiveModel, Column, Entity};
use crate::value::{from_json, now, to_json};
use crate::{Result, Store};

#[derive(Clone, Copy, Debug)]
pub struct Cursors<'a> {
    pub(crate) store: &'a Store,
}

// === impl Cursors ===

impl Cursors<'_> {
    pub async fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let row = Entity::find_by_id(name).one(self.store.reader()).await?;
        row.map(|row| from_json(|| format!("the cursor `{name}`"), &row.value))
            .transpose()
    }

    pub async fn set<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<()> {
        put(self.store.writer(), name, value).await
    }

    /// Whether there was such a cursor.
    pub async fn delete(&self, name: &str) -> Result<bool> {
        let done = Entity::delete_by_id(name).exec(self.store.writer()).await?;
        Ok(done.rows_affected > 0)
    }
}

pub(crate) async fn put<C: ConnectionTrait, T: Serialize + ?Sized>(db: &C, name: &str, value: &T) -> Result<()> {
    let row = ActiveModel {
        name: Set(name.to_owned()),
        value: Set(to_json("a cursor", value)?),
        updated_at: Set(now()),
    };
    let replace = OnConflict::column(Column::Name)
        .update_columns([Column::Value, Column::UpdatedAt])
        .to_owned();
    Entity::insert(row)
        .on_conflict(replace)
        .exec_without_returning(db)
        .await?;
    Ok(())
}
