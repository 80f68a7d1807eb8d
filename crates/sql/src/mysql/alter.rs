//! ALTER, DROP and what is about accounts.

use crate::ast::{AlterTable, DropKind, Mysql, Statement};
use crate::error::Error;
use crate::lex::Kind;
use crate::parse::Parser;

// === impl Parser ===

impl Parser<'_> {
    pub(crate) fn mysql_alter(&mut self) -> Result<Statement, Error> {
        self.advance();
        self.word("ignore");
        if self.is_word(0, "user") {
            return self.mysql_account("alter");
        }
        if !self.word("table") {
            self.skip_statement()?;
            return Ok(Statement::Accepted("OK", Vec::new()));
        }
        let if_exists = self.if_exists();
        let table = self.path()?;
        let mut actions = Vec::new();
        loop {
            actions.extend(self.mysql_alteration()?);
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

    fn mysql_alteration(&mut self) -> Result<Vec<AlterTable>, Error> {
        if self.word("add") {
            if let Some(constraint) = self.mysql_table_key()? {
                return Ok(constraint.map(AlterTable::AddConstraint).into_iter().collect());
            }
            self.word("column");
            let if_not_exists = self.if_not_exists();
            let (column, more) = self.mysql_column()?;
            if self.word("after") {
                self.name()?;
            } else {
                self.word("first");
            }
            let mut actions = vec![AlterTable::AddColumn(column, if_not_exists)];
            actions.extend(more.into_iter().map(AlterTable::AddConstraint));
            return Ok(actions);
        }
        if self.is_word(0, "drop")
            && !["primary", "foreign", "index", "key", "constraint"]
                .iter()
                .any(|word| self.is_word(1, word))
        {
            self.advance();
            self.word("column");
            let if_exists = self.if_exists();
            return Ok(vec![AlterTable::DropColumn(self.name()?, if_exists)]);
        }
        if self.word("rename") {
            if self.word("column") {
                let from = self.name()?;
                self.need_word("to")?;
                return Ok(vec![AlterTable::RenameColumn(from, self.name()?)]);
            }
            let _ = self.word("to") || self.word("as");
            return Ok(vec![AlterTable::RenameTo(self.path()?.name)]);
        }
        // Options, keys and types: what they are does not change what is answered.
        while !matches!(self.kind(), Kind::End | Kind::Sign(";" | ",")) {
            if matches!(self.kind(), Kind::Sign("(")) {
                self.brackets()?;
            } else {
                self.advance();
            }
        }
        Ok(vec![AlterTable::Nothing])
    }

    pub(crate) fn mysql_drop(&mut self) -> Result<Statement, Error> {
        self.advance();
        self.word("temporary");
        let word = self.any_word().unwrap_or("").to_owned();
        let kind = match word.as_str() {
            "table" | "tables" => DropKind::Table,
            "view" => DropKind::View,
            "database" | "schema" => {
                self.advance();
                let if_exists = self.if_exists();
                return Ok(Statement::Mysql(Box::new(Mysql::DropDatabase(self.name()?, if_exists))));
            }
            "user" | "role" => return self.mysql_account("drop"),
            "index" => {
                self.advance();
                self.if_exists();
                self.name()?;
                self.need_word("on")?;
                let table = self.path()?;
                self.skip_statement()?;
                return Ok(Statement::Accepted("OK", vec![table]));
            }
            "function" | "procedure" | "trigger" | "event" | "server" | "sequence" | "prepare" => {
                self.skip_statement()?;
                return Ok(Statement::Accepted("OK", Vec::new()));
            }
            _ => return Err(self.unexpected()),
        };
        self.advance();
        let if_exists = self.if_exists();
        let names = self.list(Self::path)?;
        let _ = self.word("cascade") || self.word("restrict");
        Ok(Statement::Drop {
            kind,
            names,
            if_exists,
            cascade: true,
        })
    }

    pub(crate) fn mysql_rename(&mut self) -> Result<Statement, Error> {
        self.advance();
        self.need_word("table")?;
        let table = self.path()?;
        self.need_word("to")?;
        let to = self.path()?.name;
        self.skip_statement()?;
        Ok(Statement::AlterTable {
            table,
            if_exists: false,
            actions: vec![AlterTable::RenameTo(to)],
        })
    }

    /// `'user'@'host'`: the user.
    pub(crate) fn mysql_user(&mut self) -> Result<String, Error> {
        let name = match self.kind() {
            Kind::String(_) => self.string()?,
            _ => self.label()?,
        };
        if let Kind::Variable(_) = self.kind() {
            self.advance();
        }
        if self.sign("(") {
            self.need_sign(")")?;
        }
        Ok(name)
    }

    pub(super) fn mysql_account(&mut self, verb: &'static str) -> Result<Statement, Error> {
        self.advance();
        let _ = self.if_not_exists() || self.if_exists();
        let user = self.mysql_user()?;
        let password = self.mysql_password()?;
        self.skip_statement()?;
        Ok(Statement::Mysql(Box::new(Mysql::Account { verb, user, password })))
    }

    /// IDENTIFIED BY.
    fn mysql_password(&mut self) -> Result<Option<String>, Error> {
        if !self.word("identified") {
            return Ok(None);
        }
        if self.word("with") || self.word("via") {
            let _ = self.string().is_ok() || self.label().is_ok();
        }
        if self.word("by") || self.word("using") {
            self.word("password");
            if matches!(self.kind(), Kind::String(_)) {
                return self.string().map(Some);
            }
        }
        Ok(None)
    }

    pub(crate) fn mysql_grant(&mut self) -> Result<Statement, Error> {
        let verb = if self.is_word(0, "grant") { "grant" } else { "revoke" };
        while !matches!(self.kind(), Kind::End | Kind::Sign(";")) && !self.is_word(0, "to") && !self.is_word(0, "from")
        {
            self.advance();
        }
        if !self.word("to") && !self.word("from") {
            return Err(self.unexpected());
        }
        let user = self.mysql_user()?;
        let password = self.mysql_password()?;
        self.skip_statement()?;
        Ok(Statement::Mysql(Box::new(Mysql::Account { verb, user, password })))
    }
}
