//! Sorted sets: members and scores.

use super::call::Call;
use super::hashes::{pairs_reply, pick_many};
use super::lists::{counted, numbered_keys};
use crate::services::redis::number;
use crate::services::redis::reply::{Answer, Bytes, Fault, Reply};
use crate::services::redis::value::Value;
use crate::services::redis::zset::{Ranked, Zset};

#[derive(Default)]
struct AddOptions {
    only_new: bool,
    only_old: bool,
    greater: bool,
    less: bool,
    changed: bool,
    incr: bool,
}

pub(super) fn zadd(call: &mut Call<'_>) -> Answer {
    let mut options = AddOptions::default();
    let mut at = 2;
    while at < call.count() && options.take(&call.word(at)) {
        at += 1;
    }
    add(call, at, &options)
}

pub(super) fn zincrby(call: &mut Call<'_>) -> Answer {
    add(
        call,
        2,
        &AddOptions {
            incr: true,
            ..AddOptions::default()
        },
    )
}

pub(super) fn zrem(call: &mut Call<'_>) -> Answer {
    let (key, members) = (call.arg(1), &call.args[2..]);
    let Some(zset) = call.edit::<Zset>(key)? else {
        return Ok(Reply::Int(0));
    };
    let removed = members.iter().filter(|member| zset.remove(member).is_some()).count();
    if removed > 0 {
        call.changed('z', "zrem", key);
        call.drop_if_empty(key);
    }
    Ok(Reply::int(removed))
}

pub(super) fn zcard(call: &mut Call<'_>) -> Answer {
    Ok(Reply::int(call.read::<Zset>(call.arg(1))?.map_or(0, Zset::len)))
}

pub(super) fn zscore(call: &mut Call<'_>) -> Answer {
    let member = call.arg(2);
    let score = call.read::<Zset>(call.arg(1))?.and_then(|zset| zset.score(member));
    Ok(score.map_or(Reply::Null, Reply::Double))
}

pub(super) fn zmscore(call: &mut Call<'_>) -> Answer {
    let members = &call.args[2..];
    let zset = call.read::<Zset>(call.arg(1))?;
    let score = |member: &Bytes| {
        zset.and_then(|zset| zset.score(member))
            .map_or(Reply::Null, Reply::Double)
    };
    Ok(Reply::Array(members.iter().map(score).collect()))
}

pub(super) fn zrank(call: &mut Call<'_>) -> Answer {
    rank(call, false)
}

pub(super) fn zrevrank(call: &mut Call<'_>) -> Answer {
    rank(call, true)
}

pub(super) fn zpopmin(call: &mut Call<'_>) -> Answer {
    pop(call, false)
}

pub(super) fn zpopmax(call: &mut Call<'_>) -> Answer {
    pop(call, true)
}

pub(super) fn bzpopmin(call: &mut Call<'_>) -> Answer {
    pop_or_wait(call, false)
}

pub(super) fn bzpopmax(call: &mut Call<'_>) -> Answer {
    pop_or_wait(call, true)
}

pub(super) fn zmpop(call: &mut Call<'_>) -> Answer {
    pop_many(call, 1)
}

pub(super) fn bzmpop(call: &mut Call<'_>) -> Answer {
    let until = call.deadline(1)?;
    let reply = pop_many(call, 2)?;
    if reply != Reply::NullArray {
        return Ok(reply);
    }
    let keys = numbered_keys(call, 2)?.to_vec();
    call.wait(keys, until, call.args.to_vec(), Reply::NullArray)
}

pub(super) fn zrandmember(call: &mut Call<'_>) -> Answer {
    let key = call.arg(1);
    let mut random = call.random_source();
    if call.count() == 2 {
        let picked = call.read::<Zset>(key)?.and_then(|zset| zset.pick(&mut random));
        return Ok(Reply::maybe(picked.map(|(member, _)| member)));
    }
    let count = call.int(2)?;
    let with_scores = match call.count() {
        3 => false,
        4 if call.is(3, "withscores") => true,
        _ => return Err(Fault::syntax()),
    };
    if with_scores && !(-(i64::MAX / 2)..=i64::MAX / 2).contains(&count) || count == i64::MIN {
        return Err(Fault::err("value is out of range"));
    }
    let nested = call.client()?.resp == 3;
    let Some(zset) = call.read::<Zset>(key)?.filter(|_| count != 0) else {
        return Ok(Reply::Array(Vec::new()));
    };
    let picked = pick_many(zset.iter().cloned().collect(), count, random);
    Ok(scored_reply(picked.into_iter(), with_scores, nested))
}

/// Members, or members with scores: in RESP3 as pairs.
pub(super) fn scored_reply(ranked: impl Iterator<Item = Ranked>, with_scores: bool, nested: bool) -> Reply {
    pairs_reply(
        ranked.map(|ranked| (ranked.member, Reply::Double(ranked.score))),
        with_scores,
        nested,
    )
}

/// Where the scores and members begin, and how they are taken.
fn add(call: &mut Call<'_>, from: usize, options: &AddOptions) -> Answer {
    let pairs = &call.args[from..];
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(Fault::syntax());
    }
    options.check(pairs.len() / 2)?;
    let scores = pairs.iter().step_by(2).map(|score| number::float(score));
    let scores: Option<Vec<f64>> = scores.collect();
    let scores = scores.ok_or_else(|| Fault::err("value is not a valid float"))?;
    let key = call.arg(1);
    let there = call.edit::<Zset>(key)?.is_some();
    if !there && options.only_old {
        return Ok(if options.incr { Reply::Null } else { Reply::Int(0) });
    }
    let small = call.small("zset");
    let zset = call.edit_or::<Zset>(key, |seed| Value::Zset(Zset::new(seed)))?;
    let (mut added, mut updated, mut last) = (0, 0, None);
    let mut fault = None;
    for (score, member) in scores.into_iter().zip(pairs.iter().skip(1).step_by(2)) {
        let old = zset.score(member);
        let score = if options.incr {
            old.unwrap_or(0.0) + score
        } else {
            score
        };
        if score.is_nan() {
            fault = Some(Fault::err("resulting score is not a number (NaN)"));
            break;
        }
        if !options.allow(old, score) {
            last = None;
            continue;
        }
        last = Some(score);
        match old {
            None => added += 1,
            Some(old) if old != score => updated += 1,
            Some(_) => continue,
        }
        zset.insert(member.clone(), score, small);
    }
    if added + updated > 0 {
        call.changed('z', if options.incr { "zincr" } else { "zadd" }, key);
    }
    let db = call.db_at();
    if call.server.dbs[db].get(key).is_some_and(|item| item.value.is_empty()) {
        call.db().remove(key);
    }
    match fault {
        Some(fault) => Err(fault),
        None if options.incr => Ok(last.map_or(Reply::Null, Reply::Double)),
        None if options.changed => Ok(Reply::int(added + updated)),
        None => Ok(Reply::int(added)),
    }
}

// === impl AddOptions ===

impl AddOptions {
    /// False at the first word that is none of them.
    fn take(&mut self, word: &[u8]) -> bool {
        match word {
            b"nx" => self.only_new = true,
            b"xx" => self.only_old = true,
            b"gt" => self.greater = true,
            b"lt" => self.less = true,
            b"ch" => self.changed = true,
            b"incr" => self.incr = true,
            _ => return false,
        }
        true
    }

    fn check(&self, pairs: usize) -> Result<(), Fault> {
        if self.only_new && self.only_old {
            return Err(Fault::err("XX and NX options at the same time are not compatible"));
        }
        if (self.greater && self.less) || (self.only_new && (self.greater || self.less)) {
            return Err(Fault::err(
                "GT, LT, and/or NX options at the same time are not compatible",
            ));
        }
        if self.incr && pairs > 1 {
            return Err(Fault::err("INCR option supports a single increment-element pair"));
        }
        Ok(())
    }

    fn allow(&self, old: Option<f64>, score: f64) -> bool {
        match old {
            None => !self.only_old,
            Some(old) => !self.only_new && (!self.greater || score > old) && (!self.less || score < old),
        }
    }
}

fn rank(call: &mut Call<'_>, reverse: bool) -> Answer {
    let member = call.arg(2);
    let Some(zset) = call.read::<Zset>(call.arg(1))? else {
        return Ok(Reply::Null);
    };
    let rank = zset
        .rank(member)
        .map(|rank| if reverse { zset.len() - 1 - rank } else { rank });
    Ok(rank.map_or(Reply::Null, Reply::int))
}

fn take(zset: &mut Zset, highest: bool, count: usize) -> Vec<Ranked> {
    let gone: Vec<Ranked> = match highest {
        true => zset.iter().rev().take(count).cloned().collect(),
        false => zset.iter().take(count).cloned().collect(),
    };
    for ranked in &gone {
        zset.remove(&ranked.member);
    }
    gone
}

fn pop(call: &mut Call<'_>, highest: bool) -> Answer {
    if call.count() > 3 {
        return Err(Fault::syntax());
    }
    let counted = call.count() == 3;
    let count = if counted { call.positive(2)? } else { 1 };
    let nested = counted && call.client()?.resp == 3;
    let key = call.arg(1);
    let Some(zset) = call.edit::<Zset>(key)? else {
        return Ok(Reply::Array(Vec::new()));
    };
    let gone = take(zset, highest, count);
    if !gone.is_empty() {
        call.changed('z', if highest { "zpopmax" } else { "zpopmin" }, key);
        call.drop_if_empty(key);
    }
    Ok(scored_reply(gone.into_iter(), true, nested))
}

fn pop_or_wait(call: &mut Call<'_>, highest: bool) -> Answer {
    let last = call.count() - 1;
    let until = call.deadline(last)?;
    let keys = &call.args[1..last];
    for key in keys {
        let Some(ranked) = call.edit::<Zset>(key)?.and_then(|zset| take(zset, highest, 1).pop()) else {
            continue;
        };
        call.changed('z', if highest { "zpopmax" } else { "zpopmin" }, key);
        call.drop_if_empty(key);
        return Ok(Reply::Array(vec![
            Reply::bulk(key),
            Reply::Bulk(ranked.member),
            Reply::Double(ranked.score),
        ]));
    }
    call.wait(keys.to_vec(), until, call.args.to_vec(), Reply::NullArray)
}

fn pop_many(call: &mut Call<'_>, at: usize) -> Answer {
    let keys = numbered_keys(call, at)?;
    let after = at + 1 + keys.len();
    let highest = match call.word(after).as_slice() {
        b"min" => false,
        b"max" => true,
        _ => return Err(Fault::syntax()),
    };
    let count = counted(call, after + 1)?;
    for key in keys {
        let Some(zset) = call.edit::<Zset>(key)? else {
            continue;
        };
        let gone = take(zset, highest, count);
        call.changed('z', if highest { "zpopmax" } else { "zpopmin" }, key);
        call.drop_if_empty(key);
        let pairs = gone
            .into_iter()
            .map(|r| Reply::Array(vec![Reply::Bulk(r.member), Reply::Double(r.score)]));
        return Ok(Reply::Array(vec![Reply::bulk(key), Reply::Array(pairs.collect())]));
    }
    Ok(Reply::NullArray)
}
