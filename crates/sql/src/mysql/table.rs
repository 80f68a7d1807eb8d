//! Tables as MySQL writes them down.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::rc::Rc;

use crate::ast::Path;
use crate::cx::Cx;
use crate::error::Error;
use crate::store::{Column, Database, DefaultValue, Kind, Relation, Row, Rule, Table};
use crate::types::Type;
use crate::value::Value;

/// A key: its name, its columns, and whether it allows each value once.
pub(super) struct Key {
    pub(super) name: String,
    pub(super) columns: Vec<usize>,
    pub(super) unique: bool,
}

/// Keys of a table, the primary first.
pub(super) fn keys(table: &Table) -> Vec<Key> {
    let mut keys = Vec::new();
    for constraint in &table.constraints {
        if let Rule::Unique { columns, primary, .. } = &constraint.rule {
            let name = if *primary {
                "PRIMARY".to_owned()
            } else {
                constraint.name.clone()
            };
            let key = Key {
                name,
                columns: columns.clone(),
                unique: true,
            };
            if *primary {
                keys.insert(0, key);
            } else {
                keys.push(key);
            }
        }
    }
    keys
}

/// `PRI`, `UNI`, `MUL` or nothing.
pub(super) fn key_of(keys: &[Key], place: usize) -> &'static str {
    let mut found = "";
    for key in keys.iter().filter(|key| key.columns.contains(&place)) {
        let word = match key.name.as_str() {
            "PRIMARY" => return "PRI",
            _ if key.unique && key.columns.len() == 1 => "UNI",
            _ if key.columns.first() == Some(&place) => "MUL",
            _ => continue,
        };
        if found != "UNI" {
            found = word;
        }
    }
    found
}

/// Keys of a relation, those that are only there to find rows with them.
pub(super) fn all_keys(database: &Database, relation: &Relation) -> Vec<Key> {
    let Some(table) = relation.table() else {
        return Vec::new();
    };
    let mut all = keys(table);
    for other in database.relations.values() {
        if let Kind::Index(index) = &other.kind
            && index.table == relation.oid
            && !index.unique
        {
            all.push(Key {
                name: other.name.clone(),
                columns: index.columns.clone(),
                unique: false,
            });
        }
    }
    all
}

pub(super) fn is_auto(column: &Column) -> bool {
    matches!(&column.default, Some(default) if matches!(default.value, DefaultValue::Serial(_)))
}

/// The type as it was declared, or as one would have declared it.
pub(super) fn declared(column: &Column) -> String {
    if !column.declared.is_empty() {
        return column.declared.clone();
    }
    match column.ty {
        Type::BOOL => "tinyint(1)".into(),
        Type::INT2 => "smallint(6)".into(),
        Type::INT4 => "int(11)".into(),
        Type::INT8 => "bigint(20)".into(),
        Type::FLOAT4 => "float".into(),
        Type::FLOAT8 => "double".into(),
        Type::NUMERIC if column.modifier >= 4 => {
            let bits = column.modifier - 4;
            format!("decimal({},{})", bits >> 16 & 0xffff, bits & 0xffff)
        }
        Type::NUMERIC => "decimal(65,4)".into(),
        Type::VARCHAR if column.modifier >= 4 => format!("varchar({})", column.modifier - 4),
        Type::BYTEA => "longblob".into(),
        Type::DATE => "date".into(),
        Type::TIME => "time".into(),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => "datetime".into(),
        _ => "longtext".into(),
    }
}

/// The default as it is shown; none where there is none or it counts up.
pub(super) fn default(column: &Column) -> Option<String> {
    use crate::ast::Expr;
    match &column.default.as_ref()?.value {
        DefaultValue::Serial(_) => None,
        DefaultValue::Expr(expr) => Some(match &**expr {
            Expr::Null => "NULL".into(),
            Expr::Bool(b) => u8::from(*b).to_string(),
            Expr::Number(text) => text.clone(),
            Expr::String(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
            Expr::Call(call) if matches!(call.name.as_str(), "now" | "current_timestamp" | "localtimestamp") => {
                "current_timestamp()".into()
            }
            Expr::Call(call) => format!("{}()", call.name),
            _ => "NULL".into(),
        }),
    }
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn list(table: &Table, places: &[usize]) -> String {
    let names = places.iter().filter_map(|at| table.columns.get(*at));
    names.map(|column| quoted(&column.name)).collect::<Vec<_>>().join(",")
}

/// `SHOW CREATE TABLE`: the statement that makes it; none when it is no table.
pub(super) fn create(cx: &Cx<'_>, relation: &Relation) -> Option<String> {
    let table = relation.table()?;
    let mut lines = Vec::new();
    for column in &table.columns {
        let mut line = format!("  {} {}", quoted(&column.name), declared(column));
        if column.not_null {
            line.push_str(" NOT NULL");
        } else if column.declared.starts_with("timestamp") {
            line.push_str(" NULL");
        }
        let large = ["text", "blob"].iter().any(|word| declared(column).contains(word));
        match default(column) {
            Some(value) => _ = write!(line, " DEFAULT {value}"),
            None if is_auto(column) => line.push_str(" AUTO_INCREMENT"),
            None if !(column.not_null || large && column.declared.is_empty()) => line.push_str(" DEFAULT NULL"),
            None => {}
        }
        lines.push(line);
    }
    let database = |look: &dyn Fn(&Database) -> Vec<String>| cx.with_database(look).unwrap_or_default();
    lines.extend(database(&|database| {
        let keys = all_keys(database, relation);
        keys.iter()
            .map(|key| {
                let columns = list(table, &key.columns);
                match (key.name.as_str(), key.unique) {
                    ("PRIMARY", _) => format!("  PRIMARY KEY ({columns})"),
                    (name, true) => format!("  UNIQUE KEY {} ({columns})", quoted(name)),
                    (name, false) => format!("  KEY {} ({columns})", quoted(name)),
                }
            })
            .collect()
    }));
    lines.extend(database(&|database| foreign(database, table)));
    let next = next_number(cx, table).filter(|next| *next > 1);
    let counter = next.map_or(String::new(), |next| format!(" AUTO_INCREMENT={next}"));
    let collation = if cx.state.persona.dialect.is_mariadb() {
        "utf8mb4_general_ci"
    } else {
        "utf8mb4_0900_ai_ci"
    };
    Some(format!(
        "CREATE TABLE {} (\n{}\n) ENGINE=InnoDB{counter} DEFAULT CHARSET=utf8mb4 COLLATE={collation}",
        quoted(&relation.name),
        lines.join(",\n")
    ))
}

fn foreign(database: &Database, table: &Table) -> Vec<String> {
    let action = |letter: char| match letter {
        'c' => " CASCADE",
        'n' => " SET NULL",
        _ => "",
    };
    let rules = table
        .constraints
        .iter()
        .filter_map(|constraint| match &constraint.rule {
            Rule::Foreign {
                columns,
                table: other,
                others,
                on_delete,
                on_update,
                ..
            } => {
                let other = database.relations.get(other)?;
                let mut line = format!(
                    "  CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({})",
                    quoted(&constraint.name),
                    list(table, columns),
                    quoted(&other.name),
                    list(other.table()?, others)
                );
                for (word, letter) in [(" ON DELETE", on_delete), (" ON UPDATE", on_update)] {
                    if !action(*letter).is_empty() {
                        line.push_str(word);
                        line.push_str(action(*letter));
                    }
                }
                Some(line)
            }
            _ => None,
        });
    rules.collect()
}

/// What the next row's number would be.
pub(super) fn next_number(cx: &Cx<'_>, table: &Table) -> Option<i64> {
    let sequence = table.columns.iter().find_map(|column| match &column.default {
        Some(crate::store::Default {
            value: DefaultValue::Serial(sequence),
            ..
        }) => Some(*sequence),
        _ => None,
    })?;
    cx.with_database(|database| match &database.relations.get(&sequence)?.kind {
        Kind::Sequence(sequence) => Some(sequence.last + i64::from(sequence.called)),
        _ => None,
    })?
}

/// The relation a listing is about.
pub(super) fn find(cx: &Cx<'_>, path: &Path) -> Option<std::rc::Rc<Relation>> {
    cx.relation(path.schema.as_deref(), &path.name)
}

/// Refuses to leave out what has no default.
pub(crate) fn defaulted(column: &Column) -> Result<(), Error> {
    if column.not_null && column.default.is_none() {
        let message = format!("Field '{}' doesn't have a default value", column.name);
        return Err(super::error::refuse(1364, message));
    }
    Ok(())
}

/// A value given for a column that counts up: NULL and zero are the next number, and a greater one is gone on from.
pub(crate) fn counted(cx: &Cx<'_>, column: &Column, value: Value) -> Result<Value, Error> {
    let Some(DefaultValue::Serial(sequence)) = column.default.as_ref().map(|default| &default.value) else {
        return Ok(value);
    };
    match value {
        Value::Null | Value::Int(0) => crate::function::next_of(cx, *sequence),
        Value::Int(given) => {
            let mut cluster = cx.cluster.borrow_mut();
            let database = cluster.by_oid_mut(cx.state.database);
            if let Some(sequence) = database.and_then(|database| database.sequence_mut(*sequence))
                && given >= sequence.last
            {
                (sequence.last, sequence.called) = (given, true);
            }
            Ok(Value::Int(given))
        }
        value => Ok(value),
    }
}

/// Puts rows in the order of their primary key, where there is one, as InnoDB keeps them; those before that place are.
pub(crate) fn clustered(table: &mut Table, before: usize) {
    let primary = table.constraints.iter().find_map(|constraint| match &constraint.rule {
        Rule::Unique {
            columns, primary: true, ..
        } => Some(columns.clone()),
        _ => None,
    });
    let Some(columns) = primary else { return };
    let by = |a: &Row, b: &Row| {
        let mut orders = columns.iter().map(|at| a[*at].order(&b[*at]));
        orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    };
    if !table.rows[before.saturating_sub(1)..].is_sorted_by(|a, b| by(a, b).is_le()) {
        Rc::make_mut(&mut table.rows).sort_by(by);
    }
}

/// What a key or a reference is called that nobody named; none of one that has no name.
pub(crate) fn name_for(relation: &Relation, columns: &[String], end: &str) -> Option<String> {
    let mut names: Box<dyn Iterator<Item = String> + '_> = match end {
        "key" => {
            let first = columns.first()?.clone();
            Box::new(std::iter::once(first.clone()).chain((2..).map(move |n| format!("{first}_{n}"))))
        }
        "fkey" => Box::new((1..).map(|n| format!("{}_ibfk_{n}", relation.name))),
        _ => return None,
    };
    let taken = |name: &str| {
        let all = relation.table().map_or(&[][..], |table| &table.constraints);
        all.iter().any(|constraint| constraint.name.eq_ignore_ascii_case(name))
    };
    names.find(|name| !taken(name))
}
