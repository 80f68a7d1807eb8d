//! What attackers did: events and everything read out of them, and the drills that are told apart from attackers.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, blob, blob_null, boolean, integer_null, pk_uuid, string, string_null,
    text, text_null, uuid_uniq,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Table, name, columns. The row number of SQLite and the incremental sort of PostgreSQL order what shares a moment.
const INDEXES: [(&str, &str, &[&str]); 21] = [
    ("events", "events_at", &["at"]),
    ("events", "events_src", &["src_ip", "at"]),
    ("events", "events_decky", &["decky", "at"]),
    ("events", "events_session", &["session"]),
    ("attackers", "attackers_last_seen", &["last_seen"]),
    ("attackers", "attackers_events", &["events"]),
    ("attackers", "attackers_addr", &["addr"]),
    ("sessions", "sessions_at", &["started_at"]),
    ("sessions", "sessions_attacker", &["attacker_ip", "started_at"]),
    ("sessions", "sessions_decky", &["decky", "started_at"]),
    ("chunks", "chunks_order", &["sid", "n"]),
    ("commands", "commands_at", &["at"]),
    ("commands", "commands_attacker", &["attacker_ip", "at"]),
    ("commands", "commands_session", &["session"]),
    ("credentials", "credentials_last_seen", &["last_seen"]),
    ("credentials", "credentials_attacker", &["attacker_ip"]),
    ("credentials", "credentials_reuse", &["reuse_key"]),
    ("artifacts", "artifacts_last_seen", &["last_seen"]),
    ("sightings", "sightings_hash", &["sha256", "at"]),
    ("sightings", "sightings_attacker", &["attacker_ip"]),
    ("drills", "drills_at", &["started_at"]),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
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
        Ok(())
    }
}

fn tables() -> [TableCreateStatement; 10] {
    [
        events(),
        attackers(),
        targets(),
        sessions(),
        chunks(),
        commands(),
        credentials(),
        artifacts(),
        sightings(),
        drills(),
    ]
}

fn events() -> TableCreateStatement {
    Table::create()
        .table("events")
        // In order of storing: what a follower reads on from.
        .col(big_pk_auto("n"))
        .col(uuid_uniq("id"))
        .col(big_integer("at"))
        .col(string("host"))
        .col(string("decky"))
        .col(string("boot"))
        .col(big_integer("seq"))
        .col(string("service"))
        .col(string("kind"))
        .col(string_null("src_ip"))
        .col(integer_null("src_port"))
        .col(string_null("dst_ip"))
        .col(integer_null("dst_port"))
        .col(string_null("session"))
        .col(string("origin"))
        .col(text("fields"))
        .take()
}

fn attackers() -> TableCreateStatement {
    Table::create()
        .table("attackers")
        .col(string("ip").primary_key())
        // 16 bytes, IPv4 mapped: ranges of it are networks.
        .col(blob("addr"))
        .col(big_integer("first_seen"))
        .col(big_integer("last_seen"))
        .col(big_integer("events"))
        .col(big_integer("sessions"))
        .col(big_integer("commands"))
        .col(big_integer("logins"))
        .col(big_integer("credentials"))
        .col(big_integer("files"))
        .take()
}

fn targets() -> TableCreateStatement {
    Table::create()
        .table("attacker_targets")
        .col(string("attacker_ip"))
        .col(string("decky"))
        .col(string("service"))
        .col(big_integer("first_seen"))
        .col(big_integer("last_seen"))
        .col(big_integer("events"))
        .primary_key(Index::create().col("attacker_ip").col("decky").col("service"))
        .take()
}

fn sessions() -> TableCreateStatement {
    Table::create()
        .table("sessions")
        .col(string("sid"))
        .col(string("decky"))
        .col(string("host"))
        .col(string("service"))
        .col(string_null("conn"))
        .col(string_null("attacker_ip"))
        .col(string_null("mode"))
        .col(text_null("username"))
        .col(text_null("term"))
        .col(integer_null("width"))
        .col(integer_null("height"))
        .col(text_null("command"))
        .col(big_integer("started_at"))
        .col(big_integer_null("ended_at"))
        .col(big_integer_null("duration_ms"))
        .col(big_integer_null("bytes"))
        .col(boolean("truncated"))
        .col(integer_null("exit_status"))
        .col(string_null("reason"))
        .col(big_integer("chunks"))
        .col(big_integer("recorded"))
        .primary_key(Index::create().col("sid").col("decky"))
        .take()
}

fn chunks() -> TableCreateStatement {
    Table::create()
        .table("chunks")
        .col(pk_uuid("id"))
        .col(string("sid"))
        .col(string("decky"))
        .col(big_integer("n"))
        .col(big_integer("t_us"))
        .col(string("ch"))
        .col(blob("data"))
        .col(boolean("hidden"))
        .take()
}

fn commands() -> TableCreateStatement {
    Table::create()
        .table("commands")
        .col(pk_uuid("id"))
        .col(big_integer("at"))
        .col(string_null("attacker_ip"))
        .col(string("decky"))
        .col(string("service"))
        .col(string_null("session"))
        .col(text_null("username"))
        .col(text("command"))
        .take()
}

fn credentials() -> TableCreateStatement {
    Table::create()
        .table("credentials")
        // Digest of attacker, decky, service, kind, secret and principal: what makes two attempts the same.
        .col(blob("key").primary_key())
        // Digest of kind, secret and principal; none for secrets that change with each challenge.
        .col(blob_null("reuse_key"))
        .col(string("attacker_ip"))
        .col(string("decky"))
        .col(string("service"))
        .col(text_null("principal"))
        .col(string("secret_kind"))
        .col(string("secret_sha256"))
        .col(blob("secret"))
        .col(text("secret_printable"))
        .col(text("fields"))
        .col(big_integer("first_seen"))
        .col(big_integer("last_seen"))
        .col(big_integer("attempts"))
        .col(big_integer("successes"))
        .col(big_integer("failures"))
        .take()
}

fn artifacts() -> TableCreateStatement {
    Table::create()
        .table("artifacts")
        .col(string("sha256").primary_key())
        .col(big_integer("size"))
        .col(big_integer("first_seen"))
        .col(big_integer("last_seen"))
        .col(big_integer("sightings"))
        .take()
}

fn sightings() -> TableCreateStatement {
    Table::create()
        .table("sightings")
        .col(pk_uuid("id"))
        .col(string("sha256"))
        .col(big_integer("at"))
        .col(string("decky"))
        .col(string("service"))
        .col(string_null("attacker_ip"))
        .col(string_null("session"))
        .col(text("path"))
        .col(string("way"))
        .col(text_null("username"))
        .take()
}

fn drills() -> TableCreateStatement {
    Table::create()
        .table("drills")
        .col(pk_uuid("id"))
        .col(string("ip"))
        .col(blob("nonce"))
        .col(blob("signature"))
        .col(big_integer("started_at"))
        .col(big_integer_null("ended_at"))
        .take()
}
