//! Reading what DUMP wrote (RESTORE): hostile bytes.

use super::rdb::{VERSION, crc64, kind};
use super::reply::Bytes;
use super::stream::{Consumer, Entry, Group, Pending, Stream, StreamId};
use super::value::{Hash, List, Set, Small, Text, Value};
use super::zset::Zset;
use super::{listpack, lzf, number};

/// Elements a collection may say to hold before they are there.
const ELEMENTS: u64 = 10_000_000;
/// Bytes that packed strings of one payload may unpack to: as many as all databases may hold.
const UNPACKED: u64 = 64 << 20;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReadError {
    /// The payload is not ours, or was changed.
    Footer,
    /// What it holds cannot be read.
    Content,
}

/// The value of a DUMP payload. `small` and `seed` as for values made by commands.
pub(super) fn restore(payload: &[u8], hash: Small, zset: Small, set: usize, seed: u64) -> Result<Value, ReadError> {
    let split = payload.len().checked_sub(10).ok_or(ReadError::Footer)?;
    let (body, footer) = payload.split_at(split);
    let version = u16::from_le_bytes([footer[0], footer[1]]);
    let crc = u64::from_le_bytes(footer[2..].try_into().map_err(|_| ReadError::Footer)?);
    if version > VERSION || (crc != 0 && crc != crc64(&payload[..payload.len() - 8])) {
        return Err(ReadError::Footer);
    }
    let mut reader = Reader {
        rest: body,
        room: UNPACKED,
    };
    let value = reader
        .value(hash, zset, set, seed)
        .filter(|value| reader.rest.is_empty() && !value.is_empty());
    value.ok_or(ReadError::Content)
}

struct Reader<'a> {
    rest: &'a [u8],
    /// Bytes that may still be unpacked.
    room: u64,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn value(&mut self, hash: Small, zset: Small, set: usize, seed: u64) -> Option<Value> {
        Some(match self.byte()? {
            kind::STRING => Value::Str(Text {
                bytes: self.string()?,
                grown: false,
            }),
            kind::LIST => Value::List(self.list()?),
            kind::SET => {
                let members = self.strings(1)?;
                Value::Set(set_of(members, set, seed))
            }
            kind::INTSET => Value::Set(set_of(ints(&self.string()?)?, set, seed)),
            kind::HASH => Value::Hash(hash_of(self.strings(2)?, hash, seed)?),
            kind::HASH_LISTPACK => Value::Hash(hash_of(listpack::read(&self.string()?)?, hash, seed)?),
            kind::ZSET => {
                let mut made = Zset::new(seed);
                for _ in 0..self.count()? {
                    let member = self.string()?;
                    let score = f64::from_le_bytes(self.take(8)?.try_into().ok()?);
                    if score.is_nan() || made.insert(member, score, zset).is_some() {
                        return None;
                    }
                }
                Value::Zset(made)
            }
            kind::ZSET_LISTPACK => {
                let mut made = Zset::new(seed);
                for pair in listpack::read(&self.string()?)?.chunks(2) {
                    let score = number::float(pair.get(1)?)?;
                    if made.insert(pair[0].clone(), score, zset).is_some() {
                        return None;
                    }
                }
                Value::Zset(made)
            }
            kind::STREAM => Value::Stream(Box::new(self.stream()?)),
            _ => return None,
        })
    }

    fn list(&mut self) -> Option<List> {
        let mut list = List::default();
        for _ in 0..self.count()? {
            match self.length()? {
                1 => list.push(false, self.string()?),
                2 => listpack::read(&self.string()?)?
                    .into_iter()
                    .for_each(|item| list.push(false, item)),
                _ => return None,
            }
        }
        Some(list)
    }

    fn stream(&mut self) -> Option<Stream> {
        let mut stream = Stream::default();
        for _ in 0..self.count()? {
            let master = id(&self.string()?)?;
            let items = listpack::read(&self.string()?)?;
            entries(&mut stream, master, &items)?;
        }
        if self.length()? != stream.len() as u64 {
            return None;
        }
        stream.last = self.id()?;
        self.id()?;
        stream.max_deleted = self.id()?;
        stream.added = self.length()?;
        for _ in 0..self.count()? {
            let name = self.string()?;
            let mut group = Group {
                last: self.id()?,
                ..Group::default()
            };
            group.read = Some(self.length()?).filter(|read| *read != u64::MAX);
            for _ in 0..self.count()? {
                let id = id(self.take(16)?)?;
                let delivered = i64::from_le_bytes(self.take(8)?.try_into().ok()?);
                let count = self.length()?;
                group.pending.insert(
                    id,
                    Pending {
                        consumer: Bytes::new(),
                        delivered,
                        count,
                    },
                );
            }
            for _ in 0..self.count()? {
                let consumer = self.string()?;
                let seen = i64::from_le_bytes(self.take(8)?.try_into().ok()?);
                for _ in 0..self.count()? {
                    group.pending.get_mut(&id(self.take(16)?)?)?.consumer = consumer.clone();
                }
                group.consumers.insert(consumer, Consumer { seen });
            }
            stream.groups.insert(name, group);
        }
        Some(stream)
    }

    fn id(&mut self) -> Option<StreamId> {
        Some(StreamId {
            ms: self.length()?,
            seq: self.length()?,
        })
    }

    fn strings(&mut self, each: u64) -> Option<Vec<Bytes>> {
        let count = self.count()?;
        (0..count * each).map(|_| self.string()).collect()
    }

    fn count(&mut self) -> Option<u64> {
        self.length().filter(|count| *count <= ELEMENTS)
    }

    fn string(&mut self) -> Option<Bytes> {
        let int = |n: i64| Some(n.to_string().into_bytes());
        match *self.rest.first()? {
            0xc0 => int(i8::from_le_bytes(self.take(2)?[1..].try_into().ok()?).into()),
            0xc1 => int(i16::from_le_bytes(self.take(3)?[1..].try_into().ok()?).into()),
            0xc2 => int(i32::from_le_bytes(self.take(5)?[1..].try_into().ok()?).into()),
            0xc3 => {
                self.take(1)?;
                let (packed, len) = (self.length()? as usize, self.length()?);
                let packed = self.take(packed)?;
                self.room = self.room.checked_sub(len)?;
                // LZF cannot make more than some 264 bytes of three.
                let possible = len <= packed.len() as u64 * 264;
                possible.then(|| lzf::decompress(packed, len as usize)).flatten()
            }
            _ => {
                let len = self.length()?;
                Some(self.take(usize::try_from(len).ok()?)?.to_vec())
            }
        }
    }

    fn length(&mut self) -> Option<u64> {
        let first = self.byte()?;
        Some(match first >> 6 {
            0 => u64::from(first),
            1 => u64::from(first & 0x3f) << 8 | u64::from(self.byte()?),
            2 if first == 0x80 => u32::from_be_bytes(self.take(4)?.try_into().ok()?).into(),
            2 if first == 0x81 => u64::from_be_bytes(self.take(8)?.try_into().ok()?),
            _ => return None,
        })
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }
}

fn set_of(members: Vec<Bytes>, small: usize, seed: u64) -> Set {
    let mut set = Set::new();
    for member in members {
        set.add(member, small, seed);
    }
    set
}

fn hash_of(items: Vec<Bytes>, small: Small, seed: u64) -> Option<Hash> {
    let mut hash = Hash::new();
    for pair in items.chunks(2) {
        hash.set(pair[0].clone(), pair.get(1)?.clone(), small, seed);
    }
    Some(hash)
}

fn ints(packed: &[u8]) -> Option<Vec<Bytes>> {
    let width = u32::from_le_bytes(packed.get(..4)?.try_into().ok()?) as usize;
    let count = u32::from_le_bytes(packed.get(4..8)?.try_into().ok()?) as usize;
    if !matches!(width, 2 | 4 | 8) || packed.len() - 8 != count.checked_mul(width)? {
        return None;
    }
    let value = |piece: &[u8]| {
        let mut wide = if piece[width - 1] & 0x80 == 0 {
            [0; 8]
        } else {
            [0xff; 8]
        };
        wide[..width].copy_from_slice(piece);
        i64::from_le_bytes(wide).to_string().into_bytes()
    };
    Some(packed[8..].chunks(width).map(value).collect())
}

fn id(raw: &[u8]) -> Option<StreamId> {
    let (ms, seq) = raw.split_at_checked(8)?;
    Some(StreamId {
        ms: u64::from_be_bytes(ms.try_into().ok()?),
        seq: u64::from_be_bytes(seq.try_into().ok()?),
    })
}

/// The entries of one pack; deleted ones are marked and left out.
fn entries(stream: &mut Stream, master: StreamId, items: &[Bytes]) -> Option<()> {
    let mut items = items.iter();
    let next_int = |items: &mut std::slice::Iter<'_, Bytes>| number::integer(items.next()?);
    let total = next_int(&mut items)?.checked_add(next_int(&mut items)?)?;
    let shared = usize::try_from(next_int(&mut items)?).ok()?;
    let fields: Vec<Bytes> = items.by_ref().take(shared).cloned().collect();
    items.next()?;
    for _ in 0..total {
        let flags = next_int(&mut items)?;
        let ms = master.ms.wrapping_add(next_int(&mut items)? as u64);
        let seq = master.seq.wrapping_add(next_int(&mut items)? as u64);
        let mut entry = Entry::new();
        if flags & 2 != 0 {
            for field in &fields {
                entry.push((field.clone(), items.next()?.clone()));
            }
        } else {
            for _ in 0..next_int(&mut items)? {
                entry.push((items.next()?.clone(), items.next()?.clone()));
            }
        }
        items.next()?;
        let id = StreamId { ms, seq };
        if flags & 1 == 0 {
            if stream.len() > 0 && id <= stream.last {
                return None;
            }
            stream.append(id, entry);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::rdb::dump;
    use super::*;

    const SMALL: Small = Small {
        entries: 128,
        value: 64,
    };

    fn again(value: &Value) -> Value {
        restore(&dump(value, true), SMALL, SMALL, 512, 1).unwrap()
    }

    #[test]
    fn what_was_dumped_is_restored() {
        let mut list = List::default();
        (0..3000).for_each(|n| list.push(false, format!("item {n}").into_bytes()));
        list.push(false, vec![b'x'; 20_000]);
        let Value::List(restored) = again(&Value::List(list.clone())) else {
            panic!("no list")
        };
        assert!(restored.iter().eq(list.iter()));
        let mut stream = Stream::default();
        for n in 1..=250 {
            let fields = vec![
                (b"a".to_vec(), n.to_string().into_bytes()),
                (b"b".to_vec(), b"x".repeat(n % 7)),
            ];
            stream.append(
                StreamId {
                    ms: 1_000 + n as u64,
                    seq: 0,
                },
                fields,
            );
        }
        stream.groups.insert(b"g".to_vec(), Group::default());
        let Value::Stream(restored) = again(&Value::Stream(Box::new(stream.clone()))) else {
            panic!("no stream")
        };
        let whole = |stream: &Stream| {
            stream
                .range(StreamId::MIN, StreamId::MAX)
                .map(|(id, e)| (id, e.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(whole(&restored), whole(&stream));
        assert!(restored.groups.contains_key(&b"g"[..]));
    }

    #[test]
    fn a_small_payload_cannot_unpack_to_more_than_the_store_holds() {
        // A list of 100 strings of a megabyte of zeros: 2 MB that would be 100 MB.
        let text = vec![0; 1 << 20];
        let packed = lzf::compress(&text).unwrap();
        let mut body = vec![kind::LIST, 0x40, 100];
        for _ in 0..100 {
            body.extend_from_slice(&[1, 0xc3, 0x80]);
            body.extend_from_slice(&(packed.len() as u32).to_be_bytes());
            body.push(0x80);
            body.extend_from_slice(&(text.len() as u32).to_be_bytes());
            body.extend_from_slice(&packed);
        }
        body.extend_from_slice(&VERSION.to_le_bytes());
        body.extend_from_slice(&[0; 8]);
        assert_eq!(restore(&body, SMALL, SMALL, 512, 1).err(), Some(ReadError::Content));
    }

    #[test]
    fn a_changed_payload_is_refused() {
        let mut payload = dump(&Value::text("hello world, hello world"), true);
        payload[3] ^= 1;
        assert_eq!(restore(&payload, SMALL, SMALL, 512, 1).err(), Some(ReadError::Footer));
        assert_eq!(restore(b"", SMALL, SMALL, 512, 1).err(), Some(ReadError::Footer));
    }
}
