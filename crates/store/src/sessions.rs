//! Shells, single commands and file transfers, with their recordings.

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;
use time::OffsetDateTime;

use crate::entity::chunk;
use crate::entity::session::{Column, Entity, Model};
use crate::page::{By, contains, is};
use crate::value::moment;
use crate::{Cursor, Filter, Listing, Page, Result, Store};

/// Addresses of one statement.
const AT_ONCE: usize = 500;

#[derive(Clone, Copy, Debug)]
pub struct Sessions<'a> {
    pub(crate) store: &'a Store,
}

/// A session. What its start told is absent when only pieces of it or its end came in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Session {
    /// The connection's id, `:` and the number of the channel.
    pub sid: String,
    pub decky: String,
    pub host: String,
    pub service: String,
    /// Id of the connection.
    pub session: Option<String>,
    pub attacker_ip: Option<String>,
    /// `shell`, `exec`, `sftp`, `scp`.
    pub mode: Option<String>,
    pub user: Option<String>,
    pub term: Option<String>,
    pub cols: Option<u16>,
    pub rows: Option<u16>,
    pub command: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// Absent while it goes on.
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended_at: Option<OffsetDateTime>,
    pub duration_ms: Option<i64>,
    pub bytes: Option<i64>,
    /// The recording stopped at its limit, the session went on.
    pub truncated: bool,
    pub exit_status: Option<i32>,
    pub reason: Option<String>,
    /// Pieces of the recording.
    pub chunks: i64,
    /// Bytes of the recording.
    pub recorded: i64,
}

/// A piece of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// From 0; a gap is a piece that did not come in.
    pub n: i64,
    /// Microseconds since the session began.
    pub t_us: i64,
    /// `i` typed, `o` shown, `r` resized (`COLSxROWS`).
    pub ch: char,
    pub data: Vec<u8>,
    /// Typed while the terminal did not echo.
    pub hidden: bool,
}

// === impl Sessions ===

impl Sessions<'_> {
    pub async fn list(&self, filter: &Filter, page: &Page) -> Result<Listing<Session>> {
        let either = |id: &String| Condition::any().add(Column::Sid.eq(id)).add(Column::Conn.eq(id));
        let said = [
            Column::Sid,
            Column::Username,
            Column::Command,
            Column::AttackerIp,
            Column::Decky,
        ];
        let all = Condition::all()
            .add(filter.time(Column::StartedAt))
            .add_option(filter.attacker(Column::AttackerIp))
            .add_option(is(Column::Decky, filter.decky.as_ref()))
            .add_option(is(Column::Service, filter.service.as_ref()))
            .add_option(is(Column::Mode, filter.kind.as_ref()))
            .add_option(filter.session.as_ref().map(either))
            .add_option(filter.text.as_deref().map(|text| contains(said, text)));
        let by = By {
            at: Column::StartedAt,
            tie: Column::Sid,
        };
        let models = page.of(Entity::find().filter(all), by).all(self.store.reader()).await?;
        let cursor = |model: &Model| Cursor::new(model.started_at, model.sid.as_str());
        Ok(Listing::cut(page, models, cursor).map(Session::from_model))
    }

    /// The latest `limit` sessions of these addresses, in order of time.
    pub async fn of(&self, ips: &[String], limit: u64) -> Result<Vec<Session>> {
        let mut models = Vec::new();
        for some in ips.chunks(AT_ONCE) {
            let select = Entity::find()
                .filter(Column::AttackerIp.is_in(some))
                .order_by_desc(Column::StartedAt)
                .limit(limit);
            models.extend(select.all(self.store.reader()).await?);
        }
        models.sort_by_key(|model| model.started_at);
        let surplus = models
            .len()
            .saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(models.into_iter().skip(surplus).map(Session::from_model).collect())
    }

    /// Sessions whose id is, or begins with, the text; the oldest first, at most ten. More than one means the text
    /// was too short to tell.
    pub async fn find(&self, id: &str) -> Result<Vec<Session>> {
        let select = Entity::find()
            .filter(Column::Sid.starts_with(id.replace(['%', '_', '\\'], "")))
            .order_by_asc(Column::StartedAt)
            .limit(10);
        let models = select.all(self.store.reader()).await?;
        Ok(models.into_iter().map(Session::from_model).collect())
    }

    /// At most `limit` pieces of the session's recording, in order, beginning after the piece of number `after`.
    pub async fn recording(&self, session: &Session, after: Option<i64>, limit: u64) -> Result<Vec<Chunk>> {
        let select = chunk::Entity::find()
            .filter(chunk::Column::Sid.eq(&session.sid))
            .filter(chunk::Column::Decky.eq(&session.decky))
            .filter(chunk::Column::N.gt(after.unwrap_or(-1)))
            .order_by_asc(chunk::Column::N)
            .limit(limit.min(Page::MAX));
        let chunks = select.all(self.store.reader()).await?;
        Ok(chunks.into_iter().map(Chunk::from_model).collect())
    }
}

// === impl Session ===

impl Session {
    fn from_model(model: Model) -> Self {
        let size = |of: Option<i32>| of.and_then(|of| u16::try_from(of).ok());
        Self {
            sid: model.sid,
            decky: model.decky,
            host: model.host,
            service: model.service,
            session: model.conn,
            attacker_ip: model.attacker_ip,
            mode: model.mode,
            user: model.username,
            term: model.term,
            cols: size(model.width),
            rows: size(model.height),
            command: model.command,
            started_at: moment(model.started_at),
            ended_at: model.ended_at.map(moment),
            duration_ms: model.duration_ms,
            bytes: model.bytes,
            truncated: model.truncated,
            exit_status: model.exit_status,
            reason: model.reason,
            chunks: model.chunks,
            recorded: model.recorded,
        }
    }
}

// === impl Chunk ===

impl Chunk {
    fn from_model(model: chunk::Model) -> Self {
        Self {
            n: model.n,
            t_us: model.t_us,
            ch: model.ch.chars().next().unwrap_or('o'),
            data: model.data,
            hidden: model.hidden,
        }
    }
}
