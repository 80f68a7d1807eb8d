//! Commands over documents: read, written and taken away.

use super::super::database::ransom;
use super::bson::{Bson, Doc, document};
use super::collections;
use super::filter::{self, Fault};
use super::find::{self, Docs};
use super::pipeline;
use super::record::Record;
use super::server::Turn;
use super::store::{Cursor, Store, key};
use super::update;
use super::wire::Said;

/// Documents of one answer when nothing else is asked for, and at most its bytes.
const FIRST: usize = 101;
const MOST_BYTES: usize = 8 << 20;
/// Bytes of a filter that are told.
const TOLD: usize = 1500;

pub(super) type Answer = Result<Doc, Fault>;

/// None when there is no such command.
pub(super) fn run(store: &mut Store, said: &Said, name: &str, turn: &mut Turn<'_>) -> Option<Answer> {
    let (database, command) = (said.database.as_str(), &said.command);
    let collection = command.text(name).unwrap_or_default();
    let place = (database, collection);
    Some(match name {
        "listCollections" => collections::list(store, database, command, turn),
        "find" => find(store, place, command, turn),
        "aggregate" => aggregate(store, place, command, turn),
        "getMore" => more(store, database, command),
        "count" => count(store, place, command, turn),
        "distinct" => distinct(store, place, command, turn),
        "insert" => insert(store, place, command, turn),
        "update" => update_all(store, place, command, turn),
        "delete" => delete(store, place, command, turn),
        "findAndModify" | "findandmodify" => find_and_modify(store, place, command, turn),
        "create" => collections::create(store, place, turn),
        "drop" => collections::drop(store, place, turn),
        "dropDatabase" => collections::drop_database(store, database, turn),
        "renameCollection" => collections::rename(store, command, turn),
        "listIndexes" => collections::list_indexes(store, place, turn),
        "createIndexes" => collections::create_indexes(store, place, command, turn),
        "dropIndexes" | "deleteIndexes" => Ok(document! {"nIndexesWas": 1}),
        "validate" => Ok(document! {"ns": format!("{database}.{collection}"), "valid": true}),
        _ => return None,
    })
}

pub(super) fn named((database, collection): (&str, &str)) -> String {
    format!("{database}.{collection}")
}

pub(super) fn asked(turn: &mut Turn<'_>, op: &'static str, place: (&str, &str), filter: &Doc, found: usize) {
    let filter = filter.json().to_string();
    turn.records.push(Record::Query {
        op,
        place: named(place),
        filter: filter[..filter.floor_char_boundary(TOLD)].to_owned(),
        found,
    });
}

pub(super) fn wrote(turn: &mut Turn<'_>, op: &'static str, place: (&str, &str), count: usize) {
    let place = named(place);
    turn.records.push(Record::Write { op, place, count });
}

pub(super) fn empty() -> &'static Doc {
    static EMPTY: Doc = Doc(Vec::new());
    &EMPTY
}

/// The first of the documents, and a cursor for the rest.
pub(super) fn cursor(store: &mut Store, name: String, docs: Docs, batch: Option<i64>, turn: &mut Turn<'_>) -> Doc {
    let most = batch.map_or(FIRST, |batch| batch.max(0) as usize);
    let (now, rest) = page(docs, most);
    let id = if rest.is_empty() {
        0
    } else {
        turn.draw.below(i64::MAX as u64) as i64
    };
    if id != 0 {
        let (name, docs) = (name.clone(), rest);
        store.keep(id, Cursor { name, docs });
    }
    document! {"cursor": document! {"firstBatch": now, "id": id, "ns": name}}
}

fn page(mut docs: Docs, most: usize) -> (Vec<Doc>, Docs) {
    let mut bytes = 0;
    let fits = docs.iter().take(most).take_while(|doc| {
        bytes += doc.bytes().len();
        bytes <= MOST_BYTES
    });
    // One goes out however long it is.
    let count = fits.count().max(most.min(docs.len()).min(1));
    let rest = docs.split_off(count);
    (docs.iter().map(|doc| Doc::clone(doc)).collect(), rest)
}

fn find(store: &mut Store, place: (&str, &str), command: &Doc, turn: &mut Turn<'_>) -> Answer {
    let filter = command.doc("filter").unwrap_or(empty());
    let mut docs = find::fitting(store.docs(place.0, place.1), filter)?;
    asked(turn, "find", place, filter, docs.len());
    if let Some(by) = command.doc("sort") {
        find::sort(&mut docs, by);
    }
    let skip = command.whole("skip").unwrap_or(0).max(0) as usize;
    let limit = command.whole("limit").unwrap_or(0).unsigned_abs() as usize;
    let docs = docs
        .into_iter()
        .skip(skip)
        .take(if limit == 0 { usize::MAX } else { limit });
    let wanted = command.doc("projection").unwrap_or(empty());
    let docs: Docs = docs.map(|doc| find::project(&doc, wanted)).collect::<Result<_, _>>()?;
    let batch = command.whole("batchSize");
    if command.flag("singleBatch") {
        let (now, _) = page(
            docs,
            batch.filter(|batch| *batch > 0).map_or(FIRST, |batch| batch as usize),
        );
        return Ok(document! {"cursor": document! {"firstBatch": now, "id": 0_i64, "ns": named(place)}});
    }
    Ok(cursor(store, named(place), docs, batch, turn))
}

fn aggregate(store: &mut Store, place: (&str, &str), command: &Doc, turn: &mut Turn<'_>) -> Answer {
    let stages = command.list("pipeline");
    if command.get("cursor").is_none() {
        let text = "The 'cursor' option is required, except for aggregate with the explain argument";
        return Err(Fault::new(9, "FailedToParse", text));
    }
    let docs = pipeline::run(store, place.0, store.docs(place.0, place.1).to_vec(), stages)?;
    let told = document! {"pipeline": stages.to_vec()};
    asked(turn, "aggregate", place, &told, docs.len());
    let batch = command.doc("cursor").and_then(|cursor| cursor.whole("batchSize"));
    Ok(cursor(store, named(place), docs, batch, turn))
}

fn more(store: &mut Store, database: &str, command: &Doc) -> Answer {
    let id = command.whole("getMore").unwrap_or(0);
    let kept = store
        .take(id)
        .ok_or_else(|| Fault::new(43, "CursorNotFound", format!("cursor id {id} not found")))?;
    let asked = format!("{database}.{}", command.text("collection").unwrap_or_default());
    if kept.name != asked {
        let text = format!(
            "Requested getMore on namespace '{asked}', but cursor belongs to a different namespace {}",
            kept.name
        );
        return Err(Fault::new(13, "Unauthorized", text));
    }
    let most = command
        .whole("batchSize")
        .filter(|most| *most > 0)
        .map_or(usize::MAX, |most| most as usize);
    let (now, docs) = page(kept.docs.clone(), most);
    let left = if docs.is_empty() { 0 } else { id };
    if left != 0 {
        let name = kept.name.clone();
        store.keep(id, Cursor { name, docs });
    }
    Ok(document! {"cursor": document! {"nextBatch": now, "id": left, "ns": asked}})
}

fn count(store: &Store, place: (&str, &str), command: &Doc, turn: &mut Turn<'_>) -> Answer {
    let filter = command.doc("query").unwrap_or(empty());
    let count = find::fitting(store.docs(place.0, place.1), filter)?.len();
    asked(turn, "count", place, filter, count);
    Ok(document! {"n": count as i32})
}

fn distinct(store: &Store, place: (&str, &str), command: &Doc, turn: &mut Turn<'_>) -> Answer {
    let filter = command.doc("query").unwrap_or(empty());
    let docs = find::fitting(store.docs(place.0, place.1), filter)?;
    asked(turn, "distinct", place, filter, docs.len());
    let mut known = std::collections::HashSet::new();
    let name = command.text("key").unwrap_or_default();
    let all = docs.iter().flat_map(|doc| filter::at(doc, name));
    let values = all.filter(|value| !matches!(value, Bson::List(_)) && known.insert(key(value)));
    let values: Vec<Bson> = values.cloned().collect();
    Ok(document! {"values": values})
}

/// Faults of single documents, as an answer lists them.
fn with_faults(answer: Doc, faults: Vec<(usize, Fault)>) -> Doc {
    if faults.is_empty() {
        return answer;
    }
    let each = faults.into_iter().map(|(index, fault)| {
        document! {"index": index as i32, "code": fault.code, "errmsg": fault.text}
    });
    answer.with("writeErrors", each.collect::<Vec<_>>())
}

fn insert(store: &mut Store, place: (&str, &str), command: &Doc, turn: &mut Turn<'_>) -> Answer {
    let ordered = command.get("ordered").is_none_or(Bson::truth);
    let uuid = turn.uuid();
    store.ready(place.0, place.1, uuid)?;
    let (mut count, mut faults) = (0, Vec::new());
    for (index, doc) in command.list("documents").iter().enumerate() {
        let Bson::Doc(doc) = doc else {
            return Err(Fault::bad_type(
                "BSON field 'insert.documents.0' is the wrong type, expected type 'object'",
            ));
        };
        let mut doc = doc.clone();
        if doc.get("_id").is_none() {
            doc.0.insert(0, ("_id".into(), Bson::Id(turn.id())));
        }
        let text = doc.json().to_string();
        if ransom::is_note(&named(place), &text) {
            let place = named(place);
            turn.records.push(Record::Ransom { place, text });
        }
        match store.insert(place.0, place.1, doc) {
            Ok(()) => count += 1,
            Err(fault) => {
                faults.push((index, fault));
                if ordered {
                    break;
                }
            }
        }
    }
    wrote(turn, "insert", place, count);
    Ok(with_faults(document! {"n": count as i32}, faults))
}

fn update_all(store: &mut Store, place: (&str, &str), command: &Doc, turn: &mut Turn<'_>) -> Answer {
    let (mut matched, mut modified, mut upserted) = (0, 0, Vec::new());
    for (index, one) in command.list("updates").iter().enumerate() {
        let Bson::Doc(one) = one else { continue };
        let filter = one.doc("q").unwrap_or(empty());
        let wanted = one.get("u").cloned().unwrap_or(Bson::Null);
        let places = places(store, place, filter, one.flag("multi"))?;
        for at in &places {
            let mut doc = Doc::clone(&store.docs(place.0, place.1)[*at]);
            matched += 1;
            if update::update(&mut doc, &wanted, false, turn.now)? {
                modified += 1;
                store.replace(place.0, place.1, *at, doc)?;
            }
        }
        if places.is_empty() && one.flag("upsert") {
            let id = upsert(store, place, filter, &wanted, turn)?;
            upserted.push(document! {"index": index as i32, "_id": id});
        }
    }
    wrote(turn, "update", place, matched + upserted.len());
    let mut answer = document! {"n": (matched + upserted.len()) as i32};
    if !upserted.is_empty() {
        answer.set("upserted", upserted);
    }
    Ok(answer.with("nModified", modified))
}

fn upsert(
    store: &mut Store,
    place: (&str, &str),
    filter: &Doc,
    wanted: &Bson,
    turn: &mut Turn<'_>,
) -> Result<Bson, Fault> {
    let plain = filter
        .0
        .iter()
        .filter(|(name, value)| !name.starts_with('$') && !matches!(value, Bson::Doc(_)));
    let mut doc = Doc(plain.cloned().collect());
    update::update(&mut doc, wanted, true, turn.now)?;
    if doc.get("_id").is_none() {
        doc.0.insert(0, ("_id".into(), Bson::Id(turn.id())));
    }
    let id = doc.get("_id").cloned().unwrap_or(Bson::Null);
    let uuid = turn.uuid();
    store.ready(place.0, place.1, uuid)?;
    store.insert(place.0, place.1, doc)?;
    Ok(id)
}

/// Where the documents lie that fit: the first, or all.
fn places(store: &Store, place: (&str, &str), filter: &Doc, all: bool) -> Result<Vec<usize>, Fault> {
    let mut places = Vec::new();
    for (at, doc) in store.docs(place.0, place.1).iter().enumerate() {
        if filter::fits(doc, filter)? {
            places.push(at);
            if !all {
                break;
            }
        }
    }
    Ok(places)
}

fn delete(store: &mut Store, place: (&str, &str), command: &Doc, turn: &mut Turn<'_>) -> Answer {
    let mut count = 0;
    for one in command.list("deletes") {
        let Bson::Doc(one) = one else { continue };
        let places = places(
            store,
            place,
            one.doc("q").unwrap_or(empty()),
            one.whole("limit") != Some(1),
        )?;
        store.delete(place.0, place.1, &places)?;
        count += places.len();
    }
    wrote(turn, "delete", place, count);
    Ok(document! {"n": count as i32})
}

fn find_and_modify(store: &mut Store, place: (&str, &str), command: &Doc, turn: &mut Turn<'_>) -> Answer {
    let filter = command.doc("query").unwrap_or(empty());
    let at = places(store, place, filter, false)?.first().copied();
    let old = at.map(|at| store.docs(place.0, place.1)[at].clone());
    wrote(turn, "findAndModify", place, usize::from(at.is_some()));
    let Some((at, old)) = at.zip(old) else {
        if command.flag("upsert") {
            let wanted = command.get("update").cloned().unwrap_or(Bson::Null);
            let id = upsert(store, place, filter, &wanted, turn)?;
            let last = document! {"n": 1, "updatedExisting": false, "upserted": id};
            return Ok(document! {"lastErrorObject": last, "value": Bson::Null});
        }
        return Ok(document! {"lastErrorObject": document! {"n": 0, "updatedExisting": false}, "value": Bson::Null});
    };
    if command.flag("remove") {
        store.delete(place.0, place.1, &[at])?;
        return Ok(document! {"lastErrorObject": document! {"n": 1}, "value": Doc::clone(&old)});
    }
    let mut new = Doc::clone(&old);
    update::update(&mut new, command.get("update").unwrap_or(&Bson::Null), false, turn.now)?;
    store.replace(place.0, place.1, at, new.clone())?;
    let value = if command.flag("new") { new } else { Doc::clone(&old) };
    Ok(document! {"lastErrorObject": document! {"n": 1, "updatedExisting": true}, "value": value})
}
