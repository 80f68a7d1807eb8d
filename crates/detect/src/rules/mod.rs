//! Rules from files: our own language, and a strict part of Sigma (detect.md §10).

mod condition;
mod definition;
mod field;
mod file;
mod file_playbook;
mod logic;
mod pattern;
mod run;
mod sigma;
mod sigma_condition;
mod sigma_correlation;
mod suppress;
mod tried;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub(crate) use condition::Condition;
pub use definition::Definition;
pub(crate) use run::Running;
pub use tried::Outcome as TestOutcome;

use crate::error::{Error, Result};

/// Rules loaded from files.
#[derive(Clone, Debug, Default)]
pub struct Ruleset {
    definitions: Vec<Arc<Definition>>,
}

const MAX_FILE: usize = 1 << 20;
const MAX_RULES: usize = 1_000;
/// Each remembered call keeps a bit for each.
const MAX_CONDITIONS: usize = 512;
const MAX_NODES: usize = 10_000;
/// Brackets nested deeper than any rule are how YAML is made slow.
const MAX_NESTING: usize = 64;

// === impl Ruleset ===

impl Ruleset {
    /// Adds a file: all of its rules, or on any error none.
    ///
    /// # Errors
    /// Says where and what is wrong: syntax with line and column, else the rule's line and id.
    pub fn add(&mut self, name: &str, text: &str) -> Result<()> {
        let refused = |what: String| Error::Rules {
            file: name.to_owned(),
            what,
        };
        check_size(text).map_err(refused)?;
        let is_ours = text
            .lines()
            .any(|line| line.trim_start_matches(['{', '"', ' ']).starts_with("decnet_rules"));
        let read = if is_ours {
            file::read(name, text)
        } else {
            sigma::read(name, text)
        };
        let mut all = self.definitions.clone();
        for definition in read.map_err(refused)? {
            let id = &definition.rule.id;
            let taken = all.iter().any(|other| other.rule.id.eq_ignore_ascii_case(id)) || is_built_in(id);
            if taken {
                return Err(refused(format!("rule already exists: {id}")));
            }
            all.push(Arc::new(definition));
        }
        if all.len() > MAX_RULES {
            return Err(refused(format!("more than {MAX_RULES} rules")));
        }
        silence(&mut all);
        self.definitions = all;
        Ok(())
    }

    /// What refers to rules that are not there, or to each other in a circle.
    ///
    /// # Errors
    /// Names the first rule with such a reference.
    pub fn check(&self) -> Result<()> {
        let conditions: usize = self
            .iter()
            .filter_map(Definition::known)
            .map(|known| known.playbook.conditions())
            .sum();
        for definition in &self.definitions {
            let refused = |what: String| Error::Rules {
                file: definition.origin.clone(),
                what,
            };
            let id = &definition.rule.id;
            for name in definition.refers_to() {
                let known = self.definitions.iter().any(|other| other.is_called(name))
                    || crate::catalogue::built_in_rules()
                        .iter()
                        .any(|rule| rule.is_called(name));
                if !known {
                    return Err(refused(format!("rule `{id}` refers to `{name}`, which is not there")));
                }
            }
            if conditions > MAX_CONDITIONS {
                return Err(refused(format!(
                    "more than {MAX_CONDITIONS} steps of playbooks have a `where`"
                )));
            }
            if self.reaches(definition, id, 0) {
                return Err(refused(format!("rule `{id}` refers to itself through others")));
            }
        }
        Ok(())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Definition> {
        self.definitions.iter().map(Arc::as_ref)
    }

    pub fn is_empty(&self) -> bool {
        self.definitions.is_empty()
    }

    /// Runs the tests that rules carry, each on a fresh engine.
    pub fn test(&self) -> Vec<TestOutcome> {
        self.definitions
            .iter()
            .flat_map(|definition| tried::run(self, definition))
            .collect()
    }

    fn reaches(&self, from: &Definition, id: &str, depth: usize) -> bool {
        if depth > self.definitions.len() {
            return true;
        }
        from.refers_to().into_iter().any(|name| {
            let next = self.definitions.iter().find(|other| other.is_called(name));
            next.is_some_and(|next| next.rule.id.eq_ignore_ascii_case(id) || self.reaches(next, id, depth + 1))
        })
    }
}

/// Correlations tell for the rules they refer to, unless those are to tell themselves.
fn silence(all: &mut [Arc<Definition>]) {
    let quiet: Vec<String> = all
        .iter()
        .filter(|definition| matches!(definition.feed, definition::Feed::Rules { generate: false, .. }))
        .flat_map(|definition| {
            definition
                .refers_to()
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    for definition in all.iter_mut() {
        if quiet.iter().any(|name| definition.is_called(name)) {
            Arc::make_mut(definition).silent = true;
        }
    }
}

fn is_built_in(id: &str) -> bool {
    crate::catalogue::built_in_rules()
        .iter()
        .any(|rule| rule.id.eq_ignore_ascii_case(id))
}

/// Refuses what a parser should not be shown.
fn check_size(text: &str) -> std::result::Result<(), String> {
    if text.len() > MAX_FILE {
        return Err(format!("more than {MAX_FILE} bytes"));
    }
    let mut depth = 0usize;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            return Err(format!("brackets nested more than {MAX_NESTING} deep"));
        }
    }
    let nodes = text.lines().filter(|line| !line.trim().is_empty()).count() + text.matches(',').count();
    let rules = text.matches("id:").count().max(1);
    if nodes > MAX_NODES * rules {
        return Err(format!("more than {MAX_NODES} nodes a rule"));
    }
    Ok(())
}
