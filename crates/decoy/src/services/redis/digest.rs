//! DEBUG DIGEST: one number for all data, whatever their order.

use sha1::{Digest as _, Sha1};

use super::db::Item;
use super::number;
use super::server::Server;
use super::stream::StreamId;
use super::value::Value;

#[derive(Clone, Copy, Default)]
pub(super) struct Digest([u8; 20]);

// === impl Digest ===

impl Digest {
    fn of_key(key: &[u8], item: &Item) -> Self {
        let mut digest = Self::default();
        digest.mix(key);
        digest.item(item);
        digest
    }

    fn xor(&mut self, bytes: &[u8]) {
        let hash = Sha1::digest(bytes);
        self.0.iter_mut().zip(hash).for_each(|(a, b)| *a ^= b);
    }

    fn mix(&mut self, bytes: &[u8]) {
        self.xor(bytes);
        self.0 = Sha1::digest(self.0).into();
    }

    fn item(&mut self, item: &Item) {
        let element = |parts: &[&[u8]]| {
            let mut digest = Self::default();
            parts.iter().for_each(|part| digest.mix(part));
            digest.0
        };
        let kind: u32 = match &item.value {
            Value::Str(_) => 0,
            Value::List(_) => 1,
            Value::Set(_) => 2,
            Value::Zset(_) => 3,
            Value::Hash(_) => 4,
            Value::Stream(_) => 6,
        };
        self.mix(&kind.to_be_bytes());
        match &item.value {
            Value::Str(text) => self.mix(&text.bytes),
            Value::List(list) => list.iter().for_each(|item| self.mix(item)),
            Value::Set(set) => set.iter().for_each(|member| self.xor(&member)),
            Value::Zset(zset) => {
                for ranked in zset.iter() {
                    let score = number::seventeen(ranked.score);
                    self.xor(&element(&[&ranked.member, score.as_bytes()]));
                }
            }
            Value::Hash(hash) => hash
                .iter()
                .for_each(|(field, value)| self.xor(&element(&[field, value]))),
            Value::Stream(stream) => {
                for (id, entry) in stream.range(StreamId::MIN, StreamId::MAX) {
                    self.mix(&id.bytes());
                    for (field, value) in entry {
                        self.mix(field);
                        self.mix(value);
                    }
                }
            }
        }
        if item.expires.is_some() {
            self.xor(b"!!expire!!");
        }
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

// === impl Server ===

impl Server {
    pub(super) fn digest(&self) -> Digest {
        let mut all = Digest::default();
        for (at, db) in self.dbs.iter().enumerate().filter(|(_, db)| db.len() > 0) {
            all.mix(&(at as u32).to_be_bytes());
            db.iter().for_each(|(key, item)| all.xor(&Digest::of_key(key, item).0));
        }
        all
    }

    /// Of one value, its key left aside.
    pub(super) fn digest_of(&self, item: Option<&Item>) -> Digest {
        let mut digest = Digest::default();
        if let Some(item) = item {
            digest.item(item);
        }
        digest
    }
}
