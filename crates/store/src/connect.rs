//! From an address to open connections on an up-to-date schema.

use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use migrations::{Migrator, MigratorTrait};
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, RuntimeErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use crate::{Error, Result};

/// How long a statement waits for another process's write.
const BUSY: Duration = Duration::from_secs(20);
/// Until a database that another program is making is tried again.
const AGAIN: Duration = Duration::from_millis(20);
/// The low byte of a result code; the rest says why it is busy.
const SQLITE_BUSY: u32 = 5;
const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 8;
/// Pages between checkpoints (4 KiB each): larger batches of sequential writes, at the price of a 32 MiB log.
const CHECKPOINT_PAGES: &str = "8192";
const WRITER_CACHE_KIB: &str = "-16384";
/// Key of the PostgreSQL advisory lock under which migrations run and batches commit; any fixed number does.
const LOCK: i64 = 0x6465_636e;

pub(crate) struct Opened {
    pub(crate) writer: DatabaseConnection,
    pub(crate) reader: DatabaseConnection,
    pub(crate) place: String,
}

#[derive(Debug, PartialEq)]
enum Address {
    Memory,
    File(PathBuf),
    Postgres(String),
}

pub(crate) async fn open(url: &str) -> Result<Opened> {
    let address = parse(url)?;
    let place = address.place();
    let opened = match &address {
        Address::Memory => memory().await,
        Address::File(path) => {
            create_file(path).map_err(|source| Error::File {
                place: place.clone(),
                source,
            })?;
            in_turn(path).await
        }
        Address::Postgres(url) => postgres(url).await,
    };
    let (writer, reader) = opened.map_err(|source| Error::Open {
        place: place.clone(),
        source,
    })?;
    migrate(&writer, &place).await?;
    Ok(Opened { writer, reader, place })
}

/// Begins a transaction that may write: on SQLite with the write lock taken at once, so that it cannot fail half-way
/// for another process's sake.
pub(crate) async fn begin(writer: &DatabaseConnection) -> std::result::Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    writer.begin_with_options(options).await
}

/// Lets one transaction at a time through on PostgreSQL, until it ends. SQLite needs no telling.
pub(crate) async fn alone(transaction: &DatabaseTransaction) -> std::result::Result<(), DbErr> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        transaction
            .execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})"))
            .await?;
    }
    Ok(())
}

async fn migrate(writer: &DatabaseConnection, place: &str) -> Result<()> {
    let other_release = |error: DbErr| match error {
        DbErr::Custom(reason) => Error::Release {
            place: place.to_owned(),
            reason,
        },
        error => Error::Open {
            place: place.to_owned(),
            source: error,
        },
    };
    // Asked first without a lock: the usual start finds nothing to do and disturbs nobody.
    let pending = Migrator::get_pending_migrations_read_only(writer)
        .await
        .map_err(other_release)?;
    if pending.is_empty() {
        return Ok(());
    }
    let transaction = begin(writer).await?;
    alone(&transaction).await?;
    Migrator::up(&transaction, None).await.map_err(other_release)?;
    transaction.commit().await?;
    Ok(())
}

async fn memory() -> std::result::Result<(DatabaseConnection, DatabaseConnection), DbErr> {
    let mut options = sqlite_options("sqlite::memory:", 1);
    // The database lives as long as its one connection.
    options.min_connections(1).idle_timeout(None).max_lifetime(None);
    let only = Database::connect(options).await?;
    Ok((only.clone(), only))
}

/// A new file becomes one with a write-ahead log on a lock that SQLite does not wait for: when another program is making
/// the same one, it is tried again for as long as a statement would wait.
async fn in_turn(path: &Path) -> std::result::Result<(DatabaseConnection, DatabaseConnection), DbErr> {
    let deadline = Instant::now() + BUSY;
    loop {
        match file(path).await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => tokio::time::sleep(AGAIN).await,
            opened => return opened,
        }
    }
}

fn is_busy(error: &DbErr) -> bool {
    let DbErr::Conn(RuntimeErr::SqlxError(error)) = error else {
        return false;
    };
    let code = error.as_database_error().and_then(|error| error.code());
    code.and_then(|code| code.parse::<u32>().ok())
        .is_some_and(|code| code & 0xff == SQLITE_BUSY)
}

async fn file(path: &Path) -> std::result::Result<(DatabaseConnection, DatabaseConnection), DbErr> {
    let at = path.to_owned();
    let mut options = sqlite_options("sqlite:", 1);
    let writer_path = at.clone();
    options.map_sqlx_sqlite_opts(move |options| {
        tune(options.filename(&writer_path))
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .pragma("cache_size", WRITER_CACHE_KIB)
    });
    let writer = Database::connect(options).await?;
    let mut options = sqlite_options("sqlite:", READERS);
    options.map_sqlx_sqlite_opts(move |options| tune(options.filename(&at)).pragma("query_only", "on"));
    let reader = Database::connect(options).await?;
    Ok((writer, reader))
}

fn sqlite_options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(BUSY * 2)
        .test_before_acquire(false)
        .record_stmt_in_spans(false)
        .sqlx_logging(false);
    options
}

fn tune(options: sea_orm::sqlx::sqlite::SqliteConnectOptions) -> sea_orm::sqlx::sqlite::SqliteConnectOptions {
    options
        .journal_mode(SqliteJournalMode::Wal)
        // A committed batch must outlive a power cut: the bus has forgotten it by then.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .pragma("temp_store", "memory")
}

async fn postgres(url: &str) -> std::result::Result<(DatabaseConnection, DatabaseConnection), DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(POSTGRES_CONNECTIONS)
        .connect_timeout(Duration::from_secs(10))
        .acquire_timeout(BUSY)
        .record_stmt_in_spans(false)
        .sqlx_logging(false);
    let pool = Database::connect(options).await?;
    Ok((pool.clone(), pool))
}

/// Makes the file before SQLite does, which would leave it readable to all; its log and index files follow its mode.
fn create_file(path: &Path) -> std::io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    Ok(())
}

fn parse(url: &str) -> Result<Address> {
    let bad = || Error::Address {
        given: without_password(url),
    };
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Address::Postgres(url.to_owned()));
    }
    let rest = url.strip_prefix("sqlite:").ok_or_else(bad)?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    match path.split('?').next().unwrap_or_default() {
        ":memory:" => Ok(Address::Memory),
        "" => Err(bad()),
        path => Ok(Address::File(PathBuf::from(path))),
    }
}

fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    match rest.rsplit_once('@') {
        Some((user, place)) => format!("{scheme}://{}@{place}", user.split(':').next().unwrap_or_default()),
        None => url.to_owned(),
    }
}

// === impl Address ===

impl Address {
    fn place(&self) -> String {
        match self {
            Self::Memory => "in memory".to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::Postgres(url) => without_password(url).split('?').next().unwrap_or_default().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_file_memory_or_postgres_and_nothing_else() {
        assert_eq!(
            parse("sqlite:///var/lib/x.db").unwrap(),
            Address::File("/var/lib/x.db".into())
        );
        assert_eq!(parse("sqlite://x.db?mode=rwc").unwrap(), Address::File("x.db".into()));
        assert_eq!(parse("sqlite::memory:").unwrap(), Address::Memory);
        assert!(matches!(parse("postgres://u@h/d").unwrap(), Address::Postgres(_)));
        for bad in ["", "sqlite:", "mysql://h/d", "/var/lib/x.db"] {
            assert!(matches!(parse(bad), Err(Error::Address { .. })), "{bad}");
        }
    }

    #[test]
    fn a_password_is_shown_nowhere() {
        let place = parse("postgres://me:hun@ter2@db:5432/grid?password=hunter2")
            .unwrap()
            .place();
        assert_eq!(place, "postgres://me@db:5432/grid");
        assert!(
            !parse("mysql://me:hunter2@db/grid")
                .unwrap_err()
                .to_string()
                .contains("hunter2")
        );
    }
}
