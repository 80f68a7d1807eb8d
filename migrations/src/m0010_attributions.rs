//! How each thing an identity shows held over time.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, double, integer, string, text, uuid};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(attributions()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("attributions").take()).await
    }
}

fn attributions() -> TableCreateStatement {
    Table::create()
        .table("attributions")
        .col(uuid("identity"))
        // What is measured, as `ssh.hassh`.
        .col(string("primitive"))
        .col(integer("schema_version"))
        // `unknown`, `stable`, `drifting`, `conflicted`, `multi_actor`.
        .col(string("state"))
        // JSON.
        .col(text("current_value"))
        .col(double("confidence"))
        .col(big_integer("observations"))
        // Since when the state is what it is.
        .col(big_integer("last_change"))
        .col(big_integer("last_observation"))
        .primary_key(Index::create().col("identity").col("primitive"))
        .take()
}
