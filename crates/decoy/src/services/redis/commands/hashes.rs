//! Hashes.

use super::call::Call;
use crate::services::redis::longdouble::LongDouble;
use crate::services::redis::number;
use crate::services::redis::reply::{Answer, Bytes, Fault, OK, Reply};
use crate::services::redis::value::{Hash, Value};

pub(super) fn hset(call: &mut Call<'_>) -> Answer {
    let added = set_fields(call)?;
    Ok(Reply::int(added))
}

pub(super) fn hmset(call: &mut Call<'_>) -> Answer {
    set_fields(call)?;
    Ok(OK)
}

pub(super) fn hsetnx(call: &mut Call<'_>) -> Answer {
    let (key, field) = (call.arg(1), call.arg(2));
    if call.edit::<Hash>(key)?.is_some_and(|hash| hash.get(field).is_some()) {
        return Ok(Reply::Int(0));
    }
    put(call, key, field, call.arg(3))?;
    call.changed('h', "hset", key);
    Ok(Reply::Int(1))
}

pub(super) fn hget(call: &mut Call<'_>) -> Answer {
    let field = call.arg(2);
    Ok(Reply::maybe(
        call.read::<Hash>(call.arg(1))?.and_then(|hash| hash.get(field)),
    ))
}

pub(super) fn hmget(call: &mut Call<'_>) -> Answer {
    let fields = &call.args[2..];
    let hash = call.read::<Hash>(call.arg(1))?;
    Ok(Reply::Array(
        fields
            .iter()
            .map(|field| Reply::maybe(hash.and_then(|hash| hash.get(field))))
            .collect(),
    ))
}

pub(super) fn hdel(call: &mut Call<'_>) -> Answer {
    let (key, fields) = (call.arg(1), &call.args[2..]);
    let Some(hash) = call.edit::<Hash>(key)? else {
        return Ok(Reply::Int(0));
    };
    let removed = fields.iter().filter(|field| hash.remove(field).is_some()).count();
    if removed > 0 {
        call.changed('h', "hdel", key);
        call.drop_if_empty(key);
    }
    Ok(Reply::int(removed))
}

pub(super) fn hlen(call: &mut Call<'_>) -> Answer {
    Ok(Reply::int(call.read::<Hash>(call.arg(1))?.map_or(0, Hash::len)))
}

pub(super) fn hstrlen(call: &mut Call<'_>) -> Answer {
    let field = call.arg(2);
    let value = call.read::<Hash>(call.arg(1))?.and_then(|hash| hash.get(field));
    Ok(Reply::int(value.map_or(0, Vec::len)))
}

pub(super) fn hexists(call: &mut Call<'_>) -> Answer {
    let field = call.arg(2);
    let there = call
        .read::<Hash>(call.arg(1))?
        .is_some_and(|hash| hash.get(field).is_some());
    Ok(Reply::Int(there.into()))
}

pub(super) fn hgetall(call: &mut Call<'_>) -> Answer {
    let hash = call.read::<Hash>(call.arg(1))?;
    let pairs = hash
        .into_iter()
        .flat_map(Hash::iter)
        .flat_map(|(field, value)| [Reply::bulk(field), Reply::bulk(value)]);
    Ok(Reply::Map(pairs.collect()))
}

pub(super) fn hkeys(call: &mut Call<'_>) -> Answer {
    let hash = call.read::<Hash>(call.arg(1))?;
    Ok(Reply::Array(
        hash.into_iter()
            .flat_map(Hash::iter)
            .map(|(field, _)| Reply::bulk(field))
            .collect(),
    ))
}

pub(super) fn hvals(call: &mut Call<'_>) -> Answer {
    let hash = call.read::<Hash>(call.arg(1))?;
    Ok(Reply::Array(
        hash.into_iter()
            .flat_map(Hash::iter)
            .map(|(_, value)| Reply::bulk(value))
            .collect(),
    ))
}

pub(super) fn hincrby(call: &mut Call<'_>) -> Answer {
    let by = call.int(3)?;
    let (key, field) = (call.arg(1), call.arg(2));
    let old = match call.edit::<Hash>(key)?.and_then(|hash| hash.get(field)) {
        None => 0,
        Some(value) => number::integer(value).ok_or_else(|| Fault::err("hash value is not an integer"))?,
    };
    let sum = old
        .checked_add(by)
        .ok_or_else(|| Fault::err("increment or decrement would overflow"))?;
    put(call, key, field, sum.to_string().as_bytes())?;
    call.changed('h', "hincrby", key);
    Ok(Reply::Int(sum))
}

pub(super) fn hincrbyfloat(call: &mut Call<'_>) -> Answer {
    let by = LongDouble::parse(call.arg(3)).ok_or_else(|| Fault::err("value is not a valid float"))?;
    if !by.is_finite() {
        return Err(Fault::err("value is NaN or Infinity"));
    }
    let (key, field) = (call.arg(1), call.arg(2));
    let old = match call.edit::<Hash>(key)?.and_then(|hash| hash.get(field)) {
        None => LongDouble::ZERO,
        Some(value) => LongDouble::parse(value).ok_or_else(|| Fault::err("hash value is not a float"))?,
    };
    let sum = old
        .plus(by)
        .ok_or_else(|| Fault::err("increment would produce NaN or Infinity"))?;
    let shown = sum.to_string();
    put(call, key, field, shown.as_bytes())?;
    call.changed('h', "hincrbyfloat", key);
    Ok(Reply::bulk(shown))
}

pub(super) fn hrandfield(call: &mut Call<'_>) -> Answer {
    let key = call.arg(1);
    let mut random = call.random_source();
    if call.count() == 2 {
        let field = call.read::<Hash>(key)?.and_then(|hash| hash.pick(&mut random));
        return Ok(Reply::maybe(field.map(|(field, _)| field)));
    }
    let count = call.int(2)?;
    let with_values = match call.count() {
        3 => false,
        4 if call.is(3, "withvalues") => true,
        _ => return Err(Fault::syntax()),
    };
    if with_values && !(-(i64::MAX / 2)..=i64::MAX / 2).contains(&count) || count == i64::MIN {
        return Err(Fault::err("value is out of range"));
    }
    let nested = call.client()?.resp == 3;
    let Some(hash) = call.read::<Hash>(key)?.filter(|_| count != 0) else {
        return Ok(Reply::Array(Vec::new()));
    };
    let pairs: Vec<(Bytes, Bytes)> = hash
        .iter()
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect();
    let picked = pick_many(pairs, count, &mut random);
    Ok(pairs_reply(
        picked.into_iter().map(|(field, value)| (field, Reply::Bulk(value))),
        with_values,
        nested,
    ))
}

/// As many as asked for: each once, or with a negative count any number of times.
pub(super) fn pick_many<T: Clone>(mut from: Vec<T>, count: i64, mut random: impl FnMut() -> u64) -> Vec<T> {
    if count < 0 {
        let most = (count.unsigned_abs() as usize).min(RANDOM_MAX);
        return (0..most)
            .map(|_| from[random() as usize % from.len()].clone())
            .collect();
    }
    let count = (count as usize).min(from.len());
    if count < from.len() {
        for at in 0..count {
            let other = at + random() as usize % (from.len() - at);
            from.swap(at, other);
        }
    }
    from.truncate(count);
    from
}

/// Repetitions one answer may hold.
const RANDOM_MAX: usize = 1 << 20;

/// Names, or names with what belongs to them: in RESP3 as pairs.
pub(super) fn pairs_reply(pairs: impl Iterator<Item = (Bytes, Reply)>, with_values: bool, nested: bool) -> Reply {
    let shown = pairs.flat_map(|(name, value)| match (with_values, nested) {
        (false, _) => vec![Reply::Bulk(name)],
        (true, false) => vec![Reply::Bulk(name), value],
        (true, true) => vec![Reply::Array(vec![Reply::Bulk(name), value])],
    });
    Reply::Array(shown.collect())
}

fn set_fields(call: &mut Call<'_>) -> Result<usize, Fault> {
    if call.count() % 2 == 1 {
        let name = String::from_utf8_lossy(&call.word(0)).into_owned();
        return Err(Fault::err(format!("wrong number of arguments for '{name}' command")));
    }
    let key = call.arg(1);
    call.edit::<Hash>(key)?;
    let mut added = 0;
    for pair in call.args[2..].chunks(2) {
        added += usize::from(put(call, key, &pair[0], &pair[1])?);
    }
    call.changed('h', "hset", key);
    Ok(added)
}

fn put(call: &mut Call<'_>, key: &[u8], field: &[u8], value: &[u8]) -> Result<bool, Fault> {
    let (small, seed) = (call.small("hash"), call.random());
    let hash = call.edit_or::<Hash>(key, |_| Value::Hash(Hash::new()))?;
    Ok(hash.set(field.to_vec(), value.to_vec(), small, seed))
}
