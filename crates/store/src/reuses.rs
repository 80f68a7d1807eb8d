//! Secrets tried for one principal in several places (clustering.md §20), followed as events come in.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt as _;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::entity::{credential, reuse};
use crate::value::micros;
use crate::{Changed, Lease, Notice, Result, Store, connect, cursors, leases, outbox};

/// Values of one statement: engines bound them.
const AT_ONCE: usize = 500;

#[derive(Clone, Copy, Debug)]
pub struct Reuses<'a> {
    pub(crate) store: &'a Store,
}

/// Where one secret was tried for one principal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    pub secret_kind: String,
    /// Deckies, each with a service.
    pub targets: BTreeSet<(String, String)>,
    pub attackers: BTreeSet<String>,
}

/// How far a spread went: targets, attackers, deckies, services.
pub type Extent = [i64; 4];

/// What one pass writes: all of it, or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpreadWriting {
    pub extents: BTreeMap<Uuid, Extent>,
    /// What the bus is to be told.
    pub notices: Vec<Notice>,
    /// The event up to which was read.
    pub read_up_to: i64,
}

// === impl Reuses ===

impl Reuses<'_> {
    /// The event up to which `worker` has read; 0 before it ever did.
    pub async fn read_up_to(&self, worker: &str) -> Result<i64> {
        Ok(self.store.cursors().get(worker).await?.unwrap_or(0))
    }

    /// What those who changed tried since the earliest of these events, and wherever else it was tried.
    pub async fn touched(&self, changed: &Changed) -> Result<BTreeMap<Uuid, Spread>> {
        use credential::Column;
        let mut keys: BTreeSet<Vec<u8>> = BTreeSet::new();
        let ips: Vec<&String> = changed.ips.iter().collect();
        for some in ips.chunks(AT_ONCE) {
            let select = credential::Entity::find()
                .select_only()
                .column(Column::ReuseKey)
                .filter(Column::AttackerIp.is_in(some.iter().copied()))
                .filter(Column::LastSeen.gte(changed.since.unwrap_or(i64::MIN)))
                .filter(Column::ReuseKey.is_not_null())
                .into_tuple::<Vec<u8>>();
            keys.extend(select.all(self.store.reader()).await?);
        }
        let keys: Vec<Vec<u8>> = keys.into_iter().collect();
        let mut spreads = BTreeMap::new();
        for some in keys.chunks(AT_ONCE) {
            self.spread(some, &mut spreads).await?;
        }
        Ok(spreads)
    }

    async fn spread(&self, keys: &[Vec<u8>], into: &mut BTreeMap<Uuid, Spread>) -> Result<()> {
        use credential::Column;
        let columns = [
            Column::ReuseKey,
            Column::SecretKind,
            Column::Decky,
            Column::Service,
            Column::AttackerIp,
        ];
        // One by one: of a common password there are as many rows as attackers.
        let mut rows = credential::Entity::find()
            .select_only()
            .columns(columns)
            .filter(Column::ReuseKey.is_in(keys.iter().cloned()))
            .into_tuple::<(Vec<u8>, String, String, String, String)>()
            .stream(self.store.reader())
            .await?;
        while let Some((key, kind, decky, service, attacker)) = rows.try_next().await? {
            let Some(id) = id(&key) else { continue };
            let spread = into.entry(id).or_default();
            spread.secret_kind = kind;
            spread.targets.insert((decky, service));
            spread.attackers.insert(attacker);
        }
        Ok(())
    }

    /// How far those of them went that were told of.
    pub async fn told(&self, ids: impl Iterator<Item = Uuid>) -> Result<BTreeMap<Uuid, Extent>> {
        let keys: Vec<Vec<u8>> = ids.map(|id| id.as_bytes().to_vec()).collect();
        let mut told = BTreeMap::new();
        for some in keys.chunks(AT_ONCE) {
            let select = reuse::Entity::find().filter(reuse::Column::ReuseKey.is_in(some.iter().cloned()));
            for row in select.all(self.store.reader()).await? {
                let extent = [row.targets, row.attackers, row.deckies, row.services];
                told.extend(id(&row.reuse_key).map(|id| (id, extent)));
            }
        }
        Ok(told)
    }

    /// # Errors
    /// [`crate::Error::LeaseLost`] when somebody else leads by now; then nothing was written.
    pub async fn write(&self, lease: &Lease, writing: &SpreadWriting, now: OffsetDateTime) -> Result<()> {
        use reuse::Column;
        let transaction = connect::begin(self.store.writer()).await?;
        connect::alone(&transaction).await?;
        leases::advance(&transaction, lease, now).await?;
        let replace = OnConflict::column(Column::ReuseKey)
            .update_columns([
                Column::Targets,
                Column::Attackers,
                Column::Deckies,
                Column::Services,
                Column::UpdatedAt,
            ])
            .to_owned();
        let row = |(id, [targets, attackers, deckies, services]): (&Uuid, &Extent)| reuse::ActiveModel {
            reuse_key: Set(id.as_bytes().to_vec()),
            targets: Set(*targets),
            attackers: Set(*attackers),
            deckies: Set(*deckies),
            services: Set(*services),
            updated_at: Set(micros(now)),
        };
        let rows: Vec<_> = writing.extents.iter().map(row).collect();
        for some in rows.chunks(AT_ONCE) {
            reuse::Entity::insert_many(some.iter().cloned())
                .on_conflict(replace.clone())
                .exec_without_returning(&transaction)
                .await?;
        }
        cursors::put(&transaction, &lease.name, &writing.read_up_to).await?;
        outbox::put(&transaction, &lease.name, &writing.notices, now).await?;
        Ok(transaction.commit().await?)
    }
}

// === impl Spread ===

impl Spread {
    pub fn deckies(&self) -> BTreeSet<&str> {
        self.targets.iter().map(|(decky, _)| decky.as_str()).collect()
    }

    pub fn services(&self) -> BTreeSet<&str> {
        self.targets.iter().map(|(_, service)| service.as_str()).collect()
    }

    pub fn extent(&self) -> Extent {
        let all = [
            self.targets.len(),
            self.attackers.len(),
            self.deckies().len(),
            self.services().len(),
        ];
        all.map(|n| i64::try_from(n).unwrap_or(i64::MAX))
    }
}

/// A reuse is named by its key: nothing but what is reused goes into it.
pub(crate) fn id(key: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(key).ok()
}
