//! The fleet as it should be and as it is: one row a decky (deploy.md §9.2).

use std::collections::HashSet;

use model::Name;
use model::fleet::{DeckySpec, DeckyState};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, Select};
use serde::Serialize;
use time::OffsetDateTime;

use crate::entity::decky::{ActiveModel, Column, Entity, Model};
use crate::value::{from_json, micros, moment, now, to_json};
use crate::{Error, Result, Store};

/// The host of deckies that run where the store is.
pub const LOCAL: &str = "local";

#[derive(Clone, Copy, Debug)]
pub struct Deckies<'a> {
    pub(crate) store: &'a Store,
}

/// One decky. Its key is `(host, spec.name)`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeckyRow {
    /// Uuid of the host it runs on, or [`LOCAL`].
    pub host: String,
    pub spec: DeckySpec,
    pub state: DeckyState,
    pub last_error: Option<String>,
    /// Of the spec last made real; another hash than the spec's own means there is something to apply.
    pub spec_hash: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_seen: Option<OffsetDateTime>,
    /// Set by the store at each write.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

// === impl Deckies ===

impl Deckies<'_> {
    /// All, by host and name.
    pub async fn list(&self) -> Result<Vec<DeckyRow>> {
        let select = Entity::find().order_by_asc(Column::HostUuid).order_by_asc(Column::Name);
        let models = select.all(self.store.reader()).await?;
        models.into_iter().map(DeckyRow::from_model).collect()
    }

    pub async fn get(&self, host: &str, name: &Name) -> Result<Option<DeckyRow>> {
        let model = Self::one(host, name).one(self.store.reader()).await?;
        model.map(DeckyRow::from_model).transpose()
    }

    /// Writes the row, replacing the one of the same key.
    pub async fn put(&self, row: &DeckyRow) -> Result<()> {
        self.put_all(std::slice::from_ref(row)).await
    }

    /// Writes the rows all or none, replacing those of the same keys.
    pub async fn put_all(&self, rows: &[DeckyRow]) -> Result<()> {
        let mut seen = HashSet::new();
        // A statement may touch a row once only; of two with one key the last is meant.
        let rows: Vec<_> = rows
            .iter()
            .rev()
            .filter(|row| seen.insert((&row.host, &row.spec.name)))
            .collect();
        let models = rows.into_iter().map(DeckyRow::to_model).collect::<Result<Vec<_>>>()?;
        if models.is_empty() {
            return Ok(());
        }
        let replace = OnConflict::columns([Column::HostUuid, Column::Name])
            .update_columns([
                Column::Spec,
                Column::State,
                Column::LastError,
                Column::SpecHash,
                Column::LastSeen,
                Column::UpdatedAt,
            ])
            .to_owned();
        Entity::insert_many(models)
            .on_conflict(replace)
            .exec_without_returning(self.store.writer())
            .await?;
        Ok(())
    }

    /// Changes the state and its error, nothing else.
    pub async fn set_state(&self, host: &str, name: &Name, state: DeckyState, error: Option<&str>) -> Result<()> {
        let change = ActiveModel {
            state: Set(state.as_str().to_owned()),
            last_error: Set(error.map(str::to_owned)),
            updated_at: Set(now()),
            ..Default::default()
        };
        self.change(host, name, change).await
    }

    /// Notes that the decky was found alive at `at`.
    pub async fn set_seen(&self, host: &str, name: &Name, at: OffsetDateTime) -> Result<()> {
        let change = ActiveModel {
            last_seen: Set(Some(micros(at))),
            ..Default::default()
        };
        self.change(host, name, change).await
    }

    /// Whether there was such a row.
    pub async fn delete(&self, host: &str, name: &Name) -> Result<bool> {
        let done = Entity::delete_many()
            .filter(Column::HostUuid.eq(host))
            .filter(Column::Name.eq(name.as_str()))
            .exec(self.store.writer())
            .await?;
        Ok(done.rows_affected > 0)
    }

    fn one(host: &str, name: &Name) -> Select<Entity> {
        Entity::find_by_id((host.to_owned(), name.as_str().to_owned()))
    }

    async fn change(&self, host: &str, name: &Name, change: ActiveModel) -> Result<()> {
        let done = Entity::update_many()
            .set(change)
            .filter(Column::HostUuid.eq(host))
            .filter(Column::Name.eq(name.as_str()))
            .exec(self.store.writer())
            .await?;
        if done.rows_affected == 0 {
            return Err(Error::Unknown {
                kind: "decky",
                id: name.to_string(),
            });
        }
        Ok(())
    }
}

// === impl DeckyRow ===

impl DeckyRow {
    /// A decky of this host that nothing was done about yet.
    pub fn pending(spec: DeckySpec) -> Self {
        Self {
            host: LOCAL.to_owned(),
            spec,
            state: DeckyState::Pending,
            last_error: None,
            spec_hash: None,
            last_seen: None,
            updated_at: OffsetDateTime::UNIX_EPOCH,
        }
    }

    pub fn name(&self) -> &Name {
        &self.spec.name
    }

    fn to_model(&self) -> Result<ActiveModel> {
        Ok(ActiveModel {
            host_uuid: Set(self.host.clone()),
            name: Set(self.spec.name.to_string()),
            spec: Set(to_json("a decky's spec", &self.spec)?),
            state: Set(self.state.as_str().to_owned()),
            last_error: Set(self.last_error.clone()),
            spec_hash: Set(self.spec_hash.clone()),
            last_seen: Set(self.last_seen.map(micros)),
            updated_at: Set(now()),
        })
    }

    fn from_model(model: Model) -> Result<Self> {
        let what = || format!("the row of decky `{}`", model.name);
        Ok(Self {
            spec: from_json(what, &model.spec)?,
            state: state(&model.state).ok_or_else(|| Error::Corrupt {
                what: what(),
                reason: format!("no state is called `{}`", model.state),
            })?,
            host: model.host_uuid,
            last_error: model.last_error,
            spec_hash: model.spec_hash,
            last_seen: model.last_seen.map(moment),
            updated_at: moment(model.updated_at),
        })
    }
}

fn state(text: &str) -> Option<DeckyState> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}
