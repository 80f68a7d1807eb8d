//! One client's session: statements in, answers out.

mod control;
mod copying;
mod define;
mod describe;
mod prepared;
mod statement;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use self::statement::carried_out;
use crate::ast::Statement;
use crate::bind::Binder;
use crate::catalog::settings;
use crate::copy::{self, Copy};
use crate::cx::{Act, Cx, Host, Persona, State};
use crate::datetime::EPOCH;
use crate::error::Error;
use crate::mysql;
use crate::parse::Parsed;
use crate::plan::Column;
use crate::store::{Cluster, Row};
use crate::text;
use crate::types::Type;
use crate::value::Value;

/// What a statement came to.
#[derive(Debug)]
pub enum Answer {
    Rows {
        columns: Vec<Column>,
        rows: Vec<Row>,
        tag: String,
    },
    Done(String),
    /// Lines go to the client.
    CopyOut {
        columns: usize,
        lines: Vec<Vec<u8>>,
        tag: String,
        binary: bool,
    },
    /// Lines are to come from the client: [`Session::copied`].
    CopyIn {
        columns: usize,
    },
    /// The client is to send this file of its own, in MySQL.
    Local {
        path: String,
    },
    /// The machine is to run this: [`Session::ran`].
    Program {
        command: String,
        input: Option<Vec<u8>>,
    },
}

/// Whether a transaction is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Idle,
    Block,
    Failed,
}

pub struct Session {
    cluster: Rc<RefCell<Cluster>>,
    state: State,
    phase: Phase,
    /// The server and settings as they were when the transaction began.
    before: Option<(Cluster, BTreeMap<String, String>)>,
    savepoints: Vec<(String, Cluster)>,
    local: Vec<String>,
    prepared: HashMap<String, Rc<Prepared>>,
    copying: Option<Copy>,
}

/// A statement kept for later.
pub struct Prepared {
    pub text: String,
    pub parsed: Option<Parsed>,
    pub params: Vec<Type>,
    pub columns: Option<Vec<Column>>,
}

// === impl Session ===

impl Session {
    /// Of a role and in a database there is.
    pub fn new(cluster: Rc<RefCell<Cluster>>, persona: Persona, user: &str, database: &str) -> Option<Self> {
        let (user, database) = {
            let cluster = cluster.borrow();
            (cluster.role(user)?.oid, cluster.database(database)?.oid)
        };
        Some(Self {
            cluster,
            state: State {
                persona,
                user: Cell::new(user),
                database,
                settings: RefCell::default(),
                acts: RefCell::default(),
                began: Cell::new(0),
                query: RefCell::default(),
                drawn: RefCell::default(),
                schema: RefCell::default(),
                variables: RefCell::default(),
                inserted: Cell::new(0),
                changed: Cell::new(0),
                found: Cell::new(1),
                last_inserted: Cell::new(0),
                matched: Cell::new(0),
            },
            phase: Phase::Idle,
            before: None,
            savepoints: Vec::new(),
            local: Vec::new(),
            prepared: HashMap::new(),
            copying: None,
        })
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn parts(&self) -> (&RefCell<Cluster>, &State) {
        (&self.cluster, &self.state)
    }

    /// A text is looked at.
    pub(crate) fn start(&self, host: &dyn Host, text: &str) {
        self.begin(host, text);
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    pub fn is_superuser(&self, host: &dyn Host) -> bool {
        Cx::new(&self.cluster, &self.state, host).is_superuser()
    }

    /// What was done beside the answers since it was last asked.
    pub fn acts(&mut self) -> Vec<Act> {
        std::mem::take(&mut self.state.acts.borrow_mut())
    }

    /// A setting as clients see it.
    pub fn setting(&self, name: &str) -> String {
        settings::value(&self.state, name).unwrap_or_default()
    }

    pub fn set(&mut self, host: &dyn Host, name: &str, value: &str) -> Result<(), Error> {
        settings::set(&Cx::new(&self.cluster, &self.state, host), name, Some(value))
    }

    /// Values as text, NULL as none.
    pub fn shown(&self, host: &dyn Host, columns: &[Column], row: &Row) -> Vec<Option<String>> {
        let cx = Cx::new(&self.cluster, &self.state, host);
        let cells = columns.iter().zip(row.iter()).map(|(column, value)| match value {
            Value::Null => None,
            value => Some(text::output(column.ty, value, &cx)),
        });
        cells.collect()
    }

    /// A value of that type from its text.
    pub fn read(&self, host: &dyn Host, ty: Type, text: &str) -> Result<Value, Error> {
        text::input(ty, text, &Cx::new(&self.cluster, &self.state, host))
    }

    /// What it is asked to do, said once a statement comes.
    fn begin(&self, host: &dyn Host, text: &str) {
        if self.phase == Phase::Idle || self.state.persona.dialect.is_mysql() {
            self.state.began.set(host.now() - EPOCH * 1_000_000);
        }
        let short: String = text.chars().take(1024).collect();
        *self.state.query.borrow_mut() = short;
    }

    /// The server as it is now, to be put back by [`Session::restore`].
    pub fn snapshot(&self) -> Cluster {
        self.cluster.borrow().clone()
    }

    pub fn restore(&self, cluster: Cluster) {
        *self.cluster.borrow_mut() = cluster;
    }

    fn allowed(&self, statement: &Statement) -> Result<(), Error> {
        let ends = matches!(
            statement,
            Statement::Commit | Statement::Rollback | Statement::RollbackTo(_)
        );
        if self.phase == Phase::Failed && !ends {
            let message = "current transaction is aborted, commands ignored until end of transaction block";
            return Err(Error::new("25P02", message));
        }
        Ok(())
    }

    pub fn execute(
        &mut self,
        host: &dyn Host,
        text: &str,
        parsed: &Parsed,
        params: (&[Type], Vec<Value>),
    ) -> Result<Answer, Error> {
        self.begin(host, text);
        let before = self.cluster.borrow().clone();
        let outcome = self
            .allowed(&parsed.statement)
            .and_then(|()| self.run(host, text, &parsed.statement, params));
        if outcome.is_err() {
            // Sequences go on all the same, but nobody counts that closely.
            if self.phase != Phase::Failed {
                *self.cluster.borrow_mut() = before;
            }
            self.fail();
        }
        outcome
    }

    /// An error outside of a statement.
    pub fn fail(&mut self) {
        // In MySQL a transaction goes on after what failed in it.
        if self.phase == Phase::Block && !self.state.persona.dialect.is_mysql() {
            self.phase = Phase::Failed;
        }
        self.copying = None;
    }

    fn run(
        &mut self,
        host: &dyn Host,
        text: &str,
        statement: &Statement,
        (types, params): (&[Type], Vec<Value>),
    ) -> Result<Answer, Error> {
        if let Some(answer) = self.control(host, text, statement)? {
            return Ok(answer);
        }
        let cx = Cx::new(&self.cluster, &self.state, host);
        *cx.params.borrow_mut() = params;
        let binder = Binder::new(&cx, text, types.iter().map(|ty| (ty.0 != 0).then_some(*ty)).collect());
        match statement {
            Statement::Copy { .. } => {
                let (answer, copying) = copy::begin(&binder, statement)?;
                self.copying = copying;
                Ok(answer)
            }
            Statement::Mysql(own) => mysql::statement::carried_out(&binder, own),
            statement => carried_out(&binder, statement),
        }
    }
}
