//! The configuration: every directive of 7.0, its kind and value (`templates/services/redis/config.tsv`).

use super::glob;
use super::number;
use super::reply::Bytes;

static DIRECTIVES: &str = include_str!("../../../../../templates/services/redis/config.tsv");

pub(super) struct Config {
    rows: Vec<Row>,
}

struct Row {
    name: &'static str,
    kind: Kind,
    value: Bytes,
    changed: bool,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Fixed,
    Bool,
    Int(i64, i64),
    Memory { low: u64, high: u64, percent: bool },
    Enum(&'static str),
    Text,
    Alias(&'static str),
}

/// Why a directive keeps its value; the text Redis gives after ` - `.
pub(super) type Refusal = String;

// === impl Config ===

impl Config {
    /// As Debian ships it, but open to the network.
    pub(super) fn new() -> Self {
        let rows = DIRECTIVES.lines().filter_map(|line| {
            let mut columns = line.split('\t');
            let (name, kind, value) = (columns.next()?, columns.next()?, columns.next()?);
            Some(match kind {
                "alias" => Row {
                    name,
                    kind: Kind::Alias(value),
                    value: Bytes::new(),
                    changed: false,
                },
                _ => Row {
                    name,
                    kind: Kind::read(kind)?,
                    value: value.into(),
                    changed: false,
                },
            })
        });
        Self { rows: rows.collect() }
    }

    pub(super) fn get(&self, name: &str) -> &[u8] {
        self.row(name).map_or(b"", |row| &row.value)
    }

    pub(super) fn number(&self, name: &str) -> i64 {
        number::integer(self.get(name)).unwrap_or(0)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name) == b"yes"
    }

    /// Without asking whether it may.
    pub(super) fn put(&mut self, name: &str, value: impl Into<Bytes>) {
        let at = self.place(name);
        if let Some(row) = at.and_then(|at| self.rows.get_mut(at)) {
            row.value = value.into();
            row.changed = true;
        }
    }

    /// Directives that were put, and what they hold.
    pub(super) fn changed(&self) -> Vec<(&'static str, Bytes)> {
        self.rows
            .iter()
            .filter(|row| row.changed)
            .map(|row| (row.name, row.value.clone()))
            .collect()
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    pub(super) fn is_fixed(&self, name: &str) -> bool {
        self.row(name).is_some_and(|row| matches!(row.kind, Kind::Fixed))
    }

    /// The directive's own name, where an older one is given.
    pub(super) fn canonical(&self, name: &str) -> &'static str {
        self.row(name).map_or("", |row| row.name)
    }

    /// What the directive would hold, or why it cannot. Directives of a kind of their own are left to the caller.
    pub(super) fn check(&self, name: &str, value: &[u8]) -> Result<Bytes, Refusal> {
        self.row(name).map_or(Ok(value.to_vec()), |row| row.kind.check(value))
    }

    /// Names and values of those that match the pattern, aliases under their own names.
    pub(super) fn matching(&self, pattern: &[u8]) -> Vec<(&'static str, Bytes)> {
        let wanted = self
            .rows
            .iter()
            .filter(|row| glob::matches_nocase(pattern, row.name.as_bytes()));
        wanted.map(|row| (row.name, self.get(row.name).to_vec())).collect()
    }

    fn row(&self, name: &str) -> Option<&Row> {
        self.rows.get(self.place(name)?)
    }

    fn place(&self, name: &str) -> Option<usize> {
        let at = self.rows.iter().position(|row| row.name.eq_ignore_ascii_case(name))?;
        match self.rows[at].kind {
            Kind::Alias(of) => self.rows.iter().position(|row| row.name == of),
            _ => Some(at),
        }
    }
}

// === impl Kind ===

impl Kind {
    fn read(text: &'static str) -> Option<Self> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let bounds = || rest.split_once(':');
        Some(match kind {
            "fixed" => Self::Fixed,
            "bool" => Self::Bool,
            "int" => Self::Int(bounds()?.0.parse().ok()?, bounds()?.1.parse().ok()?),
            "mem" | "percent" => {
                let (low, high) = (bounds()?.0.parse().ok()?, bounds()?.1.parse().ok()?);
                Self::Memory {
                    low,
                    high,
                    percent: kind == "percent",
                }
            }
            "enum" => Self::Enum(rest),
            _ => Self::Text,
        })
    }

    fn check(self, value: &[u8]) -> Result<Bytes, Refusal> {
        match self {
            Self::Fixed | Self::Alias(_) | Self::Text => Ok(value.to_vec()),
            Self::Bool if value.eq_ignore_ascii_case(b"yes") => Ok(b"yes".to_vec()),
            Self::Bool if value.eq_ignore_ascii_case(b"no") => Ok(b"no".to_vec()),
            Self::Bool => Err("argument must be 'yes' or 'no'".into()),
            Self::Int(low, high) => {
                let n = number::integer(value).ok_or("argument couldn't be parsed into an integer")?;
                within(n, low, high)?;
                Ok(n.to_string().into_bytes())
            }
            Self::Memory { low, high, percent } => {
                let share = value.strip_suffix(b"%").filter(|_| percent).and_then(number::integer);
                if let Some(share) = share.filter(|share| *share >= 0) {
                    return Ok(format!("{share}%").into_bytes());
                }
                let text = if percent {
                    "argument must be a memory or percent value"
                } else {
                    "argument must be a memory value"
                };
                let n = number::memory(value).ok_or(text)?;
                within(n, low, high)?;
                Ok(n.to_string().into_bytes())
            }
            Self::Enum(names) => {
                let name = names
                    .split('|')
                    .find(|name| name.as_bytes().eq_ignore_ascii_case(value));
                let listed = || format!("argument(s) must be one of the following: {}", names.replace('|', ", "));
                name.map(|name| name.as_bytes().to_vec()).ok_or_else(listed)
            }
        }
    }
}

fn within<T: PartialOrd + std::fmt::Display>(n: T, low: T, high: T) -> Result<(), Refusal> {
    if n < low || n > high {
        return Err(format!("argument must be between {low} and {high} inclusive"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_as_their_kind_asks() {
        let config = Config::new();
        assert_eq!(config.check("maxmemory", b"2mb"), Ok(b"2097152".to_vec()));
        assert_eq!(
            config.check("hz", b"-1"),
            Err("argument must be between 0 and 2147483647 inclusive".into())
        );
        assert_eq!(config.check("appendonly", b"YES"), Ok(b"yes".to_vec()));
        assert!(config.is_fixed("daemonize"));
        assert_eq!(config.canonical("slave-read-only"), "replica-read-only");
    }

    #[test]
    fn an_older_name_shows_the_value_of_the_newer() {
        let mut config = Config::new();
        config.put("slave-priority", "7");
        let shown = config.matching(b"*-PRIORITY");
        assert_eq!(
            shown,
            [("replica-priority", b"7".to_vec()), ("slave-priority", b"7".to_vec())]
        );
    }
}
