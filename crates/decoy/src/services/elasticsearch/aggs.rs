//! Aggregations over what a search found: buckets and numbers, buckets within buckets.

use std::collections::BTreeMap;

use super::json::{Json, object};
use super::order::no_fielddata;
use super::query::Query;
use super::reply::Refusal;
use super::search::Hit;
use super::value;

const MOST_LEVELS: usize = 6;
/// `search.max_buckets`
const MOST_BUCKETS: usize = 65_535;

struct Run {
    now: i64,
    buckets: usize,
}

type Group<'h, 'a> = Vec<&'h Hit<'a>>;

pub(super) fn run(wanted: &Json, hits: &[Hit<'_>], now: i64) -> Result<Json, Refusal> {
    Run { now, buckets: 0 }.all(wanted, &hits.iter().collect(), 0)
}

// === impl Run ===

impl Run {
    fn all(&mut self, wanted: &Json, hits: &Group<'_, '_>, level: usize) -> Result<Json, Refusal> {
        if level > MOST_LEVELS {
            return Err(Refusal::argument("aggregations are nested too deeply"));
        }
        let groups = wanted.members().iter().map(|(name, how)| {
            let kind = how
                .members()
                .iter()
                .find(|(kind, _)| !["aggs", "aggregations", "meta"].contains(&kind.as_str()));
            let Some((kind, inner)) = kind else {
                return Err(Refusal::parsing(format!("Missing definition for aggregation [{name}]")));
            };
            Ok((name.clone(), self.one(kind, inner, how, hits, level)?))
        });
        Ok(Json::Map(groups.collect::<Result<_, _>>()?))
    }

    fn one(
        &mut self,
        kind: &str,
        inner: &Json,
        how: &Json,
        hits: &Group<'_, '_>,
        level: usize,
    ) -> Result<Json, Refusal> {
        let field = inner.get("field").map(Json::bare).unwrap_or_default();
        let textual = ["terms", "cardinality", "significant_terms"].contains(&kind)
            && hits
                .first()
                .is_some_and(|hit| value::type_of(&hit.scope.index.properties, &field) == Some("text"));
        if textual {
            return Err(no_fielddata(&field));
        }
        let numbers = || -> Vec<f64> { hits.iter().flat_map(|hit| numbers(hit, &field)).collect() };
        let sum = |numbers: &[f64]| numbers.iter().sum::<f64>();
        let mean = |numbers: &[f64]| (!numbers.is_empty()).then(|| sum(numbers) / numbers.len() as f64);
        let least = |numbers: &[f64]| numbers.iter().copied().min_by(f64::total_cmp);
        let most = |numbers: &[f64]| numbers.iter().copied().max_by(f64::total_cmp);
        let single = |value: Option<f64>| {
            let mut one = object! {"value": value};
            let date = hits.first().is_some_and(|hit| is_date(hit, &field));
            if let Some(at) = value.filter(|_| date) {
                one.set("value_as_string", value::stamp(at as i64));
            }
            one
        };
        Ok(match kind {
            "avg" => single(mean(&numbers())),
            "sum" => single(Some(sum(&numbers()))),
            "min" => single(least(&numbers())),
            "max" => single(most(&numbers())),
            "value_count" => object! {"value": hits.iter().map(|hit| texts(hit, &field).len()).sum::<usize>()},
            "cardinality" => {
                let all: std::collections::BTreeSet<String> = hits.iter().flat_map(|hit| texts(hit, &field)).collect();
                object! {"value": all.len()}
            }
            "stats" => {
                let all = numbers();
                object! {
                    "count": all.len(), "min": least(&all), "max": most(&all), "avg": mean(&all), "sum": sum(&all),
                }
            }
            "terms" => self.terms(inner, how, hits, &field, level)?,
            "histogram" => {
                let step = inner.get("interval").and_then(Json::float).filter(|step| *step > 0.0);
                let step = step.ok_or_else(|| Refusal::argument("[interval] must be >0 for histogram aggregation"))?;
                let key = |number: f64| Some((number / step).floor() * step);
                self.steps(how, hits, &field, level, key)?
            }
            "date_histogram" => {
                let names = ["calendar_interval", "fixed_interval", "interval"];
                let unit = names
                    .iter()
                    .find_map(|name| inner.get(name))
                    .map(Json::bare)
                    .unwrap_or_default();
                if value::floor(0, &unit).is_none() {
                    let reason = format!("The supplied interval [{unit}] could not be parsed as a calendar interval.");
                    return Err(Refusal::argument(reason));
                }
                self.steps(how, hits, &field, level, |at| {
                    value::floor(at as i64, &unit).map(|at| at as f64)
                })?
            }
            "filter" => {
                let query = Query::parse(inner)?;
                self.bucket(object! {}, how, &fitting(hits, &query), level)?
            }
            "missing" => {
                let without = hits.iter().filter(|hit| texts(hit, &field).is_empty()).copied();
                self.bucket(object! {}, how, &without.collect(), level)?
            }
            "global" => self.bucket(object! {}, how, hits, level)?,
            "filters" => {
                let named = inner.get("filters").map(Json::members).unwrap_or_default();
                let buckets = named.iter().map(|(name, query)| {
                    let group = fitting(hits, &Query::parse(query)?);
                    Ok((name.clone(), self.bucket(object! {}, how, &group, level)?))
                });
                object! {"buckets": Json::Map(buckets.collect::<Result<_, Refusal>>()?)}
            }
            "range" | "date_range" => self.ranges(inner, how, hits, &field, level)?,
            "top_hits" => object! {"hits": object! {
                "total": object! {"value": hits.len(), "relation": "eq"}, "max_score": Json::Null, "hits": Vec::new(),
            }},
            unknown => {
                let cause = Refusal::new(
                    400,
                    "named_object_not_found_exception",
                    format!("[1:1] unknown field [{unknown}]"),
                );
                return Err(Refusal::parsing(format!("Unknown aggregation type [{unknown}]")).caused(&cause));
            }
        })
    }

    fn terms(
        &mut self,
        inner: &Json,
        how: &Json,
        hits: &Group<'_, '_>,
        field: &str,
        level: usize,
    ) -> Result<Json, Refusal> {
        let mut groups: BTreeMap<String, Group<'_, '_>> = BTreeMap::new();
        for hit in hits {
            for text in texts(hit, field) {
                groups.entry(text).or_default().push(hit);
            }
        }
        let by_key = inner
            .get("order")
            .and_then(Json::only)
            .is_some_and(|(name, _)| name == "_key" || name == "_term");
        let way = inner
            .get("order")
            .and_then(Json::only)
            .and_then(|(_, way)| way.text())
            .unwrap_or("desc");
        let mut groups: Vec<_> = groups.into_iter().collect();
        if !by_key {
            groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.len()));
        }
        if (way == "asc") != by_key && inner.get("order").is_some() {
            groups.reverse();
        }
        let size = inner.get("size").and_then(Json::whole).unwrap_or(10).max(1) as usize;
        let others: usize = groups.iter().skip(size).map(|(_, group)| group.len()).sum();
        let mut buckets = Vec::new();
        for (key, group) in groups.into_iter().take(size) {
            let bucket = match group.first().map(|hit| (is_date(hit, field), numbers(hit, field))) {
                Some((true, _)) => {
                    let at = value::millis(&Json::from(&key)).unwrap_or_default();
                    object! {"key": at, "key_as_string": value::stamp(at)}
                }
                Some((false, numbers)) if !numbers.is_empty() => {
                    object! {"key": Json::parse(key.as_bytes()).unwrap_or_else(|_| Json::from(&key))}
                }
                _ => match key.as_str() {
                    "true" | "false" if is_truth(&group, field) => {
                        object! {"key": u64::from(key == "true"), "key_as_string": &key}
                    }
                    _ => object! {"key": &key},
                },
            };
            buckets.push(self.bucket(bucket, how, &group, level)?);
        }
        Ok(object! {"doc_count_error_upper_bound": 0, "sum_other_doc_count": others, "buckets": buckets})
    }

    fn steps(
        &mut self,
        how: &Json,
        hits: &Group<'_, '_>,
        field: &str,
        level: usize,
        key: impl Fn(f64) -> Option<f64>,
    ) -> Result<Json, Refusal> {
        let mut groups: BTreeMap<i64, (f64, Group<'_, '_>)> = BTreeMap::new();
        for hit in hits {
            for step in numbers(hit, field).into_iter().filter_map(&key) {
                // Ordered as numbers are, for bits would not be.
                let place = (step * 1000.0) as i64;
                groups.entry(place).or_insert_with(|| (step, Group::new())).1.push(hit);
            }
        }
        let mut buckets = Vec::new();
        for (step, group) in groups.into_values() {
            let bucket = match group.first().is_some_and(|hit| is_date(hit, field)) {
                true => object! {"key_as_string": value::stamp(step as i64), "key": step as i64},
                false => object! {"key": step},
            };
            buckets.push(self.bucket(bucket, how, &group, level)?);
        }
        Ok(object! {"buckets": buckets})
    }

    fn ranges(
        &mut self,
        inner: &Json,
        how: &Json,
        hits: &Group<'_, '_>,
        field: &str,
        level: usize,
    ) -> Result<Json, Refusal> {
        let mut buckets = Vec::new();
        for range in inner.get("ranges").map(Json::each).unwrap_or_default() {
            let bound = |name: &str| {
                let bound = range.get(name)?;
                bound
                    .float()
                    .or_else(|| value::reckon(bound, self.now).map(|at| at as f64))
            };
            let (from, to) = (bound("from"), bound("to"));
            let within = |number: &f64| from.is_none_or(|from| *number >= from) && to.is_none_or(|to| *number < to);
            let group = hits
                .iter()
                .filter(|hit| numbers(hit, field).iter().any(within))
                .copied()
                .collect();
            let shown = |bound: Option<f64>| bound.map_or_else(|| "*".to_owned(), |bound| format!("{bound:?}"));
            let usual = format!("{}-{}", shown(from), shown(to));
            let mut bucket = object! {"key": range.get("key").map_or(usual, Json::bare)};
            from.into_iter().for_each(|from| bucket.set("from", from));
            to.into_iter().for_each(|to| bucket.set("to", to));
            buckets.push(self.bucket(bucket, how, &group, level)?);
        }
        Ok(object! {"buckets": buckets})
    }

    fn bucket(&mut self, mut bucket: Json, how: &Json, hits: &Group<'_, '_>, level: usize) -> Result<Json, Refusal> {
        self.buckets += 1;
        if self.buckets > MOST_BUCKETS {
            let reason = format!(
                "Trying to create too many buckets. Must be less than or equal to: [{MOST_BUCKETS}] but was [{}]. This \
                 limit can be set by changing the [search.max_buckets] cluster level setting.",
                self.buckets
            );
            let cause = Refusal::new(503, "too_many_buckets_exception", reason).and("max_buckets", MOST_BUCKETS);
            return Err(cause);
        }
        bucket.set("doc_count", hits.len());
        if let Some(wanted) = how.get("aggs").or_else(|| how.get("aggregations")) {
            let inner = self.all(wanted, hits, level + 1)?;
            inner
                .members()
                .iter()
                .for_each(|(name, value)| bucket.set(name, value.clone()));
        }
        Ok(bucket)
    }
}

fn fitting<'h, 'a>(hits: &Group<'h, 'a>, query: &Query) -> Group<'h, 'a> {
    let fitting = hits.iter().filter(|hit| hit.scope.score(query, &hit.doc).is_some());
    fitting.copied().collect()
}

fn is_date(hit: &Hit<'_>, field: &str) -> bool {
    value::type_of(&hit.scope.index.properties, field) == Some("date")
}

fn is_truth(group: &Group<'_, '_>, field: &str) -> bool {
    group
        .first()
        .is_some_and(|hit| value::type_of(&hit.scope.index.properties, field) == Some("boolean"))
}

fn numbers(hit: &Hit<'_>, field: &str) -> Vec<f64> {
    let date = is_date(hit, field);
    let values = value::at(&hit.doc.parsed, hit.scope.real(field)).into_iter();
    let numbers = values.filter_map(|value| match value {
        _ if date => value::millis(value).map(|at| at as f64),
        Json::Number(_) => value.float(),
        _ => None,
    });
    numbers.collect()
}

fn texts(hit: &Hit<'_>, field: &str) -> Vec<String> {
    let values = value::at(&hit.doc.parsed, hit.scope.real(field)).into_iter();
    values.map(Json::bare).collect()
}
