//! What rows are sorted by.

use super::{Binder, Scope, Typed};
use crate::ast::{Expr, Item, Order};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::plan::{Column, Node, Sort};

// === impl Binder ===

impl Binder<'_, '_> {
    /// Where what is sorted by stands among what is put out.
    pub(super) fn sort_place(
        &self,
        expr: &Expr,
        items: &[Item],
        scope: &Scope<'_>,
        columns: &[Column],
        out: &mut Vec<Typed>,
        seen: usize,
    ) -> Result<usize, Error> {
        if let Some(at) = place_of(expr, &columns[..seen], self.cx.state.persona.dialect)? {
            return Ok(at);
        }
        let same = items
            .iter()
            .position(|item| matches!(item, Item::Expr(one, _) if one == expr));
        if let Some(at) = same.filter(|_| items.iter().all(|item| matches!(item, Item::Expr(..)))) {
            return Ok(at);
        }
        let typed = self.known(self.expr(expr, scope)?)?;
        out.push(typed);
        Ok(out.len() - 1)
    }

    /// The same place, or in MySQL that of the text without its case.
    pub(super) fn folded_place(&self, at: usize, out: &mut Vec<Typed>) -> usize {
        match out.get(at) {
            Some(typed) if self.is_mysql() && typed.ty.is_text() => {
                let folded = self.folded(typed.clone());
                out.push(folded);
                out.len() - 1
            }
            _ => at,
        }
    }
}

// === impl Binder, for rows that are not put out ===

impl Binder<'_, '_> {
    /// What rows of the scope are sorted by, and how.
    pub(crate) fn ordered(&self, order: &[Order], scope: &Scope<'_>) -> Result<(Vec<Node>, Vec<Sort>), Error> {
        let both = order.iter().enumerate().map(|(at, one)| {
            let typed = self.known(self.expr(&one.expr, scope)?)?;
            let typed = if self.is_mysql() && typed.ty.is_text() {
                self.folded(typed)
            } else {
                typed
            };
            let sort = Sort {
                at,
                descending: one.descending,
                nulls_first: one.nulls_first.unwrap_or(one.descending),
            };
            Ok((typed.node, sort))
        });
        let both = both.collect::<Result<Vec<_>, Error>>()?;
        Ok(both.into_iter().unzip())
    }
}

/// A column put out, by number or name.
fn place_of(expr: &Expr, columns: &[Column], dialect: Dialect) -> Result<Option<usize>, Error> {
    match expr {
        Expr::Number(text) if !text.contains('.') => {
            let at = text.parse::<usize>().ok().and_then(|at| at.checked_sub(1));
            match at.filter(|at| *at < columns.len()) {
                Some(at) => Ok(Some(at)),
                None => Err(
                    Error::new("42P10", format!("ORDER BY position {text} is not in select list")).raised(
                        "parse_clause.c",
                        2052,
                        "findTargetlistEntrySQL92",
                    ),
                ),
            }
        }
        Expr::Column(path, _) if path.len() == 1 => Ok(columns
            .iter()
            .position(|column| dialect.same_column(&column.name, &path[0]))),
        _ => Ok(None),
    }
}

pub(super) fn sorts(order: &[Order], columns: &[Column], dialect: Dialect) -> Result<Vec<Sort>, Error> {
    let sorts = order.iter().map(|one| match place_of(&one.expr, columns, dialect)? {
        Some(at) => Ok(Sort {
            at,
            descending: one.descending,
            nulls_first: one.nulls_first.unwrap_or(one.descending),
        }),
        None => match &one.expr {
            Expr::Column(path, _) => {
                let name = path.last().map_or("", String::as_str);
                let mut error = Error::new("42703", format!("column \"{name}\" does not exist"));
                error.context = dialect.is_mysql().then(|| "ORDER BY".to_owned());
                Err(error)
            }
            _ => Err(Error::new("0A000", "invalid UNION/INTERSECT/EXCEPT ORDER BY clause")
                .detail("Only result column names can be used, not expressions or functions.")
                .hint("Add the expression/function to every SELECT, or move the UNION into a FROM clause.")
                .raised("analyze.c", 1778, "transformSetOperationStmt")),
        },
    });
    sorts.collect()
}
