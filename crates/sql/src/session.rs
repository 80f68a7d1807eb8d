//! One client's session: statements in, answers out.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::ast::{CopyTarget, Expr, RoleOptions, Source, Statement};
use crate::bind::{Binder, Scope};
use crate::catalog::{self, settings};
use crate::change::{self, Changed, Insert, Update};
use crate::copy::{self, Copy};
use crate::cx::{Act, Cx, Host, Persona, State};
use crate::datetime::EPOCH;
use crate::error::Error;
use crate::eval::{Env, eval};
use crate::exec;
use crate::parse::Parsed;
use crate::plan::Column;
use crate::schema::{self, CreateTable};
use crate::store::{Cluster, Function, PUBLIC, Row};
use crate::text;
use crate::types::Type;
use crate::value::Value;

/// Statements one session keeps prepared.
const MOST_PREPARED: usize = 200;

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
            },
            phase: Phase::Idle,
            before: None,
            savepoints: Vec::new(),
            local: Vec::new(),
            prepared: HashMap::new(),
            copying: None,
        })
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
    fn begin(&mut self, host: &dyn Host, text: &str) {
        if self.phase == Phase::Idle {
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
        if self.phase == Phase::Block {
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
            statement => carried_out(&binder, statement),
        }
    }

    /// What is about the session itself.
    fn control(&mut self, host: &dyn Host, text: &str, statement: &Statement) -> Result<Option<Answer>, Error> {
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
        if self.phase == Phase::Idle {
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

    fn prepare(
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

    fn execute_prepared(&mut self, host: &dyn Host, text: &str, name: &str, args: &[Expr]) -> Result<Answer, Error> {
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

    /// What the client sent after [`Answer::CopyIn`].
    pub fn copied(&mut self, host: &dyn Host, data: &[u8]) -> Result<String, Error> {
        let before = self.cluster.borrow().clone();
        let outcome = match self.copying.take() {
            None => Err(Error::new("08P01", "unexpected message type 0x64")),
            Some(copy) => copy::put(&Cx::new(&self.cluster, &self.state, host), &copy, data),
        };
        if outcome.is_err() {
            *self.cluster.borrow_mut() = before;
            self.fail();
        }
        outcome
    }

    /// The name of the table lines are being copied into.
    pub fn copying(&self) -> Option<&str> {
        self.copying.as_ref().map(|copy| copy.name.as_str())
    }

    /// What the program of [`Answer::Program`] put out, and how it ended.
    pub fn ran(&mut self, host: &dyn Host, output: &[u8], status: Option<i32>) -> Result<String, Error> {
        let copy = self.copying.take();
        let outcome = match status {
            Some(0) => match &copy {
                Some(copy) if copy.into => copy::put(&Cx::new(&self.cluster, &self.state, host), copy, output),
                Some(copy) => Ok(format!("COPY {}", copy.lines)),
                None => Ok("COPY 0".into()),
            },
            status => {
                let command = copy.map(|copy| copy.program).unwrap_or_default();
                let detail = match status {
                    Some(127) => "command not found".to_owned(),
                    Some(126) => "command not executable".to_owned(),
                    Some(status) => format!("child process exited with exit code {status}"),
                    None => "child process was terminated by signal 9: Killed".to_owned(),
                };
                Err(Error::new("38000", format!("program \"{command}\" failed"))
                    .detail(detail)
                    .raised("copyfromparse.c", 1, "ClosePipeFromProgram"))
            }
        };
        if outcome.is_err() {
            self.fail();
        }
        outcome
    }
}

fn missing_statement(name: &str) -> Error {
    Error::new("26000", format!("prepared statement \"{name}\" does not exist")).raised(
        "prepare.c",
        451,
        "FetchPreparedStatement",
    )
}

/// The columns a statement gives; none when it gives no rows.
fn described(binder: &Binder<'_, '_>, statement: &Statement) -> Result<Option<Vec<Column>>, Error> {
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
                let places = change::places(&relation, columns)?;
                let types: Vec<Type> = places
                    .iter()
                    .filter_map(|at| relation.table().and_then(|table| table.columns.get(*at)))
                    .map(|column| column.ty)
                    .collect();
                let mut plan = binder.query_open(query, None, &[])?;
                binder.retype(&mut plan, &types, crate::cast::is_assignable)?;
            }
            change::returned(binder, &relation, returning)?
        }
        Statement::Update {
            table,
            set,
            filter,
            returning,
            alias,
            ..
        } => {
            let relation = change::table_of(binder, table)?;
            change::typed(binder, &relation, alias.as_deref(), set, filter.as_ref())?;
            change::returned(binder, &relation, returning)?
        }
        Statement::Delete {
            table,
            filter,
            returning,
            alias,
            ..
        } => {
            let relation = change::table_of(binder, table)?;
            change::typed(binder, &relation, alias.as_deref(), &[], filter.as_ref())?;
            change::returned(binder, &relation, returning)?
        }
        _ => None,
    })
}

fn shown_name(name: &str) -> &str {
    settings::find(name).map_or(name, |setting| setting.name)
}

fn changed(word: &str, changed: Changed) -> Answer {
    let tag = if word == "INSERT" {
        format!("INSERT 0 {}", changed.count)
    } else {
        format!("{word} {}", changed.count)
    };
    if changed.columns.is_empty() {
        return Answer::Done(tag);
    }
    Answer::Rows {
        columns: changed.columns,
        rows: changed.rows,
        tag,
    }
}

fn carried_out(binder: &Binder<'_, '_>, statement: &Statement) -> Result<Answer, Error> {
    let cx = binder.cx;
    let done = |tag: &str| Ok(Answer::Done(tag.to_owned()));
    match statement {
        Statement::Query(query) => {
            if let crate::ast::Body::Select(select) = &query.body
                && let Some(into) = &select.into
            {
                let create = CreateTable {
                    table: into,
                    columns: &[],
                    constraints: &[],
                    if_not_exists: false,
                    temporary: false,
                    query: Some(query),
                };
                let count = schema::create_table(binder, &create)?;
                return done(&format!("SELECT {}", count.unwrap_or(0)));
            }
            let plan = binder.query(query, None)?;
            let rows = exec::rows(cx, &plan, None)?;
            let tag = format!("SELECT {}", rows.len());
            Ok(Answer::Rows {
                columns: plan.columns,
                rows,
                tag,
            })
        }
        Statement::Insert {
            table,
            columns,
            source,
            ignore,
            returning,
        } => {
            let insert = Insert {
                table,
                columns,
                source,
                ignore: *ignore,
                returning,
            };
            Ok(changed("INSERT", change::insert(binder, &insert)?))
        }
        Statement::Update {
            table,
            alias,
            set,
            from,
            filter,
            returning,
        } => {
            let update = Update {
                table,
                alias: alias.as_deref(),
                set,
                from,
                filter: filter.as_ref(),
                returning,
            };
            Ok(changed("UPDATE", change::update(binder, &update)?))
        }
        Statement::Delete {
            table,
            alias,
            using,
            filter,
            returning,
        } => {
            let delete = Update {
                table,
                alias: alias.as_deref(),
                set: &[],
                from: using,
                filter: filter.as_ref(),
                returning,
            };
            Ok(changed("DELETE", change::delete(binder, &delete)?))
        }
        Statement::Truncate(tables) => {
            change::truncate(binder, tables)?;
            done("TRUNCATE TABLE")
        }
        Statement::Show(name) => shown(cx, name.as_deref()),
        Statement::Explain(_) => Ok(Answer::Rows {
            columns: vec![crate::bind::column("QUERY PLAN", Type::TEXT, -1, 0, 0)],
            rows: vec![Rc::new([Value::text("Result  (cost=0.00..0.01 rows=1 width=4)")])],
            tag: "EXPLAIN".into(),
        }),
        Statement::Do { language, body } => {
            cx.exec("do", body.as_str());
            let known = cx.with_database(|database| database.extensions.iter().any(|(_, name, _)| name == language));
            if known != Some(true) {
                return Err(no_language(language));
            }
            done("DO")
        }
        Statement::Accepted(tag, tables) => {
            for path in tables {
                cx.relation(path.schema.as_deref(), &path.name)
                    .ok_or_else(|| binder.missing(path).unplaced())?;
            }
            done(tag)
        }
        _ => defined(binder, statement),
    }
}

fn no_language(language: &str) -> Error {
    let error = Error::new("42704", format!("language \"{language}\" does not exist"));
    error.raised("functioncmds.c", 1092, "CreateFunction")
}

fn shown(cx: &Cx<'_>, name: Option<&str>) -> Result<Answer, Error> {
    let column = |name: &str| crate::bind::column(name, Type::TEXT, -1, 0, 0);
    let Some(name) = name else {
        let rows = settings::all().iter().map(|setting| -> Row {
            let value = settings::value(cx.state, setting.name);
            Rc::new([setting.name.into(), value.into(), setting.description.into()])
        });
        return Ok(Answer::Rows {
            columns: vec![column("name"), column("setting"), column("description")],
            rows: rows.collect(),
            tag: "SHOW".into(),
        });
    };
    let value = match name {
        "session_authorization" | "role" => catalog::names::role(cx, cx.state.user.get()),
        name => cx.setting(name).ok_or_else(|| settings::unknown(name))?,
    };
    Ok(Answer::Rows {
        columns: vec![column(shown_name(name))],
        rows: vec![Rc::new([value.into()])],
        tag: "SHOW".into(),
    })
}

fn defined(binder: &Binder<'_, '_>, statement: &Statement) -> Result<Answer, Error> {
    let cx = binder.cx;
    let tag = match statement {
        Statement::CreateTable {
            table,
            columns,
            constraints,
            if_not_exists,
            temporary,
            query,
        } => {
            let create = CreateTable {
                table,
                columns,
                constraints,
                if_not_exists: *if_not_exists,
                temporary: *temporary,
                query: query.as_deref(),
            };
            match schema::create_table(binder, &create)? {
                Some(count) => return Ok(Answer::Done(format!("SELECT {count}"))),
                None => "CREATE TABLE",
            }
        }
        Statement::CreateView {
            view,
            query,
            text,
            replace,
        } => {
            schema::create_view(binder, view, query, text, *replace)?;
            "CREATE VIEW"
        }
        Statement::CreateIndex {
            name,
            table,
            columns,
            unique,
            if_not_exists,
        } => {
            schema::create_index(binder, name.as_deref(), table, columns, (*unique, *if_not_exists))?;
            "CREATE INDEX"
        }
        Statement::CreateSequence { name, if_not_exists } => {
            schema::create_sequence(binder, name, *if_not_exists)?;
            "CREATE SEQUENCE"
        }
        Statement::CreateSchema { name, if_not_exists } => {
            schema::create_schema(cx, name, *if_not_exists)?;
            "CREATE SCHEMA"
        }
        Statement::CreateDatabase(name) => {
            schema::create_database(cx, name)?;
            "CREATE DATABASE"
        }
        Statement::CreateRole { name, options } => {
            role(cx, name, options, true)?;
            "CREATE ROLE"
        }
        Statement::AlterRole { name, options } => {
            role(cx, name, options, false)?;
            "ALTER ROLE"
        }
        Statement::CreateFunction {
            name,
            language,
            body,
            procedure,
        } => {
            function(cx, &name.name, language, body)?;
            if *procedure {
                "CREATE PROCEDURE"
            } else {
                "CREATE FUNCTION"
            }
        }
        Statement::CreateExtension { name, if_not_exists } => {
            extension(cx, name, *if_not_exists)?;
            "CREATE EXTENSION"
        }
        Statement::AlterTable {
            table,
            if_exists,
            actions,
        } => {
            if !*if_exists || cx.relation(table.schema.as_deref(), &table.name).is_some() {
                schema::alter(binder, table, actions)?;
            }
            "ALTER TABLE"
        }
        Statement::Drop {
            kind,
            names,
            if_exists,
            cascade,
        } => {
            use crate::ast::DropKind;
            schema::drop(binder, *kind, names, *if_exists, *cascade)?;
            match kind {
                DropKind::Table => "DROP TABLE",
                DropKind::View => "DROP VIEW",
                DropKind::Index => "DROP INDEX",
                DropKind::Sequence => "DROP SEQUENCE",
                DropKind::Schema => "DROP SCHEMA",
                DropKind::Database => "DROP DATABASE",
                DropKind::Role => "DROP ROLE",
                DropKind::Function => "DROP FUNCTION",
                DropKind::Extension => "DROP EXTENSION",
                DropKind::Type => "DROP TYPE",
            }
        }
        Statement::Copy {
            target: CopyTarget::Std,
            ..
        } => "COPY 0",
        _ => return Err(Error::new("0A000", "this statement is not supported here")),
    };
    Ok(Answer::Done(tag.to_owned()))
}

fn role(cx: &Cx<'_>, name: &str, options: &RoleOptions, new: bool) -> Result<(), Error> {
    let own = catalog::names::role(cx, cx.state.user.get());
    let name = if name == "current_user" { own.as_str() } else { name };
    if let Some(Some(password)) = &options.password {
        cx.exec(
            if new { "create_role" } else { "alter_role" },
            format!("{name}: {password}"),
        );
    }
    let may = cx.is_superuser()
        || cx
            .cluster
            .borrow()
            .roles
            .iter()
            .any(|role| role.oid == cx.state.user.get() && role.createrole);
    if !may && own != name {
        let message = if new {
            "permission denied to create role"
        } else {
            "permission denied"
        };
        return Err(Error::new("42501", message).raised("user.c", 318, "CreateRole"));
    }
    let known = cx.cluster.borrow().role(name).is_some();
    if new && known {
        return Err(Error::new("42710", format!("role \"{name}\" already exists")).raised("user.c", 345, "CreateRole"));
    }
    if new && name.starts_with("pg_") {
        return Err(Error::new("42939", format!("role name \"{name}\" is reserved"))
            .detail("Role names starting with \"pg_\" are reserved."));
    }
    if !new && !known {
        return Err(Error::new("42704", format!("role \"{name}\" does not exist")).raised("user.c", 735, "AlterRole"));
    }
    let mut cluster = cx.cluster.borrow_mut();
    if !cluster.writes(256) {
        return Err(change::full());
    }
    if new {
        cluster.add_role(name, None);
        if let Some(role) = cluster.roles.last_mut() {
            role.login = false;
        }
    }
    let Some(role) = cluster.roles.iter_mut().find(|role| role.name == name) else {
        return Ok(());
    };
    let set = |to: &mut bool, from: Option<bool>| *to = from.unwrap_or(*to);
    set(&mut role.login, options.login);
    set(&mut role.superuser, options.superuser);
    set(&mut role.createdb, options.createdb);
    set(&mut role.createrole, options.createrole);
    set(&mut role.replication, options.replication);
    if let Some(password) = &options.password {
        role.password.clone_from(password);
    }
    Ok(())
}

fn function(cx: &Cx<'_>, name: &str, language: &str, body: &[String]) -> Result<(), Error> {
    cx.exec("create_function", format!("{name} ({language}): {}", body.join(", ")));
    let known = ["sql", "internal", "c"].contains(&language)
        || cx.with_database(|database| database.extensions.iter().any(|(_, known, _)| known == language)) == Some(true);
    if !known {
        return Err(no_language(language));
    }
    if !cx.is_superuser() && ["internal", "c"].contains(&language) {
        return Err(Error::new(
            "42501",
            format!("permission denied for language {language}"),
        ));
    }
    if language == "c" {
        let library = body.first().map_or("", String::as_str);
        let found = cx.host.read(&crate::function::absolute(cx, library));
        let error = match found {
            Err(_) => Error::new(
                "58P01",
                format!("could not access file \"{library}\": No such file or directory"),
            )
            .raised("dfmgr.c", 560, "expand_dynamic_library_name"),
            Ok(bytes) if !bytes.starts_with(b"\x7fELF") => Error::new(
                "58P01",
                format!("could not load library \"{library}\": {library}: invalid ELF header"),
            )
            .raised("dfmgr.c", 240, "internal_load_library"),
            Ok(_) => Error::new(
                "42883",
                format!("incompatible library \"{library}\": missing magic block"),
            )
            .hint("Extension libraries are required to use the PG_MODULE_MAGIC macro.")
            .raised("dfmgr.c", 296, "internal_load_library"),
        };
        return Err(error);
    }
    let mut cluster = cx.cluster.borrow_mut();
    let oid = cluster.new_oid();
    if !cluster.writes(body.iter().map(String::len).sum::<usize>() + 256) {
        return Err(change::full());
    }
    let owner = cx.state.user.get();
    if let Some(database) = cluster.by_oid_mut(cx.state.database) {
        database.functions.retain(|function| function.name != name);
        database.functions.push(Function {
            oid,
            schema: PUBLIC,
            name: name.to_owned(),
            owner,
            language: language.to_owned(),
            body: body.to_vec(),
        });
    }
    Ok(())
}

fn extension(cx: &Cx<'_>, name: &str, if_not_exists: bool) -> Result<(), Error> {
    cx.exec("create_extension", name);
    if cx.with_database(|database| database.extensions.iter().any(|(_, known, _)| known == name)) == Some(true) {
        if if_not_exists {
            let message = format!("extension \"{name}\" already exists, skipping");
            cx.notice(
                "NOTICE",
                Error::new("42710", message).raised("extension.c", 1787, "CreateExtension"),
            );
            return Ok(());
        }
        return Err(
            Error::new("42710", format!("extension \"{name}\" already exists")).raised(
                "extension.c",
                1793,
                "CreateExtension",
            ),
        );
    }
    let Some((_, version, _)) = catalog::extensions().iter().find(|(known, ..)| *known == name) else {
        let file = format!("/usr/share/postgresql/15/extension/{name}.control");
        let message = format!("extension \"{name}\" is not available");
        return Err(Error::new("0A000", message)
            .detail(format!(
                "Could not open extension control file \"{file}\": No such file or directory."
            ))
            .hint("The extension must first be installed on the system where PostgreSQL is running.")
            .raised("extension.c", 540, "parse_extension_control_file"));
    };
    if !cx.is_superuser() {
        return Err(
            Error::new("42501", format!("permission denied to create extension \"{name}\""))
                .hint("Must be superuser to create this extension.")
                .raised("extension.c", 1000, "execute_extension_script"),
        );
    }
    let mut cluster = cx.cluster.borrow_mut();
    let oid = cluster.new_oid();
    if let Some(database) = cluster.by_oid_mut(cx.state.database) {
        database.extensions.push((oid, name.to_owned(), (*version).to_owned()));
    }
    Ok(())
}
