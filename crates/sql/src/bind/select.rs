//! One SELECT or VALUES: what it gives, what it is grouped by, and what its columns are called.

use super::query::Part;
use super::{Binder, Grouping, Known, Scope, Typed};
use crate::aggregate;
use crate::ast::{self, Expr, Item, Order};
use crate::catalog;
use crate::error::Error;
use crate::operator;
use crate::plan::{Body, Column, Group, Node, Select, Sort};
use crate::store::Kind;
use crate::types::Type;
use crate::value::Value;

// === impl Binder ===

impl Binder<'_, '_> {
    pub(super) fn values(
        &self,
        rows: &[Vec<Expr>],
        up: Option<&Scope<'_>>,
    ) -> Result<(Vec<Vec<Node>>, Vec<Column>), Error> {
        let scope = Scope::within(up);
        let width = rows.first().map_or(0, Vec::len);
        if rows.iter().any(|row| row.len() != width) {
            return Err(Error::syntax("VALUES lists must all be the same length"));
        }
        let mut typed: Vec<Vec<Typed>> = Vec::new();
        for row in rows {
            let line = row.iter().map(|expr| match expr {
                Expr::Default => Ok(Typed::new(Node::Const(Value::Null), Type::VOID)),
                expr => self.expr(expr, &scope),
            });
            typed.push(line.collect::<Result<_, Error>>()?);
        }
        let mut columns = Vec::new();
        for at in 0..width {
            let mut ty = Type::UNKNOWN;
            for one in typed.iter().map(|row| &row[at]).filter(|one| one.ty != Type::VOID) {
                let both = (ty, one.ty) == (Type::UNKNOWN, Type::UNKNOWN);
                let common = if both {
                    Some(ty)
                } else {
                    operator::common(ty, one.ty).or(self.is_mysql().then_some(Type::UNKNOWN))
                };
                ty = common.ok_or_else(|| {
                    let message = format!("VALUES types {} and {} cannot be matched", ty.title(), one.ty.title());
                    Error::new("42804", message).raised("parse_coerce.c", 1512, "select_common_type")
                })?;
            }
            columns.push(super::from::column(&format!("column{}", at + 1), ty, -1, 0, 0));
        }
        let rows = typed.into_iter().map(|row| {
            let line = row.into_iter().zip(&columns).map(|(one, column)| match one.ty {
                Type::VOID => Ok(one.node),
                _ if column.ty == Type::UNKNOWN => Ok(one.node),
                _ => Ok(self.implicit(one, column.ty)?.node),
            });
            line.collect::<Result<Vec<_>, Error>>()
        });
        Ok((rows.collect::<Result<_, Error>>()?, columns))
    }

    pub(super) fn select(
        &self,
        select: &ast::Select,
        order: &[Order],
        up: Option<&Scope<'_>>,
        known: &[Known],
    ) -> Result<Part, Error> {
        let around = self.clause.get();
        let mut scope = Scope::within(up);
        scope.commons = known.to_vec();
        let (mut from, mut start) = (Vec::new(), 0);
        for item in &select.from {
            self.clause.set("ON");
            let source = self.source(item, &mut scope, start)?;
            start += source.width;
            from.push(source);
        }
        self.clause.set("WHERE");
        let filters = match &select.filter {
            None => Vec::new(),
            Some(filter) => {
                let parts = match self.condition(filter, &scope, "WHERE")? {
                    Node::And(parts) => parts,
                    one => vec![one],
                };
                let needs = |node: &Node| {
                    let mut last = 0;
                    node.visit(0, &mut |at| last = last.max(at + 1));
                    from.iter()
                        .position(|source| last > 0 && last <= source.start + source.width)
                        .map_or(0, |at| at + 1)
                };
                parts.into_iter().map(|node| (needs(&node), node)).collect()
            }
        };
        self.clause.set("GROUP BY");
        self.group(select, order, &scope)?;
        self.clause.set("SELECT");
        let (mut out, mut columns) = (Vec::new(), Vec::new());
        for item in &select.items {
            self.item(item, &scope, &mut out, &mut columns)?;
        }
        let seen = out.len();
        self.clause.set("HAVING");
        let having = match &select.having {
            Some(having) if self.is_mysql() => {
                let having = named(having, &select.items);
                Some(self.condition(&having, &scope, "HAVING")?)
            }
            Some(having) => Some(self.condition(having, &scope, "HAVING")?),
            None => None,
        };
        self.clause.set("ORDER BY");
        let mut sorted = Vec::new();
        for one in order {
            let at = self.sort_place(&one.expr, &select.items, &scope, &columns, &mut out, seen)?;
            let at = self.folded_place(at, &mut out);
            sorted.push(Sort {
                at,
                descending: one.descending,
                nulls_first: one.nulls_first.unwrap_or(one.descending),
            });
        }
        let mut distinct_on = Vec::new();
        for expr in &select.distinct_on {
            distinct_on.push(self.sort_place(expr, &select.items, &scope, &columns, &mut out, seen)?);
        }
        self.clause.set(around);
        let group = scope.grouping.borrow_mut().take().map(|grouping| Group {
            keys: grouping.keys.into_iter().map(|(_, typed)| typed.node).collect(),
            aggregates: grouping.aggregates,
            having,
        });
        let select = Select {
            from,
            filters,
            group,
            out: out.into_iter().map(|typed| (typed.node, typed.set)).collect(),
            seen,
            distinct: select.distinct,
            distinct_on,
        };
        Ok(Part {
            body: Body::Select(Box::new(select)),
            columns,
            order: sorted,
        })
    }

    /// Makes the scope a grouped one where the query is.
    fn group(&self, select: &ast::Select, order: &[Order], scope: &Scope<'_>) -> Result<(), Error> {
        let exprs = select.items.iter().filter_map(|item| match item {
            Item::Expr(expr, _) => Some(expr),
            Item::Star(..) => None,
        });
        let looked = exprs
            .clone()
            .chain(order.iter().map(|order| &order.expr))
            .chain(&select.having);
        if select.group.is_empty() && select.having.is_none() && !looked.into_iter().any(aggregates) {
            return Ok(());
        }
        let mut keys = Vec::new();
        for expr in &select.group {
            let meant = match expr {
                Expr::Number(text) => {
                    let at = text.parse::<usize>().unwrap_or(0);
                    let item = at.checked_sub(1).and_then(|at| exprs.clone().nth(at));
                    item.ok_or_else(|| {
                        Error::new("42P10", format!("GROUP BY position {text} is not in select list")).raised(
                            "parse_clause.c",
                            2052,
                            "findTargetlistEntrySQL92",
                        )
                    })?
                }
                Expr::Column(path, _) if path.len() == 1 && self.expr(expr, scope).is_err() => {
                    let named = select.items.iter().find_map(|item| match item {
                        Item::Expr(inner, Some(alias)) if *alias == path[0] => Some(inner),
                        _ => None,
                    });
                    named.unwrap_or(expr)
                }
                expr => expr,
            };
            keys.push((meant.clone(), self.known(self.expr(meant, scope)?)?));
        }
        *scope.grouping.borrow_mut() = Some(Grouping {
            keys,
            aggregates: Vec::new(),
        });
        Ok(())
    }

    pub(crate) fn item(
        &self,
        item: &Item,
        scope: &Scope<'_>,
        out: &mut Vec<Typed>,
        columns: &mut Vec<Column>,
    ) -> Result<(), Error> {
        match item {
            Item::Star(table, at) => {
                let dialect = self.cx.state.persona.dialect;
                let tables = scope.tables.iter().filter(|named| {
                    table
                        .as_ref()
                        .is_none_or(|table| dialect.same_column(&named.alias, table))
                });
                let mut any = false;
                for placed in tables.flat_map(|named| &named.columns).filter(|placed| !placed.hidden) {
                    any = true;
                    let expr = Expr::Column(vec![placed.column.name.clone()], *at);
                    if self.is_mysql() && scope.grouping.borrow().is_some() {
                        out.push(self.expr(&expr, scope)?);
                        columns.push(placed.column.clone());
                        continue;
                    }
                    let node = match &*scope.grouping.borrow() {
                        None => Node::Column { up: 0, at: placed.at },
                        Some(_) => return self.expr(&expr, scope).map(|_| ()),
                    };
                    out.push(Typed {
                        modifier: placed.column.modifier,
                        ..Typed::new(node, placed.column.ty)
                    });
                    columns.push(placed.column.clone());
                }
                match table {
                    _ if any => Ok(()),
                    Some(table) => {
                        let message = format!("missing FROM-clause entry for table \"{table}\"");
                        Err(self
                            .fail("42P01", message, *at)
                            .raised("parse_relation.c", 3602, "errorMissingRTE"))
                    }
                    None if scope.tables.is_empty() => {
                        let message = "SELECT * with no tables specified is not valid";
                        Err(self
                            .fail("42601", message, *at)
                            .raised("parse_target.c", 1224, "ExpandAllTables"))
                    }
                    None => Ok(()),
                }
            }
            Item::Expr(expr, alias) => {
                let typed = self.expr(expr, scope)?;
                let name = alias.clone().unwrap_or_else(|| title(expr));
                let own = match (expr, &typed.node) {
                    (Expr::Column(..), Node::Column { up: 0, at }) if scope.grouping.borrow().is_none() => {
                        let all = scope.tables.iter().flat_map(|named| &named.columns);
                        all.into_iter()
                            .find(|placed| placed.at == *at)
                            .map(|placed| (placed.column.table, placed.column.place))
                    }
                    _ => None,
                };
                let (table, place) = own.unwrap_or((0, 0));
                let name = match own {
                    // What a view gives goes by the view's own name for it, whatever the case it is asked for in.
                    Some((table, place)) if alias.is_none() && self.is_mysql() => {
                        self.name_in_view(table, place).unwrap_or(name)
                    }
                    _ => name,
                };
                columns.push(super::from::column(&name, typed.ty, typed.modifier, table, place));
                out.push(typed);
                Ok(())
            }
        }
    }
}

impl Binder<'_, '_> {
    /// The name a view has for one of its columns, in MySQL.
    fn name_in_view(&self, table: u32, place: i16) -> Option<String> {
        let at = usize::try_from(place).ok()?.checked_sub(1)?;
        if let Some(own) = catalog::of_mysql().iter().find(|listed| listed.oid == table) {
            let view = own.schema == "mysql" && own.kind == "v";
            return own.columns.get(at).filter(|_| view).map(|(name, _)| (*name).to_owned());
        }
        let found = self
            .cx
            .with_database(|database| match &database.relations.get(&table)?.kind {
                Kind::View { columns, .. } => columns.get(at).map(|column| column.name.clone()),
                _ => None,
            });
        found.flatten()
    }
}

/// HAVING may speak of what is put out by the name it was given.
fn named(expr: &Expr, items: &[Item]) -> Expr {
    let again = |expr: &Expr| Box::new(named(expr, items));
    match expr {
        Expr::Column(path, _) if path.len() == 1 => {
            let meant = items.iter().find_map(|item| match item {
                Item::Expr(inner, Some(alias)) if alias.eq_ignore_ascii_case(&path[0]) => Some(inner.clone()),
                _ => None,
            });
            meant.unwrap_or_else(|| expr.clone())
        }
        Expr::Binary(op, left, right, at) => Expr::Binary(op.clone(), again(left), again(right), *at),
        Expr::And(parts) => Expr::And(parts.iter().map(|part| named(part, items)).collect()),
        Expr::Or(parts) => Expr::Or(parts.iter().map(|part| named(part, items)).collect()),
        Expr::Not(inner) => Expr::Not(again(inner)),
        Expr::IsNull(inner, not) => Expr::IsNull(again(inner), *not),
        other => other.clone(),
    }
}

/// What a column is called that nobody named.
fn title(expr: &Expr) -> String {
    match expr {
        Expr::Column(path, _) => path.last().cloned().unwrap_or_default(),
        Expr::Call(call) => match call.name.as_str() {
            "extract" => "extract".into(),
            name => name.to_owned(),
        },
        Expr::Cast(inner, ty) => match &**inner {
            Expr::Column(..) | Expr::Call(_) | Expr::Index(..) => title(inner),
            _ if ty.array => Type::named(&ty.name).map_or(ty.name.clone(), |ty| ty.name().to_owned()),
            _ => Type::named(&ty.name).map_or(ty.name.clone(), |ty| ty.name().to_owned()),
        },
        Expr::Case { otherwise, .. } => match otherwise.as_deref() {
            Some(otherwise @ (Expr::Column(..) | Expr::Call(_))) => title(otherwise),
            _ => "case".into(),
        },
        Expr::Index(array, ..) => title(array),
        Expr::Field(_, name) => name.clone(),
        Expr::Array(_) | Expr::ArrayQuery(_) => "array".into(),
        Expr::Exists(_) => "exists".into(),
        Expr::Row(_) => "row".into(),
        Expr::Scalar(query) => match &query.body {
            ast::Body::Select(select) => match select.items.first() {
                Some(Item::Expr(_, Some(alias))) => alias.clone(),
                Some(Item::Expr(expr, None)) => title(expr),
                _ => "?column?".into(),
            },
            _ => "column1".into(),
        },
        _ => "?column?".into(),
    }
}

/// Whether an aggregate is in it, not counting those of queries within.
fn aggregates(expr: &Expr) -> bool {
    let all = |exprs: &[Expr]| exprs.iter().any(aggregates);
    match expr {
        Expr::Call(call) => (aggregate::is_aggregate(&call.name) && !call.over) || all(&call.args),
        Expr::Unary(_, inner, _)
        | Expr::Not(inner)
        | Expr::IsNull(inner, _)
        | Expr::IsBool(inner, ..)
        | Expr::Cast(inner, _)
        | Expr::Field(inner, _)
        | Expr::InQuery(inner, ..)
        | Expr::Index(inner, ..) => aggregates(inner),
        Expr::Binary(_, left, right, _) | Expr::Distinct(left, right, _) | Expr::Quantified(left, _, _, right, _) => {
            aggregates(left) || aggregates(right)
        }
        Expr::Like { text, pattern, .. } => aggregates(text) || aggregates(pattern),
        Expr::Between(value, low, high, _) => aggregates(value) || aggregates(low) || aggregates(high),
        Expr::And(parts) | Expr::Or(parts) | Expr::Array(parts) | Expr::Row(parts) => all(parts),
        Expr::In(left, list, ..) => aggregates(left) || all(list),
        Expr::Case {
            operand,
            whens,
            otherwise,
        } => {
            operand.as_deref().is_some_and(aggregates)
                || otherwise.as_deref().is_some_and(aggregates)
                || whens
                    .iter()
                    .any(|(condition, value)| aggregates(condition) || aggregates(value))
        }
        _ => false,
    }
}
