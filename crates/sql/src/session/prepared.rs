//! Statements kept for later, by PREPARE and by the protocol.

use std::rc::Rc;

use super::describe::described;
use super::{Answer, Prepared, Session};
use crate::ast::{Expr, Statement};
use crate::bind::{Binder, Scope};
use crate::cx::{Cx, Host};
use crate::error::Error;
use crate::eval::{Env, eval};
use crate::parse::Parsed;
use crate::types::Type;

/// Statements one session keeps prepared.
const MOST_PREPARED: usize = 200;

// === impl Session ===

impl Session {
    pub(super) fn prepare(
        &mut self,
        host: &dyn Host,
        text: &str,
        name: &str,
        types: &[crate::ast::TypeName],
        statement: &Statement,
    ) -> Result<(), Error> {
        if self.prepared.contains_key(name) || self.prepared.len() >= MOST_PREPARED {
            return Err(
                Error::new("42P05", format!("prepared statement \"{name}\" already exists")).raised(
                    "prepare.c",
                    425,
                    "StorePreparedStatement",
                ),
            );
        }
        let cx = Cx::new(&self.cluster, &self.state, host);
        let binder = Binder::new(&cx, text, Vec::new());
        let given: Vec<Type> = types
            .iter()
            .map(|ty| Ok(binder.type_of(ty)?.0))
            .collect::<Result<_, Error>>()?;
        let binder = Binder::new(&cx, text, given.into_iter().map(Some).collect());
        let columns = described(&binder, statement)?;
        let params = binder
            .params
            .borrow()
            .iter()
            .map(|ty| ty.unwrap_or(Type::TEXT))
            .collect();
        let prepared = Prepared {
            text: text.to_owned(),
            parsed: Some(Parsed {
                statement: statement.clone(),
                from: 0,
                to: text.len(),
            }),
            params,
            columns,
        };
        self.prepared.insert(name.to_owned(), Rc::new(prepared));
        Ok(())
    }

    /// Keeps a statement the protocol prepared.
    pub fn keep(&mut self, name: &str, prepared: Prepared) -> Result<(), Error> {
        if !name.is_empty() && (self.prepared.contains_key(name) || self.prepared.len() >= MOST_PREPARED) {
            return Err(
                Error::new("42P05", format!("prepared statement \"{name}\" already exists")).raised(
                    "prepare.c",
                    425,
                    "StorePreparedStatement",
                ),
            );
        }
        self.prepared.insert(name.to_owned(), Rc::new(prepared));
        Ok(())
    }

    pub fn kept(&self, name: &str) -> Result<Rc<Prepared>, Error> {
        self.prepared.get(name).cloned().ok_or_else(|| match name {
            "" => Error::new("26000", "unnamed prepared statement does not exist").raised(
                "postgres.c",
                1640,
                "exec_bind_message",
            ),
            name => missing_statement(name),
        })
    }

    pub fn forget(&mut self, name: &str) {
        self.prepared.remove(name);
    }

    pub(super) fn execute_prepared(
        &mut self,
        host: &dyn Host,
        text: &str,
        name: &str,
        args: &[Expr],
    ) -> Result<Answer, Error> {
        let prepared = self
            .prepared
            .get(name)
            .cloned()
            .ok_or_else(|| missing_statement(name))?;
        let Some(parsed) = &prepared.parsed else {
            return Ok(Answer::Done(String::new()));
        };
        if args.len() != prepared.params.len() {
            let message = format!("wrong number of parameters for prepared statement \"{name}\"");
            let detail = format!("Expected {} parameters but got {}.", prepared.params.len(), args.len());
            return Err(Error::new("42601", message)
                .detail(detail)
                .raised("prepare.c", 300, "EvaluateParams"));
        }
        let mut values = Vec::new();
        {
            let cx = Cx::new(&self.cluster, &self.state, host);
            let binder = Binder::new(&cx, text, Vec::new());
            for (arg, ty) in args.iter().zip(&prepared.params) {
                let typed = binder.expr(arg, &Scope::default())?;
                let node = binder.implicit(typed, *ty)?.node;
                values.push(eval(&cx, &node, &Env { row: &[], up: None })?);
            }
        }
        if matches!(parsed.statement, Statement::Execute { .. }) {
            return Err(Error::new("0A000", "utility statements cannot be prepared"));
        }
        self.run(host, &prepared.text, &parsed.statement, (&prepared.params, values))
    }
}

pub(super) fn missing_statement(name: &str) -> Error {
    Error::new("26000", format!("prepared statement \"{name}\" does not exist")).raised(
        "prepare.c",
        451,
        "FetchPreparedStatement",
    )
}
