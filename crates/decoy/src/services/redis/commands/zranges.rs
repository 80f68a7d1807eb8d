//! Sorted sets: ranges, and sets made of others.

use super::call::{Call, clip};
use super::sets::{Algebra, card_arguments};
use super::zsets::scored_reply;
use crate::services::redis::number;
use crate::services::redis::reply::{Answer, Bytes, Fault, Reply};
use crate::services::redis::value::{Set, Value};
use crate::services::redis::zset::{NameEnd, Ranked, ScoreEnd, Zset};

/// What a range is counted by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Name,
}

#[derive(Clone, Copy)]
struct Wanted {
    by: By,
    reverse: bool,
    with_scores: bool,
    /// How many to skip, and how many to show at most.
    limit: Option<(i64, i64)>,
}

pub(super) fn zrange(call: &mut Call<'_>) -> Answer {
    let wanted = Wanted::read(call, 4, None, None)?;
    show(call, 1, wanted)
}

pub(super) fn zrevrange(call: &mut Call<'_>) -> Answer {
    let wanted = Wanted::read(call, 4, Some(By::Rank), Some(true))?;
    show(call, 1, wanted)
}

pub(super) fn zrangebyscore(call: &mut Call<'_>) -> Answer {
    let wanted = Wanted::read(call, 4, Some(By::Score), Some(false))?;
    show(call, 1, wanted)
}

pub(super) fn zrevrangebyscore(call: &mut Call<'_>) -> Answer {
    let wanted = Wanted::read(call, 4, Some(By::Score), Some(true))?;
    show(call, 1, wanted)
}

pub(super) fn zrangebylex(call: &mut Call<'_>) -> Answer {
    let wanted = Wanted::read(call, 4, Some(By::Name), Some(false))?;
    show(call, 1, wanted)
}

pub(super) fn zrevrangebylex(call: &mut Call<'_>) -> Answer {
    let wanted = Wanted::read(call, 4, Some(By::Name), Some(true))?;
    show(call, 1, wanted)
}

pub(super) fn zrangestore(call: &mut Call<'_>) -> Answer {
    let wanted = Wanted::read(call, 5, None, None)?;
    if wanted.with_scores {
        return Err(Fault::syntax());
    }
    let found = pick(call, 2, wanted)?;
    store(call, found, "zrangestore")
}

pub(super) fn zcount(call: &mut Call<'_>) -> Answer {
    let wanted = Wanted {
        by: By::Score,
        reverse: false,
        with_scores: false,
        limit: None,
    };
    Ok(Reply::int(pick(call, 1, wanted)?.len()))
}

pub(super) fn zlexcount(call: &mut Call<'_>) -> Answer {
    let wanted = Wanted {
        by: By::Name,
        reverse: false,
        with_scores: false,
        limit: None,
    };
    Ok(Reply::int(pick(call, 1, wanted)?.len()))
}

pub(super) fn zremrangebyrank(call: &mut Call<'_>) -> Answer {
    remove(call, By::Rank, "zremrangebyrank")
}

pub(super) fn zremrangebyscore(call: &mut Call<'_>) -> Answer {
    remove(call, By::Score, "zremrangebyscore")
}

pub(super) fn zremrangebylex(call: &mut Call<'_>) -> Answer {
    remove(call, By::Name, "zremrangebylex")
}

pub(super) fn zunion(call: &mut Call<'_>) -> Answer {
    combine_shown(call, Algebra::Union)
}

pub(super) fn zinter(call: &mut Call<'_>) -> Answer {
    combine_shown(call, Algebra::Inter)
}

pub(super) fn zdiff(call: &mut Call<'_>) -> Answer {
    combine_shown(call, Algebra::Diff)
}

pub(super) fn zunionstore(call: &mut Call<'_>) -> Answer {
    let (found, _) = combine(call, 2, Algebra::Union, false)?;
    store(call, found, "zunionstore")
}

pub(super) fn zinterstore(call: &mut Call<'_>) -> Answer {
    let (found, _) = combine(call, 2, Algebra::Inter, false)?;
    store(call, found, "zinterstore")
}

pub(super) fn zdiffstore(call: &mut Call<'_>) -> Answer {
    let (found, _) = combine(call, 2, Algebra::Diff, false)?;
    store(call, found, "zdiffstore")
}

pub(super) fn zintercard(call: &mut Call<'_>) -> Answer {
    let (keys, limit) = card_arguments(call)?;
    let sets = keys
        .iter()
        .map(|key| scored(call, key))
        .collect::<Result<Vec<_>, _>>()?;
    let found = merge(sets, Algebra::Inter, &vec![1.0; keys.len()], Merge::Sum).len();
    Ok(Reply::int(if limit == 0 { found } else { found.min(limit) }))
}

// === impl Wanted ===

impl Wanted {
    /// The words after a range; what the command itself says is not to be said again.
    fn read(call: &Call<'_>, from: usize, by: Option<By>, reverse: Option<bool>) -> Result<Self, Fault> {
        let store = from == 5;
        let mut wanted = Self {
            by: by.unwrap_or(By::Rank),
            reverse: reverse.unwrap_or(false),
            with_scores: false,
            limit: None,
        };
        let mut at = from;
        while at < call.count() {
            match call.word(at).as_slice() {
                b"withscores" if !store => wanted.with_scores = true,
                b"limit" if at + 2 < call.count() => {
                    wanted.limit = Some((call.int(at + 1)?, call.int(at + 2)?));
                    at += 2;
                }
                b"rev" if reverse.is_none() => wanted.reverse = true,
                b"byscore" if by.is_none() => wanted.by = By::Score,
                b"bylex" if by.is_none() => wanted.by = By::Name,
                _ => return Err(Fault::syntax()),
            }
            at += 1;
        }
        if wanted.limit.is_some() && wanted.by == By::Rank {
            return Err(Fault::err(
                "syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if wanted.with_scores && wanted.by == By::Name {
            return Err(Fault::err(
                "syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        Ok(wanted)
    }

    fn limited<'a>(&self, found: impl Iterator<Item = &'a Ranked>) -> Vec<Ranked> {
        match self.limit {
            None => found.cloned().collect(),
            Some((skip, _)) if skip < 0 => Vec::new(),
            Some((skip, most)) => {
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                found.skip(skip as usize).take(most).cloned().collect()
            }
        }
    }
}

fn show(call: &mut Call<'_>, at: usize, wanted: Wanted) -> Answer {
    let nested = call.client()?.resp == 3;
    let found = pick(call, at, wanted)?;
    Ok(scored_reply(found.into_iter(), wanted.with_scores, nested))
}

/// What the range of the key at that argument holds.
fn pick(call: &mut Call<'_>, at: usize, wanted: Wanted) -> Result<Vec<Ranked>, Fault> {
    let (key, first, second) = (call.arg(at), call.arg(at + 1), call.arg(at + 2));
    // Reversed ranges by score or name are given from the upper end.
    let (low, high) = if wanted.reverse {
        (second, first)
    } else {
        (first, second)
    };
    match wanted.by {
        By::Rank => {
            let (start, stop) = (call.int(at + 1)?, call.int(at + 2)?);
            let Some(zset) = call.read::<Zset>(key)? else {
                return Ok(Vec::new());
            };
            let range = clip(start, stop, zset.len()).unwrap_or(0..0);
            Ok(match wanted.reverse {
                true => zset.iter().rev().skip(range.start).take(range.len()).cloned().collect(),
                false => zset.iter().skip(range.start).take(range.len()).cloned().collect(),
            })
        }
        By::Score => {
            let ends = score_end(low).zip(score_end(high));
            let (low, high) = ends.ok_or_else(|| Fault::err("min or max is not a float"))?;
            let Some(zset) = call.read::<Zset>(key)? else {
                return Ok(Vec::new());
            };
            let found = zset.between(low, high);
            Ok(if wanted.reverse {
                wanted.limited(found.rev())
            } else {
                wanted.limited(found)
            })
        }
        By::Name => {
            let ends = name_end(low).zip(name_end(high));
            let (low, high) = ends.ok_or_else(|| Fault::err("min or max not valid string range item"))?;
            let Some(zset) = call.read::<Zset>(key)? else {
                return Ok(Vec::new());
            };
            Ok(wanted.limited(zset.named(&low, &high, wanted.reverse).into_iter()))
        }
    }
}

fn remove(call: &mut Call<'_>, by: By, event: &str) -> Answer {
    let key = call.arg(1);
    let found = pick(
        call,
        1,
        Wanted {
            by,
            reverse: false,
            with_scores: false,
            limit: None,
        },
    )?;
    if let Some(zset) = call.edit::<Zset>(key)?
        && !found.is_empty()
    {
        for ranked in &found {
            zset.remove(&ranked.member);
        }
        call.changed('z', event, key);
        call.drop_if_empty(key);
    }
    Ok(Reply::int(found.len()))
}

fn store(call: &mut Call<'_>, found: Vec<Ranked>, event: &str) -> Answer {
    let to = call.arg(1);
    if found.is_empty() {
        call.delete(to, "del");
        return Ok(Reply::Int(0));
    }
    let (seed, small) = (call.random(), call.small("zset"));
    let mut zset = Zset::new(seed);
    for ranked in found {
        zset.insert(ranked.member, ranked.score, small);
    }
    let len = zset.len();
    call.put(to, Value::Zset(zset));
    call.changed('z', event, to);
    Ok(Reply::int(len))
}

fn score_end(text: &[u8]) -> Option<ScoreEnd> {
    let (open, number) = match text.strip_prefix(b"(") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    Some(ScoreEnd {
        score: number::float(number)?,
        open,
    })
}

fn name_end(text: &[u8]) -> Option<NameEnd> {
    match text {
        b"-" => Some(NameEnd::Lowest),
        b"+" => Some(NameEnd::Highest),
        [b'(', name @ ..] => Some(NameEnd::At {
            name: name.to_vec(),
            open: true,
        }),
        [b'[', name @ ..] => Some(NameEnd::At {
            name: name.to_vec(),
            open: false,
        }),
        _ => None,
    }
}

/// How scores of the same member are put together.
#[derive(Clone, Copy)]
enum Merge {
    Sum,
    Min,
    Max,
}

fn combine_shown(call: &mut Call<'_>, algebra: Algebra) -> Answer {
    let nested = call.client()?.resp == 3;
    let (found, with_scores) = combine(call, 1, algebra, true)?;
    Ok(scored_reply(found.into_iter(), with_scores, nested))
}

fn combine(call: &mut Call<'_>, at: usize, algebra: Algebra, shown: bool) -> Result<(Vec<Ranked>, bool), Fault> {
    let count = call.int(at)?;
    let name = String::from_utf8_lossy(&call.word(0)).into_owned();
    if count < 1 {
        return Err(Fault::err(format!(
            "at least 1 input key is needed for '{name}' command"
        )));
    }
    let keys = call
        .args
        .get(at + 1..)
        .and_then(|rest| rest.get(..count as usize))
        .ok_or_else(Fault::syntax)?;
    let sets = keys
        .iter()
        .map(|key| scored(call, key))
        .collect::<Result<Vec<_>, _>>()?;
    let (mut weights, mut how, mut with_scores) = (vec![1.0; keys.len()], Merge::Sum, false);
    let mut at = at + 1 + keys.len();
    while at < call.count() {
        match call.word(at).as_slice() {
            b"weights" if algebra != Algebra::Diff && at + keys.len() < call.count() => {
                for (n, weight) in weights.iter_mut().enumerate() {
                    let given = number::float(call.arg(at + 1 + n));
                    *weight = given.ok_or_else(|| Fault::err("weight value is not a float"))?;
                }
                at += keys.len();
            }
            b"aggregate" if algebra != Algebra::Diff && at + 1 < call.count() => {
                how = match call.word(at + 1).as_slice() {
                    b"sum" => Merge::Sum,
                    b"min" => Merge::Min,
                    b"max" => Merge::Max,
                    _ => return Err(Fault::syntax()),
                };
                at += 1;
            }
            b"withscores" if shown => with_scores = true,
            _ => return Err(Fault::syntax()),
        }
        at += 1;
    }
    Ok((merge(sets, algebra, &weights, how), with_scores))
}

/// A sorted set, or a set whose members all count one.
fn scored(call: &mut Call<'_>, key: &Bytes) -> Result<Vec<Ranked>, Fault> {
    match call.look(key).map(|item| &item.value) {
        None => Ok(Vec::new()),
        Some(Value::Zset(zset)) => Ok(zset.iter().cloned().collect()),
        Some(Value::Set(set)) => Ok(Set::iter(set).map(|member| Ranked { score: 1.0, member }).collect()),
        Some(_) => Err(Fault::wrong_type()),
    }
}

/// In rising order.
fn merge(sets: Vec<Vec<Ranked>>, algebra: Algebra, weights: &[f64], how: Merge) -> Vec<Ranked> {
    // A NaN (infinity times zero, or minus infinity) counts nothing.
    let sound = |score: f64| if score.is_nan() { 0.0 } else { score };
    let mut merged: std::collections::BTreeMap<Bytes, (f64, usize)> = Default::default();
    for (n, (set, weight)) in sets.into_iter().zip(weights).enumerate() {
        for Ranked { score, member } in set {
            let score = sound(score * weight);
            match (algebra, merged.get_mut(&member)) {
                (Algebra::Diff, Some(held)) => held.1 += 1,
                (Algebra::Diff, None) if n > 0 => {}
                (_, None) => {
                    merged.insert(member, (score, 1));
                }
                (_, Some((held, seen))) => {
                    *seen += 1;
                    *held = match how {
                        Merge::Sum => sound(*held + score),
                        Merge::Min => held.min(score),
                        Merge::Max => held.max(score),
                    };
                }
            }
        }
    }
    let wanted = match algebra {
        Algebra::Union => 0,
        Algebra::Inter => weights.len(),
        Algebra::Diff => 1,
    };
    let kept = merged
        .into_iter()
        .filter(|(_, (_, seen))| wanted == 0 || *seen == wanted);
    let mut kept: Vec<Ranked> = kept.map(|(member, (score, _))| Ranked { score, member }).collect();
    kept.sort();
    kept
}
