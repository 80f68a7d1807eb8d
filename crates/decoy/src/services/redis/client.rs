//! One connected client as the server knows it.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::reply::{Bytes, Reply};
use super::request::Parser;

pub(super) type ClientId = u64;

pub(super) struct Client {
    pub(super) id: ClientId,
    pub(super) addr: SocketAddr,
    pub(super) laddr: SocketAddr,
    pub(super) fd: u32,
    pub(super) name: Bytes,
    /// Microseconds since the epoch, as all times here.
    pub(super) since: i64,
    pub(super) active: i64,
    pub(super) db: usize,
    pub(super) resp: u8,
    /// Name of the user it acts as; none before AUTH where a password is asked for.
    pub(super) user: Option<Bytes>,
    pub(super) parser: Parser,
    /// Bytes to be sent.
    pub(super) out: Bytes,
    pub(super) closing: Closing,
    pub(super) transaction: Option<Transaction>,
    pub(super) watched: Vec<(usize, Bytes)>,
    /// A watched key was changed.
    pub(super) stale: bool,
    pub(super) channels: BTreeSet<Bytes>,
    pub(super) patterns: BTreeSet<Bytes>,
    pub(super) shards: BTreeSet<Bytes>,
    pub(super) monitor: bool,
    pub(super) blocked: Option<Blocked>,
    /// A command kept back while writes are paused.
    pub(super) held: Option<Vec<Bytes>>,
    pub(super) mute: Mute,
    pub(super) no_evict: bool,
    pub(super) tracking: Option<Tracking>,
    pub(super) last_command: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    No,
    /// Once what is waiting has been sent.
    AfterReply,
    /// At once.
    Now,
}

/// Between MULTI and EXEC.
#[derive(Default)]
pub(super) struct Transaction {
    pub(super) queue: Vec<Vec<Bytes>>,
    /// Bytes of memory the queue takes.
    pub(super) weight: usize,
    /// A command could not be queued; EXEC will refuse.
    pub(super) broken: bool,
}

/// Waiting for a key to be filled.
pub(super) struct Blocked {
    pub(super) keys: Vec<Bytes>,
    /// Milliseconds since the epoch; none waits for ever.
    pub(super) until: Option<i64>,
    pub(super) args: Vec<Bytes>,
    pub(super) on_timeout: Reply,
    /// Who came first is served first.
    pub(super) turn: u64,
}

/// CLIENT REPLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mute {
    No,
    Off,
    /// The reply to the next command is not sent.
    Next,
    /// The reply to this command is not sent.
    This,
}

/// CLIENT TRACKING.
#[derive(Clone, Debug, Default)]
pub(super) struct Tracking {
    pub(super) redirect: ClientId,
    pub(super) bcast: bool,
    pub(super) optin: bool,
    pub(super) optout: bool,
    pub(super) noloop: bool,
    pub(super) prefixes: Vec<Bytes>,
}

// === impl Client ===

impl Client {
    pub(super) fn new(id: ClientId, addr: SocketAddr, laddr: SocketAddr, fd: u32, now: i64) -> Self {
        Self {
            id,
            addr,
            laddr,
            fd,
            name: Bytes::new(),
            since: now,
            active: now,
            db: 0,
            resp: 2,
            user: None,
            parser: Parser::default(),
            out: Bytes::new(),
            closing: Closing::No,
            transaction: None,
            watched: Vec::new(),
            stale: false,
            channels: BTreeSet::new(),
            patterns: BTreeSet::new(),
            shards: BTreeSet::new(),
            monitor: false,
            blocked: None,
            held: None,
            mute: Mute::No,
            no_evict: false,
            tracking: None,
            last_command: None,
        }
    }

    pub(super) fn answer(&mut self, reply: &Reply) {
        if matches!(self.mute, Mute::Off | Mute::This) && !matches!(reply, Reply::Push(_)) {
            return;
        }
        reply.write(self.resp, &mut self.out);
    }

    /// The head of an array whose elements are answered one by one.
    pub(super) fn begin_array(&mut self, len: usize) {
        if !matches!(self.mute, Mute::Off | Mute::This) {
            self.out.extend_from_slice(format!("*{len}\r\n").as_bytes());
        }
    }

    /// A message nobody asked for.
    pub(super) fn push(&mut self, items: Vec<Reply>) {
        Reply::Push(items).write(self.resp, &mut self.out);
    }

    /// Bytes of memory held for it beside what the databases hold.
    pub(super) fn held(&self) -> usize {
        let queued = self.transaction.as_ref().map_or(0, |transaction| transaction.weight);
        self.parser.held() + self.out.len() + queued
    }

    pub(super) fn subscriptions(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }

    /// In RESP2 a subscriber may say little else.
    pub(super) fn is_subscriber(&self) -> bool {
        self.subscriptions() + self.shards.len() > 0
    }

    /// Its line in CLIENT LIST.
    pub(super) fn line(&self, now: i64) -> String {
        let held = self.parser.unread().len();
        let multi = self
            .transaction
            .as_ref()
            .map_or(-1, |transaction| transaction.queue.len() as i64);
        let multi_mem: usize = self
            .transaction
            .iter()
            .flat_map(|t| &t.queue)
            .flatten()
            .map(Vec::len)
            .sum();
        let redirect = self.tracking.as_ref().map_or(-1, |tracking| tracking.redirect as i64);
        format!(
            "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={multi} \
             qbuf={} qbuf-free={} argv-mem={} multi-mem={multi_mem} rbs={} rbp={} obl=0 oll=0 omem=0 tot-mem={} \
             events=r cmd={} user={} redir={redirect} resp={}",
            self.id,
            self.addr,
            self.laddr,
            self.fd,
            String::from_utf8_lossy(&self.name),
            (now - self.since) / 1_000_000,
            (now - self.active) / 1_000_000,
            self.flags(),
            self.db,
            self.channels.len(),
            self.patterns.len(),
            self.shards.len(),
            if held == 0 { 0 } else { held + 26 },
            20448,
            10,
            16384,
            16384,
            22298 + 15360 + multi_mem,
            self.last_command.as_deref().unwrap_or("NULL"),
            self.user.as_deref().map_or("default".into(), String::from_utf8_lossy),
            self.resp,
        )
    }

    fn flags(&self) -> String {
        let mut flags = String::new();
        let known = [
            (self.monitor, 'O'),
            (self.is_subscriber(), 'P'),
            (self.transaction.is_some(), 'x'),
            (self.blocked.is_some(), 'b'),
            (self.tracking.is_some(), 't'),
            (self.tracking.as_ref().is_some_and(|tracking| tracking.bcast), 'B'),
            (self.stale, 'd'),
            (self.closing == Closing::AfterReply, 'c'),
            (self.closing == Closing::Now, 'A'),
            (self.no_evict, 'e'),
        ];
        flags.extend(known.iter().filter(|(on, _)| *on).map(|(_, letter)| *letter));
        if flags.is_empty() { "N".into() } else { flags }
    }
}
