//! Indices and their documents, as one address sees them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

use super::json::{Json, object};
use super::reply::Refusal;
use super::value;

/// Bytes one address may write; then the disk is full.
const MOST_WRITTEN: usize = 8 << 20;
/// `cluster.max_shards_per_node`
const MOST_SHARDS: usize = 1000;
/// What a field of a mapping takes.
const FIELD: usize = 400;
/// Searches that are kept for who scrolls.
const MOST_SCROLLS: usize = 10;

#[derive(Clone, Default)]
pub(super) struct Store {
    pub(super) indices: BTreeMap<String, Rc<Index>>,
    /// What is kept by name without anything being done with it: templates, pipelines, stored scripts.
    pub(super) kept: BTreeMap<(&'static str, String), Json>,
    pub(super) cluster_settings: [Json; 2],
    scrolls: VecDeque<(String, Rc<Scroll>)>,
    written: usize,
}

#[derive(Clone)]
pub(super) struct Index {
    pub(super) name: String,
    pub(super) uuid: String,
    /// Milliseconds since 1970.
    pub(super) created: i64,
    pub(super) shards: u64,
    pub(super) replicas: u64,
    pub(super) open: bool,
    /// Settings beside those, below `index`.
    pub(super) settings: Json,
    pub(super) properties: Json,
    pub(super) aliases: BTreeMap<String, Json>,
    docs: BTreeMap<u64, Rc<Doc>>,
    by_id: HashMap<String, u64>,
    next_seq: u64,
    pub(super) deleted: u64,
    pub(super) bytes: usize,
}

pub(super) struct Doc {
    pub(super) id: String,
    /// As it was written.
    pub(super) source: Rc<str>,
    pub(super) parsed: Json,
    pub(super) version: u64,
    pub(super) seq: u64,
}

/// What is left of a search.
pub(super) struct Scroll {
    pub(super) hits: Vec<Json>,
    pub(super) total: Json,
    pub(super) size: usize,
}

/// What became of a document that was written.
pub(super) struct Written {
    pub(super) created: bool,
    pub(super) version: u64,
    pub(super) seq: u64,
}

// === impl Store ===

impl Store {
    /// What was written so far is not the client's own doing.
    pub(super) fn settle(&mut self) {
        self.written = 0;
    }

    pub(super) fn index(&self, name: &str) -> Result<&Rc<Index>, Refusal> {
        self.indices
            .get(name)
            .or_else(|| self.indices.values().find(|index| index.aliases.contains_key(name)))
            .ok_or_else(|| Refusal::no_index(name))
    }

    pub(super) fn index_mut(&mut self, name: &str) -> Result<&mut Index, Refusal> {
        let real = self.index(name)?.name.clone();
        let found = self.indices.get_mut(&real).ok_or_else(|| Refusal::no_index(name))?;
        Ok(Rc::make_mut(found))
    }

    /// Names, aliases and patterns with commas between them; `_all`, `*` and nothing for all there are.
    pub(super) fn named(&self, names: &str) -> Result<Vec<Rc<Index>>, Refusal> {
        let mut found: Vec<Rc<Index>> = Vec::new();
        let mut add = |index: &Rc<Index>| {
            if !found.iter().any(|known| known.name == index.name) {
                found.push(index.clone());
            }
        };
        for name in names.split(',').map(|name| if name.is_empty() { "_all" } else { name }) {
            if name == "_all" || name.contains('*') {
                let pattern = if name == "_all" { "*" } else { name };
                let hidden = pattern.starts_with('.');
                for index in self.indices.values() {
                    let called = std::iter::once(&index.name).chain(index.aliases.keys());
                    let fits = called.into_iter().any(|called| like(pattern, called));
                    if fits && (hidden || !index.name.starts_with('.')) {
                        add(index);
                    }
                }
            } else {
                let aliased = self.indices.values().filter(|index| index.aliases.contains_key(name));
                let mut any = false;
                for index in self.indices.get(name).into_iter().chain(aliased) {
                    any = true;
                    add(index);
                }
                if !any {
                    return Err(Refusal::no_index(name));
                }
            }
        }
        Ok(found)
    }

    pub(super) fn create(&mut self, mut index: Index) -> Result<(), Refusal> {
        let name = index.name.clone();
        if let Some(known) = self.indices.get(&name) {
            let reason = format!("index [{name}/{}] already exists", known.uuid);
            return Err(Refusal::new(400, "resource_already_exists_exception", reason).of_index(&name, &known.uuid));
        }
        let wanted = (index.shards * (1 + index.replicas)) as usize;
        let open: usize = self.indices.values().map(|index| index.all_shards()).sum();
        if open + wanted > MOST_SHARDS {
            let reason = format!(
                "Validation Failed: 1: this action would add [{wanted}] total shards, but this cluster currently has \
                 [{open}]/[{MOST_SHARDS}] maximum shards open;"
            );
            return Err(Refusal::new(400, "validation_exception", reason));
        }
        self.wrote(
            &name,
            512 + index.settings.to_string().len() + index.properties.to_string().len(),
        )?;
        index.bytes = 0;
        self.indices.insert(name, Rc::new(index));
        Ok(())
    }

    /// Counts what is written; refuses as a full disk does.
    pub(super) fn wrote(&mut self, index: &str, bytes: usize) -> Result<(), Refusal> {
        if self.written + bytes > MOST_WRITTEN {
            let reason = format!(
                "index [{index}] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has \
                 read-only-allow-delete block];"
            );
            return Err(Refusal::new(429, "cluster_block_exception", reason));
        }
        self.written += bytes;
        Ok(())
    }

    /// Keeps a document in an index that is there.
    pub(super) fn put(&mut self, index: &str, id: String, source: Rc<str>, parsed: Json) -> Result<Written, Refusal> {
        self.wrote(index, source.len() + id.len() + 64)?;
        let name = index;
        let index = self.index_mut(name)?;
        let learnt = value::learn(&mut index.properties, &parsed).map_err(|reason| {
            let reason = format!("{reason} while adding new fields");
            Refusal::new(400, "illegal_argument_exception", reason)
        });
        self.wrote(name, learnt? * FIELD)?;
        let index = self.index_mut(name)?;
        let seq = index.next_seq;
        index.next_seq += 1;
        let old = index.by_id.get(&id).and_then(|old| index.docs.remove(old));
        let version = old.as_ref().map_or(1, |old| old.version + 1);
        if let Some(old) = &old {
            index.deleted += 1;
            index.bytes -= old.source.len().min(index.bytes);
        }
        index.bytes += source.len();
        index.by_id.insert(id.clone(), seq);
        let doc = Doc {
            id,
            source,
            parsed,
            version,
            seq,
        };
        index.docs.insert(seq, Rc::new(doc));
        Ok(Written {
            created: old.is_none(),
            version,
            seq,
        })
    }

    /// Version and sequence number of the deletion, when there was such a document.
    pub(super) fn delete(&mut self, index: &str, id: &str) -> Result<Option<(u64, u64)>, Refusal> {
        let index = self.index_mut(index)?;
        let seq = index.next_seq;
        index.next_seq += 1;
        let old = index.by_id.remove(id).and_then(|old| index.docs.remove(&old));
        Ok(old.map(|old| {
            index.deleted += 1;
            index.bytes -= old.source.len().min(index.bytes);
            (old.version + 1, seq)
        }))
    }

    pub(super) fn keep_scroll(&mut self, id: String, scroll: Scroll) {
        if self.scrolls.len() >= MOST_SCROLLS {
            self.scrolls.pop_front();
        }
        self.scrolls.push_back((id, Rc::new(scroll)));
    }

    pub(super) fn take_scroll(&mut self, id: &str) -> Option<Rc<Scroll>> {
        let at = self.scrolls.iter().position(|(known, _)| known == id)?;
        self.scrolls.remove(at).map(|(_, scroll)| scroll)
    }

    pub(super) fn drop_scrolls(&mut self) -> usize {
        let count = self.scrolls.len();
        self.scrolls.clear();
        count
    }
}

// === impl Index ===

impl Index {
    pub(super) fn new(name: &str, uuid: String, created: i64) -> Self {
        Self {
            name: name.to_owned(),
            uuid,
            created,
            shards: 1,
            replicas: 1,
            open: true,
            settings: Json::empty(),
            properties: Json::empty(),
            aliases: BTreeMap::new(),
            docs: BTreeMap::new(),
            by_id: HashMap::new(),
            next_seq: 0,
            deleted: 0,
            bytes: 0,
        }
    }

    pub(super) fn docs(&self) -> impl Iterator<Item = &Rc<Doc>> {
        self.docs.values()
    }

    pub(super) fn count(&self) -> usize {
        self.docs.len()
    }

    pub(super) fn doc(&self, id: &str) -> Option<&Rc<Doc>> {
        self.docs.get(self.by_id.get(id)?)
    }

    /// Primaries and replicas.
    pub(super) fn all_shards(&self) -> usize {
        (self.shards * (1 + self.replicas)) as usize
    }

    /// Bytes on disk: what is stored of the documents, and the files of each shard.
    pub(super) fn size(&self) -> u64 {
        let docs = self.docs.len() as u64;
        let head = if docs == 0 { 208 } else { 3_400 };
        self.shards * head + self.bytes as u64 * 7 / 10 + docs * 38
    }

    pub(super) fn health(&self) -> &'static str {
        if self.replicas > 0 { "yellow" } else { "green" }
    }

    pub(super) fn mappings(&self) -> Json {
        if self.properties.members().is_empty() {
            return Json::empty();
        }
        object! {"properties": self.properties.clone()}
    }
}

/// Whether a name fits a pattern with `*` in it.
pub(super) fn like(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_their_patterns() {
        for (pattern, name, fits) in [
            ("*", "a", true),
            ("logs-*", "logs-1", true),
            ("logs-*-x", "logs-1-x", true),
            ("a*a", "a", false),
            ("*b*", "abc", true),
            ("abc", "abcd", false),
        ] {
            assert_eq!(like(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn who_writes_too_much_finds_the_disk_full() {
        let mut store = Store::default();
        store.create(Index::new("a", "u".into(), 0)).unwrap();
        let text: Rc<str> = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20)).into();
        let write = |store: &mut Store, n: usize| {
            let parsed = Json::parse(text.as_bytes()).unwrap();
            store
                .put("a", n.to_string(), text.clone(), parsed)
                .map(|written| written.version)
        };
        let refused = (0..10).find_map(|n| write(&mut store, n).err()).unwrap();
        assert_eq!(refused.status(), 429);
    }
}
