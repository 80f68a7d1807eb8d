//! Databases, collections and documents, as one address sees them.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::rc::Rc;

use super::bson::{Bson, Doc, document};
use super::filter::Fault;

/// Bytes one address may write; then the disk is full.
const MOST_WRITTEN: usize = 8 << 20;
const MOST_COLLECTIONS: usize = 1000;
/// Cursors that are kept open.
const MOST_CURSORS: usize = 50;

#[derive(Clone, Default)]
pub(super) struct Store {
    collections: BTreeMap<(String, String), Rc<Collection>>,
    cursors: VecDeque<(i64, Rc<Cursor>)>,
    written: usize,
}

#[derive(Clone)]
pub(super) struct Collection {
    pub(super) uuid: [u8; 16],
    pub(super) docs: Vec<Rc<Doc>>,
    pub(super) indexes: Vec<Doc>,
    ids: HashSet<Vec<u8>>,
    bytes: usize,
}

/// What is left of an answer.
pub(super) struct Cursor {
    pub(super) name: String,
    pub(super) docs: Vec<Rc<Doc>>,
}

/// The bytes a value is known by among others.
pub(super) fn key(id: &Bson) -> Vec<u8> {
    // The same number is the same key whatever its type.
    let id = match id.float() {
        Some(number) => Bson::Double(number),
        None => id.clone(),
    };
    Doc(vec![(String::new(), id)]).bytes()
}

// === impl Store ===

impl Store {
    /// What was written so far is not the client's own doing.
    pub(super) fn settle(&mut self) {
        self.written = 0;
    }

    pub(super) fn get(&self, database: &str, name: &str) -> Option<&Collection> {
        let found = self.collections.get(&(database.to_owned(), name.to_owned()));
        found.map(Rc::as_ref)
    }

    pub(super) fn docs(&self, database: &str, name: &str) -> &[Rc<Doc>] {
        self.get(database, name).map_or(&[], |collection| &collection.docs)
    }

    /// Databases and their bytes.
    pub(super) fn databases(&self) -> BTreeMap<&str, usize> {
        let mut all = BTreeMap::new();
        for ((database, _), collection) in &self.collections {
            *all.entry(database.as_str()).or_insert(0) += collection.size();
        }
        all
    }

    pub(super) fn collections<'a>(&'a self, database: &'a str) -> impl Iterator<Item = (&'a str, &'a Collection)> {
        let all = self.collections.iter().filter(move |((known, _), _)| known == database);
        all.map(|((_, name), collection)| (name.as_str(), collection.as_ref()))
    }

    /// Counts what is written; refuses as a full disk does.
    fn wrote(&mut self, bytes: usize) -> Result<(), Fault> {
        if self.written + bytes > MOST_WRITTEN {
            return Err(Fault::new(14031, "OutOfDiskSpace", "No space left on device"));
        }
        self.written += bytes;
        Ok(())
    }

    /// The collection of that name, made when there is none. `uuid` is for one that is made.
    pub(super) fn ready(&mut self, database: &str, name: &str, uuid: [u8; 16]) -> Result<&mut Collection, Fault> {
        let wrong = |text: String| Err(Fault::new(73, "InvalidNamespace", text));
        if database.is_empty() || database.len() > 63 || database.contains(['/', '\\', ' ', '"', '$', '\0', '.']) {
            return wrong(format!("Invalid database name: '{database}'"));
        }
        if name.is_empty() || name.len() > 255 || name.contains(['$', '\0']) || name.starts_with('.') {
            return wrong(format!("Invalid namespace specified '{database}.{name}'"));
        }
        let place = (database.to_owned(), name.to_owned());
        if !self.collections.contains_key(&place) {
            if self.collections.len() >= MOST_COLLECTIONS {
                return Err(Fault::new(14031, "OutOfDiskSpace", "No space left on device"));
            }
            self.wrote(512 + name.len())?;
        }
        let collection = self
            .collections
            .entry(place)
            .or_insert_with(|| Rc::new(Collection::new(uuid)));
        Ok(Rc::make_mut(collection))
    }

    /// Adds a document that has an `_id`.
    pub(super) fn insert(&mut self, database: &str, name: &str, doc: Doc) -> Result<(), Fault> {
        let bytes = doc.bytes().len();
        self.wrote(bytes + 64)?;
        let collection = self.ready(database, name, [0; 16])?;
        let id = doc.get("_id").cloned().unwrap_or(Bson::Null);
        if !collection.ids.insert(key(&id)) {
            let shown = Doc(vec![("_id".into(), id)]).json();
            let text = format!("E11000 duplicate key error collection: {database}.{name} index: _id_ dup key: {shown}");
            return Err(Fault::new(11000, "DuplicateKey", text));
        }
        collection.bytes += bytes;
        collection.docs.push(Rc::new(doc));
        Ok(())
    }

    pub(super) fn replace(&mut self, database: &str, name: &str, at: usize, doc: Doc) -> Result<(), Fault> {
        let bytes = doc.bytes().len();
        if bytes > super::bson::MOST_BYTES {
            return Err(Fault::new(
                10334,
                "BSONObjectTooLarge",
                format!("BSONObj size: {bytes} is invalid."),
            ));
        }
        self.wrote(bytes)?;
        let collection = self.ready(database, name, [0; 16])?;
        if let Some(old) = collection.docs.get_mut(at) {
            *old = Rc::new(doc);
        }
        Ok(())
    }

    /// Takes documents away, by their places in ascending order.
    pub(super) fn delete(&mut self, database: &str, name: &str, places: &[usize]) -> Result<(), Fault> {
        if places.is_empty() {
            return Ok(());
        }
        let collection = self.ready(database, name, [0; 16])?;
        for at in places.iter().rev() {
            if *at < collection.docs.len() {
                let gone = collection.docs.remove(*at);
                gone.get("_id").map(|id| collection.ids.remove(&key(id)));
            }
        }
        Ok(())
    }

    pub(super) fn drop(&mut self, database: &str, name: &str) -> Option<Rc<Collection>> {
        self.collections.remove(&(database.to_owned(), name.to_owned()))
    }

    /// Comes to whether there was such a database.
    pub(super) fn drop_database(&mut self, database: &str) -> bool {
        let before = self.collections.len();
        self.collections.retain(|(known, _), _| known != database);
        self.collections.len() < before
    }

    pub(super) fn rename(&mut self, from: (&str, &str), to: (&str, &str)) -> bool {
        match self.drop(from.0, from.1) {
            Some(collection) => {
                self.collections.insert((to.0.to_owned(), to.1.to_owned()), collection);
                true
            }
            None => false,
        }
    }

    pub(super) fn keep(&mut self, id: i64, cursor: Cursor) {
        if self.cursors.len() >= MOST_CURSORS {
            self.cursors.pop_front();
        }
        self.cursors.push_back((id, Rc::new(cursor)));
    }

    pub(super) fn take(&mut self, id: i64) -> Option<Rc<Cursor>> {
        let at = self.cursors.iter().position(|(known, _)| *known == id)?;
        self.cursors.remove(at).map(|(_, cursor)| cursor)
    }
}

// === impl Collection ===

impl Collection {
    fn new(uuid: [u8; 16]) -> Self {
        Self {
            uuid,
            docs: Vec::new(),
            indexes: vec![document! {"v": 2, "key": document! {"_id": 1}, "name": "_id_"}],
            ids: HashSet::new(),
            bytes: 0,
        }
    }

    /// Bytes on disk: whole pages.
    pub(super) fn size(&self) -> usize {
        let page = 4096;
        (self.bytes / 2).div_ceil(page).max(1) * page + 4 * page + self.indexes.len() * 5 * page
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
