//! `decnet-state.json`: the fleet as a file, for when the store is out of reach (deploy.md §9.1).
//!
//! The store is the truth and this its shadow: it is written after the store, and holds no secret.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use model::Name;
use model::fleet::{DeckySpec, DeckyState};
use model::machine::Keys;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::error::Error;

const SCHEMA: u32 = 1;
const BACKUP: &str = ".bak";
/// Deckies gone longer than the last so many are forgotten.
const MAX_TOMBSTONES: usize = 500;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mirror {
    pub schema_version: u32,
    /// Rises with each write.
    pub generation: u64,
    #[serde(with = "time::serde::rfc3339")]
    pub written_at: OffsetDateTime,
    /// Host uuid, or `local`.
    pub host_uuid: String,
    /// The network's name, when there is one.
    pub network: Option<String>,
    pub config: Vec<Entry>,
    pub tombstones: Vec<Tombstone>,
}

/// A decky without its passwords and keys, which are in the store alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub spec: DeckySpec,
    pub state: DeckyState,
}

/// A decky that was there: its absence is meant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tombstone {
    pub name: Name,
    #[serde(with = "time::serde::rfc3339")]
    pub deleted_at: OffsetDateTime,
}

// === impl Mirror ===

impl Mirror {
    /// The file at `path`, if there is one. A damaged one is an error and never an empty fleet.
    pub fn read(path: &Path) -> Result<Option<Self>, Error> {
        let text = match std::fs::read(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(Error::io(format!("reading {}", path.display())))?,
        };
        let bad = |reason: String| Error::BadMirror {
            path: path.to_owned(),
            reason,
        };
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(|e| bad(e.to_string()))?;
        let schema = value
            .get("schema_version")
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0);
        if schema != u64::from(SCHEMA) {
            return Err(bad(format!("it is of schema {schema}, known is {SCHEMA}")));
        }
        serde_json::from_value(value).map(Some).map_err(|e| bad(e.to_string()))
    }

    /// The state after this one: other deckies, and a tombstone for each that went.
    pub(crate) fn next(
        before: Option<Self>,
        host: &str,
        network: Option<String>,
        deckies: impl Iterator<Item = (DeckySpec, DeckyState)>,
        at: OffsetDateTime,
    ) -> Self {
        let config: Vec<Entry> = deckies
            .map(|(spec, state)| Entry {
                spec: without_secrets(spec),
                state,
            })
            .collect();
        let is_there = |name: &Name| config.iter().any(|entry| entry.spec.name == *name);
        let (generation, mut tombstones, gone) = match before {
            None => (0, Vec::new(), Vec::new()),
            Some(before) => {
                let gone: Vec<Name> = before
                    .config
                    .into_iter()
                    .map(|e| e.spec.name)
                    .filter(|n| !is_there(n))
                    .collect();
                (before.generation, before.tombstones, gone)
            }
        };
        tombstones.retain(|stone| !is_there(&stone.name));
        tombstones.extend(gone.into_iter().map(|name| Tombstone { name, deleted_at: at }));
        tombstones.drain(..tombstones.len().saturating_sub(MAX_TOMBSTONES));
        Self {
            schema_version: SCHEMA,
            generation: generation + 1,
            written_at: at,
            host_uuid: host.to_owned(),
            network,
            config,
            tombstones,
        }
    }

    /// Removes the file and the one kept beside it; that there is none is no error.
    pub(crate) fn remove(path: &Path) -> Result<(), Error> {
        for path in [path.to_owned(), with_suffix(path, BACKUP)] {
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::Io {
                        doing: format!("removing {}", path.display()),
                        source: e,
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Puts this in the place of the file at `path`, which becomes `.bak`: whole or not at all, whatever dies.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let bytes = serde_json::to_vec_pretty(self).map_err(|e| Error::Answer {
            doing: format!("writing {}", path.display()),
            reason: e.to_string(),
        })?;
        replace(path, &bytes).map_err(Error::io(format!("writing {}", path.display())))
    }
}

fn without_secrets(mut spec: DeckySpec) -> DeckySpec {
    spec.machine.keys = Keys::default();
    spec.machine.seed = String::new();
    spec.machine.users.iter_mut().for_each(|user| user.password.clear());
    for service in &mut spec.machine.services {
        service.config.clear();
    }
    spec
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let temporary = with_suffix(path, ".new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    if path.exists() {
        let backup = with_suffix(path, BACKUP);
        let _ = std::fs::remove_file(&backup);
        std::fs::hard_link(path, backup)?;
    }
    std::fs::rename(&temporary, path)?;
    File::open(directory)?.sync_all()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::spec;
    use std::os::unix::fs::PermissionsExt as _;

    const AT: OffsetDateTime = time::macros::datetime!(2026-01-02 03:04:05 UTC);

    fn mirror(before: Option<Mirror>, names: &[&str]) -> Mirror {
        let deckies = names.iter().map(|name| (spec(name, 5), DeckyState::Running));
        Mirror::next(before, "local", Some("lan".to_owned()), deckies, AT)
    }

    #[test]
    fn what_is_written_is_read_and_the_one_before_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        assert_eq!(Mirror::read(&path).unwrap(), None);
        let first = mirror(None, &["a", "b"]);
        first.write(&path).unwrap();
        let second = mirror(Some(first.clone()), &["a"]);
        second.write(&path).unwrap();
        assert_eq!(Mirror::read(&path).unwrap(), Some(second.clone()));
        assert_eq!(
            Mirror::read(&directory.path().join("state.json.bak")).unwrap(),
            Some(first)
        );
        assert_eq!((second.generation, second.tombstones.len()), (2, 1));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_decky_that_comes_back_loses_its_tombstone() {
        let gone = mirror(Some(mirror(None, &["a"])), &[]);
        assert_eq!(gone.tombstones[0].name.as_str(), "a");
        assert!(mirror(Some(gone), &["a"]).tombstones.is_empty());
    }

    #[test]
    fn a_damaged_or_newer_file_is_an_error_and_no_empty_fleet() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        for (text, says) in [
            ("{", "EOF"),
            (r#"{"schema_version":9}"#, "schema 9"),
            ("[]", "schema 0"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Mirror::read(&path).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn no_secret_is_in_the_file() {
        let mut secretive = spec("a", 5);
        secretive.machine.users[0].password = "hunter2".to_owned();
        secretive.machine.keys.ssh_rsa = "PRIVATE".to_owned();
        secretive.machine.seed = "5eed".repeat(16);
        secretive.machine.services[0]
            .config
            .insert("password".to_owned(), "letmein".into());
        let mirror = Mirror::next(None, "local", None, [(secretive, DeckyState::Running)].into_iter(), AT);
        let text = serde_json::to_string(&mirror).unwrap();
        assert!(
            !["hunter2", "PRIVATE", "5eed", "letmein"]
                .iter()
                .any(|secret| text.contains(secret)),
            "{text}"
        );
    }
}
