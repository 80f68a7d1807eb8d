//! What was tried to get in, and which of it turned up in more than one place.

use std::borrow::Cow;
use std::cmp::{max, min};
use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use model::{Fields, Outcome, Secret};
use sea_orm::sea_query::{Asterisk, Expr, ExprTrait, Func, Query};
use sea_orm::{ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::entity::credential::{Column, Entity, Model};
use crate::page::{By, contains, is};
use crate::value::{from_json, moment};
use crate::{Cursor, Filter, Listing, Order, Page, Result, Store, reuses};

#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    pub(crate) store: &'a Store,
}

/// One secret tried by one attacker at one service of one decky for one principal, however often.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Credential {
    pub attacker_ip: String,
    pub decky: String,
    pub service: String,
    pub principal: Option<String>,
    #[serde(flatten)]
    pub secret: Secret,
    /// Of the secret's bytes, 64 hex digits.
    pub secret_sha256: String,
    /// What else the first try told: the method, the challenge answered.
    pub fields: Fields,
    #[serde(with = "time::serde::rfc3339")]
    pub first_seen: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen: OffsetDateTime,
    pub attempts: i64,
    pub successes: i64,
    pub failures: i64,
}

/// The same secret for the same principal at several targets (a decky and its service) or from several addresses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reuse {
    /// The same wherever it is told of.
    pub id: Uuid,
    pub principal: Option<String>,
    #[serde(flatten)]
    pub secret: Secret,
    pub secret_sha256: String,
    pub attackers: BTreeSet<String>,
    pub deckies: BTreeSet<String>,
    pub services: BTreeSet<String>,
    pub target_count: usize,
    #[serde(with = "time::serde::rfc3339")]
    pub first_seen: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen: OffsetDateTime,
    pub attempts: i64,
    pub successes: i64,
    #[serde(skip)]
    targets: BTreeSet<(String, String)>,
}

// === impl Credentials ===

impl Credentials<'_> {
    /// `since` and `until` speak of the time last tried.
    pub async fn list(&self, filter: &Filter, page: &Page) -> Result<Listing<Credential>> {
        let by = By {
            at: Column::LastSeen,
            tie: Column::Key,
        };
        let select = Entity::find().filter(narrowed(filter));
        let models = page.of(select, by).all(self.store.reader()).await?;
        let cursor = |model: &Model| Cursor::new(model.last_seen, &model.key);
        Listing::cut(page, models, cursor).try_map(Credential::from_model)
    }

    /// Secrets tried in more than one place, by the time last tried. Kinds of secret that change with each challenge
    /// are not compared. A filter narrows what is compared.
    pub async fn reuse(&self, filter: &Filter, page: &Page) -> Result<Listing<Reuse>> {
        let groups = self.reused(filter, page).await?;
        let listing = Listing::cut(page, groups, |group| Cursor::new(group.last_seen, &group.reuse_key));
        let keys = listing.rows.iter().map(|group| group.reuse_key.clone());
        let select = Entity::find()
            .filter(narrowed(filter))
            .filter(Column::ReuseKey.is_in(keys));
        let mut found: BTreeMap<Vec<u8>, Reuse> = BTreeMap::new();
        for model in select.order_by_asc(Column::FirstSeen).all(self.store.reader()).await? {
            let Some(key) = model.reuse_key.clone() else { continue };
            let Some(id) = reuses::id(&key) else { continue };
            let credential = Credential::from_model(model)?;
            match found.get_mut(&key) {
                Some(reuse) => reuse.add(credential),
                None => _ = found.insert(key, Reuse::of(id, credential)),
            }
        }
        let Listing { rows, next } = listing;
        let rows = rows
            .into_iter()
            .filter_map(|group| found.remove(&group.reuse_key))
            .collect();
        Ok(Listing { rows, next })
    }

    async fn reused(&self, filter: &Filter, page: &Page) -> Result<Vec<Group>> {
        // Told from the index alone; what is left of it is little.
        let repeated = Query::select()
            .column(Column::ReuseKey)
            .from(Entity)
            .and_where(Column::ReuseKey.is_not_null())
            .group_by_col(Column::ReuseKey)
            .and_having(Func::count(Expr::col(Asterisk)).gt(1))
            .take();
        let last_seen = || Column::LastSeen.max();
        let descending = page.order == Order::NewestFirst;
        let after = page.after.as_ref().map(|cursor| {
            let place = Expr::tuple([last_seen(), Column::ReuseKey.into_expr()]);
            let bound = Expr::tuple([Expr::val(cursor.at), Expr::val(cursor.tie.value())]);
            if descending { place.lt(bound) } else { place.gt(bound) }
        });
        let several = Condition::any()
            .add(Func::count_distinct(Expr::col(Column::Decky)).gt(1))
            .add(Func::count_distinct(Expr::col(Column::Service)).gt(1))
            .add(Func::count_distinct(Expr::col(Column::AttackerIp)).gt(1));
        let order = if descending {
            sea_orm::Order::Desc
        } else {
            sea_orm::Order::Asc
        };
        let select = Entity::find()
            .select_only()
            .column(Column::ReuseKey)
            .column_as(last_seen(), "last_seen")
            .filter(narrowed(filter))
            .filter(Column::ReuseKey.in_subquery(repeated))
            .group_by(Column::ReuseKey)
            .having(Condition::all().add(several).add_option(after))
            .order_by(last_seen(), order.clone())
            .order_by(Column::ReuseKey, order)
            .limit(page.rows() + 1);
        Ok(select.into_model::<Group>().all(self.store.reader()).await?)
    }
}

#[derive(FromQueryResult)]
struct Group {
    reuse_key: Vec<u8>,
    last_seen: i64,
}

fn narrowed(filter: &Filter) -> Condition {
    let said = [
        Column::Principal,
        Column::SecretPrintable,
        Column::SecretSha256,
        Column::Decky,
        Column::AttackerIp,
    ];
    let outcome = filter.outcome.map(|outcome| match outcome {
        Outcome::Success => Column::Successes.gt(0),
        Outcome::Failure => Column::Failures.gt(0),
    });
    Condition::all()
        .add(filter.time(Column::LastSeen))
        .add_option(filter.attacker(Column::AttackerIp))
        .add_option(is(Column::Decky, filter.decky.as_ref()))
        .add_option(is(Column::Service, filter.service.as_ref()))
        .add_option(is(Column::SecretKind, filter.kind.as_ref()))
        .add_option(outcome)
        .add_option(filter.text.as_deref().map(|text| contains(said, text)))
}

// === impl Credential ===

impl Credential {
    fn from_model(model: Model) -> Result<Self> {
        let what = || format!("a credential of `{}`", model.attacker_ip);
        Ok(Self {
            fields: from_json(what, &model.fields)?,
            secret: Secret {
                secret_kind: Cow::Owned(model.secret_kind),
                secret_printable: model.secret_printable,
                secret_b64: B64.encode(&model.secret),
            },
            attacker_ip: model.attacker_ip,
            decky: model.decky,
            service: model.service,
            principal: model.principal,
            secret_sha256: model.secret_sha256,
            first_seen: moment(model.first_seen),
            last_seen: moment(model.last_seen),
            attempts: model.attempts,
            successes: model.successes,
            failures: model.failures,
        })
    }
}

// === impl Reuse ===

impl Reuse {
    fn of(id: Uuid, credential: Credential) -> Self {
        let mut reuse = Self {
            id,
            principal: credential.principal.clone(),
            secret: credential.secret.clone(),
            secret_sha256: credential.secret_sha256.clone(),
            attackers: BTreeSet::new(),
            deckies: BTreeSet::new(),
            services: BTreeSet::new(),
            target_count: 0,
            first_seen: credential.first_seen,
            last_seen: credential.last_seen,
            attempts: 0,
            successes: 0,
            targets: BTreeSet::new(),
        };
        reuse.add(credential);
        reuse
    }

    fn add(&mut self, credential: Credential) {
        self.targets
            .insert((credential.decky.clone(), credential.service.clone()));
        self.target_count = self.targets.len();
        self.attackers.insert(credential.attacker_ip);
        self.deckies.insert(credential.decky);
        self.services.insert(credential.service);
        self.first_seen = min(self.first_seen, credential.first_seen);
        self.last_seen = max(self.last_seen, credential.last_seen);
        self.attempts += credential.attempts;
        self.successes += credential.successes;
    }
}
