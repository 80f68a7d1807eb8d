//! What MySQL and MariaDB have of their own: how they are written, what they know by name, how they take values for one
//! another, how they show them and how they refuse. The engine beneath is that of all dialects.

mod account;
mod alter;
pub(crate) mod catalog;
pub(crate) mod coerce;
mod column;
mod create;
mod error;
mod file;
pub(crate) mod function;
pub(crate) mod grants;
pub(crate) mod lex;
mod operate;
pub mod output;
pub(crate) mod parse;
mod prepared;
mod reckon;
mod relations;
mod session;
mod show;
pub(crate) mod statement;
pub(crate) mod table;
pub(crate) mod variables;
mod words;

pub use account::{native_hash, native_matches, sha2_matches};
pub use column::{Described, code};
pub use error::Refusal;
pub use session::{Client, Kept, Outcome};

/// Words that are no name of a column or table unless quoted, sorted.
pub(crate) const RESERVED: &[&str] = &[
    "add",
    "all",
    "alter",
    "analyze",
    "and",
    "as",
    "asc",
    "between",
    "both",
    "by",
    "case",
    "change",
    "check",
    "collate",
    "column",
    "constraint",
    "convert",
    "create",
    "cross",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "database",
    "databases",
    "default",
    "delete",
    "desc",
    "describe",
    "distinct",
    "distinctrow",
    "div",
    "drop",
    "dual",
    "else",
    "except",
    "exists",
    "explain",
    "false",
    "for",
    "force",
    "foreign",
    "from",
    "fulltext",
    "grant",
    "group",
    "having",
    "if",
    "ignore",
    "in",
    "index",
    "infile",
    "inner",
    "insert",
    "intersect",
    "interval",
    "into",
    "is",
    "join",
    "key",
    "keys",
    "kill",
    "leading",
    "left",
    "like",
    "limit",
    "lines",
    "load",
    "localtime",
    "localtimestamp",
    "lock",
    "match",
    "mod",
    "natural",
    "not",
    "null",
    "on",
    "optimize",
    "option",
    "optionally",
    "or",
    "order",
    "outer",
    "outfile",
    "partition",
    "primary",
    "procedure",
    "references",
    "regexp",
    "rename",
    "replace",
    "require",
    "restrict",
    "returning",
    "revoke",
    "right",
    "rlike",
    "schema",
    "schemas",
    "select",
    "separator",
    "set",
    "show",
    "spatial",
    "straight_join",
    "table",
    "terminated",
    "then",
    "to",
    "trailing",
    "trigger",
    "true",
    "union",
    "unique",
    "unlock",
    "unsigned",
    "update",
    "usage",
    "use",
    "using",
    "utc_date",
    "utc_time",
    "utc_timestamp",
    "values",
    "when",
    "where",
    "while",
    "with",
    "write",
    "xor",
    "zerofill",
];

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_sorted_so_that_they_are_found() {
        assert!(super::RESERVED.is_sorted());
    }
}
