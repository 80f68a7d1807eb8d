//! From a command's words to its answer: what may be said when, transactions, and those who wait.

use super::client::{ClientId, Closing, Mute, Transaction};
use super::commands;
use super::commands::call::Call;
use super::record::{self, Record};
use super::reply::{Answer, Bytes, Fault, Reply};
use super::request;
use super::server::Server;
use super::table::Facts;

/// Bytes of the arguments that are shown in the error for an unknown command.
const SHOWN_ARGS: usize = 128;
/// Commands one transaction may hold; their bytes are bounded with all that clients hold.
const QUEUE_MAX: usize = 100_000;

// === impl Server ===

impl Server {
    /// One command of a client, as it came.
    pub(super) fn process(&mut self, id: ClientId, args: Vec<Bytes>) {
        let name = args[0].to_ascii_lowercase();
        if name == b"post" || name == b"host:" {
            self.record(id, Record::Command { args, user: None });
            if let Some(client) = self.client(id) {
                client.closing = Closing::Now;
            }
            return;
        }
        if self.keep_back(id, &args) {
            return;
        }
        record::of_command(self, id, &args);
        if let Some(client) = self.client(id)
            && client.mute == Mute::Next
        {
            client.mute = Mute::This;
        }
        let reply = match self.permit(id, &args) {
            Err(fault) => self.reject(id, &name, fault),
            Ok(facts) => self.queue_or_call(id, facts, args),
        };
        if let Some(client) = self.client(id) {
            client.answer(&reply);
            if client.mute == Mute::This {
                client.mute = Mute::No;
            }
        }
    }

    /// The command's facts, when the client may say it now.
    pub(super) fn permit(&mut self, id: ClientId, args: &[Bytes]) -> Result<&'static Facts, Fault> {
        let facts = self.look_up(args)?;
        if !facts.fits(args.len()) {
            return Err(wrong_arity(&facts.name));
        }
        self.permit_protected(&args[0])?;
        let stranger = self.is_stranger(id);
        if stranger && !facts.has("no_auth") {
            return Err(Fault::coded("NOAUTH Authentication required."));
        }
        let in_transaction = self.clients.get(&id).is_some_and(|client| client.transaction.is_some());
        if facts.has("no_multi") && in_transaction {
            return Err(Fault::err("Command not allowed inside a transaction"));
        }
        self.permit_by_acl(id, facts, args)?;
        if facts.has("denyoom") && self.is_full() {
            return Err(Fault::coded("OOM command not allowed when used memory > 'maxmemory'."));
        }
        if facts.has("write") {
            self.permit_write()?;
        }
        let subscribed = self
            .clients
            .get(&id)
            .is_some_and(|client| client.resp == 2 && client.is_subscriber());
        if subscribed && !SAID_BY_SUBSCRIBERS.contains(&facts.name.as_str()) {
            return Err(Fault::err(format!(
                "Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
                facts.name
            )));
        }
        Ok(facts)
    }

    /// Runs a command that was permitted, and keeps count of it.
    pub(super) fn call(&mut self, id: ClientId, facts: &'static Facts, args: &[Bytes]) -> Reply {
        self.feed_monitors(id, facts, args);
        let answer = match commands::handler(facts.name.split('|').next().unwrap_or_default()) {
            Some(handler) => handler(&mut Call::new(self, id, args)),
            None => Err(unknown(args)),
        };
        self.stats.called(&facts.name, answer.is_err());
        if let Some(client) = self.client(id) {
            client.last_command = Some(facts.name.clone());
        }
        if let Err(fault) = &answer {
            self.stats.fault(fault.code());
        } else if let Ok(Reply::Error(line)) = &answer {
            self.stats.fault(Fault(line.clone()).code());
        }
        answer.into()
    }

    /// How long the last command of a client took, in microseconds; slow ones are logged.
    pub(super) fn took(&mut self, id: ClientId, usec: i64) {
        let Some(args) = self.recent.take() else { return };
        let Some(client) = self.clients.get(&id) else { return };
        let name = client.last_command.clone().unwrap_or_default();
        let usec = usec.max(1) + (self.stalled - self.now).max(0);
        self.stats.took(&name, usec as u64);
        let threshold = self.config.number("slowlog-log-slower-than");
        let logged = self.table.facts(&name).is_some_and(|facts| !facts.has("skip_slowlog"));
        if threshold >= 0 && usec >= threshold && logged {
            let most = self.config.number("slowlog-max-len").max(0) as usize;
            let addr = client.addr.to_string();
            self.slowlog
                .add(self.now / 1_000_000, usec, &args, &addr, &client.name, most);
        }
    }

    /// EXEC: everything queued, at once.
    pub(super) fn run_transaction(&mut self, id: ClientId) -> Answer {
        let Some(client) = self.client(id) else {
            return Ok(Reply::Silent);
        };
        let Some(transaction) = client.transaction.take() else {
            return Err(Fault::err("EXEC without MULTI"));
        };
        let stale = std::mem::take(&mut client.stale);
        let watched = std::mem::take(&mut client.watched);
        if transaction.broken {
            return Err(Fault::coded(
                "EXECABORT Transaction discarded because of previous errors.",
            ));
        }
        if stale || watched.iter().any(|(db, key)| self.has_expired(*db, key)) {
            return Ok(Reply::NullArray);
        }
        // Said as it comes: some commands answer more or less than once.
        if let Some(client) = self.client(id) {
            client.begin_array(transaction.queue.len());
        }
        for args in transaction.queue {
            let mut reply = match self.permit_in_transaction(id, &args) {
                Ok(facts) => self.call(id, facts, &args),
                Err(fault) => Reply::Error(fault.0),
            };
            let Some(client) = self.client(id) else { break };
            if let Some(blocked) = client.blocked.take() {
                reply = blocked.on_timeout;
            }
            client.answer(&reply);
        }
        Ok(Reply::Silent)
    }

    /// Serves those who wait for keys that were filled, in the order they came.
    pub(super) fn serve_waiting(&mut self) {
        while let Some((db, key)) = self.filled.pop_front() {
            let waiting = self.clients.values().filter_map(|client| {
                let blocked = client.blocked.as_ref()?;
                (client.db == db && blocked.keys.contains(&key)).then_some((blocked.turn, client.id))
            });
            let mut waiting: Vec<_> = waiting.collect();
            waiting.sort_unstable();
            for (_, id) in waiting {
                self.try_again(id);
            }
        }
    }

    /// Those who have waited long enough hear so.
    pub(super) fn end_waits(&mut self) {
        let now = self.now_ms();
        for client in self.clients.values_mut() {
            let over = client
                .blocked
                .as_ref()
                .and_then(|blocked| blocked.until)
                .is_some_and(|until| until <= now);
            if over && let Some(blocked) = client.blocked.take() {
                client.answer(&blocked.on_timeout);
            }
        }
    }

    fn try_again(&mut self, id: ClientId) {
        let Some(blocked) = self.client(id).and_then(|client| client.blocked.take()) else {
            return;
        };
        let answer = match self.look_up(&blocked.args) {
            Ok(facts) => match commands::handler(&facts.name) {
                Some(handler) => handler(&mut Call::new(self, id, &blocked.args)),
                None => return,
            },
            Err(fault) => Err(fault),
        };
        let Some(client) = self.client(id) else { return };
        match &mut client.blocked {
            // It would wait again: as long, and no later, than before.
            Some(again) => {
                again.until = blocked.until;
                again.turn = blocked.turn;
                again.args = blocked.args;
            }
            None => client.answer(&answer.into()),
        }
    }

    fn look_up(&self, args: &[Bytes]) -> Result<&'static Facts, Fault> {
        let name = String::from_utf8_lossy(&args[0]).to_ascii_lowercase();
        let facts = self
            .table
            .facts(&name)
            .filter(|_| !name.contains('|'))
            .ok_or_else(|| unknown(args))?;
        if facts.subcommands.is_empty() || args.len() == 1 {
            return Ok(facts);
        }
        let full = format!("{name}|{}", String::from_utf8_lossy(&args[1]).to_ascii_lowercase());
        self.table.facts(&full).ok_or_else(|| {
            let shown = &args[1][..args[1].len().min(SHOWN_ARGS)];
            let upper = name.to_ascii_uppercase();
            Fault::err([b"unknown subcommand '", shown, b"'. Try ", upper.as_bytes(), b" HELP."].concat())
        })
    }

    fn permit_protected(&self, name: &[u8]) -> Result<(), Fault> {
        let (title, option) = match name.to_ascii_lowercase().as_slice() {
            b"debug" => ("DEBUG", "enable-debug-command"),
            b"module" => ("MODULE", "enable-module-command"),
            _ => return Ok(()),
        };
        if self.config.flag(option) {
            return Ok(());
        }
        Err(Fault::err(format!(
            "{title} command not allowed. If the {option} option is set to \"local\", you can run it from a local \
             connection, otherwise you need to set this option in the configuration file, and then restart the server."
        )))
    }

    fn permit_write(&self) -> Result<(), Fault> {
        if self.saves.last_failed
            && self.config.flag("stop-writes-on-bgsave-error")
            && !self.config.get("save").is_empty()
        {
            return Err(Fault::coded(
                "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. \
                 Commands that may modify the data set are disabled, because this instance is configured to report \
                 errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the \
                 Redis logs for details about the RDB error.",
            ));
        }
        if self.master.is_some() && self.config.flag("replica-read-only") {
            return Err(Fault::coded("READONLY You can't write against a read only replica."));
        }
        Ok(())
    }

    fn permit_in_transaction(&mut self, id: ClientId, args: &[Bytes]) -> Result<&'static Facts, Fault> {
        let facts = self.look_up(args)?;
        self.permit_by_acl(id, facts, args)?;
        Ok(facts)
    }

    fn reject(&mut self, id: ClientId, name: &[u8], fault: Fault) -> Reply {
        self.stats.fault(fault.code());
        let facts = self.table.facts(&String::from_utf8_lossy(name));
        if let Some(facts) = facts {
            self.stats.rejected(&facts.name);
        }
        if let Some(transaction) = self.client(id).and_then(|client| client.transaction.as_mut()) {
            transaction.broken = true;
        }
        if name != b"exec" {
            return Reply::Error(fault.0);
        }
        let reason = fault.0.strip_prefix(b"ERR ").unwrap_or(&fault.0);
        let line = [b"EXECABORT Transaction discarded because of: ", reason].concat();
        if let Some(client) = self.client(id) {
            client.transaction = None;
            client.watched.clear();
            client.stale = false;
        }
        Reply::Error(line)
    }

    fn queue_or_call(&mut self, id: ClientId, facts: &'static Facts, args: Vec<Bytes>) -> Reply {
        let direct = matches!(
            facts.name.as_str(),
            "exec" | "discard" | "multi" | "watch" | "quit" | "reset"
        );
        let Some(transaction) = self
            .client(id)
            .and_then(|client| client.transaction.as_mut())
            .filter(|_| !direct)
        else {
            let reply = self.call(id, facts, &args);
            self.recent = Some(args);
            return reply;
        };
        if transaction.queue.len() < QUEUE_MAX {
            transaction.weight += request::weight(&args);
            transaction.queue.push(args);
        } else {
            transaction.broken = true;
        }
        Reply::Status("QUEUED")
    }

    /// Keeps a command for later while CLIENT PAUSE holds writes back.
    fn keep_back(&mut self, id: ClientId, args: &[Bytes]) -> bool {
        let now = self.now;
        if !self.paused.as_ref().is_some_and(|pause| pause.holds_writes(now)) {
            return false;
        }
        let writes = self
            .look_up(args)
            .is_ok_and(|facts| facts.has("write") || facts.name == "exec" || facts.name == "publish");
        if let Some(client) = self.client(id).filter(|_| writes) {
            client.held = Some(args.to_vec());
        }
        writes
    }

    fn feed_monitors(&mut self, id: ClientId, facts: &Facts, args: &[Bytes]) {
        if facts.has("skip_monitor") || facts.has("admin") || !self.clients.values().any(|client| client.monitor) {
            return;
        }
        let Some(client) = self.clients.get(&id) else { return };
        let mut line = format!(
            "{}.{:06} [{} {}]",
            self.now / 1_000_000,
            self.now % 1_000_000,
            client.db,
            client.addr
        );
        for arg in args {
            line.push(' ');
            line.push_str(&quoted(arg));
        }
        let reply = Reply::Line(line.into());
        for client in self.clients.values_mut().filter(|client| client.monitor) {
            reply.write(client.resp, &mut client.out);
        }
    }
}

const SAID_BY_SUBSCRIBERS: [&str; 9] = [
    "subscribe",
    "unsubscribe",
    "psubscribe",
    "punsubscribe",
    "ssubscribe",
    "sunsubscribe",
    "ping",
    "quit",
    "reset",
];

// === impl Transaction ===

impl Transaction {
    pub(super) fn begin() -> Self {
        Self::default()
    }
}

pub(super) fn wrong_arity(name: &str) -> Fault {
    Fault::err(format!("wrong number of arguments for '{name}' command"))
}

fn unknown(args: &[Bytes]) -> Fault {
    let mut shown = Bytes::new();
    for arg in &args[1..] {
        if shown.len() >= SHOWN_ARGS {
            break;
        }
        let room = SHOWN_ARGS - shown.len();
        shown.extend_from_slice(b"'");
        shown.extend_from_slice(&c_text(arg)[..c_text(arg).len().min(room)]);
        shown.extend_from_slice(b"' ");
    }
    let name = c_text(&args[0]);
    let name = &name[..name.len().min(SHOWN_ARGS)];
    Fault::err([b"unknown command '", name, b"', with args beginning with: ", &shown[..]].concat())
}

/// Up to the first NUL, as C prints it.
pub(super) fn c_text(text: &[u8]) -> &[u8] {
    text.split(|&b| b == 0).next().unwrap_or_default()
}

/// As `sdscatrepr` shows bytes: in quotes, anything unprintable escaped.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for &b in bytes {
        match b {
            b'\\' | b'"' => text.extend(['\\', b as char]),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            7 => text.push_str("\\a"),
            8 => text.push_str("\\b"),
            0x20..0x7f => text.push(b as char),
            _ => text.push_str(&format!("\\x{b:02x}")),
        }
    }
    text.push('"');
    text
}
