//! What attackers' machines look like from the wire, seen in passing and by asking back.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, blob, boolean, integer, integer_null, pk_uuid, string, string_null, text, text_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const INDEXES: [(&str, &str, &[&str]); 4] = [
    ("fingerprints", "fingerprints_attacker", &["attacker_ip", "kind"]),
    ("probes", "probes_at", &["at"]),
    ("probes", "probes_attacker", &["attacker_ip", "at"]),
    ("probe_targets", "probe_targets_due", &["due_at"]),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in attacker_columns() {
            let change = Table::alter().table("attackers").add_column(column).take();
            manager.alter_table(change).await?;
        }
        for table in tables() {
            manager.create_table(table).await?;
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
        for table in tables().into_iter().rev() {
            let Some(name) = table.get_table_name().cloned() else {
                continue;
            };
            manager.drop_table(Table::drop().table(name).take()).await?;
        }
        for column in ["handshakes", "rotation_count", "last_rotation_at"] {
            let change = Table::alter().table("attackers").drop_column(column).take();
            manager.alter_table(change).await?;
        }
        Ok(())
    }
}

fn attacker_columns() -> [ColumnDef; 3] {
    [
        // Connections that came about: a source without one may be anybody's address.
        big_integer("handshakes").default(0).take(),
        big_integer("rotation_count").default(0).take(),
        big_integer_null("last_rotation_at").take(),
    ]
}

fn tables() -> [TableCreateStatement; 7] {
    [
        fingerprints(),
        places(),
        networks(),
        probe_states(),
        probe_history(),
        probes(),
        probe_targets(),
    ]
}

fn fingerprints() -> TableCreateStatement {
    Table::create()
        .table("fingerprints")
        // Digest of attacker, kind and value.
        .col(blob("key").primary_key())
        .col(string("attacker_ip"))
        .col(string("kind"))
        .col(text("value"))
        .col(text_null("detail"))
        // Thousandths of confidence, summed over the sightings.
        .col(big_integer("weight"))
        .col(big_integer("count"))
        .col(big_integer("first_seen"))
        .col(big_integer("last_seen"))
        .take()
}

fn places() -> TableCreateStatement {
    Table::create()
        .table("fingerprint_places")
        .col(blob("key"))
        .col(string("decky"))
        .col(integer("port"))
        .col(big_integer("count"))
        .col(big_integer("first_seen"))
        .col(big_integer("last_seen"))
        .primary_key(Index::create().col("key").col("decky").col("port"))
        .take()
}

fn networks() -> TableCreateStatement {
    Table::create()
        .table("attacker_networks")
        .col(string("attacker_ip").primary_key())
        .col(big_integer("flows"))
        .col(big_integer("retransmits"))
        .col(big_integer_null("rtt_us"))
        .col(big_integer_null("uptime_s"))
        .col(big_integer_null("uptime_at"))
        .col(text_null("tcp_syn"))
        .take()
}

fn probe_states() -> TableCreateStatement {
    Table::create()
        .table("probe_states")
        .col(string("attacker_ip"))
        // 0 for probes that go to no port.
        .col(integer("port"))
        .col(string("probe"))
        .col(string("hash"))
        .col(big_integer("first_seen"))
        .col(big_integer("last_seen"))
        .col(big_integer("rotations"))
        .col(boolean("load_balanced"))
        .col(text("detail"))
        .primary_key(Index::create().col("attacker_ip").col("port").col("probe"))
        .take()
}

fn probe_history() -> TableCreateStatement {
    Table::create()
        .table("probe_history")
        .col(string("attacker_ip"))
        .col(integer("port"))
        .col(string("probe"))
        .col(big_integer("n"))
        .col(string("hash"))
        .col(big_integer("first_seen"))
        .col(big_integer("last_seen"))
        .primary_key(Index::create().col("attacker_ip").col("port").col("probe").col("n"))
        .take()
}

fn probes() -> TableCreateStatement {
    Table::create()
        .table("probes")
        .col(pk_uuid("id"))
        .col(big_integer("at"))
        .col(string("attacker_ip"))
        .col(integer_null("port"))
        .col(string("probe"))
        .col(string("outcome"))
        .col(text_null("reason"))
        .col(string_null("hash"))
        .col(big_integer("duration_ms"))
        .col(text("detail"))
        .take()
}

fn probe_targets() -> TableCreateStatement {
    Table::create()
        .table("probe_targets")
        .col(string("attacker_ip").primary_key())
        // Absent while it was only refused.
        .col(big_integer_null("last_at"))
        .col(big_integer("due_at"))
        .take()
}
