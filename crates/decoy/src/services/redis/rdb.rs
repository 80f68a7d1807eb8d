//! The RDB file and the payload of DUMP, as version 10 writes them.

use super::db::Db;
use super::listpack::Listpack;
use super::lzf;
use super::number;
use super::reply::Bytes;
use super::value::{Hash, List, Set, Text, Value};
use super::zset::Zset;

pub(super) const VERSION: u16 = 10;
const SELECT_DB: u8 = 0xfe;
const RESIZE_DB: u8 = 0xfb;
const EXPIRE_MS: u8 = 0xfc;
const AUX: u8 = 0xfa;
const END: u8 = 0xff;
/// Bytes one node of a list holds (`list-max-listpack-size -2`).
const NODE: usize = 8192;

pub(super) mod kind {
    pub(in super::super) const STRING: u8 = 0;
    pub(in super::super) const SET: u8 = 2;
    pub(in super::super) const HASH: u8 = 4;
    pub(in super::super) const ZSET: u8 = 5;
    pub(in super::super) const INTSET: u8 = 11;
    pub(in super::super) const HASH_LISTPACK: u8 = 16;
    pub(in super::super) const ZSET_LISTPACK: u8 = 17;
    pub(in super::super) const LIST: u8 = 18;
    pub(in super::super) const STREAM: u8 = 19;
}

/// A whole file. `ctime` in seconds since the epoch.
pub(super) fn file(dbs: &[Db], version: &str, ctime: i64, used: u64, compress: bool) -> Bytes {
    let mut out = Writer {
        out: format!("REDIS{VERSION:04}").into_bytes(),
        compress,
    };
    for (name, value) in [
        ("redis-ver", version.to_owned()),
        ("redis-bits", "64".to_owned()),
        ("ctime", ctime.to_string()),
        ("used-mem", used.to_string()),
        ("aof-base", "0".to_owned()),
    ] {
        out.out.push(AUX);
        out.string(name.as_bytes());
        out.string(value.as_bytes());
    }
    for (at, db) in dbs.iter().enumerate().filter(|(_, db)| db.len() > 0) {
        out.out.push(SELECT_DB);
        out.length(at as u64);
        out.out.push(RESIZE_DB);
        out.length(db.len() as u64);
        out.length(db.volatile() as u64);
        for (key, item) in db.iter() {
            if let Some(at) = item.expires {
                out.out.push(EXPIRE_MS);
                out.out.extend_from_slice(&at.to_le_bytes());
            }
            out.out.push(kind_of(&item.value));
            out.string(key);
            out.value(&item.value);
        }
    }
    out.out.push(END);
    let crc = crc64(&out.out);
    out.out.extend_from_slice(&crc.to_le_bytes());
    out.out
}

/// What DUMP answers.
pub(super) fn dump(value: &Value, compress: bool) -> Bytes {
    let mut out = Writer {
        out: vec![kind_of(value)],
        compress,
    };
    out.value(value);
    out.out.extend_from_slice(&VERSION.to_le_bytes());
    let crc = crc64(&out.out);
    out.out.extend_from_slice(&crc.to_le_bytes());
    out.out
}

pub(super) struct Writer {
    pub(super) out: Bytes,
    compress: bool,
}

// === impl Writer ===

impl Writer {
    pub(super) fn length(&mut self, n: u64) {
        match n {
            0..0x40 => self.out.push(n as u8),
            0x40..0x4000 => self.out.extend_from_slice(&[0x40 | (n >> 8) as u8, n as u8]),
            0x4000..=0xffff_ffff => {
                self.out.push(0x80);
                self.out.extend_from_slice(&(n as u32).to_be_bytes());
            }
            _ => {
                self.out.push(0x81);
                self.out.extend_from_slice(&n.to_be_bytes());
            }
        }
    }

    pub(super) fn string(&mut self, text: &[u8]) {
        if text.len() <= 11
            && let Some(n) = number::integer(text)
        {
            if let Ok(n) = i8::try_from(n) {
                return self.out.extend_from_slice(&[0xc0, n as u8]);
            }
            if let Ok(n) = i16::try_from(n) {
                self.out.push(0xc1);
                return self.out.extend_from_slice(&n.to_le_bytes());
            }
            if let Ok(n) = i32::try_from(n) {
                self.out.push(0xc2);
                return self.out.extend_from_slice(&n.to_le_bytes());
            }
        }
        if self.compress
            && text.len() > 20
            && let Some(packed) = lzf::compress(text)
        {
            self.out.push(0xc3);
            self.length(packed.len() as u64);
            self.length(text.len() as u64);
            return self.out.extend_from_slice(&packed);
        }
        self.length(text.len() as u64);
        self.out.extend_from_slice(text);
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Str(Text { bytes, .. }) => self.string(bytes),
            Value::List(list) => self.list(list),
            Value::Set(set) => self.set(set),
            Value::Hash(hash) => self.hash(hash),
            Value::Zset(zset) => self.zset(zset),
            Value::Stream(stream) => super::rdb_stream::write(self, stream),
        }
    }

    fn list(&mut self, list: &List) {
        let mut nodes: Vec<(u64, Bytes)> = Vec::new();
        let mut pack = Listpack::new();
        for item in list.iter() {
            if item.len() > NODE {
                if pack.len() > 0 {
                    nodes.push((2, std::mem::replace(&mut pack, Listpack::new()).finish()));
                }
                nodes.push((1, item.clone()));
                continue;
            }
            if pack.len() > 0 && pack.bytes() + item.len() > NODE {
                nodes.push((2, std::mem::replace(&mut pack, Listpack::new()).finish()));
            }
            pack.push(item);
        }
        if pack.len() > 0 {
            nodes.push((2, pack.finish()));
        }
        self.length(nodes.len() as u64);
        for (container, node) in nodes {
            self.length(container);
            self.string(&node);
        }
    }

    fn set(&mut self, set: &Set) {
        if !set.is_small() {
            self.length(set.len() as u64);
            return set.iter().for_each(|member| self.string(&member));
        }
        let ints: Vec<i64> = set.iter().filter_map(|member| number::integer(&member)).collect();
        let fits = |low: i64, high: i64| ints.iter().all(|n| (low..=high).contains(n));
        let width = match () {
            () if fits(i16::MIN.into(), i16::MAX.into()) => 2,
            () if fits(i32::MIN.into(), i32::MAX.into()) => 4,
            () => 8,
        };
        let mut packed = Vec::new();
        packed.extend_from_slice(&(width as u32).to_le_bytes());
        packed.extend_from_slice(&(ints.len() as u32).to_le_bytes());
        ints.iter()
            .for_each(|n| packed.extend_from_slice(&n.to_le_bytes()[..width]));
        self.string(&packed);
    }

    fn hash(&mut self, hash: &Hash) {
        if hash.is_small() {
            let mut pack = Listpack::new();
            hash.iter().for_each(|(field, value)| {
                pack.push(field);
                pack.push(value);
            });
            return self.string(&pack.finish());
        }
        self.length(hash.len() as u64);
        for (field, value) in hash.iter() {
            self.string(field);
            self.string(value);
        }
    }

    fn zset(&mut self, zset: &Zset) {
        if zset.is_small() {
            let mut pack = Listpack::new();
            zset.iter().for_each(|ranked| {
                pack.push(&ranked.member);
                pack.push(number::seventeen(ranked.score).as_bytes());
            });
            return self.string(&pack.finish());
        }
        self.length(zset.len() as u64);
        for ranked in zset.iter().rev() {
            self.string(&ranked.member);
            self.out.extend_from_slice(&ranked.score.to_le_bytes());
        }
    }
}

fn kind_of(value: &Value) -> u8 {
    match value {
        Value::Str(_) => kind::STRING,
        Value::List(_) => kind::LIST,
        Value::Set(set) if set.is_small() => kind::INTSET,
        Value::Set(_) => kind::SET,
        Value::Hash(hash) if hash.is_small() => kind::HASH_LISTPACK,
        Value::Hash(_) => kind::HASH,
        Value::Zset(zset) if zset.is_small() => kind::ZSET_LISTPACK,
        Value::Zset(_) => kind::ZSET,
        Value::Stream(_) => kind::STREAM,
    }
}

/// CRC-64/Jones, reflected.
pub(super) fn crc64(bytes: &[u8]) -> u64 {
    const POLY: u64 = 0x95ac_9329_ac4b_c9b5;
    const TABLE: [u64; 256] = {
        let mut table = [0; 256];
        let mut at = 0;
        while at < 256 {
            let mut crc = at as u64;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ POLY } else { crc >> 1 };
                bit += 1;
            }
            table[at] = crc;
            at += 1;
        }
        table
    };
    bytes
        .iter()
        .fold(0, |crc, &b| TABLE[((crc ^ u64::from(b)) & 0xff) as usize] ^ (crc >> 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_redis_uses() {
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn a_dumped_string_is_as_redis_dumps_it() {
        // redis-cli --no-raw: SET k hello; DUMP k
        let dumped = dump(&Value::text("10"), true);
        assert_eq!(dumped, b"\x00\xc0\n\n\x00n\x9fWE\x0e\xaec\xbb");
    }
}
