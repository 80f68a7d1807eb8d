//! Names and text as SQL writes them.

use crate::parse::RESERVED;

/// Words the product puts in quotes where they stand as names, beside those that are [`RESERVED`].
const QUOTED: &[&str] = &[
    "is",
    "join",
    "left",
    "like",
    "natural",
    "outer",
    "right",
    "values",
    "between",
    "bigint",
    "bit",
    "boolean",
    "char",
    "character",
    "coalesce",
    "exists",
    "int",
    "integer",
    "interval",
    "numeric",
    "position",
    "precision",
    "real",
    "row",
    "smallint",
    "time",
    "timestamp",
    "trim",
    "varchar",
];

pub(crate) fn quote_ident(name: &str) -> String {
    let plain = name.starts_with(|c: char| c == '_' || c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit());
    if plain && !RESERVED.contains(&name) && !QUOTED.contains(&name) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(crate) fn quote_literal(text: &str) -> String {
    let escaped = text.replace('\'', "''");
    if text.contains('\\') {
        format!("E'{}'", escaped.replace('\\', "\\\\"))
    } else {
        format!("'{escaped}'")
    }
}
