//! Prose about findings, apart from them: who writes it can change nothing else.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, boolean, string, text};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(narratives()).await?;
        let mut index = Index::create().name("narratives_digest").table("narratives").take();
        manager.create_index(index.col("digest").take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("narratives").take()).await
    }
}

fn narratives() -> TableCreateStatement {
    Table::create()
        .table("narratives")
        .col(string("finding").primary_key())
        // Of the kind of threat, the source and the evidence: the same is not asked twice.
        .col(string("digest"))
        .col(string("status"))
        .col(string("model"))
        .col(text("hypothesis"))
        .col(text("report"))
        // Taken from what was written about another finding.
        .col(boolean("cached"))
        .col(big_integer("at"))
        .take()
}
