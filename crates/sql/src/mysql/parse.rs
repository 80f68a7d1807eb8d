//! Statements and expressions only MySQL has.

use crate::ast::{Expr, Limited, Lines, Mysql, Path, Source, Statement};
use crate::error::Error;
use crate::lex::Kind;
use crate::parse::Parser;
use crate::parse::expr::call;

/// Where the rows of a SELECT go instead of to the client.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    File(String, bool, Lines),
    Variables(Vec<String>),
}

/// What a variable reads as: `@x` and `@@x` are calls of functions of these names.
pub(crate) fn variable(name: &str, at: usize) -> Expr {
    let (function, name) = match name.strip_prefix("@@") {
        Some(name) => ("@@", name),
        None => ("@", name.trim_start_matches('@')),
    };
    call(function, vec![Expr::String(name.to_owned())], at)
}

// === impl Parser ===

impl Parser<'_> {
    pub(crate) fn mysql_statement(&mut self) -> Result<Statement, Error> {
        if self.begins_query() && !self.is_word(0, "table") {
            return self.mysql_query();
        }
        let word = self.any_word().unwrap_or("").to_owned();
        let own = |own: Mysql| Ok(Statement::Mysql(Box::new(own)));
        match word.as_str() {
            "insert" | "replace" => self.mysql_insert(),
            "update" => self.mysql_update(),
            "delete" => self.mysql_delete(),
            "use" => {
                self.advance();
                own(Mysql::Use(self.name()?))
            }
            "show" => self.mysql_show(),
            "describe" | "desc" | "explain" | "analyze" if !self.is_word(1, "table") => self.mysql_describe(),
            "set" => self.mysql_set(),
            "create" => self.mysql_create(),
            "alter" => self.mysql_alter(),
            "drop" if self.is_word(1, "prepare") => self.mysql_deallocate(),
            "drop" => self.mysql_drop(),
            "rename" => self.mysql_rename(),
            "truncate" => {
                self.advance();
                self.word("table");
                Ok(Statement::Truncate(vec![self.path()?]))
            }
            "load" => self.mysql_load(),
            "grant" | "revoke" => self.mysql_grant(),
            "flush" | "reset" | "purge" | "install" | "uninstall" | "optimize" | "repair" | "check" | "checksum"
            | "cache" | "change" | "stop" | "analyze" | "handler" | "signal" | "xa" | "help" | "binlog" => {
                self.advance();
                self.skip_statement()?;
                Ok(Statement::Accepted("OK", Vec::new()))
            }
            "lock" | "unlock" => self.mysql_lock(),
            "call" => {
                self.advance();
                let path = self.path()?;
                self.skip_statement()?;
                own(Mysql::Call(path))
            }
            "prepare" => {
                self.advance();
                let name = self.label()?;
                self.need_word("from")?;
                own(Mysql::Prepare(name, self.expr()?))
            }
            "execute" => self.mysql_execute(),
            "deallocate" => self.mysql_deallocate(),
            "kill" => {
                self.advance();
                let _ = self.word("connection") || self.word("query");
                match self.kind().clone() {
                    Kind::Number(id) => {
                        self.advance();
                        own(Mysql::Kill(id.parse().unwrap_or(0)))
                    }
                    _ => Err(self.unexpected()),
                }
            }
            "do" => {
                self.advance();
                let all = self.list(Self::expr)?;
                own(Mysql::Do(all))
            }
            "start" if self.is_word(1, "slave") => {
                self.skip_statement()?;
                Ok(Statement::Accepted("OK", Vec::new()))
            }
            "begin" | "start" | "commit" | "rollback" | "savepoint" | "release" => self.transaction(&word),
            _ => Err(self.unexpected()),
        }
    }

    fn mysql_query(&mut self) -> Result<Statement, Error> {
        let query = Box::new(self.query()?);
        if self.word("into") {
            self.mysql_into()?;
            let _ = self.word("for") && self.word("update");
        }
        let own = match self.into.take() {
            None => return Ok(Statement::Query(query)),
            Some(Target::File(path, dump, lines)) => Mysql::Into(query, path, dump, lines),
            Some(Target::Variables(names)) => Mysql::Keep(query, names),
        };
        Ok(Statement::Mysql(Box::new(own)))
    }

    /// What follows INTO in a SELECT.
    pub(crate) fn mysql_into(&mut self) -> Result<(), Error> {
        let dump = self.word("dumpfile");
        self.into = Some(if dump || self.word("outfile") {
            let path = self.string()?;
            if self.words(&["character", "set"]) {
                self.label()?;
            }
            Target::File(path, dump, self.mysql_lines()?)
        } else {
            let names = self.list(|parser| match parser.kind().clone() {
                Kind::Variable(name) if !name.starts_with("@@") => {
                    parser.advance();
                    Ok(name.trim_start_matches('@').to_owned())
                }
                _ => Err(parser.unexpected()),
            })?;
            Target::Variables(names)
        });
        Ok(())
    }

    /// FIELDS and LINES of a file.
    fn mysql_lines(&mut self) -> Result<Lines, Error> {
        let mut lines = Lines {
            field: "\t".into(),
            enclosed: String::new(),
            escaped: "\\".into(),
            line: "\n".into(),
            ignore: 0,
        };
        if self.word("fields") || self.word("columns") {
            loop {
                self.word("optionally");
                let slot = if self.word("terminated") {
                    &mut lines.field
                } else if self.word("enclosed") {
                    &mut lines.enclosed
                } else if self.word("escaped") {
                    &mut lines.escaped
                } else {
                    break;
                };
                self.need_word("by")?;
                *slot = self.mysql_bytes()?;
            }
        }
        if self.word("lines") {
            while self.is_word(0, "starting") || self.is_word(0, "terminated") {
                let starting = self.word("starting");
                self.advance_unless(starting);
                self.need_word("by")?;
                let text = self.mysql_bytes()?;
                if !starting {
                    lines.line = text;
                }
            }
        }
        Ok(lines)
    }

    fn advance_unless(&mut self, already: bool) {
        if !already {
            self.advance();
        }
    }

    /// A string, or the same as hexadecimal digits.
    fn mysql_bytes(&mut self) -> Result<String, Error> {
        if let Kind::Bytes(bytes) = self.kind().clone() {
            self.advance();
            return Ok(String::from_utf8_lossy(&bytes).into_owned());
        }
        self.string()
    }

    fn mysql_insert(&mut self) -> Result<Statement, Error> {
        let replace = self.is_word(0, "replace");
        self.advance();
        let mut ignore = false;
        loop {
            let other = ["low_priority", "delayed", "high_priority"];
            if self.word("ignore") {
                ignore = true;
            } else if !other.iter().any(|word| self.word(word)) {
                break;
            }
        }
        self.word("into");
        let table = self.path()?;
        let mut columns = Vec::new();
        if matches!(self.kind(), Kind::Sign("(")) && !self.is_word(1, "select") && !self.is_word(1, "with") {
            self.need_sign("(")?;
            if !self.sign(")") {
                columns = self.list(Self::mysql_target)?;
                self.need_sign(")")?;
            }
        }
        let source = if self.word("set") {
            let set = self.list(Self::mysql_assignment)?;
            let (names, row): (Vec<_>, Vec<_>) = set.into_iter().unzip();
            columns = names;
            values(vec![row])
        } else if self.word("value") || self.word("values") {
            let rows = self.list(|parser| {
                parser.need_sign("(")?;
                if parser.sign(")") {
                    return Ok(Vec::new());
                }
                let row = parser.list(Self::expr)?;
                parser.need_sign(")")?;
                Ok(row)
            })?;
            if columns.is_empty() && rows.iter().all(Vec::is_empty) {
                Source::Defaults
            } else {
                values(rows)
            }
        } else if self.begins_query() {
            Source::Query(Box::new(self.query()?))
        } else {
            return Err(self.unexpected());
        };
        let mut set = Vec::new();
        if self.words(&["on", "duplicate", "key", "update"]) {
            set = self.list(Self::mysql_assignment)?;
        }
        let returning = if self.word("returning") {
            self.list(Self::item)?
        } else {
            Vec::new()
        };
        let insert = Statement::Insert {
            table,
            columns,
            source,
            ignore,
            returning,
        };
        if replace || !set.is_empty() {
            let insert = Box::new(insert);
            return Ok(Statement::Mysql(Box::new(Mysql::Upsert { insert, set })));
        }
        Ok(insert)
    }

    /// `t.c` as `c`.
    pub(crate) fn mysql_target(&mut self) -> Result<String, Error> {
        let mut name = self.name()?;
        while self.sign(".") {
            name = self.label()?;
        }
        Ok(name)
    }

    fn mysql_assignment(&mut self) -> Result<(String, Expr), Error> {
        let name = self.mysql_target()?;
        if !self.op("=") && !self.sign(":=") {
            return Err(self.unexpected());
        }
        Ok((name, self.expr()?))
    }

    fn mysql_update(&mut self) -> Result<Statement, Error> {
        self.advance();
        let _ = self.word("low_priority");
        self.word("ignore");
        let table = self.path()?;
        let alias = if self.is_word(0, "set") {
            None
        } else {
            self.alias()?.name
        };
        self.need_word("set")?;
        let set = self.list(Self::mysql_assignment)?;
        let filter = self.filter()?;
        let limited = self.mysql_limited()?;
        Ok(Statement::Update {
            table,
            alias,
            set,
            from: Vec::new(),
            filter,
            limited,
            returning: Vec::new(),
        })
    }

    fn mysql_delete(&mut self) -> Result<Statement, Error> {
        self.advance();
        while ["low_priority", "quick", "ignore"].iter().any(|word| self.word(word)) {}
        self.need_word("from")?;
        let table = self.path()?;
        let alias = self.bare_alias();
        let filter = self.filter()?;
        let limited = self.mysql_limited()?;
        Ok(Statement::Delete {
            table,
            alias,
            using: Vec::new(),
            filter,
            limited,
            returning: Vec::new(),
        })
    }

    /// ORDER BY and LIMIT of what changes rows.
    fn mysql_limited(&mut self) -> Result<Limited, Error> {
        let mut limited = Limited::default();
        if self.words(&["order", "by"]) {
            limited.order = self.list(Self::order_item)?;
        }
        if self.word("limit") {
            limited.limit = Some(self.expr()?);
        }
        Ok(limited)
    }

    fn mysql_set(&mut self) -> Result<Statement, Error> {
        self.advance();
        if self.word("password") {
            if self.word("for") {
                self.mysql_user()?;
            }
            self.skip_statement()?;
            return Ok(Statement::Accepted("OK", Vec::new()));
        }
        let scoped = self.is_word(0, "session") || self.is_word(0, "global") || self.is_word(0, "local");
        if self.is_word(scoped.into(), "transaction") || self.is_word(0, "role") || self.is_word(0, "statement") {
            self.skip_statement()?;
            return Ok(Statement::Accepted("OK", Vec::new()));
        }
        let sets = self.list(Self::mysql_variable)?;
        Ok(Statement::Mysql(Box::new(Mysql::Set(
            sets.into_iter().flatten().collect(),
        ))))
    }

    fn mysql_variable(&mut self) -> Result<Vec<(String, Option<Expr>)>, Error> {
        let charset = self.words(&["character", "set"]) || self.word("charset");
        if charset || self.word("names") {
            let name = match self.kind() {
                Kind::String(_) => self.string()?,
                _ => self.label()?,
            };
            if self.word("collate") {
                let _ = self.string().is_ok() || self.label().is_ok();
            }
            let value = Some(Expr::String(name.to_ascii_lowercase()));
            let names = ["client", "results", "connection"];
            return Ok(names
                .iter()
                .map(|name| (format!("character_set_{name}"), value.clone()))
                .collect());
        }
        let global = self.word("global");
        let _ = self.word("session") || self.word("local");
        let name = match self.kind().clone() {
            Kind::Variable(name) => {
                self.advance();
                name
            }
            _ => {
                let mut name = self.label()?.to_ascii_lowercase();
                while self.sign(".") {
                    name = self.label()?;
                }
                if global { format!("@@global.{name}") } else { name }
            }
        };
        if !self.op("=") && !self.sign(":=") {
            return Err(self.unexpected());
        }
        if self.word("default") {
            return Ok(vec![(name, None)]);
        }
        // Words without quotes are values too: `SET sql_mode = ANSI`.
        let bare = match (self.kind(), self.ahead(1)) {
            (Kind::Word { text, quoted: false }, Kind::End | Kind::Sign("," | ";")) if !name.starts_with("@@") => {
                (!matches!(text.as_str(), "null" | "true" | "false" | "current_user")).then(|| text.clone())
            }
            (Kind::Word { text, quoted: false }, Kind::End | Kind::Sign("," | ";")) if name.starts_with("@@") => {
                Some(text.clone())
            }
            _ => None,
        };
        let value = match bare {
            Some(word) => {
                self.advance();
                Expr::String(word)
            }
            None => self.expr()?,
        };
        Ok(vec![(name, Some(value))])
    }

    fn mysql_load(&mut self) -> Result<Statement, Error> {
        self.advance();
        let _ = self.word("data") || self.word("xml");
        let _ = self.word("low_priority") || self.word("concurrent");
        let local = self.word("local");
        self.need_word("infile")?;
        let path = self.string()?;
        let _ = self.word("replace") || self.word("ignore");
        self.need_word("into")?;
        self.need_word("table")?;
        let table = self.path()?;
        if self.words(&["character", "set"]) {
            self.label()?;
        }
        let mut lines = self.mysql_lines()?;
        if self.word("ignore") {
            if let Kind::Number(count) = self.kind() {
                lines.ignore = count.parse().unwrap_or(0);
            }
            self.advance();
            let _ = self.word("lines") || self.word("rows");
        }
        let mut columns = Vec::new();
        if self.sign("(") {
            columns = self.list(Self::mysql_target)?;
            self.need_sign(")")?;
        }
        self.skip_statement()?;
        Ok(Statement::Mysql(Box::new(Mysql::Load {
            path,
            local,
            table,
            columns,
            lines,
        })))
    }

    fn mysql_lock(&mut self) -> Result<Statement, Error> {
        let tables: Vec<Path> = if self.word("lock") && (self.word("tables") || self.word("table")) {
            self.list(|parser| {
                let path = parser.path()?;
                if !["read", "write", "low_priority"]
                    .iter()
                    .any(|word| parser.is_word(0, word))
                {
                    parser.alias()?;
                }
                while ["read", "local", "write", "low_priority"]
                    .iter()
                    .any(|word| parser.word(word))
                {}
                Ok(path)
            })?
        } else {
            Vec::new()
        };
        self.skip_statement()?;
        Ok(Statement::Accepted("OK", tables))
    }
}

fn values(rows: Vec<Vec<Expr>>) -> Source {
    Source::Query(Box::new(crate::ast::Query {
        with: Vec::new(),
        body: crate::ast::Body::Values(rows),
        order: Vec::new(),
        limit: None,
        offset: None,
    }))
}
