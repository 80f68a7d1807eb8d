//! Attacks the grid makes on itself, signed so that nothing else passes for one.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use hmac::{Hmac, Mac as _};
use ipnet::IpNet;
use model::{Event, Origin};
use rand::TryRngCore as _;
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter};
use serde::Serialize;
use sha2::Sha256;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::entity::drill::{ActiveModel, Column, Entity, Model};
use crate::value::{micros, moment, now};
use crate::{Cursor, Error, Filter, Order, OriginFilter, Page, Result, Store, StoredEvent};

/// A drill whose end was never told is over after this time.
const LONGEST: i64 = 15 * 60 * SECOND;
/// Connections may be torn down this long after the drill said it ended.
const AFTERMATH: i64 = 60 * SECOND;
const SECOND: i64 = 1_000_000;
const SECRET: &str = "drills";
const NONCE: usize = 16;

#[derive(Clone, Copy, Debug)]
pub struct Drills<'a> {
    pub(crate) store: &'a Store,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drill {
    pub id: Uuid,
    /// Where it attacks from. Everything from there is the drill's until a minute after its end.
    pub ip: IpAddr,
    /// 32 hex digits nobody could have guessed, for the drill to say on the wire and find again.
    pub nonce: String,
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended_at: Option<OffsetDateTime>,
}

// === impl Drills ===

impl Drills<'_> {
    /// Announces a drill from this address: to be called before its first packet.
    pub async fn begin(&self, ip: IpAddr) -> Result<Drill> {
        let mut nonce = [0; NONCE];
        rand::rngs::OsRng
            .try_fill_bytes(&mut nonce)
            .map_err(|error| Error::Value {
                what: "a drill's nonce",
                reason: error.to_string(),
            })?;
        let secret = self.store.settings().secret(SECRET).await?;
        let mut model = Model {
            id: Uuid::now_v7(),
            ip: ip.to_canonical().to_string(),
            nonce: nonce.to_vec(),
            signature: Vec::new(),
            started_at: now(),
            ended_at: None,
        };
        model.signature = signed(&secret, &model).finalize().into_bytes().to_vec();
        let drill = Drill::from_model(&model)?;
        let row = ActiveModel {
            id: Set(model.id),
            ip: Set(model.ip),
            nonce: Set(model.nonce),
            signature: Set(model.signature),
            started_at: Set(model.started_at),
            ended_at: Set(None),
        };
        Entity::insert(row).exec_without_returning(self.store.writer()).await?;
        Ok(drill)
    }

    pub async fn end(&self, id: Uuid) -> Result<()> {
        let done = Entity::update_many()
            .set(ActiveModel {
                ended_at: Set(Some(now())),
                ..Default::default()
            })
            .filter(Column::Id.eq(id))
            .exec(self.store.writer())
            .await?;
        if done.rows_affected == 0 {
            return Err(unknown(id));
        }
        Ok(())
    }

    /// Whether what comes from this address at this time counts as a drill's.
    pub async fn covers(&self, ip: IpAddr, at: OffsetDateTime) -> Result<bool> {
        let at = micros(at);
        let models = Entity::find()
            .filter(Column::Ip.eq(ip.to_canonical().to_string()))
            .filter(Column::StartedAt.gte(at.saturating_sub(LONGEST + AFTERMATH)))
            .all(self.store.reader())
            .await?;
        for model in models {
            if Drill::from_model(&model)?.covers(at) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the drill caused and the store has by now, in order of time; at most [`Page::MAX`].
    pub async fn events(&self, id: Uuid) -> Result<Vec<StoredEvent>> {
        let model = Entity::find_by_id(id)
            .one(self.store.reader())
            .await?
            .ok_or_else(|| unknown(id))?;
        let drill = Drill::from_model(&model)?;
        let filter = Filter {
            since: Some(drill.started_at),
            until: Some(moment(drill.over())),
            attacker: Some(IpNet::from(drill.ip)),
            origin: OriginFilter::Only(Origin::Drill),
            ..Filter::default()
        };
        let page = Page {
            limit: Page::MAX,
            order: Order::OldestFirst,
            after: None::<Cursor>,
        };
        Ok(self.store.events().list(&filter, &page).await?.rows)
    }

    /// Genuine drills that may have caused some of the events, by the address they ran from.
    pub(crate) async fn among(&self, events: &[Event]) -> Result<HashMap<IpAddr, Vec<Drill>>> {
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        let times = events.iter().map(|event| micros(event.report.at));
        let (Some(first), Some(last)) = (times.clone().min(), times.max()) else {
            return Ok(found);
        };
        let near = Condition::all()
            .add(Column::StartedAt.gte(first.saturating_sub(LONGEST + AFTERMATH)))
            .add(Column::StartedAt.lte(last));
        let models = Entity::find().filter(near).all(self.store.reader()).await?;
        if models.is_empty() {
            return Ok(found);
        }
        let sources: HashSet<_> = events
            .iter()
            .filter_map(|event| Some(event.report.src?.ip.to_canonical()))
            .collect();
        let secret = self.store.settings().secret(SECRET).await?;
        for model in models {
            if signed(&secret, &model).verify_slice(&model.signature).is_ok() {
                let drill = Drill::from_model(&model)?;
                if sources.contains(&drill.ip) {
                    found.entry(drill.ip).or_default().push(drill);
                }
            }
        }
        Ok(found)
    }
}

fn signed(secret: &[u8; 32], drill: &Model) -> Hmac<Sha256> {
    // Shorter keys are filled up to a block, by definition of the HMAC.
    let mut block = [0; 64];
    block[..secret.len()].copy_from_slice(secret);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(drill.id.as_bytes());
    mac.update(&drill.started_at.to_be_bytes());
    mac.update(&drill.nonce);
    mac.update(drill.ip.as_bytes());
    mac
}

fn unknown(id: Uuid) -> Error {
    Error::Unknown {
        kind: "drill",
        id: id.to_string(),
    }
}

// === impl Drill ===

impl Drill {
    /// Whether something from the drill's address at this time was the drill's doing.
    pub(crate) fn covers(&self, at: i64) -> bool {
        (micros(self.started_at)..self.over()).contains(&at)
    }

    fn over(&self) -> i64 {
        let longest = micros(self.started_at) + LONGEST;
        self.ended_at.map_or(longest, |ended| micros(ended).min(longest)) + AFTERMATH
    }

    fn from_model(model: &Model) -> Result<Self> {
        let ip = model.ip.parse().map_err(|_| Error::Corrupt {
            what: format!("the drill `{}`", model.id),
            reason: format!("`{}` is no address", model.ip),
        })?;
        Ok(Self {
            id: model.id,
            ip,
            nonce: hex::encode(&model.nonce),
            started_at: moment(model.started_at),
            ended_at: model.ended_at.map(moment),
        })
    }
}
