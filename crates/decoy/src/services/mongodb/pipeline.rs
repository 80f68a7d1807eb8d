//! Documents put through pipelines.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::bson::{Bson, Doc, document};
use super::expression::{Room, evaluate, gathered, number, weight_of};
use super::filter::Fault;
use super::find::{Docs, first, fitting, projected, sort, without};
use super::store::{Store, key};

/// Stages of a pipeline.
const MOST_STAGES: usize = 100;

/// Puts documents through the stages of a pipeline.
pub(super) fn run(store: &Store, database: &str, mut docs: Docs, stages: &[Bson]) -> Result<Docs, Fault> {
    if stages.len() > MOST_STAGES {
        return Err(Fault::new(
            7_749_501,
            "Location7749501",
            "Pipeline length must be no longer than 1000 stages.",
        ));
    }
    let room = Room::default();
    for stage in stages {
        let Bson::Doc(stage) = stage else {
            return Err(Fault::bad_type(
                "Each element of the 'pipeline' array must be an object",
            ));
        };
        let [(name, how)] = stage.0.as_slice() else {
            let text = "A pipeline stage specification object must contain exactly one field.";
            return Err(Fault::new(40323, "Location40323", text));
        };
        docs = one(store, database, docs, (name, how), &room)?;
    }
    Ok(docs)
}

fn one(store: &Store, database: &str, mut docs: Docs, (name, how): (&str, &Bson), room: &Room) -> Result<Docs, Fault> {
    let count = || how.whole().and_then(|count| usize::try_from(count).ok());
    let wrong = || {
        Fault::new(
            15959,
            "Location15959",
            format!("the {name} specification is not of the right type"),
        )
    };
    match (name, how) {
        ("$match", Bson::Doc(filter)) => fitting(&docs, filter),
        ("$sort", Bson::Doc(by)) => {
            sort(&mut docs, by);
            Ok(docs)
        }
        ("$limit", _) => {
            docs.truncate(count().ok_or_else(wrong)?);
            Ok(docs)
        }
        ("$skip", _) => Ok(docs.into_iter().skip(count().ok_or_else(wrong)?).collect()),
        ("$project", Bson::Doc(wanted)) => docs.iter().map(|doc| projected(doc, wanted, room)).collect(),
        ("$addFields" | "$set", Bson::Doc(fields)) => {
            let each = docs.iter().map(|doc| {
                let mut doc = Doc::clone(doc);
                for (field, how) in &fields.0 {
                    let value = evaluate(how, &doc, room, 0)?;
                    doc.set(field, value);
                }
                Ok(Rc::new(doc))
            });
            each.collect()
        }
        ("$unset", _) => {
            let names = match how {
                Bson::List(names) => names.as_slice(),
                one => std::slice::from_ref(one),
            };
            let each = docs.iter().map(|doc| {
                let mut doc = Doc::clone(doc);
                for name in names {
                    if let Bson::Text(name) = name {
                        without(&mut doc, name);
                    }
                }
                Rc::new(doc)
            });
            Ok(each.collect())
        }
        ("$count", Bson::Text(field)) => match docs.len() {
            0 => Ok(Vec::new()),
            count => Ok(vec![Rc::new(Doc(vec![(field.clone(), Bson::Int(count as i32))]))]),
        },
        ("$group", Bson::Doc(how)) => group(&docs, how, room),
        ("$sortByCount", field) => {
            let how = document! {"_id": field.clone(), "count": document! {"$sum": 1}};
            let mut groups = group(&docs, &how, room)?;
            sort(&mut groups, &document! {"count": -1});
            Ok(groups)
        }
        ("$unwind", how) => unwind(&docs, how, room),
        ("$sample", Bson::Doc(how)) => {
            docs.truncate(how.whole("size").unwrap_or(1).max(0) as usize);
            Ok(docs)
        }
        ("$lookup", Bson::Doc(how)) => {
            let field = |name: &str| how.text(name).unwrap_or_default();
            let mut others: HashMap<Vec<u8>, Vec<&Rc<Doc>>> = HashMap::new();
            for other in store.docs(database, field("from")) {
                others
                    .entry(key(first(other, field("foreignField"))))
                    .or_default()
                    .push(other);
            }
            let each = docs.iter().map(|doc| {
                let found = others.get(&key(first(doc, field("localField"))));
                let mut all = Vec::new();
                for other in found.into_iter().flatten() {
                    room.spend(weight_of(other))?;
                    all.push(Doc::clone(other));
                }
                Ok(Rc::new(Doc::clone(doc).with(field("as"), all)))
            });
            each.collect()
        }
        (
            "$collStats" | "$indexStats" | "$currentOp" | "$listSessions" | "$listLocalSessions" | "$planCacheStats",
            _,
        ) => Ok(Vec::new()),
        ("$match" | "$sort" | "$project" | "$addFields" | "$set" | "$count" | "$group" | "$sample" | "$lookup", _) => {
            Err(wrong())
        }
        (unknown, _) => {
            let text = format!("Unrecognized pipeline stage name: '{unknown}'");
            Err(Fault::new(40324, "Location40324", text))
        }
    }
}

fn unwind(docs: &Docs, how: &Bson, room: &Room) -> Result<Docs, Fault> {
    let path = match how {
        Bson::Text(path) => path.as_str(),
        Bson::Doc(how) => how.text("path").unwrap_or_default(),
        _ => "",
    };
    let Some(path) = path.strip_prefix('$') else {
        return Err(Fault::new(
            28818,
            "Location28818",
            "path option to $unwind stage should be prefixed with a '$'",
        ));
    };
    let mut each = Vec::new();
    for doc in docs {
        match doc.get(path) {
            Some(Bson::List(values)) => {
                let mut bare = Doc::clone(doc);
                bare.set(path, Bson::Null);
                for value in values {
                    room.spend(weight_of(&bare))?;
                    each.push(Rc::new(bare.clone().with(path, room.take(value)?)));
                }
            }
            Some(Bson::Null) | None => {}
            Some(_) => each.push(doc.clone()),
        }
    }
    Ok(each)
}

fn group(docs: &Docs, how: &Doc, room: &Room) -> Result<Docs, Fault> {
    let Some(id) = how.get("_id") else {
        return Err(Fault::new(
            15955,
            "Location15955",
            "a group specification must include an _id",
        ));
    };
    let mut groups: Vec<(Bson, Vec<&Rc<Doc>>)> = Vec::new();
    let mut places = HashMap::new();
    for doc in docs {
        let id = evaluate(id, doc, room, 0)?;
        let at = *places.entry(key(&id)).or_insert(groups.len());
        if at == groups.len() {
            groups.push((id, Vec::new()));
        }
        groups[at].1.push(doc);
    }
    let mut out = Vec::new();
    for (id, members) in groups {
        let mut made = document! {"_id": id};
        for (field, how) in how.0.iter().filter(|(field, _)| field != "_id") {
            let Bson::Doc(how) = how else {
                let text = format!("The field '{field}' must be an accumulator object");
                return Err(Fault::new(40234, "Location40234", text));
            };
            let [(name, operand)] = how.0.as_slice() else {
                let text = format!("The field '{field}' must specify one accumulator");
                return Err(Fault::new(40238, "Location40238", text));
            };
            let values = members
                .iter()
                .map(|doc| evaluate(operand, doc, room, 0))
                .collect::<Result<Vec<_>, _>>()?;
            made.set(field, accumulated(name, values)?);
        }
        out.push(Rc::new(made));
    }
    Ok(out)
}

fn accumulated(name: &str, values: Vec<Bson>) -> Result<Bson, Fault> {
    Ok(match name {
        "$sum" => number(values.iter().filter_map(Bson::float).sum()),
        "$count" => Bson::Int(values.len() as i32),
        "$avg" | "$min" | "$max" => gathered(name, &values),
        "$first" => values.into_iter().next().unwrap_or(Bson::Null),
        "$last" => values.into_iter().next_back().unwrap_or(Bson::Null),
        "$push" => Bson::List(values),
        "$addToSet" => {
            let mut known = HashSet::new();
            Bson::List(values.into_iter().filter(|value| known.insert(key(value))).collect())
        }
        unknown => {
            return Err(Fault::new(
                15952,
                "Location15952",
                format!("unknown group operator '{unknown}'"),
            ));
        }
    })
}
