//! Conditions: comparisons with and, or, not.

use std::borrow::Cow;

use serde_yaml::Value as Yaml;

use super::field::{Fields, kinds_of};
use super::pattern::{Test, keyword_fits};
use crate::event::{Event, Kind};

#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Always,
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Test(Test),
    Keyword(String),
}

/// Lists that `expand` may name.
pub(super) type Lists<'a> = &'a dyn Fn(&str) -> Option<Vec<String>>;

const MAX_DEPTH: usize = 16;

// === impl Condition ===

impl Condition {
    /// A map is `and`, a list is `or`, and `all`, `any`, `not` combine.
    pub(super) fn read(value: &Yaml, lists: Lists<'_>) -> Result<Self, String> {
        Self::at(value, lists, 0)
    }

    fn at(value: &Yaml, lists: Lists<'_>, depth: usize) -> Result<Self, String> {
        if depth > MAX_DEPTH {
            return Err(format!("conditions nested more than {MAX_DEPTH} deep"));
        }
        match value {
            Yaml::Null => Ok(Self::Always),
            Yaml::Mapping(map) => {
                let mut all = Vec::new();
                for (key, value) in map {
                    let key = key.as_str().ok_or("a field's name must be text")?;
                    all.push(match key {
                        "all" => Self::All(Self::list(value, lists, depth)?),
                        "any" => Self::Any(Self::list(value, lists, depth)?),
                        "not" => Self::Not(Box::new(Self::at(value, lists, depth + 1)?)),
                        _ => Self::Test(Test::read(key, value, lists)?),
                    });
                }
                Ok(Self::All(all))
            }
            Yaml::Sequence(_) => Ok(Self::Any(Self::list(value, lists, depth)?)),
            _ => Err("a condition must be a map of fields or a list of such maps".to_owned()),
        }
    }

    fn list(value: &Yaml, lists: Lists<'_>, depth: usize) -> Result<Vec<Self>, String> {
        let items = value.as_sequence().ok_or("`all` and `any` want a list")?;
        items.iter().map(|item| Self::at(item, lists, depth + 1)).collect()
    }

    pub(crate) fn is_met(&self, event: &Event) -> bool {
        self.holds(event)
    }

    pub(super) fn holds(&self, fields: &dyn Fields) -> bool {
        match self {
            Self::Always => true,
            Self::All(parts) => parts.iter().all(|part| part.holds(fields)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(fields)),
            Self::Not(part) => !part.holds(fields),
            Self::Test(test) => test.holds(fields),
            Self::Keyword(keyword) => keyword_fits(keyword, fields),
        }
    }

    /// The kinds of event this can hold for, if its fields tell.
    pub(super) fn kinds(&self) -> Option<Vec<Kind>> {
        match self {
            Self::Test(test) => kinds_of(&test.field).map(<[Kind]>::to_vec),
            Self::All(parts) => parts.iter().find_map(Self::kinds),
            Self::Any(parts) => {
                let kinds: Option<Vec<Vec<Kind>>> = parts.iter().map(Self::kinds).collect();
                let mut kinds: Vec<Kind> = kinds?.into_iter().flatten().collect();
                kinds.sort_unstable();
                kinds.dedup();
                (!kinds.is_empty()).then_some(kinds)
            }
            _ => None,
        }
    }
}

/// Fields of two sources, the first one's first.
pub(super) struct Both<'a>(pub(super) &'a dyn Fields, pub(super) &'a dyn Fields);

impl Fields for Both<'_> {
    fn get(&self, name: &str) -> Option<super::field::Value<'_>> {
        self.0.get(name).or_else(|| self.1.get(name))
    }

    fn texts(&self) -> Vec<Cow<'_, str>> {
        self.1.texts()
    }
}
