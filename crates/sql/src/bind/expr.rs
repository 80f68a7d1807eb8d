//! Expressions.

use super::{Binder, Placed, Scope, Typed};
use crate::aggregate;
use crate::ast::{Call, Expr, TypeName};
use crate::cast;
use crate::decimal::Decimal;
use crate::error::Error;
use crate::function::{self, Resolved};
use crate::operator;
use crate::plan::{Aggregate, Node};
use crate::types::Type;
use crate::value::Value;

const NO_OPERATOR: &str =
    "No operator matches the given name and argument types. You might need to add explicit type casts.";

// === impl Binder ===

impl Binder<'_, '_> {
    pub(crate) fn expr(&self, expr: &Expr, scope: &Scope<'_>) -> Result<Typed, Error> {
        if let Some(typed) = grouped(expr, scope) {
            return Ok(typed);
        }
        match expr {
            Expr::Null => Ok(Typed::constant(Value::Null, Type::UNKNOWN)),
            Expr::Bool(b) => Ok(Typed::constant(Value::Bool(*b), Type::BOOL)),
            Expr::Number(text) => number(text),
            Expr::String(text) => Ok(Typed::constant(Value::text(text), Type::UNKNOWN)),
            Expr::Param(number) => self.param(*number),
            Expr::Default => Err(Error::syntax("DEFAULT is not allowed in this context")),
            Expr::Column(path, at) => self.column(path, *at, scope),
            Expr::Unary(op, operand, at) => self.unary(op, operand, *at, scope),
            Expr::Binary(op, left, right, at) => {
                let (left, right) = (self.expr(left, scope)?, self.expr(right, scope)?);
                self.operated(op, left, right, *at)
            }
            Expr::And(parts) => Ok(Typed::new(Node::And(self.conditions(parts, scope, "AND")?), Type::BOOL)),
            Expr::Or(parts) => Ok(Typed::new(Node::Or(self.conditions(parts, scope, "OR")?), Type::BOOL)),
            Expr::Not(inner) => {
                let inner = Box::new(self.condition(inner, scope, "NOT")?);
                Ok(Typed::new(Node::Not(inner), Type::BOOL))
            }
            Expr::IsNull(inner, not) => {
                let inner = Box::new(self.expr(inner, scope)?.node);
                Ok(Typed::new(Node::IsNull(inner, *not), Type::BOOL))
            }
            Expr::IsBool(inner, wanted, not) => {
                let inner = Box::new(self.condition(inner, scope, "IS")?);
                Ok(Typed::new(Node::IsBool(inner, *wanted, *not), Type::BOOL))
            }
            Expr::Distinct(left, right, distinct) => {
                let pair = vec![self.expr(left, scope)?, self.expr(right, scope)?];
                let (mut pair, _) = self.alike(pair, "IS DISTINCT FROM")?;
                let right = pair.pop().map(|typed| typed.node).unwrap_or(Node::Const(Value::Null));
                let left = pair.pop().map(|typed| typed.node).unwrap_or(Node::Const(Value::Null));
                Ok(Typed::new(
                    Node::Distinct(Box::new(left), Box::new(right), *distinct),
                    Type::BOOL,
                ))
            }
            Expr::Between(value, low, high, not) => {
                let value = self.expr(value, scope)?;
                let low = self.operated(">=", value.clone(), self.expr(low, scope)?, 0)?.node;
                let high = self.operated("<=", value, self.expr(high, scope)?, 0)?.node;
                let both = Node::And(vec![low, high]);
                let node = if *not { Node::Not(Box::new(both)) } else { both };
                Ok(Typed::new(node, Type::BOOL))
            }
            Expr::Cast(inner, ty) => self.cast_to(inner, ty, scope),
            Expr::Call(call) => self.call(call, scope),
            Expr::Like {
                text,
                pattern,
                not,
                fold,
            } => {
                let op = match (not, fold) {
                    (false, false) => "~~",
                    (true, false) => "!~~",
                    (false, true) => "~~*",
                    (true, true) => "!~~*",
                };
                let (text, pattern) = (self.expr(text, scope)?, self.expr(pattern, scope)?);
                self.operated(op, text, pattern, 0)
            }
            _ => self.compound(expr, scope),
        }
    }

    fn compound(&self, expr: &Expr, scope: &Scope<'_>) -> Result<Typed, Error> {
        match expr {
            Expr::In(left, list, not, at) => {
                let left = self.expr(left, scope)?;
                let mut ty = left.ty;
                let list: Vec<Typed> = list.iter().map(|one| self.expr(one, scope)).collect::<Result<_, _>>()?;
                for one in &list {
                    ty = operator::common(ty, one.ty).ok_or_else(|| self.no_operator("=", left.ty, one.ty, *at))?;
                }
                let list = list.into_iter().map(|one| Ok(self.implicit(one, ty)?.node));
                let list = list.collect::<Result<_, Error>>()?;
                let left = Box::new(self.implicit(left, ty)?.node);
                Ok(Typed::new(Node::In(left, list, *not), Type::BOOL))
            }
            Expr::InQuery(left, query, not) => {
                let left = self.expr(left, scope)?;
                let mut plan = self.query(query, Some(scope))?;
                let mut node = left.node;
                if let (Some(column), false) = (plan.columns.first(), left.ty == Type::RECORD) {
                    let ty = operator::common(left.ty, column.ty)
                        .ok_or_else(|| self.no_operator("=", left.ty, column.ty, 0))?;
                    node = self.implicit(Typed { node, ..left }, ty)?.node;
                    plan = self.as_types(plan, &[ty])?;
                }
                Ok(Typed::new(Node::InQuery(Box::new(node), plan.into(), *not), Type::BOOL))
            }
            Expr::Quantified(left, op, all, right, at) => self.quantified((left, right), op, *all, *at, scope),
            Expr::Case {
                operand,
                whens,
                otherwise,
            } => self.case((operand.as_deref(), whens, otherwise.as_deref()), scope),
            Expr::Exists(query) => {
                let plan = self.query(query, Some(scope))?.into();
                Ok(Typed::new(Node::Exists(plan), Type::BOOL))
            }
            Expr::Scalar(query) => {
                let plan = self.query(query, Some(scope))?;
                let Some(column) = plan.columns.first() else {
                    return Err(Error::syntax("subquery must return only one column"));
                };
                if plan.columns.len() > 1 {
                    return Err(Error::syntax("subquery must return only one column"));
                }
                let (ty, modifier) = (column.ty, column.modifier);
                Ok(Typed {
                    modifier,
                    ..Typed::new(Node::Scalar(plan.into()), ty)
                })
            }
            Expr::ArrayQuery(query) => {
                let plan = self.query(query, Some(scope))?;
                let ty = plan.columns.first().map_or(Type::TEXT, |column| column.ty);
                Ok(Typed::new(Node::ArrayOf(plan.into()), ty.array()))
            }
            Expr::Array(items) => {
                if items.is_empty() {
                    let hint = "Explicitly cast to the desired type, for example ARRAY[]::integer[].";
                    return Err(Error::new("42P18", "cannot determine type of empty array").hint(hint));
                }
                let items = items
                    .iter()
                    .map(|item| self.expr(item, scope))
                    .collect::<Result<_, _>>()?;
                let (items, ty) = self.alike(items, "ARRAY")?;
                let ty = if ty.element().is_some() { ty } else { ty.array() };
                let nodes = items.into_iter().map(|typed| typed.node).collect();
                Ok(Typed::new(Node::Array(nodes), ty))
            }
            Expr::Row(items) => {
                let nodes = items.iter().map(|item| Ok(self.known(self.expr(item, scope)?)?.node));
                let nodes = nodes.collect::<Result<_, Error>>()?;
                Ok(Typed::new(Node::Row(nodes), Type::RECORD))
            }
            Expr::Index(array, low, high, slice) => self.index(array, (low.as_deref(), high.as_deref()), *slice, scope),
            Expr::Field(inner, _) => self.expr(inner, scope),
            _ => Err(Error::new("0A000", "this expression is not supported here")),
        }
    }

    fn conditions(&self, parts: &[Expr], scope: &Scope<'_>, what: &str) -> Result<Vec<Node>, Error> {
        parts.iter().map(|part| self.condition(part, scope, what)).collect()
    }

    fn param(&self, number: usize) -> Result<Typed, Error> {
        if number == 0 || number > 1000 {
            let message = format!("there is no parameter ${number}");
            return Err(Error::new("42P02", message).raised("parse_param.c", 113, "fixed_paramref_hook"));
        }
        let mut params = self.params.borrow_mut();
        if params.len() < number {
            params.resize(number, None);
        }
        let ty = params[number - 1].unwrap_or(Type::UNKNOWN);
        Ok(Typed::new(Node::Param(number - 1), ty))
    }

    fn column(&self, path: &[String], at: usize, scope: &Scope<'_>) -> Result<Typed, Error> {
        let (name, table) = match path {
            [name] => (name, None),
            [.., table, name] => (name, Some(table)),
            [] => return Err(Error::syntax("syntax error")),
        };
        let mut level = Some(scope);
        let mut up = 0;
        while let Some(scope) = level {
            let tables = scope
                .tables
                .iter()
                .filter(|named| table.is_none_or(|table| named.alias == *table));
            let mut found: Vec<&Placed> = tables
                .flat_map(|named| named.columns.iter().filter(|placed| placed.column.name == *name))
                .collect();
            if found.len() > 1 {
                found.retain(|placed| !placed.hidden);
            }
            match found.as_slice() {
                [] => {}
                [one] => return self.placed(one, up, at, path, scope),
                _ => return Err(self.fail("42702", format!("column reference \"{name}\" is ambiguous"), at)),
            }
            let whole = scope
                .tables
                .iter()
                .find(|named| table.is_none() && named.alias == *name);
            if let Some(named) = whole {
                let seen = named.columns.iter().filter(|placed| !placed.hidden);
                let nodes: Vec<Node> = seen.map(|placed| Node::Column { up, at: placed.at }).collect();
                return Ok(match <[Node; 1]>::try_from(nodes) {
                    Ok([node]) => Typed::new(node, named.columns[0].column.ty),
                    Err(nodes) => Typed::new(Node::Row(nodes), Type::RECORD),
                });
            }
            if table.is_some_and(|table| scope.tables.iter().any(|named| named.alias == *table)) {
                break;
            }
            level = scope.up;
            up += 1;
        }
        Err(match (table, level) {
            (None, _) => self.fail("42703", format!("column \"{name}\" does not exist"), at),
            (Some(table), Some(_)) => self.fail("42703", format!("column {table}.{name} does not exist"), at),
            (Some(table), None) => self
                .fail("42P01", format!("missing FROM-clause entry for table \"{table}\""), at)
                .raised("parse_relation.c", 3602, "errorMissingRTE"),
        })
    }

    /// A column; that of a grouped query must be one it is grouped by.
    fn placed(
        &self,
        placed: &Placed,
        up: usize,
        at: usize,
        path: &[String],
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let mut place = placed.at;
        if let Some(grouping) = &*scope.grouping.borrow() {
            let same = |typed: &Typed| matches!(typed.node, Node::Column { up: 0, at } if at == placed.at);
            let Some(key) = grouping.keys.iter().position(|(_, typed)| same(typed)) else {
                let owner = scope
                    .tables
                    .iter()
                    .find(|named| named.columns.iter().any(|one| one.at == placed.at));
                let table = owner.map_or("", |named| named.alias.as_str());
                let name = path.last().map_or("", String::as_str);
                let message = format!(
                    "column \"{table}.{name}\" must appear in the GROUP BY clause or be used in an aggregate function"
                );
                return Err(self.fail("42803", message, at));
            };
            place = key;
        }
        Ok(Typed {
            modifier: placed.column.modifier,
            ..Typed::new(Node::Column { up, at: place }, placed.column.ty)
        })
    }

    fn unary(&self, op: &str, operand: &Expr, at: usize, scope: &Scope<'_>) -> Result<Typed, Error> {
        let operand = self.expr(operand, scope)?;
        let zero = Typed::constant(Value::Int(0), Type::INT4);
        match op {
            "-" if operand.ty == Type::INTERVAL => {
                let none = Typed::constant(Value::Interval(Default::default()), Type::INTERVAL);
                self.operated("-", none, operand, at)
            }
            "-" => self.operated("-", zero, operand, at),
            "~" if operand.ty.is_integer() => {
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

    fn no_operator(&self, op: &str, left: Type, right: Type, at: usize) -> Error {
        let message = format!("operator does not exist: {} {op} {}", left.title(), right.title());
        self.fail("42883", message, at)
            .hint(NO_OPERATOR)
            .raised("parse_oper.c", 656, "op_error")
    }

    pub(crate) fn operated(&self, op: &str, left: Typed, right: Typed, at: usize) -> Result<Typed, Error> {
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

    fn quantified(
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

    #[allow(clippy::type_complexity)]
    fn case(
        &self,
        (operand, whens, otherwise): (Option<&Expr>, &[(Expr, Expr)], Option<&Expr>),
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let operand = operand.map(|operand| self.expr(operand, scope)).transpose()?;
        let (mut conditions, mut values) = (Vec::new(), Vec::new());
        for (condition, value) in whens {
            conditions.push(match &operand {
                None => self.condition(condition, scope, "CASE/WHEN")?,
                Some(operand) => {
                    self.operated("=", operand.clone(), self.expr(condition, scope)?, 0)?
                        .node
                }
            });
            values.push(self.expr(value, scope)?);
        }
        values.push(match otherwise {
            Some(otherwise) => self.expr(otherwise, scope)?,
            None => Typed::constant(Value::Null, Type::UNKNOWN),
        });
        let (mut values, ty) = self.alike(values, "CASE")?;
        let otherwise = values.pop().map_or(Node::Const(Value::Null), |typed| typed.node);
        let whens = conditions
            .into_iter()
            .zip(values.into_iter().map(|typed| typed.node))
            .collect();
        Ok(Typed::new(
            Node::Case {
                whens,
                otherwise: Box::new(otherwise),
            },
            ty,
        ))
    }

    fn index(
        &self,
        array: &Expr,
        (low, high): (Option<&Expr>, Option<&Expr>),
        slice: bool,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let array = self.expr(array, scope)?;
        let bound = |expr: &Expr| Ok::<_, Error>(Box::new(self.implicit(self.expr(expr, scope)?, Type::INT8)?.node));
        if slice {
            let (low, high) = (low.map(bound).transpose()?, high.map(bound).transpose()?);
            let ty = array.ty;
            let array = Box::new(array.node);
            return Ok(Typed::new(Node::Slice { array, low, high }, ty));
        }
        let (ty, first) = match array.ty {
            Type::NAME => (Type::CHAR, 0),
            Type::OIDVECTOR | Type::INT2VECTOR => (array.ty.element().unwrap_or(Type::OID), 0),
            ty => match ty.element() {
                Some(element) => (element, 1),
                None => {
                    let message = format!(
                        "cannot subscript type {} because it does not support subscripting",
                        ty.title()
                    );
                    return Err(Error::new("42804", message).raised(
                        "parse_node.c",
                        285,
                        "transformContainerSubscripts",
                    ));
                }
            },
        };
        let at = match low {
            Some(low) => bound(low)?,
            None => return Err(Error::syntax("syntax error at or near \"]\"")),
        };
        Ok(Typed::new(
            Node::Index {
                array: Box::new(array.node),
                at,
                first,
            },
            ty,
        ))
    }

    /// The type of that name and what its modifiers come to.
    pub(crate) fn type_of(&self, name: &TypeName) -> Result<(Type, i32), Error> {
        let Some(ty) = Type::named(&name.name) else {
            let message = format!("type \"{}\" does not exist", name.name);
            return Err(self.fail("42704", message, name.at));
        };
        let modifier = match (ty, name.modifiers.as_slice()) {
            (Type::VARCHAR | Type::BPCHAR, [length]) => length.saturating_add(4),
            (Type::NUMERIC, [precision]) => (precision << 16) + 4,
            (Type::NUMERIC, [precision, scale, ..]) => ((precision << 16) | scale) + 4,
            (Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::TIME, [precision]) => *precision,
            _ => -1,
        };
        Ok((if name.array { ty.array() } else { ty }, modifier))
    }

    fn cast_to(&self, inner: &Expr, name: &TypeName, scope: &Scope<'_>) -> Result<Typed, Error> {
        let (ty, modifier) = self.type_of(name)?;
        if let Expr::Array(items) = inner
            && items.is_empty()
        {
            return Ok(Typed::constant(Value::Array([].into()), ty));
        }
        let typed = self.expr(inner, scope)?;
        let from = typed.ty;
        let place = crate::lex::place(self.text, name.at);
        match self.cast(typed, ty, modifier, cast::is_explicit, true) {
            Ok(Some(typed)) => Ok(typed),
            Ok(None) => {
                let message = format!("cannot cast type {} to {}", from.title(), ty.title());
                Err(self
                    .fail("42846", message, name.at)
                    .raised("parse_expr.c", 2605, "transformTypeCast"))
            }
            Err(error) => Err(if error.place.is_none() && matches!(inner, Expr::String(_)) {
                let quote = self.text[..name.at.min(self.text.len())].rfind("::").unwrap_or(0);
                let before = &self.text[..quote];
                let start = before.trim_end().len();
                let literal = before[..start.saturating_sub(1)].rfind('\'').unwrap_or(start);
                error.at(crate::lex::place(self.text, literal))
            } else if error.place.is_none() {
                error.at(place)
            } else {
                error
            }),
        }
    }

    pub(crate) fn call(&self, call: &Call, scope: &Scope<'_>) -> Result<Typed, Error> {
        if aggregate::is_aggregate(&call.name) && !call.over {
            return self.aggregate(call, scope);
        }
        if call.over {
            return Err(self.fail("0A000", "window functions are not supported here", call.at));
        }
        let args: Vec<Typed> = call
            .args
            .iter()
            .map(|arg| self.expr(arg, scope))
            .collect::<Result<_, _>>()?;
        match call.name.as_str() {
            "coalesce" => {
                let (args, ty) = self.alike(args, "COALESCE")?;
                let nodes = args.into_iter().map(|typed| typed.node).collect();
                Ok(Typed::new(Node::Coalesce(nodes), ty))
            }
            "greatest" | "least" => {
                let (args, ty) = self.alike(args, "GREATEST")?;
                let nodes = args.into_iter().map(|typed| typed.node).collect();
                let apply = if call.name == "least" {
                    function::LEAST
                } else {
                    function::GREATEST
                };
                Ok(Typed::new(
                    Node::Call {
                        apply,
                        strict: false,
                        args: nodes,
                    },
                    ty,
                ))
            }
            "nullif" => {
                let [first, second] = <[Typed; 2]>::try_from(args).map_err(|_| self.no_function(call, &[]))?;
                let ty = if first.ty == Type::UNKNOWN {
                    Type::TEXT
                } else {
                    first.ty
                };
                let same = self.operated("=", first.clone(), second, call.at)?.node;
                let first = self.known(first)?.node;
                Ok(Typed::new(
                    Node::Case {
                        whens: vec![(same, Node::Const(Value::Null))],
                        otherwise: Box::new(first),
                    },
                    ty,
                ))
            }
            _ => self.applied_call(call, args),
        }
    }

    fn no_function(&self, call: &Call, types: &[Type]) -> Error {
        let shown: Vec<_> = types.iter().map(|ty| ty.title()).collect();
        let schema = call
            .schema
            .as_ref()
            .map_or(String::new(), |schema| format!("{schema}."));
        let message = format!("function {schema}{}({}) does not exist", call.name, shown.join(", "));
        self.fail("42883", message, call.at)
            .hint("No function matches the given name and argument types. You might need to add explicit type casts.")
    }

    fn applied_call(&self, call: &Call, args: Vec<Typed>) -> Result<Typed, Error> {
        let types: Vec<Type> = args.iter().map(|arg| arg.ty).collect();
        if let Some(resolved) = function::resolve(&call.name, &types) {
            return self.resolved(resolved, args);
        }
        // `int4(x)` is a cast.
        if let ([_], Some(ty)) = (types.as_slice(), Type::named(&call.name))
            && let Some(arg) = args.into_iter().next()
            && let Some(typed) = self.converted(arg, ty, cast::is_explicit, true)?
        {
            return Ok(typed);
        }
        let made = self.cx.with_database(|database| {
            let made = database.functions.iter().find(|function| function.name == call.name);
            made.map(|function| (function.language.clone(), function.body.clone()))
        });
        if let Some(Some((language, body))) = made {
            return Ok(function::made(&call.name, &language, &body));
        }
        Err(self.no_function(call, &types))
    }

    fn applied(&self, name: &str, args: Vec<Typed>, at: usize) -> Result<Typed, Error> {
        let types: Vec<Type> = args.iter().map(|arg| arg.ty).collect();
        match function::resolve(name, &types) {
            Some(resolved) => self.resolved(resolved, args),
            None => Err(self.fail("42883", format!("function {name} does not exist"), at)),
        }
    }

    fn resolved(&self, resolved: Resolved, args: Vec<Typed>) -> Result<Typed, Error> {
        let set = resolved.function.set || args.iter().any(|arg| arg.set);
        let mut nodes = Vec::with_capacity(args.len());
        for (arg, ty) in args.into_iter().zip(&resolved.args) {
            let arg = if *ty == function::ANY { self.known(arg)? } else { arg };
            let as_is = *ty == function::ANY || arg.ty == *ty;
            nodes.push(if as_is { arg.node } else { self.implicit(arg, *ty)?.node });
        }
        Ok(Typed {
            set,
            ..Typed::new(
                Node::Call {
                    apply: resolved.function.apply,
                    strict: resolved.function.strict,
                    args: nodes,
                },
                resolved.result,
            )
        })
    }

    fn aggregate(&self, call: &Call, scope: &Scope<'_>) -> Result<Typed, Error> {
        let Some(grouping) = scope.grouping.borrow_mut().take() else {
            let message = "aggregate functions are not allowed here";
            return Err(self.fail("42803", message, call.at).raised(
                "parse_agg.c",
                575,
                "check_agglevels_and_constraints",
            ));
        };
        let bound = self.aggregate_of(call, scope);
        let at = grouping.keys.len() + grouping.aggregates.len();
        let mut slot = scope.grouping.borrow_mut();
        let grouping = slot.insert(grouping);
        let (aggregate, ty) = bound?;
        grouping.aggregates.push(aggregate);
        Ok(Typed::new(Node::Column { up: 0, at }, ty))
    }

    /// Its arguments are of the rows before they are grouped.
    fn aggregate_of(&self, call: &Call, scope: &Scope<'_>) -> Result<(Aggregate, Type), Error> {
        let args: Vec<Typed> = call
            .args
            .iter()
            .map(|arg| self.expr(arg, scope))
            .collect::<Result<_, _>>()?;
        let types: Vec<Type> = args.iter().map(|arg| arg.ty).collect();
        let Some((kind, result, taken)) = aggregate::find(&call.name, types.first().copied(), call.star) else {
            return Err(self.no_function(call, &types));
        };
        if types.len() != usize::from(!call.star) + usize::from(kind == aggregate::Kind::String) {
            return Err(self.no_function(call, &types));
        }
        let args = args
            .into_iter()
            .map(|arg| Ok(self.implicit(arg, taken)?.node))
            .collect::<Result<_, Error>>()?;
        let order = call
            .order
            .iter()
            .map(|order| Ok((self.known(self.expr(&order.expr, scope)?)?.node, order.descending)));
        let order = order.collect::<Result<_, Error>>()?;
        let filter = call
            .filter
            .as_ref()
            .map(|filter| self.condition(filter, scope, "FILTER"))
            .transpose()?;
        let aggregate = Aggregate {
            kind,
            args,
            distinct: call.distinct,
            order,
            filter,
        };
        Ok((aggregate, result))
    }
}

fn called(apply: crate::plan::Apply, args: Vec<Node>, ty: Type) -> Typed {
    Typed::new(
        Node::Call {
            apply,
            strict: true,
            args,
        },
        ty,
    )
}

/// An expression the query is grouped by.
fn grouped(expr: &Expr, scope: &Scope<'_>) -> Option<Typed> {
    let grouping = scope.grouping.borrow();
    let grouping = grouping.as_ref()?;
    let at = grouping.keys.iter().position(|(key, _)| same(key, expr))?;
    Some(Typed {
        node: Node::Column { up: 0, at },
        ..grouping.keys[at].1.clone()
    })
}

/// Whether two expressions say the same, wherever they stand.
fn same(one: &Expr, two: &Expr) -> bool {
    match (one, two) {
        (Expr::Column(a, _), Expr::Column(b, _)) => a == b,
        (Expr::Binary(op, a, b, _), Expr::Binary(other, c, d, _)) => op == other && same(a, c) && same(b, d),
        (Expr::Cast(a, to), Expr::Cast(b, other)) => to.name == other.name && same(a, b),
        (Expr::Call(a), Expr::Call(b)) => {
            a.name == b.name && a.args.len() == b.args.len() && a.args.iter().zip(&b.args).all(|(a, b)| same(a, b))
        }
        (a, b) => a == b,
    }
}

fn number(text: &str) -> Result<Typed, Error> {
    if let Ok(n) = text.parse::<i64>() {
        let ty = if i32::try_from(n).is_ok() {
            Type::INT4
        } else {
            Type::INT8
        };
        return Ok(Typed::constant(Value::Int(n), ty));
    }
    match Decimal::parse(text) {
        Some(n) => Ok(Typed::constant(Value::Num(n), Type::NUMERIC)),
        None => Err(Error::new("22003", "value overflows numeric format")),
    }
}
