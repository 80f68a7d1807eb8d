//! How MySQL refuses: numbers, states and words of its own for what the engine refuses.

use crate::cx::Cx;
use crate::error::Error;
use crate::store::Rule;

/// Where errors are from that are MySQL's own; the line is their number.
const OWN: &str = "mysql";
/// States of the numbers that are not `HY000`.
const STATES: &[(u32, &str)] = &[
    (1007, "HY000"),
    (1044, "42000"),
    (1045, "28000"),
    (1046, "3D000"),
    (1048, "23000"),
    (1049, "42000"),
    (1050, "42S01"),
    (1051, "42S02"),
    (1052, "23000"),
    (1054, "42S22"),
    (1060, "42S21"),
    (1062, "23000"),
    (1064, "42000"),
    (1065, "42000"),
    (1066, "42000"),
    (1109, "42S02"),
    (1111, "HY000"),
    (1133, "28000"),
    (1136, "21S01"),
    (1142, "42000"),
    (1146, "42S02"),
    (1222, "21000"),
    (1241, "21000"),
    (1242, "21000"),
    (1248, "42000"),
    (1264, "22003"),
    (1292, "22007"),
    (1305, "42000"),
    (1366, "22007"),
    (1406, "22001"),
    (1451, "23000"),
    (1452, "23000"),
    (1582, "42000"),
    (1690, "22003"),
    (1698, "28000"),
    (1918, "22007"),
    (4092, "42S02"),
];

/// A refusal as the protocol tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub number: u16,
    pub state: &'static str,
    pub message: String,
}

// === impl Refusal ===

impl Refusal {
    pub fn new(number: u16, message: impl Into<String>) -> Self {
        Self {
            number,
            state: state(number.into()),
            message: message.into(),
        }
    }
}

fn state(number: u32) -> &'static str {
    STATES
        .iter()
        .find(|(known, _)| *known == number)
        .map_or("HY000", |(_, state)| state)
}

/// A refusal that is MySQL's own.
pub(crate) fn refuse(number: u32, message: impl Into<String>) -> Error {
    Error::new(state(number), message).raised(OWN, number, "")
}

/// What the engine refused, as MySQL refuses it.
pub(super) fn told(cx: &Cx<'_>, text: &str, error: &Error) -> Refusal {
    let refusal = |number: u16, message: String| Refusal::new(number, message);
    if error.raised.0 == OWN {
        return refusal(u16::try_from(error.raised.1).unwrap_or(1105), error.message.clone());
    }
    let named = |at: usize| error.message.split('"').nth(at * 2 + 1).unwrap_or("").to_owned();
    let schema = || cx.state.schema.borrow().clone().unwrap_or_default();
    let qualified = |at: usize| match (named(at), schema()) {
        (name, schema) if name.contains('.') || schema.is_empty() => name,
        (name, schema) => format!("{schema}.{name}"),
    };
    let clause = clause(cx, error.context.as_deref().unwrap_or("SELECT"));
    let row = row_of(error);
    match error.code {
        "42601" if error.message.starts_with("VALUES lists") || error.message.starts_with("INSERT has") => {
            refusal(1136, format!("Column count doesn't match value count at {row}"))
        }
        "42601" if error.message.starts_with("subquery in FROM") => {
            refusal(1248, "Every derived table must have its own alias".into())
        }
        "42601" if error.message.starts_with("subquery must return") => {
            refusal(1241, "Operand should contain 1 column(s)".into())
        }
        "42601" if error.message.starts_with("SELECT * with no") => refusal(1096, "No tables used".into()),
        "42601" if error.message.starts_with("each ") => refusal(
            1222,
            "The used SELECT statements have a different number of columns".into(),
        ),
        "42601" | "54001" | "0A000" => syntax(cx, text, error.place),
        "42P01" if error.message.starts_with("missing FROM") && error.context.is_some() => {
            refusal(1109, format!("Unknown table '{}' in {clause}", named(0)))
        }
        "42P01" if error.message.starts_with("missing FROM") => {
            let table = if cx.state.persona.dialect.is_mariadb() {
                qualified(0)
            } else {
                named(0)
            };
            refusal(1051, format!("Unknown table '{table}'"))
        }
        "42P01" if error.message.starts_with("table \"") => refusal(1051, format!("Unknown table '{}'", qualified(0))),
        "42P01" if error.message.starts_with("view \"") && cx.state.persona.dialect.is_mariadb() => {
            refusal(4092, format!("Unknown VIEW: '{}'", qualified(0)))
        }
        "42P01" if error.message.starts_with("view \"") => refusal(1051, format!("Unknown table '{}'", qualified(0))),
        "42P01" => refusal(1146, format!("Table '{}' doesn't exist", named(0))),
        "42703" if error.message.contains("of relation") => {
            refusal(1054, format!("Unknown column '{}' in '{clause}'", named(0)))
        }
        "42703" => {
            let name = error.message.strip_prefix("column ").unwrap_or("");
            let name = name.strip_suffix(" does not exist").unwrap_or(name).trim_matches('"');
            refusal(1054, format!("Unknown column '{name}' in '{clause}'"))
        }
        "42702" => refusal(1052, format!("Column '{}' in {clause} is ambiguous", named(0))),
        "42712" => refusal(1066, format!("Not unique table/alias: '{}'", named(0))),
        "42701" => refusal(1060, format!("Duplicate column name '{}'", named(0))),
        "42P07" => refusal(1050, format!("Table '{}' already exists", named(0))),
        "42P10" => refusal(
            1054,
            format!(
                "Unknown column '{}' in '{}'",
                number_in(&error.message),
                self::clause(
                    cx,
                    if error.message.starts_with("GROUP") {
                        "GROUP BY"
                    } else {
                        "ORDER BY"
                    }
                )
            ),
        ),
        "42803" => refusal(1111, "Invalid use of group function".into()),
        "42883" | "42704" => function(cx, &error.message, &schema()),
        "3F000" => match error.message.split('"').nth(1) {
            Some(name) => refusal(1049, format!("Unknown database '{name}'")),
            None => refusal(1046, "No database selected".into()),
        },
        "23505" => duplicate(cx, error),
        "23502" => refusal(
            1048,
            format!("Column '{}' cannot be null", error.column.as_deref().unwrap_or("")),
        ),
        "23503" => refusal(
            1452,
            "Cannot add or update a child row: a foreign key constraint fails".to_owned(),
        ),
        "42501" => refusal(
            1142,
            format!(
                "SELECT command denied to user '{}'@'{}' for table '{}'",
                cx.cluster.borrow().role_name(cx.state.user.get()).unwrap_or(""),
                cx.state.persona.client_address,
                error.message.rsplit(' ').next().unwrap_or("")
            ),
        ),
        "22001" => refusal(
            1406,
            format!(
                "Data too long for column '{}' at {row}",
                error.column.as_deref().unwrap_or("")
            ),
        ),
        "22003" => refusal(
            1264,
            format!(
                "Out of range value for column '{}' at {row}",
                error.column.as_deref().unwrap_or("")
            ),
        ),
        "22P02" | "22007" => incorrect(cx, error),
        "21000" => refusal(1242, "Subquery returns more than 1 row".into()),
        "57014" => refusal(1317, "Query execution was interrupted".into()),
        "53100" | "53200" => refusal(1114, "The table is full".into()),
        _ => refusal(1105, "Unknown error".into()),
    }
}

/// A part of a statement: MariaDB names it by its words, MySQL as it always did.
fn clause<'a>(cx: &Cx<'_>, words: &'a str) -> &'a str {
    if cx.state.persona.dialect.is_mariadb() {
        return words;
    }
    match words {
        "ON" => "on clause",
        "WHERE" => "where clause",
        "GROUP BY" => "group statement",
        "HAVING" => "having clause",
        "ORDER BY" => "order clause",
        _ => "field list",
    }
}

fn number_in(text: &str) -> &str {
    text.split_whitespace()
        .find(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
        .unwrap_or("")
}

fn syntax(cx: &Cx<'_>, text: &str, place: Option<usize>) -> Refusal {
    let at = place.map_or(text.len(), |place| {
        text.char_indices()
            .nth(place.saturating_sub(1))
            .map_or(text.len(), |(at, _)| at)
    });
    let near: String = text[at..].chars().take(80).collect();
    let near = near.trim_end_matches([';', ' ', '\n']);
    let line = text[..at].matches('\n').count() + 1;
    let product = if cx.state.persona.dialect.is_mariadb() {
        "MariaDB"
    } else {
        "MySQL"
    };
    Refusal::new(
        1064,
        format!(
            "You have an error in your SQL syntax; check the manual that corresponds to your {product} server version \
             for the right syntax to use near '{near}' at line {line}"
        ),
    )
}

fn function(cx: &Cx<'_>, message: &str, schema: &str) -> Refusal {
    let name = message.strip_prefix("function ").unwrap_or(message);
    let name = name.split('(').next().unwrap_or(name);
    if crate::mysql::function::TABLE.iter().any(|known| known.is_named(name))
        || crate::mysql::function::SHARED.contains(&name)
        || ["concat", "coalesce", "greatest", "least"].contains(&name)
    {
        return Refusal::new(
            1582,
            format!("Incorrect parameter count in the call to native function '{name}'"),
        );
    }
    if schema.is_empty() && cx.state.persona.dialect.is_mariadb() {
        return Refusal::new(1305, format!("FUNCTION {name} does not exist"));
    }
    if schema.is_empty() {
        return Refusal::new(1046, "No database selected");
    }
    let name = if name.contains('.') {
        name.to_owned()
    } else {
        format!("{schema}.{name}")
    };
    Refusal::new(1305, format!("FUNCTION {name} does not exist"))
}

fn duplicate(cx: &Cx<'_>, error: &Error) -> Refusal {
    let detail = error.detail.as_deref().unwrap_or("");
    let value = detail
        .split(")=(")
        .nth(1)
        .and_then(|rest| rest.split(") already").next())
        .unwrap_or("");
    let name = error.constraint.clone().unwrap_or_default();
    let primary = cx
        .with_database(|database| {
            let tables = database.relations.values().filter_map(|relation| relation.table());
            tables.flat_map(|table| &table.constraints).any(|constraint| {
                constraint.name == name && matches!(constraint.rule, Rule::Unique { primary: true, .. })
            })
        })
        .unwrap_or(false);
    let key = if primary { "PRIMARY" } else { name.as_str() };
    Refusal::new(
        1062,
        format!("Duplicate entry '{}' for key '{key}'", value.replace(", ", "-")),
    )
}

/// Which of the rows it is about, as it was told with a value that does not fit.
fn row_of(error: &Error) -> &str {
    error
        .context
        .as_deref()
        .filter(|told| told.starts_with("row "))
        .unwrap_or("row 1")
}

fn incorrect(cx: &Cx<'_>, error: &Error) -> Refusal {
    let value = error
        .message
        .rsplit_once(": ")
        .map_or("", |(_, value)| value.trim_matches('"'));
    let (number, kind) = if error.code == "22007" {
        (1292, "datetime")
    } else if error.message.contains("numeric") {
        (1366, "decimal")
    } else if error.message.contains("double") || error.message.contains("real") {
        (1366, "double")
    } else {
        (1366, "integer")
    };
    let current = cx.state.schema.borrow();
    let schema = error.schema.as_deref().or(current.as_deref()).unwrap_or("");
    let row = row_of(error);
    let (table, column) = (
        error.table.as_deref().unwrap_or(""),
        error.column.as_deref().unwrap_or(""),
    );
    Refusal::new(
        number,
        format!("Incorrect {kind} value: '{value}' for column `{schema}`.`{table}`.`{column}` at {row}"),
    )
}
