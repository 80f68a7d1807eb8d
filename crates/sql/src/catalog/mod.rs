//! The product's own tables and views, made up from what there is.

mod activity;
mod described;
mod information;
pub(crate) mod names;
mod objects;
pub(crate) mod settings;

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::cx::Cx;
use crate::error::Error;
use crate::store::{Column, Kind, Row};
use crate::types::Type;
use crate::value::Value;

static MYSQL: &str = include_str!("../../../../templates/services/mysql/relations.tsv");
static RELATIONS: &str = include_str!("../../../../templates/services/postgres/relations.tsv");

/// A table or view of the product's own.
pub(crate) struct Listed {
    pub(crate) schema: &'static str,
    pub(crate) name: &'static str,
    pub(crate) oid: u32,
    pub(crate) row_type: u32,
    pub(crate) kind: &'static str,
    pub(crate) columns: Vec<(&'static str, Type)>,
    /// Types as MySQL declares them; none elsewhere.
    pub(crate) declared: Vec<&'static str>,
    /// Columns that are never NULL.
    required: Vec<bool>,
}

/// Rows of a listed relation: columns that are not named have what stands for nothing.
pub(crate) struct Rows<'a> {
    pub(crate) listed: &'a Listed,
    places: HashMap<&'static str, usize>,
    rows: Vec<Row>,
}

/// Tables only superusers may read.
const SECRET: &[&str] = &[
    "pg_authid",
    "pg_shadow",
    "pg_largeobject",
    "pg_statistic",
    "pg_user_mapping",
    "pg_subscription",
];

pub(crate) fn all() -> &'static [Listed] {
    static ALL: OnceLock<Vec<Listed>> = OnceLock::new();
    ALL.get_or_init(|| RELATIONS.lines().filter_map(parse).collect())
}

/// Those of MySQL.
pub(crate) fn of_mysql() -> &'static [Listed] {
    static ALL: OnceLock<Vec<Listed>> = OnceLock::new();
    ALL.get_or_init(|| {
        let read = MYSQL.lines().filter_map(parse).map(|mut listed| {
            let declared = MYSQL.lines().find_map(|line| {
                let mut fields = line.split('\t');
                let found = fields.next() == Some(listed.schema) && fields.next() == Some(listed.name);
                found.then(|| fields.nth(3)).flatten()
            });
            listed.declared = declared
                .into_iter()
                .flat_map(|columns| columns.split('|'))
                .filter_map(|column| Some(column.split_once(':')?.1.trim_end_matches('!')))
                .collect();
            for ((_, ty), declared) in listed.columns.iter_mut().zip(&listed.declared) {
                *ty = crate::mysql::catalog::type_of(declared);
            }
            listed
        });
        read.collect()
    })
}

fn parse(line: &'static str) -> Option<Listed> {
    let mut fields = line.split('\t');
    let (schema, name) = (fields.next()?, fields.next()?);
    let (oid, row_type) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let kind = fields.next()?;
    let (mut columns, mut required) = (Vec::new(), Vec::new());
    for column in fields.next()?.split('|') {
        let (name, ty) = column.split_once(':')?;
        required.push(ty.ends_with('!'));
        columns.push((name, told(ty.trim_end_matches('!'))));
    }
    Some(Listed {
        schema,
        name,
        oid,
        row_type,
        kind,
        columns,
        declared: Vec::new(),
        required,
    })
}

/// Types of the information schema are domains over these.
fn told(name: &str) -> Type {
    match name.strip_prefix("information_schema.") {
        Some("cardinal_number") => Type::INT4,
        Some("sql_identifier") => Type::NAME,
        Some("time_stamp") => Type::TIMESTAMPTZ,
        Some(_) => Type::VARCHAR,
        None => Type::told(name).unwrap_or(Type::TEXT),
    }
}

/// The relation of that name, in `pg_catalog` unless the schema is named.
pub(crate) fn listed(cx: &Cx<'_>, schema: Option<&str>, name: &str) -> Option<&'static Listed> {
    if cx.state.persona.dialect.is_mysql() {
        let current = cx.state.schema.borrow();
        let schema = schema.or(current.as_deref())?;
        return of_mysql()
            .iter()
            .find(|listed| listed.name.eq_ignore_ascii_case(name) && listed.schema.eq_ignore_ascii_case(schema));
    }
    let path = || {
        cx.setting("search_path")
            .unwrap_or_default()
            .contains("information_schema")
    };
    all().iter().find(|listed| {
        listed.name == name
            && match schema {
                Some(schema) => schema == listed.schema,
                None => listed.schema == "pg_catalog" || path(),
            }
    })
}

pub(crate) fn rows(cx: &Cx<'_>, listed: &'static Listed) -> Result<Vec<Row>, Error> {
    if (SECRET.contains(&listed.name) || listed.schema == "mysql") && !cx.is_superuser() {
        let kind = if listed.kind == "v" { "view" } else { "table" };
        return Err(Error::new(
            "42501",
            format!("permission denied for {kind} {}", listed.name),
        ));
    }
    let places = listed.columns.iter().enumerate().map(|(at, (name, _))| (*name, at));
    let mut rows = Rows {
        listed,
        places: places.collect(),
        rows: Vec::new(),
    };
    match listed.schema {
        _ if cx.state.persona.dialect.is_mysql() => crate::mysql::catalog::fill(cx, &mut rows),
        "information_schema" => _ = information::fill(cx, &mut rows),
        _ => _ = described::fill(cx, &mut rows) || objects::fill(cx, &mut rows) || activity::fill(cx, &mut rows),
    }
    cx.step(rows.rows.len() as u64)?;
    cx.hold(rows.rows.len() * listed.columns.len() * size_of::<Value>())?;
    Ok(rows.rows)
}

/// Rows of a client's table or sequence, the number of the relation behind them.
pub(crate) fn table_rows(cx: &Cx<'_>, oid: u32) -> Result<Vec<Row>, Error> {
    let relation = cx
        .with_database(|database| database.relations.get(&oid).cloned())
        .flatten();
    let Some(relation) = relation else {
        return Err(Error::new("XX000", format!("could not open relation with OID {oid}")));
    };
    let with_oid = |row: &[Value]| -> Row { row.iter().cloned().chain([oid.into()]).collect() };
    Ok(match &relation.kind {
        Kind::Table(table) => {
            cx.hold(table.rows.len() * (table.columns.len() + 2) * size_of::<Value>())?;
            table.rows.iter().map(|row| with_oid(row)).collect()
        }
        Kind::Sequence(sequence) => vec![with_oid(&[
            Value::Int(sequence.last),
            Value::Int(if sequence.called { 32 } else { 0 }),
            sequence.called.into(),
        ])],
        _ => Vec::new(),
    })
}

pub(crate) fn sequence_columns() -> Vec<Column> {
    let one = |name: &str, ty| Column {
        name: name.into(),
        ty,
        modifier: -1,
        not_null: true,
        default: None,
        declared: String::new(),
    };
    vec![
        one("last_value", Type::INT8),
        one("log_cnt", Type::INT8),
        one("is_called", Type::BOOL),
    ]
}

/// Extensions that come with the server: name, version, what it is.
pub(crate) fn extensions() -> &'static [(&'static str, &'static str, &'static str)] {
    described::EXTENSIONS
}

/// What the product says of objects of its own.
pub(crate) fn description(oid: u32, catalogue: &str) -> Option<&'static str> {
    described::DESCRIPTIONS
        .iter()
        .find(|(one, class, _)| *one == oid && (catalogue.is_empty() || *class == catalogue))
        .map(|(_, _, text)| *text)
}

// === impl Rows ===

impl Listed {
    /// Whether a column is never NULL.
    pub(crate) fn is_required(&self, at: usize) -> bool {
        self.required.get(at) == Some(&true)
    }
}

impl Rows<'_> {
    /// As [`Self::add`], with `value` in every column whose name is `flagged`.
    pub(crate) fn add_flagged(
        &mut self,
        values: impl IntoIterator<Item = (&'static str, Value)>,
        flagged: fn(&str) -> bool,
        value: Value,
    ) {
        let names = self.listed.columns.iter().map(|(name, _)| *name);
        let flags: Vec<_> = names
            .filter(|name| flagged(name))
            .map(|name| (name, value.clone()))
            .collect();
        self.add(flags.into_iter().chain(values));
    }

    pub(crate) fn add(&mut self, values: impl IntoIterator<Item = (&'static str, Value)>) {
        let empty = self
            .listed
            .columns
            .iter()
            .zip(&self.listed.required)
            .map(|((_, ty), required)| match *ty {
                _ if !required => Value::Null,
                Type::BOOL => Value::Bool(false),
                Type::TIMESTAMP => Value::Null,
                ty if ty.is_text() => "".into(),
                ty if ty.element().is_some() => Value::Array([].into()),
                Type::FLOAT4 | Type::FLOAT8 => Value::Float(0.0),
                _ => Value::Int(0),
            });
        let mut row: Vec<Value> = empty.collect();
        for (name, value) in values {
            if let Some(at) = self.places.get(name) {
                row[*at] = value;
            }
        }
        row.push(self.listed.oid.into());
        self.rows.push(row.into());
    }
}
