//! A server's roles and databases, copied cheaply and changed apart.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::ast::{Expr, Query};
use crate::types::Type;
use crate::value::Value;

pub(crate) type Row = Rc<[Value]>;

pub(crate) const SUPERUSER: u32 = 10;
pub(crate) const PG_CATALOG: u32 = 11;
pub(crate) const PUBLIC: u32 = 2200;
pub(crate) const INFORMATION_SCHEMA: u32 = 13207;
/// The first number of an object that is not the product's own.
const FIRST_OID: u32 = 16_384;
/// The one database of the engine that stands for a MySQL server: its databases are schemas of it.
pub(crate) const MYSQL: &str = "def";
/// Bytes that may be written into one copy of a server.
const MOST_WRITTEN: usize = 8 << 20;
/// Relations one database may hold.
pub(crate) const MOST_RELATIONS: usize = 2_000;

#[derive(Clone, Debug)]
pub struct Cluster {
    pub(crate) roles: Vec<Role>,
    pub(crate) databases: Vec<Database>,
    next: u32,
    written: usize,
}

#[derive(Clone, Debug)]
pub struct Role {
    pub oid: u32,
    pub name: String,
    pub superuser: bool,
    pub createdb: bool,
    pub createrole: bool,
    pub login: bool,
    pub replication: bool,
    /// As it stands in `pg_authid`.
    pub password: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Database {
    pub oid: u32,
    pub name: String,
    pub(crate) owner: u32,
    pub(crate) template: bool,
    pub allows_connections: bool,
    pub(crate) schemas: Vec<Schema>,
    pub(crate) relations: BTreeMap<u32, Rc<Relation>>,
    pub(crate) functions: Vec<Function>,
    /// Number, name and version.
    pub(crate) extensions: Vec<(u32, String, String)>,
    pub(crate) large_objects: BTreeMap<u32, Rc<[u8]>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Schema {
    pub(crate) oid: u32,
    pub(crate) name: String,
    pub(crate) owner: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) oid: u32,
    pub(crate) schema: u32,
    pub(crate) name: String,
    pub(crate) owner: u32,
    pub(crate) language: String,
    pub(crate) body: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Relation {
    pub(crate) oid: u32,
    pub(crate) schema: u32,
    pub(crate) name: String,
    pub(crate) owner: u32,
    pub(crate) temporary: bool,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Table(Table),
    View {
        query: Rc<Query>,
        text: String,
        columns: Vec<Column>,
    },
    Sequence(Sequence),
    Index(Index),
}

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Rc<Vec<Row>>,
    pub(crate) constraints: Vec<Constraint>,
    /// Number of the type its rows have; that of arrays of them is one less.
    pub(crate) row_type: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) modifier: i32,
    pub(crate) not_null: bool,
    pub(crate) default: Option<Default>,
    /// The type as MySQL shows it; empty elsewhere.
    pub(crate) declared: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Default {
    pub(crate) oid: u32,
    pub(crate) value: DefaultValue,
}

#[derive(Clone, Debug)]
pub(crate) enum DefaultValue {
    Expr(Rc<Expr>),
    /// The next of a sequence.
    Serial(u32),
}

#[derive(Clone, Debug)]
pub(crate) struct Constraint {
    pub(crate) oid: u32,
    pub(crate) name: String,
    pub(crate) rule: Rule,
}

/// Columns by their place, from zero.
#[derive(Clone, Debug)]
pub(crate) enum Rule {
    Unique {
        columns: Vec<usize>,
        index: u32,
        primary: bool,
    },
    Foreign {
        columns: Vec<usize>,
        table: u32,
        others: Vec<usize>,
        index: u32,
        on_delete: char,
        on_update: char,
    },
    Check {
        expr: Rc<Expr>,
        text: String,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Sequence {
    pub(crate) ty: Type,
    pub(crate) start: i64,
    pub(crate) last: i64,
    pub(crate) called: bool,
    /// Table and place of the column it belongs to.
    pub(crate) owned_by: Option<(u32, usize)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) table: u32,
    pub(crate) columns: Vec<usize>,
    pub(crate) unique: bool,
    pub(crate) primary: bool,
}

// === impl Cluster ===

impl Cluster {
    /// As `initdb` leaves it.
    pub fn new() -> Self {
        let mut cluster = Self {
            roles: vec![Role {
                oid: SUPERUSER,
                name: "postgres".into(),
                superuser: true,
                createdb: true,
                createrole: true,
                login: true,
                replication: true,
                password: None,
            }],
            databases: Vec::new(),
            next: FIRST_OID,
            written: 0,
        };
        for (oid, name, template, allows) in [
            (5, "postgres", false, true),
            (1, "template1", true, true),
            (4, "template0", true, false),
        ] {
            cluster.databases.push(Database {
                template,
                allows_connections: allows,
                ..Database::new(oid, name, SUPERUSER)
            });
        }
        cluster
    }

    /// As MySQL's own initialization leaves it.
    pub fn mysql() -> Self {
        let mut cluster = Self::new();
        cluster.databases.clear();
        for role in &mut cluster.roles {
            role.name = "root".into();
        }
        let oid = cluster.new_oid();
        let mut database = Database::new(oid, MYSQL, SUPERUSER);
        database.schemas.clear();
        cluster.databases.push(database);
        cluster
    }

    /// A database of a MySQL server.
    pub fn add_schema(&mut self, name: &str, owner: u32) {
        let oid = self.new_oid();
        if let Some(database) = self.databases.first_mut() {
            database.schemas.push(Schema {
                oid,
                name: name.to_owned(),
                owner,
            });
        }
    }

    pub(crate) fn new_oid(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    /// Bytes about to be written; whether there is room for them.
    pub(crate) fn writes(&mut self, bytes: usize) -> bool {
        self.written += bytes;
        self.written <= MOST_WRITTEN
    }

    /// What was written so far is not the client's own doing.
    pub fn settle(&mut self) {
        self.written = 0;
    }

    pub(crate) fn frees(&mut self, bytes: usize) {
        self.written = self.written.saturating_sub(bytes);
    }

    pub fn role_names(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(|role| role.name.as_str())
    }

    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }

    pub(crate) fn role_name(&self, oid: u32) -> Option<&str> {
        self.roles
            .iter()
            .find(|role| role.oid == oid)
            .map(|role| role.name.as_str())
    }

    pub fn add_role(&mut self, name: &str, password: Option<String>) -> u32 {
        let oid = self.new_oid();
        self.roles.push(Role {
            oid,
            name: name.into(),
            superuser: false,
            createdb: false,
            createrole: false,
            login: true,
            replication: false,
            password,
        });
        oid
    }

    pub fn set_password(&mut self, name: &str, password: Option<String>) {
        if let Some(role) = self.roles.iter_mut().find(|role| role.name == name) {
            role.password = password;
        }
    }

    pub fn add_database(&mut self, name: &str, owner: u32) -> u32 {
        let oid = self.new_oid();
        self.databases.push(Database::new(oid, name, owner));
        oid
    }

    pub fn database(&self, name: &str) -> Option<&Database> {
        self.databases.iter().find(|database| database.name == name)
    }

    pub(crate) fn by_oid(&self, oid: u32) -> Option<&Database> {
        self.databases.iter().find(|database| database.oid == oid)
    }

    pub(crate) fn by_oid_mut(&mut self, oid: u32) -> Option<&mut Database> {
        self.databases.iter_mut().find(|database| database.oid == oid)
    }
}

impl std::default::Default for Cluster {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Database ===

impl Database {
    fn new(oid: u32, name: &str, owner: u32) -> Self {
        let schema = |oid, name: &str, owner| Schema {
            oid,
            name: name.into(),
            owner,
        };
        Self {
            oid,
            name: name.into(),
            owner,
            template: false,
            allows_connections: true,
            schemas: vec![
                schema(99, "pg_toast", SUPERUSER),
                schema(PG_CATALOG, "pg_catalog", SUPERUSER),
                schema(PUBLIC, "public", 6171),
                schema(INFORMATION_SCHEMA, "information_schema", SUPERUSER),
            ],
            relations: BTreeMap::new(),
            functions: Vec::new(),
            extensions: vec![(13_559, "plpgsql".into(), "1.0".into())],
            large_objects: BTreeMap::new(),
        }
    }

    pub(crate) fn schema(&self, name: &str) -> Option<u32> {
        self.schemas
            .iter()
            .find(|schema| schema.name == name)
            .map(|schema| schema.oid)
    }

    pub(crate) fn schema_name(&self, oid: u32) -> Option<&str> {
        self.schemas
            .iter()
            .find(|schema| schema.oid == oid)
            .map(|schema| schema.name.as_str())
    }

    pub(crate) fn relation(&self, schema: u32, name: &str) -> Option<&Rc<Relation>> {
        self.relations
            .values()
            .find(|relation| relation.schema == schema && relation.name == name)
    }

    pub(crate) fn relation_mut(&mut self, oid: u32) -> Option<&mut Relation> {
        self.relations.get_mut(&oid).map(Rc::make_mut)
    }

    pub(crate) fn table_mut(&mut self, oid: u32) -> Option<&mut Table> {
        match &mut self.relation_mut(oid)?.kind {
            Kind::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(crate) fn sequence_mut(&mut self, oid: u32) -> Option<&mut Sequence> {
        match &mut self.relation_mut(oid)?.kind {
            Kind::Sequence(sequence) => Some(sequence),
            _ => None,
        }
    }

    /// A name no relation of the schema has yet, made as the product makes them.
    pub(crate) fn free_name(&self, schema: u32, name: &str) -> String {
        let mut candidates = std::iter::once(name.to_owned()).chain((1..).map(|n| format!("{name}{n}")));
        candidates
            .find(|name| self.relation(schema, name).is_none())
            .unwrap_or_default()
    }
}

// === impl Relation ===

impl Relation {
    pub(crate) fn table(&self) -> Option<&Table> {
        match &self.kind {
            Kind::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(crate) fn letter(&self) -> &'static str {
        match self.kind {
            Kind::Table(_) => "r",
            Kind::View { .. } => "v",
            Kind::Sequence(_) => "S",
            Kind::Index(_) => "i",
        }
    }

    /// The kind in words, as errors say it.
    pub(crate) fn word(&self) -> &'static str {
        match self.kind {
            Kind::Table(_) => "table",
            Kind::View { .. } => "view",
            Kind::Sequence(_) => "sequence",
            Kind::Index(_) => "index",
        }
    }
}

// === impl Table ===

impl Table {
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

// === impl Sequence ===

impl Sequence {
    pub(crate) fn new(ty: Type) -> Self {
        Self {
            ty,
            start: 1,
            last: 1,
            called: false,
            owned_by: None,
        }
    }

    pub(crate) fn most(&self) -> i64 {
        match self.ty {
            Type::INT2 => i16::MAX.into(),
            Type::INT4 => i32::MAX.into(),
            _ => i64::MAX,
        }
    }

    pub(crate) fn next(&mut self) -> Option<i64> {
        let next = if self.called {
            self.last.checked_add(1)?
        } else {
            self.last
        };
        (next <= self.most()).then(|| {
            (self.last, self.called) = (next, true);
            next
        })
    }
}

pub(crate) fn weight(row: &[Value]) -> usize {
    row.iter().map(Value::weight).sum::<usize>() + 32
}
