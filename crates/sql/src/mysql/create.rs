//! CREATE, and types as MySQL has them.

use crate::ast::{ColumnDef, Constraint, ConstraintKind, Mysql, Path, Statement, TypeName};
use crate::error::Error;
use crate::lex::Kind;
use crate::parse::Parser;

/// Names of types, what the engine calls them, and how MySQL shows them; the display width where one is shown.
const TYPES: &[(&str, &str, &str, u32)] = &[
    ("tinyint", "int2", "tinyint", 4),
    ("bool", "int2", "tinyint", 1),
    ("boolean", "int2", "tinyint", 1),
    ("smallint", "int2", "smallint", 6),
    ("mediumint", "int4", "mediumint", 9),
    ("int", "int4", "int", 11),
    ("integer", "int4", "int", 11),
    ("bigint", "int8", "bigint", 20),
    ("serial", "int8", "bigint", 20),
    ("bit", "int8", "bit", 1),
    ("year", "int4", "year", 4),
    ("float", "float4", "float", 0),
    ("double", "float8", "double", 0),
    ("real", "float8", "double", 0),
    ("decimal", "numeric", "decimal", 0),
    ("numeric", "numeric", "decimal", 0),
    ("dec", "numeric", "decimal", 0),
    ("varchar", "varchar", "varchar", 0),
    ("char", "varchar", "char", 0),
    ("character", "varchar", "char", 0),
    ("nchar", "varchar", "char", 0),
    ("tinytext", "text", "tinytext", 0),
    ("text", "text", "text", 0),
    ("mediumtext", "text", "mediumtext", 0),
    ("longtext", "text", "longtext", 0),
    ("json", "text", "longtext", 0),
    ("enum", "text", "enum", 0),
    ("set", "text", "set", 0),
    ("tinyblob", "bytea", "tinyblob", 0),
    ("blob", "bytea", "blob", 0),
    ("mediumblob", "bytea", "mediumblob", 0),
    ("longblob", "bytea", "longblob", 0),
    ("binary", "bytea", "binary", 0),
    ("varbinary", "bytea", "varbinary", 0),
    ("date", "date", "date", 0),
    ("datetime", "timestamp", "datetime", 0),
    ("timestamp", "timestamp", "timestamp", 0),
    ("time", "time", "time", 0),
    ("signed", "int8", "bigint", 20),
    ("unsigned", "int8", "bigint", 20),
    ("uuid", "text", "uuid", 0),
    ("inet6", "text", "inet6", 0),
];

// === impl Parser ===

impl Parser<'_> {
    pub(crate) fn mysql_type(&mut self) -> Result<TypeName, Error> {
        let at = self.here();
        let word = self.any_word().unwrap_or("").to_owned();
        let Some((_, name, shown, width)) = TYPES.iter().find(|(known, ..)| *known == word) else {
            return Err(self.unexpected());
        };
        self.advance();
        let (mut name, mut shown) = ((*name).to_owned(), (*shown).to_owned());
        if matches!(word.as_str(), "char" | "character" | "nchar") && self.word("varying") {
            shown = "varchar".into();
        }
        if word == "double" {
            self.word("precision");
        }
        let mut numbers: Vec<i32> = Vec::new();
        let mut words: Vec<String> = Vec::new();
        if self.sign("(") {
            loop {
                match self.kind().clone() {
                    Kind::Number(text) => numbers.push(text.parse().map_err(|_| self.unexpected())?),
                    Kind::String(text) => words.push(text),
                    _ => return Err(self.unexpected()),
                }
                self.advance();
                if !self.sign(",") {
                    break;
                }
            }
            self.need_sign(")")?;
        }
        let mut modifiers = Vec::new();
        if matches!(name.as_str(), "varchar" | "numeric") {
            modifiers.clone_from(&numbers);
        }
        match (name.as_str(), shown.as_str(), numbers.as_slice()) {
            (_, "enum" | "set", _) => {
                let quoted: Vec<String> = words
                    .iter()
                    .map(|word| format!("'{}'", word.replace('\'', "''")))
                    .collect();
                shown = format!("{shown}({})", quoted.join(","));
            }
            (_, "char", []) => {
                shown = "char(1)".into();
                modifiers = vec![1];
            }
            (_, "decimal", []) => {
                shown = "decimal(10,0)".into();
                modifiers = vec![10, 0];
            }
            (_, "decimal", [digits]) => shown = format!("decimal({digits},0)"),
            (_, _, []) if *width > 0 => shown = format!("{shown}({width})"),
            (_, _, []) => {}
            (_, _, numbers) => {
                let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                shown = format!("{shown}({})", numbers.join(","));
            }
        }
        loop {
            if self.word("unsigned") || word == "unsigned" && !shown.ends_with(" unsigned") {
                // One digit less, as no sign is shown.
                if numbers.is_empty() {
                    for (signed, unsigned) in [
                        ("int(11)", "int(10)"),
                        ("tinyint(4)", "tinyint(3)"),
                        ("smallint(6)", "smallint(5)"),
                        ("mediumint(9)", "mediumint(8)"),
                    ] {
                        if shown == signed {
                            shown = unsigned.into();
                        }
                    }
                }
                // So that all its values fit.
                name = match name.as_str() {
                    "int2" => "int4".into(),
                    "int4" => "int8".into(),
                    _ => name,
                };
                shown.push_str(" unsigned");
            } else if self.word("zerofill") || self.word("signed") || self.word("integer") || self.word("binary") {
            } else if self.words(&["character", "set"]) || self.word("charset") || self.word("collate") {
                let _ = self.string().is_ok() || self.label().is_ok();
            } else {
                break;
            }
        }
        Ok(TypeName {
            name,
            modifiers,
            array: false,
            declared: shown,
            at,
        })
    }

    pub(crate) fn mysql_create(&mut self) -> Result<Statement, Error> {
        self.advance();
        let replace = self.words(&["or", "replace"]);
        let temporary = self.word("temporary");
        while ["unique", "fulltext", "spatial", "aggregate"]
            .iter()
            .any(|word| self.is_word(0, word))
        {
            if self.is_word(0, "unique") && (self.is_word(1, "index") || self.is_word(1, "key")) {
                break;
            }
            self.advance();
        }
        if self.word("algorithm") {
            self.op("=");
            self.label()?;
        }
        if self.word("definer") {
            self.op("=");
            self.mysql_user()?;
        }
        if self.words(&["sql", "security"]) {
            self.label()?;
        }
        let word = self.any_word().unwrap_or("").to_owned();
        let own = |own: Mysql| Ok(Statement::Mysql(Box::new(own)));
        match word.as_str() {
            "table" => self.mysql_create_table(temporary),
            "database" | "schema" => {
                self.advance();
                let if_not_exists = self.if_not_exists();
                let name = self.name()?;
                self.skip_statement()?;
                own(Mysql::CreateDatabase {
                    name,
                    if_not_exists,
                    replace,
                })
            }
            "view" => {
                self.advance();
                self.if_not_exists();
                let view = self.path()?;
                self.need_word("as")?;
                let from = self.here();
                let query = Box::new(self.query()?);
                let text = self.text_from(from);
                Ok(Statement::CreateView {
                    view,
                    query,
                    text,
                    replace,
                })
            }
            "unique" | "index" | "key" => {
                let unique = self.word("unique");
                self.advance();
                let if_not_exists = self.if_not_exists();
                let name = Some(self.name()?);
                if self.word("using") {
                    self.label()?;
                }
                self.need_word("on")?;
                let table = self.path()?;
                let columns = self.mysql_key_columns()?;
                self.skip_statement()?;
                Ok(Statement::CreateIndex {
                    name,
                    table,
                    columns,
                    unique,
                    if_not_exists,
                })
            }
            "user" | "role" => self.mysql_account("create"),
            "function" => {
                self.advance();
                self.if_not_exists();
                let name = self.path()?.name;
                if self.word("returns") {
                    self.label()?;
                }
                if self.word("soname") {
                    return own(Mysql::Plugin(name, self.string()?));
                }
                while !matches!(self.kind(), Kind::End) {
                    self.advance();
                }
                Ok(Statement::Accepted("OK", Vec::new()))
            }
            "procedure" | "trigger" | "event" | "server" | "sequence" | "package" => {
                while !matches!(self.kind(), Kind::End) {
                    self.advance();
                }
                Ok(Statement::Accepted("OK", Vec::new()))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Columns of a key, without their lengths and order.
    fn mysql_key_columns(&mut self) -> Result<Vec<String>, Error> {
        self.need_sign("(")?;
        let columns = self.list(|parser| {
            let name = parser.name()?;
            if matches!(parser.kind(), Kind::Sign("(")) {
                parser.brackets()?;
            }
            let _ = parser.word("asc") || parser.word("desc");
            Ok(name)
        })?;
        self.need_sign(")")?;
        Ok(columns)
    }

    fn mysql_create_table(&mut self, temporary: bool) -> Result<Statement, Error> {
        self.advance();
        let if_not_exists = self.if_not_exists();
        let table = self.path()?;
        let (mut columns, mut constraints, mut query) = (Vec::new(), Vec::new(), None);
        if self.word("like") {
            let other = self.path()?;
            let query = crate::parse::first(&format!("select * from {} limit 0", shown(&other)), self.dialect())?;
            let Some(Statement::Query(query)) = query.map(|parsed| parsed.statement) else {
                return Err(self.unexpected());
            };
            return Ok(Statement::CreateTable {
                table,
                columns,
                constraints,
                if_not_exists,
                temporary,
                query: Some(query),
            });
        }
        if matches!(self.kind(), Kind::Sign("(")) && !self.is_word(1, "select") {
            self.need_sign("(")?;
            loop {
                match self.mysql_table_key()? {
                    Some(constraint) => constraints.extend(constraint),
                    None => {
                        let (column, more) = self.mysql_column()?;
                        columns.push(column);
                        constraints.extend(more);
                    }
                }
                if !self.sign(",") {
                    break;
                }
            }
            self.need_sign(")")?;
        }
        while !matches!(self.kind(), Kind::End | Kind::Sign(";")) && !self.is_word(0, "as") && !self.begins_query() {
            match self.kind() {
                Kind::Sign("(") => self.brackets()?,
                Kind::Word { .. } | Kind::String(_) | Kind::Number(_) | Kind::Sign(",") => self.advance(),
                Kind::Op(op) if op == "=" => self.advance(),
                _ => return Err(self.unexpected()),
            }
        }
        if self.word("as") || self.begins_query() {
            query = Some(Box::new(self.query()?));
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

    /// A key of a table: a constraint where it demands something; none when a column comes next.
    pub(crate) fn mysql_table_key(&mut self) -> Result<Option<Option<Constraint>>, Error> {
        let mut name = None;
        if self.word("constraint") {
            name = self.bare_alias();
        }
        if self.words(&["primary", "key"]) {
            if self.word("using") {
                self.label()?;
            }
            let kind = ConstraintKind::Primary(self.mysql_key_columns()?);
            return Ok(Some(Some(Constraint { name, kind })));
        }
        if self.words(&["foreign", "key"]) {
            if !matches!(self.kind(), Kind::Sign("(")) {
                self.name()?;
            }
            let columns = self.mysql_key_columns()?;
            self.need_word("references")?;
            let kind = self.references(columns)?;
            return Ok(Some(Some(Constraint { name, kind })));
        }
        if self.is_word(0, "check") {
            self.advance();
            self.brackets()?;
            return Ok(Some(None));
        }
        let unique = self.word("unique");
        let plain = ["key", "index", "fulltext", "spatial"];
        if !unique && !plain.iter().any(|word| self.is_word(0, word)) {
            return if name.is_some() {
                Err(self.unexpected())
            } else {
                Ok(None)
            };
        }
        while plain.iter().any(|word| self.word(word)) {}
        if !matches!(self.kind(), Kind::Sign("(")) {
            name = Some(self.name()?);
        }
        if self.word("using") {
            self.label()?;
        }
        let columns = self.mysql_key_columns()?;
        while self.word("using") || self.word("comment") {
            self.advance();
        }
        Ok(Some(unique.then_some(Constraint {
            name,
            kind: ConstraintKind::Unique(columns),
        })))
    }

    pub(crate) fn mysql_column(&mut self) -> Result<(ColumnDef, Vec<Constraint>), Error> {
        let name = self.name()?;
        let ty = self.mysql_type()?;
        let mut constraints = Vec::new();
        let mut column = ColumnDef {
            name,
            ty,
            not_null: false,
            default: None,
            constraints: Vec::new(),
            identity: false,
        };
        loop {
            let own = || vec![column.name.clone()];
            if self.words(&["not", "null"]) {
                column.not_null = true;
            } else if self.word("null") || self.word("visible") || self.word("invisible") {
            } else if self.word("auto_increment") {
                column.identity = true;
            } else if self.word("default") {
                let from = self.here();
                let expr = self.above(crate::parse::expr::RANGE)?;
                column.default = Some((expr, self.text_from(from)));
            } else if self.words(&["on", "update"]) {
                self.expr()?;
            } else if self.words(&["primary", "key"]) {
                let kind = ConstraintKind::Primary(own());
                constraints.push(Constraint { name: None, kind });
            } else if self.word("unique") {
                self.word("key");
                let kind = ConstraintKind::Unique(own());
                constraints.push(Constraint { name: None, kind });
            } else if self.word("key") {
            } else if self.word("comment") {
                self.string()?;
            } else if self.word("collate") || self.words(&["character", "set"]) {
                self.label()?;
            } else if self.word("check") {
                self.brackets()?;
            } else if self.word("references") {
                let kind = self.references(own())?;
                constraints.push(Constraint { name: None, kind });
            } else {
                return Ok((column, constraints));
            }
        }
    }
}

pub(crate) fn shown(path: &Path) -> String {
    let quoted = |name: &str| format!("`{}`", name.replace('`', "``"));
    match &path.schema {
        Some(schema) => format!("{}.{}", quoted(schema), quoted(&path.name)),
        None => quoted(&path.name),
    }
}
