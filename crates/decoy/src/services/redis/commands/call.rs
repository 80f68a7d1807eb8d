//! A command being carried out: its words, its client, and the server it may change.

use crate::services::redis::client::{Blocked, Client, ClientId};
use crate::services::redis::db::{Db, Item};
use crate::services::redis::number;
use crate::services::redis::record::Record;
use crate::services::redis::reply::{Answer, Bytes, Fault, Reply};
use crate::services::redis::server::Server;
use crate::services::redis::stream::Stream;
use crate::services::redis::value::{Hash, List, Set, Small, Text, Value};
use crate::services::redis::zset::Zset;

pub(in crate::services::redis) struct Call<'a> {
    pub(in crate::services::redis) server: &'a mut Server,
    pub(in crate::services::redis) id: ClientId,
    pub(in crate::services::redis) args: &'a [Bytes],
}

/// A type a key can hold, to ask for it by.
pub(in crate::services::redis) trait Held: Sized {
    fn of(value: &Value) -> Option<&Self>;
    fn of_mut(value: &mut Value) -> Option<&mut Self>;
}

macro_rules! held {
    ($($type:ty, $variant:ident);*) => {
        $(impl Held for $type {
            fn of(value: &Value) -> Option<&Self> {
                if let Value::$variant(held) = value { Some(held) } else { None }
            }
            fn of_mut(value: &mut Value) -> Option<&mut Self> {
                if let Value::$variant(held) = value { Some(held) } else { None }
            }
        })*
    };
}

held!(Text, Str; List, List; Hash, Hash; Set, Set; Zset, Zset);

impl Held for Stream {
    fn of(value: &Value) -> Option<&Self> {
        if let Value::Stream(held) = value {
            Some(held)
        } else {
            None
        }
    }
    fn of_mut(value: &mut Value) -> Option<&mut Self> {
        if let Value::Stream(held) = value {
            Some(held)
        } else {
            None
        }
    }
}

// === impl Call ===

impl<'a> Call<'a> {
    pub(in crate::services::redis) fn new(server: &'a mut Server, id: ClientId, args: &'a [Bytes]) -> Self {
        Self { server, id, args }
    }

    /// The argument, which arity has made sure of; empty where there is none.
    pub(super) fn arg(&self, at: usize) -> &'a [u8] {
        self.args.get(at).map_or(&[], |arg| arg)
    }

    /// In lower case, to be matched with words.
    pub(super) fn word(&self, at: usize) -> Bytes {
        self.arg(at).to_ascii_lowercase()
    }

    pub(super) fn is(&self, at: usize, word: &str) -> bool {
        self.arg(at).eq_ignore_ascii_case(word.as_bytes())
    }

    pub(super) fn count(&self) -> usize {
        self.args.len()
    }

    pub(super) fn int(&self, at: usize) -> Result<i64, Fault> {
        number::integer(self.arg(at)).ok_or_else(Fault::not_an_integer)
    }

    /// A count that may not be negative.
    pub(super) fn positive(&self, at: usize) -> Result<usize, Fault> {
        let n = self
            .int(at)
            .map_err(|_| Fault::err("value is out of range, must be positive"))?;
        usize::try_from(n).map_err(|_| Fault::err("value is out of range, must be positive"))
    }

    pub(super) fn client(&mut self) -> Result<&mut Client, Fault> {
        self.server
            .clients
            .get_mut(&self.id)
            .ok_or_else(|| Fault::err("no such client"))
    }

    pub(super) fn db_at(&self) -> usize {
        self.server.clients.get(&self.id).map_or(0, |client| client.db)
    }

    pub(super) fn db(&mut self) -> &mut Db {
        let at = self.db_at();
        &mut self.server.dbs[at]
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.server.now_ms()
    }

    pub(super) fn random(&mut self) -> u64 {
        self.server.random()
    }

    /// A sequence of its own, for use while the server is borrowed.
    pub(super) fn random_source(&mut self) -> impl FnMut() -> u64 + use<> {
        let mut state = self.random();
        move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state >> 24
        }
    }

    /// The key's item, counted as a hit or a miss.
    pub(super) fn look(&mut self, key: &[u8]) -> Option<&Item> {
        let (db, now) = (self.db_at(), self.now_ms());
        self.server.drop_expired(db, key);
        let found = self.server.dbs[db].get(key).is_some();
        if found {
            self.server.stats.hits += 1
        } else {
            self.server.stats.misses += 1
        }
        let item = self.server.dbs[db].get_mut(key)?;
        item.used = now;
        Some(item)
    }

    /// The item, when it is to be changed or merely looked at: no hit, no use.
    pub(super) fn peek(&mut self, key: &[u8]) -> Option<&mut Item> {
        let db = self.db_at();
        self.server.drop_expired(db, key);
        self.server.dbs[db].get_mut(key)
    }

    pub(super) fn exists(&mut self, key: &[u8]) -> bool {
        self.peek(key).is_some()
    }

    /// What the key holds, to be read; an error when it is of another type.
    pub(super) fn read<T: Held>(&mut self, key: &[u8]) -> Result<Option<&T>, Fault> {
        match self.look(key) {
            None => Ok(None),
            Some(item) => T::of(&item.value).map(Some).ok_or_else(Fault::wrong_type),
        }
    }

    /// What the key holds, to be changed; [`Call::changed`] must follow a change.
    pub(super) fn edit<T: Held>(&mut self, key: &[u8]) -> Result<Option<&mut T>, Fault> {
        let now = self.now_ms();
        match self.peek(key) {
            None => Ok(None),
            Some(item) => {
                item.used = now;
                T::of_mut(&mut item.value).map(Some).ok_or_else(Fault::wrong_type)
            }
        }
    }

    /// As [`Call::edit`], of a key made on the spot when there is none.
    pub(super) fn edit_or<T: Held>(&mut self, key: &[u8], make: impl FnOnce(u64) -> Value) -> Result<&mut T, Fault> {
        if !self.exists(key) {
            let (seed, now) = (self.random(), self.now_ms());
            self.db().put(key, make(seed), None, now);
        }
        self.edit(key)?.ok_or_else(Fault::wrong_type)
    }

    /// Puts a value in place of what was there, without time to live.
    pub(super) fn put(&mut self, key: &[u8], value: Value) {
        let now = self.now_ms();
        self.db().put(key, value, None, now);
    }

    /// Tells everyone concerned that the key's value is another: watchers, waiters, listeners.
    pub(super) fn changed(&mut self, class: char, event: &str, key: &[u8]) {
        let db = self.db_at();
        self.server.dbs[db].weigh(key);
        self.server.touch(db, key, Some(self.id));
        self.server.notify(class, event, db, key);
        self.server.filled.push_back((db, key.to_vec()));
        self.server.saves.dirty += 1;
        let bytes = self.args.iter().skip(2).map(Vec::len).sum();
        let record = Record::KeyWrite {
            key: key.to_vec(),
            event: event.to_owned(),
            bytes,
        };
        self.server.record(self.id, record);
    }

    /// A keyspace event that goes with another change.
    pub(super) fn notify_only(&mut self, class: char, event: &str, key: &[u8]) {
        let db = self.db_at();
        self.server.notify(class, event, db, key);
    }

    /// Removes a key whose collection has become empty, and tells so.
    pub(super) fn drop_if_empty(&mut self, key: &[u8]) {
        let db = self.db_at();
        if self.server.dbs[db].get(key).is_some_and(|item| item.value.is_empty()) {
            self.server.dbs[db].remove(key);
            self.server.notify('g', "del", db, key);
        }
    }

    /// True when there was such a key.
    pub(super) fn delete(&mut self, key: &[u8], event: &str) -> bool {
        if !self.exists(key) {
            return false;
        }
        self.db().remove(key);
        self.changed('g', event, key);
        true
    }

    /// Has the client wait until one of the keys is filled.
    pub(super) fn wait(&mut self, keys: Vec<Bytes>, until: Option<i64>, args: Vec<Bytes>, on_timeout: Reply) -> Answer {
        self.server.next_turn += 1;
        let turn = self.server.next_turn;
        self.client()?.blocked = Some(Blocked {
            keys,
            until,
            args,
            on_timeout,
            turn,
        });
        Ok(Reply::Silent)
    }

    /// When to stop waiting, from an argument in seconds; none for 0.
    pub(super) fn deadline(&self, at: usize) -> Result<Option<i64>, Fault> {
        let seconds =
            number::float(self.arg(at)).ok_or_else(|| Fault::err("timeout is not a float or out of range"))?;
        if seconds < 0.0 {
            return Err(Fault::err("timeout is negative"));
        }
        if !seconds.is_finite() || seconds * 1000.0 > 9.2e18 {
            return Err(Fault::err("timeout is out of range"));
        }
        let ms = (seconds * 1000.0).ceil() as i64;
        let until = self
            .now_ms()
            .checked_add(ms)
            .ok_or_else(|| Fault::err("timeout is out of range"))?;
        Ok((ms > 0).then_some(until))
    }

    /// Sizes up to which a hash, or with `zset` a sorted set, stays small.
    pub(super) fn small(&self, kind: &str) -> Small {
        let number = |what: &str| self.server.config.number(&format!("{kind}-max-listpack-{what}")).max(0) as usize;
        Small {
            entries: number("entries"),
            value: number("value"),
        }
    }

    pub(super) fn small_set(&self) -> usize {
        self.server.config.number("set-max-intset-entries").max(0) as usize
    }

    /// `<COMMAND> HELP`.
    pub(super) fn help(&self) -> Answer {
        Ok(self.server.table.help(&String::from_utf8_lossy(&self.word(0))))
    }

    /// The answer to a subcommand that is there but was given wrong arguments.
    pub(super) fn bad_subcommand(&self) -> Answer {
        let shown = &self.arg(1)[..self.arg(1).len().min(128)];
        let name = self.arg(0).to_ascii_uppercase();
        Err(Fault::err(
            [
                b"unknown subcommand or wrong number of arguments for '",
                shown,
                b"'. Try ",
                &name[..],
                b" HELP.",
            ]
            .concat(),
        ))
    }
}

/// A range as LRANGE, GETRANGE and ZRANGE count it, from the end where negative; none when it is empty.
pub(super) fn clip(start: i64, stop: i64, len: usize) -> Option<std::ops::Range<usize>> {
    let len = len as i64;
    let from_end = |at: i64| if at < 0 { at.saturating_add(len) } else { at };
    let (start, stop) = (from_end(start).max(0), from_end(stop).min(len - 1));
    (start <= stop && start < len).then(|| start as usize..stop as usize + 1)
}
