//! What expressions are made of, down to names and numbers.

use super::Parser;
use super::expr::{RANGE, call};
use crate::ast::{Call, Expr, TypeName};
use crate::error::Error;
use crate::lex::Kind;
use crate::mysql;

/// Names that are called without brackets.
const BARE_CALLS: &[&str] = &[
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "user",
];

// === impl Parser ===

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Result<Expr, Error> {
        let at = self.here();
        match self.kind().clone() {
            Kind::Number(text) => {
                self.advance();
                Ok(Expr::Number(text))
            }
            Kind::String(text) => {
                self.advance();
                Ok(Expr::String(text))
            }
            Kind::Bytes(bytes) => {
                self.advance();
                Ok(Expr::Bytes(bytes))
            }
            Kind::Variable(name) => {
                self.advance();
                self.mysql_assigned(mysql::parse::variable(&name, at))
            }
            Kind::Param(number) => {
                self.advance();
                Ok(Expr::Param(number))
            }
            Kind::Sign("(") => {
                self.advance();
                if self.begins_query() {
                    let query = self.query()?;
                    self.need_sign(")")?;
                    return Ok(Expr::Scalar(Box::new(query)));
                }
                let mut all = self.list(Self::expr)?;
                self.need_sign(")")?;
                match all.len() {
                    1 => all.pop().ok_or_else(|| self.unexpected()),
                    _ => Ok(Expr::Row(all)),
                }
            }
            Kind::Word { text, quoted } => {
                if !quoted && let Some(expr) = self.keyword(&text, at)? {
                    return Ok(expr);
                }
                self.column_or_call()
            }
            _ => Err(self.unexpected()),
        }
    }

    fn keyword(&mut self, word: &str, at: usize) -> Result<Option<Expr>, Error> {
        let simple = match word {
            "null" => Some(Expr::Null),
            "true" => Some(Expr::Bool(true)),
            "false" => Some(Expr::Bool(false)),
            "default" => Some(Expr::Default),
            _ => None,
        };
        if simple.is_some() {
            self.advance();
            return Ok(simple);
        }
        if self.is_mysql()
            && let Some(expr) = self.mysql_keyword(word, at)?
        {
            return Ok(Some(expr));
        }
        let bare = BARE_CALLS.contains(&word) && !(self.is_mysql() && matches!(word, "user" | "session_user"));
        if bare && !matches!(self.ahead(1), Kind::Sign("(" | ".")) {
            self.advance();
            return Ok(Some(call(word, Vec::new(), at)));
        }
        let bracket = matches!(self.ahead(1), Kind::Sign("("));
        match word {
            "case" => self.case().map(Some),
            "array" if !self.is_mysql() => self.array().map(Some),
            "exists" if bracket => {
                self.advance();
                self.advance();
                let query = self.query()?;
                self.need_sign(")")?;
                Ok(Some(Expr::Exists(Box::new(query))))
            }
            "cast" if bracket => {
                self.advance();
                self.advance();
                let inner = self.expr()?;
                self.need_word("as")?;
                let ty = self.type_name()?;
                self.need_sign(")")?;
                Ok(Some(Expr::Cast(Box::new(inner), ty)))
            }
            "row" if bracket => {
                self.advance();
                self.advance();
                let all = self.args()?;
                Ok(Some(Expr::Row(all)))
            }
            "extract" | "position" | "substring" | "trim" | "overlay" if bracket => self.spoken(word, at),
            "interval" if self.is_mysql() && !bracket => self.mysql_interval().map(Some),
            "interval" | "date" | "timestamp" | "timestamptz" | "time" if matches!(self.ahead(1), Kind::String(_)) => {
                let ty = self.type_name()?;
                let text = self.string()?;
                Ok(Some(Expr::Cast(Box::new(Expr::String(text)), ty)))
            }
            _ if self.is_reserved(word) && !bracket => Err(self.unexpected()),
            _ => Ok(None),
        }
    }

    /// Calls whose arguments have words between them.
    fn spoken(&mut self, word: &str, at: usize) -> Result<Option<Expr>, Error> {
        self.advance();
        self.advance();
        let args = match word {
            "extract" => {
                let field = match self.kind() {
                    Kind::String(_) => self.string()?,
                    _ => self.label()?,
                };
                self.need_word("from")?;
                vec![Expr::String(field), self.expr()?]
            }
            "position" => {
                let what = self.above(RANGE)?;
                self.need_word("in")?;
                vec![self.expr()?, what]
            }
            "trim" => return self.trim(at).map(Some),
            _ => {
                let mut args = vec![self.expr()?];
                let keywords = ["from", "for", "placing"];
                while keywords.iter().any(|word| self.word(word)) || self.sign(",") {
                    args.push(self.expr()?);
                }
                args
            }
        };
        self.need_sign(")")?;
        Ok(Some(call(word, args, at)))
    }

    fn trim(&mut self, at: usize) -> Result<Expr, Error> {
        let name = match self.any_word() {
            Some("leading") => "ltrim",
            Some("trailing") => "rtrim",
            _ => "btrim",
        };
        if ["leading", "trailing", "both"].iter().any(|word| self.is_word(0, word)) {
            self.advance();
        }
        let first = if self.word("from") { None } else { Some(self.expr()?) };
        let mut args = match first {
            Some(first) if self.word("from") => vec![self.expr()?, first],
            Some(first) => vec![first],
            None => vec![self.expr()?],
        };
        if self.sign(",") {
            args.push(self.expr()?);
        }
        self.need_sign(")")?;
        Ok(call(name, args, at))
    }

    fn case(&mut self) -> Result<Expr, Error> {
        self.advance();
        let operand = if self.is_word(0, "when") {
            None
        } else {
            Some(Box::new(self.expr()?))
        };
        let mut whens = Vec::new();
        while self.word("when") {
            let condition = self.expr()?;
            self.need_word("then")?;
            whens.push((condition, self.expr()?));
        }
        if whens.is_empty() {
            return Err(self.unexpected());
        }
        let otherwise = if self.word("else") {
            Some(Box::new(self.expr()?))
        } else {
            None
        };
        self.need_word("end")?;
        Ok(Expr::Case {
            operand,
            whens,
            otherwise,
        })
    }

    fn array(&mut self) -> Result<Expr, Error> {
        self.advance();
        if self.sign("(") {
            let query = self.query()?;
            self.need_sign(")")?;
            return Ok(Expr::ArrayQuery(Box::new(query)));
        }
        self.need_sign("[")?;
        let mut all = Vec::new();
        if !self.sign("]") {
            all = self.list(Self::expr)?;
            self.need_sign("]")?;
        }
        Ok(Expr::Array(all))
    }

    pub(crate) fn args(&mut self) -> Result<Vec<Expr>, Error> {
        if self.sign(")") {
            return Ok(Vec::new());
        }
        self.word("variadic");
        let mut all = vec![self.expr()?];
        while self.sign(",") {
            self.word("variadic");
            all.push(self.expr()?);
        }
        // `CHAR(65 USING utf8mb4)`.
        if self.is_mysql() && self.word("using") {
            self.label()?;
        }
        let more = ["order", "separator"].iter().any(|word| self.is_word(0, word));
        if !matches!(self.kind(), Kind::Sign(")")) && !more {
            return Err(self.unexpected());
        }
        Ok(all)
    }

    fn column_or_call(&mut self) -> Result<Expr, Error> {
        let at = self.here();
        let mut parts = vec![self.label()?];
        while matches!(self.kind(), Kind::Sign(".")) && matches!(self.ahead(1), Kind::Word { .. }) {
            self.advance();
            parts.push(self.label()?);
        }
        if matches!(self.kind(), Kind::Sign("(")) {
            let name = parts.pop().unwrap_or_default();
            return self.called(name, parts.pop(), at).map(Expr::Call);
        }
        // `int4 '12'`.
        if !self.is_mysql()
            && let (1, Kind::String(text)) = (parts.len(), self.kind().clone())
        {
            self.advance();
            let ty = TypeName {
                name: parts.remove(0),
                modifiers: Vec::new(),
                array: false,
                declared: String::new(),
                at,
            };
            return Ok(Expr::Cast(Box::new(Expr::String(text)), ty));
        }
        Ok(Expr::Column(parts, at))
    }

    /// A call, from its bracket on.
    pub(super) fn called(&mut self, name: String, schema: Option<String>, at: usize) -> Result<Call, Error> {
        self.need_sign("(")?;
        let mut call = Call {
            name,
            schema,
            args: Vec::new(),
            star: false,
            distinct: false,
            order: Vec::new(),
            filter: None,
            over: false,
            at,
        };
        if self.op("*") {
            call.star = true;
            self.need_sign(")")?;
        } else {
            call.distinct = self.word("distinct");
            self.word("all");
            call.args = self.args()?;
            if self.words(&["order", "by"]) {
                call.order = self.list(Self::order_item)?;
            }
            if self.word("separator") {
                call.args.push(Expr::String(self.string()?));
            }
            if !call.args.is_empty() {
                self.need_sign(")")?;
            }
        }
        if self.is_word(0, "filter") && matches!(self.ahead(1), Kind::Sign("(")) {
            self.advance();
            self.advance();
            self.need_word("where")?;
            call.filter = Some(Box::new(self.expr()?));
            self.need_sign(")")?;
        }
        if self.is_word(0, "over") && matches!(self.ahead(1), Kind::Sign("(")) {
            call.over = true;
            self.advance();
            self.brackets()?;
        }
        Ok(call)
    }

    /// Skips a bracket and all that is in it.
    pub(crate) fn brackets(&mut self) -> Result<(), Error> {
        self.need_sign("(")?;
        let mut open = 1;
        while open > 0 {
            match self.kind() {
                Kind::Sign("(") => open += 1,
                Kind::Sign(")") => open -= 1,
                Kind::End => return Err(self.unexpected()),
                _ => {}
            }
            self.advance();
        }
        Ok(())
    }
}
