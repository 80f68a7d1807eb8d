//! Sigma's condition language: `selection and not 1 of filter_*`.

use std::collections::BTreeMap;

use super::condition::Condition;

type Searches = BTreeMap<String, Condition>;

struct Parser<'a> {
    words: Vec<String>,
    at: usize,
    searches: &'a Searches,
    depth: usize,
}

const MAX_DEPTH: usize = 32;

pub(super) fn read(text: &str, searches: &Searches) -> Result<Condition, String> {
    if text.contains('|') {
        return Err("aggregations (`|` in a condition) are not supported; use a correlation".to_owned());
    }
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let words = spaced.split_whitespace().map(str::to_owned).collect();
    let mut parser = Parser {
        words,
        at: 0,
        searches,
        depth: 0,
    };
    let condition = parser.or()?;
    match parser.peek() {
        None => Ok(condition),
        Some(word) => Err(format!("`{word}` is not expected in the condition")),
    }
}

// === impl Parser ===

impl Parser<'_> {
    fn peek(&self) -> Option<&str> {
        self.words.get(self.at).map(String::as_str)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<Condition, String> {
        let mut parts = vec![self.and()?];
        while self.take("or") {
            parts.push(self.and()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Condition::Any(parts)
        })
    }

    fn and(&mut self) -> Result<Condition, String> {
        let mut parts = vec![self.not()?];
        while self.take("and") {
            parts.push(self.not()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Condition::All(parts)
        })
    }

    fn not(&mut self) -> Result<Condition, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("the condition is nested too deep".to_owned());
        }
        let condition = if self.take("not") {
            Condition::Not(Box::new(self.not()?))
        } else {
            self.one()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn one(&mut self) -> Result<Condition, String> {
        if self.take("(") {
            let inner = self.or()?;
            return if self.take(")") {
                Ok(inner)
            } else {
                Err("a `)` is missing in the condition".to_owned())
            };
        }
        let word = self.peek().ok_or("the condition ends early")?.to_owned();
        self.at += 1;
        if (word == "1" || word.eq_ignore_ascii_case("all") || word.eq_ignore_ascii_case("any")) && self.take("of") {
            let pattern = self.peek().ok_or("`of` what?")?.to_owned();
            self.at += 1;
            let parts = self.matching(&pattern)?;
            return Ok(if word.eq_ignore_ascii_case("all") {
                Condition::All(parts)
            } else {
                Condition::Any(parts)
            });
        }
        self.searches
            .get(&word)
            .cloned()
            .ok_or_else(|| format!("the condition names `{word}`, which is not there"))
    }

    fn matching(&self, pattern: &str) -> Result<Vec<Condition>, String> {
        let fits = |name: &str| match pattern.split_once('*') {
            _ if pattern.eq_ignore_ascii_case("them") => !name.starts_with('_'),
            Some((start, end)) => {
                name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
            }
            None => name == pattern,
        };
        let parts: Vec<_> = self
            .searches
            .iter()
            .filter(|(name, _)| fits(name))
            .map(|(_, part)| part.clone())
            .collect();
        if parts.is_empty() {
            Err(format!("`of {pattern}` fits nothing"))
        } else {
            Ok(parts)
        }
    }
}
