//! Files of the machine and large objects: what those look for who broke in.

use super::{Function, function, int_of, oid_of, str_of};
use crate::cx::{Act, Cx, FileError};
use crate::error::Error;
use crate::types::Type;
use crate::value::Value;

const T: Type = Type::TEXT;
const I: Type = Type::INT4;
const L: Type = Type::INT8;
const O: Type = Type::OID;
const B: Type = Type::BYTEA;

/// Bytes of large objects one database holds at most.
const MOST: usize = 4 << 20;

pub(super) const TABLE: &[Function] = &[
    function("pg_read_file", &[T], T, |cx, a| text(cx, str_of(a, 0), 0, -1)),
    function("pg_read_file", &[T, L, L], T, |cx, a| {
        text(cx, str_of(a, 0), int_of(a, 1), int_of(a, 2))
    }),
    function("pg_read_file", &[T, L, L, Type::BOOL], T, |cx, a| {
        lenient(text(cx, str_of(a, 0), int_of(a, 1), int_of(a, 2)), a[3].is_true())
    }),
    function("pg_read_binary_file", &[T], B, |cx, a| {
        Ok(Value::Bytes(read(cx, str_of(a, 0))?.into()))
    }),
    function("pg_ls_dir", &[T], T, |cx, a| list(cx, str_of(a, 0))).set(),
    function("pg_ls_logdir", &[], Type::RECORD, |cx, _| {
        allowed(cx, "pg_ls_logdir").map(|()| Value::Array([].into()))
    })
    .set(),
    function("pg_ls_waldir", &[], Type::RECORD, |cx, _| {
        allowed(cx, "pg_ls_waldir").map(|()| Value::Array([].into()))
    })
    .set(),
    function("lo_import", &[T], O, |cx, a| import(cx, str_of(a, 0), 0)),
    function("lo_import", &[T, O], O, |cx, a| import(cx, str_of(a, 0), oid_of(a, 1))),
    function("lo_export", &[O, T], I, |cx, a| export(cx, oid_of(a, 0), str_of(a, 1))),
    function("lo_create", &[I], O, |cx, a| keep(cx, oid_of(a, 0), Vec::new())),
    function("lo_create", &[O], O, |cx, a| keep(cx, oid_of(a, 0), Vec::new())),
    function("lo_creat", &[I], O, |cx, _| keep(cx, 0, Vec::new())),
    function("lo_from_bytea", &[O, B], O, |cx, a| match &a[1] {
        Value::Bytes(bytes) => keep(cx, oid_of(a, 0), bytes.to_vec()),
        _ => Ok(Value::Null),
    }),
    function("lo_get", &[O], B, |cx, a| {
        Ok(Value::Bytes(object(cx, oid_of(a, 0))?.into()))
    }),
    function("lo_put", &[O, L, B], Type::VOID, |cx, a| {
        let mut bytes = object(cx, oid_of(a, 0))?;
        let at = usize::try_from(int_of(a, 1)).unwrap_or(0).min(MOST);
        if let Value::Bytes(more) = &a[2] {
            cx.hold(at + more.len())?;
            bytes.resize(bytes.len().max(at + more.len()), 0);
            bytes[at..at + more.len()].copy_from_slice(more);
        }
        keep(cx, oid_of(a, 0), bytes)?;
        Ok("".into())
    }),
    function("lo_unlink", &[O], I, |cx, a| {
        object(cx, oid_of(a, 0))?;
        let mut cluster = cx.cluster.borrow_mut();
        if let Some(database) = cluster.by_oid_mut(cx.state.database) {
            database.large_objects.remove(&oid_of(a, 0));
        }
        Ok(Value::Int(1))
    }),
];

fn allowed(cx: &Cx<'_>, function: &str) -> Result<(), Error> {
    if cx.is_superuser() {
        return Ok(());
    }
    Err(Error::new(
        "42501",
        format!("permission denied for function {function}"),
    ))
}

/// Where a path lies that may be relative to the data directory.
pub(crate) fn absolute(cx: &Cx<'_>, path: &str) -> String {
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{}/{path}", cx.state.persona.data_directory)
    }
}

/// How the product words that a file cannot be had.
pub(crate) fn refused(error: FileError, what: &str, path: &str) -> Error {
    let (code, why) = match error {
        FileError::Missing => ("58P01", "No such file or directory"),
        FileError::Denied => ("42501", "Permission denied"),
        FileError::IsFolder => ("42809", "Is a directory"),
        FileError::NotFolder => ("42809", "Not a directory"),
        FileError::TooLarge => {
            return Error::new("54000", "file length too large").raised("genfile.c", 193, "read_binary_file");
        }
    };
    Error::new(code, format!("{}: {why}", what.replace("{}", path))).raised("genfile.c", 115, "read_binary_file")
}

fn read(cx: &Cx<'_>, path: &str) -> Result<Vec<u8>, Error> {
    allowed(cx, "pg_read_file")?;
    let found = cx.host.read(&absolute(cx, path));
    cx.act(Act::FileRead {
        path: absolute(cx, path),
        found: found.is_ok(),
    });
    let bytes = found.map_err(|error| refused(error, "could not open file \"{}\" for reading", path))?;
    cx.hold(bytes.len())?;
    Ok(bytes)
}

fn text(cx: &Cx<'_>, path: &str, from: i64, count: i64) -> Result<Value, Error> {
    let bytes = read(cx, path)?;
    let from = usize::try_from(from).unwrap_or(0).min(bytes.len());
    let to = usize::try_from(count).map_or(bytes.len(), |count| from.saturating_add(count).min(bytes.len()));
    match std::str::from_utf8(&bytes[from..to]) {
        Ok(text) => Ok(text.into()),
        Err(error) => {
            let bad = bytes[from + error.valid_up_to()];
            let message = format!("invalid byte sequence for encoding \"UTF8\": 0x{bad:02x}");
            Err(Error::new("22021", message).raised("mbutils.c", 1798, "report_invalid_encoding_int"))
        }
    }
}

fn lenient(outcome: Result<Value, Error>, missing: bool) -> Result<Value, Error> {
    match outcome {
        Err(error) if missing && error.code == "58P01" => Ok(Value::Null),
        outcome => outcome,
    }
}

fn list(cx: &Cx<'_>, path: &str) -> Result<Value, Error> {
    allowed(cx, "pg_ls_dir")?;
    let found = cx.host.list(&absolute(cx, path));
    cx.act(Act::FileRead {
        path: absolute(cx, path),
        found: found.is_ok(),
    });
    let names = found.map_err(|error| refused(error, "could not open directory \"{}\"", path))?;
    Ok(Value::Array(names.into_iter().map(Value::from).collect()))
}

fn import(cx: &Cx<'_>, path: &str, oid: u32) -> Result<Value, Error> {
    cx.exec("lo_import", path);
    allowed(cx, "lo_import")?;
    let found = cx.host.read(&absolute(cx, path));
    let bytes = found.map_err(|error| refused(error, "could not open server file \"{}\"", path))?;
    keep(cx, oid, bytes)
}

fn export(cx: &Cx<'_>, oid: u32, path: &str) -> Result<Value, Error> {
    cx.exec("lo_export", path);
    allowed(cx, "lo_export")?;
    let bytes = object(cx, oid)?;
    write(cx, path, bytes, "could not create server file \"{}\"")?;
    Ok(Value::Int(1))
}

/// Writes a file of the machine, and tells of it.
pub(crate) fn write(cx: &Cx<'_>, path: &str, bytes: Vec<u8>, what: &str) -> Result<(), Error> {
    let outcome = cx.host.write(&absolute(cx, path), &bytes);
    let error = outcome.err().map(|error| refused(error, what, path));
    cx.act(Act::FileWrite {
        path: absolute(cx, path),
        bytes,
        error: error.as_ref().map(|error| error.message.clone()),
    });
    error.map_or(Ok(()), Err)
}

fn keep(cx: &Cx<'_>, oid: u32, bytes: Vec<u8>) -> Result<Value, Error> {
    let mut cluster = cx.cluster.borrow_mut();
    let oid = if oid == 0 { cluster.new_oid() } else { oid };
    let room = cluster.writes(bytes.len());
    let database = cluster.by_oid_mut(cx.state.database);
    if let Some(database) = database {
        let held: usize = database.large_objects.values().map(|object| object.len()).sum();
        if !room || held + bytes.len() > MOST {
            return Err(crate::change::full());
        }
        database.large_objects.insert(oid, bytes.into());
    }
    Ok(oid.into())
}

fn object(cx: &Cx<'_>, oid: u32) -> Result<Vec<u8>, Error> {
    let found = cx.with_database(|database| database.large_objects.get(&oid).map(|object| object.to_vec()));
    found.flatten().ok_or_else(|| {
        Error::new("42704", format!("large object {oid} does not exist")).raised("inv_api.c", 282, "inv_open")
    })
}
