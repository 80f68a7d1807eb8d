//! CREATE, ALTER and DROP.

use super::Parser;
use crate::ast::{
    AlterTable, ColumnDef, Constraint, ConstraintKind, DropKind, Expr, Path, RoleOptions, Statement, TypeName,
};
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

    fn create_table(&mut self, temporary: bool) -> Result<Statement, Error> {
        self.advance();
        let if_not_exists = self.if_not_exists();
        let table = self.path()?;
        let (mut columns, mut constraints, mut query) = (Vec::new(), Vec::new(), None);
        if self.sign("(") && !self.sign(")") {
            loop {
                match self.table_constraint()? {
                    Some(constraint) => constraints.push(constraint),
                    None => columns.push(self.column_def()?),
                }
                if !self.sign(",") {
                    break;
                }
            }
            self.need_sign(")")?;
        }
        while !matches!(self.kind(), Kind::End | Kind::Sign(";")) && !self.is_word(0, "as") {
            if matches!(self.kind(), Kind::Sign("(")) {
                self.brackets()?;
            } else if self.any_word().is_some() {
                self.advance();
            } else {
                return Err(self.unexpected());
            }
        }
        if self.word("as") {
            query = Some(Box::new(self.query()?));
            self.skip_statement()?;
        }
        Ok(Statement::CreateTable {
            table,
            columns,
            constraints,
            if_not_exists,
            temporary,
            query,
        })
    }

    fn column_def(&mut self) -> Result<ColumnDef, Error> {
        let name = self.name()?;
        let ty = match self.kind() {
            Kind::Word { .. } => self.type_name()?,
            // As COPY ... FROM needs none: a query gives the columns their types.
            Kind::Sign("," | ")") => TypeName {
                name: "text".into(),
                modifiers: Vec::new(),
                array: false,
                at: self.here(),
            },
            _ => return Err(self.unexpected()),
        };
        let mut column = ColumnDef {
            name,
            ty,
            not_null: false,
            default: None,
            constraints: Vec::new(),
            identity: false,
        };
        loop {
            let named = if self.word("constraint") {
                Some(self.name()?)
            } else {
                None
            };
            let own = vec![column.name.clone()];
            if self.words(&["not", "null"]) {
                column.not_null = true;
            } else if self.word("null") {
            } else if self.word("default") {
                let from = self.here();
                let expr = self.expr()?;
                column.default = Some((expr, self.text_from(from)));
            } else if self.word("collate") {
                self.path()?;
            } else if self.word("generated") {
                let _ = self.word("always") || self.words(&["by", "default"]);
                self.need_word("as")?;
                column.identity = self.word("identity");
                if matches!(self.kind(), Kind::Sign("(")) {
                    self.brackets()?;
                }
                self.word("stored");
            } else if let Some(kind) = self.constraint_kind(Some(own))? {
                column.constraints.push(Constraint { name: named, kind });
            } else if named.is_some() {
                return Err(self.unexpected());
            } else {
                return Ok(column);
            }
        }
    }

    fn table_constraint(&mut self) -> Result<Option<Constraint>, Error> {
        let name = if self.word("constraint") {
            Some(self.name()?)
        } else {
            None
        };
        match self.constraint_kind(None)? {
            Some(kind) => Ok(Some(Constraint { name, kind })),
            None if name.is_some() => Err(self.unexpected()),
            None => Ok(None),
        }
    }

    /// `own` is the column a constraint of a column is about.
    fn constraint_kind(&mut self, own: Option<Vec<String>>) -> Result<Option<ConstraintKind>, Error> {
        let kind = if self.words(&["primary", "key"]) {
            ConstraintKind::Primary(own.map_or_else(|| self.names(), Ok)?)
        } else if self.word("unique") {
            ConstraintKind::Unique(own.map_or_else(|| self.names(), Ok)?)
        } else if self.word("check") {
            self.need_sign("(")?;
            let from = self.here();
            let expr = self.expr()?;
            let text = self.text_from(from);
            self.need_sign(")")?;
            ConstraintKind::Check(expr, text)
        } else if own.is_none() && self.words(&["foreign", "key"]) {
            let columns = self.names()?;
            self.need_word("references")?;
            self.references(columns)?
        } else if own.is_some() && self.word("references") {
            self.references(own.unwrap_or_default())?
        } else {
            return Ok(None);
        };
        loop {
            let known = self.words(&["not", "deferrable"])
                || self.word("deferrable")
                || self.words(&["initially", "deferred"])
                || self.words(&["initially", "immediate"])
                || self.words(&["not", "valid"]);
            if !known {
                return Ok(Some(kind));
            }
        }
    }

    fn references(&mut self, columns: Vec<String>) -> Result<ConstraintKind, Error> {
        let table = self.path()?;
        let others = if matches!(self.kind(), Kind::Sign("(")) {
            self.names()?
        } else {
            Vec::new()
        };
        let (mut on_delete, mut on_update) = ('a', 'a');
        while self.word("on") {
            let delete = self.word("delete");
            if !delete {
                self.need_word("update")?;
            }
            let action = if self.word("cascade") {
                'c'
            } else if self.word("restrict") {
                'r'
            } else if self.words(&["set", "null"]) {
                'n'
            } else if self.words(&["set", "default"]) {
                'd'
            } else if self.words(&["no", "action"]) {
                'a'
            } else {
                return Err(self.unexpected());
            };
            *(if delete { &mut on_delete } else { &mut on_update }) = action;
        }
        Ok(ConstraintKind::References {
            columns,
            table,
            others,
            on_delete,
            on_update,
        })
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

    fn role_options(&mut self) -> Result<RoleOptions, Error> {
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

    pub(super) fn alter(&mut self) -> Result<Statement, Error> {
        self.advance();
        let word = self.any_word().unwrap_or("").to_owned();
        match word.as_str() {
            "table" | "view" | "sequence" | "index" => {
                self.advance();
                let if_exists = self.if_exists();
                self.word("only");
                let table = self.path()?;
                let mut actions = Vec::new();
                loop {
                    actions.push(self.alter_action()?);
                    if !self.sign(",") {
                        break;
                    }
                }
                Ok(Statement::AlterTable {
                    table,
                    if_exists,
                    actions,
                })
            }
            "role" | "user" => {
                self.advance();
                let name = match self.any_word() {
                    Some("current_user") => {
                        self.advance();
                        "current_user".into()
                    }
                    _ => self.name()?,
                };
                if self.is_word(0, "set") || self.is_word(0, "reset") || self.is_word(0, "rename") {
                    self.skip_statement()?;
                    return Ok(Statement::AlterRole {
                        name,
                        options: RoleOptions::default(),
                    });
                }
                let options = self.role_options()?;
                Ok(Statement::AlterRole { name, options })
            }
            "system" | "database" | "schema" | "function" | "default" | "extension" | "type" | "domain" => {
                self.advance();
                self.skip_statement()?;
                let tag = match word.as_str() {
                    "system" => "ALTER SYSTEM",
                    "database" => "ALTER DATABASE",
                    "schema" => "ALTER SCHEMA",
                    "function" => "ALTER FUNCTION",
                    "default" => "ALTER DEFAULT PRIVILEGES",
                    "extension" => "ALTER EXTENSION",
                    "type" => "ALTER TYPE",
                    _ => "ALTER DOMAIN",
                };
                Ok(Statement::Accepted(tag, Vec::new()))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn alter_action(&mut self) -> Result<AlterTable, Error> {
        if self.word("add") {
            if let Some(constraint) = self.table_constraint()? {
                return Ok(AlterTable::AddConstraint(constraint));
            }
            self.word("column");
            let if_not_exists = self.if_not_exists();
            return Ok(AlterTable::AddColumn(self.column_def()?, if_not_exists));
        }
        if self.word("drop") {
            if self.word("constraint") {
                self.if_exists();
                self.name()?;
                let _ = self.word("cascade") || self.word("restrict");
                return Ok(AlterTable::Nothing);
            }
            self.word("column");
            let if_exists = self.if_exists();
            let name = self.name()?;
            let _ = self.word("cascade") || self.word("restrict");
            return Ok(AlterTable::DropColumn(name, if_exists));
        }
        if self.word("rename") {
            if self.word("to") {
                return Ok(AlterTable::RenameTo(self.name()?));
            }
            self.word("column");
            let old = self.name()?;
            self.need_word("to")?;
            return Ok(AlterTable::RenameColumn(old, self.name()?));
        }
        if self.words(&["owner", "to"]) {
            return Ok(AlterTable::Owner(self.label()?));
        }
        if self.word("alter") {
            self.word("column");
            let name = self.name()?;
            if self.words(&["set", "default"]) {
                let from = self.here();
                let expr = self.expr()?;
                return Ok(AlterTable::SetDefault(name, Some((expr, self.text_from(from)))));
            }
            if self.words(&["drop", "default"]) {
                return Ok(AlterTable::SetDefault(name, None));
            }
            if self.words(&["set", "not", "null"]) {
                return Ok(AlterTable::SetNotNull(name, true));
            }
            if self.words(&["drop", "not", "null"]) {
                return Ok(AlterTable::SetNotNull(name, false));
            }
        }
        if self.any_word().is_none() {
            return Err(self.unexpected());
        }
        while !matches!(self.kind(), Kind::End | Kind::Sign(";" | ",")) {
            match self.kind() {
                Kind::Sign("(") => self.brackets()?,
                _ => self.advance(),
            }
        }
        Ok(AlterTable::Nothing)
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
