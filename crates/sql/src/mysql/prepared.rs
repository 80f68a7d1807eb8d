//! Statements kept under a name: PREPARE, EXECUTE and what belongs to them.

use std::collections::HashMap;
use std::rc::Rc;

use super::coerce;
use super::error::Refusal;
use super::session::{Client, Kept, Outcome};
use crate::ast::{Expr, Mysql, Statement};
use crate::bind::{Binder, Scope};
use crate::cx::Host;
use crate::error::Error;
use crate::eval::{Env, eval};
use crate::parse::Parser;
use crate::value::Value;

/// What is said of a statement that can be in no prepared one.
pub(super) const WITHIN: &str = "This command is not supported in the prepared statement protocol yet";
/// Statements one client keeps, and how long their texts are together.
const MOST: usize = 200;
const LONGEST: usize = 1 << 20;

/// Statements by their names, which are the same in either case.
#[derive(Default)]
pub(super) struct Named(HashMap<String, Rc<Kept>>);

// === impl Named ===

impl Named {
    fn keep(&mut self, name: &str, kept: Kept) -> Result<(), Refusal> {
        let length: usize = self.0.values().map(|kept| kept.text().len()).sum();
        if self.0.len() >= MOST || length + kept.text().len() > LONGEST {
            let message = format!("Can't create more than max_prepared_stmt_count statements (current value: {MOST})");
            return Err(Refusal::new(1461, message));
        }
        self.0.insert(name.to_lowercase(), Rc::new(kept));
        Ok(())
    }

    fn remove(&mut self, name: &str) -> bool {
        self.0.remove(&name.to_lowercase()).is_some()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

// === impl Parser ===

impl Parser<'_> {
    pub(crate) fn mysql_execute(&mut self) -> Result<Statement, Error> {
        self.advance();
        let text = if self.word("immediate") {
            Some(self.expr()?)
        } else {
            None
        };
        let name = if text.is_none() { self.label()? } else { String::new() };
        let using = if self.word("using") {
            self.list(Self::expr)?
        } else {
            Vec::new()
        };
        Ok(Statement::Mysql(Box::new(match text {
            Some(text) => Mysql::Immediate(text, using),
            None => Mysql::Execute(name, using),
        })))
    }

    pub(crate) fn mysql_deallocate(&mut self) -> Result<Statement, Error> {
        self.advance();
        self.need_word("prepare")?;
        Ok(Statement::Mysql(Box::new(Mysql::Deallocate(self.label()?))))
    }
}

fn unknown(name: &str, to: &str) -> Refusal {
    Refusal::new(
        1243,
        format!("Unknown prepared statement handler ({name}) given to {to}"),
    )
}

// === impl Client ===

impl Client {
    /// What a statement about others comes to; none when it is of another kind.
    pub(super) fn about_prepared(
        &mut self,
        host: &dyn Host,
        text: &str,
        statement: &Statement,
    ) -> Result<Option<Outcome>, Refusal> {
        let Statement::Mysql(own) = statement else {
            return Ok(None);
        };
        let mut info = "";
        match &**own {
            Mysql::Prepare(name, from) => {
                info = "Statement prepared";
                let sql = self.value(host, text, from)?;
                // The one of that name is gone even where the new one is refused.
                self.named.remove(name);
                let kept = self.prepare(host, coerce::words(&sql).as_str().unwrap_or(""))?;
                self.named.keep(name, kept)?;
            }
            Mysql::Execute(name, using) => {
                let kept = self.named.0.get(&name.to_lowercase()).cloned();
                let kept = kept.ok_or_else(|| unknown(name, "EXECUTE"))?;
                return self.with_values(host, text, &kept, using).map(Some);
            }
            Mysql::Immediate(from, using) => {
                let sql = self.value(host, text, from)?;
                let kept = self.prepare(host, coerce::words(&sql).as_str().unwrap_or(""))?;
                return self.with_values(host, text, &kept, using).map(Some);
            }
            Mysql::Deallocate(name) => {
                if !self.named.remove(name) {
                    return Err(unknown(name, "DEALLOCATE PREPARE"));
                }
            }
            _ => return Ok(None),
        }
        Ok(Some(Outcome::Done {
            affected: 0,
            matched: 0,
            inserted: 0,
            info: info.into(),
        }))
    }

    fn with_values(&mut self, host: &dyn Host, text: &str, kept: &Kept, using: &[Expr]) -> Result<Outcome, Refusal> {
        if using.len() != kept.params {
            return Err(Refusal::new(1210, "Incorrect arguments to EXECUTE"));
        }
        let values = using.iter().map(|expr| self.value(host, text, expr));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        self.execute(host, kept, values)
    }

    fn value(&self, host: &dyn Host, text: &str, expr: &Expr) -> Result<Value, Refusal> {
        self.with(host, text, |cx| {
            let typed = Binder::new(cx, text, Vec::new()).expr(expr, &Scope::default())?;
            eval(cx, &typed.node, &Env { row: &[], up: None })
        })
    }
}
