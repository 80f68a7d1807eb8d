//! Expressions only MySQL has, and words between others.

use crate::ast::{Call, Expr, TypeName};
use crate::error::Error;
use crate::lex::Kind;
use crate::parse::Parser;
use crate::parse::expr::{SIGN, call};

// === impl Parser ===

impl Parser<'_> {
    /// Words between SELECT and what is selected.
    pub(crate) fn mysql_select_options(&mut self) {
        let options = [
            "sql_no_cache",
            "sql_cache",
            "sql_calc_found_rows",
            "high_priority",
            "sql_small_result",
            "sql_big_result",
            "sql_buffer_result",
            "straight_join",
        ];
        while options.iter().any(|word| self.word(word)) {}
    }

    /// The name of what is selected: its own, what it was called, or its text.
    pub(crate) fn mysql_alias(&mut self, from: usize, expr: &Expr) -> Result<Option<String>, Error> {
        let text = self.text_from(from);
        if self.word("as") {
            return match self.kind() {
                Kind::String(_) => self.string().map(Some),
                _ => self.label().map(Some),
            };
        }
        if let Kind::String(_) = self.kind() {
            return self.string().map(Some);
        }
        if let Some(alias) = self.bare_alias() {
            return Ok(Some(alias));
        }
        Ok(match expr {
            Expr::Column(..) => None,
            Expr::String(text) => Some(text.clone()),
            Expr::Null | Expr::Bool(_) => Some(text.to_uppercase()),
            _ => Some(text),
        })
    }

    /// USE INDEX and the like.
    pub(crate) fn mysql_index_hints(&mut self) -> Result<(), Error> {
        while ["use", "force", "ignore"].iter().any(|word| self.is_word(0, word))
            && (self.is_word(1, "index") || self.is_word(1, "key"))
        {
            self.advance();
            self.advance();
            self.brackets()?;
        }
        Ok(())
    }

    pub(crate) fn mysql_interval(&mut self) -> Result<Expr, Error> {
        let at = self.here();
        self.advance();
        let amount = self.expr()?;
        let unit = self.label()?.to_ascii_lowercase();
        Ok(call("@interval", vec![amount, Expr::String(unit)], at))
    }

    /// Expressions that begin with a word only MySQL gives a meaning.
    pub(crate) fn mysql_keyword(&mut self, word: &str, at: usize) -> Result<Option<Expr>, Error> {
        let bracket = matches!(self.ahead(1), Kind::Sign("("));
        match word {
            "binary" if !bracket => {
                self.advance();
                let inner = self.above(SIGN)?;
                Ok(Some(call("@binary", vec![inner], at)))
            }
            "interval" if bracket => self.mysql_interval().map(Some),
            "cast" if bracket => {
                self.advance();
                self.advance();
                let inner = self.expr()?;
                self.need_word("as")?;
                let ty = self.mysql_cast_type()?;
                self.need_sign(")")?;
                Ok(Some(Expr::Cast(Box::new(inner), ty)))
            }
            "convert" if bracket => {
                self.advance();
                self.advance();
                let inner = self.expr()?;
                if self.word("using") {
                    self.label()?;
                    self.need_sign(")")?;
                    return Ok(Some(inner));
                }
                self.need_sign(",")?;
                let ty = self.mysql_cast_type()?;
                self.need_sign(")")?;
                Ok(Some(Expr::Cast(Box::new(inner), ty)))
            }
            "match" if bracket => {
                self.advance();
                self.brackets()?;
                self.need_word("against")?;
                self.brackets()?;
                Ok(Some(Expr::Number("0".into())))
            }
            "timestampdiff" | "timestampadd" if bracket => {
                self.advance();
                self.advance();
                let unit = self.label()?.to_ascii_lowercase();
                self.need_sign(",")?;
                let mut args = vec![Expr::String(unit)];
                args.extend(self.list(Self::expr)?);
                self.need_sign(")")?;
                Ok(Some(call(word, args, at)))
            }
            "utc_timestamp" | "utc_date" | "utc_time" if !bracket => {
                self.advance();
                Ok(Some(call(word, Vec::new(), at)))
            }
            "values" if bracket => {
                self.advance();
                self.advance();
                let name = self.mysql_target()?;
                self.need_sign(")")?;
                Ok(Some(Expr::Column(vec!["values()".into(), name], at)))
            }
            _ => Ok(None),
        }
    }

    /// `@x := 1` where an expression may stand.
    pub(crate) fn mysql_assigned(&mut self, variable: Expr) -> Result<Expr, Error> {
        let Expr::Call(Call { name, mut args, at, .. }) = variable else {
            return Ok(variable);
        };
        if name == "@" && self.sign(":=") {
            args.push(self.expr()?);
            return Ok(call("@=", args, at));
        }
        Ok(call(&name, args, at))
    }

    /// The type of a CAST: a text without a length is not cut.
    fn mysql_cast_type(&mut self) -> Result<TypeName, Error> {
        let whole = self.is_word(0, "char") && !matches!(self.ahead(1), Kind::Sign("("));
        let mut ty = self.mysql_type()?;
        if whole {
            ty.modifiers.clear();
        }
        Ok(ty)
    }
}
