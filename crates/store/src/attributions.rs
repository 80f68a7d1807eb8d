//! How each thing an identity shows held over time (clustering.md §21). Rows of identities that were merged into others
//! are gone: what counts is worked out from all that belong to the one that counts.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::entity::attribution::{ActiveModel, Column, Entity, Model};
use crate::value::{from_json, micros, moment, to_json};
use crate::{Lease, Notice, Result, Store, connect, leases, outbox};

/// Raised when a primitive comes to mean something else.
const SCHEMA: i32 = 1;
/// Values of one statement: engines bound them.
const AT_ONCE: usize = 500;

#[derive(Clone, Copy, Debug)]
pub struct Attributions<'a> {
    pub(crate) store: &'a Store,
}

/// One measurement of one identity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttributionState {
    #[serde(skip)]
    pub identity: Uuid,
    /// As `ssh.hassh`.
    pub primitive: String,
    pub current_value: Value,
    /// `unknown`, `stable`, `drifting`, `conflicted`, `multi_actor`.
    pub state: String,
    /// 0 to 1.
    pub confidence: f64,
    pub observation_count: i64,
    /// Since when the state is what it is.
    #[serde(with = "time::serde::rfc3339")]
    pub last_change_ts: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_observation_ts: OffsetDateTime,
}

/// What one pass writes: all of it, or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttributionWriting {
    pub states: Vec<AttributionState>,
    /// Identities whose rows go, before the states are written.
    pub gone: Vec<Uuid>,
    /// What the bus is to be told.
    pub notices: Vec<Notice>,
}

// === impl Attributions ===

impl Attributions<'_> {
    /// Of these identities, by primitive.
    pub async fn of(&self, identities: &[Uuid]) -> Result<Vec<AttributionState>> {
        let mut found = Vec::new();
        for some in identities.chunks(AT_ONCE) {
            let select = Entity::find()
                .filter(Column::Identity.is_in(some.iter().copied()))
                .order_by_asc(Column::Primitive);
            for model in select.all(self.store.reader()).await? {
                found.push(AttributionState::from_model(model)?);
            }
        }
        Ok(found)
    }

    /// # Errors
    /// [`crate::Error::LeaseLost`] when somebody else leads by now; then nothing was written.
    pub async fn write(&self, lease: &Lease, writing: &AttributionWriting, now: OffsetDateTime) -> Result<()> {
        let transaction = connect::begin(self.store.writer()).await?;
        connect::alone(&transaction).await?;
        leases::advance(&transaction, lease, now).await?;
        for some in writing.gone.chunks(AT_ONCE) {
            let gone = Column::Identity.is_in(some.iter().copied());
            Entity::delete_many().filter(gone).exec(&transaction).await?;
        }
        let mut replace = OnConflict::columns([Column::Identity, Column::Primitive]);
        replace.update_columns([
            Column::SchemaVersion,
            Column::State,
            Column::CurrentValue,
            Column::Confidence,
            Column::Observations,
            Column::LastChange,
            Column::LastObservation,
        ]);
        for some in writing.states.chunks(AT_ONCE) {
            let rows = some.iter().map(ActiveModel::try_from).collect::<Result<Vec<_>>>()?;
            Entity::insert_many(rows)
                .on_conflict(replace.clone())
                .exec_without_returning(&transaction)
                .await?;
        }
        outbox::put(&transaction, &lease.name, &writing.notices, now).await?;
        Ok(transaction.commit().await?)
    }
}

// === impl AttributionWriting ===

impl AttributionWriting {
    pub fn is_empty(&self) -> bool {
        self.states.is_empty() && self.gone.is_empty() && self.notices.is_empty()
    }
}

// === impl AttributionState ===

impl AttributionState {
    fn from_model(model: Model) -> Result<Self> {
        let what = || format!("`{}` of the identity {}", model.primitive, model.identity);
        Ok(Self {
            current_value: from_json(what, &model.current_value)?,
            identity: model.identity,
            primitive: model.primitive,
            state: model.state,
            confidence: model.confidence,
            observation_count: model.observations,
            last_change_ts: moment(model.last_change),
            last_observation_ts: moment(model.last_observation),
        })
    }
}

impl TryFrom<&AttributionState> for ActiveModel {
    type Error = crate::Error;

    fn try_from(state: &AttributionState) -> Result<Self> {
        Ok(Self {
            identity: Set(state.identity),
            primitive: Set(state.primitive.clone()),
            schema_version: Set(SCHEMA),
            state: Set(state.state.clone()),
            current_value: Set(to_json("a measurement", &state.current_value)?),
            confidence: Set(state.confidence),
            observations: Set(state.observation_count),
            last_change: Set(micros(state.last_change_ts)),
            last_observation: Set(micros(state.last_observation_ts)),
        })
    }
}
