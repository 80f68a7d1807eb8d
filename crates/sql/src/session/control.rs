//! What is about the session itself: transactions, settings, roles, statements kept.

use super::prepared::missing_statement;
use super::{Answer, Phase, Session};
use crate::ast::Statement;
use crate::catalog::settings;
use crate::cx::{Cx, Host};
use crate::error::Error;

// === impl Session ===

impl Session {
    /// What is about the session itself.
    pub(super) fn control(
        &mut self,
        host: &dyn Host,
        text: &str,
        statement: &Statement,
    ) -> Result<Option<Answer>, Error> {
        let done = |tag: &str| Ok(Some(Answer::Done(tag.to_owned())));
        match statement {
            Statement::Begin => {
                if self.phase == Phase::Idle {
                    self.before = Some((self.cluster.borrow().clone(), self.state.settings.borrow().clone()));
                    self.phase = Phase::Block;
                } else {
                    self.warn(
                        host,
                        "25001",
                        "there is already a transaction in progress",
                        ("xact.c", 3664, "BeginTransactionBlock"),
                    );
                }
                done("BEGIN")
            }
            Statement::Commit | Statement::Rollback => {
                let failed = self.phase == Phase::Failed;
                if self.phase == Phase::Idle {
                    let raised = if *statement == Statement::Commit {
                        ("xact.c", 3987, "EndTransactionBlock")
                    } else {
                        ("xact.c", 4093, "UserAbortTransactionBlock")
                    };
                    self.warn(host, "25P01", "there is no transaction in progress", raised);
                }
                let back = failed || *statement == Statement::Rollback;
                self.end(back);
                done(if back { "ROLLBACK" } else { "COMMIT" })
            }
            Statement::Savepoint(name) => {
                self.in_block("SAVEPOINT")?;
                if self.savepoints.len() > 50 {
                    return Err(Error::new("53200", "out of shared memory"));
                }
                self.savepoints.push((name.clone(), self.cluster.borrow().clone()));
                done("SAVEPOINT")
            }
            Statement::Release(name) | Statement::RollbackTo(name) => {
                let back = matches!(statement, Statement::RollbackTo(_));
                self.in_block(if back {
                    "ROLLBACK TO SAVEPOINT"
                } else {
                    "RELEASE SAVEPOINT"
                })?;
                let Some(at) = self.savepoints.iter().rposition(|(known, _)| known == name) else {
                    return Err(
                        Error::new("3B001", format!("savepoint \"{name}\" does not exist")).raised(
                            "xact.c",
                            4400,
                            "RollbackToSavepoint",
                        ),
                    );
                };
                if back {
                    *self.cluster.borrow_mut() = self.savepoints[at].1.clone();
                    self.phase = Phase::Block;
                }
                self.savepoints.truncate(if back { at + 1 } else { at });
                done(if back { "ROLLBACK" } else { "RELEASE" })
            }
            Statement::Set { name, value, local } => {
                let cx = Cx::new(&self.cluster, &self.state, host);
                if name == "role" || name == "session_authorization" {
                    return self.become_role(value.as_deref()).and_then(|()| done("SET"));
                }
                settings::set(&cx, name, value.as_deref())?;
                if *local {
                    self.local.push(name.clone());
                }
                done("SET")
            }
            Statement::Reset(name) => {
                match name {
                    Some(name) => settings::set(&Cx::new(&self.cluster, &self.state, host), name, None)?,
                    None => self.state.settings.borrow_mut().clear(),
                }
                done("RESET")
            }
            Statement::Prepare { name, types, statement } => {
                self.prepare(host, text, name, types, statement)?;
                done("PREPARE")
            }
            Statement::Execute { name, args } => self.execute_prepared(host, text, name, args).map(Some),
            Statement::Deallocate(name) => {
                match name {
                    None => self.prepared.clear(),
                    Some(name) => {
                        self.prepared.remove(name).ok_or_else(|| missing_statement(name))?;
                    }
                }
                done(if name.is_some() { "DEALLOCATE" } else { "DEALLOCATE ALL" })
            }
            Statement::Accepted("LOCK TABLE", _) => {
                self.in_block("LOCK TABLE")?;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn warn(
        &self,
        host: &dyn Host,
        code: &'static str,
        message: &str,
        (file, line, routine): (&'static str, u32, &'static str),
    ) {
        let cx = Cx::new(&self.cluster, &self.state, host);
        cx.notice("WARNING", Error::new(code, message).raised(file, line, routine));
    }

    fn end(&mut self, back: bool) {
        if let (true, Some((cluster, settings))) = (back, self.before.take()) {
            *self.cluster.borrow_mut() = cluster;
            *self.state.settings.borrow_mut() = settings;
        }
        for name in self.local.drain(..) {
            self.state.settings.borrow_mut().remove(&name.to_ascii_lowercase());
        }
        self.before = None;
        self.savepoints.clear();
        self.phase = Phase::Idle;
    }

    fn in_block(&self, what: &str) -> Result<(), Error> {
        if self.phase == Phase::Idle && !self.state.persona.dialect.is_mysql() {
            let message = format!("{what} can only be used in transaction blocks");
            return Err(Error::new("25P01", message).raised("xact.c", 3595, "CheckTransactionBlock"));
        }
        Ok(())
    }

    fn become_role(&self, name: Option<&str>) -> Result<(), Error> {
        let cluster = self.cluster.borrow();
        let Some(name) = name.filter(|name| *name != "none") else {
            return Ok(());
        };
        let role = cluster.role(name).ok_or_else(|| {
            Error::new("22023", format!("role \"{name}\" does not exist")).raised("variable.c", 906, "check_role")
        })?;
        let superuser = cluster
            .roles
            .iter()
            .any(|role| role.oid == self.state.user.get() && role.superuser);
        if !superuser && role.oid != self.state.user.get() {
            return Err(
                Error::new("42501", format!("permission denied to set role \"{name}\"")).raised(
                    "variable.c",
                    926,
                    "check_role",
                ),
            );
        }
        self.state.user.set(role.oid);
        Ok(())
    }
}
