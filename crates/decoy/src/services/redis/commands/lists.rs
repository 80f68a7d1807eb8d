//! Lists, and waiting for them to fill.

use super::call::{Call, clip};
use crate::services::redis::number;
use crate::services::redis::reply::{Answer, Bytes, Fault, OK, Reply};
use crate::services::redis::value::{List, Value};

pub(super) fn lpush(call: &mut Call<'_>) -> Answer {
    push(call, true, false)
}

pub(super) fn rpush(call: &mut Call<'_>) -> Answer {
    push(call, false, false)
}

pub(super) fn lpushx(call: &mut Call<'_>) -> Answer {
    push(call, true, true)
}

pub(super) fn rpushx(call: &mut Call<'_>) -> Answer {
    push(call, false, true)
}

pub(super) fn lpop(call: &mut Call<'_>) -> Answer {
    pop(call, true)
}

pub(super) fn rpop(call: &mut Call<'_>) -> Answer {
    pop(call, false)
}

pub(super) fn llen(call: &mut Call<'_>) -> Answer {
    Ok(Reply::int(call.read::<List>(call.arg(1))?.map_or(0, List::len)))
}

pub(super) fn lindex(call: &mut Call<'_>) -> Answer {
    let (key, at) = (call.arg(1), number::integer(call.arg(2)));
    let Some(list) = call.read::<List>(key)? else {
        return Ok(Reply::Null);
    };
    let at = at.ok_or_else(Fault::not_an_integer)?;
    Ok(Reply::maybe(place(list, at).and_then(|at| list.get(at))))
}

pub(super) fn lset(call: &mut Call<'_>) -> Answer {
    let (key, at) = (call.arg(1), number::integer(call.arg(2)));
    let list = call.edit::<List>(key)?.ok_or_else(|| Fault::err("no such key"))?;
    let at = at.ok_or_else(Fault::not_an_integer)?;
    let at = place(list, at).ok_or_else(|| Fault::err("index out of range"))?;
    let item = call.arg(3).to_vec();
    if let Some(list) = call.edit::<List>(key)? {
        list.set(at, item);
    }
    call.changed('l', "lset", key);
    Ok(OK)
}

pub(super) fn linsert(call: &mut Call<'_>) -> Answer {
    let after = match call.word(2).as_slice() {
        b"after" => true,
        b"before" => false,
        _ => return Err(Fault::syntax()),
    };
    let (key, pivot, item) = (call.arg(1), call.arg(3), call.arg(4));
    let Some(list) = call.edit::<List>(key)? else {
        return Ok(Reply::Int(0));
    };
    let Some(at) = list.iter().position(|held| held == pivot) else {
        return Ok(Reply::Int(-1));
    };
    list.insert(at + usize::from(after), item.to_vec());
    let len = list.len();
    call.changed('l', "linsert", key);
    Ok(Reply::int(len))
}

pub(super) fn lrange(call: &mut Call<'_>) -> Answer {
    let (start, stop) = (call.int(2)?, call.int(3)?);
    let Some(list) = call.read::<List>(call.arg(1))? else {
        return Ok(Reply::Array(Vec::new()));
    };
    let range = clip(start, stop, list.len()).unwrap_or(0..0);
    Ok(Reply::Array(
        list.iter()
            .skip(range.start)
            .take(range.len())
            .map(Reply::bulk)
            .collect(),
    ))
}

pub(super) fn ltrim(call: &mut Call<'_>) -> Answer {
    let (start, stop) = (call.int(2)?, call.int(3)?);
    let key = call.arg(1);
    let Some(list) = call.edit::<List>(key)? else {
        return Ok(OK);
    };
    list.trim(clip(start, stop, list.len()).unwrap_or(0..0));
    call.changed('l', "ltrim", key);
    call.drop_if_empty(key);
    Ok(OK)
}

pub(super) fn lrem(call: &mut Call<'_>) -> Answer {
    let count = call.int(2)?;
    let (key, item) = (call.arg(1), call.arg(3));
    let Some(list) = call.edit::<List>(key)? else {
        return Ok(Reply::Int(0));
    };
    let limit = if count == 0 {
        usize::MAX
    } else {
        count.unsigned_abs() as usize
    };
    let removed = list.remove(item, limit, count < 0);
    if removed > 0 {
        call.changed('l', "lrem", key);
        call.drop_if_empty(key);
    }
    Ok(Reply::int(removed))
}

pub(super) fn lpos(call: &mut Call<'_>) -> Answer {
    let (mut rank, mut count, mut most) = (1, None, 0);
    if call.count().is_multiple_of(2) {
        return Err(Fault::syntax());
    }
    for at in (3..call.count()).step_by(2) {
        match call.word(at).as_slice() {
            b"rank" => {
                rank = call.int(at + 1).map_err(|_| Fault::not_an_integer())?;
                if rank == 0 {
                    return Err(Fault::err(
                        "RANK can't be zero: use 1 to start from the first match, 2 from the second ... \
                         or use negative to start from the end of the list",
                    ));
                }
                if rank == i64::MIN {
                    return Err(Fault::err("value is out of range"));
                }
            }
            b"count" => {
                count = Some(usize::try_from(call.int(at + 1)?).map_err(|_| Fault::err("COUNT can't be negative"))?)
            }
            b"maxlen" => {
                most = usize::try_from(call.int(at + 1)?).map_err(|_| Fault::err("MAXLEN can't be negative"))?
            }
            _ => return Err(Fault::syntax()),
        }
    }
    let item = call.arg(2);
    let Some(list) = call.read::<List>(call.arg(1))? else {
        return Ok(if count.is_some() {
            Reply::Array(Vec::new())
        } else {
            Reply::Null
        });
    };
    let most = if most == 0 { list.len() } else { most };
    let len = list.len();
    let seen: Box<dyn Iterator<Item = (usize, &Bytes)>> = match rank > 0 {
        true => Box::new(list.iter().enumerate()),
        false => Box::new(list.iter().rev().enumerate().map(|(at, held)| (len - 1 - at, held))),
    };
    let found = seen
        .take(most)
        .filter(|(_, held)| *held == item)
        .map(|(at, _)| Reply::int(at));
    let mut found = found.skip(rank.unsigned_abs() as usize - 1);
    Ok(match count {
        None => found.next().unwrap_or(Reply::Null),
        Some(0) => Reply::Array(found.collect()),
        Some(count) => Reply::Array(found.take(count).collect()),
    })
}

pub(super) fn rpoplpush(call: &mut Call<'_>) -> Answer {
    shift(call, false, true)
}

pub(super) fn lmove(call: &mut Call<'_>) -> Answer {
    let (from, to) = (side(call, 3)?, side(call, 4)?);
    shift(call, from, to)
}

pub(super) fn brpoplpush(call: &mut Call<'_>) -> Answer {
    let until = call.deadline(3)?;
    shift_or_wait(call, false, true, until)
}

pub(super) fn blmove(call: &mut Call<'_>) -> Answer {
    let (from, to) = (side(call, 3)?, side(call, 4)?);
    let until = call.deadline(5)?;
    shift_or_wait(call, from, to, until)
}

pub(super) fn blpop(call: &mut Call<'_>) -> Answer {
    pop_or_wait(call, true)
}

pub(super) fn brpop(call: &mut Call<'_>) -> Answer {
    pop_or_wait(call, false)
}

pub(super) fn lmpop(call: &mut Call<'_>) -> Answer {
    pop_many(call, 1)
}

pub(super) fn blmpop(call: &mut Call<'_>) -> Answer {
    let until = call.deadline(1)?;
    let reply = pop_many(call, 2)?;
    if reply != Reply::NullArray {
        return Ok(reply);
    }
    let keys = numbered_keys(call, 2)?.to_vec();
    call.wait(keys, until, call.args.to_vec(), Reply::NullArray)
}

/// The keys after an argument that says how many there are.
pub(super) fn numbered_keys<'a>(call: &Call<'a>, at: usize) -> Result<&'a [Bytes], Fault> {
    let wrong = || Fault::err("numkeys should be greater than 0");
    let count = number::integer(call.arg(at)).filter(|n| *n > 0).ok_or_else(wrong)? as usize;
    call.args
        .get(at + 1..)
        .and_then(|rest| rest.get(..count))
        .ok_or_else(Fault::syntax)
}

fn push(call: &mut Call<'_>, left: bool, only_old: bool) -> Answer {
    let key = call.arg(1);
    if only_old && call.edit::<List>(key)?.is_none() {
        return Ok(Reply::Int(0));
    }
    let items = &call.args[2..];
    let list = call.edit_or::<List>(key, |_| Value::List(List::default()))?;
    items.iter().for_each(|item| list.push(left, item.clone()));
    let len = list.len();
    call.changed('l', if left { "lpush" } else { "rpush" }, key);
    Ok(Reply::int(len))
}

fn pop(call: &mut Call<'_>, left: bool) -> Answer {
    if call.count() > 3 {
        let name = String::from_utf8_lossy(&call.word(0)).into_owned();
        return Err(Fault::err(format!("wrong number of arguments for '{name}' command")));
    }
    let counted = call.count() == 3;
    let count = if counted { call.positive(2)? } else { 1 };
    let key = call.arg(1);
    let Some(list) = call.edit::<List>(key)? else {
        return Ok(if counted { Reply::NullArray } else { Reply::Null });
    };
    let items: Vec<Bytes> = (0..count.min(list.len())).filter_map(|_| list.pop(left)).collect();
    if !items.is_empty() {
        call.changed('l', if left { "lpop" } else { "rpop" }, key);
        call.drop_if_empty(key);
    }
    Ok(match counted {
        true => Reply::Array(items.into_iter().map(Reply::Bulk).collect()),
        false => items.into_iter().next().map_or(Reply::Null, Reply::Bulk),
    })
}

fn shift(call: &mut Call<'_>, from_left: bool, to_left: bool) -> Answer {
    let (from, to) = (call.arg(1), call.arg(2));
    if call.edit::<List>(from)?.is_none() {
        return Ok(Reply::Null);
    }
    call.edit::<List>(to)?;
    let Some(item) = call.edit::<List>(from)?.and_then(|list| list.pop(from_left)) else {
        return Ok(Reply::Null);
    };
    let list = call.edit_or::<List>(to, |_| Value::List(List::default()))?;
    list.push(to_left, item.clone());
    call.changed('l', if to_left { "lpush" } else { "rpush" }, to);
    call.changed('l', if from_left { "lpop" } else { "rpop" }, from);
    call.drop_if_empty(from);
    Ok(Reply::Bulk(item))
}

fn shift_or_wait(call: &mut Call<'_>, from_left: bool, to_left: bool, until: Option<i64>) -> Answer {
    let reply = shift(call, from_left, to_left)?;
    if reply != Reply::Null {
        return Ok(reply);
    }
    call.wait(vec![call.arg(1).to_vec()], until, call.args.to_vec(), Reply::NullArray)
}

fn pop_or_wait(call: &mut Call<'_>, left: bool) -> Answer {
    let last = call.count() - 1;
    let until = call.deadline(last)?;
    let keys = &call.args[1..last];
    for key in keys {
        let Some(item) = call.edit::<List>(key)?.and_then(|list| list.pop(left)) else {
            continue;
        };
        call.changed('l', if left { "lpop" } else { "rpop" }, key);
        call.drop_if_empty(key);
        return Ok(Reply::Array(vec![Reply::bulk(key), Reply::Bulk(item)]));
    }
    call.wait(keys.to_vec(), until, call.args.to_vec(), Reply::NullArray)
}

fn pop_many(call: &mut Call<'_>, at: usize) -> Answer {
    let keys = numbered_keys(call, at)?;
    let after = at + 1 + keys.len();
    if after >= call.count() {
        return Err(Fault::syntax());
    }
    let left = side(call, after)?;
    let count = counted(call, after + 1)?;
    for key in keys {
        let Some(list) = call.edit::<List>(key)? else {
            continue;
        };
        let items: Vec<Reply> = (0..count.min(list.len()))
            .filter_map(|_| list.pop(left))
            .map(Reply::Bulk)
            .collect();
        call.changed('l', if left { "lpop" } else { "rpop" }, key);
        call.drop_if_empty(key);
        return Ok(Reply::Array(vec![Reply::bulk(key), Reply::Array(items)]));
    }
    Ok(Reply::NullArray)
}

/// `COUNT n` at the end; 1 without it.
pub(super) fn counted(call: &Call<'_>, at: usize) -> Result<usize, Fault> {
    if at == call.count() {
        return Ok(1);
    }
    if at + 2 != call.count() || !call.is(at, "count") {
        return Err(Fault::syntax());
    }
    let count = number::integer(call.arg(at + 1)).filter(|n| *n > 0);
    count
        .map(|n| n as usize)
        .ok_or_else(|| Fault::err("count should be greater than 0"))
}

fn side(call: &Call<'_>, at: usize) -> Result<bool, Fault> {
    match call.word(at).as_slice() {
        b"left" => Ok(true),
        b"right" => Ok(false),
        _ => Err(Fault::syntax()),
    }
}

fn place(list: &List, at: i64) -> Option<usize> {
    let at = if at < 0 { at.checked_add(list.len() as i64)? } else { at };
    usize::try_from(at).ok().filter(|at| *at < list.len())
}
