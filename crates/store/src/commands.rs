//! What was typed and run.

use model::EventId;
use sea_orm::{Condition, EntityTrait, QueryFilter};
use serde::Serialize;
use time::OffsetDateTime;

use crate::entity::command::{Column, Entity, Model};
use crate::page::{By, contains, is};
use crate::value::moment;
use crate::{Cursor, Filter, Listing, Page, Result, Store};

#[derive(Clone, Copy, Debug)]
pub struct Commands<'a> {
    pub(crate) store: &'a Store,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Command {
    /// Of the event that told of it.
    pub id: EventId,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub attacker_ip: Option<String>,
    pub decky: String,
    pub service: String,
    pub session: Option<String>,
    pub user: Option<String>,
    pub command: String,
}

// === impl Commands ===

impl Commands<'_> {
    pub async fn list(&self, filter: &Filter, page: &Page) -> Result<Listing<Command>> {
        let all = Condition::all()
            .add(filter.time(Column::At))
            .add_option(filter.attacker(Column::AttackerIp))
            .add_option(is(Column::Decky, filter.decky.as_ref()))
            .add_option(is(Column::Service, filter.service.as_ref()))
            .add_option(is(Column::Session, filter.session.as_ref()))
            .add_option(
                filter
                    .text
                    .as_deref()
                    .map(|text| contains([Column::Command, Column::Username], text)),
            );
        let by = By {
            at: Column::At,
            tie: Column::Id,
        };
        let models = page.of(Entity::find().filter(all), by).all(self.store.reader()).await?;
        Ok(Listing::cut(page, models, |model| Cursor::new(model.at, model.id)).map(Command::from_model))
    }
}

// === impl Command ===

impl Command {
    fn from_model(model: Model) -> Self {
        Self {
            id: EventId(model.id),
            at: moment(model.at),
            attacker_ip: model.attacker_ip,
            decky: model.decky,
            service: model.service,
            session: model.session,
            user: model.username,
            command: model.command,
        }
    }
}
