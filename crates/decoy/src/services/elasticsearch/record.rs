//! What is told of a client beside its requests; `session` makes events of it.

use super::json::Json;

/// Bytes of a query, or of a script, that are told.
const TOLD: usize = 1500;
/// What runs programs, or reaches for what does, in the languages scripts come in.
const REACHES: [&str; 12] = [
    "java.lang",
    "java.io",
    "java.util.scanner",
    "java.net",
    "getruntime",
    "processbuilder",
    ".exec(",
    "execute()",
    "forname",
    "getclass",
    "classloader",
    "new file",
];

#[derive(Debug, PartialEq)]
pub(super) enum Record {
    Search {
        names: String,
        query: String,
        hits: usize,
    },
    Write {
        what: &'static str,
        index: String,
        id: Option<String>,
    },
    /// A note of those who ask money.
    Ransom {
        index: String,
        text: String,
    },
    /// A script, or a path, that is there to break in.
    Exploit {
        way: String,
        payload: String,
    },
}

// === impl Record ===

impl Record {
    pub(super) fn search(names: &str, body: &Json, hits: usize) -> Self {
        let query = body.to_string();
        Self::Search {
            names: names.to_owned(),
            query: query[..query.floor_char_boundary(TOLD)].to_owned(),
            hits,
        }
    }

    pub(super) fn write(what: &'static str, index: &str, id: Option<&str>) -> Self {
        Self::Write {
            what,
            index: index.to_owned(),
            id: id.map(str::to_owned),
        }
    }
}

/// A script in a request.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) lang: String,
    pub(super) source: String,
}

// === impl Script ===

impl Script {
    pub(super) fn is_hostile(&self) -> bool {
        let source = self.source.to_lowercase();
        ["groovy", "mvel", "js", "javascript", "python"].contains(&self.lang.as_str())
            || REACHES.iter().any(|word| source.contains(word))
    }
}

/// All scripts anywhere in a body.
pub(super) fn scripts(body: &Json) -> Vec<Script> {
    let mut found = Vec::new();
    walk(body, &mut found, 0);
    found
}

fn walk(json: &Json, found: &mut Vec<Script>, level: usize) {
    if level > 32 || found.len() > 16 {
        return;
    }
    if let Json::List(values) = json {
        return values.iter().for_each(|value| walk(value, found, level + 1));
    }
    for (name, value) in json.members() {
        let is_script = name.ends_with("script") && !matches!(value, Json::List(_));
        let source = value
            .get("source")
            .or_else(|| value.get("inline"))
            .or(Some(value))
            .and_then(Json::text);
        match source.filter(|_| is_script) {
            Some(source) => {
                let lang = value.get("lang").or_else(|| json.get("lang")).and_then(Json::text);
                found.push(Script {
                    lang: lang.unwrap_or("painless").to_owned(),
                    source: source.to_owned(),
                });
            }
            None => walk(value, found, level + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_that_break_in_are_told_from_those_that_reckon() {
        let hostile = |text: &str| {
            let found = scripts(&Json::parse(text.as_bytes()).unwrap());
            found.iter().map(Script::is_hostile).collect::<Vec<_>>()
        };
        let groovy = r#"{"script_fields":{"a":{"lang":"groovy","script":"java.lang.Math.class.forName(\"java.lang.Runtime\")"}}}"#;
        assert_eq!(hostile(groovy), [true]);
        let mvel = r#"{"script_fields":{"a":{"script":"import java.util.*;new java.util.Scanner(Runtime.getRuntime().exec(\"id\"))"}}}"#;
        assert_eq!(hostile(mvel), [true]);
        assert_eq!(hostile(r#"{"script":{"source":"ctx._source.n += params.n"}}"#), [false]);
    }
}
