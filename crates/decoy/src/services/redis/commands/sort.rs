//! SORT.

use super::call::Call;
use crate::services::redis::number;
use crate::services::redis::reply::{Answer, Bytes, Fault, Reply};
use crate::services::redis::value::{Hash, List, Set, Text, Value};

#[derive(Default)]
struct Options {
    by: Option<Bytes>,
    limit: Option<(i64, i64)>,
    get: Vec<Bytes>,
    descending: bool,
    alpha: bool,
    store: Option<Bytes>,
}

pub(super) fn sort(call: &mut Call<'_>) -> Answer {
    run(call, true)
}

pub(super) fn sort_ro(call: &mut Call<'_>) -> Answer {
    run(call, false)
}

fn run(call: &mut Call<'_>, may_store: bool) -> Answer {
    let options = Options::read(call, may_store)?;
    let key = call.arg(1);
    let unsorted = options.by.as_ref().is_some_and(|by| !by.contains(&b'*'));
    let (items, ordered): (Vec<Bytes>, bool) = match call.look(key).map(|item| &item.value) {
        None => (Vec::new(), true),
        Some(Value::List(list)) => (list.iter().cloned().collect(), true),
        Some(Value::Set(set)) => (Set::iter(set).collect(), false),
        Some(Value::Zset(zset)) => {
            let items = zset.iter().map(|ranked| ranked.member.clone());
            (
                if options.descending && unsorted {
                    items.rev().collect()
                } else {
                    items.collect()
                },
                true,
            )
        }
        Some(_) => return Err(Fault::wrong_type()),
    };
    let items = match unsorted {
        true if ordered || options.store.is_none() => items,
        _ => sorted(call, items, &options)?,
    };
    let items = match options.limit {
        None => items,
        Some((skip, most)) => {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            items.into_iter().skip(skip.max(0) as usize).take(most).collect()
        }
    };
    let mut shown = Vec::new();
    for item in items {
        if options.get.is_empty() {
            shown.push(Some(item));
            continue;
        }
        for pattern in &options.get {
            shown.push(referred(call, pattern, &item));
        }
    }
    let Some(to) = options.store else {
        return Ok(Reply::Array(shown.into_iter().map(Reply::maybe).collect()));
    };
    let len = shown.len();
    if len == 0 {
        call.delete(&to, "del");
    } else {
        let mut list = List::default();
        shown
            .into_iter()
            .for_each(|item| list.push(false, item.unwrap_or_default()));
        call.put(&to, Value::List(list));
        call.changed('l', "sortstore", &to);
    }
    Ok(Reply::int(len))
}

fn sorted(call: &mut Call<'_>, items: Vec<Bytes>, options: &Options) -> Result<Vec<Bytes>, Fault> {
    let weights = items.into_iter().map(|item| {
        let weight = match &options.by {
            None => Some(item.clone()),
            Some(by) => referred(call, by, &item),
        };
        (weight, item)
    });
    let weights: Vec<(Option<Bytes>, Bytes)> = weights.collect();
    let mut sorted: Vec<Bytes> = if options.alpha {
        let mut weights = weights;
        weights.sort_by(|a, b| match options.by {
            Some(_) => a.0.cmp(&b.0),
            None => a.1.cmp(&b.1),
        });
        weights.into_iter().map(|(_, item)| item).collect()
    } else {
        let not_a_number = || Fault::err("One or more scores can't be converted into double");
        let scored = weights.into_iter().map(|(weight, item)| {
            let score = weight.map_or(Some(0.0), |weight| number::float(&weight));
            score.map(|score| (score, item)).ok_or_else(not_a_number)
        });
        let mut scored = scored.collect::<Result<Vec<(f64, Bytes)>, Fault>>()?;
        scored.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        scored.into_iter().map(|(_, item)| item).collect()
    };
    if options.descending {
        sorted.reverse();
    }
    Ok(sorted)
}

/// What a pattern like `weight_*` or `user:*->name` names for an element; `#` is the element itself.
fn referred(call: &mut Call<'_>, pattern: &[u8], item: &[u8]) -> Option<Bytes> {
    if pattern == b"#" {
        return Some(item.to_vec());
    }
    let star = pattern.iter().position(|&b| b == b'*')?;
    let after = &pattern[star + 1..];
    let arrow = after
        .windows(2)
        .position(|pair| pair == b"->")
        .filter(|at| at + 2 < after.len());
    let (suffix, field) = arrow.map_or((after, None), |at| (&after[..at], Some(&after[at + 2..])));
    let key = [&pattern[..star], item, suffix].concat();
    match field {
        Some(field) => call.read::<Hash>(&key).ok()??.get(field).cloned(),
        None => Some(call.read::<Text>(&key).ok()??.bytes.clone()),
    }
}

// === impl Options ===

impl Options {
    fn read(call: &Call<'_>, may_store: bool) -> Result<Self, Fault> {
        let mut options = Self::default();
        let mut at = 2;
        while at < call.count() {
            let more = call.count() - at - 1;
            match call.word(at).as_slice() {
                b"asc" => options.descending = false,
                b"desc" => options.descending = true,
                b"alpha" => options.alpha = true,
                b"limit" if more >= 2 => {
                    options.limit = Some((call.int(at + 1)?, call.int(at + 2)?));
                    at += 2;
                }
                b"store" if may_store && more >= 1 => {
                    options.store = Some(call.arg(at + 1).to_vec());
                    at += 1;
                }
                b"by" if more >= 1 => {
                    options.by = Some(call.arg(at + 1).to_vec());
                    at += 1;
                }
                b"get" if more >= 1 => {
                    options.get.push(call.arg(at + 1).to_vec());
                    at += 1;
                }
                _ => return Err(Fault::syntax()),
            }
            at += 1;
        }
        Ok(options)
    }
}
