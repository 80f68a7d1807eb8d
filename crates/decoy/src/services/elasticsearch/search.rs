//! Searches over indices: what fits, in what order, which part of it.

use std::rc::Rc;

use super::aggs;
use super::call::{Call, Turn};
use super::json::{Json, object};
use super::order::{Key, Order, sort, sortable};
use super::pit;
use super::query::Query;
use super::record::Record;
use super::reply::{Answer, MOST_ANSWERED, Refusal, Reply};
use super::scope::Scope;
use super::source::source;
use super::store::{Doc, Index, Scroll, Store};

/// `index.max_result_window`
const MOST_HITS: usize = 10_000;
/// Searches in one request, as one of many.
const MOST_SEARCHES: usize = 100;

const KNOWN: [&str; 24] = [
    "query",
    "from",
    "size",
    "sort",
    "aggs",
    "aggregations",
    "_source",
    "track_total_hits",
    "version",
    "seq_no_primary_term",
    "search_after",
    "script_fields",
    "fields",
    "docvalue_fields",
    "stored_fields",
    "highlight",
    "suggest",
    "timeout",
    "min_score",
    "post_filter",
    "track_scores",
    "explain",
    "pit",
    "profile",
];

/// A document that was found, and where.
pub(super) struct Hit<'a> {
    pub(super) scope: &'a Scope<'a>,
    pub(super) doc: Rc<Doc>,
    pub(super) score: f32,
    pub(super) keys: Vec<Key>,
}

/// What is asked for.
pub(super) struct Wanted {
    query: Query,
    from: usize,
    size: usize,
    pub(super) orders: Vec<Order>,
    pub(super) body: Json,
}

// === impl Wanted ===

impl Wanted {
    fn read(call: &Call<'_>, body: Json) -> Result<Self, Refusal> {
        if let Some((unknown, value)) = body.members().iter().find(|(name, _)| !KNOWN.contains(&name.as_str())) {
            let kind = match value {
                Json::Map(_) => "START_OBJECT",
                Json::List(_) => "START_ARRAY",
                Json::Text(_) => "VALUE_STRING",
                Json::Bool(_) => "VALUE_BOOLEAN",
                _ => "VALUE_NUMBER",
            };
            return Err(Refusal::parsing(format!("Unknown key for a {kind} in [{unknown}].")));
        }
        let query = match (call.param("q"), body.get("query")) {
            (Some(line), _) => Query::line(
                line,
                &[],
                call.param("default_operator").is_some_and(|word| word == "AND"),
            ),
            (None, Some(query)) => Query::parse(query)?,
            (None, None) => Query::All,
        };
        let number = |name: &str, usual: usize| {
            let given = call.param(name).map(Json::from).or_else(|| body.get(name).cloned());
            match given.map(|given| (given.whole(), given)) {
                None => Ok(usual),
                Some((Some(number), _)) if number >= 0 => Ok(number as usize),
                Some((Some(-1), _)) => Ok(usual),
                Some((Some(number), _)) => Err(Refusal::argument(format!(
                    "[{name}] parameter cannot be negative, found [{number}]"
                ))),
                Some((None, given)) => {
                    let reason = format!("Failed to parse int parameter [{name}] with value [{}]", given.bare());
                    Err(Refusal::argument(reason))
                }
            }
        };
        let (from, size) = (number("from", 0)?, number("size", 10)?);
        if from.saturating_add(size) > MOST_HITS {
            let reason = format!(
                "Result window is too large, from + size must be less than or equal to: [{MOST_HITS}] but was [{}]. See \
                 the scroll api for a more efficient way to request large data sets. This limit can be set by changing \
                 the [index.max_result_window] index level setting.",
                from.saturating_add(size)
            );
            return Err(Refusal::argument(reason));
        }
        let orders = match call.param("sort") {
            Some(words) => words.split(',').map(Order::of_word).collect(),
            None => body
                .get("sort")
                .map(Json::each)
                .unwrap_or_default()
                .iter()
                .filter_map(Order::of)
                .collect(),
        };
        Ok(Self {
            query,
            from,
            size,
            orders,
            body,
        })
    }
}

/// What a search came to.
struct Found {
    answer: Json,
    /// Hits that did not fit on the page, for who scrolls.
    rest: Vec<Json>,
    total: Json,
    size: usize,
}

/// `_search` over what is named.
pub(super) fn search(store: &mut Store, call: &Call<'_>, names: &str, turn: &mut Turn<'_>) -> Answer {
    let body = call.json()?.unwrap_or_else(Json::empty);
    let scrolls = call.param("scroll").is_some();
    if let Some((names, id)) = pit::of(&body, names)? {
        let mut answer = object! {"pit_id": id.clone()};
        let found = find(store, call, &names, body, false, turn)?;
        answer.extend(&found.answer);
        return Ok(Reply::json(answer));
    }
    let found = find(store, call, names, body, scrolls, turn)?;
    if !scrolls {
        return Ok(Reply::json(found.answer));
    }
    Ok(Reply::json(page(store, found, turn)))
}

/// The answer with the name under which the rest is kept.
fn page(store: &mut Store, found: Found, turn: &mut Turn<'_>) -> Json {
    let id = format!(
        "FGluY2x1ZGVfY29udGV4dF91dWlkDXF1ZXJ5QW5kRmV0Y2gBF{}",
        turn.draw.letters(47)
    );
    let mut answer = object! {"_scroll_id": &id};
    answer.extend(&found.answer);
    let (hits, total, size) = (found.rest, found.total, found.size);
    store.keep_scroll(id, Scroll { hits, total, size });
    answer
}

/// The next page of a search that is kept.
pub(super) fn scroll(store: &mut Store, call: &Call<'_>, id: Option<&str>, turn: &mut Turn<'_>) -> Answer {
    let body = call.json()?.unwrap_or_else(Json::empty);
    let given = id
        .map(str::to_owned)
        .or_else(|| call.param("scroll_id").map(str::to_owned));
    let Some(id) = given.or_else(|| body.get("scroll_id").map(Json::bare)) else {
        let reason = "Validation Failed: 1: scrollId is missing;";
        return Err(Refusal::new(400, "action_request_validation_exception", reason));
    };
    let Some(kept) = store.take_scroll(&id) else {
        let reason = format!("No search context found for id [{}]", turn.draw.below(900) + 1);
        let cause = Refusal::new(404, "search_context_missing_exception", reason);
        return Err(turn.node.all_failed(cause, None));
    };
    let some = kept.size.min(kept.hits.len());
    let (now, rest) = kept.hits.split_at(some);
    let hits = object! {"total": kept.total.clone(), "max_score": Json::Null, "hits": now.to_vec()};
    let found = Found {
        answer: object! {"took": turn.took(), "timed_out": false, "_shards": shards(1), "hits": hits},
        rest: rest.to_vec(),
        total: kept.total.clone(),
        size: kept.size,
    };
    Ok(Reply::json(page(store, found, turn)))
}

/// `_count`
pub(super) fn count(store: &Store, call: &Call<'_>, names: &str, turn: &mut Turn<'_>) -> Answer {
    let wanted = Wanted::read(call, call.json()?.unwrap_or_else(Json::empty))?;
    let indices = store.named(names)?;
    let scopes: Vec<Scope<'_>> = indices.iter().map(|index| Scope::new(index, turn.now)).collect();
    let count = scopes
        .iter()
        .map(|scope| fitting(scope, &wanted.query).count())
        .sum::<usize>();
    turn.records.push(Record::search(names, &wanted.body, count));
    Ok(Reply::json(
        object! {"count": count, "_shards": shards(all_shards(&indices))},
    ))
}

/// `_msearch`: a line for the indices, a line for the search, and so on.
pub(super) fn many(store: &mut Store, call: &Call<'_>, names: &str, turn: &mut Turn<'_>) -> Answer {
    let lines = call.lines()?;
    let (mut answers, mut bytes) = (Vec::new(), 0);
    for pair in lines.chunks(2).take(MOST_SEARCHES) {
        let [head, body] = pair else {
            return Err(Refusal::argument(
                "The msearch request must be terminated by a newline [\n]",
            ));
        };
        let named = head
            .get("index")
            .map(|index| index.each().iter().map(Json::bare).collect::<Vec<_>>().join(","));
        let names = named.unwrap_or_else(|| names.to_owned());
        let found = find(store, call, &names, body.clone(), false, turn);
        answers.push(match found {
            Ok(mut found) => {
                bytes += found.answer.to_string().len();
                if bytes > MOST_ANSWERED {
                    return Err(Refusal::too_large(bytes));
                }
                found.answer.set("status", 200);
                found.answer
            }
            Err(refusal) => match refusal.into_reply().body {
                super::reply::Body::Json(body) => body,
                _ => Json::Null,
            },
        });
    }
    Ok(Reply::json(object! {"took": turn.took(), "responses": answers}))
}

/// The documents a query of the body finds, by index and id: for what is done to all of them.
pub(super) fn targets(
    store: &Store,
    call: &Call<'_>,
    names: &str,
    turn: &mut Turn<'_>,
) -> Result<Vec<(String, String)>, Refusal> {
    let wanted = Wanted::read(call, query_of(call.json()?))?;
    let indices = store.named(names)?;
    let mut found = Vec::new();
    for index in &indices {
        let scope = Scope::new(index, turn.now);
        found.extend(fitting(&scope, &wanted.query).map(|(doc, _)| (index.name.clone(), doc.id.clone())));
    }
    turn.records.push(Record::search(names, &wanted.body, found.len()));
    Ok(found)
}

fn query_of(body: Option<Json>) -> Json {
    let query = body.and_then(|mut body| body.remove("query"));
    query.map_or_else(Json::empty, |query| object! {"query": query})
}

fn find(
    store: &Store,
    call: &Call<'_>,
    names: &str,
    body: Json,
    all: bool,
    turn: &mut Turn<'_>,
) -> Result<Found, Refusal> {
    turn.node.scripts(&body, &mut turn.records)?;
    let wanted = Wanted::read(call, body)?;
    let indices = store.named(names)?;
    let scopes: Vec<Scope<'_>> = indices.iter().map(|index| Scope::new(index, turn.now)).collect();
    for (order, scope) in wanted
        .orders
        .iter()
        .flat_map(|order| scopes.iter().map(move |scope| (order, scope)))
    {
        sortable(order, scope).map_err(|cause| turn.node.all_failed(cause, Some(&scope.index.name)))?;
    }
    let mut hits: Vec<Hit<'_>> = Vec::new();
    for scope in &scopes {
        let found = fitting(scope, &wanted.query);
        hits.extend(found.map(|(doc, score)| Hit {
            scope,
            doc: doc.clone(),
            score,
            keys: Vec::new(),
        }));
    }
    let total = hits.len();
    turn.records.push(Record::search(names, &wanted.body, total));
    let groups = wanted.body.get("aggs").or_else(|| wanted.body.get("aggregations"));
    let groups = groups.map(|groups| aggs::run(groups, &hits, turn.now)).transpose();
    let groups = groups.map_err(|cause| {
        turn.node
            .all_failed(cause, indices.first().map(|index| index.name.as_str()))
    })?;
    let scored = wanted.orders.is_empty();
    sort(&mut hits, &wanted);
    let best = hits
        .iter()
        .map(|hit| hit.score)
        .max_by(f32::total_cmp)
        .filter(|_| scored);
    let shown = hits
        .iter()
        .skip(wanted.from)
        .take(if all { MOST_HITS } else { wanted.size });
    let mut shown: Vec<Json> = shown.map(|hit| hit.json(call, &wanted, turn)).collect();
    let rest = shown.split_off(wanted.size.min(shown.len()));
    let total = match call.flag("rest_total_hits_as_int") {
        true => Json::from(total),
        false => object! {"value": total.min(MOST_HITS), "relation": if total > MOST_HITS { "gte" } else { "eq" }},
    };
    let inner = object! {"total": total.clone(), "max_score": best, "hits": shown};
    let mut answer = object! {
        "took": turn.took(),
        "timed_out": scopes.iter().any(Scope::is_spent),
        "_shards": shards(all_shards(&indices)),
        "hits": inner,
    };
    if wanted.body.get("track_total_hits").and_then(Json::truth) == Some(false)
        && let Some((_, Json::Map(hits))) = answer.member_mut("hits")
    {
        hits.retain(|(name, _)| name != "total");
    }
    groups.into_iter().for_each(|groups| answer.set("aggregations", groups));
    Ok(Found {
        answer,
        rest,
        total,
        size: wanted.size,
    })
}

fn fitting<'a>(scope: &'a Scope<'_>, query: &'a Query) -> impl Iterator<Item = (&'a Rc<Doc>, f32)> {
    scope
        .index
        .docs()
        .filter_map(|doc| Some((doc, scope.score(query, doc)?)))
}

fn all_shards(indices: &[Rc<Index>]) -> u64 {
    indices.iter().map(|index| index.shards).sum()
}

pub(super) fn shards(count: u64) -> Json {
    object! {"total": count, "successful": count, "skipped": 0, "failed": 0}
}

// === impl Hit ===

impl Hit<'_> {
    fn json(&self, call: &Call<'_>, wanted: &Wanted, turn: &Turn<'_>) -> Json {
        let mut hit = turn.node.place(&self.scope.index.name, &self.doc.id);
        if call.flag("version") || wanted.body.get("version").and_then(Json::truth) == Some(true) {
            hit.set("_version", self.doc.version);
        }
        if wanted.body.get("seq_no_primary_term").and_then(Json::truth) == Some(true) {
            hit.set("_seq_no", self.doc.seq);
            hit.set("_primary_term", 1);
        }
        let by_score = wanted.orders.is_empty() || wanted.orders.iter().any(|order| order.field == "_score");
        hit.set("_score", by_score.then_some(self.score));
        if let Some(source) = source(call, wanted.body.get("_source"), &self.doc) {
            hit.set("_source", source);
        }
        if let Some(fields) = wanted.body.get("script_fields") {
            let empty = fields
                .members()
                .iter()
                .map(|(name, _)| (name.clone(), Json::List(vec![Json::Null])));
            hit.remove("_source");
            hit.set("fields", Json::Map(empty.collect()));
        }
        if !self.keys.is_empty() {
            hit.set("sort", self.keys.iter().map(Key::json).collect::<Vec<_>>());
        }
        hit
    }
}
