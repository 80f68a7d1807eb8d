//! Statements out of text, refused where the product refuses them.

mod alter;
pub(crate) mod expr;
mod primary;
mod query;
mod schema;
mod statement;
mod table;
mod types;

use crate::ast::{Path, Statement};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::lex::{self, Kind, Token};
use crate::mysql;

/// How deep brackets and queries may nest, and how high the tree of an expression may grow.
const DEEP: usize = 80;
const HIGH: usize = 200;

/// Words that are no name of a column or table unless quoted.
pub(crate) const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "constraint",
    "create",
    "current_catalog",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "from",
    "grant",
    "group",
    "having",
    "in",
    "initially",
    "intersect",
    "into",
    "lateral",
    "leading",
    "limit",
    "localtime",
    "localtimestamp",
    "not",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "placing",
    "primary",
    "references",
    "returning",
    "select",
    "session_user",
    "some",
    "symmetric",
    "table",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "when",
    "where",
    "window",
    "with",
];
/// Words that end a table or column where its alias could come, beside the reserved.
const NO_ALIAS: &[&str] = &[
    "cross",
    "inner",
    "join",
    "left",
    "natural",
    "right",
    "full",
    "outer",
    "is",
    "isnull",
    "notnull",
    "like",
    "ilike",
    "similar",
    "overlaps",
    "tablesample",
    "set",
    "values",
];

/// One statement and where it lies in the text, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    pub statement: Statement,
    pub from: usize,
    pub to: usize,
}

pub(crate) struct Parser<'a> {
    dialect: Dialect,
    pub(crate) text: &'a str,
    pub(crate) tokens: Vec<Token>,
    pub(crate) at: usize,
    depth: usize,
    /// How high the tree is that was built since it was last looked at.
    high: usize,
    /// Where the rows of the SELECT at hand go, in MySQL.
    pub(crate) into: Option<mysql::parse::Target>,
}

/// All statements of a text; empty ones are left out.
pub fn statements(text: &str) -> Result<Vec<Parsed>, Error> {
    let mut parser = Parser::new(text, lex::tokens(text)?, Dialect::Postgres);
    let mut all = Vec::new();
    loop {
        while parser.sign(";") {}
        if parser.kind() == &Kind::End {
            return Ok(all);
        }
        let from = parser.tokens[parser.at].from;
        let statement = parser.statement()?;
        let to = parser.tokens[parser.at].from;
        all.push(Parsed { statement, from, to });
        if parser.kind() != &Kind::End && !parser.sign(";") {
            return Err(parser.unexpected());
        }
    }
}

/// The first statement of a text in MySQL's dialect: it carries each out before it reads the next.
pub fn first(text: &str, dialect: Dialect) -> Result<Option<Parsed>, Error> {
    let Dialect::Mysql { version, mariadb } = dialect else {
        return Ok(statements(text)?.into_iter().next());
    };
    let mut parser = Parser::new(text, mysql::lex::tokens(text, version, mariadb), dialect);
    if matches!(parser.kind(), Kind::End) {
        return Ok(None);
    }
    let from = parser.here();
    let statement = parser.mysql_statement()?;
    let to = parser.here();
    if parser.kind() != &Kind::End && !matches!(parser.kind(), Kind::Sign(";")) {
        return Err(parser.unexpected());
    }
    Ok(Some(Parsed { statement, from, to }))
}

// === impl Parser ===

impl<'a> Parser<'a> {
    fn new(text: &'a str, tokens: Vec<Token>, dialect: Dialect) -> Self {
        Self {
            dialect,
            text,
            tokens,
            at: 0,
            depth: 0,
            high: 0,
            into: None,
        }
    }
}

impl Parser<'_> {
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) fn is_mysql(&self) -> bool {
        self.dialect.is_mysql()
    }

    pub(crate) fn is_reserved(&self, word: &str) -> bool {
        if self.is_mysql() {
            mysql::RESERVED.binary_search(&word).is_ok()
        } else {
            RESERVED.contains(&word)
        }
    }

    /// The word that comes next as it is to be kept: MySQL leaves its case.
    pub(crate) fn spelled(&self) -> Option<String> {
        match self.kind() {
            Kind::Word { quoted: false, .. } if self.is_mysql() => {
                let token = &self.tokens[self.at];
                self.text.get(token.from..token.to).map(str::to_owned)
            }
            Kind::Word { text, .. } => Some(text.clone()),
            _ => None,
        }
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.tokens[self.at].kind
    }

    pub(crate) fn ahead(&self, by: usize) -> &Kind {
        &self.tokens[(self.at + by).min(self.tokens.len() - 1)].kind
    }

    pub(crate) fn here(&self) -> usize {
        self.tokens[self.at].from
    }

    pub(crate) fn advance(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    /// The refusal of the token that comes next.
    pub(crate) fn unexpected(&self) -> Error {
        let token = &self.tokens[self.at];
        let what = match token.kind {
            Kind::End => "syntax error at end of input".into(),
            _ => format!("syntax error at or near \"{}\"", &self.text[token.from..token.to]),
        };
        Error::syntax(what).at(lex::place(self.text, token.from))
    }

    fn fail(&self, code: &'static str, message: impl Into<String>, at: usize) -> Error {
        Error::new(code, message).at(lex::place(self.text, at))
    }

    pub(crate) fn sign(&mut self, wanted: &str) -> bool {
        let found = matches!(self.kind(), Kind::Sign(sign) if *sign == wanted);
        if found {
            self.advance();
        }
        found
    }

    pub(crate) fn need_sign(&mut self, wanted: &str) -> Result<(), Error> {
        if self.sign(wanted) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    pub(crate) fn op(&mut self, wanted: &str) -> bool {
        let found = matches!(self.kind(), Kind::Op(op) if op == wanted);
        if found {
            self.advance();
        }
        found
    }

    pub(crate) fn is_word(&self, by: usize, wanted: &str) -> bool {
        matches!(self.ahead(by), Kind::Word { text, quoted: false } if text == wanted)
    }

    pub(crate) fn word(&mut self, wanted: &str) -> bool {
        let found = self.is_word(0, wanted);
        if found {
            self.advance();
        }
        found
    }

    /// All of them in that order, or none.
    pub(crate) fn words(&mut self, wanted: &[&str]) -> bool {
        let found = wanted.iter().enumerate().all(|(by, word)| self.is_word(by, word));
        if found {
            wanted.iter().for_each(|_| self.advance());
        }
        found
    }

    pub(crate) fn need_word(&mut self, wanted: &str) -> Result<(), Error> {
        if self.word(wanted) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    /// The unquoted word that comes next.
    pub(crate) fn any_word(&self) -> Option<&str> {
        match self.kind() {
            Kind::Word { text, quoted: false } => Some(text),
            _ => None,
        }
    }

    /// A name as a column or table has one.
    pub(crate) fn name(&mut self) -> Result<String, Error> {
        match self.kind() {
            Kind::Word { text, quoted } if *quoted || !self.is_reserved(text) => self.label(),
            _ => Err(self.unexpected()),
        }
    }

    /// A name where any word will do.
    pub(crate) fn label(&mut self) -> Result<String, Error> {
        let text = self.spelled().ok_or_else(|| self.unexpected())?;
        self.advance();
        Ok(text)
    }

    pub(crate) fn string(&mut self) -> Result<String, Error> {
        match self.kind() {
            Kind::String(text) => {
                let text = text.clone();
                self.advance();
                Ok(text)
            }
            _ => Err(self.unexpected()),
        }
    }

    pub(crate) fn path(&mut self) -> Result<Path, Error> {
        let at = self.here();
        let mut parts = vec![self.name()?];
        while self.sign(".") {
            parts.push(self.label()?);
        }
        let name = parts.pop().unwrap_or_default();
        Ok(Path {
            schema: parts.pop(),
            name,
            at,
        })
    }

    pub(crate) fn list<T>(&mut self, one: fn(&mut Self) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let mut all = vec![one(self)?];
        while self.sign(",") {
            all.push(one(self)?);
        }
        Ok(all)
    }

    /// `(a, b)`.
    pub(crate) fn names(&mut self) -> Result<Vec<String>, Error> {
        self.need_sign("(")?;
        let names = self.list(Self::name)?;
        self.need_sign(")")?;
        Ok(names)
    }

    pub(crate) fn if_exists(&mut self) -> bool {
        self.words(&["if", "exists"])
    }

    pub(crate) fn if_not_exists(&mut self) -> bool {
        self.words(&["if", "not", "exists"])
    }

    /// Runs what nests, bounding how deep.
    fn nest<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.depth += 1;
        if self.depth > DEEP {
            return Err(too_deep());
        }
        let before = std::mem::take(&mut self.high);
        let outcome = inner(self);
        self.high = before.max(self.high + 1);
        self.depth -= 1;
        outcome
    }

    /// What was built so far went under one more node.
    fn higher(&mut self) -> Result<(), Error> {
        self.high += 1;
        if self.high > HIGH { Err(too_deep()) } else { Ok(()) }
    }

    /// The text between two tokens.
    pub(crate) fn text_from(&self, from: usize) -> String {
        let to = self.tokens[self.at.saturating_sub(1)].to;
        self.text.get(from..to).unwrap_or("").to_owned()
    }
}

fn too_deep() -> Error {
    Error::new("54001", "stack depth limit exceeded").hint(
        "Increase the configuration parameter \"max_stack_depth\" (currently 2048kB), after ensuring the platform's stack depth limit is adequate.",
    )
}
