//! Reading YAML values one by one, so that everything wrong with a file is told at once, each with its line.

use serde_yaml::Value;

use crate::locate::{Step, locate};
use crate::problem::{Problem, Problems, Severity};

/// A value and the way to it.
#[derive(Clone, Debug)]
pub(crate) struct Node<'v> {
    value: &'v Value,
    path: Vec<Step>,
}

/// One file being read.
pub(crate) struct Reader<'t> {
    file: &'t str,
    text: &'t str,
    pub(crate) problems: Problems,
}

// === impl Node ===

impl<'v> Node<'v> {
    pub(crate) fn root(value: &'v Value) -> Self {
        Self {
            value,
            path: Vec::new(),
        }
    }

    /// The value of a key; a null is none.
    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.as_mapping()?.get(key)?;
        (!value.is_null()).then(|| self.down(value, Step::Key(key.to_owned())))
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub(crate) fn is_mapping(&self) -> bool {
        self.value.is_mapping()
    }

    pub(crate) fn is_list(&self) -> bool {
        self.value.is_sequence()
    }

    fn down(&self, value: &'v Value, step: Step) -> Self {
        let mut path = self.path.clone();
        path.push(step);
        Self { value, path }
    }
}

// === impl Reader ===

impl<'t> Reader<'t> {
    pub(crate) fn new(file: &'t str, text: &'t str) -> Self {
        Self {
            file,
            text,
            problems: Problems::default(),
        }
    }

    pub(crate) fn error(&mut self, node: &Node<'_>, message: impl Into<String>) {
        self.push(Severity::Error, node, message.into(), None);
    }

    pub(crate) fn error_with_help(&mut self, node: &Node<'_>, message: String, help: String) {
        self.push(Severity::Error, node, message, Some(help));
    }

    pub(crate) fn warning(&mut self, node: &Node<'_>, message: impl Into<String>) {
        self.push(Severity::Warning, node, message.into(), None);
    }

    fn push(&mut self, severity: Severity, node: &Node<'_>, message: String, help: Option<String>) {
        if self.problems.is_full() {
            return;
        }
        let mut problem = Problem {
            severity,
            help,
            ..Problem::error(self.file, message)
        };
        if let Some(place) = locate(self.text, &node.path) {
            problem = problem.at(place, self.text);
        }
        self.problems.push(problem);
    }

    /// Says which keys mean nothing here. They are left alone: a description may carry notes.
    pub(crate) fn only(&mut self, node: &Node<'_>, what: &str, known: &[&str]) {
        let Some(mapping) = node.value.as_mapping() else { return };
        for (key, value) in mapping {
            let name = key.as_str().unwrap_or_default();
            if !known.contains(&name) {
                let at = node.down(value, Step::Key(name.to_owned()));
                self.warning(&at, format!("`{name}` means nothing in {what} and is ignored"));
            }
        }
    }

    pub(crate) fn text(&mut self, node: &Node<'_>, what: &str) -> Option<String> {
        let text = match node.value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            _ => None,
        };
        if text.is_none() {
            self.error(node, format!("{what} should be text"));
        }
        text
    }

    /// The same, and it must not be empty.
    pub(crate) fn word(&mut self, node: &Node<'_>, what: &str) -> Option<String> {
        let text = self.text(node, what)?;
        if text.trim().is_empty() {
            self.error(node, format!("{what} is empty"));
            return None;
        }
        Some(text)
    }

    pub(crate) fn flag(&mut self, node: &Node<'_>, what: &str) -> Option<bool> {
        let flag = node.value.as_bool();
        if flag.is_none() {
            self.error(node, format!("{what} should be true or false"));
        }
        flag
    }

    pub(crate) fn number(&mut self, node: &Node<'_>, what: &str, from: u64, to: u64) -> Option<u64> {
        let whole = |number: f64| (number.fract() == 0.0 && (0.0..1e15).contains(&number)).then_some(number as u64);
        let number = match node.value {
            Value::Number(number) => number.as_u64().or_else(|| number.as_f64().and_then(whole)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let fits = number.filter(|number| (from..=to).contains(number));
        if fits.is_none() {
            self.error(node, format!("{what} should be a whole number from {from} to {to}"));
        }
        fits
    }

    /// Seconds, whole or not, as microseconds.
    pub(crate) fn seconds(&mut self, node: &Node<'_>, what: &str, most: u32) -> Option<i64> {
        let seconds = node
            .value
            .as_f64()
            .filter(|seconds| (0.0..=f64::from(most)).contains(seconds));
        if seconds.is_none() {
            self.error(node, format!("{what} should be seconds, from 0 to {most}"));
        }
        seconds.map(|seconds| (seconds * 1e6).round() as i64)
    }

    pub(crate) fn list<'v>(&mut self, node: &Node<'v>, what: &str) -> Option<Vec<Node<'v>>> {
        let Some(list) = node.value.as_sequence() else {
            self.error(node, format!("{what} should be a list"));
            return None;
        };
        let items = list.iter().enumerate();
        Some(items.map(|(n, value)| node.down(value, Step::Index(n))).collect())
    }

    pub(crate) fn mapping(&mut self, node: &Node<'_>, what: &str) -> bool {
        if !node.is_mapping() {
            self.error(node, format!("{what} should be a mapping, `key: value`"));
        }
        node.is_mapping()
    }

    pub(crate) fn texts(&mut self, node: &Node<'_>, what: &str) -> Option<Vec<String>> {
        let items = self.list(node, what)?;
        Some(
            items
                .iter()
                .filter_map(|item| self.text(item, &format!("each of {what}")))
                .collect(),
        )
    }

    pub(crate) fn numbers(&mut self, node: &Node<'_>, what: &str, from: u64, to: u64) -> Option<Vec<u64>> {
        let items = self.list(node, what)?;
        let each = format!("each of {what}");
        Some(
            items
                .iter()
                .filter_map(|item| self.number(item, &each, from, to))
                .collect(),
        )
    }
}
