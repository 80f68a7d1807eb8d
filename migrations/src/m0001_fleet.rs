//! What the operator wants and what is being done about it: deckies, settings, secrets, operations, cursors.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, blob, pk_uuid, string, string_null, text, text_null, uuid,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: [&str; 6] = [
    "deckies",
    "settings",
    "secrets",
    "operations",
    "operation_steps",
    "cursors",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            deckies(),
            settings(),
            secrets(),
            operations(),
            operation_steps(),
            cursors(),
        ] {
            manager.create_table(table).await?;
        }
        let by_state = Index::create()
            .name("deckies_state")
            .table("deckies")
            .col("state")
            .take();
        manager.create_index(by_state).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES.into_iter().rev() {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        Ok(())
    }
}

fn deckies() -> TableCreateStatement {
    Table::create()
        .table("deckies")
        .col(string("host_uuid"))
        .col(string("name"))
        .col(text("spec"))
        .col(string("state"))
        .col(text_null("last_error"))
        .col(string_null("spec_hash"))
        .col(big_integer_null("last_seen"))
        .col(big_integer("updated_at"))
        .primary_key(Index::create().col("host_uuid").col("name"))
        .take()
}

fn settings() -> TableCreateStatement {
    Table::create()
        .table("settings")
        .col(string("name").primary_key())
        .col(text("value"))
        .col(big_integer("updated_at"))
        .take()
}

fn secrets() -> TableCreateStatement {
    Table::create()
        .table("secrets")
        .col(string("name").primary_key())
        .col(blob("value"))
        .take()
}

fn operations() -> TableCreateStatement {
    Table::create()
        .table("operations")
        .col(pk_uuid("id"))
        .col(string("kind"))
        .col(text("plan"))
        .col(string("status"))
        .col(text_null("error"))
        .col(big_integer("started_at"))
        .col(big_integer("updated_at"))
        .col(big_integer_null("ended_at"))
        .take()
}

fn operation_steps() -> TableCreateStatement {
    Table::create()
        .table("operation_steps")
        .col(uuid("operation"))
        .col(big_integer("n"))
        .col(big_integer("at"))
        .col(text("step"))
        .primary_key(Index::create().col("operation").col("n"))
        .foreign_key(
            ForeignKey::create()
                .from("operation_steps", "operation")
                .to("operations", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .take()
}

fn cursors() -> TableCreateStatement {
    Table::create()
        .table("cursors")
        .col(string("name").primary_key())
        .col(text("value"))
        .col(big_integer("updated_at"))
        .take()
}
