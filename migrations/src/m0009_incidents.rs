//! Findings of one attacker put together.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, integer, string, string_null, text};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const INDEXES: [(&str, &[&str]); 2] = [
    ("incidents_last", &["last_at"]),
    ("incidents_attacker", &["attacker_ip", "last_at"]),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(incidents()).await?;
        for (name, columns) in INDEXES {
            let mut index = Index::create().name(name).table("incidents").take();
            for &column in columns {
                index.col(column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("incidents").take()).await
    }
}

fn incidents() -> TableCreateStatement {
    Table::create()
        .table("incidents")
        // Of its first finding.
        .col(string("id").primary_key())
        // `ip`, `mac`, `agent`, `user`, and who that is.
        .col(string("scope"))
        .col(string("source"))
        .col(string_null("attacker_ip"))
        .col(integer("score"))
        .col(string("severity"))
        // In the order they were shown, a JSON list.
        .col(text("stages"))
        // Ids, a JSON list.
        .col(text("findings"))
        .col(big_integer("first_at"))
        .col(big_integer("last_at"))
        .col(text("detail"))
        .take()
}
