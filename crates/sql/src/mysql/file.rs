//! Rows written to files of the machine, and read from files of the machine and of clients.

use super::error::refuse;
use super::grants;
use super::statement::done;
use crate::ast::{Lines, Path, Query, Source};
use crate::bind::Binder;
use crate::change;
use crate::cx::{Act, FileError};
use crate::error::Error;
use crate::exec;
use crate::session::Answer;
use crate::types::Type;

/// Rows into a file of the machine, which must not be there yet.
pub(super) fn written(
    binder: &Binder<'_, '_>,
    query: &Query,
    path: &str,
    dump: bool,
    lines: &Lines,
) -> Result<Answer, Error> {
    let cx = binder.cx;
    let plan = binder.query(query, None)?;
    let rows = exec::rows(cx, &plan, None)?;
    if dump && rows.len() > 1 {
        return Err(refuse(1172, "Result consisted of more than one row"));
    }
    let mut bytes = Vec::new();
    for row in &rows {
        let cells = row.iter().map(|value| super::output::text(Type::TEXT, value));
        if dump {
            cells.for_each(|cell| bytes.extend(cell.unwrap_or_default()));
            continue;
        }
        for (at, cell) in cells.enumerate() {
            if at > 0 {
                bytes.extend(lines.field.bytes());
            }
            match cell {
                None => bytes.extend(b"\\N"),
                Some(cell) => {
                    bytes.extend(lines.enclosed.bytes());
                    escaped(&cell, lines, &mut bytes);
                    bytes.extend(lines.enclosed.bytes());
                }
            }
        }
        bytes.extend(lines.line.bytes());
    }
    cx.hold(bytes.len())?;
    if !cx.is_superuser() {
        return Err(refuse(
            1045,
            format!(
                "Access denied for user '{}'@'%' (using password: YES)",
                grants::user(cx)
            ),
        ));
    }
    let whole = crate::function::absolute(cx, path);
    let outcome = match cx.host.read(&whole) {
        Err(FileError::Missing) => cx.host.write(&whole, &bytes),
        Err(error) => Err(error),
        Ok(_) => Err(FileError::IsFolder),
    };
    let there = outcome == Err(FileError::IsFolder);
    let error = match outcome {
        Ok(()) => None,
        Err(_) if there => Some(refuse(1086, format!("File '{path}' already exists"))),
        Err(FileError::Denied) => Some(refuse(
            1,
            format!("Can't create/write to file '{path}' (Errcode: 13 \"Permission denied\")"),
        )),
        Err(_) => Some(refuse(
            1,
            format!("Can't create/write to file '{path}' (Errcode: 2 \"No such file or directory\")"),
        )),
    };
    cx.act(Act::FileWrite {
        path: whole,
        bytes,
        error: error.as_ref().map(|error| error.message.clone()),
    });
    match error {
        Some(error) => Err(error),
        None => done(rows.len()),
    }
}

fn escaped(cell: &[u8], lines: &Lines, out: &mut Vec<u8>) {
    let escape = lines.escaped.bytes().next();
    let special = |byte: u8| {
        Some(byte) == escape
            || lines.field.bytes().next() == Some(byte)
            || lines.line.bytes().next() == Some(byte)
            || lines.enclosed.bytes().next() == Some(byte)
    };
    for byte in cell {
        if let Some(escape) = escape.filter(|_| special(*byte) || *byte == 0) {
            out.push(escape);
            out.push(if *byte == 0 { b'0' } else { *byte });
        } else {
            out.push(*byte);
        }
    }
}

pub(super) fn load(
    binder: &Binder<'_, '_>,
    path: &str,
    local: bool,
    (into, columns): (&Path, &[String]),
    lines: &Lines,
) -> Result<Answer, Error> {
    let cx = binder.cx;
    change::table_of(binder, into)?;
    if local {
        return Ok(Answer::Local { path: path.to_owned() });
    }
    let whole = crate::function::absolute(cx, path);
    let found = if cx.is_superuser() {
        cx.host.read(&whole)
    } else {
        Err(FileError::Denied)
    };
    cx.act(Act::FileRead {
        path: whole,
        found: found.is_ok(),
    });
    match found {
        Ok(bytes) => loaded(binder, &bytes, (into, columns), lines),
        Err(FileError::Denied) => Err(refuse(
            13,
            format!("Can't get stat of '{path}' (Errcode: 13 \"Permission denied\")"),
        )),
        Err(_) => Err(refuse(
            13,
            format!("Can't get stat of '{path}' (Errcode: 2 \"No such file or directory\")"),
        )),
    }
}

/// Lines of a file as rows of a table.
pub(super) fn loaded(
    binder: &Binder<'_, '_>,
    bytes: &[u8],
    (into, columns): (&Path, &[String]),
    lines: &Lines,
) -> Result<Answer, Error> {
    let relation = change::table_of(binder, into)?;
    let whole = String::from_utf8_lossy(bytes);
    let places = change::places(&relation, columns)?;
    let all = relation.table().map_or(&[][..], |table| &table.columns);
    let names: Vec<String> = places
        .iter()
        .filter_map(|at| all.get(*at))
        .map(|column| column.name.clone())
        .collect();
    let end = if lines.line.is_empty() { "\n" } else { &lines.line };
    let field = if lines.field.is_empty() { "\t" } else { &lines.field };
    let mut rows = Vec::new();
    for line in whole.split(end).skip(lines.ignore).filter(|line| !line.is_empty()) {
        let mut row: Vec<crate::ast::Expr> = line
            .split(field)
            .take(names.len())
            .map(|cell| {
                let cell = cell.trim_matches(|c| lines.enclosed.starts_with(c));
                if cell == "\\N" {
                    crate::ast::Expr::Null
                } else {
                    crate::ast::Expr::String(cell.to_owned())
                }
            })
            .collect();
        row.resize(names.len(), crate::ast::Expr::Default);
        rows.push(row);
    }
    let count = rows.len();
    if count > 0 {
        let source = Source::Query(Box::new(Query {
            with: Vec::new(),
            body: crate::ast::Body::Values(rows),
            order: Vec::new(),
            limit: None,
            offset: None,
        }));
        let insert = change::insert::Insert {
            table: into,
            columns: &names,
            source: &source,
            ignore: true,
            returning: &[],
        };
        change::insert::insert(binder, &insert)?;
    }
    done(count)
}
