//! Streams: adding, reading, trimming.

use super::call::Call;
use crate::services::redis::number;
use crate::services::redis::reply::{Answer, Bytes, Fault, OK, Reply};
use crate::services::redis::stream::{Entry, Stream, StreamId};
use crate::services::redis::value::Value;

/// Approximate trimming drops whole nodes of this many entries.
const NODE: usize = 100;

/// MAXLEN or MINID, as XADD and XTRIM take them.
#[derive(Clone, Copy)]
enum Trim {
    Length(usize),
    Below(StreamId),
}

struct TrimOptions {
    trim: Trim,
    approximate: bool,
    limit: usize,
}

/// The id of a new entry.
#[derive(Clone, Copy)]
enum NewId {
    Auto,
    AutoSeq(u64),
    Given(StreamId),
}

pub(super) fn invalid_id() -> Fault {
    Fault::err("Invalid stream ID specified as stream command argument")
}

pub(super) fn xadd(call: &mut Call<'_>) -> Answer {
    let (mut trim, mut make) = (None, true);
    let mut at = 2;
    let id = loop {
        if at >= call.count() {
            return Err(wrong_arity(call));
        }
        match call.word(at).as_slice() {
            b"nomkstream" => make = false,
            b"maxlen" | b"minid" | b"limit" if at + 1 < call.count() => {
                if trim.is_some() {
                    return Err(Fault::err(
                        "syntax error, MAXLEN and MINID options at the same time are not compatible",
                    ));
                }
                let (options, next) = TrimOptions::read(call, at)?;
                trim = Some(options);
                at = next;
                continue;
            }
            b"*" => break NewId::Auto,
            _ => break new_id(call.arg(at))?,
        }
        at += 1;
    };
    let fields = &call.args[at + 1..];
    if fields.is_empty() || !fields.len().is_multiple_of(2) {
        return Err(wrong_arity(call));
    }
    if let NewId::Given(StreamId::MIN) = id {
        return Err(Fault::err("The ID specified in XADD must be greater than 0-0"));
    }
    let (key, now) = (call.arg(1), call.now_ms() as u64);
    let there = call.edit::<Stream>(key)?.is_some();
    if !there && !make {
        return Ok(Reply::Null);
    }
    let stream = call.edit_or::<Stream>(key, |_| Value::Stream(Box::default()))?;
    let given = next_id(stream.last, id, now);
    let id = match given {
        Ok(id) => id,
        Err(fault) => {
            if !there {
                call.db().remove(key);
            }
            return Err(fault);
        }
    };
    stream.append(
        id,
        fields
            .chunks(2)
            .map(|pair| (pair[0].clone(), pair[1].clone()))
            .collect(),
    );
    let trimmed = trim.map_or(0, |options| options.apply(stream));
    call.changed('t', "xadd", key);
    if trimmed > 0 {
        call.notify_only('t', "xtrim", key);
    }
    Ok(Reply::Bulk(id.bytes()))
}

pub(super) fn xlen(call: &mut Call<'_>) -> Answer {
    Ok(Reply::int(call.read::<Stream>(call.arg(1))?.map_or(0, Stream::len)))
}

pub(super) fn xrange(call: &mut Call<'_>) -> Answer {
    range(call, false)
}

pub(super) fn xrevrange(call: &mut Call<'_>) -> Answer {
    range(call, true)
}

pub(super) fn xdel(call: &mut Call<'_>) -> Answer {
    let ids: Option<Vec<StreamId>> = call.args[2..].iter().map(|id| StreamId::parse(id, 0)).collect();
    let key = call.arg(1);
    let there = call.edit::<Stream>(key)?.is_some();
    if !there {
        return Ok(Reply::Int(0));
    }
    let ids = ids.ok_or_else(invalid_id)?;
    let Some(stream) = call.edit::<Stream>(key)? else {
        return Ok(Reply::Int(0));
    };
    let gone = ids.iter().filter(|id| stream.delete(**id)).count();
    if gone > 0 {
        call.changed('t', "xdel", key);
    }
    Ok(Reply::int(gone))
}

pub(super) fn xtrim(call: &mut Call<'_>) -> Answer {
    let (options, next) = TrimOptions::read(call, 2)?;
    if next < call.count() {
        return Err(Fault::syntax());
    }
    let key = call.arg(1);
    let Some(stream) = call.edit::<Stream>(key)? else {
        return Ok(Reply::Int(0));
    };
    let gone = options.apply(stream);
    if gone > 0 {
        call.changed('t', "xtrim", key);
    }
    Ok(Reply::int(gone))
}

pub(super) fn xsetid(call: &mut Call<'_>) -> Answer {
    let id = StreamId::parse(call.arg(2), 0).ok_or_else(invalid_id)?;
    let (mut added, mut deleted) = (None, None);
    let mut at = 3;
    while at < call.count() {
        match call.word(at).as_slice() {
            b"entriesadded" if at + 1 < call.count() => {
                let given = u64::try_from(call.int(at + 1)?);
                added = Some(given.map_err(|_| Fault::err("entries_added must be positive"))?);
            }
            b"maxdeletedid" if at + 1 < call.count() => {
                let given = StreamId::parse(call.arg(at + 1), 0).ok_or_else(invalid_id)?;
                if id < given {
                    return Err(Fault::err(
                        "The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                    ));
                }
                deleted = Some(given);
            }
            _ => return Err(Fault::syntax()),
        }
        at += 2;
    }
    let key = call.arg(1);
    let stream = call.edit::<Stream>(key)?.ok_or_else(|| Fault::err("no such key"))?;
    if stream.newest().is_some_and(|(newest, _)| id < newest) {
        return Err(Fault::err(
            "The ID specified in XSETID is smaller than the target stream top item",
        ));
    }
    if id < stream.max_deleted {
        return Err(Fault::err(
            "The ID specified in XSETID is smaller than current max_deleted_entry_id",
        ));
    }
    if added.is_some_and(|added| (added as usize) < stream.len()) {
        return Err(Fault::err(
            "The entries_added specified in XSETID is smaller than the target stream length",
        ));
    }
    stream.last = id;
    stream.added = added.unwrap_or(stream.added);
    stream.max_deleted = deleted.unwrap_or(stream.max_deleted);
    call.changed('t', "xsetid", key);
    Ok(OK)
}

pub(super) fn xread(call: &mut Call<'_>) -> Answer {
    let options = ReadOptions::read(call, 1, false)?;
    let keys = options.keys(call);
    let mut from = Vec::with_capacity(keys.len());
    for (key, id) in keys.iter().zip(options.ids(call)) {
        let last = call.read::<Stream>(key)?.map_or(StreamId::MIN, |stream| stream.last);
        from.push(match &id[..] {
            b"$" => last,
            b">" => {
                return Err(Fault::err(
                    "The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
                ));
            }
            id => StreamId::parse(id, 0).ok_or_else(invalid_id)?,
        });
    }
    let mut found = Vec::new();
    for (key, from) in keys.iter().zip(&from) {
        let Some(stream) = call.read::<Stream>(key)? else {
            continue;
        };
        let Some(next) = from.next().filter(|_| stream.last > *from) else {
            continue;
        };
        let entries: Vec<Reply> = stream
            .range(next, StreamId::MAX)
            .take(options.count)
            .map(entry_reply)
            .collect();
        if !entries.is_empty() {
            found.extend([Reply::bulk(key), Reply::Array(entries)]);
        }
    }
    if !found.is_empty() {
        return by_key(call, found);
    }
    let Some(until) = options.block else {
        return Ok(Reply::NullArray);
    };
    // `$` means the end as it is now, also when asked again later.
    let mut args = call.args[..options.streams + keys.len()].to_vec();
    args.extend(from.iter().map(|id| id.bytes()));
    call.wait(keys.to_vec(), until, args, Reply::NullArray)
}

/// What XREAD and XREADGROUP have in common.
pub(super) struct ReadOptions {
    pub(super) count: usize,
    /// Present: wait, until then or for ever.
    pub(super) block: Option<Option<i64>>,
    pub(super) group: Option<(usize, usize)>,
    pub(super) noack: bool,
    /// Where the keys begin.
    pub(super) streams: usize,
}

// === impl ReadOptions ===

impl ReadOptions {
    pub(super) fn read(call: &Call<'_>, mut at: usize, group: bool) -> Result<Self, Fault> {
        let mut options = Self {
            count: usize::MAX,
            block: None,
            group: None,
            noack: false,
            streams: 0,
        };
        while at < call.count() {
            let more = call.count() - at - 1;
            match call.word(at).as_slice() {
                b"block" if more > 0 => {
                    let wrong = || Fault::err("timeout is not an integer or out of range");
                    let ms = number::integer(call.arg(at + 1)).ok_or_else(wrong)?;
                    if ms < 0 {
                        return Err(Fault::err("timeout is negative"));
                    }
                    options.block = Some((ms > 0).then(|| call.now_ms().saturating_add(ms)));
                    at += 1;
                }
                b"count" if more > 0 => {
                    let count = call.int(at + 1)?;
                    options.count = if count <= 0 { usize::MAX } else { count as usize };
                    at += 1;
                }
                b"streams" if more > 0 => {
                    options.streams = at + 1;
                    if !more.is_multiple_of(2) {
                        let name = String::from_utf8_lossy(&call.word(0)).into_owned();
                        let mark = if group { '>' } else { '$' };
                        return Err(Fault::err(format!(
                            "Unbalanced '{name}' list of streams: for each stream key an ID or '{mark}' must be specified."
                        )));
                    }
                    break;
                }
                b"group" if more > 1 => {
                    if !group {
                        return Err(Fault::err(
                            "The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
                        ));
                    }
                    options.group = Some((at + 1, at + 2));
                    at += 2;
                }
                b"noack" => {
                    if !group {
                        return Err(Fault::err(
                            "The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
                        ));
                    }
                    options.noack = true;
                }
                _ => return Err(Fault::syntax()),
            }
            at += 1;
        }
        if options.streams == 0 {
            return Err(Fault::syntax());
        }
        if group && options.group.is_none() {
            return Err(Fault::err("Missing GROUP option for XREADGROUP"));
        }
        Ok(options)
    }

    pub(super) fn keys<'a>(&self, call: &Call<'a>) -> &'a [Bytes] {
        let rest = &call.args[self.streams..];
        &rest[..rest.len() / 2]
    }

    pub(super) fn ids<'a>(&self, call: &Call<'a>) -> &'a [Bytes] {
        let rest = &call.args[self.streams..];
        &rest[rest.len() / 2..]
    }
}

/// Keys and their entries: in RESP2 a list of pairs, in RESP3 a map.
pub(super) fn by_key(call: &mut Call<'_>, found: Vec<Reply>) -> Answer {
    if call.client()?.resp == 3 {
        return Ok(Reply::Map(found));
    }
    let mut found = found.into_iter();
    let pairs = std::iter::from_fn(|| Some(Reply::Array(vec![found.next()?, found.next()?])));
    Ok(Reply::Array(pairs.collect()))
}

pub(super) fn entry_reply((id, entry): (StreamId, &Entry)) -> Reply {
    let fields = entry
        .iter()
        .flat_map(|(field, value)| [Reply::bulk(field), Reply::bulk(value)]);
    Reply::Array(vec![Reply::Bulk(id.bytes()), Reply::Array(fields.collect())])
}

/// A bound of a range; with `(` the id itself is left out.
pub(super) fn bound(text: &[u8], lower: bool) -> Result<StreamId, Fault> {
    let (open, text) = match text.strip_prefix(b"(") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let id = match text {
        b"-" if !open => StreamId::MIN,
        b"+" if !open => StreamId::MAX,
        _ => StreamId::parse(text, if lower { 0 } else { u64::MAX }).ok_or_else(invalid_id)?,
    };
    match (open, lower) {
        (false, _) => Ok(id),
        (true, true) => id.next().ok_or_else(|| Fault::err("invalid start ID for the interval")),
        (true, false) => id
            .previous()
            .ok_or_else(|| Fault::err("invalid end ID for the interval")),
    }
}

fn range(call: &mut Call<'_>, reverse: bool) -> Answer {
    let (low, high) = if reverse { (3, 2) } else { (2, 3) };
    let (low, high) = (bound(call.arg(low), true)?, bound(call.arg(high), false)?);
    let mut most = usize::MAX;
    let mut at = 4;
    while at < call.count() {
        if !call.is(at, "count") || at + 1 >= call.count() {
            return Err(Fault::syntax());
        }
        most = call.int(at + 1)?.max(0) as usize;
        at += 2;
    }
    let Some(stream) = call.read::<Stream>(call.arg(1))? else {
        return Ok(Reply::Array(Vec::new()));
    };
    if most == 0 {
        return Ok(Reply::NullArray);
    }
    let found = stream.range(low, high);
    Ok(Reply::Array(match reverse {
        true => found.rev().take(most).map(entry_reply).collect(),
        false => found.take(most).map(entry_reply).collect(),
    }))
}

fn new_id(text: &[u8]) -> Result<NewId, Fault> {
    if let Some(ms) = text.strip_suffix(b"-*") {
        let id = StreamId::parse(ms, 0)
            .filter(|_| !ms.contains(&b'-'))
            .ok_or_else(invalid_id)?;
        return Ok(NewId::AutoSeq(id.ms));
    }
    StreamId::parse(text, 0).map(NewId::Given).ok_or_else(invalid_id)
}

fn next_id(last: StreamId, wanted: NewId, now: u64) -> Result<StreamId, Fault> {
    let too_small = || Fault::err("The ID specified in XADD is equal or smaller than the target stream top item");
    let exhausted = || Fault::err("The stream has exhausted the last possible ID, unable to add more items");
    if last == StreamId::MAX {
        return Err(exhausted());
    }
    match wanted {
        NewId::Auto if now > last.ms => Ok(StreamId { ms: now, seq: 0 }),
        NewId::Auto => last.next().ok_or_else(exhausted),
        NewId::AutoSeq(ms) if ms > last.ms => Ok(StreamId { ms, seq: 0 }),
        NewId::AutoSeq(ms) if ms == last.ms && last.seq < u64::MAX => Ok(StreamId { ms, seq: last.seq + 1 }),
        NewId::AutoSeq(_) => Err(too_small()),
        NewId::Given(id) if id > last => Ok(id),
        NewId::Given(_) => Err(too_small()),
    }
}

fn wrong_arity(call: &Call<'_>) -> Fault {
    let name = String::from_utf8_lossy(&call.word(0)).into_owned();
    Fault::err(format!("wrong number of arguments for '{name}' command"))
}

// === impl TrimOptions ===

impl TrimOptions {
    /// From the word that names the strategy; what follows it comes too.
    fn read(call: &Call<'_>, mut at: usize) -> Result<(Self, usize), Fault> {
        let by_length = match call.word(at).as_slice() {
            b"maxlen" => true,
            b"minid" => false,
            b"limit" => {
                return Err(Fault::err(
                    "syntax error, LIMIT cannot be used without specifying a trimming strategy",
                ));
            }
            _ => return Err(Fault::syntax()),
        };
        at += 1;
        let approximate = call.arg(at) == b"~";
        if approximate || (call.arg(at) == b"=" && at + 1 < call.count()) {
            at += 1;
        }
        let trim = match by_length {
            true => {
                let length = usize::try_from(call.int(at)?);
                Trim::Length(length.map_err(|_| Fault::err("The MAXLEN argument must be >= 0."))?)
            }
            false => Trim::Below(StreamId::parse(call.arg(at), 0).ok_or_else(invalid_id)?),
        };
        at += 1;
        let mut limit = if approximate { 100 * NODE } else { usize::MAX };
        if call.is(at, "limit") && at + 1 < call.count() {
            if !approximate {
                return Err(Fault::err(
                    "syntax error, LIMIT cannot be used without the special ~ option",
                ));
            }
            let given = usize::try_from(call.int(at + 1)?);
            limit = given.map_err(|_| Fault::err("The LIMIT argument must be >= 0."))?;
            limit = if limit == 0 { usize::MAX } else { limit };
            at += 2;
        }
        Ok((
            Self {
                trim,
                approximate,
                limit,
            },
            at,
        ))
    }

    fn apply(&self, stream: &mut Stream) -> usize {
        let round = |excess: usize| if self.approximate { excess / NODE * NODE } else { excess };
        match self.trim {
            Trim::Length(most) => {
                let excess = round(stream.len().saturating_sub(most).min(self.limit));
                stream.trim_to(stream.len() - excess, self.limit)
            }
            Trim::Below(lowest) => {
                let excess = lowest
                    .previous()
                    .map_or(0, |last| stream.range(StreamId::MIN, last).count());
                stream.trim_below(lowest, round(excess.min(self.limit)))
            }
        }
    }
}
