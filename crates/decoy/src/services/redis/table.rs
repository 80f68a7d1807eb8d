//! The facts of every command: what COMMAND tells of it, from the genuine server's own answers
//! (`templates/services/redis/commands.json`).

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::Value as Json;

use super::reply::{Bytes, Reply};

static COMMANDS: &str = include_str!("../../../../../templates/services/redis/commands.json");
static HELP: &str = include_str!("../../../../../templates/services/redis/help.txt");

/// Every command and subcommand.
pub(super) struct Table {
    facts: Vec<Facts>,
    by_name: HashMap<String, usize>,
}

#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Lower case; `config|get` for a subcommand.
    pub(super) name: String,
    /// Negative: at least so many, the name included.
    pub(super) arity: i64,
    flags: Vec<String>,
    pub(super) categories: Vec<String>,
    /// First, last (negative: from the end) and step; 0 where there are no keys in fixed places.
    pub(super) keys: (i64, i64, i64),
    pub(super) subcommands: Vec<String>,
    /// Line of the file it is on; none for a subcommand.
    line: Option<usize>,
}

// === impl Table ===

impl Table {
    pub(super) fn get() -> &'static Self {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(Self::read)
    }

    /// By name in any case; a subcommand as `config|get`.
    pub(super) fn facts(&self, name: &str) -> Option<&Facts> {
        self.by_name.get(name).map(|at| &self.facts[*at])
    }

    /// Commands and subcommands.
    pub(super) fn every(&self) -> impl Iterator<Item = &Facts> {
        self.facts.iter()
    }

    /// Top-level commands.
    pub(super) fn commands(&self) -> impl Iterator<Item = &Facts> {
        self.facts.iter().filter(|facts| facts.line.is_some())
    }

    /// What COMMAND INFO says of it.
    pub(super) fn info(&self, name: &str) -> Option<Reply> {
        let whole = self.line(self.facts(name.split('|').next()?)?)?;
        let info = whole.get(0)?;
        let Some((_, _)) = name.split_once('|') else {
            return reply(info);
        };
        let wanted = Json::String(format!("${name}"));
        info.get(10)?
            .as_array()?
            .iter()
            .find(|sub| sub.get(1) == Some(&wanted))
            .and_then(reply)
    }

    /// What COMMAND DOCS says of it.
    pub(super) fn docs(&self, name: &str) -> Option<Reply> {
        let whole = self.line(self.facts(name.split('|').next()?)?)?;
        let docs = whole.get(1)?;
        if !name.contains('|') {
            return reply(docs);
        }
        let subcommands = value_of(docs, "$subcommands")?;
        reply(value_of(subcommands, &format!("${name}"))?)
    }

    /// The lines of `<COMMAND> HELP`.
    pub(super) fn help(&self, name: &str) -> Reply {
        let title = format!("# {name}");
        let lines = HELP.lines().skip_while(|line| *line != title).skip(1);
        Reply::Array(
            lines
                .take_while(|line| !line.starts_with("# "))
                .map(|line| Reply::Line(line.into()))
                .collect(),
        )
    }

    fn line(&self, facts: &Facts) -> Option<Json> {
        let line = COMMANDS.lines().nth(facts.line?)?;
        serde_json::from_str(line.strip_suffix(',').unwrap_or(line)).ok()
    }

    fn read() -> Self {
        let mut table = Self {
            facts: Vec::new(),
            by_name: HashMap::new(),
        };
        for (at, line) in COMMANDS.lines().enumerate() {
            let whole: Option<Json> = serde_json::from_str(line.strip_suffix(',').unwrap_or(line)).ok();
            let Some(info) = whole.as_ref().and_then(|whole| whole.get(0)) else {
                continue;
            };
            let mut facts = Facts::read(info);
            facts.line = Some(at);
            let subcommands = info.get(10).and_then(Json::as_array).into_iter().flatten();
            for sub in subcommands.filter(|sub| sub.is_array()) {
                let sub = Facts::read(sub);
                facts.subcommands.push(sub.name.clone());
                table.add(sub);
            }
            table.add(facts);
        }
        table
    }

    fn add(&mut self, facts: Facts) {
        self.by_name.insert(facts.name.clone(), self.facts.len());
        self.facts.push(facts);
    }
}

// === impl Facts ===

impl Facts {
    pub(super) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|held| held == flag)
    }

    pub(super) fn fits(&self, args: usize) -> bool {
        let args = args as i64;
        if self.arity < 0 {
            args >= -self.arity
        } else {
            args == self.arity
        }
    }

    /// The keys among the arguments of a command whose keys have fixed places.
    pub(super) fn fixed_keys<'a>(&self, args: &'a [Bytes]) -> Vec<&'a Bytes> {
        let (first, last, step) = self.keys;
        if first == 0 {
            return Vec::new();
        }
        let last = if last < 0 { args.len() as i64 + last } else { last };
        let places = (first..=last).step_by(step.max(1) as usize);
        places.filter_map(|at| args.get(at as usize)).collect()
    }

    fn read(info: &Json) -> Self {
        let texts = |at: usize| -> Vec<String> {
            let items = info.get(at).and_then(Json::as_array).into_iter().flatten().skip(1);
            items
                .filter_map(|item| Some(item.as_str()?.trim_start_matches(['+', '@', '$']).to_owned()))
                .collect()
        };
        let number = |at: usize| info.get(at).and_then(Json::as_i64).unwrap_or(0);
        Self {
            name: info
                .get(1)
                .and_then(Json::as_str)
                .unwrap_or_default()
                .trim_start_matches('$')
                .to_owned(),
            arity: number(2),
            flags: texts(3),
            categories: texts(7),
            keys: (number(4), number(5), number(6)),
            subcommands: Vec::new(),
            line: None,
        }
    }
}

/// In the file a text starts with its RESP type, and a list with the type of its sequence.
fn reply(json: &Json) -> Option<Reply> {
    Some(match json {
        Json::Null => Reply::Null,
        Json::Number(n) => Reply::Int(n.as_i64()?),
        Json::String(text) => match text.split_at_checked(1)? {
            ("+", text) => Reply::Line(text.into()),
            (_, text) => Reply::bulk(text),
        },
        Json::Array(items) => {
            let (kind, items) = items.split_first()?;
            let items = items.iter().map(reply).collect::<Option<Vec<_>>>()?;
            match kind.as_str()? {
                "%" => Reply::Map(items),
                "~" => Reply::Set(items),
                _ => Reply::Array(items),
            }
        }
        _ => return None,
    })
}

fn value_of<'a>(map: &'a Json, key: &str) -> Option<&'a Json> {
    let items = map.as_array()?;
    let at = items.iter().position(|item| item.as_str() == Some(key))?;
    items.get(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_what_the_server_tells_of_its_commands() {
        let table = Table::get();
        assert_eq!(table.commands().count(), 240);
        let mset = table.facts("mset").unwrap();
        assert!(mset.has("denyoom") && mset.fits(3) && !mset.fits(2));
        let args: Vec<Bytes> = ["mset", "a", "1", "b", "2"].map(Into::into).into();
        assert_eq!(mset.fixed_keys(&args), [&b"a".to_vec(), &b"b".to_vec()]);
        assert!(table.facts("config|get").is_some() && table.docs("config|get").is_some());
        assert!(matches!(table.info("object|encoding"), Some(Reply::Array(_))));
    }
}
