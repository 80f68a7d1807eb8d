//! Expressions, by how strongly their operators bind.

use super::Parser;
use crate::ast::{Call, Expr};
use crate::error::Error;
use crate::lex::Kind;

const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const IS: u8 = 4;
const COMPARE: u8 = 5;
pub(crate) const RANGE: u8 = 6;
const OTHER: u8 = 7;
const SUM: u8 = 8;
const PRODUCT: u8 = 9;
const POWER: u8 = 10;
const ZONE: u8 = 11;
pub(crate) const SIGN: u8 = 13;

// === impl Parser ===

impl Parser<'_> {
    pub(crate) fn expr(&mut self) -> Result<Expr, Error> {
        self.above(0)
    }

    /// An expression of operators that bind more strongly than `least`.
    pub(crate) fn above(&mut self, least: u8) -> Result<Expr, Error> {
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
            let strength = if op == "-" || op == "+" || self.is_mysql() {
                SIGN
            } else {
                OTHER
            };
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
                "\0" => return Ok(None),
                "<=>" | "~*" if self.is_mysql() => COMPARE,
                "xor" => OR,
                "div" => PRODUCT,
                "#" if self.is_mysql() => POWER,
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
        // `%` by its other name.
        if word == "mod" && self.is_mysql() && PRODUCT > least && !matches!(self.ahead(1), Kind::Sign("(")) {
            self.advance();
            return self.operated(left, "%".into(), PRODUCT, at).map(Some);
        }
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
        if not && matches!(self.ahead(1), Kind::Op(op) if op == "~*") {
            let at = self.here();
            self.advance();
            self.advance();
            return Ok(Some(Expr::Not(Box::new(self.operated(
                left,
                "~*".into(),
                COMPARE,
                at,
            )?))));
        }
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
        let fold = self.is_word(0, "ilike") || self.is_mysql();
        if self.word("similar") {
            self.need_word("to")?;
        } else {
            self.advance();
            let _ = self.is_mysql() && self.word("binary");
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
}

pub(crate) fn call(name: &str, args: Vec<Expr>, at: usize) -> Expr {
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
