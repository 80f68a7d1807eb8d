//! Commands over collections: listed, made, renamed and taken away.

use std::rc::Rc;

use super::bson::{Bson, Doc, document};
use super::documents::{Answer, asked, cursor, empty, named, wrote};
use super::filter::Fault;
use super::find::{self, Docs};
use super::server::Turn;
use super::store::Store;

pub(super) fn list(store: &mut Store, database: &str, command: &Doc, turn: &mut Turn<'_>) -> Answer {
    let names_only = command.flag("nameOnly");
    let each = store.collections(database).map(|(name, collection)| {
        let head = document! {"name": name, "type": "collection"};
        Rc::new(if names_only {
            head
        } else {
            head.with("options", Doc::default())
                .with(
                    "info",
                    document! {"readOnly": false, "uuid": Bson::Binary(4, collection.uuid.to_vec())},
                )
                .with(
                    "idIndex",
                    document! {"v": 2, "key": document! {"_id": 1}, "name": "_id_"},
                )
        })
    });
    let docs = find::fitting(&each.collect::<Docs>(), command.doc("filter").unwrap_or(empty()))?;
    let place = (database, "$cmd.listCollections");
    asked(
        turn,
        "listCollections",
        place,
        command.doc("filter").unwrap_or(empty()),
        docs.len(),
    );
    Ok(cursor(store, named(place), docs, Some(i64::from(i32::MAX)), turn))
}

pub(super) fn create(store: &mut Store, place: (&str, &str), turn: &mut Turn<'_>) -> Answer {
    if store.get(place.0, place.1).is_some() {
        let text = format!("Collection already exists. NS: {}", named(place));
        return Err(Fault::new(48, "NamespaceExists", text));
    }
    let uuid = turn.uuid();
    store.ready(place.0, place.1, uuid)?;
    wrote(turn, "create", place, 1);
    Ok(Doc::default())
}

pub(super) fn drop(store: &mut Store, place: (&str, &str), turn: &mut Turn<'_>) -> Answer {
    let gone = store
        .drop(place.0, place.1)
        .ok_or_else(|| Fault::new(26, "NamespaceNotFound", "ns not found"))?;
    wrote(turn, "drop", place, gone.docs.len());
    Ok(document! {"nIndexesWas": gone.indexes.len() as i32, "ns": named(place)})
}

pub(super) fn drop_database(store: &mut Store, database: &str, turn: &mut Turn<'_>) -> Answer {
    let there = store.drop_database(database);
    wrote(turn, "dropDatabase", (database, ""), usize::from(there));
    Ok(if there {
        document! {"dropped": database}
    } else {
        Doc::default()
    })
}

pub(super) fn rename(store: &mut Store, command: &Doc, turn: &mut Turn<'_>) -> Answer {
    let split = |name: &str| -> Result<(String, String), Fault> {
        let (database, collection) = command
            .text(name)
            .unwrap_or_default()
            .split_once('.')
            .unwrap_or_default();
        if database.is_empty() || collection.is_empty() {
            return Err(Fault::new(
                73,
                "InvalidNamespace",
                format!("Invalid namespace specified in '{name}'"),
            ));
        }
        Ok((database.to_owned(), collection.to_owned()))
    };
    let (from, to) = (split("renameCollection")?, split("to")?);
    if !store.rename((&from.0, &from.1), (&to.0, &to.1)) {
        let text = format!("Source collection {}.{} does not exist", from.0, from.1);
        return Err(Fault::new(26, "NamespaceNotFound", text));
    }
    wrote(turn, "renameCollection", (&to.0, &to.1), 1);
    Ok(Doc::default())
}

pub(super) fn list_indexes(store: &mut Store, place: (&str, &str), turn: &mut Turn<'_>) -> Answer {
    let Some(collection) = store.get(place.0, place.1) else {
        let text = format!("ns does not exist: {}", named(place));
        return Err(Fault::new(26, "NamespaceNotFound", text));
    };
    let docs: Docs = collection.indexes.iter().cloned().map(Rc::new).collect();
    let name = format!("{}.$cmd.listIndexes.{}", place.0, place.1);
    Ok(cursor(store, name, docs, None, turn))
}

pub(super) fn create_indexes(store: &mut Store, place: (&str, &str), command: &Doc, turn: &mut Turn<'_>) -> Answer {
    let fresh = store.get(place.0, place.1).is_none();
    let uuid = turn.uuid();
    let collection = store.ready(place.0, place.1, uuid)?;
    let before = collection.indexes.len();
    for index in command.list("indexes") {
        let Bson::Doc(index) = index else { continue };
        let known = collection
            .indexes
            .iter()
            .any(|known| known.text("name") == index.text("name"));
        if !known && collection.indexes.len() < 64 {
            collection.indexes.push(document! {
                "v": 2, "key": index.get("key").cloned().unwrap_or(Bson::Null), "name": index.text("name").unwrap_or_default(),
            });
        }
    }
    let after = collection.indexes.len();
    wrote(turn, "createIndexes", place, after - before);
    Ok(document! {
        "createdCollectionAutomatically": fresh, "numIndexesBefore": before as i32, "numIndexesAfter": after as i32,
    })
}
