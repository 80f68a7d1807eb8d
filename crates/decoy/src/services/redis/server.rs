//! One Redis server: its databases, clients and settings. No socket, clock or disk of its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use super::acl::Acl;
use super::client::{Client, ClientId, Closing};
use super::config::Config;
use super::db::Db;
use super::record::Record;
use super::reply::{Bytes, Reply};
use super::request::{Limits, Parsed};
use super::slowlog::Slowlog;
use super::stats::Stats;
use super::table::Table;

/// Bytes all databases may take; as `maxmemory` where that is not set lower.
const STORE_MAX: u64 = 64 << 20;
/// Bytes all clients may have waiting to be sent, or sent and not yet carried out.
const BUFFERS_MAX: usize = 96 << 20;

pub(super) struct Server {
    pub(super) table: &'static Table,
    pub(super) persona: Persona,
    pub(super) config: Config,
    pub(super) acl: Acl,
    pub(super) dbs: Vec<Db>,
    pub(super) clients: BTreeMap<ClientId, Client>,
    /// Who listens to a channel, a pattern, a shard channel.
    pub(super) channels: BTreeMap<Bytes, BTreeSet<ClientId>>,
    pub(super) patterns: BTreeMap<Bytes, BTreeSet<ClientId>>,
    pub(super) shards: BTreeMap<Bytes, BTreeSet<ClientId>>,
    pub(super) scripts: BTreeMap<String, Bytes>,
    pub(super) slowlog: Slowlog,
    pub(super) stats: Stats,
    pub(super) saves: Saves,
    pub(super) master: Option<Master>,
    pub(super) paused: Option<Pause>,
    pub(super) disk: Box<dyn Disk>,
    /// Microseconds since the epoch, at the last entry.
    pub(super) now: i64,
    pub(super) started: i64,
    /// Nothing is answered before that time (DEBUG SLEEP).
    pub(super) stalled: i64,
    /// Keys filled by the command at hand, for those who wait for them.
    pub(super) filled: VecDeque<(usize, Bytes)>,
    /// The command carried out last, until it is known how long it took.
    pub(super) recent: Option<Vec<Bytes>>,
    /// What there is to report, and of whom.
    pub(super) records: Vec<(ClientId, Record)>,
    next_client: ClientId,
    pub(super) next_turn: u64,
    random: u64,
}

/// What the server says of itself.
pub(super) struct Persona {
    pub(super) version: String,
    pub(super) build_id: String,
    /// `Linux 6.1.0-27-amd64 x86_64`.
    pub(super) os: String,
    pub(super) gcc: String,
    pub(super) pid: u32,
    pub(super) port: u16,
    pub(super) run_id: String,
    pub(super) replid: String,
    pub(super) total_memory: u64,
}

/// What became of saving.
#[derive(Default)]
pub(super) struct Saves {
    pub(super) count: u64,
    /// Changes since the last.
    pub(super) dirty: u64,
    /// Seconds since the epoch.
    pub(super) last: i64,
    pub(super) last_failed: bool,
    /// When the background save at hand ends, in microseconds since the epoch.
    pub(super) background: Option<i64>,
    pub(super) background_seconds: Option<i64>,
    /// The background save at hand could be written.
    pub(super) ended_well: bool,
    pub(super) forks: u64,
}

/// Whom it was told to follow.
pub(super) struct Master {
    pub(super) host: Bytes,
    pub(super) port: u16,
    /// Microseconds since the epoch.
    pub(super) since: i64,
}

/// CLIENT PAUSE.
pub(super) struct Pause {
    pub(super) until: i64,
    pub(super) writes_only: bool,
}

/// The files the server may touch, with its own user's rights.
pub(super) trait Disk {
    /// Makes a folder the working one; its full name, or what `strerror` says.
    fn enter(&mut self, dir: &[u8]) -> Result<Bytes, String>;
    /// Writes a file in the working folder as a whole; its full name, or what `strerror` says.
    fn save(&mut self, name: &[u8], bytes: &[u8]) -> Result<Bytes, String>;
    /// Writes changed directives into the configuration file; its new text, or what `strerror` says.
    fn rewrite(&mut self, changed: &[(&'static str, Bytes)]) -> Result<Bytes, String>;
}

/// What became of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A command was carried out; there may be more.
    Done,
    /// More bytes, or time, must come first.
    Idle,
    /// The conversation is over once its output is sent.
    Over,
}

// === impl Server ===

impl Server {
    pub(super) fn new(persona: Persona, config: Config, disk: Box<dyn Disk>, seed: u64, now: i64) -> Self {
        let mut server = Self {
            table: Table::get(),
            persona,
            acl: Acl::new(config.get("requirepass")),
            config,
            dbs: Vec::new(),
            clients: BTreeMap::new(),
            channels: BTreeMap::new(),
            patterns: BTreeMap::new(),
            shards: BTreeMap::new(),
            scripts: BTreeMap::new(),
            slowlog: Slowlog::default(),
            stats: Stats::default(),
            saves: Saves {
                last: now / 1_000_000,
                ..Saves::default()
            },
            master: None,
            paused: None,
            disk,
            now,
            started: now,
            stalled: 0,
            filled: VecDeque::new(),
            recent: None,
            records: Vec::new(),
            next_client: 3,
            next_turn: 0,
            random: seed,
        };
        server.dbs = (0..16).map(|_| Db::new(server.random())).collect();
        server
    }

    pub(super) fn connect(&mut self, addr: SocketAddr, laddr: SocketAddr, now: i64) -> ClientId {
        self.now = now;
        let id = self.next_client;
        self.next_client += 1;
        let taken: BTreeSet<u32> = self.clients.values().map(|client| client.fd).collect();
        let fd = (8..).find(|fd| !taken.contains(fd)).unwrap_or(8);
        let mut client = Client::new(id, addr, laddr, fd, now);
        client.user = self.acl.is_open().then(|| b"default".to_vec());
        self.clients.insert(id, client);
        self.stats.connections += 1;
        id
    }

    pub(super) fn disconnect(&mut self, id: ClientId, now: i64) {
        self.now = now;
        self.unsubscribe_all(id);
        self.clients.remove(&id);
    }

    /// Takes bytes of a client; false when no more can be held and it must go.
    pub(super) fn feed(&mut self, id: ClientId, bytes: &[u8], now: i64) -> bool {
        self.now = now;
        self.stats.net_in += bytes.len() as u64;
        self.stats.reads += 1;
        let held: usize = self.clients.values().map(Client::held).sum();
        let Some(client) = self.clients.get_mut(&id) else {
            return false;
        };
        client.parser.push(bytes);
        held + bytes.len() <= BUFFERS_MAX
    }

    /// Carries out the next command of a client, if it is all there.
    pub(super) fn step(&mut self, id: ClientId, now: i64) -> Step {
        self.now = now;
        let limits = Limits {
            bulk: self.config.number("proto-max-bulk-len") as u64,
            stranger: self.is_stranger(id),
        };
        let Some(client) = self.clients.get_mut(&id) else {
            return Step::Over;
        };
        if client.closing != Closing::No {
            return Step::Over;
        }
        if client.blocked.is_some()
            || self.stalled > now
            || self.paused.as_ref().is_some_and(|pause| pause.holds_all(now))
        {
            return Step::Idle;
        }
        let parsed = match client.held.take() {
            Some(args) => Parsed::Command(args),
            None => client.parser.parse(limits),
        };
        match parsed {
            Parsed::Pending => return Step::Idle,
            Parsed::Broken(reason) => self.broken(id, &reason),
            Parsed::Command(args) => {
                client.active = now;
                self.process(id, args);
                self.serve_waiting();
            }
        }
        match self.clients.get(&id) {
            Some(client) if client.held.is_some() => Step::Idle,
            Some(client) if client.closing == Closing::No => Step::Done,
            _ => Step::Over,
        }
    }

    /// What is to be sent to a client.
    pub(super) fn take_output(&mut self, id: ClientId) -> Bytes {
        let Some(client) = self
            .clients
            .get_mut(&id)
            .filter(|client| client.closing != Closing::Now)
        else {
            return Bytes::new();
        };
        let out = std::mem::take(&mut client.out);
        if !out.is_empty() {
            self.stats.net_out += out.len() as u64;
            self.stats.writes += 1;
        }
        out
    }

    /// What time alone brings about; to be called some times a second.
    pub(super) fn tick(&mut self, now: i64) {
        self.now = now;
        self.stats.tick(now);
        self.expire_some();
        self.end_waits();
        self.end_background_save();
        if self.paused.as_ref().is_some_and(|pause| pause.until <= now) {
            self.paused = None;
        }
        let timeout = self.config.number("timeout") * 1_000_000;
        for client in self.clients.values_mut() {
            let exempt = client.blocked.is_some() || client.is_subscriber() || client.monitor;
            if timeout > 0 && !exempt && now - client.active > timeout {
                client.closing = Closing::Now;
            }
        }
    }

    pub(super) fn client(&mut self, id: ClientId) -> Option<&mut Client> {
        self.clients.get_mut(&id)
    }

    /// Whether it has yet to authenticate.
    pub(super) fn is_stranger(&self, id: ClientId) -> bool {
        self.clients.get(&id).is_some_and(|client| client.user.is_none())
    }

    pub(super) fn record(&mut self, id: ClientId, record: Record) {
        self.records.push((id, record));
    }

    /// The next of a sequence that only the seed knows (SplitMix64).
    pub(super) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Milliseconds since the epoch.
    pub(super) fn now_ms(&self) -> i64 {
        self.now / 1000
    }

    /// Bytes in all databases.
    pub(super) fn weight(&self) -> u64 {
        self.dbs.iter().map(Db::weight).sum::<usize>() as u64
    }

    /// No room for another write.
    pub(super) fn is_full(&self) -> bool {
        let set = self.config.number("maxmemory") as u64;
        let used = self.used_memory();
        (set > 0 && used > set) || self.weight() > STORE_MAX
    }

    fn broken(&mut self, id: ClientId, reason: &[u8]) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let data = client.parser.unread().iter().take(256).copied().collect();
        client.answer(&Reply::Error([b"ERR Protocol error: ", reason].concat()));
        client.closing = Closing::AfterReply;
        self.stats.fault(b"ERR");
        self.record(
            id,
            Record::Broken {
                reason: reason.to_vec(),
                data,
            },
        );
    }
}

// === impl Pause ===

impl Pause {
    fn holds_all(&self, now: i64) -> bool {
        !self.writes_only && now < self.until
    }

    pub(super) fn holds_writes(&self, now: i64) -> bool {
        now < self.until
    }
}
