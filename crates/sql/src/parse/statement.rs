//! Statements that are no definitions.

use super::Parser;
use crate::ast::{CopyOptions, CopyTarget, Expr, Item, Limited, Path, Source, Statement};
use crate::error::Error;
use crate::lex::Kind;

/// First words of what is taken without an effect that could be seen here, and their tags.
const ACCEPTED: &[(&str, &str)] = &[
    ("analyze", "ANALYZE"),
    ("checkpoint", "CHECKPOINT"),
    ("cluster", "CLUSTER"),
    ("comment", "COMMENT"),
    ("discard", "DISCARD ALL"),
    ("grant", "GRANT"),
    ("listen", "LISTEN"),
    ("load", "LOAD"),
    ("notify", "NOTIFY"),
    ("reassign", "REASSIGN OWNED"),
    ("refresh", "REFRESH MATERIALIZED VIEW"),
    ("reindex", "REINDEX"),
    ("revoke", "REVOKE"),
    ("unlisten", "UNLISTEN"),
    ("vacuum", "VACUUM"),
];

// === impl Parser ===

impl Parser<'_> {
    pub(super) fn statement(&mut self) -> Result<Statement, Error> {
        if self.begins_query() {
            return Ok(Statement::Query(Box::new(self.query()?)));
        }
        let word = self.any_word().unwrap_or("").to_owned();
        match word.as_str() {
            "insert" => self.insert(),
            "update" => self.update(),
            "delete" => self.delete(),
            "copy" => self.copy(),
            "create" => self.create(),
            "alter" => self.alter(),
            "drop" => self.drop(),
            "truncate" => {
                self.advance();
                self.word("table");
                self.word("only");
                let tables = self.list(Self::path)?;
                self.skip_statement()?;
                Ok(Statement::Truncate(tables))
            }
            "set" => self.set(),
            "reset" => {
                self.advance();
                let name = if self.word("all") { None } else { Some(self.setting()?) };
                Ok(Statement::Reset(name))
            }
            "show" => {
                self.advance();
                let name = if self.word("all") { None } else { Some(self.setting()?) };
                Ok(Statement::Show(name))
            }
            "prepare" => self.prepare(),
            "execute" => {
                self.advance();
                let name = self.name()?;
                let args = if matches!(self.kind(), Kind::Sign("(")) {
                    self.values_row()?
                } else {
                    Vec::new()
                };
                Ok(Statement::Execute { name, args })
            }
            "deallocate" => {
                self.advance();
                self.word("prepare");
                let name = if self.word("all") { None } else { Some(self.name()?) };
                Ok(Statement::Deallocate(name))
            }
            "explain" => self.explain(),
            "do" => self.do_block(),
            "lock" => {
                self.advance();
                self.word("table");
                self.word("only");
                let tables = self.list(Self::path)?;
                self.skip_statement()?;
                Ok(Statement::Accepted("LOCK TABLE", tables))
            }
            _ => self.transaction(&word),
        }
    }

    pub(crate) fn transaction(&mut self, word: &str) -> Result<Statement, Error> {
        let statement = match word {
            "begin" => Statement::Begin,
            "start" if self.is_word(1, "transaction") => Statement::Begin,
            "commit" | "end" => Statement::Commit,
            "abort" => Statement::Rollback,
            "rollback" => {
                self.advance();
                let _ = self.word("work") || self.word("transaction");
                if self.word("to") {
                    self.word("savepoint");
                    return Ok(Statement::RollbackTo(self.name()?));
                }
                self.skip_statement()?;
                return Ok(Statement::Rollback);
            }
            "savepoint" => {
                self.advance();
                return Ok(Statement::Savepoint(self.name()?));
            }
            "release" => {
                self.advance();
                self.word("savepoint");
                return Ok(Statement::Release(self.name()?));
            }
            other => {
                let Some((_, tag)) = ACCEPTED.iter().find(|(first, _)| *first == other) else {
                    return Err(self.unexpected());
                };
                self.advance();
                self.skip_statement()?;
                return Ok(Statement::Accepted(tag, Vec::new()));
            }
        };
        self.skip_statement()?;
        Ok(statement)
    }

    /// Skips to the end of the statement, brackets closed.
    pub(crate) fn skip_statement(&mut self) -> Result<(), Error> {
        loop {
            match self.kind() {
                Kind::End | Kind::Sign(";") => return Ok(()),
                Kind::Sign("(") => self.brackets()?,
                Kind::Sign(")") => return Err(self.unexpected()),
                _ => self.advance(),
            }
        }
    }

    fn insert(&mut self) -> Result<Statement, Error> {
        self.advance();
        self.need_word("into")?;
        let table = self.path()?;
        if self.word("as") {
            self.name()?;
        }
        let mut columns = Vec::new();
        if matches!(self.kind(), Kind::Sign("(")) && !(self.is_word(1, "select") || self.is_word(1, "values")) {
            columns = self.names()?;
        }
        if self.word("overriding") {
            self.label()?;
            self.need_word("value")?;
        }
        let source = if self.words(&["default", "values"]) {
            Source::Defaults
        } else if self.begins_query() {
            Source::Query(Box::new(self.query()?))
        } else {
            return Err(self.unexpected());
        };
        let mut ignore = false;
        if self.words(&["on", "conflict"]) {
            ignore = true;
            while !self.is_word(0, "returning") && !matches!(self.kind(), Kind::End | Kind::Sign(";")) {
                self.advance();
            }
        }
        Ok(Statement::Insert {
            table,
            columns,
            source,
            ignore,
            returning: self.returning()?,
        })
    }

    fn returning(&mut self) -> Result<Vec<Item>, Error> {
        if self.word("returning") {
            self.list(Self::item)
        } else {
            Ok(Vec::new())
        }
    }

    fn target(&mut self) -> Result<(Path, Option<String>), Error> {
        self.word("only");
        let table = self.path()?;
        self.op("*");
        let named = self.word("as")
            || (self
                .any_word()
                .is_some_and(|word| !matches!(word, "set" | "using" | "where" | "returning")));
        Ok((table, if named { Some(self.name()?) } else { None }))
    }

    fn update(&mut self) -> Result<Statement, Error> {
        self.advance();
        let (table, alias) = self.target()?;
        self.need_word("set")?;
        let mut set = Vec::new();
        loop {
            if matches!(self.kind(), Kind::Sign("(")) {
                let names = self.names()?;
                if !self.op("=") {
                    return Err(self.unexpected());
                }
                self.word("row");
                let values = self.values_row()?;
                set.extend(names.into_iter().zip(values));
            } else {
                let mut name = self.name()?;
                while self.sign(".") {
                    name = self.label()?;
                }
                if !self.op("=") {
                    return Err(self.unexpected());
                }
                set.push((name, self.expr()?));
            }
            if !self.sign(",") {
                break;
            }
        }
        let from = if self.word("from") {
            self.list(Self::source)?
        } else {
            Vec::new()
        };
        let filter = self.filter()?;
        Ok(Statement::Update {
            table,
            alias,
            set,
            from,
            filter,
            limited: Limited::default(),
            returning: self.returning()?,
        })
    }

    pub(crate) fn filter(&mut self) -> Result<Option<Expr>, Error> {
        if self.word("where") {
            Ok(Some(self.expr()?))
        } else {
            Ok(None)
        }
    }

    fn delete(&mut self) -> Result<Statement, Error> {
        self.advance();
        self.need_word("from")?;
        let (table, alias) = self.target()?;
        let using = if self.word("using") {
            self.list(Self::source)?
        } else {
            Vec::new()
        };
        let filter = self.filter()?;
        Ok(Statement::Delete {
            table,
            alias,
            using,
            filter,
            limited: Limited::default(),
            returning: self.returning()?,
        })
    }

    fn copy(&mut self) -> Result<Statement, Error> {
        self.advance();
        self.word("binary");
        let (mut table, mut query, mut columns) = (None, None, Vec::new());
        if self.sign("(") {
            query = Some(Box::new(self.query()?));
            self.need_sign(")")?;
        } else {
            table = Some(self.path()?);
            if matches!(self.kind(), Kind::Sign("(")) {
                columns = self.names()?;
            }
        }
        let from = self.word("from");
        if !from {
            self.need_word("to")?;
        }
        let target = if self.word("program") {
            CopyTarget::Program(self.string()?)
        } else if self.word("stdin") || self.word("stdout") {
            CopyTarget::Std
        } else {
            CopyTarget::File(self.string()?)
        };
        let options = self.copy_options()?;
        Ok(Statement::Copy {
            table,
            query,
            columns,
            from,
            target,
            options,
        })
    }

    /// Both the list in brackets and the old way.
    fn copy_options(&mut self) -> Result<CopyOptions, Error> {
        self.word("with");
        let bracket = self.sign("(");
        let mut options = CopyOptions::default();
        while let Some(word) = self.any_word().map(str::to_owned) {
            let at = self.here();
            if word == "where" {
                break;
            }
            self.advance();
            self.word("as");
            match word.as_str() {
                "format" => match self.label()?.as_str() {
                    "csv" => options.csv = true,
                    "binary" => options.binary = true,
                    _ => {}
                },
                "csv" => options.csv = true,
                "binary" => options.binary = true,
                "header" => {
                    options.header = !self.word("false") && !self.word("off");
                    let _ = self.word("true") || self.word("on") || self.word("match");
                }
                "delimiter" => options.delimiter = self.string()?.chars().next(),
                "null" => options.null = Some(self.string()?),
                "quote" => options.quote = self.string()?.chars().next(),
                "escape" | "encoding" => {
                    self.string()?;
                }
                "freeze" => {
                    let _ = self.word("true") || self.word("on");
                }
                "force" | "force_quote" | "force_null" | "force_not_null" => {
                    while self.any_word().is_some() {
                        self.advance();
                    }
                    if !self.op("*") {
                        self.names()?;
                    }
                }
                _ => return Err(self.fail("42601", format!("option \"{word}\" not recognized"), at)),
            }
            if bracket && !self.sign(",") {
                break;
            }
        }
        if bracket {
            self.need_sign(")")?;
        }
        if self.word("where") {
            self.expr()?;
        }
        Ok(options)
    }

    /// A name of a setting, dots in it or not.
    fn setting(&mut self) -> Result<String, Error> {
        if self.words(&["time", "zone"]) {
            return Ok("timezone".into());
        }
        if self.words(&["transaction", "isolation", "level"]) {
            return Ok("transaction_isolation".into());
        }
        if self.words(&["session", "authorization"]) {
            return Ok("session_authorization".into());
        }
        let mut name = self.label()?;
        while self.sign(".") {
            name = format!("{name}.{}", self.label()?);
        }
        Ok(name)
    }

    fn set(&mut self) -> Result<Statement, Error> {
        self.advance();
        if self.word("transaction") || self.words(&["session", "characteristics"]) || self.word("constraints") {
            self.skip_statement()?;
            return Ok(Statement::Accepted("SET", Vec::new()));
        }
        let local = self.word("local");
        if !self.is_word(1, "authorization") {
            self.word("session");
        }
        let name = if self.word("names") {
            "client_encoding".into()
        } else {
            self.setting()?
        };
        if !self.op("=") {
            self.word("to");
        }
        if self.word("default") {
            return Ok(Statement::Set {
                name,
                value: None,
                local,
            });
        }
        let mut values = Vec::new();
        loop {
            let negative = self.op("-");
            let text = match self.kind().clone() {
                Kind::String(text) | Kind::Number(text) | Kind::Word { text, .. } => text,
                _ => return Err(self.unexpected()),
            };
            self.advance();
            values.push(if negative { format!("-{text}") } else { text });
            if !self.sign(",") {
                break;
            }
        }
        Ok(Statement::Set {
            name,
            value: Some(values.join(", ")),
            local,
        })
    }

    fn prepare(&mut self) -> Result<Statement, Error> {
        self.advance();
        let name = self.name()?;
        let mut types = Vec::new();
        if self.sign("(") {
            types = self.list(Self::type_name)?;
            self.need_sign(")")?;
        }
        self.need_word("as")?;
        let statement = Box::new(self.nest(Self::statement)?);
        Ok(Statement::Prepare { name, types, statement })
    }

    fn explain(&mut self) -> Result<Statement, Error> {
        self.advance();
        if matches!(self.kind(), Kind::Sign("(")) && !self.begins_query() {
            self.brackets()?;
        }
        let _ = (self.word("analyze"), self.word("verbose"));
        Ok(Statement::Explain(Box::new(self.nest(Self::statement)?)))
    }

    fn do_block(&mut self) -> Result<Statement, Error> {
        self.advance();
        let mut language = "plpgsql".to_owned();
        let mut body = None;
        loop {
            if self.word("language") {
                language = self.label()?;
            } else if matches!(self.kind(), Kind::String(_)) {
                body = Some(self.string()?);
            } else {
                break;
            }
        }
        let Some(body) = body else {
            return Err(self.unexpected());
        };
        Ok(Statement::Do { language, body })
    }
}
