//! What all database servers of a machine share: its files, one company's data, a copy for each address, and how
//! statements are told.

pub(super) mod bait;
pub(super) mod company;
#[cfg(feature = "fuzzing")]
pub(super) mod fuzzing;
pub(super) mod ransom;
pub(super) mod sources;

use std::cell::Cell;
use std::io::Read as _;
use std::time::{SystemTime, UNIX_EPOCH};

use model::event::Fields;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sql::{Act, FileError, Host};

use crate::conn::Log;
use crate::machine::Machine;

/// Bytes of a statement that are told; a longer one is kept as a file.
const TOLD: usize = 2048;
const MOST_FILE: u64 = 1 << 20;
/// Bytes of clients' doings that are kept.
const KEPT: usize = 64 << 20;

/// The machine as the server sees it.
pub(in crate::services) struct Here<'a> {
    pub(in crate::services) machine: &'a Machine,
}

// === impl Here ===

impl Here<'_> {
    fn error(error: &std::io::Error) -> FileError {
        match error.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => FileError::Denied,
            std::io::ErrorKind::IsADirectory => FileError::IsFolder,
            std::io::ErrorKind::NotADirectory => FileError::NotFolder,
            _ => FileError::Missing,
        }
    }
}

impl Host for Here<'_> {
    fn now(&self) -> i64 {
        now()
    }

    fn random(&self) -> u64 {
        random().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let path = self.machine.path(path);
        let found = std::fs::metadata(&path).map_err(|error| Self::error(&error))?;
        if found.is_dir() {
            return Err(FileError::IsFolder);
        }
        // Devices and pipes might never end.
        if !found.is_file() {
            return Err(FileError::Denied);
        }
        let file = std::fs::File::open(&path).map_err(|error| Self::error(&error))?;
        let mut bytes = Vec::new();
        file.take(MOST_FILE + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Self::error(&error))?;
        if bytes.len() as u64 > MOST_FILE {
            Err(FileError::TooLarge)
        } else {
            Ok(bytes)
        }
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), FileError> {
        let path = self.machine.path(path);
        if std::fs::metadata(&path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            return Err(FileError::Denied);
        }
        std::fs::write(path, bytes).map_err(|error| Self::error(&error))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, FileError> {
        let entries = std::fs::read_dir(self.machine.path(path)).map_err(|error| Self::error(&error))?;
        let names = entries
            .take(10_000)
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
        Ok(names.collect())
    }
}

/// Tells of what clients do, keeping what is too long for an event.
#[derive(Default)]
pub(super) struct Teller {
    kept: Cell<usize>,
}

// === impl Teller ===

impl Teller {
    /// Keeps bytes as a file, while there is room: their SHA-256.
    pub(super) fn keep(
        &self,
        log: &Log,
        bytes: &[u8],
        name: &str,
        way: &'static str,
        user: Option<&str>,
    ) -> Option<String> {
        self.kept.set(self.kept.get() + bytes.len());
        (self.kept.get() <= KEPT).then(|| log.capture(bytes, name, way, user))
    }

    /// A statement: what came of it is `more`.
    pub(super) fn query(&self, log: &Log, user: Option<&str>, sql: &str, more: Value) {
        let sha256 = (sql.len() > TOLD)
            .then(|| self.keep(log, sql.as_bytes(), "statement.sql", "query", user))
            .flatten();
        let mut all = fields(json!({"sql": short(sql, TOLD), "user": user, "sha256": sha256}));
        all.extend(fields(more));
        log.report_as("db_query", all);
    }

    /// What a statement did beside its answer.
    pub(super) fn act(&self, log: &Log, user: Option<&str>, act: Act) {
        match act {
            Act::Exec { way, code } => {
                let sha256 = (code.len() > TOLD)
                    .then(|| self.keep(log, code.as_bytes(), &format!("{way}.txt"), "exec", user))
                    .flatten();
                log.report_as(
                    "exec_attempt",
                    fields(json!({"way": way, "payload": short(&code, TOLD), "user": user, "sha256": sha256})),
                );
            }
            Act::FileRead { path, found } => {
                log.report_as(
                    "file_read",
                    fields(json!({"path": short(&path, 4096), "found": found, "user": user})),
                );
            }
            Act::FileWrite { path, bytes, error } => self.file(log, user, &path, &bytes, error),
            Act::Sleep(_) | Act::Notice(_) => {}
        }
    }

    /// A file that was written, or would have been.
    pub(super) fn file(&self, log: &Log, user: Option<&str>, path: &str, bytes: &[u8], error: Option<String>) {
        let path = short(path, 4096);
        let sha256 = self.keep(log, bytes, &path, "write", user);
        log.report_as(
            "file_write",
            fields(json!({"path": path, "size": bytes.len(), "sha256": sha256, "error": error})),
        );
    }
}

pub(super) fn fields(value: Value) -> Fields {
    match value {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Fields::new(),
    }
}

pub(super) fn short(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}

/// The six fixed bits of the number it is made of are not seen in it.
pub(super) fn random() -> [u8; 32] {
    Sha256::digest(uuid::Uuid::new_v4().as_bytes()).into()
}

/// Milliseconds since the Unix epoch.
pub(super) fn millis() -> i64 {
    now() / 1000
}

/// Microseconds since the Unix epoch.
pub(super) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as i64)
}
