//! What rows come from.

use super::{Binder, Known, Named, Placed, Scope};
use crate::ast::{Alias, Call, From, Path, Query};
use crate::catalog;
use crate::error::Error;
use crate::function;
use crate::plan::{Column, Node, Source, SourceKind};
use crate::store::Kind;
use crate::types::Type;

// === impl Binder ===

impl Binder<'_, '_> {
    /// The source, its tables put into the scope; `start` is the place of its first column.
    pub(crate) fn source_of(&self, from: &From, scope: &mut Scope<'_>, start: usize) -> Result<Source, Error> {
        self.source(from, scope, start)
    }

    pub(super) fn source(&self, from: &From, scope: &mut Scope<'_>, start: usize) -> Result<Source, Error> {
        match from {
            From::Table(path, alias) => self.table(path, alias, scope, start),
            From::Query(query, alias) => self.subquery(query, alias, scope, start),
            From::Call(call, alias, counted) => self.call_source(call, alias, *counted, scope, start),
            From::Join {
                left,
                right,
                kind,
                on,
                using,
                natural,
            } => {
                let before = scope.tables.len();
                let left = self.source(left, scope, start)?;
                let middle = scope.tables.len();
                let right = self.source(right, scope, start + left.width)?;
                let width = left.width + right.width;
                let on = match on {
                    Some(on) => Some(self.condition(on, scope, "JOIN/ON")?),
                    None => self.using(using, *natural, (before, middle), scope)?,
                };
                let (left, right) = (Box::new(left), Box::new(right));
                Ok(Source {
                    start,
                    width,
                    kind: SourceKind::Join {
                        left,
                        right,
                        kind: *kind,
                        on,
                    },
                })
            }
        }
    }

    /// Equations of the columns both sides have; those of the right are not seen after.
    fn using(
        &self,
        names: &[String],
        natural: bool,
        (before, middle): (usize, usize),
        scope: &mut Scope<'_>,
    ) -> Result<Option<Node>, Error> {
        let seen = |tables: &[Named]| -> Vec<Placed> {
            let all = tables.iter().flat_map(|named| named.columns.iter());
            all.filter(|placed| !placed.hidden).cloned().collect()
        };
        let (left, right) = (seen(&scope.tables[before..middle]), seen(&scope.tables[middle..]));
        let find = |side: &[Placed], name: &str| side.iter().find(|placed| placed.column.name == name).cloned();
        let names: Vec<String> = if natural {
            let shared = left.iter().filter(|one| find(&right, &one.column.name).is_some());
            shared.map(|one| one.column.name.clone()).collect()
        } else {
            names.to_vec()
        };
        let mut all = Vec::new();
        for name in &names {
            let (Some(one), Some(two)) = (find(&left, name), find(&right, name)) else {
                let side = if find(&left, name).is_some() { "right" } else { "left" };
                let message = format!("column \"{name}\" specified in USING clause does not exist in {side} table");
                return Err(Error::new("42703", message));
            };
            let typed = |placed: &Placed| super::Typed::new(Node::Column { up: 0, at: placed.at }, placed.column.ty);
            all.push(self.operated("=", typed(&one), typed(&two), 0)?.node);
            for named in &mut scope.tables[middle..] {
                named
                    .columns
                    .iter_mut()
                    .filter(|placed| placed.at == two.at)
                    .for_each(|placed| placed.hidden = true);
            }
        }
        Ok((!all.is_empty()).then_some(Node::And(all)))
    }

    fn put(
        &self,
        scope: &mut Scope<'_>,
        alias: &Alias,
        name: &str,
        mut columns: Vec<(Column, bool)>,
        start: usize,
    ) -> Result<usize, Error> {
        let alias_name = alias.name.clone().unwrap_or_else(|| name.to_owned());
        if scope.tables.iter().any(|named| named.alias == alias_name) {
            let message = format!("table name \"{alias_name}\" specified more than once");
            return Err(Error::new("42712", message).raised("parse_relation.c", 446, "checkNameSpaceConflicts"));
        }
        for ((column, _), name) in columns.iter_mut().zip(&alias.columns) {
            column.name.clone_from(name);
        }
        let width = columns.len();
        let placed = columns.into_iter().enumerate().map(|(n, (column, hidden))| Placed {
            column,
            at: start + n,
            hidden,
        });
        scope.tables.push(Named {
            alias: alias_name,
            columns: placed.collect(),
        });
        Ok(width)
    }

    fn table(&self, path: &Path, alias: &Alias, scope: &mut Scope<'_>, start: usize) -> Result<Source, Error> {
        if path.schema.is_none()
            && let Some(known) = scope.common(&path.name).cloned()
        {
            return self.common_source(&known, alias, scope, start);
        }
        if let Some(listed) = catalog::listed(self.cx, path.schema.as_deref(), &path.name) {
            let mut columns: Vec<_> = (1..)
                .zip(&listed.columns)
                .map(|(place, (name, ty))| (column(name, *ty, -1, listed.oid, place), false))
                .collect();
            columns.push((column("tableoid", Type::OID, -1, listed.oid, -6), true));
            let width = self.put(scope, alias, &path.name, columns, start)?;
            return Ok(Source {
                start,
                width,
                kind: SourceKind::Catalog(listed),
            });
        }
        let Some(relation) = self.cx.relation(path.schema.as_deref(), &path.name) else {
            return Err(self.missing(path));
        };
        let shown = match &relation.kind {
            Kind::Table(table) => table.columns.clone(),
            Kind::Sequence(_) => catalog::sequence_columns(),
            Kind::View { query, columns, .. } => {
                let mut plan = Binder::new(self.cx, "", Vec::new()).query(query, None)?;
                for (out, column) in plan.columns.iter_mut().zip(columns) {
                    out.name.clone_from(&column.name);
                }
                let columns = (1..)
                    .zip(&plan.columns)
                    .map(|(place, out)| (column(&out.name, out.ty, out.modifier, relation.oid, place), false))
                    .collect();
                let width = self.put(scope, alias, &path.name, columns, start)?;
                return Ok(Source {
                    start,
                    width,
                    kind: SourceKind::Query(plan.into()),
                });
            }
            Kind::Index(_) => {
                let message = format!("cannot open relation \"{}\"", path.name);
                return Err(self
                    .fail("42809", message, path.at)
                    .detail("This operation is not supported for indexes.")
                    .raised("table.c", 138, "table_open"));
            }
        };
        let mut columns: Vec<_> = (1..)
            .zip(&shown)
            .map(|(place, one)| (column(&one.name, one.ty, one.modifier, relation.oid, place), false))
            .collect();
        columns.push((column("tableoid", Type::OID, -1, relation.oid, -6), true));
        let width = self.put(scope, alias, &path.name, columns, start)?;
        Ok(Source {
            start,
            width,
            kind: SourceKind::Table(relation.oid),
        })
    }

    pub(crate) fn missing(&self, path: &Path) -> Error {
        if self.is_mysql() {
            let current = self.cx.state.schema.borrow();
            return match path.schema.as_deref().or(current.as_deref()) {
                None => Error::new("3F000", "no schema has been selected"),
                Some(schema) => Error::new("42P01", format!("relation \"{schema}.{}\" does not exist", path.name)),
            };
        }
        let name = match &path.schema {
            Some(schema) => format!("{schema}.{}", path.name),
            None => path.name.clone(),
        };
        self.fail("42P01", format!("relation \"{name}\" does not exist"), path.at)
    }

    fn common_source(
        &self,
        known: &Known,
        alias: &Alias,
        scope: &mut Scope<'_>,
        start: usize,
    ) -> Result<Source, Error> {
        let columns = known.columns.iter().map(|column| (column.clone(), false)).collect();
        let width = self.put(scope, alias, &known.name, columns, start)?;
        Ok(Source {
            start,
            width,
            kind: SourceKind::Common(known.common.clone()),
        })
    }

    fn subquery(&self, query: &Query, alias: &Alias, scope: &mut Scope<'_>, start: usize) -> Result<Source, Error> {
        let plan = self.query(query, Some(scope))?;
        let columns = plan.columns.iter().map(|column| (column.clone(), false)).collect();
        let width = self.put(scope, alias, "", columns, start)?;
        Ok(Source {
            start,
            width,
            kind: SourceKind::Query(plan.into()),
        })
    }

    fn call_source(
        &self,
        call: &Call,
        alias: &Alias,
        counted: bool,
        scope: &mut Scope<'_>,
        start: usize,
    ) -> Result<Source, Error> {
        let typed = self.call(call, scope)?;
        let several = function::columns(&call.name);
        let mut columns: Vec<_> = if several.is_empty() {
            let name = alias.name.as_deref().unwrap_or(&call.name);
            vec![(column(name, typed.ty, -1, 0, 0), false)]
        } else {
            several
                .iter()
                .map(|(name, ty)| (column(name, *ty, -1, 0, 0), false))
                .collect()
        };
        if counted {
            columns.push((column("ordinality", Type::INT8, -1, 0, 0), false));
        }
        let width = self.put(scope, alias, &call.name, columns, start)?;
        Ok(Source {
            start,
            width,
            kind: SourceKind::Call {
                node: typed.node,
                set: typed.set,
                several: !several.is_empty(),
                counted,
            },
        })
    }
}

pub(crate) fn column(name: &str, ty: Type, modifier: i32, table: u32, place: i16) -> Column {
    Column {
        name: name.to_owned(),
        ty,
        modifier,
        table,
        place,
    }
}
