//! Everything the grid remembers. With `migrations`, the only place that knows SQL.
//!
//! [`Store::open`] brings the schema up to date and hands out repositories, one per domain. On SQLite one connection
//! writes and a few read, so that a long question never holds up ingest; on PostgreSQL a pool does both. Values are
//! kept as they came: whoever shows them escapes them.
#![forbid(unsafe_code)]

mod connect;
mod cursors;
mod deckies;
mod entity;
mod error;
mod operations;
mod settings;
mod value;

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DatabaseConnection};

pub use cursors::Cursors;
pub use deckies::{Deckies, DeckyRow, LOCAL};
pub use error::Error;
pub use operations::{Operation, OperationStatus, Operations, Step};
pub use settings::Settings;

pub type Result<T> = std::result::Result<T, Error>;

/// A handle on the store; clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    /// As people may see it: without a password.
    place: String,
}

// === impl Store ===

impl Store {
    /// Opens `sqlite:///path/to/file.db`, `sqlite::memory:` or `postgres://user@host/database`, creating the SQLite
    /// file (mode 0600) when there is none, and applies the migrations that are missing.
    pub async fn open(url: &str) -> Result<Self> {
        let connect::Opened { writer, reader, place } = connect::open(url).await?;
        let inner = Arc::new(Inner { writer, reader, place });
        Ok(Self { inner })
    }

    /// Waits for what is being written and closes the connections.
    pub async fn close(self) -> Result<()> {
        self.inner.reader.close_by_ref().await?;
        Ok(self.inner.writer.close_by_ref().await?)
    }

    /// Where the store lies, fit to be shown.
    pub fn place(&self) -> &str {
        &self.inner.place
    }

    /// Whether the store answers.
    pub async fn ping(&self) -> Result<()> {
        self.reader().execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    pub fn deckies(&self) -> Deckies<'_> {
        Deckies { store: self }
    }

    pub fn settings(&self) -> Settings<'_> {
        Settings { store: self }
    }

    pub fn operations(&self) -> Operations<'_> {
        Operations { store: self }
    }

    pub fn cursors(&self) -> Cursors<'_> {
        Cursors { store: self }
    }

    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.inner.writer
    }

    pub(crate) fn reader(&self) -> &DatabaseConnection {
        &self.inner.reader
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.inner.place)
    }
}
