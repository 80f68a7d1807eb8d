//! Rows on their way in, and how a row that is there already takes in another.

use sea_orm::Value;
use uuid::Uuid;

/// A table as ingest writes it.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [&'static str],
    /// Columns that make two rows the same.
    pub(super) key: &'static [&'static str],
    /// What becomes of the other columns then; empty for tables where that cannot happen.
    pub(super) merge: &'static [(&'static str, Merge)],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merge {
    Sum,
    Least,
    /// As `Least`, where either may be absent.
    LeastKnown,
    Greatest,
    /// The older value, unless it is absent.
    First,
    /// The newer value, unless it is absent.
    Last,
    Or,
}

pub(super) trait Row {
    const TABLE: Table;
    /// In the order of the table's columns.
    fn values(self, out: &mut Vec<Value>);
}

macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident in $table:literal, key $key:tt, merge $merge:tt { $($field:ident : $ty:ty),* $(,)? })*) => {
        $($(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub(super) struct $name { $(pub(super) $field: $ty),* }
        impl Row for $name {
            const TABLE: Table = Table {
                name: $table,
                columns: &[$(stringify!($field)),*],
                key: &$key,
                merge: &$merge,
            };
            fn values(self, out: &mut Vec<Value>) { $(out.push(self.$field.into());)* }
        })*
    };
}

rows! {
    EventRow in "events", key ["id"], merge [] {
        id: Uuid, at: i64, host: String, decky: String, boot: String, seq: i64, service: String, kind: String,
        src_ip: Option<String>, src_port: Option<i32>, dst_ip: Option<String>, dst_port: Option<i32>,
        session: Option<String>, origin: String, fields: String,
    }
    ChunkRow in "chunks", key ["id"], merge [] {
        id: Uuid, sid: String, decky: String, n: i64, t_us: i64, ch: String, data: Vec<u8>, hidden: bool,
    }
    CommandRow in "commands", key ["id"], merge [] {
        id: Uuid, at: i64, attacker_ip: Option<String>, decky: String, service: String, session: Option<String>,
        username: Option<String>, command: String,
    }
    SightingRow in "sightings", key ["id"], merge [] {
        id: Uuid, sha256: String, at: i64, decky: String, service: String, attacker_ip: Option<String>,
        session: Option<String>, path: String, way: String, username: Option<String>,
    }
    AttackerRow in "attackers", key ["ip"], merge [
        ("first_seen", Merge::Least), ("last_seen", Merge::Greatest), ("events", Merge::Sum), ("sessions", Merge::Sum),
        ("commands", Merge::Sum), ("logins", Merge::Sum), ("credentials", Merge::Sum), ("files", Merge::Sum),
        ("handshakes", Merge::Sum),
    ] {
        ip: String, addr: Vec<u8>, first_seen: i64, last_seen: i64, events: i64, sessions: i64, commands: i64,
        logins: i64, credentials: i64, files: i64, handshakes: i64,
    }
    TargetRow in "attacker_targets", key ["attacker_ip", "decky", "service"], merge [
        ("first_seen", Merge::Least), ("last_seen", Merge::Greatest), ("events", Merge::Sum),
    ] {
        attacker_ip: String, decky: String, service: String, first_seen: i64, last_seen: i64, events: i64,
    }
    SessionRow in "sessions", key ["sid", "decky"], merge [
        ("conn", Merge::First), ("attacker_ip", Merge::First), ("mode", Merge::First), ("username", Merge::First),
        ("term", Merge::First), ("width", Merge::First), ("height", Merge::First), ("command", Merge::First),
        ("started_at", Merge::Least), ("ended_at", Merge::Last), ("duration_ms", Merge::Last), ("bytes", Merge::Last),
        ("truncated", Merge::Or), ("exit_status", Merge::Last), ("reason", Merge::Last), ("chunks", Merge::Sum),
        ("recorded", Merge::Sum),
    ] {
        sid: String, decky: String, host: String, service: String, conn: Option<String>, attacker_ip: Option<String>,
        mode: Option<String>, username: Option<String>, term: Option<String>, width: Option<i32>, height: Option<i32>,
        command: Option<String>, started_at: i64, ended_at: Option<i64>, duration_ms: Option<i64>, bytes: Option<i64>,
        truncated: bool, exit_status: Option<i32>, reason: Option<String>, chunks: i64, recorded: i64,
    }
    CredentialRow in "credentials", key ["key"], merge [
        ("first_seen", Merge::Least), ("last_seen", Merge::Greatest), ("attempts", Merge::Sum),
        ("successes", Merge::Sum), ("failures", Merge::Sum),
    ] {
        key: Vec<u8>, reuse_key: Option<Vec<u8>>, attacker_ip: String, decky: String, service: String,
        principal: Option<String>, secret_kind: String, secret_sha256: String, secret: Vec<u8>,
        secret_printable: String, fields: String, first_seen: i64, last_seen: i64, attempts: i64, successes: i64,
        failures: i64,
    }
    FingerprintRow in "fingerprints", key ["key"], merge [
        ("detail", Merge::Last), ("weight", Merge::Sum), ("count", Merge::Sum), ("by_deckies", Merge::Sum),
        ("first_seen", Merge::Least), ("last_seen", Merge::Greatest),
    ] {
        key: Vec<u8>, attacker_ip: String, kind: String, value: String, detail: Option<String>, weight: i64,
        count: i64, by_deckies: i64, first_seen: i64, last_seen: i64,
    }
    PlaceRow in "fingerprint_places", key ["key", "decky", "port"], merge [
        ("count", Merge::Sum), ("first_seen", Merge::Least), ("last_seen", Merge::Greatest),
    ] {
        key: Vec<u8>, decky: String, port: i32, count: i64, first_seen: i64, last_seen: i64,
    }
    NetworkRow in "attacker_networks", key ["attacker_ip"], merge [
        ("flows", Merge::Sum), ("retransmits", Merge::Sum), ("rtt_us", Merge::LeastKnown), ("uptime_s", Merge::Last),
        ("uptime_at", Merge::Last), ("tcp_syn", Merge::Last),
    ] {
        attacker_ip: String, flows: i64, retransmits: i64, rtt_us: Option<i64>, uptime_s: Option<i64>,
        uptime_at: Option<i64>, tcp_syn: Option<String>,
    }
    ArtifactRow in "artifacts", key ["sha256"], merge [
        ("first_seen", Merge::Least), ("last_seen", Merge::Greatest), ("sightings", Merge::Sum),
    ] {
        sha256: String, size: i64, first_seen: i64, last_seen: i64, sightings: i64,
    }
}

// === impl SessionRow ===

impl SessionRow {
    /// Does in memory what the table's `merge` does in the store.
    pub(super) fn take_in(&mut self, new: Self) {
        fn first<T>(old: &mut Option<T>, new: Option<T>) {
            *old = old.take().or(new);
        }
        fn last<T>(old: &mut Option<T>, new: Option<T>) {
            *old = new.or(old.take());
        }
        first(&mut self.conn, new.conn);
        first(&mut self.attacker_ip, new.attacker_ip);
        first(&mut self.mode, new.mode);
        first(&mut self.username, new.username);
        first(&mut self.term, new.term);
        first(&mut self.width, new.width);
        first(&mut self.height, new.height);
        first(&mut self.command, new.command);
        self.started_at = self.started_at.min(new.started_at);
        last(&mut self.ended_at, new.ended_at);
        last(&mut self.duration_ms, new.duration_ms);
        last(&mut self.bytes, new.bytes);
        self.truncated |= new.truncated;
        last(&mut self.exit_status, new.exit_status);
        last(&mut self.reason, new.reason);
        self.chunks += new.chunks;
        self.recorded += new.recorded;
    }
}
