//! What tells who is behind an address: everything it showed, left and did, read for many addresses at once.
//!
//! Of each kind the oldest rows are read, up to a limit: what an address is known by does not change because it goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use model::{Fields, Origin};
use sea_orm::{
    ColumnTrait, ConnectionTrait as _, DbBackend, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    Statement, Value,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::entity::{attacker, event, probe_state, target};
use crate::events::origin_name;
use crate::footprint::kind;
use crate::value::{from_json, moment};
use crate::{Result, Store};

/// Marks of one address that are read.
const MARKS: usize = 500;
/// Files of one address.
const FILES: usize = 500;
/// Commands of one address.
const COMMANDS: usize = 2_000;
/// Credentials one address tried.
const ATTEMPTS: usize = 1_000;
/// Addresses of one statement.
const AT_ONCE: usize = 250;

/// Kinds of marks that tell a tool.
const KINDS: [&str; 6] = [
    kind::JA3,
    kind::JA4,
    kind::JA4H,
    kind::JA4_QUIC,
    kind::HASSH,
    kind::SCANNER,
];

#[derive(Clone, Copy, Debug)]
pub struct Traces<'a> {
    pub(crate) store: &'a Store,
}

/// What one address left. Lists are in order of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    pub ip: String,
    pub first_seen: OffsetDateTime,
    pub last_seen: OffsetDateTime,
    /// The identity it was put in, merged or not.
    pub identity: Option<Uuid>,
    pub marks: Vec<Mark>,
    pub probes: Vec<Probed>,
    pub files: Vec<Left>,
    pub commands: Vec<Ran>,
    pub attempts: Vec<Attempt>,
    pub contacts: Vec<Contact>,
}

/// A fingerprint, by the name of its kind: `ja3`, `ja4`, `ja4h`, `ja4_quic`, `hassh`, `scanner`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub kind: String,
    pub value: String,
    pub first_seen: OffsetDateTime,
    pub last_seen: OffsetDateTime,
}

/// What the address last answered to a probe of this name.
#[derive(Clone, Debug, PartialEq)]
pub struct Probed {
    pub probe: String,
    pub fields: Fields,
}

/// A file it brought or made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub sha256: String,
    pub decky: String,
    pub at: OffsetDateTime,
}

/// A line it had executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    pub command: String,
    pub decky: String,
    pub at: OffsetDateTime,
}

/// A secret it tried at a service of a decky.
#[derive(Clone, PartialEq, Eq)]
pub struct Attempt {
    pub decky: String,
    pub service: String,
    pub principal: Option<String>,
    /// Fit to be shown, not exact.
    pub secret: String,
    pub first_seen: OffsetDateTime,
    pub last_seen: OffsetDateTime,
    pub successes: i64,
    pub failures: i64,
}

/// A service of a decky it was at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub decky: String,
    pub service: String,
    pub first_seen: OffsetDateTime,
    pub last_seen: OffsetDateTime,
}

/// Addresses of which something was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    pub ips: BTreeSet<String>,
    /// Of the earliest of these events, microseconds; none without events.
    pub since: Option<i64>,
    /// Where to go on from.
    pub last: i64,
    /// There is more already.
    pub more: bool,
}

/// Number, time, source, destination, origin and service of an event.
type Told = (i64, i64, Option<String>, Option<String>, String, String);

// === impl Traces ===

impl Traces<'_> {
    /// Addresses of which events number `after` and later tell, out of `limit` events.
    pub async fn changed(&self, after: i64, limit: u64) -> Result<Changed> {
        let rows: Vec<Told> = event::Entity::find()
            .select_only()
            .columns([
                event::Column::N,
                event::Column::At,
                event::Column::SrcIp,
                event::Column::DstIp,
                event::Column::Origin,
                event::Column::Service,
            ])
            .filter(event::Column::N.gt(after))
            .order_by_asc(event::Column::N)
            .limit(limit)
            .into_tuple()
            .all(self.store.reader())
            .await?;
        let mut changed = Changed {
            last: after,
            more: rows.len() as u64 == limit,
            ..Changed::default()
        };
        for (n, at, src, dst, origin, service) in rows {
            changed.last = n;
            changed.since = Some(changed.since.map_or(at, |since| since.min(at)));
            // Of what the prober asked, the one asked is whom it tells of.
            let of = if service == "prober" {
                dst
            } else {
                src.filter(|_| origin == origin_name(Origin::Peer))
            };
            changed.ips.extend(of);
        }
        Ok(changed)
    }

    /// Every address that came, in the order of their text.
    pub async fn addresses(&self, after: Option<&str>, limit: u64) -> Result<Vec<String>> {
        let select = attacker::Entity::find()
            .select_only()
            .column(attacker::Column::Ip)
            .filter(sea_orm::Condition::all().add_option(after.map(|ip| attacker::Column::Ip.gt(ip))))
            .order_by_asc(attacker::Column::Ip)
            .limit(limit);
        Ok(select.into_tuple().all(self.store.reader()).await?)
    }

    /// What these addresses left, by address; such as never came are left out.
    pub async fn of(&self, ips: &[String]) -> Result<Vec<Trace>> {
        let mut traces = Vec::with_capacity(ips.len());
        for some in ips.chunks(AT_ONCE) {
            self.read(some, &mut traces).await?;
        }
        Ok(traces)
    }

    async fn read(&self, ips: &[String], out: &mut Vec<Trace>) -> Result<()> {
        let reader = self.store.reader();
        let who = attacker::Entity::find()
            .filter(attacker::Column::Ip.is_in(ips))
            .all(reader);
        let mut traces: BTreeMap<String, Trace> = who.await?.into_iter().map(Trace::begin).collect();
        for row in self.oldest::<MarkRow>(ips, MARKS).await? {
            with(&mut traces, &row.attacker_ip, |trace| trace.marks.push(row.read()));
        }
        for row in self.oldest::<FileRow>(ips, FILES).await? {
            with(&mut traces, &row.attacker_ip, |trace| trace.files.push(row.read()));
        }
        for row in self.oldest::<CommandRow>(ips, COMMANDS).await? {
            with(&mut traces, &row.attacker_ip, |trace| trace.commands.push(row.read()));
        }
        for row in self.oldest::<AttemptRow>(ips, ATTEMPTS).await? {
            with(&mut traces, &row.attacker_ip, |trace| trace.attempts.push(row.read()));
        }
        let contacts = target::Entity::find()
            .filter(target::Column::AttackerIp.is_in(ips))
            .order_by_asc(target::Column::FirstSeen);
        for row in contacts.all(reader).await? {
            let contact = Contact {
                decky: row.decky,
                service: row.service,
                first_seen: moment(row.first_seen),
                last_seen: moment(row.last_seen),
            };
            with(&mut traces, &row.attacker_ip, |trace| trace.contacts.push(contact));
        }
        let probes = probe_state::Entity::find()
            .filter(probe_state::Column::AttackerIp.is_in(ips))
            .order_by_asc(probe_state::Column::Port);
        for row in probes.all(reader).await? {
            let what = || format!("an answer of {} to {}", row.attacker_ip, row.probe);
            let fields = from_json(what, &row.detail)?;
            let probed = Probed {
                probe: row.probe,
                fields,
            };
            with(&mut traces, &row.attacker_ip, |trace| trace.probes.push(probed));
        }
        out.extend(traces.into_values());
        Ok(())
    }

    /// The oldest `most` rows of each address.
    async fn oldest<R: Row>(&self, ips: &[String], most: usize) -> Result<Vec<R>> {
        let reader = self.store.reader();
        let backend = reader.get_database_backend();
        let statement = Statement::from_sql_and_values(
            backend,
            oldest_sql::<R>(backend, ips.len(), most),
            ips.iter().map(|ip| Value::from(ip.as_str())),
        );
        let rows = reader.query_all_raw(statement).await?;
        let read = rows.iter().map(|row| R::from_query_result(row, ""));
        Ok(read.collect::<std::result::Result<_, _>>()?)
    }
}

fn with(traces: &mut BTreeMap<String, Trace>, ip: &str, add: impl FnOnce(&mut Trace)) {
    if let Some(trace) = traces.get_mut(ip) {
        add(trace);
    }
}

/// For each address the time of its `most`-th row is looked up once, and rows up to then are read from the index.
fn oldest_sql<R: Row>(backend: DbBackend, ips: usize, most: usize) -> String {
    let (table, at, only) = (R::TABLE, R::AT, R::only());
    let columns: Vec<String> = R::COLUMNS.iter().map(|column| format!("t.\"{column}\"")).collect();
    let mut sql = format!(
        "SELECT {} FROM attackers a JOIN {table} t ON t.attacker_ip = a.ip AND t.\"{at}\" <= COALESCE((SELECT d.\"{at}\" \
         FROM {table} d WHERE d.attacker_ip = a.ip{} ORDER BY d.\"{at}\" LIMIT 1 OFFSET {}), {}){} WHERE a.ip IN (",
        columns.join(", "),
        only.replace("$", "d"),
        most.saturating_sub(1),
        i64::MAX,
        only.replace("$", "t"),
    );
    for n in 1..=ips {
        let comma = if n == 1 { "" } else { ", " };
        let _ = match backend {
            DbBackend::Postgres => write!(sql, "{comma}${n}"),
            _ => write!(sql, "{comma}?"),
        };
    }
    let _ = write!(sql, ") ORDER BY t.attacker_ip, t.\"{at}\"");
    sql
}

// === Rows ===

trait Row: FromQueryResult {
    const TABLE: &'static str;
    const AT: &'static str;
    const COLUMNS: &'static [&'static str];

    /// A further condition, `$` standing for the table.
    fn only() -> String {
        String::new()
    }
}

#[derive(FromQueryResult)]
struct MarkRow {
    attacker_ip: String,
    kind: String,
    value: String,
    first_seen: i64,
    last_seen: i64,
}

#[derive(FromQueryResult)]
struct FileRow {
    attacker_ip: String,
    sha256: String,
    decky: String,
    at: i64,
}

#[derive(FromQueryResult)]
struct CommandRow {
    attacker_ip: String,
    command: String,
    decky: String,
    at: i64,
}

#[derive(FromQueryResult)]
struct AttemptRow {
    attacker_ip: String,
    decky: String,
    service: String,
    principal: Option<String>,
    secret_printable: String,
    first_seen: i64,
    last_seen: i64,
    successes: i64,
    failures: i64,
}

impl Row for MarkRow {
    const TABLE: &'static str = "fingerprints";
    const AT: &'static str = "first_seen";
    const COLUMNS: &'static [&'static str] = &["attacker_ip", "kind", "value", "first_seen", "last_seen"];

    fn only() -> String {
        format!(" AND $.kind IN ('{}')", KINDS.join("', '"))
    }
}

impl Row for FileRow {
    const TABLE: &'static str = "sightings";
    const AT: &'static str = "at";
    const COLUMNS: &'static [&'static str] = &["attacker_ip", "sha256", "decky", "at"];
}

impl Row for CommandRow {
    const TABLE: &'static str = "commands";
    const AT: &'static str = "at";
    const COLUMNS: &'static [&'static str] = &["attacker_ip", "command", "decky", "at"];
}

impl Row for AttemptRow {
    const TABLE: &'static str = "credentials";
    const AT: &'static str = "first_seen";
    const COLUMNS: &'static [&'static str] = &[
        "attacker_ip",
        "decky",
        "service",
        "principal",
        "secret_printable",
        "first_seen",
        "last_seen",
        "successes",
        "failures",
    ];
}

impl MarkRow {
    fn read(&self) -> Mark {
        Mark {
            kind: self.kind.clone(),
            value: self.value.clone(),
            first_seen: moment(self.first_seen),
            last_seen: moment(self.last_seen),
        }
    }
}

impl FileRow {
    fn read(&self) -> Left {
        Left {
            sha256: self.sha256.clone(),
            decky: self.decky.clone(),
            at: moment(self.at),
        }
    }
}

impl CommandRow {
    fn read(&self) -> Ran {
        Ran {
            command: self.command.clone(),
            decky: self.decky.clone(),
            at: moment(self.at),
        }
    }
}

impl AttemptRow {
    fn read(&self) -> Attempt {
        Attempt {
            decky: self.decky.clone(),
            service: self.service.clone(),
            principal: self.principal.clone(),
            secret: self.secret_printable.clone(),
            first_seen: moment(self.first_seen),
            last_seen: moment(self.last_seen),
            successes: self.successes,
            failures: self.failures,
        }
    }
}

// === impl Trace ===

impl Trace {
    fn begin(row: attacker::Model) -> (String, Self) {
        let trace = Self {
            ip: row.ip.clone(),
            first_seen: moment(row.first_seen),
            last_seen: moment(row.last_seen),
            identity: row.identity,
            marks: Vec::new(),
            probes: Vec::new(),
            files: Vec::new(),
            commands: Vec::new(),
            attempts: Vec::new(),
            contacts: Vec::new(),
        };
        (row.ip, trace)
    }
}

impl std::fmt::Debug for Attempt {
    /// Never shows the secret: this ends up in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attempt({:?} at {} of {})", self.principal, self.service, self.decky)
    }
}
