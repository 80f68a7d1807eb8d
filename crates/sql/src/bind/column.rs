//! Columns and parameters by their names.

use super::{Binder, Placed, Scope, Typed};
use crate::aggregate;
use crate::error::Error;
use crate::plan::{Aggregate, Node};
use crate::types::Type;

// === impl Binder ===

impl Binder<'_, '_> {
    pub(super) fn param(&self, number: usize) -> Result<Typed, Error> {
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

    pub(super) fn column(&self, path: &[String], at: usize, scope: &Scope<'_>) -> Result<Typed, Error> {
        let (name, table) = match path {
            [name] => (name, None),
            [.., table, name] => (name, Some(table)),
            [] => return Err(Error::syntax("syntax error")),
        };
        let dialect = self.cx.state.persona.dialect;
        let mut level = Some(scope);
        let mut up = 0;
        while let Some(scope) = level {
            let tables = scope
                .tables
                .iter()
                .filter(|named| table.is_none_or(|table| dialect.same_column(&named.alias, table)));
            let mut found: Vec<&Placed> = tables
                .flat_map(|named| {
                    named
                        .columns
                        .iter()
                        .filter(|placed| dialect.same_column(&placed.column.name, name))
                })
                .collect();
            if found.len() > 1 {
                found.retain(|placed| !placed.hidden);
            }
            match found.as_slice() {
                [] => {}
                [one] => return self.placed(one, up, at, path, scope),
                _ => {
                    let error = self.fail("42702", format!("column reference \"{name}\" is ambiguous"), at);
                    return Err(self.in_clause(error));
                }
            }
            let whole = scope
                .tables
                .iter()
                .find(|named| table.is_none() && !dialect.is_mysql() && named.alias == *name);
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
        if dialect.is_mysql() {
            if let Some(table) = table.filter(|_| scope.is_bare()) {
                let message = format!("missing FROM-clause entry for table \"{table}\"");
                return Err(self.in_clause(self.fail("42P01", message, at)));
            }
            let shown = table.map_or_else(|| name.clone(), |table| format!("{table}.{name}"));
            return Err(self.in_clause(self.fail("42703", format!("column {shown} does not exist"), at)));
        }
        Err(match (table, level) {
            (None, _) => self.fail("42703", format!("column \"{name}\" does not exist"), at),
            (Some(table), Some(_)) => self.fail("42703", format!("column {table}.{name} does not exist"), at),
            (Some(table), None) => self
                .fail("42P01", format!("missing FROM-clause entry for table \"{table}\""), at)
                .raised("parse_relation.c", 3602, "errorMissingRTE"),
        })
    }

    /// MySQL says in which part of the statement something is wrong.
    pub(crate) fn in_clause(&self, mut error: Error) -> Error {
        if self.is_mysql() {
            error.context = Some(self.clause.get().to_owned());
        }
        error
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
        // MySQL gives any row's value of a column that is not grouped by.
        if self.is_mysql()
            && up == 0
            && let Some(grouping) = &mut *scope.grouping.borrow_mut()
        {
            let same = |typed: &Typed| matches!(typed.node, Node::Column { up: 0, at } if at == placed.at);
            let key = grouping.keys.iter().position(|(_, typed)| same(typed));
            let at = key.unwrap_or_else(|| {
                grouping.aggregates.push(Aggregate {
                    kind: aggregate::Kind::First,
                    args: vec![Node::Column { up: 0, at: placed.at }],
                    distinct: false,
                    order: Vec::new(),
                    filter: None,
                });
                grouping.keys.len() + grouping.aggregates.len() - 1
            });
            return Ok(Typed {
                modifier: placed.column.modifier,
                ..Typed::new(Node::Column { up, at }, placed.column.ty)
            });
        }
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
}
