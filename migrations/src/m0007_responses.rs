//! What is done about findings: who is still to be told, and who may do what until when.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, boolean, integer, string, string_null, text, uuid};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The severity that responders were last asked about; nothing when they were not.
        let answered = Table::alter()
            .table("findings")
            .add_column(string_null("answered"))
            .take();
        manager.alter_table(answered).await?;
        // What was found before anybody could be told is not told now.
        let known = Query::update()
            .table("findings")
            .value("answered", Expr::col("severity"))
            .take();
        manager.execute(known).await?;
        manager.create_table(deliveries()).await?;
        manager.create_table(decisions()).await?;
        for (name, table, columns) in [
            ("findings_answered", "findings", &["answered"][..]),
            ("deliveries_due", "deliveries", &["to", "state", "due_at"]),
            ("decisions_at", "decisions", &["at"]),
            ("decisions_value", "decisions", &["scope", "value"]),
        ] {
            let mut index = Index::create().name(name).table(table).take();
            for &column in columns {
                index.col(column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["decisions", "deliveries"] {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        let index = Index::drop().name("findings_answered").table("findings").to_owned();
        manager.drop_index(index).await?;
        let answered = Table::alter().table("findings").drop_column("answered").take();
        manager.alter_table(answered).await
    }
}

fn deliveries() -> TableCreateStatement {
    Table::create()
        .table("deliveries")
        .col(string("finding"))
        // A responder, `webhook:soc`.
        .col(string("to"))
        // At which the finding stood: one that grew graver is told again.
        .col(string("severity"))
        // `waiting`, `done`, `dead`.
        .col(string("state"))
        .col(integer("tries"))
        .col(big_integer("due_at"))
        .col(string_null("error"))
        .primary_key(Index::create().col("finding").col("to").col("severity"))
        .take()
}

fn decisions() -> TableCreateStatement {
    Table::create()
        .table("decisions")
        .col(uuid("id").primary_key())
        .col(big_integer("at"))
        // `ip`, `agent`, `user`, and who that is.
        .col(string("scope"))
        .col(string("value"))
        // `allow`, `flag`, `block`, `shunt`.
        .col(string("action"))
        .col(text("reason"))
        .col(string_null("rule"))
        .col(string_null("finding"))
        // Without an end it stands until it is released.
        .col(big_integer_null("until"))
        // A person, or what of the grid.
        .col(string("by"))
        // It would have been done.
        .col(boolean("simulated"))
        .col(big_integer_null("released_at"))
        .take()
}
