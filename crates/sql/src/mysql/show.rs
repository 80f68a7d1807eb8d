//! SHOW and DESCRIBE: most are queries over what the server tells of itself, as they are in the product.

use crate::ast::{Mysql, Path, Show, Statement};
use crate::error::Error;
use crate::lex::Kind;
use crate::parse::Parser;

/// Words of listings, and what they list; `full` and what is like it is taken before.
const LISTINGS: &[(&[&str], &str)] = &[
    (&["databases"], "databases"),
    (&["schemas"], "databases"),
    (&["open", "tables"], "open tables"),
    (&["tables"], "tables"),
    (&["columns"], "columns"),
    (&["fields"], "columns"),
    (&["index"], "index"),
    (&["indexes"], "index"),
    (&["keys"], "index"),
    (&["table", "status"], "table status"),
    (&["variables"], "variables"),
    (&["status"], "status"),
    (&["processlist"], "processlist"),
    (&["storage", "engines"], "engines"),
    (&["engines"], "engines"),
    (&["character", "set"], "charset"),
    (&["charset"], "charset"),
    (&["collation"], "collation"),
    (&["plugins"], "plugins"),
    (&["triggers"], "triggers"),
    (&["events"], "events"),
    (&["procedure", "status"], "procedure"),
    (&["function", "status"], "function"),
    (&["package", "body", "status"], "package"),
    (&["package", "status"], "package"),
    (&["warnings"], "warnings"),
    (&["errors"], "errors"),
    (&["master", "status"], "nothing"),
    (&["binlog", "status"], "nothing"),
    (&["slave", "status"], "nothing"),
    (&["all", "slaves", "status"], "nothing"),
    (&["replica", "status"], "nothing"),
    (&["slave", "hosts"], "nothing"),
    (&["binary", "logs"], "binary logs"),
    (&["master", "logs"], "binary logs"),
    (&["profiles"], "nothing"),
    (&["grants"], "grants"),
    (&["privileges"], "privileges"),
    (&["create", "table"], "create table"),
    (&["create", "view"], "create view"),
    (&["create", "database"], "create database"),
    (&["create", "schema"], "create database"),
    (&["create", "user"], "create user"),
    (&["engine"], "engine"),
];

/// Listings that are always given whole.
const UNFILTERED: &[&str] = &[
    "processlist",
    "engines",
    "engine",
    "plugins",
    "warnings",
    "errors",
    "nothing",
    "binary logs",
    "grants",
    "privileges",
    "create table",
    "create view",
    "create database",
    "create user",
];

// === impl Parser ===

impl Parser<'_> {
    pub(crate) fn mysql_show(&mut self) -> Result<Statement, Error> {
        self.advance();
        let mut full = false;
        while ["full", "extended", "global", "session", "local"]
            .iter()
            .any(|word| self.is_word(0, word))
        {
            full |= self.is_word(0, "full");
            self.advance();
        }
        if self.words(&["count"]) {
            self.brackets()?;
            self.label()?;
            return Ok(listing("count", full));
        }
        let Some((_, what)) = LISTINGS.iter().find(|(words, _)| self.words(words)) else {
            return Err(self.unexpected());
        };
        let mut show = Show {
            what,
            full,
            schema: None,
            name: None,
            like: None,
            filter: None,
        };
        match *what {
            "create table" | "create view" => show.name = Some(self.path()?),
            "create database" => {
                self.if_not_exists();
                show.schema = Some(self.name()?);
            }
            "create user" if !matches!(self.kind(), Kind::End | Kind::Sign(";")) => {
                self.mysql_user()?;
            }
            "grants" if self.word("for") => {
                let user = self.mysql_user()?;
                show.schema = (!user.eq_ignore_ascii_case("current_user")).then_some(user);
            }
            "engine" => {
                self.label()?;
                self.label()?;
            }
            "columns" | "index" => {
                if !self.word("from") && !self.word("in") {
                    return Err(self.unexpected());
                }
                show.name = Some(self.path()?);
            }
            "warnings" | "errors" if self.word("limit") => self.skip_statement()?,
            _ => {}
        }
        if UNFILTERED.contains(what) {
            return Ok(Statement::Mysql(Box::new(Mysql::Show(show))));
        }
        if self.word("from") || self.word("in") {
            let schema = self.name()?;
            match &mut show.name {
                Some(name) => name.schema = Some(schema),
                None => show.schema = Some(schema),
            }
        }
        if self.word("like") {
            show.like = Some(self.string()?);
        } else if self.word("where") {
            let from = self.here();
            self.expr()?;
            show.filter = Some(self.text_from(from));
        }
        Ok(Statement::Mysql(Box::new(Mysql::Show(show))))
    }

    /// DESCRIBE a table, or EXPLAIN a statement.
    pub(crate) fn mysql_describe(&mut self) -> Result<Statement, Error> {
        self.advance();
        if self.word("extended") || self.word("partitions") {
        } else if self.word("format") {
            self.op("=");
            self.label()?;
        }
        let explained = ["select", "insert", "update", "delete", "replace", "with"];
        if explained.iter().any(|word| self.is_word(0, word)) || matches!(self.kind(), Kind::Sign("(")) {
            let inner = Box::new(self.mysql_statement()?);
            return Ok(Statement::Mysql(Box::new(Mysql::Explain(inner))));
        }
        let name = Some(self.path()?);
        let like = match self.kind() {
            Kind::String(_) => Some(self.string()?),
            Kind::Word { .. } => Some(self.name()?),
            _ => None,
        };
        Ok(Statement::Mysql(Box::new(Mysql::Show(Show {
            what: "columns",
            full: false,
            schema: None,
            name,
            like,
            filter: None,
        }))))
    }
}

fn listing(what: &'static str, full: bool) -> Statement {
    Statement::Mysql(Box::new(Mysql::Show(Show {
        what,
        full,
        schema: None,
        name: None,
        like: None,
        filter: None,
    })))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The query a listing is; none where it is made up otherwise. `schema` is the database at hand.
pub(super) fn query(show: &Show, schema: Option<&str>) -> Result<Option<String>, Error> {
    let within = || {
        show.schema
            .as_deref()
            .or(schema)
            .ok_or_else(|| super::error::refuse(1046, "No database selected"))
    };
    let table = || -> Result<(String, String), Error> {
        let path = show.name.clone().unwrap_or_default();
        let schema = path.schema.as_deref().or(schema);
        let schema = schema.ok_or_else(|| super::error::refuse(1046, "No database selected"))?;
        Ok((literal(schema), literal(&path.name)))
    };
    let list = match show.what {
        "databases" => Listing::of("SCHEMA_NAME AS `Database`", "SCHEMATA", "").like("SCHEMA_NAME"),
        "tables" => {
            let schema = within()?;
            let like = show.like.as_ref().map_or(String::new(), |like| format!(" ({like})"));
            let name = format!("Tables_in_{schema}{like}").replace('`', "``");
            let more = if show.full { ", TABLE_TYPE AS Table_type" } else { "" };
            Listing::of(
                &format!("TABLE_NAME AS `{name}`{more}"),
                "TABLES",
                &format!("TABLE_SCHEMA = {}", literal(schema)),
            )
            .like("TABLE_NAME")
        }
        "open tables" => Listing::of(
            "TABLE_SCHEMA AS `Database`, TABLE_NAME AS `Table`, 0 AS In_use, 0 AS Name_locked",
            "TABLES",
            "1=0",
        ),
        "table status" => {
            let schema = within()?;
            Listing::of(
                "TABLE_NAME AS Name, Engine, Version, Row_format, TABLE_ROWS AS `Rows`, Avg_row_length, Data_length, \
                 Max_data_length, Index_length, Data_free, Auto_increment, Create_time, Update_time, Check_time, \
                 TABLE_COLLATION AS Collation, Checksum, Create_options, TABLE_COMMENT AS Comment, Max_index_length, Temporary",
                "TABLES",
                &format!("TABLE_SCHEMA = {}", literal(schema)),
            )
            .like("TABLE_NAME")
        }
        "columns" => {
            let (schema, name) = table()?;
            let columns = if show.full {
                "COLUMN_NAME AS Field, COLUMN_TYPE AS Type, COLLATION_NAME AS Collation, IS_NULLABLE AS `Null`, \
                 COLUMN_KEY AS `Key`, COLUMN_DEFAULT AS `Default`, Extra, Privileges, COLUMN_COMMENT AS Comment"
            } else {
                "COLUMN_NAME AS Field, COLUMN_TYPE AS Type, IS_NULLABLE AS `Null`, COLUMN_KEY AS `Key`, \
                 COLUMN_DEFAULT AS `Default`, Extra"
            };
            Listing::of(
                columns,
                "COLUMNS",
                &format!("TABLE_SCHEMA = {schema} AND TABLE_NAME = {name}"),
            )
            .like("COLUMN_NAME")
        }
        "index" => {
            let (schema, name) = table()?;
            Listing::of(
                "TABLE_NAME AS `Table`, Non_unique, INDEX_NAME AS Key_name, Seq_in_index, Column_name, Collation, \
                 Cardinality, Sub_part, Packed, NULLABLE AS `Null`, Index_type, Comment, Index_comment, Ignored",
                "STATISTICS",
                &format!("TABLE_SCHEMA = {schema} AND TABLE_NAME = {name}"),
            )
            .like("INDEX_NAME")
        }
        "variables" => Listing::of(
            "lower(VARIABLE_NAME) AS Variable_name, VARIABLE_VALUE AS Value",
            "SESSION_VARIABLES",
            "",
        )
        .like("VARIABLE_NAME"),
        "status" => Listing::of(
            "VARIABLE_NAME AS Variable_name, VARIABLE_VALUE AS Value",
            "SESSION_STATUS",
            "",
        )
        .like("VARIABLE_NAME"),
        "processlist" => Listing::of(
            "ID AS Id, USER AS User, HOST AS Host, DB AS db, COMMAND AS Command, TIME AS Time, STATE AS State, INFO AS Info, \
             PROGRESS AS Progress",
            "PROCESSLIST",
            "",
        ),
        "engines" => Listing::of("Engine, Support, Comment, Transactions, XA, Savepoints", "ENGINES", ""),
        "charset" => Listing::of(
            "CHARACTER_SET_NAME AS Charset, DESCRIPTION AS Description, DEFAULT_COLLATE_NAME AS `Default collation`, \
             MAXLEN AS Maxlen",
            "CHARACTER_SETS",
            "",
        )
        .like("CHARACTER_SET_NAME"),
        "collation" => Listing::of(
            "COLLATION_NAME AS Collation, CHARACTER_SET_NAME AS Charset, ID AS Id, IS_DEFAULT AS `Default`, \
             IS_COMPILED AS Compiled, SORTLEN AS Sortlen",
            "COLLATIONS",
            "",
        )
        .like("COLLATION_NAME"),
        "plugins" => Listing::of(
            "PLUGIN_NAME AS Name, PLUGIN_STATUS AS Status, PLUGIN_TYPE AS Type, PLUGIN_LIBRARY AS Library, \
             PLUGIN_LICENSE AS License",
            "PLUGINS",
            "",
        ),
        "triggers" => Listing::of(
            "TRIGGER_NAME AS `Trigger`, EVENT_MANIPULATION AS Event, EVENT_OBJECT_TABLE AS `Table`, ACTION_STATEMENT AS Statement, \
             ACTION_TIMING AS Timing, Created, sql_mode, Definer, character_set_client, collation_connection, \
             DATABASE_COLLATION AS `Database Collation`",
            "TRIGGERS",
            &format!("TRIGGER_SCHEMA = {}", literal(within()?)),
        )
        .like("EVENT_OBJECT_TABLE"),
        "events" => Listing::of(
            "EVENT_SCHEMA AS Db, EVENT_NAME AS Name, Definer, TIME_ZONE AS `Time zone`, EVENT_TYPE AS Type, \
             EXECUTE_AT AS `Execute at`, INTERVAL_VALUE AS `Interval value`, INTERVAL_FIELD AS `Interval field`, Starts, Ends, \
             Status, Originator, character_set_client, collation_connection, DATABASE_COLLATION AS `Database Collation`",
            "EVENTS",
            &format!("EVENT_SCHEMA = {}", literal(within()?)),
        )
        .like("EVENT_NAME"),
        "procedure" | "function" | "package" => Listing::of(
            "ROUTINE_SCHEMA AS Db, ROUTINE_NAME AS Name, ROUTINE_TYPE AS Type, Definer, LAST_ALTERED AS Modified, Created, \
             Security_type, ROUTINE_COMMENT AS Comment, character_set_client, collation_connection, \
             DATABASE_COLLATION AS `Database Collation`",
            "ROUTINES",
            "",
        ),
        _ => return Ok(None),
    };
    Ok(Some(list.text(show)))
}

/// A listing as a query over the information schema.
struct Listing {
    columns: String,
    table: &'static str,
    filter: String,
    named: &'static str,
}

// === impl Listing ===

impl Listing {
    fn of(columns: &str, table: &'static str, filter: &str) -> Self {
        Self {
            columns: columns.to_owned(),
            table,
            filter: filter.to_owned(),
            named: "",
        }
    }

    /// The column LIKE is about.
    fn like(mut self, column: &'static str) -> Self {
        self.named = column;
        self
    }

    fn text(self, show: &Show) -> String {
        let mut filter = self.filter;
        if let Some(like) = show.like.as_ref().filter(|_| !self.named.is_empty()) {
            let and = if filter.is_empty() { "" } else { " AND " };
            filter = format!("{filter}{and}{} LIKE {}", self.named, literal(like));
        }
        if !filter.is_empty() {
            filter = format!(" WHERE {filter}");
        }
        let query = format!("SELECT {} FROM information_schema.{}{filter}", self.columns, self.table);
        match &show.filter {
            Some(condition) => format!("SELECT * FROM ({query}) AS listed WHERE {condition}"),
            None => query,
        }
    }
}

/// The table a listing is about must exist.
pub(super) fn about(show: &Show) -> Option<&Path> {
    show.name
        .as_ref()
        .filter(|_| matches!(show.what, "columns" | "index" | "create table" | "create view"))
}
