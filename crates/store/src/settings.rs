//! Values by name, and secrets made once.

use std::collections::BTreeMap;

use rand::TryRngCore;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, EntityTrait};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::entity::{secret, setting};
use crate::value::{from_json, now, to_json};
use crate::{Error, Result, Store};

/// Bytes of a secret.
const SECRET: usize = 32;

#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    pub(crate) store: &'a Store,
}

// === impl Settings ===

impl Settings<'_> {
    pub async fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let row = setting::Entity::find_by_id(name).one(self.store.reader()).await?;
        row.map(|row| from_json(|| format!("the setting `{name}`"), &row.value))
            .transpose()
    }

    pub async fn set<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<()> {
        let row = setting::ActiveModel {
            name: Set(name.to_owned()),
            value: Set(to_json("a setting", value)?),
            updated_at: Set(now()),
        };
        let replace = OnConflict::column(setting::Column::Name)
            .update_columns([setting::Column::Value, setting::Column::UpdatedAt])
            .to_owned();
        setting::Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(self.store.writer())
            .await?;
        Ok(())
    }

    /// Whether there was such a setting.
    pub async fn delete(&self, name: &str) -> Result<bool> {
        let done = setting::Entity::delete_by_id(name).exec(self.store.writer()).await?;
        Ok(done.rows_affected > 0)
    }

    /// All settings; never the secrets.
    pub async fn all(&self) -> Result<BTreeMap<String, Value>> {
        let rows = setting::Entity::find().all(self.store.reader()).await?;
        rows.into_iter()
            .map(|row| {
                let value = from_json(|| format!("the setting `{}`", row.name), &row.value)?;
                Ok((row.name, value))
            })
            .collect()
    }

    /// 32 random bytes kept under this name, made at the first call: whoever asks, at whatever time, gets the same.
    pub async fn secret(&self, name: &str) -> Result<[u8; SECRET]> {
        if let Some(known) = self.known_secret(name).await? {
            return Ok(known);
        }
        let mut made = [0; SECRET];
        rand::rngs::OsRng
            .try_fill_bytes(&mut made)
            .map_err(|error| Error::Value {
                what: "a new secret",
                reason: error.to_string(),
            })?;
        let row = secret::ActiveModel {
            name: Set(name.to_owned()),
            value: Set(secret::Hidden(made.to_vec())),
        };
        secret::Entity::insert(row)
            .on_conflict(OnConflict::column(secret::Column::Name).do_nothing().to_owned())
            .exec_without_returning(self.store.writer())
            .await?;
        // Another process may have been first.
        let kept = self.known_secret(name).await?;
        kept.ok_or_else(|| Error::Unknown {
            kind: "secret",
            id: name.to_owned(),
        })
    }

    async fn known_secret(&self, name: &str) -> Result<Option<[u8; SECRET]>> {
        let Some(row) = secret::Entity::find_by_id(name).one(self.store.reader()).await? else {
            return Ok(None);
        };
        let bytes = row.value.0.try_into().map_err(|_| Error::Corrupt {
            what: format!("the secret `{name}`"),
            reason: format!("it has not {} bytes", SECRET),
        })?;
        Ok(Some(bytes))
    }
}
