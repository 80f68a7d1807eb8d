//! Documents found, put in order and shown in part.

use std::cmp::Ordering;
use std::rc::Rc;

use super::bson::{Bson, Doc};
use super::expression::{Room, evaluate};
use super::filter::{self, Fault};

pub(super) type Docs = Vec<Rc<Doc>>;

pub(super) fn fitting(docs: &[Rc<Doc>], filter: &Doc) -> Result<Docs, Fault> {
    let mut found = Vec::new();
    for doc in docs {
        if filter::fits(doc, filter)? {
            found.push(doc.clone());
        }
    }
    Ok(found)
}

pub(super) fn sort(docs: &mut Docs, by: &Doc) {
    docs.sort_by(|one, two| {
        let orders = by.0.iter().map(|(field, way)| {
            let order = first(one, field).order(first(two, field));
            if way.float().is_some_and(|way| way < 0.0) {
                order.reverse()
            } else {
                order
            }
        });
        orders.fold(Ordering::Equal, Ordering::then)
    });
}

pub(super) fn first<'a>(doc: &'a Doc, field: &str) -> &'a Bson {
    filter::at(doc, field).first().copied().unwrap_or(&Bson::Null)
}

/// What of a document a projection wants.
pub(super) fn project(doc: &Rc<Doc>, wanted: &Doc) -> Result<Rc<Doc>, Fault> {
    projected(doc, wanted, &Room::default())
}

pub(super) fn projected(doc: &Rc<Doc>, wanted: &Doc, room: &Room) -> Result<Rc<Doc>, Fault> {
    if wanted.0.is_empty() {
        return Ok(doc.clone());
    }
    let plain = |value: &Bson| matches!(value, Bson::Bool(_)) || value.float().is_some();
    let with = wanted
        .0
        .iter()
        .any(|(name, value)| name != "_id" && (!plain(value) || value.truth()));
    let only_id = wanted.0.iter().all(|(name, value)| name == "_id" && value.truth());
    if !(with || only_id) {
        let mut shown = Doc::clone(doc);
        wanted
            .0
            .iter()
            .filter(|(_, value)| !value.truth())
            .for_each(|(name, _)| without(&mut shown, name));
        return Ok(Rc::new(shown));
    }
    let mut shown = Doc::default();
    let hides_id = wanted.get("_id").is_some_and(|value| !value.truth());
    for (name, value) in &doc.0 {
        let prefix = format!("{name}.");
        let whole = wanted
            .0
            .iter()
            .any(|(field, how)| field == name && plain(how) && how.truth());
        let deeper = wanted
            .0
            .iter()
            .any(|(field, how)| field.starts_with(&prefix) && how.truth());
        if (name == "_id" && !hides_id) || (whole && name != "_id") {
            shown.set(name, value.clone());
        } else if deeper && let Bson::Doc(inner) = value {
            let below = wanted
                .0
                .iter()
                .filter_map(|(field, how)| Some((field.strip_prefix(&prefix)?.to_owned(), how.clone())));
            let below = Doc(below.collect()).with("_id", true);
            shown.set(
                name,
                Doc::clone(projected(&Rc::new(inner.clone()), &below, room)?.as_ref()),
            );
        }
    }
    for (name, how) in wanted.0.iter().filter(|(name, how)| name != "_id" && !plain(how)) {
        shown.set(name, evaluate(how, doc, room, 0)?);
    }
    if let Some(how) = wanted.get("_id").filter(|how| !plain(how)) {
        shown.set("_id", evaluate(how, doc, room, 0)?);
    }
    Ok(Rc::new(shown))
}

pub(super) fn without(doc: &mut Doc, name: &str) {
    match name.split_once('.') {
        None => {
            doc.remove(name);
        }
        Some((first, rest)) => {
            if let Some((_, Bson::Doc(inner))) = doc.0.iter_mut().find(|(known, _)| known == first) {
                without(inner, rest);
            }
        }
    }
}
