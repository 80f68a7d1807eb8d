//! Expressions, by how strongly their operators bind.

use super::{Parser, RESERVED};
use crate::ast::{Call, Expr, TypeName};
use crate::error::Error;
use crate::lex::Kind;

const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const IS: u8 = 4;
const COMPARE: u8 = 5;
const RANGE: u8 = 6;
const OTHER: u8 = 7;
const SUM: u8 = 8;
const PRODUCT: u8 = 9;
const POWER: u8 = 10;
const ZONE: u8 = 11;
const SIGN: u8 = 13;

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
    pub(super) fn expr(&mut self) -> Result<Expr, Error> {
        self.above(0)
    }

    /// An expression of operators that bind more strongly than `least`.
    fn above(&mut self, least: u8) -> Result<Expr, Error> {
        self.nest(|parser| {
            let mut left = parser.prefix()?;
            while let Some(joined) = parser.infix(&mut left, least)? {
                left = joined;
                parser.higher()?;
            }
            Ok(left)
        })
    }

    fn prefix(&mut self) -> Result<Expr, Error> {
        let at = self.here();
        if self.word("not") {
            return Ok(Expr::Not(Box::new(self.above(NOT - 1)?)));
        }
        if let Kind::Op(op) = self.kind() {
            let op = op.clone();
            self.advance();
            let strength = if op == "-" || op == "+" { SIGN } else { OTHER };
            let operand = self.above(strength)?;
            return Ok(match (op.as_str(), operand) {
                ("-", Expr::Number(text)) if !text.starts_with('-') => Expr::Number(format!("-{text}")),
                ("+", operand) => operand,
                (_, operand) => Expr::Unary(op, Box::new(operand), at),
            });
        }
        self.postfix()
    }

    /// What follows `left` at that strength, joined to it; `left` is taken then.
    fn infix(&mut self, left: &mut Expr, least: u8) -> Result<Option<Expr>, Error> {
        let at = self.here();
        if let Kind::Op(op) = self.kind() {
            let strength = match op.as_str() {
                "<" | ">" | "=" | "<=" | ">=" | "<>" => COMPARE,
                "+" | "-" => SUM,
                "*" | "/" | "%" => PRODUCT,
                "^" => POWER,
                _ => OTHER,
            };
            if strength <= least {
                return Ok(None);
            }
            let op = op.clone();
            self.advance();
            return self.operated(left, op, strength, at).map(Some);
        }
        let Some(word) = self.any_word().map(str::to_owned) else {
            return Ok(None);
        };
        let take = |left: &mut Expr| Box::new(std::mem::replace(left, Expr::Null));
        match word.as_str() {
            "or" if OR > least => {
                self.advance();
                let right = self.above(OR)?;
                Ok(Some(match *take(left) {
                    Expr::Or(mut all) => {
                        self.high = self.high.saturating_sub(1);
                        all.push(right);
                        Expr::Or(all)
                    }
                    first => Expr::Or(vec![first, right]),
                }))
            }
            "and" if AND > least => {
                self.advance();
                let right = self.above(AND)?;
                Ok(Some(match *take(left) {
                    Expr::And(mut all) => {
                        self.high = self.high.saturating_sub(1);
                        all.push(right);
                        Expr::And(all)
                    }
                    first => Expr::And(vec![first, right]),
                }))
            }
            "is" if IS > least => self.is(take(left)).map(Some),
            "isnull" | "notnull" if IS > least => {
                self.advance();
                Ok(Some(Expr::IsNull(take(left), word == "notnull")))
            }
            "not" | "in" | "like" | "ilike" | "between" | "similar" if RANGE > least => self.range(left),
            "operator" if OTHER > least && matches!(self.ahead(1), Kind::Sign("(")) => {
                self.advance();
                self.advance();
                while !matches!(self.kind(), Kind::Op(_)) {
                    self.label()?;
                    self.need_sign(".")?;
                }
                let Kind::Op(op) = self.kind().clone() else {
                    return Err(self.unexpected());
                };
                self.advance();
                self.need_sign(")")?;
                self.operated(left, op, OTHER, at).map(Some)
            }
            "at" if ZONE > least && self.is_word(1, "time") => {
                self.advance();
                self.advance();
                self.need_word("zone")?;
                let zone = self.above(ZONE)?;
                Ok(Some(call("timezone", vec![zone, *take(left)], at)))
            }
            "collate" => {
                self.advance();
                self.path()?;
                Ok(Some(*take(left)))
            }
            _ => Ok(None),
        }
    }

    fn operated(&mut self, left: &mut Expr, op: String, strength: u8, at: usize) -> Result<Expr, Error> {
        let first = Box::new(std::mem::replace(left, Expr::Null));
        let every = self.is_word(0, "all");
        if (every || self.is_word(0, "any") || self.is_word(0, "some")) && matches!(self.ahead(1), Kind::Sign("(")) {
            self.advance();
            self.advance();
            let right = if self.begins_query() {
                Expr::ArrayQuery(Box::new(self.query()?))
            } else {
                self.expr()?
            };
            self.need_sign(")")?;
            return Ok(Expr::Quantified(first, op, every, Box::new(right), at));
        }
        let right = self.above(strength)?;
        Ok(Expr::Binary(op, first, Box::new(right), at))
    }

    fn is(&mut self, left: Box<Expr>) -> Result<Expr, Error> {
        self.advance();
        let not = self.word("not");
        if self.words(&["distinct", "from"]) {
            let right = Box::new(self.above(IS)?);
            return Ok(Expr::Distinct(left, right, !not));
        }
        let want = match self.any_word() {
            Some("null") => {
                self.advance();
                return Ok(Expr::IsNull(left, not));
            }
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some("unknown") => None,
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(Expr::IsBool(left, want, not))
    }

    fn range(&mut self, left: &mut Expr) -> Result<Option<Expr>, Error> {
        let not = self.is_word(0, "not");
        let known = ["in", "like", "ilike", "between", "similar"];
        if not && !known.iter().any(|word| self.is_word(1, word)) {
            return Ok(None);
        }
        if not {
            self.advance();
        }
        let at = self.here();
        let first = Box::new(std::mem::replace(left, Expr::Null));
        if self.word("between") {
            self.word("symmetric");
            let low = Box::new(self.above(RANGE)?);
            self.need_word("and")?;
            let high = Box::new(self.above(RANGE)?);
            return Ok(Some(Expr::Between(first, low, high, not)));
        }
        if self.word("in") {
            self.need_sign("(")?;
            let inner = if self.begins_query() {
                Expr::InQuery(first, Box::new(self.query()?), not)
            } else {
                Expr::In(first, self.list(Self::expr)?, not, at)
            };
            self.need_sign(")")?;
            return Ok(Some(inner));
        }
        let fold = self.is_word(0, "ilike");
        if self.word("similar") {
            self.need_word("to")?;
        } else {
            self.advance();
        }
        let pattern = Box::new(self.above(RANGE)?);
        if self.word("escape") {
            self.above(RANGE)?;
        }
        Ok(Some(Expr::Like {
            text: first,
            pattern,
            not,
            fold,
        }))
    }

    /// A primary with `::type`, `[...]` and `.field` behind it.
    fn postfix(&mut self) -> Result<Expr, Error> {
        let bracketed = matches!(self.kind(), Kind::Sign("("));
        let mut expr = self.primary()?;
        loop {
            if self.sign("::") {
                expr = Expr::Cast(Box::new(expr), self.type_name()?);
            } else if self.sign("[") {
                let low = if matches!(self.kind(), Kind::Sign(":")) {
                    None
                } else {
                    Some(Box::new(self.expr()?))
                };
                let slice = self.sign(":");
                let high = if slice && !matches!(self.kind(), Kind::Sign("]")) {
                    Some(Box::new(self.expr()?))
                } else {
                    None
                };
                self.need_sign("]")?;
                expr = Expr::Index(Box::new(expr), low, high, slice);
            } else if bracketed && matches!(self.kind(), Kind::Sign(".")) && !matches!(self.ahead(1), Kind::Op(_)) {
                self.advance();
                expr = Expr::Field(Box::new(expr), self.label()?);
            } else {
                return Ok(expr);
            }
            self.higher()?;
        }
    }

    fn primary(&mut self) -> Result<Expr, Error> {
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
        if BARE_CALLS.contains(&word) && !matches!(self.ahead(1), Kind::Sign("(" | ".")) {
            self.advance();
            return Ok(Some(call(word, Vec::new(), at)));
        }
        let bracket = matches!(self.ahead(1), Kind::Sign("("));
        match word {
            "case" => self.case().map(Some),
            "array" => self.array().map(Some),
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
            "interval" | "date" | "timestamp" | "timestamptz" | "time" if matches!(self.ahead(1), Kind::String(_)) => {
                let ty = self.type_name()?;
                let text = self.string()?;
                Ok(Some(Expr::Cast(Box::new(Expr::String(text)), ty)))
            }
            _ if RESERVED.contains(&word) && !bracket => Err(self.unexpected()),
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

    fn args(&mut self) -> Result<Vec<Expr>, Error> {
        if self.sign(")") {
            return Ok(Vec::new());
        }
        self.word("variadic");
        let mut all = vec![self.expr()?];
        while self.sign(",") {
            self.word("variadic");
            all.push(self.expr()?);
        }
        if !matches!(self.kind(), Kind::Sign(")")) && !self.is_word(0, "order") {
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
        if let (1, Kind::String(text)) = (parts.len(), self.kind().clone()) {
            self.advance();
            let ty = TypeName {
                name: parts.remove(0),
                modifiers: Vec::new(),
                array: false,
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
    pub(super) fn brackets(&mut self) -> Result<(), Error> {
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

    pub(super) fn type_name(&mut self) -> Result<TypeName, Error> {
        let at = self.here();
        let mut name = self.label()?;
        while self.sign(".") {
            name = self.label()?;
        }
        match name.as_str() {
            "double" => {
                self.word("precision");
                name = "float8".into();
            }
            "character" | "char" | "nchar" if self.word("varying") => name = "varchar".into(),
            "national" => {
                self.word("character");
                name = if self.word("varying") { "varchar" } else { "bpchar" }.into();
            }
            "character" | "nchar" => name = "bpchar".into(),
            "char" if self.text.as_bytes().get(at) != Some(&b'"') => name = "bpchar".into(),
            _ => {}
        }
        let mut modifiers = Vec::new();
        if self.sign("(") {
            loop {
                match self.kind().clone() {
                    Kind::Number(text) => modifiers.push(text.parse().unwrap_or(0)),
                    _ => return Err(self.unexpected()),
                }
                self.advance();
                if !self.sign(",") {
                    break;
                }
            }
            self.need_sign(")")?;
        }
        if matches!(name.as_str(), "timestamp" | "time") {
            if self.words(&["with", "time", "zone"]) {
                name.push_str("tz");
            } else {
                self.words(&["without", "time", "zone"]);
            }
        }
        if name == "bpchar" && modifiers.is_empty() && self.text.as_bytes().get(at..at + 6) != Some(b"bpchar") {
            modifiers.push(1);
        }
        let mut array = false;
        while matches!(self.kind(), Kind::Sign("[")) {
            self.advance();
            if matches!(self.kind(), Kind::Number(_)) {
                self.advance();
            }
            self.need_sign("]")?;
            array = true;
        }
        Ok(TypeName {
            name,
            modifiers,
            array,
            at,
        })
    }
}

fn call(name: &str, args: Vec<Expr>, at: usize) -> Expr {
    Expr::Call(Call {
        name: name.to_owned(),
        schema: None,
        args,
        star: false,
        distinct: false,
        order: Vec::new(),
        filter: None,
        over: false,
        at,
    })
}
