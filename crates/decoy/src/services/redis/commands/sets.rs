//! Sets and their algebra.

use super::call::Call;
use super::hashes::pick_many;
use crate::services::redis::number;
use crate::services::redis::reply::{Answer, Bytes, Fault, Reply};
use crate::services::redis::value::{Set, Value};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Algebra {
    Union,
    Inter,
    Diff,
}

pub(super) fn sadd(call: &mut Call<'_>) -> Answer {
    let key = call.arg(1);
    let (small, seed, members) = (call.small_set(), call.random(), &call.args[2..]);
    let set = call.edit_or::<Set>(key, |_| Value::Set(Set::new()))?;
    let added = members
        .iter()
        .filter(|member| set.add(member.to_vec(), small, seed))
        .count();
    if added > 0 {
        call.changed('s', "sadd", key);
    }
    Ok(Reply::int(added))
}

pub(super) fn srem(call: &mut Call<'_>) -> Answer {
    let (key, members) = (call.arg(1), &call.args[2..]);
    let Some(set) = call.edit::<Set>(key)? else {
        return Ok(Reply::Int(0));
    };
    let removed = members.iter().filter(|member| set.remove(member)).count();
    if removed > 0 {
        call.changed('s', "srem", key);
        call.drop_if_empty(key);
    }
    Ok(Reply::int(removed))
}

pub(super) fn smove(call: &mut Call<'_>) -> Answer {
    let (from, to, member) = (call.arg(1), call.arg(2), call.arg(3));
    let there = call.edit::<Set>(from)?.map(|set| set.contains(member));
    let Some(there) = there else {
        return Ok(Reply::Int(0));
    };
    call.edit::<Set>(to)?;
    if !there || from == to {
        return Ok(Reply::Int(there.into()));
    }
    if let Some(set) = call.edit::<Set>(from)? {
        set.remove(member);
    }
    call.changed('s', "srem", from);
    call.drop_if_empty(from);
    let (small, seed) = (call.small_set(), call.random());
    let set = call.edit_or::<Set>(to, |_| Value::Set(Set::new()))?;
    if set.add(member.to_vec(), small, seed) {
        call.changed('s', "sadd", to);
    }
    Ok(Reply::Int(1))
}

pub(super) fn sismember(call: &mut Call<'_>) -> Answer {
    let member = call.arg(2);
    Ok(Reply::Int(
        call.read::<Set>(call.arg(1))?
            .is_some_and(|set| set.contains(member))
            .into(),
    ))
}

pub(super) fn smismember(call: &mut Call<'_>) -> Answer {
    let members = &call.args[2..];
    let set = call.read::<Set>(call.arg(1))?;
    let there = members
        .iter()
        .map(|member| Reply::Int(set.is_some_and(|set| set.contains(member)).into()));
    Ok(Reply::Array(there.collect()))
}

pub(super) fn scard(call: &mut Call<'_>) -> Answer {
    Ok(Reply::int(call.read::<Set>(call.arg(1))?.map_or(0, Set::len)))
}

pub(super) fn smembers(call: &mut Call<'_>) -> Answer {
    let set = call.read::<Set>(call.arg(1))?;
    Ok(Reply::Set(
        set.into_iter().flat_map(Set::iter).map(Reply::Bulk).collect(),
    ))
}

pub(super) fn spop(call: &mut Call<'_>) -> Answer {
    let key = call.arg(1);
    let mut random = call.random_source();
    if call.count() == 2 {
        let Some(member) = call.edit::<Set>(key)?.and_then(|set| set.pick(&mut random)) else {
            return Ok(Reply::Null);
        };
        if let Some(set) = call.edit::<Set>(key)? {
            set.remove(&member);
        }
        call.changed('s', "spop", key);
        call.drop_if_empty(key);
        return Ok(Reply::Bulk(member));
    }
    if call.count() > 3 {
        return Err(Fault::syntax());
    }
    let count = call.positive(2)?;
    let Some(set) = call.edit::<Set>(key)?.filter(|_| count > 0) else {
        return Ok(Reply::Set(Vec::new()));
    };
    let gone = pick_many(set.iter().collect(), count.min(i64::MAX as usize) as i64, random);
    for member in &gone {
        set.remove(member);
    }
    call.changed('s', "spop", key);
    call.drop_if_empty(key);
    Ok(Reply::Set(gone.into_iter().map(Reply::Bulk).collect()))
}

pub(super) fn srandmember(call: &mut Call<'_>) -> Answer {
    let key = call.arg(1);
    let mut random = call.random_source();
    if call.count() == 2 {
        return Ok(Reply::maybe(
            call.read::<Set>(key)?.and_then(|set| set.pick(&mut random)),
        ));
    }
    if call.count() > 3 {
        return Err(Fault::syntax());
    }
    let count = call.int(2)?;
    if !(-(i64::MAX / 2)..=i64::MAX).contains(&count) {
        return Err(Fault::err("value is out of range"));
    }
    let Some(set) = call.read::<Set>(key)?.filter(|_| count != 0) else {
        return Ok(Reply::Array(Vec::new()));
    };
    Ok(Reply::Array(
        pick_many(set.iter().collect(), count, random)
            .into_iter()
            .map(Reply::Bulk)
            .collect(),
    ))
}

pub(super) fn sinter(call: &mut Call<'_>) -> Answer {
    shown(call, Algebra::Inter)
}

pub(super) fn sunion(call: &mut Call<'_>) -> Answer {
    shown(call, Algebra::Union)
}

pub(super) fn sdiff(call: &mut Call<'_>) -> Answer {
    shown(call, Algebra::Diff)
}

pub(super) fn sinterstore(call: &mut Call<'_>) -> Answer {
    stored(call, Algebra::Inter, "sinterstore")
}

pub(super) fn sunionstore(call: &mut Call<'_>) -> Answer {
    stored(call, Algebra::Union, "sunionstore")
}

pub(super) fn sdiffstore(call: &mut Call<'_>) -> Answer {
    stored(call, Algebra::Diff, "sdiffstore")
}

pub(super) fn sintercard(call: &mut Call<'_>) -> Answer {
    let (keys, limit) = card_arguments(call)?;
    let found = combined(call, keys, Algebra::Inter)?.len();
    Ok(Reply::int(if limit == 0 { found } else { found.min(limit) }))
}

/// Keys and LIMIT of SINTERCARD and ZINTERCARD.
pub(super) fn card_arguments<'a>(call: &Call<'a>) -> Result<(&'a [Bytes], usize), Fault> {
    let wrong = || Fault::err("numkeys should be greater than 0");
    let count = number::integer(call.arg(1)).filter(|n| *n > 0).ok_or_else(wrong)? as usize;
    let too_many = || Fault::err("Number of keys can't be greater than number of args");
    let keys = call
        .args
        .get(2..)
        .and_then(|rest| rest.get(..count))
        .ok_or_else(too_many)?;
    let mut limit = 0;
    let mut at = 2 + count;
    while at < call.count() {
        if !call.is(at, "limit") || at + 1 >= call.count() {
            return Err(Fault::syntax());
        }
        let given = number::integer(call.arg(at + 1)).and_then(|n| usize::try_from(n).ok());
        limit = given.ok_or_else(|| Fault::err("LIMIT can't be negative"))?;
        at += 2;
    }
    Ok((keys, limit))
}

fn shown(call: &mut Call<'_>, algebra: Algebra) -> Answer {
    let members = combined(call, &call.args[1..], algebra)?;
    Ok(Reply::Set(members.iter().map(Reply::Bulk).collect()))
}

fn stored(call: &mut Call<'_>, algebra: Algebra, event: &str) -> Answer {
    let to = call.arg(1);
    let set = combined(call, &call.args[2..], algebra)?;
    let len = set.len();
    if len == 0 {
        call.delete(to, "del");
    } else {
        call.put(to, Value::Set(set));
        call.changed('s', event, to);
    }
    Ok(Reply::int(len))
}

fn combined(call: &mut Call<'_>, keys: &[Bytes], algebra: Algebra) -> Result<Set, Fault> {
    let mut sets = Vec::with_capacity(keys.len());
    let mut missing = false;
    for key in keys {
        match call.read::<Set>(key)? {
            Some(set) => sets.push(set.clone()),
            None if algebra == Algebra::Inter => missing = true,
            None => sets.push(Set::new()),
        }
    }
    let (small, seed) = (call.small_set(), call.random());
    let mut result = Set::new();
    if missing {
        return Ok(result);
    }
    let members: Box<dyn Iterator<Item = Bytes> + '_> = match algebra {
        Algebra::Union => Box::new(sets.iter().flat_map(Set::iter)),
        Algebra::Inter => {
            sets.sort_by_key(Set::len);
            let (first, rest) = sets.split_at(1);
            Box::new(
                first[0]
                    .iter()
                    .filter(move |member| rest.iter().all(|set| set.contains(member))),
            )
        }
        Algebra::Diff => {
            let (first, rest) = sets.split_at(1);
            Box::new(
                first[0]
                    .iter()
                    .filter(move |member| !rest.iter().any(|set| set.contains(member))),
            )
        }
    };
    for member in members {
        result.add(member, small, seed);
    }
    Ok(result)
}
