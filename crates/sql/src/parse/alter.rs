//! ALTER.

use super::Parser;
use crate::ast::{AlterTable, RoleOptions, Statement};
use crate::error::Error;
use crate::lex::Kind;

// === impl Parser ===

impl Parser<'_> {
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
}
