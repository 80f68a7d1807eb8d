//! What a statement gives, before it is carried out.

use super::Session;
use super::statement::shown_name;
use crate::ast::{Source, Statement};
use crate::bind::Binder;
use crate::change;
use crate::cx::{Cx, Host};
use crate::error::Error;
use crate::parse::Parsed;
use crate::plan::Column;
use crate::types::Type;

// === impl Session ===

impl Session {
    /// Types of parameters and columns of the result, before it is carried out.
    pub fn describe(
        &mut self,
        host: &dyn Host,
        text: &str,
        parsed: Option<&Parsed>,
        params: &[Type],
    ) -> Result<(Vec<Type>, Option<Vec<Column>>), Error> {
        let Some(parsed) = parsed else {
            return Ok((params.to_vec(), None));
        };
        self.begin(host, text);
        self.allowed(&parsed.statement)?;
        let cx = Cx::new(&self.cluster, &self.state, host);
        let given = params.iter().map(|ty| (ty.0 != 0).then_some(*ty)).collect();
        let binder = Binder::new(&cx, text, given);
        let columns = described(&binder, &parsed.statement)?;
        let found = binder
            .params
            .borrow()
            .iter()
            .map(|ty| ty.unwrap_or(Type::TEXT))
            .collect();
        Ok((found, columns))
    }
}

/// The columns a statement gives; none when it gives no rows.
pub(super) fn described(binder: &Binder<'_, '_>, statement: &Statement) -> Result<Option<Vec<Column>>, Error> {
    let text = |name: &str| crate::bind::column(name, Type::TEXT, -1, 0, 0);
    Ok(match statement {
        Statement::Query(query) => Some(binder.query(query, None)?.columns),
        Statement::Show(Some(name)) => Some(vec![text(shown_name(name))]),
        Statement::Show(None) => Some(vec![text("name"), text("setting"), text("description")]),
        Statement::Explain(_) => Some(vec![text("QUERY PLAN")]),
        Statement::Insert {
            table,
            columns,
            source,
            returning,
            ..
        } => {
            let relation = change::table_of(binder, table)?;
            // So that parameters have the types of the columns they go into.
            if let Source::Query(query) = source {
                binder.clause.set("INSERT INTO");
                let places = change::places(&relation, columns).map_err(|error| binder.in_clause(error))?;
                let types: Vec<Type> = places
                    .iter()
                    .filter_map(|at| relation.table().and_then(|table| table.columns.get(*at)))
                    .map(|column| column.ty)
                    .collect();
                let mut plan = binder.query_open(query, None, &[])?;
                binder.retype(&mut plan, &types, crate::cast::is_assignable)?;
            }
            change::returning::returned(binder, &relation, returning)?
        }
        Statement::Update {
            table,
            set,
            filter,
            limited,
            returning,
            alias,
            ..
        } => {
            let relation = change::table_of(binder, table)?;
            change::update::typed(binder, &relation, alias.as_deref(), set, (filter.as_ref(), limited))?;
            change::returning::returned(binder, &relation, returning)?
        }
        Statement::Delete {
            table,
            filter,
            limited,
            returning,
            alias,
            ..
        } => {
            let relation = change::table_of(binder, table)?;
            change::update::typed(binder, &relation, alias.as_deref(), &[], (filter.as_ref(), limited))?;
            change::returning::returned(binder, &relation, returning)?
        }
        _ => None,
    })
}
