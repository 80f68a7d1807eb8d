//! Messages of the wire protocol: `OP_MSG`, and of the older ones what drivers still begin with.

use super::bson::{Bson, Doc, cstring, document};

/// `maxMessageSizeBytes`
pub(super) const MOST_BYTES: usize = 48_000_000;
/// What is kept of a message that is not whole yet; the product's own limit is larger.
pub(super) const MOST_KEPT: usize = 17 << 20;
const HEAD: usize = 16;

const OP_REPLY: i32 = 1;
const OP_QUERY: i32 = 2004;
const OP_COMPRESSED: i32 = 2012;
const OP_MSG: i32 = 2013;

const CHECKSUM: u32 = 1;
const MORE_TO_COME: u32 = 2;
/// Of older answers: the query failed, the server can wait for data.
const FAILED: i32 = 2;
const AWAITS_DATA: i32 = 8;

/// What a client said.
#[derive(Debug, PartialEq)]
pub(super) struct Said {
    pub(super) id: i32,
    pub(super) way: Way,
    pub(super) database: String,
    /// The command, its sections put together.
    pub(super) command: Doc,
    /// No answer is waited for.
    pub(super) silent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Message {
        checksum: bool,
    },
    /// A command in an older message.
    Query,
    /// Documents asked for in an older message.
    Find,
}

/// What came.
#[derive(Debug, PartialEq)]
pub(super) enum Came {
    Said(Said),
    /// HTTP, which the product knows by its first word.
    Http,
    /// What the product closes the connection on.
    Broken(&'static str),
}

/// Takes messages off what was read.
#[derive(Default)]
pub(super) struct Reader {
    input: Vec<u8>,
    over: bool,
}

// === impl Reader ===

impl Reader {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if !self.over {
            self.input.extend_from_slice(bytes);
        }
    }

    pub(super) fn rest(&self) -> &[u8] {
        &self.input
    }

    pub(super) fn next(&mut self) -> Option<Came> {
        if self.over {
            return None;
        }
        let came = self.message();
        self.over = matches!(came, Some(Came::Http | Came::Broken(_)));
        came
    }

    fn message(&mut self) -> Option<Came> {
        let head: &[u8; HEAD] = self.input.first_chunk()?;
        if head.starts_with(b"GET ") {
            return Some(Came::Http);
        }
        let number = |at: usize| i32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (length, id, code) = (number(0), number(4), number(12));
        let length = match usize::try_from(length) {
            Ok(length) if (HEAD..=MOST_BYTES).contains(&length) => length,
            _ => return Some(Came::Broken("length")),
        };
        if length > MOST_KEPT {
            return Some(Came::Broken("too large"));
        }
        let message: Vec<u8> = (self.input.len() >= length).then(|| self.input.drain(..length).collect())?;
        let body = &message[HEAD..];
        let said = match code {
            OP_MSG => message_of(&message),
            OP_QUERY => query_of(body),
            OP_COMPRESSED => return Some(Came::Broken("compressed without having agreed on it")),
            _ => return Some(Came::Broken("opcode")),
        };
        Some(said.map_or(Came::Broken("malformed"), |said| Came::Said(Said { id, ..said })))
    }
}

fn message_of(message: &[u8]) -> Option<Said> {
    let mut body = message.get(HEAD..)?;
    let flags = u32::from_le_bytes(take(&mut body, 4)?.try_into().ok()?);
    // Of the lower half of the flags those that are not known must not be set.
    if flags & 0xffff & !(CHECKSUM | MORE_TO_COME) != 0 {
        return None;
    }
    if flags & CHECKSUM != 0 {
        let (covered, sum) = message.split_at_checked(message.len() - 4)?;
        if crc32c(covered).to_le_bytes() != *sum {
            return None;
        }
        body = body.get(..body.len().checked_sub(4)?)?;
    }
    let (mut command, mut lists) = (None, Vec::new());
    while !body.is_empty() {
        match take(&mut body, 1)? {
            [0] if command.is_none() => command = Some(Doc::read(&mut body)?),
            [1] => lists.push(sequence(&mut body)?),
            _ => return None,
        }
    }
    let mut command = command?;
    lists.into_iter().for_each(|(name, docs)| command.set(&name, docs));
    let database = command.text("$db")?.to_owned();
    Some(Said {
        id: 0,
        way: Way::Message {
            checksum: flags & CHECKSUM != 0,
        },
        database,
        command,
        silent: flags & MORE_TO_COME != 0,
    })
}

/// A list of documents beside the command.
fn sequence(body: &mut &[u8]) -> Option<(String, Vec<Bson>)> {
    let length = usize::try_from(i32::from_le_bytes(body.get(..4)?.try_into().ok()?)).ok()?;
    let mut inner = take(body, length)?.get(4..)?;
    let name = cstring(&mut inner)?;
    let mut docs = Vec::new();
    while !inner.is_empty() {
        docs.push(Bson::Doc(Doc::read(&mut inner)?));
    }
    Some((name, docs))
}

fn query_of(mut body: &[u8]) -> Option<Said> {
    take(&mut body, 4)?;
    let name = cstring(&mut body)?;
    let mut number = || Some(i32::from_le_bytes(take(&mut body, 4)?.try_into().ok()?));
    let (skipped, wanted) = (number()?, number()?);
    let query = Doc::read(&mut body)?;
    let (database, collection) = name.split_once('.')?;
    let inner = query.doc("$query").or_else(|| query.doc("query")).cloned();
    let (way, command) = match (collection, inner) {
        // A wrapped command has its options beside it.
        ("$cmd", inner) => (Way::Query, inner.unwrap_or(query)),
        (collection, inner) => {
            let mut find =
                document! {"find": collection, "skip": skipped, "batchSize": wanted.unsigned_abs().min(1000) as i32};
            if let Some(by) = query.get("$orderby").or_else(|| query.get("orderby")) {
                find.set("sort", by.clone());
            }
            find.set("singleBatch", true);
            (Way::Find, find.with("filter", inner.unwrap_or(query)))
        }
    };
    Some(Said {
        id: 0,
        way,
        database: database.to_owned(),
        command,
        silent: false,
    })
}

fn take<'a>(input: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = input.split_at_checked(count)?;
    *input = rest;
    Some(taken)
}

/// What an older answer holds: flags, no cursor, from the first, so many documents.
fn reply(out: &mut Vec<u8>, flags: i32, docs: &[Doc]) {
    out.extend_from_slice(&flags.to_le_bytes());
    out.extend_from_slice(&[0; 12]);
    out.extend_from_slice(&(docs.len() as i32).to_le_bytes());
    docs.iter().for_each(|doc| doc.write(out));
}

/// An answer as its question came. `id` is the answer's own.
pub(super) fn answer(said: &Said, id: i32, doc: &Doc) -> Vec<u8> {
    let mut out = vec![0; HEAD];
    let code = match said.way {
        Way::Message { checksum } => {
            out.extend_from_slice(&u32::from(checksum).to_le_bytes());
            out.push(0);
            doc.write(&mut out);
            OP_MSG
        }
        Way::Query => {
            reply(&mut out, AWAITS_DATA, std::slice::from_ref(doc));
            OP_REPLY
        }
        Way::Find => {
            match doc.doc("cursor") {
                Some(cursor) => {
                    let docs = cursor.list("firstBatch").iter().filter_map(|doc| match doc {
                        Bson::Doc(doc) => Some(doc.clone()),
                        _ => None,
                    });
                    reply(&mut out, AWAITS_DATA, &docs.collect::<Vec<_>>());
                }
                None => {
                    let text = doc.text("errmsg").unwrap_or_default();
                    let error = document! {"$err": text, "code": doc.whole("code").unwrap_or(0) as i32};
                    reply(&mut out, AWAITS_DATA | FAILED, &[error]);
                }
            }
            OP_REPLY
        }
    };
    let sums = matches!(said.way, Way::Message { checksum: true });
    let length = (out.len() + if sums { 4 } else { 0 }) as i32;
    for (at, number) in [(0, length), (4, id), (8, said.id), (12, code)] {
        out[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    if sums {
        let sum = crc32c(&out);
        out.extend_from_slice(&sum.to_le_bytes());
    }
    out
}

/// CRC-32C (Castagnoli), bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut sum = !0_u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg());
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(flags: u32, sections: &[u8], sum: bool) -> Vec<u8> {
        let mut out = vec![0; HEAD];
        out.extend_from_slice(&flags.to_le_bytes());
        out.extend_from_slice(sections);
        let length = (out.len() + if sum { 4 } else { 0 }) as i32;
        out[..4].copy_from_slice(&length.to_le_bytes());
        out[12..16].copy_from_slice(&OP_MSG.to_le_bytes());
        if sum {
            let sum = crc32c(&out);
            out.extend_from_slice(&sum.to_le_bytes());
        }
        out
    }

    #[test]
    fn the_checksum_is_castagnoli_s() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn sections_are_put_together_wherever_they_are_cut() {
        let mut sections = vec![0];
        document! {"insert": "a", "$db": "x"}.write(&mut sections);
        let mut list = b"documents\0".to_vec();
        document! {"n": 1}.write(&mut list);
        document! {"n": 2}.write(&mut list);
        sections.push(1);
        sections.extend_from_slice(&(list.len() as i32 + 4).to_le_bytes());
        sections.extend_from_slice(&list);
        let wire = message(CHECKSUM, &sections, true);
        let mut reader = Reader::default();
        let mut came = Vec::new();
        for byte in &wire {
            reader.feed(&[*byte]);
            came.extend(reader.next());
        }
        let [Came::Said(said)] = came.as_slice() else {
            panic!("{came:?}")
        };
        assert_eq!(said.database, "x");
        assert_eq!(said.command.list("documents").len(), 2);
        let mut damaged = wire;
        damaged[30] ^= 1;
        let mut reader = Reader::default();
        reader.feed(&damaged);
        assert_eq!(reader.next(), Some(Came::Broken("malformed")));
    }

    #[test]
    fn documents_asked_for_in_an_older_message_are_answered_in_one() {
        let query = document! {"$query": document! {"n": 1}, "$orderby": document! {"n": -1}};
        let mut wire = vec![0; HEAD + 4];
        wire.extend_from_slice(b"x.a\0");
        wire.extend_from_slice(&[0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff]);
        query.write(&mut wire);
        let length = wire.len() as i32;
        wire[..4].copy_from_slice(&length.to_le_bytes());
        wire[12..16].copy_from_slice(&OP_QUERY.to_le_bytes());
        let mut reader = Reader::default();
        reader.feed(&wire);
        let Some(Came::Said(said)) = reader.next() else {
            panic!("no query")
        };
        assert_eq!((said.way, said.command.text("find")), (Way::Find, Some("a")));
        assert_eq!(said.command.whole("batchSize"), Some(2));
        assert_eq!(said.command.doc("filter"), Some(&document! {"n": 1}));
        let found = vec![document! {"n": 1}, document! {"n": 2}];
        let told = answer(
            &said,
            5,
            &document! {"cursor": document! {"firstBatch": found, "id": 0_i64}, "ok": 1.0},
        );
        assert_eq!(&told[HEAD..HEAD + 20], [&[8], &[0; 15][..], &[2, 0, 0, 0]].concat());
        assert_eq!(Doc::read(&mut &told[HEAD + 20..]), Some(document! {"n": 1}));
        let failed = answer(&said, 5, &document! {"ok": 0.0, "errmsg": "no", "code": 13});
        assert_eq!(failed[HEAD], 10);
        assert_eq!(
            Doc::read(&mut &failed[HEAD + 20..]),
            Some(document! {"$err": "no", "code": 13})
        );
    }
}
