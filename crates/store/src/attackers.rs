//! Who came: one row an address.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::entity::attacker::{Column, Entity, Model};
use crate::entity::target;
use crate::page::{By, contains, is, single, within};
use crate::value::moment;
use crate::{Cursor, Error, Filter, Footprint, Listing, Page, Result, Store, footprint};

/// Parts of the grid that report in the place of a service; nobody attacks them.
const OBSERVERS: [&str; 2] = ["sniffer", "prober"];

#[derive(Clone, Copy, Debug)]
pub struct Attackers<'a> {
    pub(crate) store: &'a Store,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attacker {
    pub ip: IpAddr,
    #[serde(with = "time::serde::rfc3339")]
    pub first_seen: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen: OffsetDateTime,
    pub events: i64,
    pub sessions: i64,
    pub commands: i64,
    /// Tries to log in, each counted.
    pub logins: i64,
    /// Different ones: the same secret at the same service of another decky is another.
    pub credentials: i64,
    pub files: i64,
    /// Connections that came about, and so prove the address.
    pub handshakes: i64,
    /// Changes of what probes were answered with.
    pub rotation_count: i64,
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_rotation_at: Option<OffsetDateTime>,
    pub services: BTreeSet<String>,
    pub deckies: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttackerSort {
    /// By the time last seen.
    #[default]
    Recent,
    /// By the number of events.
    Active,
}

// === impl Attackers ===

impl Attackers<'_> {
    /// `since` and `until` speak of the time last seen.
    pub async fn list(&self, filter: &Filter, sort: AttackerSort, page: &Page) -> Result<Listing<Attacker>> {
        let at = match sort {
            AttackerSort::Recent => Column::LastSeen,
            AttackerSort::Active => Column::Events,
        };
        let select = Entity::find().filter(narrowed(filter));
        let models = page
            .of(select, By { at, tie: Column::Ip })
            .all(self.store.reader())
            .await?;
        let cursor = |model: &Model| match sort {
            AttackerSort::Recent => Cursor::new(model.last_seen, model.ip.as_str()),
            AttackerSort::Active => Cursor::new(model.events, model.ip.as_str()),
        };
        let mut listing = Listing::cut(page, models, cursor).try_map(Attacker::from_model)?;
        self.add_targets(&mut listing.rows).await?;
        Ok(listing)
    }

    pub async fn get(&self, ip: IpAddr) -> Result<Option<Attacker>> {
        let model = Entity::find_by_id(ip.to_canonical().to_string())
            .one(self.store.reader())
            .await?;
        let mut rows = model
            .map(Attacker::from_model)
            .transpose()?
            .into_iter()
            .collect::<Vec<_>>();
        self.add_targets(&mut rows).await?;
        Ok(rows.pop())
    }

    /// What the attacker's machine looks like; an empty picture when nothing of it was seen.
    pub async fn footprint(&self, ip: IpAddr) -> Result<Footprint> {
        footprint::read(self.store, ip.to_canonical()).await
    }

    async fn add_targets(&self, attackers: &mut [Attacker]) -> Result<()> {
        let ips: Vec<_> = attackers.iter().map(|attacker| attacker.ip.to_string()).collect();
        let targets = target::Entity::find().filter(target::Column::AttackerIp.is_in(ips));
        let mut rows: HashMap<_, _> = attackers.iter_mut().map(|row| (row.ip.to_string(), row)).collect();
        for target in targets.all(self.store.reader()).await? {
            if let Some(row) = rows.get_mut(&target.attacker_ip) {
                if !OBSERVERS.contains(&target.service.as_str()) {
                    row.services.insert(target.service);
                }
                row.deckies.insert(target.decky);
            }
        }
        Ok(())
    }
}

fn narrowed(filter: &Filter) -> Condition {
    let target = [
        is(target::Column::Decky, filter.decky.as_ref()),
        is(target::Column::Service, filter.service.as_ref()),
    ];
    let targeted = target.iter().any(Option::is_some).then(|| {
        let [decky, service] = target;
        let ips = Query::select()
            .column(target::Column::AttackerIp)
            .from(target::Entity)
            .cond_where(Condition::all().add_option(decky).add_option(service))
            .take();
        Column::Ip.in_subquery(ips)
    });
    let attacker = filter.attacker.map(|net| match single(net) {
        Some(ip) => Condition::all().add(Column::Ip.eq(ip.to_string())),
        None => within(net),
    });
    Condition::all()
        .add(filter.time(Column::LastSeen))
        .add_option(attacker)
        .add_option(targeted)
        .add_option(filter.text.as_deref().map(|text| contains([Column::Ip], text)))
}

// === impl Attacker ===

impl Attacker {
    fn from_model(model: Model) -> Result<Self> {
        let ip = model.ip.parse().map_err(|_| Error::Corrupt {
            what: format!("the attacker `{}`", model.ip),
            reason: "it is no address".to_owned(),
        })?;
        Ok(Self {
            ip,
            first_seen: moment(model.first_seen),
            last_seen: moment(model.last_seen),
            events: model.events,
            sessions: model.sessions,
            commands: model.commands,
            logins: model.logins,
            credentials: model.credentials,
            files: model.files,
            handshakes: model.handshakes,
            rotation_count: model.rotation_count,
            last_rotation_at: model.last_rotation_at.map(moment),
            services: BTreeSet::new(),
            deckies: BTreeSet::new(),
        })
    }
}
