//! The product under a fuzzer: hostile bytes into its readers, and into a whole server without socket or disk.
//!
//! Each function panics where something does not hold that must.

use super::client::Closing;
use super::config::Config;
use super::rdb::{VERSION, crc64, dump};
use super::rdb_read::restore;
use super::reply::Bytes;
use super::request::{Limits, Parsed, Parser, words};
use super::server::{Disk, Persona, Server, Step};
use super::value::Small;
use super::{glob, listpack, lzf, number};

const LIMITS: Limits = Limits {
    bulk: 1 << 20,
    stranger: false,
};
const SMALL: Small = Small { entries: 16, value: 16 };
/// Memory that one short input may come to hold in a server.
const MOST: u64 = 96 << 20;
const STEPS: usize = 4096;
/// Microseconds since the epoch when a server starts, and between two pieces of input.
const START: i64 = 1_700_000_000_000_000;
const PIECE: i64 = 50_000;

/// Requests come out the same however the stream is cut.
pub fn requests(pieces: &[&[u8]]) {
    let whole = parsed(&[&pieces.concat()]);
    assert_eq!(parsed(pieces), whole);
}

fn parsed(pieces: &[&[u8]]) -> Vec<Parsed> {
    let mut parser = Parser::default();
    let mut all = Vec::new();
    for piece in pieces {
        parser.push(piece);
        loop {
            match parser.parse(LIMITS) {
                Parsed::Pending => break,
                Parsed::Broken(reason) => {
                    all.push(Parsed::Broken(reason));
                    return all;
                }
                command => all.push(command),
            }
        }
    }
    all
}

/// What is restored from a payload, the sum over it made good, can be dumped and restored again.
pub fn payload(body: &[u8]) {
    let mut payload = [body, &VERSION.to_le_bytes()].concat();
    payload.extend(crc64(&payload).to_le_bytes());
    let Ok(value) = restore(&payload, SMALL, SMALL, 16, 7) else {
        return;
    };
    let again = restore(&dump(&value, true), SMALL, SMALL, 16, 7).unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!((again.type_name(), again.weight()), (value.type_name(), value.weight()));
}

/// Packing and unpacking, patterns, words and numbers.
pub fn strings(bytes: &[u8]) {
    if let Some(items) = listpack::read(bytes) {
        let mut pack = listpack::Listpack::new();
        items.iter().for_each(|item| pack.push(item));
        assert_eq!(listpack::read(&pack.finish()), Some(items));
    }
    if let Some(packed) = lzf::compress(bytes) {
        assert_eq!(lzf::decompress(&packed, bytes.len()).as_deref(), Some(bytes));
    }
    if let Some((&len, packed)) = bytes.split_first() {
        let unpacked = lzf::decompress(packed, len.into());
        assert!(unpacked.is_none_or(|unpacked| unpacked.len() == usize::from(len)));
        let (pattern, text) = packed.split_at(packed.len().min(usize::from(len & 31)));
        glob::matches(pattern, text);
        glob::matches_nocase(pattern, text);
    }
    words(bytes);
    number::float(bytes);
    if let Some(n) = number::integer(bytes) {
        assert_eq!(n.to_string().as_bytes(), bytes);
    }
}

/// One client of a server whose time goes on from piece to piece.
pub fn server(pieces: &[&[u8]]) {
    let persona = Persona {
        version: "7.0.15".into(),
        build_id: "e08dbad3e06f3fb".into(),
        os: "Linux 6.1.0-27-amd64 x86_64".into(),
        gcc: "12.2.0".into(),
        pid: 1,
        port: 6379,
        run_id: "a".repeat(40),
        replid: "b".repeat(40),
        total_memory: 1 << 32,
    };
    let mut server = Server::new(persona, Config::new(), Box::new(Nowhere), 7, START);
    let place = ([127, 0, 0, 1], 1).into();
    let id = server.connect(place, place, START);
    let (mut now, mut steps) = (START, 0);
    for piece in pieces {
        now += PIECE;
        server.tick(now);
        if !server.feed(id, piece, now) {
            break;
        }
        while steps < STEPS {
            steps += 1;
            match server.step(id, now) {
                Step::Done => server.took(id, 1),
                Step::Idle => break,
                Step::Over => return,
            }
        }
        server.take_output(id);
        server.records.clear();
        let weight: u64 = server.dbs.iter().map(|db| db.weight() as u64).sum();
        assert!(weight <= MOST, "{weight} bytes in the databases");
    }
    let over = server.client(id).is_none_or(|client| client.closing == Closing::Now);
    server.disconnect(id, now);
    assert!(over || server.clients.is_empty());
}

/// A disk that takes everything and keeps nothing.
struct Nowhere;

impl Disk for Nowhere {
    fn enter(&mut self, dir: &[u8]) -> Result<Bytes, String> {
        Ok(dir.to_vec())
    }

    fn save(&mut self, name: &[u8], _: &[u8]) -> Result<Bytes, String> {
        Ok(name.to_vec())
    }

    fn rewrite(&mut self, _: &[(&'static str, Bytes)]) -> Result<Bytes, String> {
        Ok(Bytes::new())
    }
}
