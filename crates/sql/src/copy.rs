//! COPY, both ways.

use crate::ast::{CopyOptions, CopyTarget, Expr, From, Item, Path, Query, Select, Statement};
use crate::bind::Binder;
use crate::change;
use crate::cx::Cx;
use crate::error::Error;
use crate::eval::{Env, eval};
use crate::exec;
use crate::function;
use crate::plan::Column;
use crate::session::Answer;
use crate::store::Row;
use crate::text;
use crate::value::Value;

/// A COPY that waits for its lines, or for the program that takes them.
#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) name: String,
    path: Path,
    columns: Vec<String>,
    options: CopyOptions,
    /// From outside into the table.
    pub(crate) into: bool,
    pub(crate) program: String,
    pub(crate) lines: usize,
}

const READ_HINT: &str = "COPY FROM instructs the PostgreSQL server process to read a file. You may want a client-side facility such as psql's \\copy.";
const WRITE_HINT: &str = "COPY TO instructs the PostgreSQL server process to write a file. You may want a client-side facility such as psql's \\copy.";

fn not_allowed(what: &str) -> Error {
    Error::new(
        "42501",
        format!("must be superuser or have privileges of the {what} role to COPY"),
    )
    .hint("Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone.")
    .raised("copy.c", 94, "DoCopy")
}

pub(crate) fn begin(binder: &Binder<'_, '_>, statement: &Statement) -> Result<(Answer, Option<Copy>), Error> {
    let Statement::Copy {
        table,
        query,
        columns,
        from,
        target,
        options,
    } = statement
    else {
        return Err(Error::new("XX000", "not a COPY"));
    };
    let cx = binder.cx;
    match target {
        CopyTarget::Program(command) => {
            cx.exec("copy_program", command.as_str());
            if !cx.is_superuser() {
                return Err(not_allowed("pg_execute_server_program"));
            }
        }
        CopyTarget::File(path) => {
            cx.exec(if *from { "copy_from_file" } else { "copy_to_file" }, path.as_str());
            if !cx.is_superuser() {
                return Err(not_allowed(if *from {
                    "pg_read_server_files"
                } else {
                    "pg_write_server_files"
                }));
            }
            if !*from && !path.starts_with('/') {
                return Err(
                    Error::new("42602", "relative path not allowed for COPY to file").raised(
                        "copyto.c",
                        640,
                        "BeginCopyTo",
                    ),
                );
            }
        }
        CopyTarget::Std => {}
    }
    let mut copy = Copy {
        name: table.as_ref().map_or(String::new(), |path| path.name.clone()),
        path: table.clone().unwrap_or_default(),
        columns: columns.clone(),
        options: options.clone(),
        into: *from,
        program: String::new(),
        lines: 0,
    };
    if *from {
        let relation = change::table_of(binder, &copy.path).map_err(Error::unplaced)?;
        let places = change::places(&relation, columns)?;
        return Ok(match target {
            CopyTarget::Std => (Answer::CopyIn { columns: places.len() }, Some(copy)),
            CopyTarget::Program(command) => {
                copy.program.clone_from(command);
                let answer = Answer::Program {
                    command: command.clone(),
                    input: None,
                };
                (answer, Some(copy))
            }
            CopyTarget::File(path) => {
                let found = cx.host.read(path);
                cx.act(crate::cx::Act::FileRead {
                    path: path.clone(),
                    found: found.is_ok(),
                });
                let bytes = found.map_err(|error| {
                    function::file_error(error, "could not open file \"{}\" for reading", path).hint(READ_HINT)
                })?;
                (Answer::Done(put(cx, &copy, &bytes)?), None)
            }
        });
    }
    let whole;
    let query = match (query, table) {
        (Some(query), _) => query.as_ref(),
        (None, Some(path)) => {
            whole = selected(binder, path, columns)?;
            &whole
        }
        (None, None) => return Err(Error::syntax("syntax error at or near \"TO\"")),
    };
    let plan = binder.query(query, None)?;
    let rows = exec::rows(cx, &plan, None)?;
    let lines = written(cx, &plan.columns, &rows, options);
    let tag = format!("COPY {}", rows.len());
    Ok(match target {
        CopyTarget::Std => (
            Answer::CopyOut {
                columns: plan.columns.len(),
                lines,
                tag,
                binary: options.binary,
            },
            None,
        ),
        CopyTarget::Program(command) => {
            copy.program.clone_from(command);
            copy.lines = rows.len();
            let answer = Answer::Program {
                command: command.clone(),
                input: Some(lines.concat()),
            };
            (answer, Some(copy))
        }
        CopyTarget::File(path) => {
            function::write_file(cx, path, lines.concat(), "could not open file \"{}\" for writing")
                .map_err(|error| error.hint(WRITE_HINT))?;
            (Answer::Done(tag), None)
        }
    })
}

/// The query that gives a table's rows.
fn selected(binder: &Binder<'_, '_>, path: &Path, columns: &[String]) -> Result<Query, Error> {
    let items = if columns.is_empty() {
        vec![Item::Star(None, path.at)]
    } else {
        let named = columns
            .iter()
            .map(|name| Item::Expr(Expr::Column(vec![name.clone()], path.at), None));
        named.collect()
    };
    let relation = binder.cx.relation(path.schema.as_deref(), &path.name);
    if relation.as_ref().is_some_and(|relation| relation.word() == "view") {
        return Err(Error::new("42809", format!("cannot copy from view \"{}\"", path.name))
            .hint("Try the COPY (SELECT ...) TO variant.")
            .raised("copyto.c", 373, "BeginCopyTo"));
    }
    Ok(Query {
        with: Vec::new(),
        body: crate::ast::Body::Select(Box::new(Select {
            items,
            from: vec![From::Table(path.clone(), Default::default())],
            ..Select::default()
        })),
        order: Vec::new(),
        limit: None,
        offset: None,
    })
}

fn written(cx: &Cx<'_>, columns: &[Column], rows: &[Row], options: &CopyOptions) -> Vec<Vec<u8>> {
    let between = options.delimiter.unwrap_or(if options.csv { ',' } else { '\t' });
    let null = options
        .null
        .clone()
        .unwrap_or_else(|| if options.csv { String::new() } else { "\\N".into() });
    let line = |cells: Vec<String>| {
        let mut line = cells.join(&between.to_string()).into_bytes();
        line.push(b'\n');
        line
    };
    let header =
        (options.csv && options.header).then(|| line(columns.iter().map(|column| column.name.clone()).collect()));
    let body = rows.iter().map(|row| {
        let cells = columns.iter().zip(row.iter()).map(|(column, value)| match value {
            Value::Null => null.clone(),
            value => {
                let shown = text::output(column.ty, value, cx);
                if options.csv {
                    quoted(&shown, between, &null)
                } else {
                    escaped(&shown, between)
                }
            }
        });
        line(cells.collect())
    });
    header.into_iter().chain(body).collect()
}

fn quoted(text: &str, between: char, null: &str) -> String {
    if text == null || text.contains([between, '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

fn escaped(text: &str, between: char) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' if between == '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0b' => out.push_str("\\v"),
            '\x0c' => out.push_str("\\f"),
            c if c == between => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Puts lines into the table; returns the tag.
pub(crate) fn put(cx: &Cx<'_>, copy: &Copy, data: &[u8]) -> Result<String, Error> {
    let binder = Binder::new(cx, "", Vec::new());
    let relation = change::table_of(&binder, &copy.path)?;
    let places = change::places(&relation, &copy.columns)?;
    let columns = relation.table().map_or(&[][..], |table| &table.columns);
    let text = std::str::from_utf8(data).map_err(|error| {
        let bad = data[error.valid_up_to()];
        let error = Error::new(
            "22021",
            format!("invalid byte sequence for encoding \"UTF8\": 0x{bad:02x}"),
        );
        within(
            error.raised("mbutils.c", 1798, "report_invalid_encoding_int"),
            copy,
            1,
            None,
        )
    })?;
    let mut rows: Vec<Row> = Vec::new();
    for (n, line) in split(text, &copy.options) {
        cx.step(1)?;
        cx.hold(line.len() * 2 + 64)?;
        let short = |what: &str, raised: u32| {
            let error = Error::new("22P04", what.to_owned()).raised("copyfromparse.c", raised, "NextCopyFrom");
            within(error, copy, n, Some(&shown_line(&line)))
        };
        if line.len() > places.len() {
            return Err(short("extra data after last expected column", 878));
        }
        if let Some(at) = places.get(line.len()) {
            return Err(short(
                &format!("missing data for column \"{}\"", columns[*at].name),
                895,
            ));
        }
        let mut row = vec![Value::Null; columns.len()];
        for (at, column) in columns.iter().enumerate() {
            row[at] = match places.iter().position(|place| *place == at) {
                None => eval(cx, &change::default_of(&binder, column)?, &Env { row: &[], up: None })?,
                Some(given) => match &line[given] {
                    None => Value::Null,
                    Some(cell) => {
                        let failed = |error| {
                            let mut error = within(error, copy, n, None);
                            error.context = error
                                .context
                                .take()
                                .map(|context| format!("{context}, column {}: \"{cell}\"", column.name));
                            error
                        };
                        let value = text::input(column.ty, cell, cx).map_err(failed)?;
                        crate::cast::cast(cx, value, column.ty, column.ty, column.modifier, false).map_err(failed)?
                    }
                },
            };
        }
        rows.push(row.into());
    }
    let added = change::insert::add(&binder, &relation, rows, false)?;
    Ok(format!("COPY {}", added.len()))
}

fn shown_line(line: &[Option<String>]) -> String {
    let cells: Vec<&str> = line.iter().map(|cell| cell.as_deref().unwrap_or("\\N")).collect();
    cells.join("\t")
}

fn within(mut error: Error, copy: &Copy, line: usize, shown: Option<&str>) -> Error {
    let shown = shown.map_or(String::new(), |shown| format!(": \"{shown}\""));
    error.context = Some(format!("COPY {}, line {line}{shown}", copy.name));
    error
}

type Cells = Vec<Option<String>>;

/// Lines, counted from one, in cells.
fn split(text: &str, options: &CopyOptions) -> Vec<(usize, Cells)> {
    if options.csv {
        return split_csv(text, options);
    }
    let between = options.delimiter.unwrap_or('\t');
    let null = options.null.as_deref().unwrap_or("\\N");
    let lines = text
        .split_inclusive('\n')
        .map(|line| line.trim_end_matches('\n').trim_end_matches('\r'));
    let lines = lines.take_while(|line| *line != "\\.").enumerate();
    let body = lines.skip(usize::from(options.header));
    let cells = body.map(|(n, line)| {
        let (mut cells, mut cell, mut chars) = (Vec::new(), String::new(), line.chars());
        let mut raw = String::new();
        loop {
            match chars.next() {
                Some('\\') => {
                    let next = chars.next();
                    raw.push('\\');
                    raw.extend(next);
                    match next {
                        Some('n') => cell.push('\n'),
                        Some('r') => cell.push('\r'),
                        Some('t') => cell.push('\t'),
                        Some('b') => cell.push('\x08'),
                        Some('f') => cell.push('\x0c'),
                        Some('v') => cell.push('\x0b'),
                        other => cell.extend(other),
                    }
                }
                Some(c) if c == between => {
                    let taken = std::mem::take(&mut cell);
                    cells.push((raw != null).then_some(taken));
                    raw.clear();
                }
                Some(c) => {
                    raw.push(c);
                    cell.push(c);
                }
                None => {
                    cells.push((raw != null).then_some(cell));
                    break;
                }
            }
        }
        (n + 1, cells)
    });
    cells.collect()
}

fn split_csv(text: &str, options: &CopyOptions) -> Vec<(usize, Cells)> {
    let between = options.delimiter.unwrap_or(',');
    let quote = options.quote.unwrap_or('"');
    let null = options.null.as_deref().unwrap_or("");
    let (mut all, mut cells, mut cell) = (Vec::new(), Cells::new(), String::new());
    let (mut open, mut was_quoted, mut line) = (false, false, 1);
    let mut chars = text.chars().peekable();
    let finish = |cells: &mut Cells, cell: &mut String, was_quoted: &mut bool| {
        let taken = std::mem::take(cell);
        cells.push((*was_quoted || taken != null).then_some(taken));
        *was_quoted = false;
    };
    while let Some(c) = chars.next() {
        match c {
            c if c == quote && open && chars.peek() == Some(&quote) => {
                chars.next();
                cell.push(quote);
            }
            c if c == quote => {
                open = !open;
                was_quoted = true;
            }
            c if c == between && !open => finish(&mut cells, &mut cell, &mut was_quoted),
            '\r' if !open && chars.peek() == Some(&'\n') => {}
            '\n' if !open => {
                finish(&mut cells, &mut cell, &mut was_quoted);
                all.push((line, std::mem::take(&mut cells)));
                line += 1;
            }
            c => cell.push(c),
        }
    }
    if !cell.is_empty() || !cells.is_empty() || was_quoted {
        finish(&mut cells, &mut cell, &mut was_quoted);
        all.push((line, cells));
    }
    if options.header && !all.is_empty() {
        all.remove(0);
    }
    all
}
