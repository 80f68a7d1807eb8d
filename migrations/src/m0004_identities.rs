//! Who is behind what came: identities, campaigns, what operators said of them, and what keeps several hosts in step.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, boolean, double_null, integer, pk_uuid, string, text, text_null, uuid,
    uuid_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const INDEXES: [(&str, &str, &[&str]); 10] = [
    ("attackers", "attackers_identity", &["identity"]),
    ("identities", "identities_campaign", &["campaign"]),
    ("identities", "identities_canonical", &["canonical"]),
    ("identities", "identities_updated_at", &["updated_at"]),
    ("identities", "identities_generation", &["generation"]),
    ("campaigns", "campaigns_canonical", &["canonical"]),
    ("campaigns", "campaigns_updated_at", &["updated_at"]),
    ("outbox", "outbox_worker", &["worker", "n"]),
    // What one address left is read in order of time, and no more of it than counts.
    (
        "credentials",
        "credentials_attacker_time",
        &["attacker_ip", "first_seen"],
    ),
    ("sightings", "sightings_attacker_time", &["attacker_ip", "at"]),
];

/// Their work is done by the last two above: index, table.
const REPLACED: [(&str, &str); 2] = [
    ("credentials_attacker", "credentials"),
    ("sightings_attacker", "sightings"),
];

/// Values of a family as a sorted list in JSON; absent where there are none.
const ROLLUP: [&str; 9] = [
    "ja3_hashes",
    "ja4_hashes",
    "ja4h_hashes",
    "ja4_quic_hashes",
    "hassh_hashes",
    "tls_cert_sha256",
    "ssh_pubkeys",
    "payload_hashes",
    "c2_endpoints",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let change = Table::alter()
            .table("attackers")
            .add_column(uuid_null("identity"))
            .take();
        manager.alter_table(change).await?;
        for table in tables() {
            manager.create_table(table).await?;
        }
        for (name, table) in REPLACED {
            manager
                .drop_index(Index::drop().name(name).table(table).to_owned())
                .await?;
        }
        for (table, name, columns) in INDEXES {
            let mut index = Index::create().name(name).table(table).take();
            for &column in columns {
                index.col(column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table) in REPLACED {
            let old = Index::create().name(name).table(table).col("attacker_ip").take();
            manager.create_index(old).await?;
        }
        for (table, name, _) in INDEXES {
            manager
                .drop_index(Index::drop().name(name).table(table).to_owned())
                .await?;
        }
        for table in tables().into_iter().rev() {
            let Some(name) = table.get_table_name().cloned() else {
                continue;
            };
            manager.drop_table(Table::drop().table(name).take()).await?;
        }
        let change = Table::alter().table("attackers").drop_column("identity").take();
        manager.alter_table(change).await
    }
}

fn tables() -> [TableCreateStatement; 5] {
    [identities(), campaigns(), pins(), leases(), outbox()]
}

fn identities() -> TableCreateStatement {
    let mut table = group("identities");
    // The campaign it was put in; whoever merges campaigns leaves it as it is.
    table.col(uuid_null("campaign"));
    table
}

fn campaigns() -> TableCreateStatement {
    group("campaigns")
}

fn group(name: &'static str) -> TableCreateStatement {
    let mut table = Table::create()
        .table(name)
        .col(pk_uuid("id"))
        .col(integer("schema_version"))
        // Points to a smaller id; the row stays, and so do its members.
        .col(uuid_null("merged_into"))
        // The end of the chain of merges.
        .col(uuid("canonical"))
        // Passes in a row that spoke for parting it.
        .col(integer("doubts"))
        // Counts the writings of its clusterer: what followers read on from.
        .col(big_integer("generation"))
        .col(big_integer_null("first_seen"))
        .col(big_integer_null("last_seen"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .col(double_null("confidence"))
        .col(big_integer("members"))
        .col(text_null("notes"))
        .take();
    for column in ROLLUP {
        table.col(text_null(column));
    }
    table
}

fn pins() -> TableCreateStatement {
    Table::create()
        .table("pins")
        .col(string("level"))
        .col(string("a"))
        .col(string("b"))
        .col(boolean("same"))
        .col(big_integer("at"))
        .primary_key(Index::create().col("level").col("a").col("b"))
        .take()
}

fn leases() -> TableCreateStatement {
    Table::create()
        .table("leases")
        .col(string("name").primary_key())
        .col(string("holder"))
        .col(big_integer("until"))
        .col(big_integer("generation"))
        .take()
}

fn outbox() -> TableCreateStatement {
    Table::create()
        .table("outbox")
        .col(big_pk_auto("n"))
        .col(uuid("id"))
        .col(string("worker"))
        .col(string("subject"))
        .col(text("payload"))
        .col(big_integer("at"))
        .take()
}
