//! Operators.

use super::call::called;
use super::{Binder, Scope, Typed};
use crate::ast::Expr;
use crate::cast;
use crate::error::Error;
use crate::operator;
use crate::plan::Node;
use crate::types::Type;
use crate::value::Value;

const NO_OPERATOR: &str =
    "No operator matches the given name and argument types. You might need to add explicit type casts.";

// === impl Binder ===

impl Binder<'_, '_> {
    pub(super) fn unary(&self, op: &str, operand: &Expr, at: usize, scope: &Scope<'_>) -> Result<Typed, Error> {
        let operand = self.expr(operand, scope)?;
        let zero = Typed::constant(Value::Int(0), Type::INT4);
        match op {
            "-" if operand.ty == Type::INTERVAL => {
                let none = Typed::constant(Value::Interval(Default::default()), Type::INTERVAL);
                self.operated("-", none, operand, at)
            }
            "-" => self.operated("-", zero, operand, at),
            "~" if operand.ty.is_integer() || self.is_mysql() => {
                self.operated("#", operand, Typed::constant(Value::Int(-1), Type::INT4), at)
            }
            "@" => self.applied("abs", vec![operand], at),
            _ => {
                let message = format!("operator does not exist: {op} {}", operand.ty.title());
                Err(self
                    .fail("42883", message, at)
                    .hint(NO_OPERATOR)
                    .raised("parse_oper.c", 656, "op_error"))
            }
        }
    }

    pub(super) fn no_operator(&self, op: &str, left: Type, right: Type, at: usize) -> Error {
        let message = format!("operator does not exist: {} {op} {}", left.title(), right.title());
        self.fail("42883", message, at)
            .hint(NO_OPERATOR)
            .raised("parse_oper.c", 656, "op_error")
    }

    pub(crate) fn operated(&self, op: &str, left: Typed, right: Typed, at: usize) -> Result<Typed, Error> {
        if self.is_mysql() {
            return self.mysql_operated(op, left, right, at);
        }
        self.operated_as(op, left, right, at)
    }

    /// With both sides as they are.
    pub(crate) fn operated_as(&self, op: &str, left: Typed, right: Typed, at: usize) -> Result<Typed, Error> {
        if left.ty == Type::RECORD && right.ty == Type::RECORD && op == "=" {
            let args = vec![left.node, right.node];
            return Ok(called(operator::EQUAL, args, Type::BOOL));
        }
        let found = operator::find(op, left.ty, right.ty).ok_or_else(|| self.no_operator(op, left.ty, right.ty, at))?;
        let set = left.set || right.set;
        let place = crate::lex::place(self.text, at);
        let take = |typed: Typed, ty| {
            self.converted(typed, ty, cast::is_explicit, false)
                .map_err(|error| match error.place {
                    None if at > 0 => error.at(place),
                    _ => error,
                })
        };
        let (left, right) = (take(left, found.left)?, take(right, found.right)?);
        let (Some(left), Some(right)) = (left, right) else {
            return Err(self.no_operator(op, found.left, found.right, at));
        };
        let result = called(found.apply, vec![left.node, right.node], found.result);
        // What does not fit the type is refused, as each type has its own operator in the product.
        let node = match result.ty {
            Type::INT4 | Type::INT2 => crate::function::fitting(result.node, result.ty),
            _ => result.node,
        };
        Ok(Typed { node, set, ..result })
    }

    pub(super) fn quantified(
        &self,
        (left, right): (&Expr, &Expr),
        op: &str,
        all: bool,
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let (left, right) = (self.expr(left, scope)?, self.expr(right, scope)?);
        let element = match right.ty.element() {
            Some(element) => element,
            None if right.ty == Type::UNKNOWN => left.ty,
            None => {
                let message = "op ANY/ALL (array) requires array on right side";
                return Err(self
                    .fail("42809", message, at)
                    .raised("parse_oper.c", 769, "make_scalar_array_op"));
            }
        };
        let element = if element == Type::UNKNOWN { Type::TEXT } else { element };
        let found = operator::find(op, left.ty, element).ok_or_else(|| self.no_operator(op, left.ty, element, at))?;
        let array = self.converted(right, found.right.array(), cast::is_explicit, false)?;
        let left = self.converted(left, found.left, cast::is_explicit, false)?;
        let (Some(array), Some(left)) = (array, left) else {
            return Err(self.no_operator(op, found.left, found.right, at));
        };
        Ok(Typed::new(
            Node::Quantified {
                apply: found.apply,
                left: Box::new(left.node),
                array: Box::new(array.node),
                all,
            },
            Type::BOOL,
        ))
    }
}
