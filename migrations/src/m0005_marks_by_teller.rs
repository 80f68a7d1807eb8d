//! Marks that deckies tell by themselves are counted apart from what the wire showed: of one connection both may tell.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = big_integer("by_deckies").default(0).take();
        let change = Table::alter().table("fingerprints").add_column(column).take();
        manager.alter_table(change).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let change = Table::alter().table("fingerprints").drop_column("by_deckies").take();
        manager.alter_table(change).await
    }
}
