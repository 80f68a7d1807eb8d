//! Names to places, and types to everything: what a query means.

mod call;
mod column;
mod expr;
mod from;
mod operate;
mod query;
mod select;
mod sort;

pub(crate) use from::column;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::ast::Expr;
use crate::cast;
use crate::cx::Cx;
use crate::error::Error;
use crate::lex;
use crate::plan::{Aggregate, Column, Common, Node};
use crate::types::Type;
use crate::value::Value;

pub(crate) struct Binder<'a, 'c> {
    pub(crate) cx: &'a Cx<'c>,
    pub(crate) text: &'a str,
    /// Types of `$1` and so on; none is not known yet.
    pub(crate) params: RefCell<Vec<Option<Type>>>,
    /// The part of the statement at hand, as MariaDB's refusals name it.
    pub(crate) clause: Cell<&'static str>,
}

/// An expression understood.
#[derive(Clone)]
pub(crate) struct Typed {
    pub(crate) node: Node,
    pub(crate) ty: Type,
    pub(crate) modifier: i32,
    /// Gives a set of values, not one.
    pub(crate) set: bool,
}

/// The tables names may come from, and those of the query around.
#[derive(Default)]
pub(crate) struct Scope<'s> {
    pub(crate) tables: Vec<Named>,
    pub(crate) up: Option<&'s Self>,
    pub(crate) commons: Vec<Known>,
    pub(crate) grouping: RefCell<Option<Grouping>>,
}

/// A table of a scope.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) alias: String,
    pub(crate) columns: Vec<Placed>,
}

#[derive(Clone)]
pub(crate) struct Placed {
    pub(crate) column: Column,
    pub(crate) at: usize,
    /// Not among what `*` stands for.
    pub(crate) hidden: bool,
}

/// What WITH named.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) common: Rc<Common>,
    pub(crate) columns: Vec<Column>,
}

/// What a grouped query's output may be made of.
pub(crate) struct Grouping {
    pub(crate) keys: Vec<(Expr, Typed)>,
    pub(crate) aggregates: Vec<Aggregate>,
}

// === impl Typed ===

impl Typed {
    pub(crate) fn new(node: Node, ty: Type) -> Self {
        Self {
            node,
            ty,
            modifier: -1,
            set: false,
        }
    }

    fn constant(value: Value, ty: Type) -> Self {
        Self::new(Node::Const(value), ty)
    }
}

// === impl Binder ===

impl<'a, 'c> Binder<'a, 'c> {
    pub(crate) fn new(cx: &'a Cx<'c>, text: &'a str, params: Vec<Option<Type>>) -> Self {
        Self {
            cx,
            text,
            params: RefCell::new(params),
            clause: Cell::new("SELECT"),
        }
    }

    pub(crate) fn fail(&self, code: &'static str, message: impl Into<String>, at: usize) -> Error {
        Error::new(code, message).at(lex::place(self.text, at))
    }

    /// The same, as that type; none where there is no way.
    fn converted(
        &self,
        typed: Typed,
        to: Type,
        allowed: fn(Type, Type) -> bool,
        explicit: bool,
    ) -> Result<Option<Typed>, Error> {
        self.cast(typed, to, -1, allowed, explicit)
    }

    pub(crate) fn cast(
        &self,
        typed: Typed,
        to: Type,
        modifier: i32,
        allowed: fn(Type, Type) -> bool,
        explicit: bool,
    ) -> Result<Option<Typed>, Error> {
        if typed.ty == to && (modifier < 0 || modifier == typed.modifier) {
            return Ok(Some(typed));
        }
        if let (Node::Param(at), Type::UNKNOWN) = (&typed.node, typed.ty) {
            if let Some(known) = self.params.borrow_mut().get_mut(*at) {
                known.get_or_insert(to);
            }
            return Ok(Some(Typed { ty: to, ..typed }));
        }
        if !allowed(typed.ty, to) {
            return Ok(None);
        }
        // What stands there as text is read now, so that it is refused now.
        let node = match typed.node {
            Node::Const(value) if typed.ty == Type::UNKNOWN || value.is_null() => {
                let settled = !to.is_reg() && !to.is_date();
                let cast_now = cast::cast(self.cx, value.clone(), typed.ty, to, modifier, explicit)?;
                if settled {
                    Node::Const(cast_now)
                } else {
                    self.later(Node::Const(value), typed.ty, to, modifier, explicit)
                }
            }
            node => self.later(node, typed.ty, to, modifier, explicit),
        };
        Ok(Some(Typed {
            node,
            ty: to,
            modifier,
            set: typed.set,
        }))
    }

    fn later(&self, inner: Node, from: Type, to: Type, modifier: i32, explicit: bool) -> Node {
        Node::Cast {
            inner: Box::new(inner),
            from,
            to,
            modifier,
            explicit,
        }
    }

    /// As that type where it is taken so unasked; else as it is.
    pub(crate) fn implicit(&self, typed: Typed, to: Type) -> Result<Typed, Error> {
        if self.is_mysql() {
            return Ok(self.lenient(typed, to));
        }
        match self.converted(typed.clone(), to, cast::is_implicit, false)? {
            Some(typed) => Ok(typed),
            None => {
                let message = format!("cannot convert type {} to {}", typed.ty.title(), to.title());
                Err(Error::new("42804", message).raised("parse_coerce.c", 1512, "select_common_type"))
            }
        }
    }

    /// What is not known yet, taken as text.
    pub(crate) fn known(&self, typed: Typed) -> Result<Typed, Error> {
        if typed.ty == Type::UNKNOWN {
            self.implicit(typed, Type::TEXT)
        } else {
            Ok(typed)
        }
    }

    /// All of one type: that of `CASE`, `COALESCE`, arrays, `UNION`.
    pub(crate) fn alike(&self, all: Vec<Typed>, what: &str) -> Result<(Vec<Typed>, Type), Error> {
        if self.is_mysql() {
            return Ok(self.mysql_alike(all));
        }
        let mut ty = Type::UNKNOWN;
        for typed in &all {
            ty = crate::operator::common(ty, typed.ty)
                .filter(|_| typed.ty != ty || ty != Type::UNKNOWN)
                .unwrap_or(if typed.ty == Type::UNKNOWN || typed.ty == ty {
                    ty
                } else {
                    Type::VOID
                });
            if ty == Type::VOID {
                let first = all.first().map_or("text", |first| first.ty.title());
                let message = format!("{what} types {first} and {} cannot be matched", typed.ty.title());
                return Err(Error::new("42804", message).raised("parse_coerce.c", 1512, "select_common_type"));
            }
        }
        if ty == Type::UNKNOWN {
            ty = Type::TEXT;
        }
        let all = all
            .into_iter()
            .map(|typed| self.implicit(typed, ty))
            .collect::<Result<_, _>>()?;
        Ok((all, ty))
    }

    /// A condition.
    pub(crate) fn condition(&self, expr: &Expr, scope: &Scope<'_>, what: &str) -> Result<Node, Error> {
        let typed = self.expr(expr, scope)?;
        if self.is_mysql() {
            return Ok(self.truth(typed));
        }
        let found = typed.ty;
        match self.converted(typed, Type::BOOL, |from, _| from == Type::UNKNOWN, false)? {
            Some(typed) => Ok(typed.node),
            None => {
                let message = format!("argument of {what} must be type boolean, not type {}", found.title());
                Err(Error::new("42804", message).raised("parse_coerce.c", 1211, "coerce_to_boolean"))
            }
        }
    }
}

// === impl Scope ===

impl<'s> Scope<'s> {
    pub(crate) fn within(up: Option<&'s Self>) -> Self {
        Self { up, ..Self::default() }
    }

    /// No table is in sight.
    pub(crate) fn is_bare(&self) -> bool {
        self.tables.is_empty() && self.up.is_none_or(Self::is_bare)
    }

    pub(crate) fn common(&self, name: &str) -> Option<&Known> {
        let own = self.commons.iter().rev().find(|known| known.name == name);
        own.or_else(|| self.up.and_then(|up| up.common(name)))
    }
}
