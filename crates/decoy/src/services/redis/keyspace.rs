//! What happens around keys: expiry, watchers, keyspace events, published messages.

use super::client::ClientId;
use super::glob;
use super::reply::{Bytes, Reply};
use super::server::Server;

/// Expired keys removed in one tick, over all databases.
const EXPIRE_STEP: usize = 200;

// === impl Server ===

impl Server {
    /// Removes the key if its time is over.
    pub(super) fn drop_expired(&mut self, db: usize, key: &[u8]) {
        if !self.has_expired(db, key) {
            return;
        }
        self.dbs[db].remove(key);
        self.stats.expired += 1;
        self.touch(db, key, None);
        self.notify('x', "expired", db, key);
    }

    pub(super) fn has_expired(&self, db: usize, key: &[u8]) -> bool {
        let now = self.now_ms();
        self.dbs[db].get(key).is_some_and(|item| item.is_over(now))
    }

    /// Removes some of the keys whose time is over.
    pub(super) fn expire_some(&mut self) {
        let now = self.now_ms();
        for db in 0..self.dbs.len() {
            if self.dbs[db].volatile() == 0 {
                continue;
            }
            let over = self.dbs[db].iter().filter(|(_, item)| item.is_over(now));
            let over: Vec<Bytes> = over.take(EXPIRE_STEP).map(|(key, _)| key.clone()).collect();
            for key in over {
                self.drop_expired(db, &key);
            }
        }
    }

    /// Tells those who watch or track the key that it is another now.
    pub(super) fn touch(&mut self, db: usize, key: &[u8], by: Option<ClientId>) {
        for client in self.clients.values_mut() {
            if client
                .watched
                .iter()
                .any(|(watched_db, watched)| *watched_db == db && watched == key)
            {
                client.stale = true;
            }
        }
        self.invalidate(key, by);
    }

    /// As [`Server::touch`], for every key of a database.
    pub(super) fn touch_all(&mut self, db: usize) {
        for client in self.clients.values_mut() {
            client.stale |= client.watched.iter().any(|(watched_db, _)| *watched_db == db);
        }
        for client in self
            .clients
            .values_mut()
            .filter(|client| client.tracking.is_some() && client.resp == 3)
        {
            client.push(vec![Reply::bulk("invalidate"), Reply::Null]);
        }
    }

    /// CLIENT TRACKING: without remembering who read what, every change is told to all who track.
    fn invalidate(&mut self, key: &[u8], by: Option<ClientId>) {
        let told = self.clients.values().filter_map(|client| {
            let tracking = client.tracking.as_ref()?;
            let own = tracking.noloop && by == Some(client.id);
            let wanted = tracking.prefixes.is_empty() || tracking.prefixes.iter().any(|prefix| key.starts_with(prefix));
            let to = if tracking.redirect > 0 {
                tracking.redirect
            } else {
                client.id
            };
            (!own && wanted).then_some(to)
        });
        let told: Vec<ClientId> = told.collect();
        for id in told {
            let Some(client) = self.clients.get_mut(&id) else {
                continue;
            };
            let keys = Reply::Array(vec![Reply::bulk(key)]);
            match client.resp {
                3 => client.push(vec![Reply::bulk("invalidate"), keys]),
                _ if client.is_subscriber() => {
                    client.push(vec![Reply::bulk("message"), Reply::bulk("__redis__:invalidate"), keys]);
                }
                _ => {}
            }
        }
    }

    /// A keyspace event, when `notify-keyspace-events` asks for its class.
    pub(super) fn notify(&mut self, class: char, event: &str, db: usize, key: &[u8]) {
        let wanted = self.config.get("notify-keyspace-events");
        if wanted.is_empty() {
            return;
        }
        let has = |letter: char| wanted.contains(&(letter as u8));
        let every = "g$lshzxetd".contains(class) && has('A');
        if !has(class) && !every {
            return;
        }
        let (keyspace, keyevent) = (has('K'), has('E'));
        if keyspace {
            let channel = [format!("__keyspace@{db}__:").as_bytes(), key].concat();
            self.publish(&channel, event.as_bytes());
        }
        if keyevent {
            self.publish(format!("__keyevent@{db}__:{event}").as_bytes(), key);
        }
    }

    /// How many heard it.
    pub(super) fn publish(&mut self, channel: &[u8], message: &[u8]) -> usize {
        let mut heard = 0;
        for id in self.channels.get(channel).into_iter().flatten() {
            if let Some(client) = self.clients.get_mut(id) {
                client.push(Reply::bulks([b"message", channel, message]));
                heard += 1;
            }
        }
        for (pattern, listeners) in &self.patterns {
            if !glob::matches(pattern, channel) {
                continue;
            }
            for id in listeners {
                if let Some(client) = self.clients.get_mut(id) {
                    client.push(Reply::bulks([b"pmessage", &pattern[..], channel, message]));
                    heard += 1;
                }
            }
        }
        heard
    }

    pub(super) fn unsubscribe_all(&mut self, id: ClientId) {
        for listeners in [&mut self.channels, &mut self.patterns, &mut self.shards] {
            listeners.retain(|_, ids| {
                ids.remove(&id);
                !ids.is_empty()
            });
        }
        if let Some(client) = self.clients.get_mut(&id) {
            client.channels.clear();
            client.patterns.clear();
            client.shards.clear();
        }
    }
}
