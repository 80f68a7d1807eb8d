//! CREATE TABLE.

use super::Parser;
use crate::ast::{ColumnDef, Constraint, ConstraintKind, Statement, TypeName};
use crate::error::Error;
use crate::lex::Kind;

// === impl Parser ===

impl Parser<'_> {
    pub(super) fn create_table(&mut self, temporary: bool) -> Result<Statement, Error> {
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

    pub(super) fn column_def(&mut self) -> Result<ColumnDef, Error> {
        let name = self.name()?;
        let ty = match self.kind() {
            Kind::Word { .. } => self.type_name()?,
            // As COPY ... FROM needs none: a query gives the columns their types.
            Kind::Sign("," | ")") => TypeName {
                name: "text".into(),
                modifiers: Vec::new(),
                array: false,
                declared: String::new(),
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

    pub(super) fn table_constraint(&mut self) -> Result<Option<Constraint>, Error> {
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

    pub(crate) fn references(&mut self, columns: Vec<String>) -> Result<ConstraintKind, Error> {
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
}
