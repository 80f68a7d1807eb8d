//! Calls of functions and aggregates.

use super::{Binder, Scope, Typed};
use crate::aggregate;
use crate::ast::{Call, Expr};
use crate::cast;
use crate::error::Error;
use crate::function::{self, Resolved};
use crate::plan::{Aggregate, Node};
use crate::types::Type;
use crate::value::Value;

// === impl Binder ===

impl Binder<'_, '_> {
    pub(crate) fn call(&self, call: &Call, scope: &Scope<'_>) -> Result<Typed, Error> {
        let folded;
        let mut call = call;
        if self.is_mysql() {
            folded = self.mysql_call(call);
            call = &folded;
        }
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
            "concat" | "coalesce" | "greatest" | "least" if self.is_mysql() && args.is_empty() => {
                Err(self.no_function(call, &[]))
            }
            "if" if self.is_mysql() && args.len() == 3 => {
                let mut args = args.into_iter();
                let condition = args.next().map(|typed| self.truth(typed));
                let (mut both, ty) = self.alike(args.collect(), "IF")?;
                let otherwise = both.pop().map_or(Node::Const(Value::Null), |typed| typed.node);
                let then = both.pop().map_or(Node::Const(Value::Null), |typed| typed.node);
                let node = Node::Case {
                    whens: condition.map(|condition| (condition, then)).into_iter().collect(),
                    otherwise: Box::new(otherwise),
                };
                Ok(Typed::new(node, ty))
            }
            "date_add" | "adddate" | "date_sub" | "subdate" if self.is_mysql() => {
                let [moment, span] = <[Typed; 2]>::try_from(args).map_err(|_| self.no_function(call, &[]))?;
                if span.ty != Type::INTERVAL {
                    return Err(self.no_function(call, &[moment.ty, span.ty]));
                }
                let op = if matches!(call.name.as_str(), "date_add" | "adddate") {
                    "+"
                } else {
                    "-"
                };
                self.operated(op, moment, span, call.at)
            }
            "coalesce" | "ifnull" if call.name == "coalesce" || self.is_mysql() => {
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

    /// A call as the engine knows it.
    fn mysql_call(&self, call: &Call) -> Call {
        let mut call = call.clone();
        call.name.make_ascii_lowercase();
        if call.name == "group_concat" {
            let separator = match call.args.last() {
                Some(Expr::String(text)) if call.args.len() > 1 => Some(text.clone()),
                _ => None,
            };
            if separator.is_some() {
                call.args.pop();
            }
            if call.args.len() > 1 {
                let inner = Call {
                    name: "concat".into(),
                    args: std::mem::take(&mut call.args),
                    order: Vec::new(),
                    distinct: false,
                    ..call.clone()
                };
                call.args = vec![Expr::Call(inner)];
            }
            call.args.push(Expr::String(separator.unwrap_or_else(|| ",".into())));
        }
        call
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
        let name = call.name.to_ascii_lowercase();
        if let Some(resolved) = function::resolve(self.cx.state.persona.dialect, &name, &types) {
            return self.resolved(resolved, args);
        }
        // `int4(x)` is a cast.
        if !self.is_mysql()
            && let ([_], Some(ty)) = (types.as_slice(), Type::named(&call.name))
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

    pub(super) fn applied(&self, name: &str, args: Vec<Typed>, at: usize) -> Result<Typed, Error> {
        let types: Vec<Type> = args.iter().map(|arg| arg.ty).collect();
        match function::resolve(self.cx.state.persona.dialect, name, &types) {
            Some(resolved) => self.resolved(resolved, args),
            None => Err(self.fail("42883", format!("function {name} does not exist"), at)),
        }
    }

    fn resolved(&self, resolved: Resolved, args: Vec<Typed>) -> Result<Typed, Error> {
        let set = resolved.function.set || args.iter().any(|arg| arg.set);
        let mut nodes = Vec::with_capacity(args.len());
        for (arg, ty) in args.into_iter().zip(&resolved.args) {
            let arg = if *ty == function::ANY { self.known(arg)? } else { arg };
            let arg = if self.is_mysql() { self.counted(arg) } else { arg };
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
        let types = if self.is_mysql() && kind != aggregate::Kind::String {
            types.into_iter().take(1).collect()
        } else {
            types
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

pub(super) fn called(apply: crate::plan::Apply, args: Vec<Node>, ty: Type) -> Typed {
    Typed::new(
        Node::Call {
            apply,
            strict: true,
            args,
        },
        ty,
    )
}
