//! CREATE of all but tables, and DROP.

use super::Parser;
use crate::ast::{DropKind, Expr, Path, RoleOptions, Statement};
use crate::error::Error;
use crate::lex::Kind;

// === impl Parser ===

impl Parser<'_> {
    pub(super) fn create(&mut self) -> Result<Statement, Error> {
        self.advance();
        let replace = self.words(&["or", "replace"]);
        let _ = self.word("global") || self.word("local");
        let temporary = self.word("temp") || self.word("temporary");
        let _ = self.word("unlogged") || self.word("materialized") || self.word("trusted");
        let word = self.any_word().unwrap_or("").to_owned();
        match word.as_str() {
            "table" => self.create_table(temporary),
            "view" => self.create_view(replace),
            "unique" | "index" => self.create_index(),
            "sequence" => {
                self.advance();
                let if_not_exists = self.if_not_exists();
                let name = self.path()?;
                self.skip_statement()?;
                Ok(Statement::CreateSequence { name, if_not_exists })
            }
            "schema" => {
                self.advance();
                let if_not_exists = self.if_not_exists();
                let name = self.name()?;
                self.skip_statement()?;
                Ok(Statement::CreateSchema { name, if_not_exists })
            }
            "database" => {
                self.advance();
                let name = self.name()?;
                self.skip_statement()?;
                Ok(Statement::CreateDatabase(name))
            }
            "role" | "user" | "group" => {
                self.advance();
                let name = self.name()?;
                let mut options = self.role_options()?;
                if word == "user" && options.login.is_none() {
                    options.login = Some(true);
                }
                Ok(Statement::CreateRole { name, options })
            }
            "function" | "procedure" => self.create_function(word == "procedure"),
            "extension" => {
                self.advance();
                let if_not_exists = self.if_not_exists();
                let name = self.name()?;
                self.skip_statement()?;
                Ok(Statement::CreateExtension { name, if_not_exists })
            }
            "trigger" | "rule" | "type" | "domain" | "aggregate" | "operator" | "cast" | "event" | "language"
            | "policy" | "publication" | "server" | "foreign" | "statistics" | "tablespace" | "collation" => {
                self.advance();
                self.skip_statement()?;
                let tags = [
                    ("trigger", "CREATE TRIGGER"),
                    ("rule", "CREATE RULE"),
                    ("type", "CREATE TYPE"),
                    ("domain", "CREATE DOMAIN"),
                    ("aggregate", "CREATE AGGREGATE"),
                    ("operator", "CREATE OPERATOR"),
                    ("cast", "CREATE CAST"),
                    ("event", "CREATE EVENT TRIGGER"),
                    ("policy", "CREATE POLICY"),
                    ("publication", "CREATE PUBLICATION"),
                    ("server", "CREATE SERVER"),
                    ("foreign", "CREATE FOREIGN TABLE"),
                    ("statistics", "CREATE STATISTICS"),
                    ("tablespace", "CREATE TABLESPACE"),
                    ("collation", "CREATE COLLATION"),
                ];
                let tag = tags.iter().find(|(kind, _)| *kind == word);
                Ok(Statement::Accepted(
                    tag.map_or("CREATE EXTENSION", |(_, tag)| *tag),
                    Vec::new(),
                ))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn create_view(&mut self, replace: bool) -> Result<Statement, Error> {
        self.advance();
        self.if_not_exists();
        let view = self.path()?;
        self.need_word("as")?;
        let from = self.here();
        let query = Box::new(self.query()?);
        Ok(Statement::CreateView {
            view,
            query,
            text: self.text_from(from),
            replace,
        })
    }

    fn create_index(&mut self) -> Result<Statement, Error> {
        let unique = self.word("unique");
        self.need_word("index")?;
        self.word("concurrently");
        let if_not_exists = self.if_not_exists();
        let name = if self.is_word(0, "on") {
            None
        } else {
            Some(self.name()?)
        };
        self.need_word("on")?;
        let table = self.path()?;
        if self.word("using") {
            self.name()?;
        }
        self.need_sign("(")?;
        let mut columns = Vec::new();
        loop {
            match self.expr()? {
                Expr::Column(mut path, _) => columns.extend(path.pop()),
                _ => columns.push(String::new()),
            }
            let _ = self.word("asc") || self.word("desc");
            if !self.sign(",") {
                break;
            }
        }
        self.need_sign(")")?;
        self.skip_statement()?;
        Ok(Statement::CreateIndex {
            name,
            table,
            columns,
            unique,
            if_not_exists,
        })
    }

    pub(super) fn role_options(&mut self) -> Result<RoleOptions, Error> {
        self.word("with");
        let mut options = RoleOptions::default();
        while let Some(word) = self.any_word().map(str::to_owned) {
            let at = self.here();
            self.advance();
            match word.as_str() {
                "login" | "nologin" => options.login = Some(word == "login"),
                "superuser" | "nosuperuser" => options.superuser = Some(word == "superuser"),
                "createdb" | "nocreatedb" => options.createdb = Some(word == "createdb"),
                "createrole" | "nocreaterole" => options.createrole = Some(word == "createrole"),
                "replication" | "noreplication" => options.replication = Some(word == "replication"),
                "encrypted" | "inherit" | "noinherit" | "bypassrls" | "nobypassrls" => {}
                "password" => {
                    options.password = Some(if self.word("null") { None } else { Some(self.string()?) });
                }
                "valid" => {
                    self.need_word("until")?;
                    self.string()?;
                }
                "connection" => {
                    self.need_word("limit")?;
                    self.advance();
                }
                "in" | "role" | "admin" | "user" => {
                    self.skip_statement()?;
                }
                _ => return Err(self.fail("42601", format!("unrecognized role option \"{word}\""), at)),
            }
        }
        Ok(options)
    }

    fn create_function(&mut self, procedure: bool) -> Result<Statement, Error> {
        self.advance();
        let name = self.path()?;
        self.brackets()?;
        let (mut language, mut body) = (None, Vec::new());
        loop {
            if self.word("language") {
                language = Some(match self.kind() {
                    Kind::String(_) => self.string()?.to_lowercase(),
                    _ => self.label()?,
                });
            } else if self.word("as") {
                body = self.list(Self::string)?;
            } else if matches!(self.kind(), Kind::End | Kind::Sign(";")) {
                break;
            } else if matches!(self.kind(), Kind::Sign("(")) {
                self.brackets()?;
            } else {
                self.advance();
            }
        }
        let language = language.ok_or_else(|| Error::new("42P13", "no language specified"))?;
        Ok(Statement::CreateFunction {
            name,
            language,
            body,
            procedure,
        })
    }

    pub(super) fn drop(&mut self) -> Result<Statement, Error> {
        self.advance();
        self.word("materialized");
        let kind = match self.any_word() {
            Some("table") => DropKind::Table,
            Some("view") => DropKind::View,
            Some("index") => DropKind::Index,
            Some("sequence") => DropKind::Sequence,
            Some("schema") => DropKind::Schema,
            Some("database") => DropKind::Database,
            Some("role" | "user" | "group") => DropKind::Role,
            Some("function" | "procedure" | "aggregate") => DropKind::Function,
            Some("extension") => DropKind::Extension,
            Some("type" | "domain") => DropKind::Type,
            Some("trigger" | "rule" | "policy" | "owned" | "language" | "event" | "publication") => {
                self.skip_statement()?;
                return Ok(Statement::Accepted("DROP TRIGGER", Vec::new()));
            }
            _ => return Err(self.unexpected()),
        };
        self.advance();
        self.word("concurrently");
        let if_exists = self.if_exists();
        let mut names: Vec<Path> = Vec::new();
        loop {
            names.push(self.path()?);
            if kind == DropKind::Function && matches!(self.kind(), Kind::Sign("(")) {
                self.brackets()?;
            }
            if !self.sign(",") {
                break;
            }
        }
        let cascade = self.word("cascade");
        self.word("restrict");
        self.word("with");
        if matches!(self.kind(), Kind::Sign("(")) {
            self.brackets()?;
        }
        Ok(Statement::Drop {
            kind,
            names,
            if_exists,
            cascade,
        })
    }
}
