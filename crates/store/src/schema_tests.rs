//! The entities and the migrated schema say the same, on every engine.

use std::collections::BTreeMap;

use migrations::{Migrator, MigratorTrait as _};
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, DbBackend, EntityTrait, Iden as _, Iterable as _, Statement};

use crate::entity;

#[allow(dead_code)] // The contract uses the rest.
#[path = "../tests/contract/backend.rs"]
mod backend;

/// Name and whether it may be absent.
type Columns = BTreeMap<String, bool>;

#[tokio::test]
async fn every_entity_has_the_columns_of_its_table_on_sqlite() {
    compare(&backend::sqlite().await).await;
}

#[tokio::test]
async fn every_entity_has_the_columns_of_its_table_on_postgres() {
    compare(&backend::postgres().await).await;
}

#[tokio::test]
async fn migrations_can_be_taken_back_and_applied_again() {
    for bed in [backend::sqlite().await, backend::postgres().await] {
        let writer = bed.store.writer();
        Migrator::down(writer, None).await.unwrap();
        assert!(crate::entity::event::Entity::find().all(writer).await.is_err());
        Migrator::up(writer, None).await.unwrap();
        compare(&bed).await;
    }
}

async fn compare(bed: &backend::Bed) {
    use entity::*;
    same::<artifact::Entity>(bed).await;
    same::<attacker::Entity>(bed).await;
    same::<attribution::Entity>(bed).await;
    same::<campaign::Entity>(bed).await;
    same::<chunk::Entity>(bed).await;
    same::<command::Entity>(bed).await;
    same::<credential::Entity>(bed).await;
    same::<cursor::Entity>(bed).await;
    same::<decision::Entity>(bed).await;
    same::<decky::Entity>(bed).await;
    same::<delivery::Entity>(bed).await;
    same::<drill::Entity>(bed).await;
    same::<event::Entity>(bed).await;
    same::<finding::Entity>(bed).await;
    same::<fingerprint::Entity>(bed).await;
    same::<identity::Entity>(bed).await;
    same::<incident::Entity>(bed).await;
    same::<lease::Entity>(bed).await;
    same::<narrative::Entity>(bed).await;
    same::<network::Entity>(bed).await;
    same::<operation::Entity>(bed).await;
    same::<operation_step::Entity>(bed).await;
    same::<outbox::Entity>(bed).await;
    same::<pin::Entity>(bed).await;
    same::<place::Entity>(bed).await;
    same::<probe::Entity>(bed).await;
    same::<probe_history::Entity>(bed).await;
    same::<probe_state::Entity>(bed).await;
    same::<probe_target::Entity>(bed).await;
    same::<reuse::Entity>(bed).await;
    same::<secret::Entity>(bed).await;
    same::<session::Entity>(bed).await;
    same::<setting::Entity>(bed).await;
    same::<sighting::Entity>(bed).await;
    same::<target::Entity>(bed).await;
}

async fn same<E: EntityTrait>(bed: &backend::Bed) {
    let entity: Columns = E::Column::iter()
        .map(|column| (column.to_string(), column.def().is_null()))
        .collect();
    let table = E::default().table_name().to_owned();
    assert_eq!(entity, columns(bed, &table).await, "{table}");
    let rows = E::find().all(bed.store.reader()).await;
    assert_eq!(rows.unwrap().len(), 0, "{table}");
}

async fn columns(bed: &backend::Bed, table: &str) -> Columns {
    let reader = bed.store.reader();
    let backend = reader.get_database_backend();
    let sql = match backend {
        DbBackend::Postgres => {
            "SELECT column_name, is_nullable = 'YES' FROM information_schema.columns WHERE table_name = $1"
        }
        _ => "SELECT name, \"notnull\" = 0 FROM pragma_table_info(?)",
    };
    let rows = reader
        .query_all_raw(Statement::from_sql_and_values(backend, sql, [table.into()]))
        .await
        .unwrap();
    rows.iter()
        .map(|row| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap()))
        .collect()
}
