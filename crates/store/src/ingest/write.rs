//! Statements of one batch: many rows each, merged where a row of the same key is there.

use std::collections::HashSet;
use std::fmt::Write as _;

use model::{Detail as _, Event, detail};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, Value};
use uuid::Uuid;

use super::derive::Batch;
use super::rows::{Merge, Row, Table};

/// Statements come in these numbers of rows only, so that each is parsed once and found again in the cache.
const SIZES: [usize; 5] = [500, 125, 25, 5, 1];

type Done<T> = Result<T, DbErr>;

/// Ids among the events' that are stored already.
pub(super) async fn known_events(transaction: &DatabaseTransaction, events: &[Event]) -> Done<HashSet<Uuid>> {
    let id = |event: &Event| Value::from(event.report.id.0);
    let mut known = HashSet::new();
    let all = events.iter().map(id).collect();
    known.extend(present::<Uuid>(transaction, "events", "id", all).await?);
    let tty = events
        .iter()
        .filter(|event| event.report.kind == detail::Tty::KIND)
        .map(id)
        .collect();
    known.extend(present::<Uuid>(transaction, "chunks", "id", tty).await?);
    Ok(known)
}

/// Keys among the batch's credentials that are stored already.
pub(super) async fn known_credentials(transaction: &DatabaseTransaction, batch: &Batch) -> Done<HashSet<Vec<u8>>> {
    let keys = batch.credentials.keys().map(|key| Value::from(key.to_vec())).collect();
    Ok(present::<Vec<u8>>(transaction, "credentials", "key", keys)
        .await?
        .into_iter()
        .collect())
}

/// Addresses among the batch's attackers that are stored already.
pub(super) async fn known_attackers(transaction: &DatabaseTransaction, batch: &Batch) -> Done<HashSet<String>> {
    let ips = batch.attackers.keys().map(|ip| Value::from(ip.to_string())).collect();
    let known = present::<String>(transaction, "attackers", "ip", ips).await?;
    Ok(known.into_iter().collect())
}

pub(super) async fn batch(transaction: &DatabaseTransaction, batch: Batch) -> Done<()> {
    insert(transaction, batch.events).await?;
    insert(transaction, batch.chunks).await?;
    insert(transaction, batch.commands).await?;
    insert(transaction, batch.sightings).await?;
    insert(transaction, batch.attackers.into_values()).await?;
    insert(transaction, batch.targets.into_values()).await?;
    insert(transaction, batch.sessions.into_values()).await?;
    insert(transaction, batch.credentials.into_values()).await?;
    insert(transaction, batch.artifacts.into_values()).await?;
    insert(transaction, batch.marks.fingerprints.into_values()).await?;
    insert(transaction, batch.marks.places.into_values()).await?;
    insert(transaction, batch.marks.networks.into_values()).await
}

async fn present<T>(transaction: &DatabaseTransaction, table: &str, column: &str, values: Vec<Value>) -> Done<Vec<T>>
where
    T: sea_orm::TryGetable,
{
    let backend = transaction.get_database_backend();
    let mut found = Vec::new();
    let mut rest = &values[..];
    while let Some(last) = rest.last() {
        // The list is filled up to a size of its own by naming the last one again.
        let size = SIZES
            .into_iter()
            .rev()
            .find(|&size| size >= rest.len())
            .unwrap_or(SIZES[0]);
        let (now, later) = rest.split_at(size.min(rest.len()));
        let mut sql = format!("SELECT \"{column}\" FROM {table} WHERE \"{column}\" IN (");
        placeholders(&mut sql, backend, 0, size);
        sql.push(')');
        let values = now
            .iter()
            .cloned()
            .chain(std::iter::repeat_n(last.clone(), size - now.len()));
        let statement = Statement::from_sql_and_values(backend, sql, values);
        for row in transaction.query_all_raw(statement).await? {
            found.push(row.try_get_by_index(0)?);
        }
        rest = later;
    }
    Ok(found)
}

async fn insert<R: Row>(transaction: &DatabaseTransaction, rows: impl IntoIterator<Item = R>) -> Done<()> {
    let backend = transaction.get_database_backend();
    let mut rows = rows.into_iter().collect::<Vec<_>>().into_iter();
    for size in SIZES {
        while rows.len() >= size {
            let mut values = Vec::with_capacity(size * R::TABLE.columns.len());
            rows.by_ref().take(size).for_each(|row| row.values(&mut values));
            let statement = Statement::from_sql_and_values(backend, insert_sql(&R::TABLE, backend, size), values);
            transaction.execute_raw(statement).await?;
        }
    }
    Ok(())
}

fn insert_sql(table: &Table, backend: DbBackend, rows: usize) -> String {
    let columns = table.columns.join("\", \"");
    let insert = match backend {
        // The transaction is given up anyway: SQLite need not keep pages for taking the statement alone back.
        DbBackend::Sqlite => "INSERT OR FAIL",
        _ => "INSERT",
    };
    let mut sql = format!("{insert} INTO {} (\"{columns}\") VALUES ", table.name);
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        placeholders(&mut sql, backend, row * table.columns.len(), table.columns.len());
        sql.push(')');
    }
    if !table.merge.is_empty() {
        let merges: Vec<_> = table
            .merge
            .iter()
            .map(|(column, merge)| merge.sql(table.name, column))
            .collect();
        let _ = write!(
            sql,
            " ON CONFLICT (\"{}\") DO UPDATE SET {}",
            table.key.join("\", \""),
            merges.join(", ")
        );
    }
    sql
}

fn placeholders(sql: &mut String, backend: DbBackend, from: usize, count: usize) {
    for n in from..from + count {
        sql.push_str(if n == from { "" } else { ", " });
        match backend {
            DbBackend::Postgres => _ = write!(sql, "${}", n + 1),
            _ => sql.push('?'),
        }
    }
}

// === impl Merge ===

impl Merge {
    fn sql(self, table: &str, column: &str) -> String {
        let (old, new) = (format!("{table}.\"{column}\""), format!("excluded.\"{column}\""));
        let value = match self {
            Self::Sum => format!("{old} + {new}"),
            Self::Least => format!("CASE WHEN {new} < {old} THEN {new} ELSE {old} END"),
            Self::LeastKnown => format!("CASE WHEN {old} IS NULL OR {new} < {old} THEN {new} ELSE {old} END"),
            Self::Greatest => format!("CASE WHEN {new} > {old} THEN {new} ELSE {old} END"),
            Self::First => format!("COALESCE({old}, {new})"),
            Self::Last => format!("COALESCE({new}, {old})"),
            Self::Or => format!("{old} OR {new}"),
        };
        format!("\"{column}\" = {value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::rows::{ArtifactRow, EventRow};

    #[test]
    fn an_insert_numbers_its_values_and_merges_what_is_there() {
        let expected = "INSERT INTO artifacts (\"sha256\", \"size\", \"first_seen\", \"last_seen\", \"sightings\") \
            VALUES ($1, $2, $3, $4, $5), ($6, $7, $8, $9, $10) ON CONFLICT (\"sha256\") DO UPDATE SET \
            \"first_seen\" = CASE WHEN excluded.\"first_seen\" < artifacts.\"first_seen\" THEN \
            excluded.\"first_seen\" ELSE artifacts.\"first_seen\" END, \"last_seen\" = CASE WHEN \
            excluded.\"last_seen\" > artifacts.\"last_seen\" THEN excluded.\"last_seen\" ELSE \
            artifacts.\"last_seen\" END, \"sightings\" = artifacts.\"sightings\" + excluded.\"sightings\"";
        assert_eq!(insert_sql(&ArtifactRow::TABLE, DbBackend::Postgres, 2), expected);
    }

    #[test]
    fn an_event_is_never_merged_into_another() {
        let sql = insert_sql(&EventRow::TABLE, DbBackend::Sqlite, 1);
        assert!(
            sql.ends_with("VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
            "{sql}"
        );
    }
}
