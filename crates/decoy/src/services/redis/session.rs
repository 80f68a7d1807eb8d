//! The one server of a machine, and a task for each of its clients.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::{FutureExt, LocalBoxFuture};
use model::detail::{Login, ProtocolError, Secret};
use model::event::Fields;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;

use super::super::{Context, Service};
use super::client::{ClientId, Closing};
use super::config::Config;
use super::disk::Files;
use super::record::{ARG, ARGS, Record};
use super::reply::Bytes;
use super::server::{Persona, Server, Step};
use crate::conn::{Conn, Log};

/// How often time alone is looked at (`hz 10`).
const TICK: Duration = Duration::from_millis(100);
/// Bytes read at once.
const READ: usize = 16 << 10;
/// Bytes waiting to be sent after which no more commands are carried out.
const SEND: usize = 256 << 10;
/// Commands told of one address at once, and each second after.
const TOLD_AT_ONCE: f64 = 20_000.0;
const TOLD_A_SECOND: f64 = 200.0;
/// Bytes of values kept of one address.
const KEPT: usize = 64 << 20;
/// Largest value that is kept.
const KEPT_VALUE: usize = 1 << 20;
/// Bytes of a script that its event tells.
const SCRIPT: usize = 2048;
/// Addresses remembered for the two above.
const SOURCES: usize = 4096;

pub(super) struct Redis {
    server: RefCell<Server>,
    /// Wakes the task of a client.
    tasks: RefCell<BTreeMap<ClientId, Rc<Task>>>,
    sources: RefCell<HashMap<IpAddr, Source>>,
    ticking: std::cell::Cell<bool>,
}

struct Task {
    wake: Notify,
    log: Log,
}

/// What was told of an address.
struct Source {
    allowance: f64,
    filled: i64,
    kept: usize,
    /// Commands carried out and not told.
    untold: u64,
}

// === impl Redis ===

impl Redis {
    pub(super) fn new(cx: &Context) -> Result<Self, String> {
        let now = now();
        let mut config = Config::new();
        if let Some(password) = cx.spec.text("password") {
            config.put("requirepass", password);
        }
        for option in [
            "enable-protected-configs",
            "enable-debug-command",
            "enable-module-command",
        ] {
            if let Some(on) = cx.spec.flag(&option.replace('-', "_")) {
                config.put(option, if on { "yes" } else { "no" });
            }
        }
        let draw = |purpose: &str| hex::encode(cx.machine.draw(purpose));
        let port = cx.spec.ports.first().map_or(6379, |port| port.port);
        if port != 6379 {
            config.put("port", port.to_string());
        }
        let text = |key: &str, default: &str| cx.spec.text(key).unwrap_or(default).to_owned();
        let persona = Persona {
            version: text("version", "7.0.15"),
            build_id: text("build_id", "e08dbad3e06f3fb"),
            os: cx.spec.text("os_string").map_or_else(kernel, str::to_owned),
            gcc: text("gcc_version", "12.2.0"),
            pid: std::process::id(),
            port,
            run_id: draw(&format!("redis/run_id/{now}"))[..40].to_owned(),
            replid: draw(&format!("redis/replid/{now}"))[..40].to_owned(),
            total_memory: total_memory(),
        };
        let seed = cx.machine.draw(&format!("redis/order/{now}"));
        let seed = u64::from_le_bytes(seed[..8].try_into().unwrap_or_default());
        let files = Files::new(cx.machine.clone());
        let mut server = Server::new(persona, config, Box::new(files), seed, now);
        if cx.spec.flag("bait").unwrap_or(true) {
            super::bait::fill(&mut server, &cx.machine.draw("redis/bait"));
        }
        Ok(Self {
            server: RefCell::new(server),
            tasks: RefCell::default(),
            sources: RefCell::default(),
            ticking: std::cell::Cell::new(false),
        })
    }

    async fn converse(self: Rc<Self>, mut conn: Conn) {
        self.clone().start_ticking();
        let Ok((peer, local)) = conn
            .stream
            .get_ref()
            .peer_addr()
            .and_then(|peer| Ok((peer, conn.stream.get_ref().local_addr()?)))
        else {
            return;
        };
        let canonical = |addr: std::net::SocketAddr| (addr.ip().to_canonical(), addr.port()).into();
        let id = self
            .server
            .borrow_mut()
            .connect(canonical(peer), canonical(local), now());
        let task = Rc::new(Task {
            wake: Notify::new(),
            log: conn.log.clone(),
        });
        self.tasks.borrow_mut().insert(id, task.clone());
        self.talk(id, &task, &mut conn).await;
        self.server.borrow_mut().disconnect(id, now());
        self.tasks.borrow_mut().remove(&id);
        self.tell_untold(peer.ip().to_canonical(), &task.log);
        let _ = conn.stream.shutdown().await;
    }

    async fn talk(&self, id: ClientId, task: &Task, conn: &mut Conn) {
        let mut buffer = vec![0; READ];
        loop {
            let over = self.advance(id);
            let out = self.server.borrow_mut().take_output(id);
            if !out.is_empty() && conn.stream.write_all(&out).await.is_err() {
                return;
            }
            match over {
                Advance::Over => return,
                Advance::More => continue,
                Advance::Idle => {}
            }
            tokio::select! {
                read = conn.stream.read(&mut buffer) => match read {
                    Ok(n) if n > 0 => {
                        if !self.server.borrow_mut().feed(id, &buffer[..n], now()) {
                            return;
                        }
                    }
                    _ => return,
                },
                () = task.wake.notified() => {}
            }
        }
    }

    /// Carries out what can be, up to a full load of output; then tells and wakes whoever is concerned.
    fn advance(&self, id: ClientId) -> Advance {
        let mut server = self.server.borrow_mut();
        let advance = loop {
            let started = std::time::Instant::now();
            match server.step(id, now()) {
                Step::Idle => break Advance::Idle,
                Step::Over => break Advance::Over,
                Step::Done => server.took(id, started.elapsed().as_micros() as i64),
            }
            if server.clients.get(&id).is_none_or(|client| client.out.len() >= SEND) {
                break Advance::More;
            }
        };
        let records = std::mem::take(&mut server.records);
        self.wake(&server, id);
        drop(server);
        for (id, record) in records {
            self.tell(id, record);
        }
        advance
    }

    /// Wakes the clients that have something to hear, or to end.
    fn wake(&self, server: &Server, but: ClientId) {
        let concerned = server
            .clients
            .values()
            .filter(|client| !client.out.is_empty() || client.closing != Closing::No);
        for client in concerned.filter(|client| client.id != but) {
            if let Some(task) = self.tasks.borrow().get(&client.id) {
                task.wake.notify_one();
            }
        }
    }

    fn start_ticking(self: Rc<Self>) {
        if self.ticking.replace(true) {
            return;
        }
        let weak = Rc::downgrade(&self);
        tokio::task::spawn_local(async move {
            let mut interval = tokio::time::interval(TICK);
            loop {
                interval.tick().await;
                let Some(redis) = weak.upgrade() else { return };
                let mut server = redis.server.borrow_mut();
                let held_up = server.stalled > 0 || server.paused.is_some();
                server.tick(now());
                if held_up {
                    redis.tasks.borrow().values().for_each(|task| task.wake.notify_one());
                }
                redis.wake(&server, 0);
            }
        });
    }

    fn tell(&self, id: ClientId, record: Record) {
        let Some(task) = self.tasks.borrow().get(&id).cloned() else {
            return;
        };
        let log = &task.log;
        let source = log.place().src.map(|src| src.ip);
        match record {
            Record::Command { args, user } => {
                let name = args[0].to_ascii_lowercase();
                let untold = match self.may_tell(source, &name) {
                    Some(untold) => untold,
                    None => return,
                };
                log.report_as("command", command_fields(&args, user, untold));
            }
            Record::KeyWrite { key, event, bytes } => {
                if self.may_tell(source, b"").is_some() {
                    log.report_as(
                        "key_write",
                        fields(json!({"key": shown(&key, ARG), "event": event, "bytes": bytes})),
                    );
                }
            }
            Record::Login { user, secret, accepted } => log.report(Login {
                principal: user.map(|user| shown(&user, ARG)),
                method: "auth".into(),
                secret: Secret::plaintext(&secret),
                outcome: accepted.into(),
            }),
            Record::ConfigSet { name, value, accepted } => {
                log.report_as(
                    "cfg_set",
                    fields(json!({"name": name, "value": shown(&value, 2048), "accepted": accepted})),
                );
            }
            Record::ReplicaOf { host, port } => {
                log.report_as("replica_of", fields(json!({"host": shown(&host, ARG), "port": port})));
            }
            Record::Module { path, args } => {
                let args: Vec<_> = args.iter().take(ARGS).map(|arg| shown(arg, ARG)).collect();
                log.report_as("module_load", fields(json!({"path": shown(&path, 1024), "args": args})));
            }
            Record::FileWrite { path, bytes, error } => {
                let path = shown(&path, 4096);
                let sha256 = self
                    .keep(source, bytes.len())
                    .then(|| log.capture(&bytes, &path, "write", Some("redis")));
                log.report_as(
                    "file_write",
                    fields(json!({"path": path, "size": bytes.len(), "sha256": sha256, "error": error})),
                );
            }
            Record::Script { sha1, source: body } => {
                let sha256 = self
                    .keep(source, body.len())
                    .then(|| log.capture(&body, &format!("script/{sha1}"), "script", Some("redis")));
                log.report_as(
                    "script",
                    fields(json!({"sha1": sha1, "script": shown(&body, SCRIPT), "size": body.len(), "sha256": sha256})),
                );
            }
            Record::Value { key, bytes } => {
                if bytes.len() <= KEPT_VALUE && self.keep(source, bytes.len()) {
                    log.capture(&bytes, &format!("key/{}", shown(&key, ARG)), "write", None);
                }
            }
            Record::Broken { reason, data } => log.report(ProtocolError {
                reason: shown(&reason, ARG).into(),
                data_b64: B64.encode(data),
            }),
        }
    }

    /// Whether a command of that address may still be told: how many went untold before it. What changes the server
    /// itself is always told.
    fn may_tell(&self, source: Option<IpAddr>, name: &[u8]) -> Option<u64> {
        let mut sources = self.sources.borrow_mut();
        let source = source_of(&mut sources, source);
        let now = now();
        let refill = (now - source.filled) as f64 / 1e6 * TOLD_A_SECOND;
        source.allowance = (source.allowance + refill).min(TOLD_AT_ONCE);
        source.filled = now;
        let grave = matches!(
            name,
            b"auth"
                | b"config"
                | b"slaveof"
                | b"replicaof"
                | b"module"
                | b"eval"
                | b"evalsha"
                | b"script"
                | b"function"
                | b"save"
                | b"bgsave"
                | b"debug"
                | b"flushall"
                | b"flushdb"
                | b"shutdown"
                | b"acl"
                | b"migrate"
        );
        if source.allowance < 1.0 && !grave {
            source.untold += u64::from(!name.is_empty());
            return None;
        }
        source.allowance -= 1.0;
        Some(std::mem::take(&mut source.untold))
    }

    fn keep(&self, source: Option<IpAddr>, bytes: usize) -> bool {
        let mut sources = self.sources.borrow_mut();
        let source = source_of(&mut sources, source);
        source.kept += bytes;
        source.kept <= KEPT
    }

    fn tell_untold(&self, source: IpAddr, log: &Log) {
        let untold = self
            .sources
            .borrow_mut()
            .get_mut(&source)
            .map_or(0, |source| std::mem::take(&mut source.untold));
        if untold > 0 {
            log.report_as("commands_suppressed", fields(json!({"count": untold})));
        }
    }
}

impl Service for Redis {
    fn product(&self) -> String {
        format!("Redis key-value store {}", self.server.borrow().persona.version)
    }

    fn serve(self: Rc<Self>, conn: Conn) -> LocalBoxFuture<'static, ()> {
        self.converse(conn).boxed_local()
    }
}

enum Advance {
    Idle,
    More,
    Over,
}

fn source_of(sources: &mut HashMap<IpAddr, Source>, ip: Option<IpAddr>) -> &mut Source {
    if sources.len() > SOURCES {
        sources.clear();
    }
    let ip = ip.unwrap_or(IpAddr::from([0, 0, 0, 0]));
    sources.entry(ip).or_insert(Source {
        allowance: TOLD_AT_ONCE,
        filled: now(),
        kept: 0,
        untold: 0,
    })
}

fn command_fields(args: &[Bytes], user: Option<Bytes>, untold: u64) -> Fields {
    let told: Vec<String> = args.iter().take(ARGS + 1).map(|arg| shown(arg, ARG)).collect();
    let mut fields = fields(json!({"command": told.join(" "), "cmd": told[0].to_ascii_uppercase(), "args": told[1..]}));
    if let Some(user) = user {
        fields.insert("user".into(), shown(&user, ARG).into());
    }
    if untold > 0 {
        fields.insert("suppressed".into(), untold.into());
    }
    fields
}

fn fields(value: serde_json::Value) -> Fields {
    match value {
        serde_json::Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Fields::new(),
    }
}

/// Bytes as text that can stand in an event.
fn shown(bytes: &[u8], most: usize) -> String {
    let cut = &bytes[..bytes.len().min(most)];
    match std::str::from_utf8(cut) {
        Ok(text) => text.to_owned(),
        Err(_) => cut.escape_ascii().to_string(),
    }
}

/// Microseconds since the epoch.
fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as i64)
}

/// `Linux 6.1.0-27-amd64 x86_64`.
fn kernel() -> String {
    nix::sys::utsname::uname().map_or_else(
        |_| "Linux 6.1.0-27-amd64 x86_64".into(),
        |name| {
            [name.sysname(), name.release(), name.machine()]
                .map(|part| part.to_string_lossy().into_owned())
                .join(" ")
        },
    )
}

fn total_memory() -> u64 {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}
