//! Who is behind it: identities, which observations belong to, and campaigns, which identities belong to. Both are rows
//! of one shape that are merged by a pointer and never removed.

use std::collections::BTreeMap;

use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, Iterable as _, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::entity::{attacker, campaign, identity};
use crate::page::By;
use crate::value::{count, from_json, micros, moment, to_json};
use crate::{Cursor, Lease, Listing, Notice, Page, Result, Store, connect, leases, outbox};

/// Values of one statement: engines bound them.
const AT_ONCE: usize = 500;

#[derive(Clone, Copy, Debug)]
pub struct Groups<'a> {
    pub(crate) store: &'a Store,
    pub(crate) level: Level,
}

/// Of two ladders' steps, which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Observations, by address, to identities.
    Identity,
    /// Identities to campaigns.
    Campaign,
}

/// A row of either.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    pub id: Uuid,
    pub schema_version: i32,
    pub merged_into: Option<Uuid>,
    /// The end of the chain of merges; its own id where it was not merged.
    pub canonical: Uuid,
    /// The campaign an identity was put in, as written; campaigns have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<Uuid>,
    /// Passes in a row that spoke for parting it.
    pub doubts: u32,
    /// Of the writing that changed it last.
    pub generation: i64,
    #[serde(with = "time::serde::rfc3339::option")]
    pub first_seen: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_seen: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    /// How well it hangs together, 0 to 1: for ranking. None where it has one member.
    pub confidence: Option<f64>,
    /// Those of everything merged into it, too.
    pub members: u64,
    pub notes: Option<String>,
    #[serde(flatten)]
    pub rollup: Rollup,
}

/// What its members showed; sorted sets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollup {
    pub ja3_hashes: Vec<String>,
    pub ja4_hashes: Vec<String>,
    pub ja4h_hashes: Vec<String>,
    pub ja4_quic_hashes: Vec<String>,
    pub hassh_hashes: Vec<String>,
    pub tls_cert_sha256: Vec<String>,
    pub ssh_pubkeys: Vec<String>,
    pub payload_hashes: Vec<String>,
    pub c2_endpoints: Vec<String>,
}

/// What one pass writes: all of it, or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Writing {
    /// New or changed rows, whole but for `campaign`, `generation` and `notes`, which are not written from here.
    pub groups: Vec<Group>,
    /// Members and whom they belong to now: addresses, or ids of identities.
    pub members: Vec<(String, Uuid)>,
    /// What the bus is to be told.
    pub notices: Vec<Notice>,
}

// === impl Groups ===

impl Groups<'_> {
    /// Those that were not merged into another, by the time they last changed.
    pub async fn list(&self, page: &Page) -> Result<Listing<Group>> {
        let cursor = |group: &Group| Cursor::new(micros(group.updated_at), group.id);
        let reader = self.store.reader();
        let rows: Vec<Group> = match self.level {
            Level::Identity => {
                let by = By {
                    at: identity::Column::UpdatedAt,
                    tie: identity::Column::Id,
                };
                let active = identity::Entity::find().filter(identity::Column::MergedInto.is_null());
                read(page.of(active, by).all(reader).await?)?
            }
            Level::Campaign => {
                let by = By {
                    at: campaign::Column::UpdatedAt,
                    tie: campaign::Column::Id,
                };
                let active = campaign::Entity::find().filter(campaign::Column::MergedInto.is_null());
                read(page.of(active, by).all(reader).await?)?
            }
        };
        Ok(Listing::cut(page, rows, cursor))
    }

    /// The row of this id, merged or not.
    pub async fn get(&self, id: Uuid) -> Result<Option<Group>> {
        let reader = self.store.reader();
        let found = match self.level {
            Level::Identity => read(identity::Entity::find_by_id(id).one(reader).await?)?,
            Level::Campaign => read(campaign::Entity::find_by_id(id).one(reader).await?)?,
        };
        Ok(found.into_iter().next())
    }

    /// The row that counts for this id.
    pub async fn canonical(&self, id: Uuid) -> Result<Option<Group>> {
        match self.get(id).await? {
            Some(group) if group.canonical != id => self.get(group.canonical).await,
            found => Ok(found),
        }
    }

    /// Rows written since, oldest writing first. Follow on with the last one's generation and id.
    pub async fn since(&self, generation: i64, after: Option<Uuid>, limit: u64) -> Result<Vec<Group>> {
        let reader = self.store.reader();
        macro_rules! since {
            ($entity:ident) => {{
                use $entity::Column::{Generation, Id};
                let later = Generation.gt(generation);
                let later = match after {
                    Some(id) => later.or(Generation.eq(generation).and(Id.gt(id))),
                    None => later,
                };
                let select = $entity::Entity::find().filter(later);
                let select = select.order_by_asc(Generation).order_by_asc(Id).limit(limit);
                read(select.all(reader).await?)
            }};
        }
        match self.level {
            Level::Identity => since!(identity),
            Level::Campaign => since!(campaign),
        }
    }

    /// Members of these rows, as written: who was put in one that was merged is still its member.
    pub async fn members(&self, of: &[Uuid]) -> Result<Vec<(String, Uuid)>> {
        let reader = self.store.reader();
        let mut members = Vec::new();
        for some in of.chunks(AT_ONCE) {
            let some = some.iter().copied();
            match self.level {
                Level::Identity => {
                    let select = attacker::Entity::find()
                        .select_only()
                        .columns([attacker::Column::Ip, attacker::Column::Identity])
                        .filter(attacker::Column::Identity.is_in(some));
                    members.extend(select.into_tuple::<(String, Uuid)>().all(reader).await?);
                }
                Level::Campaign => {
                    let select = identity::Entity::find()
                        .select_only()
                        .columns([identity::Column::Id, identity::Column::Campaign])
                        .filter(identity::Column::Campaign.is_in(some));
                    let rows = select.into_tuple::<(Uuid, Uuid)>().all(reader).await?;
                    members.extend(rows.into_iter().map(|(id, campaign)| (id.to_string(), campaign)));
                }
            }
        }
        members.sort();
        Ok(members)
    }

    /// All rows merged into this one, itself first.
    pub async fn merged(&self, canonical: Uuid) -> Result<Vec<Uuid>> {
        let reader = self.store.reader();
        let mut ids: Vec<Uuid> = match self.level {
            Level::Identity => {
                let select = identity::Entity::find()
                    .select_only()
                    .column(identity::Column::Id)
                    .filter(identity::Column::Canonical.eq(canonical));
                select.into_tuple().all(reader).await?
            }
            Level::Campaign => {
                let select = campaign::Entity::find()
                    .select_only()
                    .column(campaign::Column::Id)
                    .filter(campaign::Column::Canonical.eq(canonical));
                select.into_tuple().all(reader).await?
            }
        };
        ids.sort_by_key(|&id| (id != canonical, id));
        Ok(ids)
    }

    /// Writes all of it, or nothing; only the holder of the lease may. Returns the generation of the writing.
    ///
    /// # Errors
    /// [`crate::Error::LeaseLost`] when somebody else leads by now; then nothing was written.
    pub async fn write(&self, lease: &Lease, writing: &Writing, now: OffsetDateTime) -> Result<i64> {
        let transaction = connect::begin(self.store.writer()).await?;
        connect::alone(&transaction).await?;
        let generation = leases::advance(&transaction, lease, now).await?;
        for some in writing.groups.chunks(AT_ONCE) {
            self.put(&transaction, some, generation).await?;
        }
        self.link(&transaction, &writing.members, now).await?;
        outbox::put(&transaction, &lease.name, &writing.notices, now).await?;
        transaction.commit().await?;
        Ok(generation)
    }

    async fn put(&self, transaction: &DatabaseTransaction, groups: &[Group], generation: i64) -> Result<()> {
        macro_rules! put {
            ($entity:ident, $kept:pat) => {{
                let rows = groups.iter().map(|group| {
                    let mut row = $entity::ActiveModel::try_from(group)?;
                    row.generation = Set(generation);
                    Ok(row)
                });
                let rows = rows.collect::<Result<Vec<_>>>()?;
                let written = $entity::Column::iter().filter(|column| !matches!(column, $kept));
                let update = OnConflict::column($entity::Column::Id)
                    .update_columns(written)
                    .to_owned();
                $entity::Entity::insert_many(rows)
                    .on_conflict(update)
                    .exec_without_returning(transaction)
                    .await?;
            }};
        }
        match self.level {
            Level::Identity => put!(
                identity,
                identity::Column::Id
                    | identity::Column::Campaign
                    | identity::Column::Notes
                    | identity::Column::CreatedAt
            ),
            Level::Campaign => put!(
                campaign,
                campaign::Column::Id | campaign::Column::Notes | campaign::Column::CreatedAt
            ),
        }
        Ok(())
    }

    async fn link(
        &self,
        transaction: &DatabaseTransaction,
        members: &[(String, Uuid)],
        now: OffsetDateTime,
    ) -> Result<()> {
        let mut by_owner: BTreeMap<Uuid, Vec<&str>> = BTreeMap::new();
        for (member, owner) in members {
            by_owner.entry(*owner).or_default().push(member);
        }
        for (owner, members) in by_owner {
            for some in members.chunks(AT_ONCE) {
                match self.level {
                    Level::Identity => {
                        attacker::Entity::update_many()
                            .col_expr(attacker::Column::Identity, owner.into())
                            .filter(attacker::Column::Ip.is_in(some.iter().copied()))
                            .exec(transaction)
                            .await?;
                    }
                    Level::Campaign => {
                        let ids = some.iter().filter_map(|id| id.parse::<Uuid>().ok());
                        identity::Entity::update_many()
                            .col_expr(identity::Column::Campaign, owner.into())
                            .col_expr(identity::Column::UpdatedAt, micros(now).into())
                            .filter(identity::Column::Id.is_in(ids))
                            .exec(transaction)
                            .await?;
                    }
                }
            }
        }
        Ok(())
    }
}

// === Rows ===

fn read<M>(models: impl IntoIterator<Item = M>) -> Result<Vec<Group>>
where
    Group: TryFrom<M, Error = crate::Error>,
{
    models.into_iter().map(Group::try_from).collect()
}

/// A list in JSON; null where there is nothing.
fn listed(values: &[String]) -> Result<Option<String>> {
    (!values.is_empty()).then(|| to_json("a rollup", values)).transpose()
}

fn unlisted(id: Uuid, text: Option<String>) -> Result<Vec<String>> {
    let read = text.map(|text| from_json(|| format!("the rollup of {id}"), &text));
    Ok(read.transpose()?.unwrap_or_default())
}

macro_rules! rows {
    ($entity:ident, $campaign:expr, { $($extra:ident: $value:expr),* }) => {
        impl TryFrom<$entity::Model> for Group {
            type Error = crate::Error;

            fn try_from(row: $entity::Model) -> Result<Self> {
                let campaign: fn(&$entity::Model) -> Option<Uuid> = $campaign;
                Ok(Self {
                    id: row.id,
                    schema_version: row.schema_version,
                    merged_into: row.merged_into,
                    canonical: row.canonical,
                    campaign: campaign(&row),
                    doubts: u32::try_from(row.doubts).unwrap_or_default(),
                    generation: row.generation,
                    first_seen: row.first_seen.map(moment),
                    last_seen: row.last_seen.map(moment),
                    created_at: moment(row.created_at),
                    updated_at: moment(row.updated_at),
                    confidence: row.confidence,
                    members: u64::try_from(row.members).unwrap_or_default(),
                    notes: row.notes,
                    rollup: Rollup {
                        ja3_hashes: unlisted(row.id, row.ja3_hashes)?,
                        ja4_hashes: unlisted(row.id, row.ja4_hashes)?,
                        ja4h_hashes: unlisted(row.id, row.ja4h_hashes)?,
                        ja4_quic_hashes: unlisted(row.id, row.ja4_quic_hashes)?,
                        hassh_hashes: unlisted(row.id, row.hassh_hashes)?,
                        tls_cert_sha256: unlisted(row.id, row.tls_cert_sha256)?,
                        ssh_pubkeys: unlisted(row.id, row.ssh_pubkeys)?,
                        payload_hashes: unlisted(row.id, row.payload_hashes)?,
                        c2_endpoints: unlisted(row.id, row.c2_endpoints)?,
                    },
                })
            }
        }

        impl TryFrom<&Group> for $entity::ActiveModel {
            type Error = crate::Error;

            fn try_from(group: &Group) -> Result<Self> {
                let rollup = &group.rollup;
                Ok(Self {
                    id: Set(group.id),
                    schema_version: Set(group.schema_version),
                    merged_into: Set(group.merged_into),
                    canonical: Set(group.canonical),
                    doubts: Set(i32::try_from(group.doubts).unwrap_or(i32::MAX)),
                    generation: Set(group.generation),
                    first_seen: Set(group.first_seen.map(micros)),
                    last_seen: Set(group.last_seen.map(micros)),
                    created_at: Set(micros(group.created_at)),
                    updated_at: Set(micros(group.updated_at)),
                    confidence: Set(group.confidence),
                    members: Set(count(group.members)),
                    notes: Set(group.notes.clone()),
                    ja3_hashes: Set(listed(&rollup.ja3_hashes)?),
                    ja4_hashes: Set(listed(&rollup.ja4_hashes)?),
                    ja4h_hashes: Set(listed(&rollup.ja4h_hashes)?),
                    ja4_quic_hashes: Set(listed(&rollup.ja4_quic_hashes)?),
                    hassh_hashes: Set(listed(&rollup.hassh_hashes)?),
                    tls_cert_sha256: Set(listed(&rollup.tls_cert_sha256)?),
                    ssh_pubkeys: Set(listed(&rollup.ssh_pubkeys)?),
                    payload_hashes: Set(listed(&rollup.payload_hashes)?),
                    c2_endpoints: Set(listed(&rollup.c2_endpoints)?),
                    $($extra: $value),*
                })
            }
        }
    };
}

rows!(identity, |row| row.campaign, { campaign: Set(None) });
rows!(campaign, |_| None, {});
