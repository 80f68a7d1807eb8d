//! Documents one by one and in bulk.

use std::rc::Rc;

use super::super::database::ransom;
use super::call::{Call, Turn};
use super::json::{Json, object};
use super::record::Record;
use super::reply::{Answer, MOST_ANSWERED, Refusal, Reply};
use super::search;
use super::source::source;
use super::store::{Index, Store};

/// Items of one bulk request.
const MOST_ITEMS: usize = 20_000;
const MOST_NAME: usize = 255;
const MOST_ID: usize = 512;

/// Why there can be no index of that name.
pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    let wrong = |why: String| {
        let reason = format!("Invalid index name [{name}], {why}");
        Err(Refusal::new(400, "invalid_index_name_exception", reason).of_index(name, "_na_"))
    };
    const FORBIDDEN: [char; 12] = ['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':'];
    if name.contains(FORBIDDEN) {
        return wrong("must not contain the following characters [ , \", *, \\, <, |, ,, >, /, ?]".into());
    }
    if name.starts_with(['_', '-', '+']) {
        return wrong("must not start with '_', '-', or '+'".into());
    }
    if name.to_lowercase() != name {
        return wrong("must be lowercase".into());
    }
    if name.len() > MOST_NAME {
        return wrong(format!("index name is too long, ({} > {MOST_NAME})", name.len()));
    }
    if name == "." || name == ".." {
        return wrong("must not be '.' or '..'".into());
    }
    Ok(())
}

/// The index of that name, made when there is none.
fn ready(store: &mut Store, name: &str, turn: &mut Turn<'_>) -> Result<String, Refusal> {
    if let Ok(index) = store.index(name) {
        return Ok(index.name.clone());
    }
    check_name(name)?;
    let index = Index::new(name, turn.uuid(), turn.now);
    store.create(index)?;
    turn.records.push(Record::write("create_index", name, None));
    Ok(name.to_owned())
}

/// Writes a document; `only_new` refuses one that is there.
fn write(
    store: &mut Store,
    (index, id): (&str, Option<&str>),
    body: &[u8],
    only_new: bool,
    turn: &mut Turn<'_>,
) -> Result<Reply, Refusal> {
    let parsed = match Json::parse(body) {
        Ok(parsed @ Json::Map(_)) => parsed,
        Ok(_) => {
            let cause = Refusal::new(
                400,
                "not_x_content_exception",
                "Compressor detection can only be called on some xcontent bytes or compressed xcontent bytes",
            );
            return Err(Refusal::new(400, "mapper_parsing_exception", "failed to parse").caused(&cause));
        }
        Err(error) => {
            let cause = Refusal::no_json(&error);
            return Err(Refusal::new(400, "mapper_parsing_exception", "failed to parse").caused(&cause));
        }
    };
    if id.is_some_and(|id| id.len() > MOST_ID) {
        let length = id.map_or(0, str::len);
        let reason = format!(
            "Validation Failed: 1: id [{}] is too long, must be no longer than 512 bytes but was: {length};",
            id.unwrap_or_default()
        );
        return Err(Refusal::new(400, "action_request_validation_exception", reason));
    }
    let index = ready(store, index, turn)?;
    let id = id.map_or_else(|| turn.draw.letters(20), str::to_owned);
    if let Some(there) = store.index(&index)?.doc(&id).filter(|_| only_new) {
        let reason = format!(
            "[{id}]: version conflict, document already exists (current version [{}])",
            there.version
        );
        let refusal = Refusal::new(409, "version_conflict_engine_exception", reason);
        let uuid = store.index(&index)?.uuid.clone();
        return Err(refusal.and("index_uuid", uuid).and("shard", "0").and("index", &index));
    }
    // What a client sent is text; what is no UTF-8 was refused.
    let text = String::from_utf8_lossy(body);
    let written = store.put(&index, id.clone(), Rc::from(text.trim()), parsed)?;
    if ransom::is_note(&index, &text) {
        let text = text.into_owned();
        turn.records.push(Record::Ransom {
            index: index.clone(),
            text,
        });
    }
    let result = if written.created { "created" } else { "updated" };
    let answer = changed(turn, (&index, &id), written.version, result, written.seq);
    let mut reply = Reply::with(if written.created { 201 } else { 200 }, answer);
    if written.created {
        reply.headers.push(("Location", format!("/{index}/_doc/{id}")));
    }
    Ok(reply)
}

fn changed(turn: &Turn<'_>, (index, id): (&str, &str), version: u64, result: &str, seq: u64) -> Json {
    let mut answer = turn.node.place(index, id);
    answer.set("_version", version);
    answer.set("result", result);
    answer.set("_shards", object! {"total": 2, "successful": 1, "failed": 0});
    answer.set("_seq_no", seq);
    answer.set("_primary_term", 1);
    answer
}

/// `PUT index/_doc/id`, `POST index/_doc`, `_create`.
pub(super) fn put(
    store: &mut Store,
    call: &Call<'_>,
    (index, id): (&str, Option<&str>),
    only_new: bool,
    turn: &mut Turn<'_>,
) -> Answer {
    if call.request.body.is_empty() {
        return Err(Refusal::new(400, "parse_exception", "request body is required"));
    }
    let only_new = only_new || call.param("op_type") == Some("create");
    let reply = write(store, (index, id), &call.request.body, only_new, turn)?;
    turn.records.push(Record::write("index", index, id));
    Ok(reply)
}

pub(super) fn get(store: &Store, call: &Call<'_>, (index, id): (&str, &str), bare: bool, turn: &Turn<'_>) -> Answer {
    let index = store.index(index)?;
    let mut answer = turn.node.place(&index.name, id);
    let Some(doc) = index.doc(id) else {
        if bare {
            let reason = format!("Document not found [{}]/[_doc]/[{id}]", index.name);
            return Err(Refusal::new(404, "resource_not_found_exception", reason));
        }
        answer.set("found", false);
        return Ok(Reply::with(404, answer));
    };
    let shown = source(call, None, doc);
    if bare {
        return Ok(Reply::json(shown.unwrap_or(Json::Null)));
    }
    answer.set("_version", doc.version);
    answer.set("_seq_no", doc.seq);
    answer.set("_primary_term", 1);
    answer.set("found", true);
    shown.into_iter().for_each(|shown| answer.set("_source", shown));
    Ok(Reply::json(answer))
}

pub(super) fn delete(store: &mut Store, (index, id): (&str, &str), turn: &mut Turn<'_>) -> Answer {
    let name = store.index(index)?.name.clone();
    turn.records.push(Record::write("delete", &name, Some(id)));
    Ok(match store.delete(&name, id)? {
        Some((version, seq)) => Reply::json(changed(turn, (&name, id), version, "deleted", seq)),
        None => Reply::with(404, changed(turn, (&name, id), 1, "not_found", 0)),
    })
}

/// `_update`: a part of a document over what is there; a script changes nothing.
pub(super) fn update(store: &mut Store, body: &Json, (index, id): (&str, &str), turn: &mut Turn<'_>) -> Answer {
    turn.node.scripts(body, &mut turn.records)?;
    let known = store.index(index).ok().and_then(|index| index.doc(id).cloned());
    let (mut parsed, version, seq) = match (&known, body.get("upsert")) {
        (Some(doc), _) => (doc.parsed.clone(), doc.version, doc.seq),
        (None, Some(new)) => (new.clone(), 0, 0),
        (None, None) if body.get("doc_as_upsert").and_then(Json::truth) == Some(true) => (Json::empty(), 0, 0),
        (None, None) => {
            let uuid = store.index(index)?.uuid.clone();
            let refusal = Refusal::new(
                404,
                "document_missing_exception",
                format!("[_doc][{id}]: document missing"),
            );
            return Err(refusal.and("index_uuid", uuid).and("shard", "0").and("index", index));
        }
    };
    let part = body
        .get("doc")
        .filter(|_| known.is_some() || body.get("upsert").is_none());
    let before = parsed.clone();
    part.into_iter().for_each(|part| merge(&mut parsed, part));
    if known.is_some() && parsed == before {
        return Ok(Reply::json(changed(turn, (index, id), version, "noop", seq)));
    }
    turn.records.push(Record::write("update", index, Some(id)));
    write(store, (index, Some(id)), parsed.to_string().as_bytes(), false, turn)
}

fn merge(into: &mut Json, part: &Json) {
    for (name, value) in part.members() {
        match into.member_mut(name) {
            Some((_, inner @ Json::Map(_))) if matches!(value, Json::Map(_)) => merge(inner, value),
            _ => into.set(name, value.clone()),
        }
    }
}

/// `_bulk`: an action in one line, its document in the next.
pub(super) fn bulk(store: &mut Store, call: &Call<'_>, usual: Option<&str>, turn: &mut Turn<'_>) -> Answer {
    let lines = call.raw_lines()?;
    let (mut items, mut errors, mut at) = (Vec::new(), false, 0);
    while let Some(line) = lines.get(at).filter(|_| items.len() < MOST_ITEMS) {
        at += 1;
        let action = Json::parse(line.as_bytes()).map_err(|error| Refusal::no_json(&error))?;
        let malformed = |found: &str| {
            let reason = format!(
                "Malformed action/metadata line [{at}], expected field [create], [delete], [index] or [update] but found [{found}]"
            );
            Refusal::argument(reason)
        };
        let (name, place) = action.only().ok_or_else(|| malformed(""))?;
        if !["index", "create", "delete", "update"].contains(&name) {
            return Err(malformed(name));
        }
        let index = place.get("_index").and_then(Json::text).or(usual);
        let index = index.ok_or_else(|| {
            let reason = "Validation Failed: 1: index is missing;";
            Refusal::new(400, "action_request_validation_exception", reason)
        })?;
        let id = place.get("_id").map(Json::bare);
        let id = id.as_deref();
        let body = if name == "delete" {
            ""
        } else {
            at += 1;
            lines
                .get(at - 1)
                .copied()
                .ok_or_else(|| Refusal::argument("The bulk request must be terminated by a newline [\\n]"))?
        };
        let done = match name {
            "delete" => delete(store, (index, id.unwrap_or_default()), turn),
            "update" => Json::parse(body.as_bytes())
                .map_err(|error| Refusal::no_json(&error))
                .and_then(|body| update(store, &body, (index, id.unwrap_or_default()), turn)),
            _ => write(store, (index, id), body.as_bytes(), name == "create", turn),
        };
        let item = match done {
            Ok(Reply {
                status,
                body: super::reply::Body::Json(mut answer),
                ..
            }) => {
                answer.set("status", u64::from(status));
                answer
            }
            Ok(_) => Json::empty(),
            Err(refusal) => {
                errors = true;
                let mut item = turn.node.place(index, id.unwrap_or_default());
                item.set("status", u64::from(refusal.status()));
                item.set("error", refusal.cause());
                item
            }
        };
        items.push(Json::Map(vec![(name.to_owned(), item)]));
    }
    turn.records.push(Record::write("bulk", usual.unwrap_or("_all"), None));
    Ok(Reply::json(
        object! {"took": turn.took() + items.len() as u64 / 50, "errors": errors, "items": items},
    ))
}

/// `_mget`
pub(super) fn many(store: &Store, call: &Call<'_>, usual: Option<&str>, turn: &Turn<'_>) -> Answer {
    let body = call.json()?.unwrap_or_else(Json::empty);
    let ids = body.get("ids").map(Json::each).unwrap_or_default();
    let ids = ids.iter().map(|id| (usual.map(str::to_owned), id.bare()));
    let docs = body.get("docs").map(Json::each).unwrap_or_default().iter().map(|doc| {
        let index = doc.get("_index").map(Json::bare).or_else(|| usual.map(str::to_owned));
        (index, doc.get("_id").map(Json::bare).unwrap_or_default())
    });
    let (mut found, mut bytes) = (Vec::new(), 0);
    for (index, id) in ids.chain(docs).take(MOST_ITEMS) {
        let index = index.unwrap_or_default();
        let doc = store.index(&index).ok().and_then(|index| index.doc(&id));
        bytes += doc.map_or(0, |doc| doc.source.len());
        if bytes > MOST_ANSWERED {
            return Err(Refusal::too_large(bytes));
        }
        found.push(match get(store, call, (&index, &id), false, turn) {
            Ok(Reply {
                body: super::reply::Body::Json(answer),
                ..
            }) => answer,
            Ok(_) => Json::empty(),
            Err(refusal) => {
                let mut missing = turn.node.place(&index, &id);
                missing.set("error", refusal.cause());
                missing
            }
        });
    }
    Ok(Reply::json(object! {"docs": found}))
}

/// `_delete_by_query`, and `_update_by_query`, which writes anew what it finds.
pub(super) fn by_query(store: &mut Store, call: &Call<'_>, names: &str, deletes: bool, turn: &mut Turn<'_>) -> Answer {
    let body = call.json()?;
    if deletes && body.as_ref().is_none_or(|body| body.get("query").is_none()) && call.param("q").is_none() {
        let reason = "Validation Failed: 1: query is missing;";
        return Err(Refusal::new(400, "action_request_validation_exception", reason));
    }
    turn.node
        .scripts(&body.unwrap_or_else(Json::empty), &mut turn.records)?;
    let found = search::targets(store, call, names, turn)?;
    for (index, id) in &found {
        if deletes {
            store.delete(index, id)?;
        } else if let Some(doc) = store.index(index)?.doc(id).cloned() {
            store.put(index, id.clone(), doc.source.clone(), doc.parsed.clone())?;
        }
    }
    let what = if deletes { "delete_by_query" } else { "update_by_query" };
    turn.records.push(Record::write(what, names, None));
    let count = found.len();
    let mut answer = object! {"took": turn.took() + 10, "timed_out": false, "total": count};
    if !deletes {
        answer.set("updated", count);
    }
    answer.set("deleted", if deletes { count } else { 0 });
    let rest = object! {
        "batches": count.div_ceil(1000), "version_conflicts": 0, "noops": 0,
        "retries": object! {"bulk": 0, "search": 0}, "throttled_millis": 0, "requests_per_second": -1.0,
        "throttled_until_millis": 0, "failures": Vec::new(),
    };
    rest.members()
        .iter()
        .for_each(|(name, value)| answer.set(name, value.clone()));
    Ok(Reply::json(answer))
}
