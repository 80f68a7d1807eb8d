//! SCAN and its kin.

use super::call::Call;
use crate::services::redis::glob;
use crate::services::redis::reply::{Answer, Bytes, Fault, Reply};
use crate::services::redis::value::{Hash, Set};
use crate::services::redis::zset::Zset;

struct Options {
    cursor: u64,
    pattern: Option<Bytes>,
    count: usize,
    kind: Option<Bytes>,
}

pub(super) fn scan(call: &mut Call<'_>) -> Answer {
    let options = Options::read(call, 1)?;
    let now = call.now_ms();
    let mut found = Vec::new();
    let cursor = options.walk(|cursor, seen| {
        call.db().scan(cursor, |key, item| {
            *seen += 1;
            let wanted = options
                .kind
                .as_ref()
                .is_none_or(|kind| item.value.type_name().as_bytes().eq_ignore_ascii_case(kind));
            if wanted && !item.is_over(now) && options.matches(key) {
                found.push(Reply::bulk(key));
            }
        })
    });
    Ok(answer(cursor, found))
}

pub(super) fn hscan(call: &mut Call<'_>) -> Answer {
    let options = Options::read(call, 2)?;
    let Some(hash) = call.read::<Hash>(call.arg(1))? else {
        return Ok(answer(0, Vec::new()));
    };
    let mut found = Vec::new();
    let cursor = options.walk(|cursor, seen| {
        hash.scan(cursor, |field, value| {
            *seen += 1;
            if options.matches(field) {
                found.extend([Reply::bulk(field), Reply::bulk(value)]);
            }
        })
    });
    Ok(answer(cursor, found))
}

pub(super) fn sscan(call: &mut Call<'_>) -> Answer {
    let options = Options::read(call, 2)?;
    let Some(set) = call.read::<Set>(call.arg(1))? else {
        return Ok(answer(0, Vec::new()));
    };
    let mut found = Vec::new();
    let cursor = options.walk(|cursor, seen| {
        set.scan(cursor, |member| {
            *seen += 1;
            if options.matches(&member) {
                found.push(Reply::Bulk(member));
            }
        })
    });
    Ok(answer(cursor, found))
}

pub(super) fn zscan(call: &mut Call<'_>) -> Answer {
    let options = Options::read(call, 2)?;
    let Some(zset) = call.read::<Zset>(call.arg(1))? else {
        return Ok(answer(0, Vec::new()));
    };
    let mut found = Vec::new();
    let cursor = options.walk(|cursor, seen| {
        zset.scan(cursor, |member, score| {
            *seen += 1;
            if options.matches(member) {
                found.extend([
                    Reply::bulk(member),
                    Reply::bulk(crate::services::redis::number::seventeen(score)),
                ]);
            }
        })
    });
    Ok(answer(cursor, found))
}

// === impl Options ===

impl Options {
    /// The cursor and what follows it.
    fn read(call: &Call<'_>, at: usize) -> Result<Self, Fault> {
        let text = call.arg(at);
        let sound = !text.is_empty() && !text[0].is_ascii_whitespace();
        let cursor = std::str::from_utf8(text)
            .ok()
            .filter(|_| sound)
            .and_then(|text| text.parse().ok());
        let cursor = cursor.ok_or_else(|| Fault::err("invalid cursor"))?;
        let mut options = Self {
            cursor,
            pattern: None,
            count: 10,
            kind: None,
        };
        let mut at = at + 1;
        while at < call.count() {
            if at + 1 >= call.count() {
                return Err(Fault::syntax());
            }
            match call.word(at).as_slice() {
                b"count" => {
                    let count = call.int(at + 1)?;
                    if count < 1 {
                        return Err(Fault::syntax());
                    }
                    options.count = count as usize;
                }
                b"match" => options.pattern = Some(call.arg(at + 1).to_vec()),
                b"type" if call.is(0, "scan") => options.kind = Some(call.arg(at + 1).to_vec()),
                _ => return Err(Fault::syntax()),
            }
            at += 2;
        }
        Ok(options)
    }

    fn matches(&self, name: &[u8]) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| glob::matches(pattern, name))
    }

    /// Buckets until enough was seen, or ten times as many buckets were empty.
    fn walk(&self, mut step: impl FnMut(u64, &mut usize) -> u64) -> u64 {
        let (mut cursor, mut seen) = (self.cursor, 0);
        for _ in 0..self.count.saturating_mul(10) {
            cursor = step(cursor, &mut seen);
            if cursor == 0 || seen >= self.count {
                break;
            }
        }
        cursor
    }
}

fn answer(cursor: u64, found: Vec<Reply>) -> Reply {
    Reply::Array(vec![Reply::bulk(cursor.to_string()), Reply::Array(found)])
}
