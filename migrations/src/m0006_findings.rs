//! What the rules found.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, integer, string, string_null, text};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const INDEXES: [(&str, &[&str]); 2] = [
    ("findings_last", &["last_at"]),
    ("findings_attacker", &["attacker_ip", "last_at"]),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(findings()).await?;
        for (name, columns) in INDEXES {
            let mut index = Index::create().name(name).table("findings").take();
            for &column in columns {
                index.col(column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("findings").take()).await
    }
}

fn findings() -> TableCreateStatement {
    Table::create()
        .table("findings")
        // Of rule, key and first time: found again it is the same.
        .col(string("id").primary_key())
        .col(string("rule"))
        .col(string("class"))
        .col(string("severity"))
        .col(integer("confidence"))
        // Whose doing it is: an address, an agent, a user; nothing when it is many.
        .col(string("source"))
        .col(string_null("attacker_ip"))
        .col(string_null("stage"))
        // ATT&CK ids, a JSON list.
        .col(text("mitre"))
        .col(text("reason"))
        .col(big_integer("first_at"))
        .col(big_integer("last_at"))
        .col(big_integer_null("acknowledged_at"))
        .col(text("detail"))
        .take()
}
