//! What evaluation may look at, and where it leaves what has to be told or done outside.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::catalog;
use crate::datetime::EPOCH;
use crate::dialect::Dialect;
use crate::error::Error;
use crate::store::{Cluster, Database, PG_CATALOG, Relation};
use crate::text::Names;
use crate::types::Type;
use crate::value::Value;

/// Rows and calls one statement may take.
const MOST_STEPS: u64 = 4_000_000;
/// Bytes of values one statement may build.
const MOST_BYTES: usize = 48 << 20;

/// Why a file of the machine could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileError {
    Missing,
    Denied,
    IsFolder,
    NotFolder,
    TooLarge,
}

/// The machine the server runs on.
pub trait Host {
    /// Microseconds since the Unix epoch.
    fn now(&self) -> i64;
    fn random(&self) -> u64;
    /// Paths are absolute.
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError>;
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), FileError>;
    fn list(&self, path: &str) -> Result<Vec<String>, FileError>;
}

/// What the product claims to be.
#[derive(Clone, Debug)]
pub struct Persona {
    /// `15.18 (Debian 15.18-0+deb12u1)`.
    pub version: String,
    /// `150018`.
    pub number: u32,
    /// What follows the version in `version()`.
    pub built: String,
    pub data_directory: String,
    pub config_directory: String,
    pub port: u16,
    /// Microseconds since the Unix epoch.
    pub started: i64,
    pub client_address: String,
    pub client_port: u16,
    pub server_address: String,
    pub pid: u32,
    pub locale: String,
    pub dialect: Dialect,
    pub hostname: String,
}

/// What a statement did beside giving rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// A way to run code was tried: which, and the code.
    Exec {
        way: &'static str,
        code: String,
    },
    FileRead {
        path: String,
        found: bool,
    },
    FileWrite {
        path: String,
        bytes: Vec<u8>,
        error: Option<String>,
    },
    /// Seconds the answer has to wait.
    Sleep(f64),
    Notice(Notice),
}

/// A message beside the answer: severity and the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    pub severity: &'static str,
    pub error: Error,
}

pub(crate) struct State {
    pub(crate) persona: Persona,
    pub(crate) user: Cell<u32>,
    pub(crate) database: u32,
    pub(crate) settings: RefCell<BTreeMap<String, String>>,
    pub(crate) acts: RefCell<Vec<Act>>,
    /// When the transaction began, in microseconds since the first of 2000.
    pub(crate) began: Cell<i64>,
    /// The statement at hand.
    pub(crate) query: RefCell<String>,
    /// What `currval` gives, by sequence.
    pub(crate) drawn: RefCell<BTreeMap<u32, i64>>,
    /// The database at hand, in MySQL.
    pub(crate) schema: RefCell<Option<String>>,
    /// Variables of the client's own, in MySQL.
    pub(crate) variables: RefCell<BTreeMap<String, Value>>,
    /// The first number a statement drew, the rows it changed and the rows it found, in MySQL.
    pub(crate) inserted: Cell<i64>,
    pub(crate) changed: Cell<i64>,
    pub(crate) found: Cell<i64>,
    /// The last number any statement drew first.
    pub(crate) last_inserted: Cell<i64>,
    /// The rows an UPDATE meant, changed or not.
    pub(crate) matched: Cell<i64>,
}

pub(crate) struct Cx<'a> {
    pub(crate) cluster: &'a RefCell<Cluster>,
    pub(crate) state: &'a State,
    pub(crate) host: &'a dyn Host,
    pub(crate) params: RefCell<Vec<Value>>,
    steps: Cell<u64>,
    bytes: Cell<usize>,
}

// === impl Cx ===

impl<'a> Cx<'a> {
    pub(crate) fn new(cluster: &'a RefCell<Cluster>, state: &'a State, host: &'a dyn Host) -> Self {
        Self {
            cluster,
            state,
            host,
            params: RefCell::default(),
            steps: Cell::new(0),
            bytes: Cell::new(0),
        }
    }

    /// Counts work; an error once it is too much.
    pub(crate) fn step(&self, by: u64) -> Result<(), Error> {
        self.steps.set(self.steps.get() + by);
        if self.steps.get() > MOST_STEPS {
            return Err(Error::new("57014", "canceling statement due to statement timeout"));
        }
        Ok(())
    }

    /// Counts memory; an error once it is too much.
    pub(crate) fn hold(&self, bytes: usize) -> Result<(), Error> {
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        if self.bytes.get() > MOST_BYTES {
            return Err(Error::new("53200", "out of memory").detail(format!("Failed on request of size {bytes}.")));
        }
        Ok(())
    }

    pub(crate) fn act(&self, act: Act) {
        self.state.acts.borrow_mut().push(act);
    }

    pub(crate) fn notice(&self, severity: &'static str, error: Error) {
        self.act(Act::Notice(Notice { severity, error }));
    }

    pub(crate) fn exec(&self, way: &'static str, code: impl Into<String>) {
        self.act(Act::Exec { way, code: code.into() });
    }

    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        catalog::settings::value(self.state, name)
    }

    /// The moment it is now, in microseconds since the first of 2000.
    pub(crate) fn clock(&self) -> i64 {
        self.host.now() - EPOCH * 1_000_000
    }

    pub(crate) fn with_database<T>(&self, look: impl FnOnce(&Database) -> T) -> Option<T> {
        self.cluster.borrow().by_oid(self.state.database).map(look)
    }

    pub(crate) fn is_superuser(&self) -> bool {
        let cluster = self.cluster.borrow();
        cluster
            .roles
            .iter()
            .any(|role| role.oid == self.state.user.get() && role.superuser)
    }

    /// Schemas names are looked for in, those of the product itself first.
    pub(crate) fn search_path(&self) -> Vec<u32> {
        if self.state.persona.dialect.is_mysql() {
            let schema = self.state.schema.borrow();
            let schema = schema.as_deref();
            let found = schema.and_then(|name| self.with_database(|database| database.schema(name)).flatten());
            return [PG_CATALOG].into_iter().chain(found).collect();
        }
        let path = self.setting("search_path").unwrap_or_default();
        let user = self
            .cluster
            .borrow()
            .role_name(self.state.user.get())
            .unwrap_or("")
            .to_owned();
        let named = path.split(',').filter_map(|name| {
            let name = name.trim().trim_matches('"');
            let name = if name == "$user" { user.as_str() } else { name };
            self.with_database(|database| database.schema(name))?
        });
        let mut all = vec![PG_CATALOG];
        all.extend(named.filter(|oid| *oid != PG_CATALOG));
        all
    }

    /// The relation of that name, where names are looked for or in that schema.
    pub(crate) fn relation(&self, schema: Option<&str>, name: &str) -> Option<Rc<Relation>> {
        let schemas = match schema {
            None => self.search_path(),
            Some(schema) => vec![self.with_database(|database| database.schema(schema))??],
        };
        self.with_database(|database| {
            let mut found = schemas.iter().filter_map(|schema| database.relation(*schema, name));
            found.next().cloned()
        })?
    }

    pub(crate) fn is_visible(&self, schema: u32) -> bool {
        self.search_path().contains(&schema)
    }
}

impl Names for Cx<'_> {
    fn name_of(&self, ty: Type, oid: u32) -> Option<String> {
        catalog::names::name_of(self, ty, oid)
    }

    fn oid_of(&self, ty: Type, name: &str) -> Result<u32, Error> {
        catalog::names::oid_of(self, ty, name)
    }

    fn now(&self) -> i64 {
        self.state.began.get()
    }
}
