//! What a key holds. Each type knows its size in bytes, so that the store can be bounded.

use std::collections::{BTreeSet, VecDeque};

use super::dict::Dict;
use super::number;
use super::reply::Bytes;
use super::stream::Stream;
use super::zset::Zset;

/// What an element of a collection costs beside its bytes.
const ELEMENT: usize = 32;

#[derive(Clone, Debug)]
pub(super) enum Value {
    Str(Text),
    List(List),
    Hash(Hash),
    Set(Set),
    Zset(Zset),
    Stream(Box<Stream>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Text {
    pub(super) bytes: Bytes,
    /// Changed in place: no longer shown as `int` or `embstr`.
    pub(super) grown: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct List {
    items: VecDeque<Bytes>,
    bytes: usize,
}

/// Small ones keep the order of insertion, as a listpack does.
#[derive(Clone, Debug)]
pub(super) struct Hash {
    form: HashForm,
    bytes: usize,
}

#[derive(Clone, Debug)]
enum HashForm {
    Small(Vec<(Bytes, Bytes)>),
    Large(Dict<Bytes>),
}

#[derive(Clone, Debug)]
pub(super) struct Set {
    form: SetForm,
    bytes: usize,
}

#[derive(Clone, Debug)]
enum SetForm {
    Ints(BTreeSet<i64>),
    Any(Dict<()>),
}

/// Sizes at which a small form becomes a large one (`*-max-listpack-*`, `set-max-intset-entries`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Small {
    pub(super) entries: usize,
    pub(super) value: usize,
}

// === impl Value ===

impl Value {
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Str(_) => "string",
            Self::List(_) => "list",
            Self::Hash(_) => "hash",
            Self::Set(_) => "set",
            Self::Zset(_) => "zset",
            Self::Stream(_) => "stream",
        }
    }

    pub(super) fn encoding(&self) -> &'static str {
        match self {
            Self::Str(text) => text.encoding(),
            Self::List(_) => "quicklist",
            Self::Hash(hash) if hash.is_small() => "listpack",
            Self::Hash(_) => "hashtable",
            Self::Set(Set {
                form: SetForm::Ints(_), ..
            }) => "intset",
            Self::Set(_) => "hashtable",
            Self::Zset(zset) if zset.is_small() => "listpack",
            Self::Zset(_) => "skiplist",
            Self::Stream(_) => "stream",
        }
    }

    /// Bytes it takes, about.
    pub(super) fn weight(&self) -> usize {
        16 + match self {
            Self::Str(text) => text.bytes.len(),
            Self::List(list) => list.bytes,
            Self::Hash(hash) => hash.bytes,
            Self::Set(set) => set.bytes,
            Self::Zset(zset) => zset.weight(),
            Self::Stream(stream) => stream.weight(),
        }
    }

    /// A collection without elements, which no key may hold; streams may be empty.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Str(_) | Self::Stream(_) => false,
            Self::List(list) => list.items.is_empty(),
            Self::Hash(hash) => hash.len() == 0,
            Self::Set(set) => set.len() == 0,
            Self::Zset(zset) => zset.len() == 0,
        }
    }

    pub(super) fn text(bytes: impl Into<Bytes>) -> Self {
        Self::Str(Text {
            bytes: bytes.into(),
            grown: false,
        })
    }
}

// === impl Text ===

impl Text {
    pub(super) fn encoding(&self) -> &'static str {
        match self.bytes.len() {
            _ if self.grown => "raw",
            0..=20 if number::integer(&self.bytes).is_some() => "int",
            0..=44 => "embstr",
            _ => "raw",
        }
    }
}

// === impl List ===

impl List {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Bytes> {
        self.items.get(at)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Bytes> + ExactSizeIterator {
        self.items.iter()
    }

    pub(super) fn push(&mut self, left: bool, item: Bytes) {
        self.bytes += item.len() + ELEMENT;
        if left {
            self.items.push_front(item)
        } else {
            self.items.push_back(item)
        }
    }

    pub(super) fn pop(&mut self, left: bool) -> Option<Bytes> {
        let item = if left {
            self.items.pop_front()
        } else {
            self.items.pop_back()
        }?;
        self.bytes -= item.len() + ELEMENT;
        Some(item)
    }

    pub(super) fn insert(&mut self, at: usize, item: Bytes) {
        self.bytes += item.len() + ELEMENT;
        self.items.insert(at, item);
    }

    pub(super) fn set(&mut self, at: usize, item: Bytes) {
        if let Some(old) = self.items.get_mut(at) {
            self.bytes = self.bytes - old.len() + item.len();
            *old = item;
        }
    }

    /// Keeps those of the range only.
    pub(super) fn trim(&mut self, range: std::ops::Range<usize>) {
        self.items.truncate(range.end);
        self.items.drain(..range.start.min(self.items.len()));
        self.bytes = self.items.iter().map(|item| item.len() + ELEMENT).sum();
    }

    /// Removes up to `limit` equal elements from one end; how many it were.
    pub(super) fn remove(&mut self, item: &[u8], limit: usize, from_tail: bool) -> usize {
        let places = self
            .items
            .iter()
            .enumerate()
            .filter(|(_, held)| *held == item)
            .map(|(at, _)| at);
        let mut places: Vec<_> = places.collect();
        if from_tail {
            places.reverse();
        }
        places.truncate(limit);
        places.sort_unstable();
        let (mut at, mut next) = (0, 0);
        self.items.retain(|_| {
            let goes = places.get(next) == Some(&at);
            next += usize::from(goes);
            at += 1;
            !goes
        });
        self.bytes -= places.len() * (item.len() + ELEMENT);
        places.len()
    }
}

// === impl Hash ===

impl Hash {
    pub(super) fn new() -> Self {
        Self {
            form: HashForm::Small(Vec::new()),
            bytes: 0,
        }
    }

    pub(super) fn is_small(&self) -> bool {
        matches!(self.form, HashForm::Small(_))
    }

    pub(super) fn len(&self) -> usize {
        match &self.form {
            HashForm::Small(fields) => fields.len(),
            HashForm::Large(fields) => fields.len(),
        }
    }

    pub(super) fn get(&self, field: &[u8]) -> Option<&Bytes> {
        match &self.form {
            HashForm::Small(fields) => fields.iter().find(|(f, _)| f == field).map(|(_, v)| v),
            HashForm::Large(fields) => fields.get(field),
        }
    }

    /// True when the field is new.
    pub(super) fn set(&mut self, field: Bytes, value: Bytes, small: Small, seed: u64) -> bool {
        let fits = field.len() <= small.value && value.len() <= small.value;
        if self.is_small() && !fits {
            self.enlarge(seed);
        }
        let (key_weight, weight) = (field.len() + ELEMENT, value.len());
        let old = match &mut self.form {
            HashForm::Small(fields) => match fields.iter_mut().find(|(f, _)| *f == field) {
                Some((_, held)) => Some(std::mem::replace(held, value)),
                None => {
                    fields.push((field, value));
                    None
                }
            },
            HashForm::Large(fields) => fields.insert(field, value),
        };
        self.bytes += weight;
        match &old {
            Some(old) => self.bytes -= old.len(),
            None => self.bytes += key_weight,
        }
        if self.is_small() && self.len() > small.entries {
            self.enlarge(seed);
        }
        old.is_none()
    }

    pub(super) fn remove(&mut self, field: &[u8]) -> Option<Bytes> {
        let value = match &mut self.form {
            HashForm::Small(fields) => {
                let at = fields.iter().position(|(f, _)| f == field)?;
                fields.remove(at).1
            }
            HashForm::Large(fields) => fields.remove(field)?,
        };
        self.bytes -= field.len() + ELEMENT + value.len();
        Some(value)
    }

    pub(super) fn iter(&self) -> Box<dyn Iterator<Item = (&Bytes, &Bytes)> + '_> {
        match &self.form {
            HashForm::Small(fields) => Box::new(fields.iter().map(|(f, v)| (f, v))),
            HashForm::Large(fields) => Box::new(fields.iter()),
        }
    }

    /// A small one is shown whole.
    pub(super) fn scan<'a>(&'a self, cursor: u64, mut visit: impl FnMut(&'a Bytes, &'a Bytes)) -> u64 {
        match &self.form {
            HashForm::Small(fields) => {
                fields.iter().for_each(|(field, value)| visit(field, value));
                0
            }
            HashForm::Large(fields) => fields.scan(cursor, visit),
        }
    }

    pub(super) fn pick(&self, mut random: impl FnMut() -> u64) -> Option<(&Bytes, &Bytes)> {
        match &self.form {
            HashForm::Small(fields) if fields.is_empty() => None,
            HashForm::Small(fields) => {
                let (field, value) = &fields[random() as usize % fields.len()];
                Some((field, value))
            }
            HashForm::Large(fields) => fields.pick(random),
        }
    }

    fn enlarge(&mut self, seed: u64) {
        if let HashForm::Small(fields) = &mut self.form {
            let mut large = Dict::new(seed);
            for (field, value) in std::mem::take(fields) {
                large.insert(field, value);
            }
            self.form = HashForm::Large(large);
        }
    }
}

// === impl Set ===

impl Set {
    pub(super) fn new() -> Self {
        Self {
            form: SetForm::Ints(BTreeSet::new()),
            bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        match &self.form {
            SetForm::Ints(ints) => ints.len(),
            SetForm::Any(members) => members.len(),
        }
    }

    pub(super) fn is_small(&self) -> bool {
        matches!(self.form, SetForm::Ints(_))
    }

    pub(super) fn contains(&self, member: &[u8]) -> bool {
        match &self.form {
            SetForm::Ints(ints) => number::integer(member).is_some_and(|n| ints.contains(&n)),
            SetForm::Any(members) => members.contains(member),
        }
    }

    /// True when the member is new.
    pub(super) fn add(&mut self, member: Bytes, small: usize, seed: u64) -> bool {
        let weight = member.len() + ELEMENT;
        let integer = number::integer(&member);
        if self.is_small() && integer.is_none() {
            self.enlarge(seed);
        }
        let added = match (&mut self.form, integer) {
            (SetForm::Ints(ints), Some(n)) => ints.insert(n),
            (SetForm::Any(members), _) => members.insert(member, ()).is_none(),
            (SetForm::Ints(_), None) => false,
        };
        if added {
            self.bytes += weight;
        }
        if self.is_small() && self.len() > small {
            self.enlarge(seed);
        }
        added
    }

    pub(super) fn remove(&mut self, member: &[u8]) -> bool {
        let removed = match &mut self.form {
            SetForm::Ints(ints) => number::integer(member).is_some_and(|n| ints.remove(&n)),
            SetForm::Any(members) => members.remove(member).is_some(),
        };
        if removed {
            self.bytes -= member.len() + ELEMENT;
        }
        removed
    }

    pub(super) fn iter(&self) -> Box<dyn Iterator<Item = Bytes> + '_> {
        match &self.form {
            SetForm::Ints(ints) => Box::new(ints.iter().map(|n| n.to_string().into_bytes())),
            SetForm::Any(members) => Box::new(members.iter().map(|(member, ())| member.clone())),
        }
    }

    pub(super) fn scan(&self, cursor: u64, mut visit: impl FnMut(Bytes)) -> u64 {
        match &self.form {
            SetForm::Ints(_) => {
                self.iter().for_each(visit);
                0
            }
            SetForm::Any(members) => members.scan(cursor, |member, ()| visit(member.clone())),
        }
    }

    pub(super) fn pick(&self, mut random: impl FnMut() -> u64) -> Option<Bytes> {
        match &self.form {
            SetForm::Ints(ints) if ints.is_empty() => None,
            SetForm::Ints(ints) => ints
                .iter()
                .nth(random() as usize % ints.len())
                .map(|n| n.to_string().into_bytes()),
            SetForm::Any(members) => members.pick(random).map(|(member, ())| member.clone()),
        }
    }

    fn enlarge(&mut self, seed: u64) {
        if let SetForm::Ints(ints) = &self.form {
            let mut members = Dict::new(seed);
            for n in ints {
                members.insert(n.to_string().into_bytes(), ());
            }
            self.form = SetForm::Any(members);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_integers_is_sorted_until_a_word_comes() {
        let mut set = Set::new();
        for member in ["30", "4", "-1"] {
            set.add(member.into(), 512, 1);
        }
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [b"-1".to_vec(), b"4".to_vec(), b"30".to_vec()]
        );
        set.add("x".into(), 512, 1);
        assert_eq!(Value::Set(set).encoding(), "hashtable");
    }

    #[test]
    fn what_is_taken_out_of_a_collection_is_taken_off_its_weight() {
        let (mut list, mut hash) = (List::default(), Hash::new());
        for n in 0..600 {
            list.push(n % 2 == 0, b"x".to_vec());
            hash.set(
                n.to_string().into_bytes(),
                vec![b'v'; 80],
                Small {
                    entries: 512,
                    value: 64,
                },
                1,
            );
        }
        assert_eq!(list.remove(b"x", 100, true), 100);
        list.trim(1..2);
        list.pop(true);
        for n in 0..600 {
            hash.remove(n.to_string().as_bytes());
        }
        assert_eq!((list.bytes, hash.bytes), (0, 0));
    }
}
