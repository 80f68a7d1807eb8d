//! Secrets that turned up in several places, as far as others were told of them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(reuses()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("reuses").take()).await
    }
}

fn reuses() -> TableCreateStatement {
    Table::create()
        .table("reuses")
        // That of `credentials`.
        .col(ColumnDef::new("reuse_key").blob().not_null().primary_key())
        .col(big_integer("targets"))
        .col(big_integer("attackers"))
        .col(big_integer("deckies"))
        .col(big_integer("services"))
        .col(big_integer("updated_at"))
        .take()
}
