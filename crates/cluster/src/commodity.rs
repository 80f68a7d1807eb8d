//! What everybody has: fingerprints of stock clients, malware anyone can fetch, endpoints that host for the public.

use std::collections::HashMap;

use crate::key::PlainHash;
use crate::{Family, KeyHash};

/// Values that link nobody, each with a name for people.
#[derive(Clone, Debug, Default)]
pub struct Commodity {
    names: HashMap<KeyHash, Box<str>, PlainHash>,
}

/// A line of a list that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct BadLine {
    /// From 1.
    pub line: usize,
    pub reason: String,
}

const SHIPPED: &str = include_str!("../commodity.tsv");

// === impl Commodity ===

impl Commodity {
    /// The list that comes with the product.
    pub fn shipped() -> Self {
        let mut list = Self::default();
        for line in SHIPPED.lines() {
            if let Ok(Some((family, value, name))) = entry(line) {
                list.add(family, value, name);
            }
        }
        list
    }

    /// Adds the lines `family<TAB>value<TAB>name` of a list; empty lines and those that begin with `#` say nothing.
    ///
    /// # Errors
    /// The first line that is none of these. What stood before it is added.
    pub fn extend(&mut self, text: &str) -> Result<(), BadLine> {
        for (n, line) in text.lines().enumerate() {
            match entry(line) {
                Ok(Some((family, value, name))) => self.add(family, value, name),
                Ok(None) => {}
                Err(reason) => return Err(BadLine { line: n + 1, reason }),
            }
        }
        Ok(())
    }

    pub fn add(&mut self, family: Family, value: &str, name: &str) {
        self.names.insert(KeyHash::of(family, value), name.into());
    }

    pub fn contains(&self, key: KeyHash) -> bool {
        self.names.contains_key(&key)
    }

    /// Whether many use this password, whoever they are: lines of the family `credential` name passwords.
    pub fn has_password(&self, secret: &str) -> bool {
        self.contains(KeyHash::of(Family::Credential, secret))
    }

    /// What the value is, for people.
    pub fn name(&self, key: KeyHash) -> Option<&str> {
        self.names.get(&key).map(|name| &**name)
    }
}

fn entry(line: &str) -> Result<Option<(Family, &str, &str)>, String> {
    let line = line.trim_end();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut fields = line.splitn(3, '\t');
    let (Some(family), Some(value), Some(name)) = (fields.next(), fields.next(), fields.next()) else {
        return Err("three fields are needed, divided by tabulators: family, value, name".to_owned());
    };
    let mut families = Family::OBSERVED.into_iter().chain([Family::Credential]);
    let known = families.find(|known| known.as_str() == family);
    let known = known.ok_or_else(|| format!("`{family}` is no family of values"))?;
    Ok(Some((known, value, name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_shipped_list_is_read() {
        let mut list = Commodity::default();
        list.extend(SHIPPED).unwrap();
        let lines = SHIPPED
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        assert_eq!(list.names.len(), lines.count());
        assert_eq!(Commodity::shipped().names, list.names);
        assert!(!list.names.is_empty());
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let mut list = Commodity::default();
        let wrong = list
            .extend("# mine\nja3\tabc\tour own monitor\nja5\tabc\twhat")
            .unwrap_err();
        assert_eq!(wrong.to_string(), "line 3: `ja5` is no family of values");
        assert_eq!(list.name(KeyHash::of(Family::Ja3, "abc")), Some("our own monitor"));
        assert!(list.extend("ja3 abc").is_err());
    }
}
