//! Which documents of an index a query finds, and how well they fit.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::json::Json;
use super::query::Query;
use super::store::{Doc, Index, like};
use super::value;

/// Comparisons one search may make.
const FUEL: u64 = 20_000_000;
/// BM25 as Lucene has it.
const K1: f32 = 1.2;
const B: f32 = 0.75;

/// One index being searched.
pub(super) struct Scope<'a> {
    pub(super) index: &'a Index,
    pub(super) now: i64,
    fuel: Cell<u64>,
    words: RefCell<Words>,
    weights: RefCell<Weights>,
}

/// The words of a field of a document.
type Words = HashMap<(u64, String), Rc<Vec<String>>>;
/// By field and word: how rare the word is, and how long the field is on average.
type Weights = HashMap<(String, String), (f32, f32)>;

// === impl Scope ===

impl<'a> Scope<'a> {
    pub(super) fn new(index: &'a Index, now: i64) -> Self {
        Self {
            index,
            now,
            fuel: Cell::new(FUEL),
            words: RefCell::default(),
            weights: RefCell::default(),
        }
    }

    /// Whether the search was longer than it may be.
    pub(super) fn is_spent(&self) -> bool {
        self.fuel.get() == 0
    }

    /// How well a document fits; none when it does not.
    pub(super) fn score(&self, query: &Query, doc: &Doc) -> Option<f32> {
        self.fuel.set(self.fuel.get().saturating_sub(1));
        if self.is_spent() {
            return None;
        }
        match query {
            Query::All => Some(1.0),
            Query::Nothing => None,
            Query::Terms(field, values) => {
                let fits = values.iter().any(|value| self.is_term(doc, field, value));
                match values.as_slice() {
                    [one] if fits => Some(self.term_score(doc, field, one)),
                    _ => fits.then_some(1.0),
                }
            }
            Query::Words { field, .. } if field == "*" => {
                let names = leaves(&self.index.properties);
                let scores = names.iter().filter_map(|name| self.words_score(query, name, doc));
                scores.max_by(f32::total_cmp)
            }
            Query::Words { field, .. } => self.words_score(query, field, doc),
            Query::Range(field, bounds) => {
                let fits = |value: &&Json| {
                    bounds
                        .iter()
                        .all(|(name, bound)| self.is_within(field, value, name, bound))
                };
                value::at(&doc.parsed, self.real(field)).iter().any(fits).then_some(1.0)
            }
            Query::Exists(field) => (!value::at(&doc.parsed, self.real(field)).is_empty()
                || doc.parsed.get(field).is_some_and(|inner| !inner.members().is_empty()))
            .then_some(1.0),
            Query::Ids(ids) => ids.contains(&doc.id).then_some(1.0),
            Query::Wildcard(field, pattern) => self.is_like(doc, field, pattern).then_some(1.0),
            Query::Constant(inner, boost) => self.score(inner, doc).map(|_| *boost),
            Query::Bool {
                must,
                filter,
                should,
                must_not,
                minimum,
            } => {
                if must_not.iter().any(|query| self.score(query, doc).is_some()) {
                    return None;
                }
                let mut sum = 0.0;
                for query in must {
                    sum += self.score(query, doc)?;
                }
                filter.iter().try_for_each(|query| self.score(query, doc).map(|_| ()))?;
                let optional: Vec<f32> = should.iter().filter_map(|query| self.score(query, doc)).collect();
                let bare = must.is_empty() && filter.is_empty() && should.is_empty() && !must_not.is_empty();
                let enough = optional.len() >= *minimum;
                let empty = must.is_empty() && filter.is_empty() && should.is_empty() && must_not.is_empty();
                let sum: f32 = sum + optional.iter().sum::<f32>();
                enough.then_some(if empty && !bare { 1.0 } else { sum })
            }
        }
    }

    /// The name in the document of a field or one of its kinds (`name.keyword`).
    pub(super) fn real<'f>(&self, field: &'f str) -> &'f str {
        match field.rsplit_once('.') {
            Some((outer, _)) if value::type_of(&self.index.properties, outer).is_some_and(|kind| kind != "object") => {
                outer
            }
            _ => field,
        }
    }

    fn is_text(&self, field: &str) -> bool {
        value::type_of(&self.index.properties, field) == Some("text")
    }

    fn is_term(&self, doc: &Doc, field: &str, wanted: &Json) -> bool {
        if field == "_id" {
            return doc.id == wanted.bare();
        }
        if self.is_text(field) {
            return self.words_of(doc, field).contains(&wanted.bare());
        }
        let date = value::type_of(&self.index.properties, field) == Some("date");
        let values = value::at(&doc.parsed, self.real(field));
        values.into_iter().any(|value| match (value, wanted) {
            _ if date => value::millis(value) == value::reckon(wanted, self.now),
            (Json::Number(_), _) => value.float() == wanted.float(),
            (Json::Bool(truth), _) => wanted.truth() == Some(*truth),
            _ => value.bare() == wanted.bare(),
        })
    }

    fn is_like(&self, doc: &Doc, field: &str, pattern: &str) -> bool {
        if field == "*" {
            let names = leaves(&self.index.properties);
            return names.iter().any(|name| self.is_like(doc, name, pattern));
        }
        if self.is_text(field) {
            let pattern = pattern.to_lowercase();
            return self.words_of(doc, field).iter().any(|word| like(&pattern, word));
        }
        let values = value::at(&doc.parsed, self.real(field));
        values.into_iter().any(|value| like(pattern, &value.bare()))
    }

    fn is_within(&self, field: &str, value: &Json, name: &str, bound: &Json) -> bool {
        let date = value::type_of(&self.index.properties, field) == Some("date");
        let order = if date {
            let (one, two) = (value::millis(value), value::reckon(bound, self.now));
            one.zip(two).map(|(one, two)| one.cmp(&two))
        } else if let (Json::Number(_), Some(two)) = (value, bound.float()) {
            value.float().and_then(|one| one.partial_cmp(&two))
        } else {
            Some(value.bare().cmp(&bound.bare()))
        };
        let Some(order) = order else {
            return !["gt", "gte", "lt", "lte", "from", "to"].contains(&name) || *bound == Json::Null;
        };
        match name {
            "gt" => order.is_gt(),
            "gte" | "from" => order.is_ge(),
            "lt" => order.is_lt(),
            "lte" | "to" => order.is_le(),
            _ => true,
        }
    }

    fn words_score(&self, query: &Query, field: &str, doc: &Doc) -> Option<f32> {
        let Query::Words {
            words,
            whole,
            all,
            phrase,
            ..
        } = query
        else {
            return None;
        };
        if !self.is_text(field) {
            return self
                .is_term(doc, field, whole)
                .then(|| self.term_score(doc, field, whole));
        }
        let there = self.words_of(doc, field);
        let fits = match (words.len(), *phrase, *all) {
            (0, ..) => false,
            (count, true, _) => there.windows(count).any(|window| window == words.as_slice()),
            (_, false, true) => words.iter().all(|word| there.contains(word)),
            (_, false, false) => words.iter().any(|word| there.contains(word)),
        };
        fits.then(|| words.iter().map(|word| self.word_score(&there, field, word)).sum())
    }

    fn term_score(&self, doc: &Doc, field: &str, value: &Json) -> f32 {
        match value::type_of(&self.index.properties, field) {
            Some("text") => self.word_score(&self.words_of(doc, field), field, &value.bare()),
            // Without norms a term that is there weighs the same in each document.
            Some("keyword") => self.weight(field, &value.bare()).0 / (1.0 + K1) * (1.0 + K1),
            _ => 1.0,
        }
    }

    fn word_score(&self, there: &[String], field: &str, word: &str) -> f32 {
        let count = there.iter().filter(|known| *known == word).count() as f32;
        let (weight, mean) = self.weight(field, word);
        let norm = K1 * (1.0 - B + B * there.len() as f32 / mean.max(1.0));
        if count == 0.0 {
            0.0
        } else {
            weight * (1.0 + K1) * count / (count + norm)
        }
    }

    /// How rare a word is, and how long the field is on average.
    fn weight(&self, field: &str, word: &str) -> (f32, f32) {
        let key = (field.to_owned(), word.to_owned());
        if let Some(known) = self.weights.borrow().get(&key) {
            return *known;
        }
        let text = self.is_text(field);
        let (mut having, mut with, mut length) = (0.0_f32, 0.0_f32, 0);
        for doc in self.index.docs() {
            self.fuel.set(self.fuel.get().saturating_sub(1));
            let (any, found) = if text {
                let words = self.words_of(doc, field);
                length += words.len();
                (!words.is_empty(), words.iter().any(|known| known == word))
            } else {
                let values = value::at(&doc.parsed, self.real(field));
                (!values.is_empty(), values.iter().any(|value| value.bare() == word))
            };
            having += f32::from(u8::from(any));
            with += f32::from(u8::from(found));
        }
        let rare = (1.0 + (having - with + 0.5) / (with + 0.5)).ln();
        let weight = (rare, length as f32 / having.max(1.0));
        self.weights.borrow_mut().insert(key, weight);
        weight
    }

    fn words_of(&self, doc: &Doc, field: &str) -> Rc<Vec<String>> {
        let key = (doc.seq, field.to_owned());
        if let Some(known) = self.words.borrow().get(&key) {
            return known.clone();
        }
        let values = value::at(&doc.parsed, self.real(field));
        let words: Vec<String> = values.iter().flat_map(|value| value::words(&value.bare())).collect();
        self.fuel.set(self.fuel.get().saturating_sub(words.len() as u64));
        let words = Rc::new(words);
        self.words.borrow_mut().insert(key, words.clone());
        words
    }
}

/// The dotted names of all fields that hold values.
fn leaves(properties: &Json) -> Vec<String> {
    let mut names = Vec::new();
    for (name, field) in properties.members() {
        match field.get("properties") {
            Some(inner) => names.extend(leaves(inner).into_iter().map(|inner| format!("{name}.{inner}"))),
            None => names.push(name.clone()),
        }
    }
    names
}
