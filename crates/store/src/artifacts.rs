//! Files attackers brought or made, by what they hold.

use model::EventId;
use sea_orm::sea_query::{Query, SimpleExpr};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;
use time::OffsetDateTime;

use crate::entity::artifact::{Column, Entity, Model};
use crate::entity::sighting;
use crate::page::{By, contains, is};
use crate::value::moment;
use crate::{Cursor, Filter, Listing, Page, Result, Store};

/// Sightings shown with an artifact in a listing.
const SHOWN: u64 = 10;

#[derive(Clone, Copy, Debug)]
pub struct Artifacts<'a> {
    pub(crate) store: &'a Store,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Artifact {
    /// 64 hex digits.
    pub sha256: String,
    pub size: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub first_seen: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen: OffsetDateTime,
    pub sightings: i64,
    /// The latest of them, newest first.
    pub seen: Vec<Sighting>,
}

/// One time a file of this content was brought.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sighting {
    /// Of the event that told of it.
    pub id: EventId,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub decky: String,
    pub service: String,
    pub attacker_ip: Option<String>,
    pub session: Option<String>,
    pub path: String,
    /// `upload`, `write`, `body`.
    pub way: String,
    pub user: Option<String>,
}

// === impl Artifacts ===

impl Artifacts<'_> {
    /// `since` and `until` speak of the time last seen.
    pub async fn list(&self, filter: &Filter, page: &Page) -> Result<Listing<Artifact>> {
        let by = By {
            at: Column::LastSeen,
            tie: Column::Sha256,
        };
        let select = Entity::find().filter(narrowed(filter));
        let models = page.of(select, by).all(self.store.reader()).await?;
        let cursor = |model: &Model| Cursor::new(model.last_seen, model.sha256.as_str());
        let mut listing = Listing::cut(page, models, cursor).map(Artifact::from_model);
        for artifact in &mut listing.rows {
            artifact.seen = self.seen(&artifact.sha256, SHOWN).await?;
        }
        Ok(listing)
    }

    pub async fn get(&self, sha256: &str) -> Result<Option<Artifact>> {
        let Some(model) = Entity::find_by_id(sha256).one(self.store.reader()).await? else {
            return Ok(None);
        };
        let mut artifact = Artifact::from_model(model);
        artifact.seen = self.seen(sha256, Page::MAX).await?;
        Ok(Some(artifact))
    }

    async fn seen(&self, sha256: &str, limit: u64) -> Result<Vec<Sighting>> {
        let select = sighting::Entity::find()
            .filter(sighting::Column::Sha256.eq(sha256))
            .order_by_desc(sighting::Column::At)
            .order_by_desc(sighting::Column::Id)
            .limit(limit);
        let sightings = select.all(self.store.reader()).await?;
        Ok(sightings.into_iter().map(Sighting::from_model).collect())
    }
}

fn narrowed(filter: &Filter) -> Condition {
    use sighting::Column as Seen;
    let asked: Vec<SimpleExpr> = [
        filter.attacker(Seen::AttackerIp),
        is(Seen::Decky, filter.decky.as_ref()),
        is(Seen::Service, filter.service.as_ref()),
        is(Seen::Session, filter.session.as_ref()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let seen = |asked: Condition| {
        let hashes = Query::select()
            .column(Seen::Sha256)
            .from(sighting::Entity)
            .cond_where(asked)
            .take();
        Column::Sha256.in_subquery(hashes)
    };
    let text = filter.text.as_deref().map(|text| {
        let named = contains([Seen::Path, Seen::Username], text);
        contains([Column::Sha256], text).add(seen(named))
    });
    let asked = (!asked.is_empty()).then(|| seen(asked.into_iter().fold(Condition::all(), Condition::add)));
    Condition::all()
        .add(filter.time(Column::LastSeen))
        .add_option(asked)
        .add_option(text)
}

// === impl Artifact ===

impl Artifact {
    fn from_model(model: Model) -> Self {
        Self {
            sha256: model.sha256,
            size: model.size,
            first_seen: moment(model.first_seen),
            last_seen: moment(model.last_seen),
            sightings: model.sightings,
            seen: Vec::new(),
        }
    }
}

// === impl Sighting ===

impl Sighting {
    fn from_model(model: sighting::Model) -> Self {
        Self {
            id: EventId(model.id),
            at: moment(model.at),
            decky: model.decky,
            service: model.service,
            attacker_ip: model.attacker_ip,
            session: model.session,
            path: model.path,
            way: model.way,
            user: model.username,
        }
    }
}
