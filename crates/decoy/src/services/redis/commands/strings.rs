//! Strings and counters.

use super::call::Call;
use super::keys::{self, Unit};
use crate::services::redis::longdouble::LongDouble;
use crate::services::redis::number;
use crate::services::redis::reply::{Answer, Bytes, Fault, OK, Reply};
use crate::services::redis::value::{Text, Value};

/// When SET and its kin take effect, and what becomes of the time to live.
#[derive(Default)]
struct SetOptions {
    only_new: bool,
    only_old: bool,
    get: bool,
    keep_ttl: bool,
    persist: bool,
    /// Milliseconds since the epoch.
    expires: Option<i64>,
}

pub(super) fn get(call: &mut Call<'_>) -> Answer {
    let text = call.read::<Text>(call.arg(1))?;
    Ok(Reply::maybe(text.map(|text| &text.bytes)))
}

pub(super) fn set(call: &mut Call<'_>) -> Answer {
    let options = SetOptions::read(call, 3, true)?;
    let key = call.arg(1);
    let old = match options.get {
        true => call.read::<Text>(key)?.map(|text| text.bytes.clone()),
        false => None,
    };
    let there = call.exists(key);
    let shown = move |reply| if options.get { Reply::maybe(old) } else { reply };
    if (options.only_new && there) || (options.only_old && !there) {
        return Ok(shown(Reply::Null));
    }
    let kept = call
        .peek(key)
        .and_then(|item| item.expires)
        .filter(|_| options.keep_ttl);
    let (now, value) = (call.now_ms(), call.arg(2));
    call.db().put(key, Value::text(value), options.expires.or(kept), now);
    call.changed('$', "set", key);
    if options.expires.is_some() {
        call.notify_only('g', "expire", key);
        drop_if_past(call, key);
    }
    Ok(shown(OK))
}

pub(super) fn setnx(call: &mut Call<'_>) -> Answer {
    let key = call.arg(1);
    if call.exists(key) {
        return Ok(Reply::Int(0));
    }
    call.put(key, Value::text(call.arg(2)));
    call.changed('$', "set", key);
    Ok(Reply::Int(1))
}

pub(super) fn setex(call: &mut Call<'_>) -> Answer {
    set_until(call, Unit::Seconds)
}

pub(super) fn psetex(call: &mut Call<'_>) -> Answer {
    set_until(call, Unit::Millis)
}

pub(super) fn getset(call: &mut Call<'_>) -> Answer {
    let key = call.arg(1);
    let old = call.read::<Text>(key)?.map(|text| text.bytes.clone());
    call.put(key, Value::text(call.arg(2)));
    call.changed('$', "set", key);
    Ok(Reply::maybe(old))
}

pub(super) fn getdel(call: &mut Call<'_>) -> Answer {
    let key = call.arg(1);
    let old = call.read::<Text>(key)?.map(|text| text.bytes.clone());
    if old.is_some() {
        call.delete(key, "del");
    }
    Ok(Reply::maybe(old))
}

pub(super) fn getex(call: &mut Call<'_>) -> Answer {
    let options = SetOptions::read(call, 2, false)?;
    let key = call.arg(1);
    let Some(text) = call.read::<Text>(key)?.map(|text| text.bytes.clone()) else {
        return Ok(Reply::Null);
    };
    if let Some(at) = options.expires {
        call.db().expire(key, Some(at));
        if at <= call.now_ms() {
            call.delete(key, "del");
        } else {
            call.changed('g', "expire", key);
        }
    } else if options.persist && call.peek(key).is_some_and(|item| item.expires.is_some()) {
        call.db().expire(key, None);
        call.changed('g', "persist", key);
    }
    Ok(Reply::Bulk(text))
}

pub(super) fn mget(call: &mut Call<'_>) -> Answer {
    let values = call.args[1..]
        .iter()
        .map(|key| Reply::maybe(call.read::<Text>(key).ok().flatten().map(|t| &t.bytes)));
    Ok(Reply::Array(values.collect()))
}

pub(super) fn mset(call: &mut Call<'_>) -> Answer {
    set_many(call)?;
    Ok(OK)
}

pub(super) fn msetnx(call: &mut Call<'_>) -> Answer {
    if call.count().is_multiple_of(2) {
        return set_many(call);
    }
    if call.args[1..].iter().step_by(2).any(|key| call.exists(key)) {
        return Ok(Reply::Int(0));
    }
    set_many(call)?;
    Ok(Reply::Int(1))
}

pub(super) fn append(call: &mut Call<'_>) -> Answer {
    let key = call.arg(1);
    if !call.exists(key) {
        call.put(key, Value::text(call.arg(2)));
        call.changed('$', "append", key);
        return Ok(Reply::int(call.arg(2).len()));
    }
    let more = call.arg(2);
    let max = call.server.config.number("proto-max-bulk-len") as usize;
    let text = call.edit::<Text>(key)?.ok_or_else(Fault::wrong_type)?;
    within_limit(text.bytes.len() + more.len(), max)?;
    text.bytes.extend_from_slice(more);
    text.grown = true;
    let len = text.bytes.len();
    call.changed('$', "append", key);
    Ok(Reply::int(len))
}

pub(super) fn strlen(call: &mut Call<'_>) -> Answer {
    Ok(Reply::int(
        call.read::<Text>(call.arg(1))?.map_or(0, |text| text.bytes.len()),
    ))
}

pub(super) fn incr(call: &mut Call<'_>) -> Answer {
    add(call, 1, "incrby")
}

pub(super) fn decr(call: &mut Call<'_>) -> Answer {
    add(call, -1, "incrby")
}

pub(super) fn incrby(call: &mut Call<'_>) -> Answer {
    let by = call.int(2)?;
    add(call, by, "incrby")
}

pub(super) fn decrby(call: &mut Call<'_>) -> Answer {
    let by = call.int(2)?;
    let by = by.checked_neg().ok_or_else(|| Fault::err("decrement would overflow"))?;
    add(call, by, "incrby")
}

pub(super) fn incrbyfloat(call: &mut Call<'_>) -> Answer {
    let not_a_float = || Fault::err("value is not a valid float");
    let key = call.arg(1);
    let old = match call.read::<Text>(key)? {
        None => LongDouble::ZERO,
        Some(text) => LongDouble::parse(&text.bytes).ok_or_else(not_a_float)?,
    };
    let by = LongDouble::parse(call.arg(2)).ok_or_else(not_a_float)?;
    let sum = old
        .plus(by)
        .ok_or_else(|| Fault::err("increment would produce NaN or Infinity"))?;
    let shown = sum.to_string();
    let kept = call.peek(key).and_then(|item| item.expires);
    let now = call.now_ms();
    call.db().put(key, Value::text(shown.as_bytes()), kept, now);
    call.changed('$', "incrbyfloat", key);
    Ok(Reply::bulk(shown))
}

pub(super) fn getrange(call: &mut Call<'_>) -> Answer {
    let (start, stop) = (call.int(2)?, call.int(3)?);
    let text = call.read::<Text>(call.arg(1))?.map_or(&b""[..], |text| &text.bytes);
    let len = text.len() as i64;
    if len == 0 || (start < 0 && stop < 0 && start > stop) {
        return Ok(Reply::bulk(""));
    }
    let from_end = |at: i64| if at < 0 { at.saturating_add(len).max(0) } else { at };
    let (start, stop) = (from_end(start), from_end(stop).min(len - 1));
    Ok(Reply::bulk(if start > stop {
        b""
    } else {
        &text[start as usize..=stop as usize]
    }))
}

pub(super) fn setrange(call: &mut Call<'_>) -> Answer {
    let offset = call.int(2)?;
    let offset = usize::try_from(offset).map_err(|_| Fault::err("offset is out of range"))?;
    let (key, piece) = (call.arg(1), call.arg(3));
    let max = call.server.config.number("proto-max-bulk-len") as usize;
    let held = call.read::<Text>(key)?.map(|text| text.bytes.len());
    if piece.is_empty() {
        return Ok(Reply::int(held.unwrap_or(0)));
    }
    within_limit(offset.saturating_add(piece.len()), max)?;
    let text = call.edit_or::<Text>(key, |_| Value::text(""))?;
    if text.bytes.len() < offset + piece.len() {
        text.bytes.resize(offset + piece.len(), 0);
    }
    text.bytes[offset..offset + piece.len()].copy_from_slice(piece);
    text.grown = true;
    let len = text.bytes.len();
    call.changed('$', "setrange", key);
    Ok(Reply::int(len))
}

/// A string may not grow past `proto-max-bulk-len`.
pub(super) fn within_limit(len: usize, max: usize) -> Result<(), Fault> {
    if len > max {
        return Err(Fault::err("string exceeds maximum allowed size (proto-max-bulk-len)"));
    }
    Ok(())
}

fn add(call: &mut Call<'_>, by: i64, event: &str) -> Answer {
    let key = call.arg(1);
    let old = match call.read::<Text>(key)? {
        None => 0,
        Some(text) => number::integer(&text.bytes).ok_or_else(Fault::not_an_integer)?,
    };
    let sum = old
        .checked_add(by)
        .ok_or_else(|| Fault::err("increment or decrement would overflow"))?;
    let text = call.edit_or::<Text>(key, |_| Value::text(""))?;
    *text = Text {
        bytes: sum.to_string().into_bytes(),
        grown: false,
    };
    call.changed('$', event, key);
    Ok(Reply::Int(sum))
}

fn set_until(call: &mut Call<'_>, unit: Unit) -> Answer {
    let at = keys::deadline(call, 2, unit, false)?;
    let key = call.arg(1);
    let (now, value) = (call.now_ms(), call.arg(3));
    call.db().put(key, Value::text(value), Some(at), now);
    call.changed('$', "set", key);
    call.notify_only('g', "expire", key);
    Ok(OK)
}

fn set_many(call: &mut Call<'_>) -> Answer {
    if call.count().is_multiple_of(2) {
        let name = String::from_utf8_lossy(&call.word(0)).into_owned();
        return Err(Fault::err(format!("wrong number of arguments for '{name}' command")));
    }
    for pair in call.args[1..].chunks(2) {
        call.put(&pair[0], Value::text(&pair[1][..]));
        call.changed('$', "set", &pair[0]);
    }
    Ok(Reply::Int(1))
}

fn drop_if_past(call: &mut Call<'_>, key: &[u8]) {
    let now = call.now_ms();
    if call.peek(key).and_then(|item| item.expires).is_some_and(|at| at <= now) {
        call.db().remove(key);
        call.notify_only('g', "del", key);
    }
}

// === impl SetOptions ===

impl SetOptions {
    /// The words after a key's value (SET) or a key (GETEX).
    fn read(call: &Call<'_>, from: usize, set: bool) -> Result<Self, Fault> {
        let mut options = Self::default();
        let mut lifetime = None;
        let mut at = from;
        while at < call.count() {
            let free = lifetime.is_none() && !options.keep_ttl && !options.persist;
            match call.word(at).as_slice() {
                b"nx" if set && !options.only_old => options.only_new = true,
                b"xx" if set && !options.only_new => options.only_old = true,
                b"get" if set => options.get = true,
                b"keepttl" if set && lifetime.is_none() => options.keep_ttl = true,
                b"persist" if !set && lifetime.is_none() => options.persist = true,
                word @ (b"ex" | b"px" | b"exat" | b"pxat") if free && at + 1 < call.count() => {
                    let unit = if word.starts_with(b"e") {
                        Unit::Seconds
                    } else {
                        Unit::Millis
                    };
                    lifetime = Some((at + 1, unit, word.len() == 4));
                    at += 1;
                }
                _ => return Err(Fault::syntax()),
            }
            at += 1;
        }
        if let Some((at, unit, absolute)) = lifetime {
            options.expires = Some(keys::deadline(call, at, unit, absolute)?);
        }
        Ok(options)
    }
}

pub(super) fn lcs(call: &mut Call<'_>) -> Answer {
    let (mut idx, mut len_only, mut with_len, mut min) = (false, false, false, 0);
    let mut at = 3;
    while at < call.count() {
        match call.word(at).as_slice() {
            b"idx" => idx = true,
            b"len" => len_only = true,
            b"withmatchlen" => with_len = true,
            b"minmatchlen" if at + 1 < call.count() => {
                min = call.int(at + 1)?.max(0);
                at += 1;
            }
            _ => return Err(Fault::syntax()),
        }
        at += 1;
    }
    if idx && len_only {
        return Err(Fault::err(
            "If you want both the length and indexes, please just use IDX.",
        ));
    }
    let mut texts: [Bytes; 2] = Default::default();
    for (n, text) in texts.iter_mut().enumerate() {
        let held = call.read::<Text>(call.arg(n + 1));
        *text = held
            .map_err(|_| Fault::err("The specified keys must contain string values"))?
            .map_or(Bytes::new(), |t| t.bytes.clone());
    }
    let [a, b] = &texts;
    if a.len().saturating_add(1).saturating_mul(b.len() + 1) > LCS_CELLS {
        return Err(Fault::err(
            "Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    Ok(common(a, b).answer(idx, len_only, with_len, min as usize))
}

/// Cells of the table the longest common subsequence is found with.
const LCS_CELLS: usize = 16 << 20;

struct Common {
    text: Bytes,
    /// Stretches from the end, each a range in one text and in the other.
    stretches: Vec<[std::ops::Range<usize>; 2]>,
}

fn common(a: &[u8], b: &[u8]) -> Common {
    let width = b.len() + 1;
    let mut table = vec![0u32; (a.len() + 1) * width];
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            table[i * width + j] = match a[i - 1] == b[j - 1] {
                true => table[(i - 1) * width + j - 1] + 1,
                false => table[(i - 1) * width + j].max(table[i * width + j - 1]),
            };
        }
    }
    let mut found = Common {
        text: Bytes::new(),
        stretches: Vec::new(),
    };
    let (mut i, mut j) = (a.len(), b.len());
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            found.text.push(a[i - 1]);
            (i, j) = (i - 1, j - 1);
            match found
                .stretches
                .last_mut()
                .filter(|[x, y]| x.start == i + 1 && y.start == j + 1)
            {
                Some([x, y]) => (x.start, y.start) = (i, j),
                None => found.stretches.push([i..i + 1, j..j + 1]),
            }
        } else if table[(i - 1) * width + j] > table[i * width + j - 1] {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    found.text.reverse();
    found
}

// === impl Common ===

impl Common {
    fn answer(self, idx: bool, len_only: bool, with_len: bool, min: usize) -> Reply {
        let len = Reply::int(self.text.len());
        match (idx, len_only) {
            (false, false) => return Reply::Bulk(self.text),
            (false, true) => return len,
            _ => {}
        }
        let pair =
            |range: &std::ops::Range<usize>| Reply::Array(vec![Reply::int(range.start), Reply::int(range.end - 1)]);
        let shown = self
            .stretches
            .iter()
            .filter(|[x, _]| min == 0 || x.len() >= min)
            .map(|[x, y]| {
                let mut stretch = vec![pair(x), pair(y)];
                if with_len {
                    stretch.push(Reply::int(x.len()));
                }
                Reply::Array(stretch)
            });
        Reply::Map(vec![
            Reply::bulk("matches"),
            Reply::Array(shown.collect()),
            Reply::bulk("len"),
            len,
        ])
    }
}
