//! One client of a MySQL server: text in, what it comes to out.

use std::cell::RefCell;
use std::rc::Rc;

use super::column::{self, Described};
use super::error::{Refusal, told};
use super::prepared::{Named, WITHIN};
use super::statement;
use crate::ast::{Mysql, Statement};
use crate::bind::Binder;
use crate::cx::{Act, Cx, Host, Persona};
use crate::error::Error;
use crate::parse::{self, Parsed};
use crate::session::{Answer, Phase, Session};
use crate::store::Cluster;
use crate::types::Type;
use crate::value::Value;

/// What a statement came to.
#[derive(Debug)]
pub enum Outcome {
    Rows {
        columns: Vec<Described>,
        rows: Vec<Rc<[Value]>>,
    },
    Done {
        affected: u64,
        /// How many rows were meant, changed or not.
        matched: u64,
        inserted: u64,
        info: String,
    },
    /// The client is to send this file of its own: [`Client::sent`].
    Local { path: String },
}

pub struct Client {
    session: Session,
    /// The LOAD that waits for the client's file.
    loading: Option<Parsed>,
    pub(super) named: Named,
}

/// A statement kept for later, with how many parameters it has.
pub struct Kept {
    parsed: Parsed,
    text: String,
    pub params: usize,
    pub columns: Vec<Described>,
}

// === impl Kept ===

impl Kept {
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

// === impl Client ===

impl Client {
    /// Of an account there is.
    pub fn new(cluster: Rc<RefCell<Cluster>>, persona: Persona, user: &str) -> Option<Self> {
        Some(Self {
            session: Session::new(cluster, persona, user, crate::store::MYSQL)?,
            loading: None,
            named: Named::default(),
        })
    }

    /// The database at hand.
    pub fn schema(&self) -> Option<String> {
        self.session.state().schema.borrow().clone()
    }

    /// The client speaks by this collation, as its greeting has it; the server's own stays where it is unknown.
    pub fn speaks(&mut self, collation: u8) {
        let Some((collation, charset)) = super::catalog::collation_of(collation) else {
            return;
        };
        let mut settings = self.session.state().settings.borrow_mut();
        for name in ["client", "connection", "results"] {
            settings.insert(format!("character_set_{name}"), charset.to_owned());
        }
        settings.insert("collation_connection".into(), collation.to_owned());
    }

    pub fn in_transaction(&self) -> bool {
        self.session.phase() != Phase::Idle
    }

    pub fn acts(&mut self) -> Vec<Act> {
        self.session.acts()
    }

    pub fn use_schema(&mut self, host: &dyn Host, name: &str) -> Result<(), Refusal> {
        self.with(host, name, |cx| statement::use_schema(cx, name))
    }

    /// Columns of a table.
    pub fn fields(&mut self, host: &dyn Host, table: &str) -> Result<Vec<Described>, Refusal> {
        let name = format!("`{}`", table.replace('`', "``"));
        self.prepare(host, &format!("select * from {name}"))
            .map(|kept| kept.columns)
    }

    pub(super) fn with<T>(
        &self,
        host: &dyn Host,
        text: &str,
        run: impl FnOnce(&Cx<'_>) -> Result<T, Error>,
    ) -> Result<T, Refusal> {
        let (cluster, state) = self.session.parts();
        let cx = Cx::new(cluster, state, host);
        run(&cx).map_err(|error| told(&cx, text, &error))
    }

    /// Carries out the first statement of a text; what is left of the text begins at the place told. None when there is
    /// no statement.
    pub fn first(&mut self, host: &dyn Host, text: &str) -> Result<Option<(Outcome, usize)>, Refusal> {
        self.session.start(host, text);
        let dialect = self.session.state().persona.dialect;
        let parsed = match parse::first(text, dialect) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return Ok(None),
            Err(error) => return self.with(host, text, |_| Err(error)),
        };
        let end = parsed.to;
        let rest = end + text[end..].find(';').map_or(text.len() - end, |at| at + 1);
        let outcome = self.carried_out(host, text, parsed, Vec::new())?;
        Ok(Some((outcome, rest)))
    }

    fn carried_out(
        &mut self,
        host: &dyn Host,
        text: &str,
        parsed: Parsed,
        params: Vec<Value>,
    ) -> Result<Outcome, Refusal> {
        if let Some(outcome) = self.about_prepared(host, text, &parsed.statement)? {
            return Ok(outcome);
        }
        self.session.state().inserted.set(0);
        let types: Vec<Type> = params.iter().map(of_value).collect();
        let answer = self.session.execute(host, text, &parsed, (&types, params));
        let outcome = match answer {
            Err(error) => {
                self.session.state().changed.set(-1);
                return self.with(host, text, |_| Err(error));
            }
            Ok(answer) => answer,
        };
        let state = self.session.state();
        Ok(match outcome {
            Answer::Rows { columns, rows, .. } => {
                state.changed.set(-1);
                state.found.set(rows.len() as i64);
                let columns = self.described(host, &columns)?;
                Outcome::Rows { columns, rows }
            }
            Answer::Local { path } => {
                self.loading = Some(parsed);
                Outcome::Local { path }
            }
            Answer::Done(tag) => self.done(&parsed.statement, &tag),
            _ => self.done(&parsed.statement, ""),
        })
    }

    fn done(&self, statement: &Statement, tag: &str) -> Outcome {
        let count = tag
            .rsplit(' ')
            .next()
            .and_then(|count| count.parse::<u64>().ok())
            .unwrap_or(0);
        let state = self.session.state();
        let info = match statement {
            Statement::Insert { .. } if count > 1 => format!("Records: {count}  Duplicates: 0  Warnings: 0"),
            Statement::Update { .. } => {
                format!("Rows matched: {}  Changed: {count}  Warnings: 0", state.matched.get())
            }
            Statement::CreateTable { query: Some(_), .. } => format!("Records: {count}  Duplicates: 0  Warnings: 0"),
            Statement::AlterTable { .. } => "Records: 0  Duplicates: 0  Warnings: 0".to_owned(),
            Statement::Mysql(own) if matches!(**own, Mysql::Load { .. }) => {
                format!("Records: {count}  Deleted: 0  Skipped: 0  Warnings: 0")
            }
            _ => String::new(),
        };
        state.changed.set(count as i64);
        if state.inserted.get() != 0 {
            state.last_inserted.set(state.inserted.get());
        }
        let matched = match statement {
            Statement::Update { .. } => u64::try_from(state.matched.get()).unwrap_or(count),
            _ => count,
        };
        Outcome::Done {
            affected: count,
            matched,
            inserted: u64::try_from(state.inserted.get()).unwrap_or(0),
            info,
        }
    }

    /// The client's file, or as much of it as it sent.
    pub fn sent(&mut self, host: &dyn Host, bytes: &[u8]) -> Result<Outcome, Refusal> {
        let Some(parsed) = self.loading.take() else {
            return Err(Refusal::new(1047, "Unknown command"));
        };
        let Statement::Mysql(own) = &parsed.statement else {
            return Err(Refusal::new(1047, "Unknown command"));
        };
        let Mysql::Load {
            table, columns, lines, ..
        } = &**own
        else {
            return Err(Refusal::new(1047, "Unknown command"));
        };
        let answer = self.with(host, "", |cx| {
            let binder = Binder::new(cx, "", Vec::new());
            super::file::loaded(&binder, bytes, (table, columns), lines)
        })?;
        Ok(match answer {
            Answer::Done(tag) => self.done(&parsed.statement, &tag),
            _ => self.done(&parsed.statement, ""),
        })
    }

    fn described(&self, host: &dyn Host, columns: &[crate::plan::Column]) -> Result<Vec<Described>, Refusal> {
        let binary = self
            .session
            .state()
            .settings
            .borrow()
            .get("character_set_results")
            .cloned();
        let charset = match binary.as_deref() {
            Some("binary" | "") => 63,
            Some("latin1") => 8,
            Some("utf8" | "utf8mb3") => 33,
            _ => 45,
        };
        self.with(host, "", |cx| Ok(column::described(cx, columns, charset)))
    }

    pub fn prepare(&mut self, host: &dyn Host, text: &str) -> Result<Kept, Refusal> {
        self.session.start(host, text);
        let dialect = self.session.state().persona.dialect;
        let parsed = match parse::first(text, dialect) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return Err(Refusal::new(1065, "Query was empty")),
            Err(error) => return self.with(host, text, |_| Err(error)),
        };
        if let Statement::Mysql(own) = &parsed.statement
            && matches!(
                **own,
                Mysql::Prepare(..) | Mysql::Execute(..) | Mysql::Immediate(..) | Mysql::Deallocate(_)
            )
        {
            return Err(Refusal::new(1295, WITHIN));
        }
        let (params, columns) = match self.session.describe(host, text, Some(&parsed), &[]) {
            Ok(described) => described,
            Err(error) => return self.with(host, text, |_| Err(error)),
        };
        let columns = self.described(host, &columns.unwrap_or_default())?;
        Ok(Kept {
            parsed,
            text: text.to_owned(),
            params: params.len().max(super::lex::params(text, dialect)),
            columns,
        })
    }

    pub fn execute(&mut self, host: &dyn Host, kept: &Kept, params: Vec<Value>) -> Result<Outcome, Refusal> {
        self.carried_out(host, &kept.text, kept.parsed.clone(), params)
    }

    /// As after logging in.
    pub fn reset(&mut self) {
        let state = self.session.state();
        state.settings.borrow_mut().clear();
        state.variables.borrow_mut().clear();
        self.loading = None;
        self.named.clear();
    }
}

fn of_value(value: &Value) -> Type {
    match value {
        Value::Int(_) => Type::INT8,
        Value::Float(_) => Type::FLOAT8,
        Value::Bytes(_) => Type::BYTEA,
        Value::Stamp(_) => Type::TIMESTAMP,
        Value::Date(_) => Type::DATE,
        Value::Time(_) => Type::TIME,
        _ => Type::TEXT,
    }
}
