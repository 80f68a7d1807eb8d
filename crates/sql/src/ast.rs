//! Statements as they were written. Places are bytes of the text.

#[derive(Clone, Debug, PartialEq)]
pub struct TypeName {
    pub name: String,
    pub modifiers: Vec<i32>,
    pub array: bool,
    /// As MySQL shows it, `int(11) unsigned`; empty elsewhere.
    pub declared: String,
    pub at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    /// `0x41`.
    Bytes(Vec<u8>),
    Param(usize),
    Default,
    /// `a`, `t.a`, `s.t.a`.
    Column(Vec<String>, usize),
    Unary(String, Box<Expr>, usize),
    Binary(String, Box<Expr>, Box<Expr>, usize),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    IsNull(Box<Expr>, bool),
    /// `IS [NOT] TRUE`; none is UNKNOWN.
    IsBool(Box<Expr>, Option<bool>, bool),
    /// True when `IS DISTINCT FROM`.
    Distinct(Box<Expr>, Box<Expr>, bool),
    Between(Box<Expr>, Box<Expr>, Box<Expr>, bool),
    In(Box<Expr>, Vec<Expr>, bool, usize),
    InQuery(Box<Expr>, Box<Query>, bool),
    /// `left op ANY (right)`; true when ALL.
    Quantified(Box<Expr>, String, bool, Box<Expr>, usize),
    Like {
        text: Box<Expr>,
        pattern: Box<Expr>,
        not: bool,
        fold: bool,
    },
    Case {
        operand: Option<Box<Expr>>,
        whens: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Cast(Box<Expr>, TypeName),
    Call(Call),
    Exists(Box<Query>),
    Scalar(Box<Query>),
    ArrayQuery(Box<Query>),
    Array(Vec<Expr>),
    Row(Vec<Expr>),
    /// `a[1]`, `a[1:2]`.
    Index(Box<Expr>, Option<Box<Expr>>, Option<Box<Expr>>, bool),
    Field(Box<Expr>, String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub name: String,
    pub schema: Option<String>,
    pub args: Vec<Expr>,
    pub star: bool,
    pub distinct: bool,
    pub order: Vec<Order>,
    pub filter: Option<Box<Expr>>,
    pub over: bool,
    pub at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub expr: Expr,
    pub descending: bool,
    pub nulls_first: Option<bool>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub with: Vec<Cte>,
    pub body: Body,
    pub order: Vec<Order>,
    pub limit: Option<Expr>,
    pub offset: Option<Expr>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Cte {
    pub name: String,
    pub columns: Vec<String>,
    pub query: Query,
    pub recursive: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Select(Box<Select>),
    Values(Vec<Vec<Expr>>),
    Query(Box<Query>),
    Set {
        op: SetOp,
        all: bool,
        left: Box<Body>,
        right: Box<Body>,
        at: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOp {
    Union,
    Intersect,
    Except,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Select {
    pub distinct: bool,
    pub distinct_on: Vec<Expr>,
    pub items: Vec<Item>,
    pub from: Vec<From>,
    pub filter: Option<Expr>,
    pub group: Vec<Expr>,
    pub having: Option<Expr>,
    /// `SELECT ... INTO t`.
    pub into: Option<Path>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Star(Option<String>, usize),
    Expr(Expr, Option<String>),
}

/// Schema and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    pub schema: Option<String>,
    pub name: String,
    pub at: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alias {
    pub name: Option<String>,
    pub columns: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum From {
    Table(Path, Alias),
    Query(Box<Query>, Alias),
    Call(Call, Alias, bool),
    Join {
        left: Box<From>,
        right: Box<From>,
        kind: Join,
        on: Option<Expr>,
        using: Vec<String>,
        natural: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    Inner,
    Left,
    Right,
    Full,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDef {
    pub name: String,
    pub ty: TypeName,
    pub not_null: bool,
    pub default: Option<(Expr, String)>,
    pub constraints: Vec<Constraint>,
    pub identity: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    pub name: Option<String>,
    pub kind: ConstraintKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ConstraintKind {
    Primary(Vec<String>),
    Unique(Vec<String>),
    References {
        columns: Vec<String>,
        table: Path,
        others: Vec<String>,
        on_delete: char,
        on_update: char,
    },
    /// The expression and its text.
    Check(Expr, String),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    Query(Box<Query>),
    Defaults,
}

#[derive(Clone, Debug, PartialEq)]
pub enum CopyTarget {
    Std,
    File(String),
    Program(String),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct CopyOptions {
    pub csv: bool,
    pub binary: bool,
    pub header: bool,
    pub delimiter: Option<char>,
    pub null: Option<String>,
    pub quote: Option<char>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    Query(Box<Query>),
    Insert {
        table: Path,
        columns: Vec<String>,
        source: Source,
        /// `ON CONFLICT DO NOTHING`.
        ignore: bool,
        returning: Vec<Item>,
    },
    Update {
        table: Path,
        alias: Option<String>,
        set: Vec<(String, Expr)>,
        from: Vec<From>,
        filter: Option<Expr>,
        limited: Limited,
        returning: Vec<Item>,
    },
    Delete {
        table: Path,
        alias: Option<String>,
        using: Vec<From>,
        filter: Option<Expr>,
        limited: Limited,
        returning: Vec<Item>,
    },
    Copy {
        table: Option<Path>,
        query: Option<Box<Query>>,
        columns: Vec<String>,
        from: bool,
        target: CopyTarget,
        options: CopyOptions,
    },
    CreateTable {
        table: Path,
        columns: Vec<ColumnDef>,
        constraints: Vec<Constraint>,
        if_not_exists: bool,
        temporary: bool,
        query: Option<Box<Query>>,
    },
    CreateView {
        view: Path,
        query: Box<Query>,
        text: String,
        replace: bool,
    },
    CreateIndex {
        name: Option<String>,
        table: Path,
        columns: Vec<String>,
        unique: bool,
        if_not_exists: bool,
    },
    CreateSequence {
        name: Path,
        if_not_exists: bool,
    },
    CreateSchema {
        name: String,
        if_not_exists: bool,
    },
    CreateDatabase(String),
    CreateRole {
        name: String,
        options: RoleOptions,
    },
    AlterRole {
        name: String,
        options: RoleOptions,
    },
    /// `CREATE [OR REPLACE] FUNCTION`: its name and language.
    CreateFunction {
        name: Path,
        language: String,
        body: Vec<String>,
        procedure: bool,
    },
    CreateExtension {
        name: String,
        if_not_exists: bool,
    },
    AlterTable {
        table: Path,
        if_exists: bool,
        actions: Vec<AlterTable>,
    },
    Drop {
        kind: DropKind,
        names: Vec<Path>,
        if_exists: bool,
        cascade: bool,
    },
    Truncate(Vec<Path>),
    Begin,
    Commit,
    Rollback,
    Savepoint(String),
    Release(String),
    RollbackTo(String),
    Set {
        name: String,
        /// None is DEFAULT.
        value: Option<String>,
        local: bool,
    },
    Reset(Option<String>),
    Show(Option<String>),
    Prepare {
        name: String,
        types: Vec<TypeName>,
        statement: Box<Statement>,
    },
    Execute {
        name: String,
        args: Vec<Expr>,
    },
    Deallocate(Option<String>),
    Explain(Box<Statement>),
    /// `DO` with its language.
    Do {
        language: String,
        body: String,
    },
    /// What is taken and has no effect here that could be seen: its tag, and the relations that must exist.
    Accepted(&'static str, Vec<Path>),
    /// What only MySQL has.
    Mysql(Box<Mysql>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoleOptions {
    pub login: Option<bool>,
    pub superuser: Option<bool>,
    pub createdb: Option<bool>,
    pub createrole: Option<bool>,
    pub replication: Option<bool>,
    pub password: Option<Option<String>>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum AlterTable {
    AddColumn(ColumnDef, bool),
    DropColumn(String, bool),
    AddConstraint(Constraint),
    RenameTo(String),
    RenameColumn(String, String),
    Owner(String),
    SetDefault(String, Option<(Expr, String)>),
    SetNotNull(String, bool),
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropKind {
    Table,
    View,
    Index,
    Sequence,
    Schema,
    Database,
    Role,
    Function,
    Extension,
    Type,
}

/// Statements of MySQL alone.
#[derive(Clone, Debug, PartialEq)]
pub enum Mysql {
    Use(String),
    Show(Show),
    /// Variables and what they are set to; none is DEFAULT.
    Set(Vec<(String, Option<Expr>)>),
    /// `SELECT ... INTO OUTFILE`; true when DUMPFILE, and how fields and lines end.
    Into(Box<Query>, String, bool, Lines),
    /// `SELECT ... INTO @a, @b`.
    Keep(Box<Query>, Vec<String>),
    Load {
        path: String,
        /// The file is the client's, not the server's.
        local: bool,
        table: Path,
        columns: Vec<String>,
        lines: Lines,
    },
    CreateDatabase {
        name: String,
        if_not_exists: bool,
        replace: bool,
    },
    DropDatabase(String, bool),
    /// `REPLACE INTO`, or `INSERT ... ON DUPLICATE KEY UPDATE`.
    Upsert {
        insert: Box<Statement>,
        set: Vec<(String, Expr)>,
    },
    /// `CREATE FUNCTION ... SONAME`: its name and the library.
    Plugin(String, String),
    /// Accounts: the statement's words and the account's name; a password where one is set.
    Account {
        verb: &'static str,
        user: String,
        password: Option<String>,
    },
    /// `CREATE INDEX` and the like on a table that must exist.
    Explain(Box<Statement>),
    Kill(i64),
    Do(Vec<Expr>),
    Call(Path),
    /// A statement kept under a name, as text.
    Prepare(String, Expr),
    /// A statement kept, with its parameters.
    Execute(String, Vec<Expr>),
    /// A statement as text, and its parameters.
    Immediate(Expr, Vec<Expr>),
    Deallocate(String),
}

/// How a file of rows is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    pub field: String,
    pub enclosed: String,
    pub escaped: String,
    pub line: String,
    pub ignore: usize,
}

/// A listing, with its LIKE or WHERE.
#[derive(Clone, Debug, PartialEq)]
pub struct Show {
    pub what: &'static str,
    pub full: bool,
    pub schema: Option<String>,
    pub name: Option<Path>,
    pub like: Option<String>,
    /// The text of what is after WHERE.
    pub filter: Option<String>,
}

/// How many of the rows that are meant MySQL changes, and which first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limited {
    pub order: Vec<Order>,
    pub limit: Option<Expr>,
}
