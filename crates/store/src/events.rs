//! Events as they were told.

use model::{Endpoint, Event, EventId, Name, Origin, Report, SessionId};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use serde::Serialize;

use crate::entity::event::{Column, Entity, Model};
use crate::page::{By, contains, is};
use crate::value::{from_json, moment};
use crate::{Cursor, Error, Filter, Listing, OriginFilter, Page, Result, Store};

#[derive(Clone, Copy, Debug)]
pub struct Events<'a> {
    pub(crate) store: &'a Store,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredEvent {
    /// Place in the order of storing, which is the order [`Events::follow`] goes in.
    pub n: i64,
    #[serde(flatten)]
    pub event: Event,
}

// === impl Events ===

impl Events<'_> {
    pub async fn list(&self, filter: &Filter, page: &Page) -> Result<Listing<StoredEvent>> {
        let by = By {
            at: Column::At,
            tie: Column::N,
        };
        let models = page.of(narrowed(filter), by).all(self.store.reader()).await?;
        Listing::cut(page, models, |model| Cursor::new(model.at, model.n)).try_map(StoredEvent::from_model)
    }

    /// Events stored after the one of number `n`, in the order of storing: none is missed, none told twice, as long
    /// as each call goes on from the last number seen.
    pub async fn follow(&self, n: i64, filter: &Filter, limit: u64) -> Result<Vec<StoredEvent>> {
        let select = narrowed(filter)
            .filter(Column::N.gt(n))
            .order_by_asc(Column::N)
            .limit(limit.min(Page::MAX));
        let models = select.all(self.store.reader()).await?;
        models.into_iter().map(StoredEvent::from_model).collect()
    }

    /// Number of the event stored last; 0 when there is none.
    pub async fn last(&self) -> Result<i64> {
        let select = Entity::find().select_only().column(Column::N).order_by_desc(Column::N);
        let last = select.into_tuple().one(self.store.reader()).await?;
        Ok(last.unwrap_or(0))
    }

    pub async fn get(&self, id: EventId) -> Result<Option<StoredEvent>> {
        let model = Entity::find()
            .filter(Column::Id.eq(id.0))
            .one(self.store.reader())
            .await?;
        model.map(StoredEvent::from_model).transpose()
    }
}

pub(crate) fn origin_name(origin: Origin) -> &'static str {
    match origin {
        Origin::Peer => "peer",
        Origin::Internal => "internal",
        Origin::Drill => "drill",
    }
}

fn narrowed(filter: &Filter) -> Select<Entity> {
    let origin = match filter.origin {
        OriginFilter::Peers => Some(Origin::Peer),
        OriginFilter::Only(origin) => Some(origin),
        OriginFilter::All => None,
    };
    // Fields lie as JSON: what is looked for must look as it does there.
    let text = filter.text.as_deref().map(|text| {
        let quoted = serde_json::Value::from(text).to_string();
        contains([Column::Fields], &quoted[1..quoted.len() - 1]).add(contains(
            [Column::Decky, Column::Service, Column::Kind, Column::SrcIp],
            text,
        ))
    });
    let all = Condition::all()
        .add(filter.time(Column::At))
        .add_option(filter.attacker(Column::SrcIp))
        .add_option(is(Column::Decky, filter.decky.as_ref()))
        .add_option(is(Column::Service, filter.service.as_ref()))
        .add_option(is(Column::Kind, filter.kind.as_ref()))
        .add_option(is(Column::Session, filter.session.as_ref()))
        .add_option(origin.map(|origin| Column::Origin.eq(origin_name(origin))))
        .add_option(text);
    Entity::find().filter(all)
}

// === impl StoredEvent ===

impl StoredEvent {
    pub(crate) fn from_model(model: Model) -> Result<Self> {
        let what = || format!("the event `{}`", model.id);
        let corrupt = |reason: String| Error::Corrupt { what: what(), reason };
        let end = |ip: Option<String>, port: Option<i32>| -> Result<Option<Endpoint>> {
            let (Some(ip), Some(port)) = (ip, port) else {
                return Ok(None);
            };
            let ip = ip.parse().map_err(|_| corrupt(format!("`{ip}` is no address")))?;
            let port = u16::try_from(port).map_err(|_| corrupt(format!("{port} is no port")))?;
            Ok(Some(Endpoint { ip, port }))
        };
        let origin = [Origin::Peer, Origin::Internal, Origin::Drill]
            .into_iter()
            .find(|&origin| origin_name(origin) == model.origin)
            .ok_or_else(|| corrupt(format!("no origin is called `{}`", model.origin)))?;
        let event = Event {
            decky: Name::new(model.decky.clone()).map_err(|error| corrupt(error.to_string()))?,
            host: model.host.clone(),
            boot: model.boot.clone(),
            seq: u64::try_from(model.seq).unwrap_or_default(),
            report: Report {
                id: EventId(model.id),
                at: moment(model.at),
                service: model.service.clone().into(),
                kind: model.kind.clone().into(),
                src: end(model.src_ip.clone(), model.src_port)?,
                dst: end(model.dst_ip.clone(), model.dst_port)?,
                session: model.session.clone().map(SessionId),
                origin,
                fields: from_json(what, &model.fields)?,
            },
        };
        Ok(Self { n: model.n, event })
    }
}
